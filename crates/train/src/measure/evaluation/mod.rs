//! The figures of a model on the test split.

pub mod figures;
mod likelihood;
mod samples;
mod table;
#[cfg(test)]
mod tests;

use crate::data::{Images, batch};
use crate::measure::alphabet;
use crate::measure::directions::Score;
use crate::measure::{factors, image_metrics, spelled, spoken};
use crate::network::efficientnet::EfficientNet;
use crate::network::{Labelled, to_vec};
use crate::release::loaded::LoadedModel;
use crate::training::objective::{Elbo, elbo};
use anyhow::Result;
use burn::tensor::{Tensor, TensorData};
use figures::{Evaluation, Seen};
use likelihood::gains;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use samples::Compared;
use vaelet_model::{Likelihood, channels_first, random};

/// Seed of binarization and of ε, so that a figure is the same each time.
const SEED: u64 = 2024;

/// Images evaluated at once.
const BATCH: usize = 250;

/// A variable is active where its mean varies this much over the data (Burda et al. 2016).
const ACTIVE: f64 = 0.01;

/// Evaluates on all of `test`; the importance-weighted bound, which costs `samples`
/// decodes an image, on `nll_images` of them, evenly spread.
///
/// −log p(x) is estimated as −ELBO of all images minus the mean distance of the two
/// bounds on the few: that distance varies far less between images than either bound.
///
/// The second Fréchet distance is measured where its `network` is given.
///
/// # Errors
/// A device that fails.
pub fn evaluate(
    release: &LoadedModel,
    train: &Images,
    test: &Images,
    attributes: Vec<Score>,
    samples: usize,
    nll_images: usize,
    network: Option<&EfficientNet>,
) -> Result<Evaluation> {
    let latent = release.model.spec.latent_size();
    let likelihood = release.model.spec.likelihood;
    // Texts are no pictures that would be near each other.
    let shows = !likelihood.is_categorical();
    let network = network.filter(|_| shows);
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let (mut reconstruction, mut divergence, mut kl) = (0.0, 0.0, vec![0.0; latent]);
    let (mut squares, mut similarity) = (0.0, 0.0);
    let (mut sum, mut sum_of_squares) = (vec![0.0; latent], vec![0.0; latent]);
    for chosen in test.spread(usize::MAX).chunks(BATCH) {
        let x = batch::of(likelihood, test, chosen, &mut rng);
        let x = batch::to_tensor(x, chosen.len(), &release.device);
        let x = release.given(x, &test.classes(chosen));
        if shows {
            let pair = reconstructed(release, test, chosen)?;
            squares += squared_error(&pair);
            similarity +=
                image_metrics::similarity(&pair[0], &pair[1], test.shape)? * chosen.len() as f64;
        }
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
    let compared = match shows {
        true => Compared::new(release, train, test)?,
        false => Compared::default(),
    };
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
        psnr: match shows {
            true => -10.0 * (squares / (n * test.shape.len() as f64)).log10(),
            false => 0.0,
        },
        ssim: similarity / n,
        frechet: compared.frechet,
        frechet_normal: compared.frechet_normal,
        frechet_data: compared.frechet_data,
        frechet_efficientnet: network
            .map(|network| Seen::new(network, release, train, test))
            .transpose()?,
        sharpness: compared.sharpness,
        novelty: compared.novelty,
        dimensions: test.shape.len(),
        is_density: matches!(likelihood, Likelihood::Gaussian { .. }),
        images: test.count(),
        kl_per_dimension: kl.iter().map(|&nats| nats as f32).collect(),
        attributes,
        alphabet: alphabet::measure(release, train, test)?,
        spoken: spoken::measure(release, train, test)?,
        spelled: spelled::measure(release, train, test)?,
        disentanglement: factors::measure(release, train, test)?,
    })
}

/// −log p(x | z) and KL(q(z | x) ‖ p(z)), one z an image, in nats per image of `test`.
pub fn terms(release: &LoadedModel, test: &Images) -> [f64; 2] {
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let mut sums = [0.0; 2];
    for chosen in test.spread(usize::MAX).chunks(BATCH) {
        let x = batch::of(release.model.spec.likelihood, test, chosen, &mut rng);
        let x = batch::to_tensor(x, chosen.len(), &release.device);
        let x = release.given(x, &test.classes(chosen));
        let estimate = measure(release, x, SEED ^ chosen[0] as u64);
        sums[0] += f64::from(estimate.reconstruction.sum().into_scalar::<f32>());
        sums[1] += f64::from(estimate.divergence.sum().into_scalar::<f32>());
    }
    sums.map(|sum| sum / test.count() as f64)
}

fn measure(release: &LoadedModel, x: Labelled, seed: u64) -> Elbo {
    let (batch, latent) = (x.values.dims()[0], release.model.spec.latent_size());
    let epsilon = random::normals(seed, batch * latent);
    let epsilon = Tensor::from_data(TensorData::new(epsilon, [batch, latent]), &release.device);
    let likelihood = release.model.spec.likelihood;
    let (network, graphs) = (&release.network, &release.graphs);
    elbo(network, graphs, likelihood, x.clone(), x, epsilon)
}

/// The chosen images and their reconstructions from μ, `[N, C, H, W]` each.
fn reconstructed(release: &LoadedModel, test: &Images, chosen: &[usize]) -> Result<[Vec<f32>; 2]> {
    let x = release.labelled(test, chosen);
    let (mean, _) = release.network.encode(&release.graphs, x.clone());
    let mean = release.given(mean, &test.classes(chosen));
    let back = to_vec(release.network.decode(&release.graphs, mean))?;
    let shape = test.shape;
    Ok(
        [to_vec(x.values)?, back]
            .map(|images| channels_first(&images, shape.channels, shape.len())),
    )
}

fn squared_error([images, back]: &[Vec<f32>; 2]) -> f64 {
    let pairs = images.iter().zip(back);
    pairs.map(|(x, y)| f64::from(x - y).powi(2)).sum()
}

fn add(total: &mut [f64], values: &[f32]) {
    for (total, value) in total.iter_mut().zip(values) {
        *total += f64::from(*value);
    }
}
