//! `figures.json`: the figures of a model, kept with the hash of its weights.

use crate::files::atomic::put;
use crate::measure::alphabet::Alphabet;
use crate::measure::directions::Score;
use crate::measure::factors::Disentanglement;
use crate::measure::spelled::Spelled;
use crate::measure::spoken::Spoken;
use crate::release::loaded::LoadedModel;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Where the figures of a model are kept.
const FILE: &str = "figures.json";

/// Figures in nats per image, on the test split; binarized dynamically where the
/// likelihood is Bernoulli.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Fréchet distance of samples from the test split in untrained features, see
    /// [`crate::measure::frechet`]: z from the model's own prior.
    pub frechet: f64,
    /// The same with z from N(0, I).
    pub frechet_normal: f64,
    /// The same for training images instead of samples: a lower bound for good models.
    pub frechet_data: f64,
    /// The same three in features of EfficientNet-Lite0, where these have been fetched.
    pub frechet_efficientnet: Option<Seen>,
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
    /// The effect of each direction.
    pub attributes: Vec<Score>,
    /// Alphabets decoded from one character each, of a model of glyphs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alphabet: Option<Alphabet>,
    /// Whether what is heard is understood, of a model of sounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoken: Option<Spoken>,
    /// What is written, of a model of texts; all figures of pictures are 0 then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spelled: Option<Spelled>,
    /// How far each latent follows one factor, where the images' factors are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disentanglement: Option<Disentanglement>,
}

/// Fréchet distances from the test split in the pooled features of EfficientNet-Lite0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Of samples, z from the model's own prior.
    pub own: f64,
    /// Of samples, z from N(0, I).
    pub normal: f64,
    /// Of training images.
    pub data: f64,
    /// Images on each side.
    pub images: usize,
    /// Side to which they are resized.
    pub side: usize,
    /// Whether they have another side and are resized (bilinear).
    pub resized: bool,
    /// Whether they are grey, which is repeated to RGB.
    pub grey: bool,
    /// Seed of the samples.
    pub seed: u64,
}

impl Evaluation {
    /// The figures that were measured of the model in `folder` before.
    ///
    /// # Errors
    /// Figures that are missing or damaged, or belong to other weights.
    pub fn read(folder: &Path, release: &LoadedModel) -> Result<Self> {
        let path = folder.join(FILE);
        let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let kept: Self = serde_json::from_slice(&json)
            .with_context(|| format!("{} is damaged; measure again", path.display()))?;
        ensure!(
            kept.weights == release.model.spec.weights.sha256,
            "{} belongs to other weights; measure again, without --keep-figures",
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
}
