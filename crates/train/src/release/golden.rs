//! `golden.safetensors`: what burn makes of a few images, by which both runtimes prove that they are
//! right.

use super::loaded::LoadedModel;
use crate::data::Images;
use crate::network::{Labelled, to_vec};
use crate::training::objective::{Elbo, elbo, log_normal};
use anyhow::Result;
use vaelet_model::{Tensors, channels_first, latent, random};

/// Images and latents in the golden file.
const GOLDEN: usize = 2;

/// Seed of everything random in the golden file.
const SEED: u64 = 7;

/// Inputs and burn's outputs, with the weights as released, so that every runtime can
/// prove that it is right. Images are `[N, C, H, W]`, figures `[N]` in nats: −log p(x | z) of the
/// images as they are, the KL to the own prior and log p(z), for the z of `epsilon`; `classes` `[N]`
/// are those of images and samples, where the model has a condition. A decoder that reads what is written reads the images.
pub(super) fn golden(release: &LoadedModel, test: &Images) -> Result<Tensors> {
    let spec = &release.model.spec;
    let (input, latent) = (spec.input, spec.latent_size());
    let step = test.count() / GOLDEN;
    // Of several classes, where the model has a condition.
    let next = usize::from(spec.condition.is_some());
    let chosen: Vec<usize> = (0..GOLDEN).map(|i| i * (step + next)).collect();
    let images = test.floats(&chosen);
    let epsilon = random::normals(SEED, GOLDEN * latent);
    let x = release.labelled(test, &chosen);
    let classes = test.classes(&chosen);
    let texts = x.values.clone();
    let (mean, log_var) = release.network.encode(&release.graphs, x.clone());
    let (mean, log_var) = (to_vec(mean)?, to_vec(log_var)?);
    let z = latent::reparameterize(&mean, &log_var, &epsilon, 1.0);
    let Elbo {
        reconstruction: nats,
        divergence,
        kl,
        z: drawn,
        ..
    } = elbo(
        &release.network,
        &release.graphs,
        spec.likelihood,
        x.clone(),
        x,
        release.latents(epsilon.clone()),
    );
    let log_prior = match release.network.prior() {
        Some(prior) => prior.log(drawn),
        None => log_normal(drawn),
    };
    // A decoder that reads its text gets that of the images: what it would write itself may hang on the last bit.
    let decode = |z: Vec<f32>| {
        let z = Labelled {
            written: Some(texts.clone()),
            ..release.given(release.latents(z), &classes)
        };
        let images = to_vec(release.network.decode(&release.graphs, z))?;
        anyhow::Ok(channels_first(&images, input.channels, input.len()))
    };
    let reconstruction = decode(z.clone())?;
    let sample = decode(release.priors.sample(SEED, GOLDEN, 1.0))?;

    let image = vec![GOLDEN, input.channels, input.height, input.width];
    let vector = vec![GOLDEN, latent];
    let figure = vec![GOLDEN];
    let tensor = |shape: &Vec<usize>, data| vaelet_model::Tensor {
        shape: shape.clone(),
        data,
    };
    let mut tensors: Tensors = [
        ("images", tensor(&image, images)),
        ("epsilon", tensor(&vector, epsilon)),
        ("mean", tensor(&vector, mean)),
        ("log_var", tensor(&vector, log_var)),
        ("z", tensor(&vector, z)),
        ("reconstruction", tensor(&image, reconstruction)),
        ("reconstruction_nats", tensor(&figure, to_vec(nats)?)),
        ("kl", tensor(&figure, to_vec(divergence)?)),
        ("log_prior", tensor(&figure, to_vec(log_prior)?)),
        ("kl_to_standard_normal", tensor(&vector, to_vec(kl)?)),
        ("sample", tensor(&image, sample)),
    ]
    .map(|(name, tensor)| (name.to_string(), tensor))
    .into();
    if spec.condition.is_some() {
        let classes = classes.iter().map(|&class| class as f32).collect();
        tensors.insert("classes".into(), tensor(&figure, classes));
    }
    Ok(tensors)
}
