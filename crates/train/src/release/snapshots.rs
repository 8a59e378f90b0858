//! `snapshots/` of a model folder: the same network as it was during training, each a small model folder, and
//! `snapshots.json`, which says of each what it reaches and where it puts test images. The page's view Inside
//! shows them one after the other.

use super::loaded::LoadedModel;
use crate::data::Images;
use crate::files::atomic::put;
use crate::measure::evaluation::terms;
use crate::training::snapshots::read;
use anyhow::{Context, Result};
use burn::tensor::Device;
use serde::Serialize;
use std::fs;
use std::path::Path;
use vaelet_model::{ModelSpec, Precision, Prior, WeightsFile, write_tensors};

const FOLDER: &str = "snapshots";
const FILE: &str = "snapshots.json";
const WEIGHTS: &str = "weights.safetensors";

/// Test images whose places are listed.
const ITEMS: usize = 600;

/// The contents of `snapshots.json`.
#[derive(Serialize)]
struct Snapshots {
    /// Training images in a pass.
    images: usize,
    /// Class of each test image that is listed; empty where there are none.
    labels: Vec<u8>,
    /// In the order of training.
    snapshots: Vec<Snapshot>,
}

#[derive(Serialize)]
struct Snapshot {
    /// Its model's folder, relative to the model folder.
    folder: String,
    /// Passes over the training images.
    passes: f64,
    /// −log p(x | z) of test images, in nats per image.
    reconstruction: f64,
    /// KL(q(z | x) ‖ N(0, I)), in nats per image.
    kl: f64,
    /// μ of each test image that is listed, `[N, latent]`.
    means: Vec<f32>,
}

/// Writes what the run in the folder `run` has kept after `wanted` passes. Says which of them it has not.
///
/// # Errors
/// A file that cannot be read or written, or a device that fails.
pub fn write(
    folder: &Path,
    run: &Path,
    spec: &ModelSpec,
    wanted: &[f64],
    images: usize,
    test: &Images,
    device: &Device,
) -> Result<()> {
    let below = folder.join(FOLDER);
    if below.exists() {
        fs::remove_dir_all(&below).with_context(|| format!("cannot remove {}", below.display()))?;
    }
    let some = test.spread(ITEMS);
    let mut snapshots = Vec::new();
    for &passes in wanted {
        let Some(tensors) = read(run, passes)? else {
            eprintln!("there is no snapshot after {passes} passes: the run did not keep one");
            continue;
        };
        let weights = write_tensors(WEIGHTS, &tensors, Precision::I8)?;
        let mut spec = spec.clone();
        spec.weights = WeightsFile::describe(WEIGHTS, &weights);
        for group in &mut spec.latents {
            group.prior = Prior::StandardNormal;
            group.kl.clear();
        }
        // The model itself has these.
        (spec.first, spec.examples, spec.training) = (Vec::new(), Vec::new(), None);
        let name = format!("{FOLDER}/{passes}");
        let own = folder.join(&name);
        put(&own, WEIGHTS, &weights)?;
        put(&own, "model.json", spec.to_json()?.as_bytes())?;
        let release = LoadedModel::read(&own, device.clone())?;
        let [reconstruction, kl] = terms(&release, test).map(|nats| (nats * 100.0).round() / 100.0);
        let means = release.means(test, &some)?;
        eprintln!("after {passes} passes: reconstruction {reconstruction}, KL {kl} nats");
        snapshots.push(Snapshot {
            folder: name,
            passes,
            reconstruction,
            kl,
            means: means
                .iter()
                .map(|mean| (mean * 100.0).round() / 100.0)
                .collect(),
        });
    }
    let contents = Snapshots {
        images,
        labels: match test.labels.iter().any(|&label| label > 0) {
            true => some.iter().map(|&i| test.labels[i]).collect(),
            false => Vec::new(),
        },
        snapshots,
    };
    put(folder, FILE, &serde_json::to_vec(&contents)?)
}
