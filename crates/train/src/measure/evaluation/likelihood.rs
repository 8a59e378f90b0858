//! log p(x), estimated by importance sampling (Burda et al. 2016).

use crate::data::{Images, batch};
use crate::network::{Labelled, to_vec};
use crate::release::loaded::LoadedModel;
use crate::training::objective::{log_normal, log_posterior, reconstruction};
use anyhow::Result;
use burn::tensor::{Tensor, TensorData};
use indicatif::{ProgressBar, ProgressStyle};
use rand_pcg::Pcg64Mcg;
use vaelet_model::random;

/// Seed of ε, so that a figure is the same each time.
const SEED: u64 = 2024;

/// Latents decoded at once.
const BATCH: usize = 250;

/// Means of −ELBO minus the importance-weighted −log p(x), over `count` test images: with
/// the own prior, and with N(0, I).
pub(super) fn gains(
    release: &LoadedModel,
    test: &Images,
    samples: usize,
    count: usize,
    rng: &mut Pcg64Mcg,
) -> Result<[f64; 2]> {
    let bar = ProgressBar::new(count as u64).with_style(ProgressStyle::with_template(
        "−log p(x) {bar:30} {pos}/{len}  {eta} left",
    )?);
    let likelihood = release.model.spec.likelihood;
    let mut totals = [0.0; 2];
    for i in 0..count {
        let image = i * test.count() / count;
        let x = batch::of(likelihood, test, &[image], rng);
        let class = test.labels[image].into();
        let weights = log_weights(release, (x, class), samples, SEED.wrapping_add(i as u64))?;
        for (total, weights) in totals.iter_mut().zip(weights) {
            let mean = weights.iter().sum::<f64>() / samples as f64;
            let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = weights.iter().map(|w| (w - largest).exp()).sum();
            *total += (sum / samples as f64).ln() + largest - mean;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(totals.map(|total| total / count as f64))
}

/// log p(x, z) − log q(z | x) of `samples` draws from q(z | x), for one image: with the own
/// prior, and with N(0, I).
fn log_weights(
    release: &LoadedModel,
    (x, class): (Vec<f32>, usize),
    samples: usize,
    seed: u64,
) -> Result<[Vec<f64>; 2]> {
    let latent = release.model.spec.latent_size();
    let epsilon = random::normals(seed, samples * latent);
    let x = batch::to_tensor(x, 1, &release.device);
    let input = release.given(x.clone(), &[class]);
    let (mean, log_var) = release.network.encode(&release.graphs, input);
    let mut weights = [(); 2].map(|()| Vec::with_capacity(samples));
    for epsilon in epsilon.chunks(BATCH * latent) {
        let count = epsilon.len() / latent;
        let shape = [count, latent];
        let epsilon =
            Tensor::<2>::from_data(TensorData::new(epsilon.to_vec(), shape), &release.device);
        let z = mean.clone() + (log_var.clone() * 0.5).exp() * epsilon.clone();
        let x = x.clone().repeat_dim(0, count);
        let latents = Labelled {
            written: Some(x.clone()),
            ..release.given(z.clone(), &vec![class; count])
        };
        let logits = release.network.decode_logits(&release.graphs, latents);
        let nats = reconstruction(release.model.spec.likelihood, logits, x);
        let posterior = log_posterior(log_var.clone(), epsilon);
        let normal = log_normal(z.clone());
        let own = release.network.prior();
        let own = own.map_or_else(|| normal.clone(), |prior| prior.log(z));
        for (weights, prior) in weights.iter_mut().zip([own, normal]) {
            let weight = prior - posterior.clone() - nats.clone();
            weights.extend(to_vec(weight)?.into_iter().map(f64::from));
        }
    }
    Ok(weights)
}
