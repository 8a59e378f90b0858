//! Directions that follow an attribute more closely than the difference of means: learned by gradient
//! through the decoder and a classifier (Jahanian et al. 2020, "On the steerability of generative
//! adversarial networks"). That classifier judges nothing afterwards.

use crate::data::Images;
use crate::data::attributes::Attribute;
use crate::data::batch;
use crate::measure::classifier::Classifier;
use crate::network::{Network, to_vec};
use crate::release::loaded::LoadedModel;
use anyhow::Result;
use burn::module::{Module, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Tensor, activation};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

const STEPS: usize = 400;
const BATCH: usize = 48;
const LEARNING_RATE: f64 = 4e-3;
const SEED: u64 = 13;
/// How far along a direction its attribute has to have changed, in distances of the means.
const REACH: f32 = 1.25;
/// Weight of the squared change of all other attributes' logits.
const OTHERS: f32 = 0.02;
/// Weight of the squared distance from the difference of the means.
const NEAR: f32 = 0.05;

/// One direction in latent space for each attribute, `[attributes, latent]`.
#[derive(Module, Debug)]
struct Directions {
    vectors: Param<Tensor<2>>,
}

/// Improves `vectors`, a direction for each attribute of `images`, until a step of [`REACH`] gives an
/// image the attribute that it lacks, or takes the one that it has, and leaves the others. A direction
/// whose attribute is known of no image stays as it is.
///
/// # Errors
/// A device that fails.
pub fn improve(
    release: &LoadedModel,
    images: &Images,
    seed: u64,
    vectors: Vec<Vec<f32>>,
) -> Result<Vec<Vec<f32>>> {
    let attributes = &images.attributes;
    let mut known: Vec<(usize, Vec<usize>)> = attributes.iter().map(sure).enumerate().collect();
    known.retain(|(_, images)| !images.is_empty());
    if known.is_empty() {
        return Ok(vectors);
    }
    let classifier = Classifier::train(release, images, seed)?;
    let (count, latent) = (attributes.len(), release.model.spec.latent_size());
    let device = release.device.clone().autodiff();
    let network = Network::of(&release.model, &device)?.no_grad();
    let classifier = classifier.differentiable(&device);
    let start = batch::to_tensor(vectors.concat(), count, &device);
    let mut directions = Directions {
        vectors: Param::from_tensor(start.clone()),
    };
    let mut optimizer = AdamConfig::new().init();
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    for step in 0..STEPS {
        // The attributes take turns.
        let pairs: Vec<(usize, usize)> = (known.iter().cycle().take(BATCH))
            .map(|(attribute, images)| (*attribute, images[rng.random_range(0..images.len())]))
            .collect();
        let chosen: Vec<usize> = pairs.iter().map(|&(_, image)| image).collect();
        let mut steps = vec![0.0; pairs.len() * count];
        for (row, &(attribute, image)) in pairs.iter().enumerate() {
            steps[row * count + attribute] = -attributes[attribute].codes[image] * REACH;
        }
        let rows = |values| batch::to_tensor(values, pairs.len(), &device);
        let classes = images.classes(&chosen);
        let means = rows(release.means(images, &chosen)?);
        let read = |z: Tensor<2>| {
            let pictures = network.decode(&release.graphs, release.given(z, &classes));
            classifier.logits(pictures)
        };
        let before = read(means.clone()).detach();
        let moved = means + rows(steps.clone()).matmul(directions.vectors.val());
        let after = read(moved);
        let wanted = rows(steps) / REACH;
        let others = wanted.clone().abs().neg() + 1.0;
        let missed =
            activation::softplus((after.clone() * wanted.clone()).neg(), 1.0) * wanted.abs();
        let changed = (after - before) * others;
        let distance = directions.vectors.val() - start.clone();
        let loss = (missed.sum() + (changed.clone() * changed).sum() * OTHERS) / pairs.len() as f32
            + (distance.clone() * distance).sum() * NEAR;
        let gradients = GradientsParams::from_grads(loss.backward(), &directions);
        let rate = LEARNING_RATE * (1.0 - step as f64 / STEPS as f64);
        directions = optimizer.step(rate, directions, gradients);
    }
    let learned = to_vec(directions.vectors.val())?;
    Ok(learned.chunks_exact(latent).map(<[f32]>::to_vec).collect())
}

/// The images of which an attribute is known for certain.
fn sure(attribute: &Attribute) -> Vec<usize> {
    let codes = attribute.codes.iter().enumerate();
    codes
        .filter_map(|(i, code)| (code.abs() == 1.0).then_some(i))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use std::path::Path;

    #[test]
    fn what_is_only_guessed_does_not_steer() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/faces-map");
        let release = LoadedModel::read(&folder, Device::flex()).unwrap();
        let shape = release.model.spec.input;
        let images = Images {
            attributes: vec![Attribute {
                name: "smile".into(),
                codes: vec![0.0, 0.5],
            }],
            ..Images::unlabelled(vec![0; 2 * shape.len()], shape)
        };
        let vectors = vec![vec![1.0, -2.0]];
        let found = improve(&release, &images, 1, vectors.clone()).unwrap();
        assert_eq!(found, vectors);
    }
}
