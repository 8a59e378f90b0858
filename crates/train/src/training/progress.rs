//! Where a run is, and whether it can go on: what its epochs have measured, and what its steps follow
//! from.

use crate::data::Images;
use crate::presets::Preset;
use anyhow::{Result, anyhow};
use flate2::Crc;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use vaelet_model::ImageShape;

/// What one epoch measured, in nats per training image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// −log p(x | z).
    pub reconstruction: f64,
    /// KL(q(z | x) ‖ p(z)).
    pub kl: f64,
    /// −ELBO of held-out images under the averaged weights.
    #[serde(default)]
    pub validation: Option<f64>,
    /// Throughput.
    pub images_per_second: f64,
}

/// Where a run is; written beside its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) model: String,
    pub(super) seed: u64,
    /// What else must be the same for a run to go on: see [`conditions`]. Runs of earlier
    /// versions do not say.
    #[serde(default)]
    pub(super) conditions: BTreeMap<String, String>,
    /// Of a Gaussian likelihood.
    pub(super) sigma: f32,
    pub(super) epochs: Vec<Epoch>,
}

impl Progress {
    /// The epoch that did best on held-out images, and their −ELBO.
    pub(super) fn best(&self) -> Option<(usize, f64)> {
        let measured = self.epochs.iter().enumerate();
        let measured = measured.filter_map(|(i, epoch)| Some((i, epoch.validation?)));
        measured.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Fails where the run in `folder`, which `self` is of, cannot go on as `expected`.
    pub(super) fn check(&self, expected: &Self, folder: &Path) -> Result<()> {
        let differs = |what: &str, was: &dyn Display, is: &dyn Display| {
            let folder = folder.display();
            Err(anyhow!(
                "{folder} is a run with {what} {was}, but this command has {is}; use the same \
                 value, or start another run in its own folder with --run"
            ))
        };
        if self.model != expected.model {
            return differs("the model", &self.model, &expected.model);
        }
        if self.seed != expected.seed {
            return differs("--seed", &self.seed, &expected.seed);
        }
        for (what, was) in &self.conditions {
            match expected.conditions.get(what) {
                Some(is) if is != was => return differs(what, was, is),
                _ => {}
            }
        }
        Ok(())
    }
}

/// What a run's steps follow from beside its seed, by name.
pub(super) fn conditions(preset: &Preset, images: &Images) -> BTreeMap<String, String> {
    let checksum = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum()
    };
    let Preset { spec, .. } = preset;
    let layers = format!("{:?}", (&spec.encoder, &spec.decoder));
    let (count, pixels) = (images.count(), checksum(&images.pixels));
    let ImageShape { height, width, .. } = spec.input;
    let layers = checksum(layers.as_bytes());
    [
        ("a size of", format!("{width}×{height}")),
        ("layers", format!("{layers:08x}")),
        ("images", format!("{count} (checksum {pixels:08x})")),
        ("a batch of", preset.batch.to_string()),
        ("a weight of the KL term of", preset.beta.to_string()),
        (
            "a weight of what a head reads of",
            preset.regression.to_string(),
        ),
        ("augmentation", preset.augment.to_string()),
        ("images held out", preset.patience.is_some().to_string()),
    ]
    .map(|(what, value)| (what.to_string(), value))
    .into()
}
