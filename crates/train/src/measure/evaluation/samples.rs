//! Comparison of samples with data: Fréchet distances, sharpness, and distance from training images.

use super::figures::{Evaluation, Seen};
use crate::data::Images;
use crate::measure::frechet::{Features, untrained};
use crate::measure::image_metrics;
use crate::network::efficientnet::{EfficientNet, Maps, SIDE};
use crate::release::loaded::LoadedModel;
use anyhow::Result;
use vaelet_model::Priors;

/// Seed of binarization and of ε, so that a figure is the same each time.
const SEED: u64 = 2024;

/// Images evaluated at once.
const BATCH: usize = 250;

/// Most samples that are compared with the test split.
pub(super) const SAMPLES: usize = 10_000;

/// Seed and largest number of the samples that EfficientNet-Lite0 looks at.
pub(super) const SEEN_SEED: u64 = 7;

const SEEN: usize = 2_000;

/// Samples whose nearest training images are looked for.
const NEIGHBOURS: usize = 500;

/// Comparison of samples with data.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) frechet: f64,
    pub(super) frechet_normal: f64,
    pub(super) frechet_data: f64,
    pub(super) sharpness: f64,
    pub(super) novelty: f64,
}

impl Compared {
    pub(super) fn new(release: &LoadedModel, train: &Images, test: &Images) -> Result<Self> {
        let shape = test.shape;
        let count = test.count().min(SAMPLES);
        let images = |data: &Images| data.floats(&data.spread(count));
        let sample = |priors: &Priors| sample(release, priors, SEED, count);
        let features = |images: &[f32]| Features::of(images, shape, &release.device, untrained);
        let (data, samples) = (images(test), sample(&release.priors)?);
        let expected = features(&data)?;
        let normal = sample(&release.priors.standard())?;
        let some = &samples[..count.min(NEIGHBOURS) * shape.len()];
        let seen = image_metrics::distance_from(train, some);
        let unseen = image_metrics::distance_from(train, &data[..some.len()]);
        Ok(Self {
            frechet: features(&samples)?.distance(&expected)?,
            frechet_normal: features(&normal)?.distance(&expected)?,
            frechet_data: features(&images(train))?.distance(&expected)?,
            sharpness: image_metrics::gradient_energy(&samples, shape)
                / image_metrics::gradient_energy(&data, shape),
            novelty: seen / unseen,
        })
    }
}

impl Seen {
    pub(super) fn new(
        network: &EfficientNet,
        release: &LoadedModel,
        train: &Images,
        test: &Images,
    ) -> Result<Self> {
        let count = test.count().min(train.count()).min(SEEN);
        let features = |images: &[f32]| {
            Features::of(images, test.shape, &release.device, |x| {
                network.pooled(Maps::of(x))
            })
        };
        let images = |data: &Images| features(&data.floats(&data.spread(count)));
        let sample = |priors: &Priors| features(&sample(release, priors, SEEN_SEED, count)?);
        let expected = images(test)?;
        Ok(Self {
            own: sample(&release.priors)?.distance(&expected)?,
            normal: sample(&release.priors.standard())?.distance(&expected)?,
            data: images(train)?.distance(&expected)?,
            images: count,
            side: SIDE,
            resized: [test.shape.height, test.shape.width] != [SIDE; 2],
            grey: test.shape.channels == 1,
            seed: SEEN_SEED,
        })
    }
}

impl Evaluation {
    /// Adds the second Fréchet distance where it is missing and its `network` is there.
    ///
    /// # Errors
    /// A device that fails.
    pub fn with_missing(
        mut self,
        release: &LoadedModel,
        train: &Images,
        test: &Images,
        network: Option<&EfficientNet>,
    ) -> Result<Self> {
        let network = network.filter(|_| self.spelled.is_none());
        if let (None, Some(network)) = (&self.frechet_efficientnet, network) {
            self.frechet_efficientnet = Some(Seen::new(network, release, train, test)?);
        }
        Ok(self)
    }
}

/// Pictures `[count, C, H, W]` of latents from `priors`.
fn sample(release: &LoadedModel, priors: &Priors, seed: u64, count: usize) -> Result<Vec<f32>> {
    let z = priors.sample(seed, count, 1.0);
    let latent = release.model.spec.latent_size();
    let classes = release.each_class(count);
    let parts = z.chunks(BATCH * latent).zip(classes.chunks(BATCH));
    let parts = parts.map(|(z, classes)| release.decode(z.to_vec(), classes));
    Ok(parts.collect::<Result<Vec<_>>>()?.concat())
}
