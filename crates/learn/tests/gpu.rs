//! The GPU takes the CPU's steps: losses of twenty of them, and the parameters that they lead to.

use pollster::block_on;
use std::rc::Rc;
use vaelet_gpu::{Context, GpuPace, GpuTrainer};
use vaelet_learn::{Design, Network, Pace, Trainer, with_logits};
use vaelet_model::{ImageShape, Likelihood, Program, random};

const BATCH: usize = 12;

#[test]
fn twenty_steps_are_the_cpus() {
    let context = match block_on(Context::with_limits(|limits| limits)) {
        Ok(context) => Rc::new(context),
        Err(e) if std::env::var_os("VAELET_REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(e) => {
            eprintln!("NOT TESTED: {e}. Install mesa-vulkan-drivers for a software GPU.");
            return;
        }
    };
    let shape = |channels| ImageShape {
        channels,
        height: 8,
        width: 8,
    };
    let gaussian = Likelihood::Gaussian { sigma: 0.3 };
    for (network, likelihood, shape) in [
        (Network::Mlp, gaussian, shape(3)),
        (Network::Convolutional, Likelihood::Bernoulli, shape(1)),
    ] {
        let design = Design {
            network,
            latents: 3,
            shape,
            likelihood,
            one: "bar".into(),
            many: "bars".into(),
        };
        let spec = design.describe().unwrap();
        let mut cpu = Trainer::new(spec.clone(), 4).unwrap();
        let program = with_logits(&Program::of(&spec).unwrap()).unwrap();
        let gpu = GpuTrainer::new(context.clone(), &program, &cpu.parameters());
        let mut gpu = gpu.unwrap().unwrap();
        let pace = Pace {
            rate: 2e-3,
            beta: 0.7,
            free: 0.02,
        };
        for step in 0..20 {
            // `[N, C, H, W]` for the GPU, `[N, H, W, C]` for the CPU.
            let planes = random::uniforms(step, BATCH * shape.len());
            let pixels = vaelet_model::channels_last(&planes, shape.channels, shape.len());
            let epsilon = random::normals(50 + step, BATCH * 3);
            let sigma = match cpu.likelihood() {
                Likelihood::Bernoulli => None,
                Likelihood::Gaussian { sigma } => Some(sigma),
            };
            let expected = cpu.step(&pixels, &epsilon, pace);
            let pace = GpuPace {
                rate: pace.rate,
                beta: pace.beta,
                free: pace.free,
                sigma,
                average: 0.9,
            };
            let found = block_on(gpu.step(&planes, &epsilon, pace).unwrap()).unwrap();
            let kl: f32 = found.kl.iter().sum();
            let scale = expected.reconstruction.abs() + expected.kl;
            for (found, expected) in [
                (found.reconstruction, expected.reconstruction),
                (kl, expected.kl),
            ] {
                let error = (found - expected).abs();
                assert!(
                    error <= 1e-4 * scale,
                    "{network:?} {step}: {found} {expected}"
                );
            }
        }
        let [parameters, average] = block_on(gpu.tensors()).unwrap();
        let expected = cpu.parameters();
        for (name, tensor) in &parameters {
            assert_eq!(tensor.shape, expected[name].shape);
            // Adam divides by a gradient's length: where that is almost nothing, rounding shows.
            let far = tensor
                .data
                .iter()
                .zip(&expected[name].data)
                .filter(|(a, b)| (*a - *b).abs() > 2e-4);
            let far = far.count();
            assert!(
                far * 50 <= tensor.data.len(),
                "{name}: {far} of {}",
                tensor.data.len()
            );
        }
        assert_eq!(average.len(), parameters.len());
    }
}
