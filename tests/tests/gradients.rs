//! Both runtimes compute the same gradients of every released model as burn's automatic
//! differentiation. `golden-gradients.safetensors` contains the length of each gradient and its dot
//! product with a random direction.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{classes, context, models, read, tensors};
use pollster::block_on;
use std::path::Path;
use vaelet_cpu::CpuVjp;
use vaelet_gpu::GpuVjp;
use vaelet_model::{EntryPoint, Model, Tensor, Tensors, Wrt, channels_first, latent, random};

/// The seeds are those of the trainer in `golden_gradients.rs`.
const SEED: u64 = 11;
const DIRECTIONS: u64 = 100;
/// Largest allowed difference, relative to the gradient's length.
const TOLERANCE: f64 = 2e-3;

/// The inputs, and the gradients of the outputs: posterior, z and images.
fn arguments(model: &Model, golden: &Tensors) -> (Vec<Vec<f32>>, [Vec<f32>; 3]) {
    let (input, reach) = (model.spec.input, model.spec.reach());
    let (len, size) = (input.len(), model.spec.latent_size());
    let [images, epsilon] = ["images", "epsilon"].map(|name| golden[name].data.clone());
    let count = epsilon.len() / size;
    // A model without a condition ignores the last input.
    let condition = latent::one_hot(&classes(golden), count, model.spec.classes());
    let mut inputs = vec![images, epsilon];
    if reach > 0 {
        let (symbols, columns) = (input.channels, input.width);
        let written = latent::likeliest(&inputs[0], symbols, columns);
        let context = latent::context(&written, count, columns, [reach, symbols]);
        let channels = reach * symbols;
        inputs.push(channels_first(&context, channels, columns * channels));
    }
    inputs.push(condition);
    let seeds = [(0, 2 * size), (1, size), (2, len)];
    (
        inputs,
        seeds.map(|(i, len)| random::normals(SEED + i, count * len)),
    )
}

fn slices(values: &[Vec<f32>]) -> Vec<&[f32]> {
    values.iter().map(Vec::as_slice).collect()
}

fn assert_golden(what: &str, folder: &Path, images: Vec<f32>, mut all: Tensors) {
    let expected = tensors(folder, "golden-gradients.safetensors");
    let shape = vec![images.len()];
    all.insert(
        "images".into(),
        Tensor {
            shape,
            data: images,
        },
    );
    assert_eq!(
        all.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    let mut largest = 0.0;
    for ((name, gradient), seed) in all.iter().zip(DIRECTIONS..) {
        let direction = random::normals(seed, gradient.data.len());
        let dot = |other: &[f32]| -> f64 {
            let pairs = gradient.data.iter().zip(other);
            pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let found = [dot(&gradient.data).sqrt(), dot(&direction)];
        let length = f64::from(expected[name].data[0]).max(1e-6);
        for (found, expected) in found.into_iter().zip(&expected[name].data) {
            let difference = (found - f64::from(*expected)).abs() / length;
            largest = f64::max(largest, difference);
            assert!(
                difference <= TOLERANCE,
                "{what}, {name}: {found} instead of {expected}"
            );
        }
    }
    println!("{what}: {largest:.1e}");
}

#[test]
fn the_cpu_computes_burns_gradients() {
    for folder in models() {
        let (model, golden) = read(&folder);
        let (inputs, seeds) = arguments(&model, &golden);
        let mut vjp = CpuVjp::new(&model, EntryPoint::Autoencode, Wrt::All).unwrap();
        vjp.forward(&slices(&inputs));
        let images = vjp.backward(&slices(&seeds)).remove(0);
        let what = format!("{} on the CPU", model.spec.name);
        assert_golden(&what, &folder, images, vjp.weight_gradients());
    }
}

#[test]
fn the_gpu_computes_burns_gradients() {
    let Some(context) = context() else { return };
    for folder in models() {
        let (model, golden) = read(&folder);
        let (inputs, seeds) = arguments(&model, &golden);
        let (entry, f16) = (EntryPoint::Autoencode, model.architecture().is_f16());
        let parts = (&model.program, &model.weights);
        let mut vjp = GpuVjp::new(context.clone(), parts, entry, Wrt::All, f16)
            .unwrap()
            .unwrap();
        block_on(vjp.forward(&slices(&inputs)).unwrap()).unwrap();
        let images = block_on(vjp.backward(&slices(&seeds)).unwrap())
            .unwrap()
            .remove(0);
        let what = format!("{} on {}", model.spec.name, context.name());
        let weights = block_on(vjp.weight_gradients()).unwrap();
        assert_golden(&what, &folder, images, weights);
    }
}
