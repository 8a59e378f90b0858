//! Writing a model folder: description and weights, and what is known once the model is measured.

use super::golden::golden;
use super::golden_gradients::golden_gradients;
use super::loaded::LoadedModel;
use crate::data::Images;
use crate::files::atomic::put;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use vaelet_model::{Example, ModelSpec, Precision, Tensors, WeightsFile, write_tensors};

const WEIGHTS: &str = "weights.safetensors";

/// Most images that ship with a model.
const EXAMPLES: usize = 10;

/// Writes the weights and the description, the least that makes a model folder.
///
/// # Errors
/// A folder that cannot be written, or a weight that does not fit f16.
pub fn write(folder: &Path, mut spec: ModelSpec, tensors: &Tensors, test: &Images) -> Result<()> {
    let input = spec.input;
    ensure!(
        test.shape == input,
        "the test images are {:?}, the model's {input:?}",
        test.shape,
    );
    let weights = write_tensors(WEIGHTS, tensors, Precision::I8)?;
    spec.weights = WeightsFile::describe(WEIGHTS, &weights);
    let classes = test.labels.iter().max().map_or(0, |&class| class + 1);
    let names = spec.condition.as_ref().map(|condition| &condition.classes);
    spec.examples = (0..classes)
        .step_by(usize::from(classes).div_ceil(EXAMPLES).max(1))
        .filter(|_| classes > 1)
        .filter_map(|class| {
            let i = typical(test, class)?;
            Some(Example {
                label: match names.and_then(|names| names.get(usize::from(class))) {
                    Some(name) => name.clone(),
                    None => class.to_string(),
                },
                pixels: (test.floats(&[i]).iter())
                    .map(|v| (255.0 * v).round() as u8)
                    .collect(),
            })
        })
        .collect();
    put(folder, WEIGHTS, &weights)?;
    put(folder, "model.json", spec.to_json()?.as_bytes())
}

/// The image of a class that is nearest to the mean of them all; none of a class that has no images.
fn typical(images: &Images, class: u8) -> Option<usize> {
    let members: Vec<usize> = (0..images.count())
        .filter(|&i| images.labels[i] == class)
        .collect();
    let mut mean = vec![0.0; images.shape.len()];
    for &i in &members {
        for (mean, &value) in mean.iter_mut().zip(images.image(i)) {
            *mean += f64::from(value) / members.len() as f64;
        }
    }
    let distance = |i: usize| -> f64 {
        let differences = images.image(i).iter().zip(&mean);
        differences
            .map(|(&value, mean)| (f64::from(value) - mean).powi(2))
            .sum()
    };
    members
        .into_iter()
        .min_by(|&a, &b| distance(a).total_cmp(&distance(b)))
}

/// Adds to a model folder what is known once it is measured: the golden files, and `kl`, the
/// KL of each variable to N(0, 1).
///
/// # Errors
/// A folder that cannot be read or written.
pub fn complete(folder: &Path, release: &LoadedModel, test: &Images, mut kl: &[f32]) -> Result<()> {
    let mut spec = release.model.spec.clone();
    // Descriptions from before there was a precision get theirs.
    let file = spec.weights.file;
    let path = folder.join(&file);
    let weights = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    spec.weights = WeightsFile::describe(&file, &weights);
    for group in &mut spec.latents {
        let (own, rest) = kl.split_at(group.size);
        group.kl = own.to_vec();
        kl = rest;
    }
    put(folder, "model.json", spec.to_json()?.as_bytes())?;
    let golden = golden(release, test)?;
    let gradients = golden_gradients(release, &golden)?;
    for (name, tensors) in [
        ("golden.safetensors", golden),
        ("golden-gradients.safetensors", gradients),
    ] {
        put(
            folder,
            name,
            &write_tensors(name, &tensors, Precision::F32)?,
        )?;
    }
    Ok(())
}
