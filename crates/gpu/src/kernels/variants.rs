//! The names of all kernels and of those that a model runs. `vaelet-check` and the page's check
//! have to cover all of them.

use super::layer::{Kernel, Variant};
use super::shaders::{LayerKind, LayerShader, Product};
use super::tiling::Tuning;
use crate::device::capabilities::MOST_SLICES;
use crate::plan::{Launch, Plan};
use std::collections::BTreeSet;
use vaelet_model::{Architecture, Schedule};

/// Names of the kernels that a model runs for a batch of `batch` items on a device that
/// `parallelism` threads keep busy, with weights in f16 (`half_precision`) or f32.
pub fn variants(
    architecture: &Architecture,
    parallelism: usize,
    half_precision: bool,
    batch: usize,
) -> BTreeSet<String> {
    let tuning = Tuning {
        parallelism,
        most_slices: MOST_SLICES,
        half_precision,
    };
    let schedule = Schedule::new(&architecture.program, &[]);
    let (plan, _) = Plan::new(tuning, schedule, &[]);
    let layers = plan.launches.iter().filter_map(|launch| match launch {
        Launch::Layer(kernel) => Some(kernel),
        Launch::Sample(_) | Launch::SampleGradient(_) => None,
    });
    layers.flat_map(|kernel| names(kernel, batch)).collect()
}

fn names(kernel: &Kernel, batch: usize) -> [String; 3] {
    let Variant {
        tiling,
        shader,
        constants,
        ..
    } = &kernel.variants[kernel.variant(batch)];
    let constant = |name: &str| constants.iter().find(|(known, _)| *known == name);
    let value = |name| constant(name).map_or(0, |(_, value)| *value as usize);
    let LayerShader { layer, product, .. } = *shader;
    let (rows, columns, slices) = tiling.shape();
    [
        tile(*shader, rows, columns, slices > 1),
        finish(layer, product, value("ACTIVATION")),
        added(layer, product, value("RESIDUAL")),
    ]
}

const ACTIVATIONS: [&str; 8] = [
    "no activation",
    "relu",
    "silu",
    "sigmoid",
    "gelu",
    "gelu by tanh",
    "elu",
    "softplus",
];
/// Whatever it stands behind: near 0 it makes large differences of small ones, so that it is checked on few values.
const LOG_SQUARE: &str = "log of the square";
const ADDED: [&str; 2] = ["nothing added", "a residual added"];

fn tile(shader: LayerShader, rows: usize, columns: usize, shared: bool) -> String {
    let elements = |scalar| if scalar { "values" } else { "vectors" };
    format!(
        "{} {rows} × {columns}{}, {} to {}, {}",
        name(shader.layer, shader.product),
        if shared { ", shared sums" } else { "" },
        elements(shader.scalar_input),
        elements(shader.scalar_output),
        if shader.half_precision { "f16" } else { "f32" },
    )
}

fn finish(layer: LayerKind, product: Product, activation: usize) -> String {
    match ACTIVATIONS.get(activation) {
        Some(activation) => format!("{}, {activation}", name(layer, product)),
        None => LOG_SQUARE.into(),
    }
}

fn added(layer: LayerKind, product: Product, residual: usize) -> String {
    format!("{}, {}", name(layer, product), ADDED[residual.min(1)])
}

fn name(layer: LayerKind, product: Product) -> String {
    let layer = match layer {
        LayerKind::Linear => "linear",
        LayerKind::Conv2d => "conv2d",
        LayerKind::ConvTranspose2d => "conv_transpose2d",
        LayerKind::Identity => "identity",
    };
    let product = match product {
        Product::Block => "block",
        Product::Few => "few",
        Product::Vector => "vector",
        Product::Identity => "each",
        Product::WeightGradient => "weight gradient",
        Product::BiasGradient => "bias gradient",
    };
    format!("{layer} {product}")
}

/// Names of all kernels that a model can run on a device with or without f16.
pub fn all_variants(half_precision: bool) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let shaders = LayerShader::all().into_iter();
    for shader in shaders.filter(|shader| half_precision || !shader.half_precision) {
        let LayerShader { layer, product, .. } = shader;
        let tiles: &[_] = match product {
            Product::Few => &[(8, 4, false)],
            Product::Vector => &[(1, 4, false), (1, 4, true)],
            // Only gradients use these.
            Product::Identity | Product::WeightGradient | Product::BiasGradient => &[],
            Product::Block => &[(4, 4, false), (4, 4, true), (8, 4, false), (8, 8, false)],
        };
        for &(rows, columns, shared) in tiles {
            // Only long sums are shared. A convolution with the host's layout on both sides reads
            // an image, which has at most three channels, or it reads latents and writes an image,
            // which `few.wgsl` computes.
            let convolution = layer != LayerKind::Linear;
            let scalar = shader.scalar_input && shader.scalar_output;
            if !(shared && convolution && scalar) {
                all.insert(tile(shader, rows, columns, shared));
            }
        }
        for activation in 0..=ACTIVATIONS.len() {
            all.insert(finish(layer, product, activation));
        }
        for residual in 0..ADDED.len() {
            // A step with a residual runs in blocks.
            if !(residual == 1 && product == Product::Few) {
                all.insert(added(layer, product, residual));
            }
        }
    }
    all
}
