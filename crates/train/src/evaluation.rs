//! What a released model is worth on the test split.

use crate::data::Images;
use crate::network::to_vec;
use crate::objective::{Elbo, bernoulli, elbo};
use crate::release::Release;
use crate::training::{binarize, images_tensor};
use anyhow::Result;
use burn::tensor::{Tensor, TensorData};
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::Serialize;
use vaelet_model::random;

/// Seed of binarization and of ε, so that a figure is the same each time.
const SEED: u64 = 2024;
/// Images evaluated at once.
const BATCH: usize = 250;
/// A variable is active where its mean varies this much over the data (Burda et al. 2016).
const ACTIVE: f64 = 0.01;

/// Figures in nats per image, on the dynamically binarized test split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// −log p(x | z), one sample.
    pub reconstruction: f64,
    /// KL(q(z | x) ‖ p(z)).
    pub kl: f64,
    /// Their sum.
    pub neg_elbo: f64,
    /// Importance-weighted estimate of −log p(x) (Burda et al. 2016).
    pub nll: f64,
    /// Samples for each image of that estimate.
    pub nll_samples: usize,
    /// Images on which its distance from −ELBO was measured.
    pub nll_images: usize,
    /// Variables that carry information.
    pub active_units: usize,
    /// Test images.
    pub images: usize,
    /// KL of each variable.
    pub kl_per_dimension: Vec<f32>,
}

impl Evaluation {
    /// The figures as a table in Markdown.
    pub fn table(&self) -> String {
        let nll = format!("−log p(x), {} samples", self.nll_samples);
        let rows = [
            ("reconstruction", format!("{:.2}", self.reconstruction)),
            ("KL", format!("{:.2}", self.kl)),
            ("−ELBO", format!("{:.2}", self.neg_elbo)),
            (nll.as_str(), format!("{:.2}", self.nll)),
            (
                "active units",
                format!("{} of {}", self.active_units, self.kl_per_dimension.len()),
            ),
        ];
        let lines = rows.map(|(name, value)| format!("| {name:<28} | {value:>8} |\n"));
        format!("| {:<28} | {:>8} |\n|---|---|\n{}", "", "", lines.concat())
    }
}

/// Evaluates on all of `test`; the importance-weighted bound, which costs `samples`
/// decodes an image, on `nll_images` of them, evenly spread.
///
/// −log p(x) is estimated as −ELBO of all images minus the mean distance of the two
/// bounds on the few: that distance varies far less between images than either bound.
///
/// # Errors
/// A device that fails.
pub fn evaluate(
    release: &Release,
    test: &Images,
    samples: usize,
    nll_images: usize,
) -> Result<Evaluation> {
    let latent = release.model.spec.latent_size();
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let (mut reconstruction, mut kl) = (0.0, vec![0.0; latent]);
    let (mut sum, mut sum_of_squares) = (vec![0.0; latent], vec![0.0; latent]);
    let all: Vec<usize> = (0..test.count()).collect();
    for chosen in all.chunks(BATCH) {
        let x = images_tensor(
            binarize(test, chosen, &mut rng),
            chosen.len(),
            &release.device,
        );
        let estimate = measure(release, x, SEED ^ chosen[0] as u64);
        reconstruction += f64::from(estimate.reconstruction.sum().into_scalar::<f32>());
        add(&mut kl, &to_vec(estimate.kl.sum_dim(0))?);
        add(&mut sum, &to_vec(estimate.mean.clone().sum_dim(0))?);
        add(
            &mut sum_of_squares,
            &to_vec(estimate.mean.square().sum_dim(0))?,
        );
    }
    let n = test.count() as f64;
    let variance = |i: usize| sum_of_squares[i] / n - (sum[i] / n).powi(2);
    let kl: Vec<f64> = kl.iter().map(|nats| nats / n).collect();
    let (reconstruction, total) = (reconstruction / n, kl.iter().sum::<f64>());
    let nll_images = nll_images.clamp(1, test.count());
    let distance = distance(release, test, samples, nll_images, &mut rng)?;
    Ok(Evaluation {
        reconstruction,
        kl: total,
        neg_elbo: reconstruction + total,
        nll: reconstruction + total - distance,
        nll_samples: samples,
        nll_images,
        active_units: (0..latent).filter(|&i| variance(i) > ACTIVE).count(),
        images: test.count(),
        kl_per_dimension: kl.iter().map(|&nats| nats as f32).collect(),
    })
}

/// Mean of −ELBO minus the importance-weighted −log p(x), over `count` test images.
fn distance(
    release: &Release,
    test: &Images,
    samples: usize,
    count: usize,
    rng: &mut Pcg64Mcg,
) -> Result<f64> {
    let bar = ProgressBar::new(count as u64).with_style(ProgressStyle::with_template(
        "−log p(x) {bar:30} {pos}/{len}  {eta} left",
    )?);
    let mut total = 0.0;
    for i in 0..count {
        let x = binarize(test, &[i * test.count() / count], rng);
        let weights = log_weights(release, x, samples, SEED.wrapping_add(i as u64))?;
        let mean = weights.iter().sum::<f64>() / samples as f64;
        let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = weights.iter().map(|w| (w - largest).exp()).sum();
        total += (sum / samples as f64).ln() + largest - mean;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(total / count as f64)
}

/// log p(x, z) − log q(z | x) of `samples` draws from q(z | x), for one image.
fn log_weights(release: &Release, x: Vec<f32>, samples: usize, seed: u64) -> Result<Vec<f64>> {
    let latent = release.model.spec.latent_size();
    let epsilon = random::normals(seed, samples * latent);
    let x = images_tensor(x, 1, &release.device);
    let (mean, log_var) = release.network.encode(&release.graphs, x.clone());
    let mut weights = Vec::with_capacity(samples);
    for epsilon in epsilon.chunks(BATCH * latent) {
        let count = epsilon.len() / latent;
        let shape = [count, latent];
        let epsilon =
            Tensor::<2>::from_data(TensorData::new(epsilon.to_vec(), shape), &release.device);
        let z = mean.clone() + (log_var.clone() * 0.5).exp() * epsilon.clone();
        let logits = release.network.decode_logits(&release.graphs, z.clone());
        let nats = bernoulli(logits, x.clone().repeat_dim(0, count));
        // log N(z; 0, 1) − log N(z; μ, σ²), where (z − μ) / σ is ε.
        let ratio = (epsilon.square() + log_var.clone() - z.square()) * 0.5;
        let weight = ratio.sum_dim(1).squeeze_dim::<1>(1) - nats;
        weights.extend(to_vec(weight)?.into_iter().map(f64::from));
    }
    Ok(weights)
}

fn measure(release: &Release, x: Tensor<2>, seed: u64) -> Elbo {
    let (batch, latent) = (x.dims()[0], release.model.spec.latent_size());
    let epsilon = random::normals(seed, batch * latent);
    let epsilon = Tensor::from_data(TensorData::new(epsilon, [batch, latent]), &release.device);
    elbo(&release.network, &release.graphs, x, epsilon)
}

fn add(total: &mut [f64], values: &[f32]) {
    for (total, value) in total.iter_mut().zip(values) {
        *total += f64::from(*value);
    }
}
