//! What a released model is worth on the test split, and `figures.json`, which keeps it.

use crate::data::Images;
use crate::directions::Score;
use crate::frechet::Features;
use crate::network::to_vec;
use crate::objective::{Elbo, Encoder, elbo, log_normal, log_posterior, reconstruction};
use crate::release::{Release, put};
use crate::{batch, looks};
use anyhow::{Context, Result, ensure};
use burn::tensor::{Tensor, TensorData};
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use vaelet_model::runtime::channels_first;
use vaelet_model::{Likelihood, Priors, random};

/// Seed of binarization and of ε, so that a figure is the same each time.
const SEED: u64 = 2024;
/// Images evaluated at once.
const BATCH: usize = 250;
/// Most samples that are compared with the test split.
const SAMPLES: usize = 10_000;
/// Samples whose nearest training images are looked for.
const NEIGHBOURS: usize = 500;
/// A variable is active where its mean varies this much over the data (Burda et al. 2016).
const ACTIVE: f64 = 0.01;

/// Where the figures of a model are kept.
const FILE: &str = "figures.json";

/// Figures in nats per image, on the test split; binarized dynamically where the
/// likelihood is Bernoulli.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// SHA-256 of the weights that were measured.
    pub weights: String,
    /// −log p(x | z), one sample.
    pub reconstruction: f64,
    /// KL(q(z | x) ‖ p(z)), p(z) the model's own prior, one sample.
    pub kl: f64,
    /// Their sum.
    pub neg_elbo: f64,
    /// Importance-weighted estimate of −log p(x) (Burda et al. 2016), p(z) the model's own
    /// prior.
    pub nll: f64,
    /// The same with N(0, I) as p(z).
    pub nll_normal: f64,
    /// Samples for each image of that estimate.
    pub nll_samples: usize,
    /// Images on which its distance from −ELBO was measured.
    pub nll_images: usize,
    /// Variables that carry information.
    pub active_units: usize,
    /// Peak signal-to-noise ratio of reconstructions from μ, in decibels.
    pub psnr: f64,
    /// Structural similarity of the same.
    pub ssim: f64,
    /// Fréchet distance of samples from the test split, see [`crate::frechet`]: z from the
    /// model's own prior.
    pub frechet: f64,
    /// The same with z from N(0, I).
    pub frechet_normal: f64,
    /// The same for training images instead of samples: what no model needs to beat.
    pub frechet_data: f64,
    /// Gradient energy of samples over that of test images.
    pub sharpness: f64,
    /// Distance of samples from the nearest training images over that of test images;
    /// near 0 where training images are copied.
    pub novelty: f64,
    /// Values in one image.
    pub dimensions: usize,
    /// Whether p(x | z) is a density over `[0, 1]`, and not a probability.
    pub is_density: bool,
    /// Test images.
    pub images: usize,
    /// KL(q(z | x) ‖ N(0, I)) of each variable.
    pub kl_per_dimension: Vec<f32>,
    /// What its directions do.
    pub attributes: Vec<Score>,
}

impl Evaluation {
    /// The figures that were measured of the model in `folder` before.
    ///
    /// # Errors
    /// None, damaged ones, or those of other weights.
    pub fn read(folder: &Path, release: &Release) -> Result<Self> {
        let path = folder.join(FILE);
        let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let kept: Self = serde_json::from_slice(&json)
            .with_context(|| format!("{} is damaged; measure again", path.display()))?;
        ensure!(
            kept.weights == release.model.spec.weights.sha256,
            "{} is of other weights; measure again, without --keep-figures",
            path.display(),
        );
        Ok(kept)
    }

    /// Keeps the figures of the model in `folder`.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        put(folder, FILE, &serde_json::to_vec_pretty(self)?)
    }

    /// −log₂ p(x) for each value of an image. A density over `[0, 1]` is one over the 256
    /// levels of a pixel, which is 8 bits more.
    fn bits_per_value(&self) -> f64 {
        let levels = if self.is_density { 8.0 } else { 0.0 };
        self.nll / self.dimensions as f64 / std::f64::consts::LN_2 + levels
    }

    /// The figures as a table in Markdown.
    pub fn table(&self) -> String {
        let nll = |prior| format!("−log p(x), {prior}, {} samples", self.nll_samples);
        let (own, normal) = (nll("own prior"), nll("N(0, I)"));
        let rows = [
            ("reconstruction", format!("{:.2}", self.reconstruction)),
            ("KL", format!("{:.2}", self.kl)),
            ("−ELBO", format!("{:.2}", self.neg_elbo)),
            (own.as_str(), format!("{:.2}", self.nll)),
            (normal.as_str(), format!("{:.2}", self.nll_normal)),
            ("bits per value", format!("{:.3}", self.bits_per_value())),
            ("PSNR of reconstructions, dB", format!("{:.2}", self.psnr)),
            ("SSIM of reconstructions", format!("{:.3}", self.ssim)),
            (
                "Fréchet distance, own prior",
                format!("{:.4}", self.frechet),
            ),
            (
                "Fréchet distance, N(0, I)",
                format!("{:.4}", self.frechet_normal),
            ),
            (
                "Fréchet distance, training data",
                format!("{:.4}", self.frechet_data),
            ),
            ("sharpness of samples", format!("{:.2}", self.sharpness)),
            ("novelty of samples", format!("{:.2}", self.novelty)),
            (
                "active units",
                format!("{} of {}", self.active_units, self.kl_per_dimension.len()),
            ),
        ];
        let lines = rows.map(|(name, value)| format!("| {name:<36} | {value:>8} |\n"));
        let figures = format!("| {:<36} | {:>8} |\n|---|---|\n{}", "", "", lines.concat());
        figures + &self.attribute_table()
    }

    /// How well directions change their attributes; nothing where there are none.
    fn attribute_table(&self) -> String {
        if self.attributes.is_empty() {
            return String::new();
        }
        let head = "| attribute | label flips | others stay | classifier is right | images |\n";
        let lines = self.attributes.iter().map(|score| {
            let percent = |share: f64| format!("{:.1} %", 100.0 * share);
            format!(
                "| {} | {} | {} | {} | {} |\n",
                score.name,
                percent(score.success),
                percent(score.kept),
                percent(score.accuracy),
                score.images,
            )
        });
        format!(
            "\n{head}|---|---|---|---|---|\n{}",
            lines.collect::<String>()
        )
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
    train: &Images,
    test: &Images,
    attributes: Vec<Score>,
    samples: usize,
    nll_images: usize,
) -> Result<Evaluation> {
    let latent = release.model.spec.latent_size();
    let likelihood = release.model.spec.likelihood;
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let (mut reconstruction, mut divergence, mut kl) = (0.0, 0.0, vec![0.0; latent]);
    let (mut squares, mut similarity) = (0.0, 0.0);
    let (mut sum, mut sum_of_squares) = (vec![0.0; latent], vec![0.0; latent]);
    for chosen in test.spread(usize::MAX).chunks(BATCH) {
        let x = batch::to_tensor(
            batch::of(likelihood, test, chosen, &mut rng),
            chosen.len(),
            &release.device,
        );
        let pair = reconstructed(release, test, chosen)?;
        squares += squared_error(&pair);
        similarity += looks::similarity(&pair[0], &pair[1], test.shape)? * chosen.len() as f64;
        let estimate = measure(release, x, SEED ^ chosen[0] as u64);
        reconstruction += f64::from(estimate.reconstruction.sum().into_scalar::<f32>());
        divergence += f64::from(estimate.divergence.sum().into_scalar::<f32>());
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
    let (reconstruction, divergence) = (reconstruction / n, divergence / n);
    let normal = reconstruction + kl.iter().sum::<f64>();
    let own = reconstruction + divergence;
    let nll_images = nll_images.clamp(1, test.count());
    let compared = Compared::new(release, train, test)?;
    let gains = gains(release, test, samples, nll_images, &mut rng)?;
    Ok(Evaluation {
        weights: release.model.spec.weights.sha256.clone(),
        reconstruction,
        kl: divergence,
        neg_elbo: own,
        nll: own - gains[0],
        nll_normal: normal - gains[1],
        nll_samples: samples,
        nll_images,
        active_units: (0..latent).filter(|&i| variance(i) > ACTIVE).count(),
        psnr: -10.0 * (squares / (n * test.shape.len() as f64)).log10(),
        ssim: similarity / n,
        frechet: compared.frechet,
        frechet_normal: compared.frechet_normal,
        frechet_data: compared.frechet_data,
        sharpness: compared.sharpness,
        novelty: compared.novelty,
        dimensions: test.shape.len(),
        is_density: release.model.spec.likelihood != Likelihood::Bernoulli,
        images: test.count(),
        kl_per_dimension: kl.iter().map(|&nats| nats as f32).collect(),
        attributes,
    })
}

/// Means of −ELBO minus the importance-weighted −log p(x), over `count` test images: with
/// the own prior, and with N(0, I).
fn gains(
    release: &Release,
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
        let x = batch::of(likelihood, test, &[i * test.count() / count], rng);
        let weights = log_weights(release, x, samples, SEED.wrapping_add(i as u64))?;
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
fn log_weights(release: &Release, x: Vec<f32>, samples: usize, seed: u64) -> Result<[Vec<f64>; 2]> {
    let latent = release.model.spec.latent_size();
    let epsilon = random::normals(seed, samples * latent);
    let x = batch::to_tensor(x, 1, &release.device);
    let (mean, log_var) = release.network.encode(&release.graphs, x.clone());
    let mut weights = [(); 2].map(|()| Vec::with_capacity(samples));
    for epsilon in epsilon.chunks(BATCH * latent) {
        let count = epsilon.len() / latent;
        let shape = [count, latent];
        let epsilon =
            Tensor::<2>::from_data(TensorData::new(epsilon.to_vec(), shape), &release.device);
        let z = mean.clone() + (log_var.clone() * 0.5).exp() * epsilon.clone();
        let logits = release.network.decode_logits(&release.graphs, z.clone());
        let x = x.clone().repeat_dim(0, count);
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

fn measure(release: &Release, x: Tensor<2>, seed: u64) -> Elbo {
    let (batch, latent) = (x.dims()[0], release.model.spec.latent_size());
    let epsilon = random::normals(seed, batch * latent);
    let epsilon = Tensor::from_data(TensorData::new(epsilon, [batch, latent]), &release.device);
    let likelihood = release.model.spec.likelihood;
    let encoder = Encoder::Learns;
    elbo(
        &release.network,
        &release.graphs,
        encoder,
        likelihood,
        x,
        epsilon,
    )
}

/// The chosen images and what comes back from their μ, `[N, C, H, W]` each.
fn reconstructed(release: &Release, test: &Images, chosen: &[usize]) -> Result<[Vec<f32>; 2]> {
    let x = release.batch(test, chosen);
    let (mean, _) = release.network.encode(&release.graphs, x.clone());
    let back = to_vec(release.network.decode(&release.graphs, mean))?;
    let shape = test.shape;
    Ok([to_vec(x)?, back].map(|images| channels_first(&images, shape.channels, shape.len())))
}

fn squared_error([images, back]: &[Vec<f32>; 2]) -> f64 {
    let pairs = images.iter().zip(back);
    pairs.map(|(x, y)| f64::from(x - y).powi(2)).sum()
}

/// Samples beside the data.
struct Compared {
    frechet: f64,
    frechet_normal: f64,
    frechet_data: f64,
    sharpness: f64,
    novelty: f64,
}

impl Compared {
    fn new(release: &Release, train: &Images, test: &Images) -> Result<Self> {
        let shape = test.shape;
        let count = test.count().min(SAMPLES);
        let images = |data: &Images| data.floats(&data.spread(count));
        let sample = |priors: &Priors| {
            let z = priors.sample(SEED, count, 1.0);
            let latent = release.model.spec.latent_size();
            let parts = z.chunks(BATCH * latent).map(|z| release.decode(z.to_vec()));
            anyhow::Ok(parts.collect::<Result<Vec<_>>>()?.concat())
        };
        let features = |images: &[f32]| Features::of(images, shape, &release.device);
        let (data, samples) = (images(test), sample(&release.priors)?);
        let expected = features(&data)?;
        let normal = sample(&release.priors.standard())?;
        let some = &samples[..count.min(NEIGHBOURS) * shape.len()];
        let seen = looks::distance_from(train, some);
        let unseen = looks::distance_from(train, &data[..some.len()]);
        Ok(Self {
            frechet: features(&samples)?.distance(&expected)?,
            frechet_normal: features(&normal)?.distance(&expected)?,
            frechet_data: features(&images(train))?.distance(&expected)?,
            sharpness: looks::gradient_energy(&samples, shape)
                / looks::gradient_energy(&data, shape),
            novelty: seen / unseen,
        })
    }
}

fn add(total: &mut [f64], values: &[f32]) {
    for (total, value) in total.iter_mut().zip(values) {
        *total += f64::from(*value);
    }
}
