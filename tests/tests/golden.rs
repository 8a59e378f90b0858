//! Both runtimes compute burn's results for every released model. `golden.safetensors` contains
//! what burn computed with the released weights.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{classes, context, models, read};
use pollster::block_on;
use std::fs;
use vaelet_cpu::CpuRuntime;
use vaelet_gpu::GpuRuntime;
use vaelet_model::latent::{self, Posterior};
use vaelet_model::{Model, Priors, Tensors, channels_first};

/// Largest allowed difference of pixels, which are in `[0, 1]`.
const PIXELS: f32 = 2e-3;
/// Largest allowed difference of μ and log σ².
const LATENTS: f32 = 5e-3;
/// Largest allowed difference of ELBO terms: absolute in nats, plus relative.
const NATS: [f64; 2] = [1e-2, 1e-4];
/// The seed of the golden samples.
const SEED: u64 = 7;

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

/// One of the two runtimes.
#[expect(clippy::large_enum_variant, reason = "only one exists at a time")]
enum Runtime {
    Cpu(CpuRuntime),
    Gpu(GpuRuntime),
}

impl Runtime {
    fn encode(&mut self, images: &[f32], classes: &[usize]) -> Posterior {
        match self {
            Self::Cpu(runtime) => runtime.encode_given(images, classes),
            Self::Gpu(runtime) => block_on(runtime.encode_given(images, classes).unwrap()).unwrap(),
        }
    }

    fn decode(&mut self, z: &[f32], classes: &[usize], written: &[usize]) -> Vec<f32> {
        match self {
            Self::Cpu(runtime) => runtime.decode_written(z, classes, written),
            Self::Gpu(runtime) => {
                block_on(runtime.decode_written(z, classes, written).unwrap()).unwrap()
            }
        }
    }
}

fn assert_golden(name: &str, mut runtime: Runtime, model: &Model, golden: &Tensors) {
    let classes = classes(golden);
    let golden = |name: &str| golden[name].data.as_slice();
    let posterior = runtime.encode(golden("images"), &classes);
    let mean = largest_difference(&posterior.mean, golden("mean"));
    let log_var = largest_difference(&posterior.log_var, golden("log_var"));

    let z = latent::reparameterize(&posterior.mean, &posterior.log_var, golden("epsilon"), 1.0);
    // What a decoder of texts reads are the images, as burn's did.
    let input = model.spec.input;
    let written = match model.spec.reach() {
        0 => Vec::new(),
        _ => latent::likeliest(golden("images"), input.channels, input.width),
    };
    let images = runtime.decode(&z, &classes, &written);
    let reconstruction = largest_difference(&images, golden("reconstruction"));
    let nats = assert_elbo_terms(name, model, &posterior, &z, &images, &golden);

    let count = golden("epsilon").len() / model.spec.latent_size();
    let z = Priors::of(model).sample(SEED, count, 1.0);
    let images = runtime.decode(&z, &classes, &written);
    let sample = largest_difference(&images, golden("sample"));

    println!(
        "{name}: mean {mean:.1e}, log σ² {log_var:.1e}, reconstruction {reconstruction:.1e}, sample {sample:.1e}, nats {nats:.1e}"
    );
    assert!(mean.max(log_var) <= LATENTS, "{name}: latents differ");
    assert!(
        reconstruction.max(sample) <= PIXELS,
        "{name}: pixels differ"
    );
}

/// Asserts that the page and the trainer compute the same ELBO terms of each image: −log p(x | z),
/// the KL to the model's own prior, log p(z), and the KL of each latent to N(0, 1). Returns the
/// largest difference.
fn assert_elbo_terms<'a>(
    name: &str,
    model: &Model,
    posterior: &Posterior,
    z: &[f32],
    images: &[f32],
    golden: &impl Fn(&str) -> &'a [f32],
) -> f64 {
    let priors = Priors::of(model);
    let (latent, len) = (model.spec.latent_size(), model.spec.input.len());
    let Posterior { mean, log_var } = posterior;
    let mut largest = 0.0;
    let mut near = |what: &str, found: f64, expected: f32| {
        let difference = (found - f64::from(expected)).abs();
        largest = f64::max(largest, difference);
        assert!(
            difference <= NATS[0] + NATS[1] * f64::from(expected.abs()),
            "{name}: {what} is {found} instead of {expected}"
        );
    };
    for i in 0..z.len() / latent {
        let item = |values: &'_ [f32]| values[i * latent..][..latent].to_vec();
        let [mean, log_var, z, epsilon] = [mean, log_var, z, golden("epsilon")].map(item);
        let pair = [golden("images"), images].map(|all| &all[i * len..][..len]);
        let nats = latent::reconstruction(model.spec.likelihood, pair[0], pair[1]);
        near(
            "the reconstruction",
            nats.into(),
            golden("reconstruction_nats")[i],
        );
        let kl = priors.kl(&mean, &log_var, &epsilon);
        near("the KL to the own prior", kl, golden("kl")[i]);
        near("log p(z)", priors.log_density(&z), golden("log_prior")[i]);
        let each = latent::kl_to_standard_normal(&mean, &log_var);
        for (found, expected) in each.into_iter().zip(item(golden("kl_to_standard_normal"))) {
            near("the KL to N(0, 1)", found.into(), expected);
        }
    }
    largest
}

#[test]
fn the_cpu_computes_burns_results() {
    for folder in models() {
        let (model, golden) = read(&folder);
        let name = format!("{} on the CPU", model.spec.name);
        let runtime = Runtime::Cpu(CpuRuntime::new(&model));
        assert_golden(&name, runtime, &model, &golden);
    }
}

/// A trace of the decoder ends with the decoded image.
#[test]
fn a_trace_ends_with_the_image() {
    for folder in models() {
        let (model, _) = read(&folder);
        let mut runtime = CpuRuntime::new(&model);
        let z = vec![0.5; model.spec.latent_size()];
        let mut trace = runtime.trace_decoder(&z, &[], &[]);
        let mut layers = 0;
        let last = loop {
            let [height, width, channels] = [0, 1, 2].map(|i| trace[i] as usize);
            let rest = trace.split_off(3 + height * width * channels);
            layers += 1;
            if rest.is_empty() {
                break trace.split_off(3);
            }
            trace = rest;
        };
        let [_, decoder] = model.spec.chains().unwrap();
        assert_eq!(layers, decoder.steps.len());
        let input = model.spec.input;
        assert_eq!(
            channels_first(&last, input.channels, input.len()),
            runtime.decode(&z)
        );
    }
}

#[test]
fn the_gpu_computes_burns_results() {
    let Some(context) = context() else { return };
    for folder in models() {
        let (model, golden) = read(&folder);
        let name = format!("{} on {}", model.spec.name, context.name());
        let runtime = Runtime::Gpu(GpuRuntime::new(context.clone(), &model).unwrap());
        assert_golden(&name, runtime, &model, &golden);
    }
}

#[test]
fn released_models_are_small_and_complete() {
    let mut total = 0;
    for folder in models() {
        let files = fs::read_dir(&folder).unwrap();
        total += files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum::<u64>();
        for name in [
            "model.json",
            "weights.safetensors",
            "golden.safetensors",
            "atlas.json",
            "figures.json",
            "README.md",
        ] {
            assert!(
                folder.join(name).is_file(),
                "{} has no {name}",
                folder.display()
            );
        }
        let (model, _) = read(&folder);
        let is_of_texts = model.spec.likelihood.is_categorical();
        assert!(
            !is_of_texts || folder.join("samples.txt").is_file(),
            "{} has no samples.txt",
            folder.display()
        );
        let pictures = [
            "atlas",
            "samples",
            "reconstructions",
            "morphs",
            "neighbours",
        ];
        for picture in pictures.iter().filter(|_| !is_of_texts) {
            let is_there = |extension| folder.join(picture).with_extension(extension).is_file();
            assert!(
                is_there("png") || is_there("jpg"),
                "{} has no image {picture}",
                folder.display()
            );
        }
        let weights = folder.join("weights.safetensors").metadata().unwrap().len();
        assert!(
            weights < 8_000_000,
            "{}: {weights} bytes of weights",
            folder.display()
        );
        assert_eq!(
            folder.file_name().unwrap().to_str(),
            Some(model.spec.name.as_str())
        );
    }
    assert!(total < 40_000_000, "{total} bytes in models/");
}
