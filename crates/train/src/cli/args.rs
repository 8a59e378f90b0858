//! Arguments that several commands share, and the values that they take.

use crate::network::efficientnet::EfficientNet;
use anyhow::{Result, ensure};
use burn::tensor::Device;
use clap::Args;
use std::path::{Path, PathBuf};
use vaelet_model::Subject;

/// Where EfficientNet-Lite0 is looked for.
pub(super) const FEATURES: &str = "data/features";

/// The network of the second Fréchet distance, and of what sharpens a decoder.
#[derive(Args)]
pub(super) struct FeaturesArg {
    /// Folder with EfficientNet-Lite0's weights [default: data/features, if it exists]
    #[arg(long)]
    features: Option<PathBuf>,
}

impl FeaturesArg {
    /// None if the folder was not given and the default folder does not exist.
    pub(super) fn read(&self, device: &Device) -> Result<Option<EfficientNet>> {
        let folder = self.features.as_deref().unwrap_or(Path::new(FEATURES));
        let found = EfficientNet::read(folder, device)?;
        ensure!(
            found.is_some() || self.features.is_none(),
            "{0} does not contain features; run `vaelet data fetch features --out {0}`",
            folder.display(),
        );
        Ok(found)
    }
}

pub(super) fn side(text: &str) -> Result<usize, String> {
    match positive(text)? {
        side if side.is_multiple_of(16) && side <= 256 => Ok(side),
        _ => Err("expected a multiple of 16 up to 256".into()),
    }
}

pub fn subject(text: &str) -> Result<Subject, String> {
    let names = text
        .split_once(',')
        .map(|(one, many)| [one, many].map(str::trim));
    match names {
        Some([one, many]) if !one.is_empty() && !many.is_empty() => Ok(Subject {
            one: one.into(),
            many: many.into(),
            unseen: None,
            drawing: None,
        }),
        _ => {
            Err("expected the singular and the plural, separated by a comma, as in cat,cats".into())
        }
    }
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= 1.0 => Ok(rate),
        _ => Err("expected a number greater than 0 and at most 1".into()),
    }
}

/// β, or a temperature.
pub(super) fn at_least_0(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number of at least 0".into()),
    }
}

/// Passes over the data, in parts too.
pub(super) fn passes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(passes) if passes.is_finite() && passes >= 0.0 => Ok(passes),
        _ => Err("expected numbers of at least 0, as in 0,0.2,1,5".into()),
    }
}

/// Number of samples; more pictures than this do not fit a JPEG file.
pub(super) fn samples(text: &str) -> Result<usize, String> {
    match positive(text)? {
        count if count <= 10_000 => Ok(count),
        _ => Err("expected at most 10,000".into()),
    }
}

pub(super) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number greater than 0".into()),
        Ok(n) => Ok(n),
    }
}
