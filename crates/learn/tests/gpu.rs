//! The GPU takes the CPU's steps: losses of twenty of them, the state that they lead to, and what it draws.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use pollster::block_on;
use std::rc::Rc;
use vaelet_gpu::{Context, GpuLosses, GpuPace, GpuTrainer};
use vaelet_learn::{Augmentation, Design, Error, Judging, Network, Pictures, Run, Settings};
use vaelet_model::{EntryPoint, ImageShape, Likelihood, random};

const BATCH: usize = 12;

fn context() -> Option<Rc<Context>> {
    match block_on(Context::with_limits(|limits| limits)) {
        Ok(context) => Some(Rc::new(context)),
        Err(e) if std::env::var_os("VAELET_REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(e) => {
            eprintln!("NOT TESTED: {e}. Install mesa-vulkan-drivers for a software GPU.");
            None
        }
    }
}

fn run_of(network: Network, likelihood: Likelihood, channels: usize) -> Run {
    let shape = ImageShape {
        channels,
        height: 8,
        width: 8,
    };
    let design = Design {
        network,
        latents: 3,
        shape,
        likelihood,
        one: "bar".into(),
        many: "bars".into(),
    };
    let pixels = random::uniforms(9, 50 * shape.len());
    let pixels = pixels.iter().map(|v| (255.0 * v) as u8).collect();
    let settings = Settings {
        batch: BATCH,
        rate: 2e-3,
        beta: 0.7,
        warm_up: 5,
        free: 0.02,
        seed: 4,
        augmentation: Augmentation::Picture,
        binarize: likelihood == Likelihood::Bernoulli,
        judging: Judging::None,
    };
    Run::new(design, Pictures::new(pixels, shape).unwrap(), settings).unwrap()
}

/// Takes the next step of a run on the GPU.
fn step(run: &mut Run, gpu: &mut GpuTrainer) -> GpuLosses {
    let errand = run.errand(0);
    let pace = GpuPace {
        rate: errand.rate,
        beta: errand.beta,
        free: errand.free,
        sigma: errand.sigma,
        average: errand.average,
    };
    block_on(gpu.step(&errand.x, &errand.epsilon, pace).unwrap()).unwrap()
}

#[test]
fn twenty_steps_are_the_cpus() {
    let Some(context) = context() else { return };
    let gaussian = Likelihood::Gaussian { sigma: 0.3 };
    for (network, likelihood, channels) in [
        (Network::Mlp, gaussian, 3),
        (Network::Convolutional, Likelihood::Bernoulli, 1),
    ] {
        let [mut cpu, mut told] = [(); 2].map(|()| run_of(network, likelihood, channels));
        let program = told.trainer().model().program;
        let mut gpu = GpuTrainer::new(context.clone(), &program).unwrap().unwrap();
        gpu.set_state(&told.hand_over(), 0).unwrap();
        for i in 0..20 {
            let expected = cpu.step().unwrap();
            let found = step(&mut told, &mut gpu);
            let found = told.note(found.reconstruction, &found.kl).unwrap();
            let scale = expected.reconstruction.abs() + expected.kl;
            for (found, expected) in [
                (found.reconstruction, expected.reconstruction),
                (found.kl, expected.kl),
            ] {
                let error = (found - expected).abs();
                assert!(error <= 1e-4 * scale, "{network:?} {i}: {found} {expected}");
            }
        }
        told.adopt(&block_on(gpu.state()).unwrap()).unwrap();
        assert_eq!(told.trainer().steps(), 20);
        let expected = cpu.trainer().parameters();
        for (name, tensor) in &told.trainer().parameters() {
            // Adam divides by a gradient's length: where that is almost nothing, rounding shows.
            let pairs = tensor.data.iter().zip(&expected[name].data);
            let far = pairs.filter(|(a, b)| (*a - *b).abs() > 2e-4).count();
            assert!(
                far * 50 <= tensor.data.len(),
                "{name}: {far} of {}",
                tensor.data.len()
            );
        }

        // What it shows is what the averaged parameters make.
        gpu.refresh();
        let (x, mut runtime) = (told.examples(5), told.runtime());
        let posterior = block_on(gpu.show(EntryPoint::Encode, &x).unwrap()).unwrap();
        let expected = runtime.encode(&x);
        for (found, expected) in posterior.chunks(6).zip(expected.mean.chunks(3)) {
            assert!(vaelet_gpu::largest_difference(&found[..3], expected) < 1e-4);
        }
        let found = block_on(gpu.show(EntryPoint::Decode, &expected.mean).unwrap()).unwrap();
        let expected = runtime.decode(&expected.mean);
        assert!(vaelet_gpu::largest_difference(&found, &expected) < 1e-4);
    }
}

/// A GPU that is lost, and one that diverges, leave the run where it was handed over or adopted last.
#[test]
fn what_is_lost_elsewhere_is_taken_back() {
    let mut run = run_of(Network::Mlp, Likelihood::Bernoulli, 1);
    run.step().unwrap();
    let first = run.hand_over();
    for _ in 0..3 {
        run.note(5.0, &[1.0; 3]).unwrap();
    }
    assert_eq!(run.trainer().steps(), 4);
    let ahead = run.errand(1);
    run.note(5.0, &[1.0; 3]).unwrap();
    assert_eq!(run.errand(0).x, ahead.x);
    run.give_up();
    assert_eq!(run.trainer().steps(), 1);
    assert_eq!(run.hand_over(), first);

    run.note(5.0, &[1.0; 3]).unwrap();
    let second: Vec<f32> = first.iter().map(|v| v + 1.0).collect();
    run.adopt(&second).unwrap();
    let diverged = run.note(f32::NAN, &[1.0; 3]).unwrap_err();
    assert!(matches!(
        diverged,
        Error::Diverged {
            failed: 3,
            good: 1,
            ..
        }
    ));
    assert!(run.adopt(&vec![f32::NAN; first.len()]).is_err());
}
