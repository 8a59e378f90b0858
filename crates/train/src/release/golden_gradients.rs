//! What burn's automatic differentiation gives for a released model: both runtimes prove their
//! gradients by it.
//!
//! The loss is ⟨s₁, posterior⟩ + ⟨s₂, z⟩ + ⟨s₃, mean⟩ for standard normal s, z = μ + σ ε, and the images
//! and noise of the golden file. Of each gradient the file keeps two numbers: its length, and its
//! product with a random direction.

use crate::network::{Labelled, Network, to_vec};
use crate::release::loaded::LoadedModel;
use anyhow::{Context as _, Result};
use burn::tensor::{Tensor, TensorData};
use vaelet_model::{Tensors, channels_first, channels_last, latent, random};

/// Of s₁; s₂ and s₃ have the next ones.
const SEED: u64 = 11;
/// Of the first direction, in the order of names.
const DIRECTIONS: u64 = 100;

/// Length and product for the gradient with respect to `images` and to every tensor, from the
/// golden file's tensors.
///
/// # Errors
/// A device that fails.
pub fn golden_gradients(release: &LoadedModel, golden: &Tensors) -> Result<Tensors> {
    let spec = &release.model.spec;
    let (input, size) = (spec.input, spec.latent_size());
    let device = release.device.clone().autodiff();
    let network = Network::of(&release.model, &device)?;
    let tensor = |values: Vec<f32>, len: usize| {
        let shape = [values.len() / len, len];
        Tensor::<2>::from_data(TensorData::new(values, shape), &device)
    };
    let last = |images: &[f32]| channels_last(images, input.channels, input.len());
    let images = tensor(last(&golden["images"].data), input.len()).require_grad();
    let epsilon = tensor(golden["epsilon"].data.clone(), size);
    let count = images.dims()[0];
    let condition = golden.get("classes").map(|classes| {
        let classes: Vec<usize> = classes.data.iter().map(|&class| class as usize).collect();
        tensor(
            latent::one_hot(&classes, count, spec.classes()),
            spec.classes(),
        )
    });
    let given = |values| Labelled {
        values,
        condition: condition.clone(),
        // What is read of the images is another input, and no way to their gradient.
        written: Some(images.clone().detach()),
    };

    let (mean, log_var) = network.encode(&release.graphs, given(images.clone()));
    let z = mean.clone() + (log_var.clone() * 0.5).exp() * epsilon;
    let decoded = network.decode(&release.graphs, given(z.clone()));
    let seeds = |i: u64, len: usize| random::normals(SEED + i, count * len);
    let of_posterior = tensor(seeds(0, 2 * size), 2 * size);
    let of_images = tensor(last(&seeds(2, input.len())), input.len());
    let loss = (Tensor::cat(vec![mean, log_var], 1) * of_posterior).sum()
        + (z * tensor(seeds(1, size), size)).sum()
        + (decoded * of_images).sum();
    let gradients = loss.backward();

    let mut all = network.gradients(&release.graphs, &gradients)?;
    let of_images = images.grad(&gradients).context("images have a gradient")?;
    let data = channels_first(&to_vec(of_images)?, input.channels, input.len());
    let shape = golden["images"].shape.clone();
    all.insert("images".into(), vaelet_model::Tensor { shape, data });
    let kept = all
        .into_iter()
        .zip(DIRECTIONS..)
        .map(|((name, gradient), seed)| {
            let direction = random::normals(seed, gradient.data.len());
            let dot = |other: &[f32]| -> f64 {
                let pairs = gradient.data.iter().zip(other);
                pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let data = vec![dot(&gradient.data).sqrt() as f32, dot(&direction) as f32];
            (
                name,
                vaelet_model::Tensor {
                    shape: vec![2],
                    data,
                },
            )
        });
    Ok(kept.collect())
}
