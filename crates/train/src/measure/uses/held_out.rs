//! How well a model tells a class of images that it has never seen: for each class a small model is
//! trained without it, as the page trains one, and given a learned prior, as those that are released.

use super::{Row, SEED, Use, detect, spread};
use crate::data::Images;
use crate::measure::prior_fit;
use crate::release::calibration;
use anyhow::Result;
use rayon::prelude::*;
use vaelet_learn::{Augmentation, Design, Judging, Network, Pictures, Run, Settings};
use vaelet_model::{
    Likelihood, Model, Precision, WeightsFile, latent, random, read_tensors, write_tensors,
};
use vaelet_uses::Engine;

/// Passes over the images of the other classes, and images in a step.
const EPOCHS: usize = 5;
const BATCH: usize = 128;
const LATENTS: usize = 16;
/// Gaussians of the learned prior, and images that it is fitted to.
const COMPONENTS: usize = 30;
const FITTED: usize = 8_000;

/// A row for each class, and their mean.
pub(super) fn measure(
    likelihood: Likelihood,
    train: &Images,
    test: &Images,
    count: usize,
) -> Result<Vec<Row>> {
    let last = test.labels.iter().max().copied().unwrap_or_default();
    let each: Vec<(f64, f64, usize)> = (0..=last)
        .into_par_iter()
        .map(|class| {
            let model = without(class, likelihood, train)?;
            let mut engine = Engine::new(&model)?;
            let calibration = calibration::of(&mut engine, &those(test, |label| label != class))?;
            let strangers = spread(&those(test, |label| label == class), count);
            let [whole, place] = detect::aurocs(&mut engine, &strangers, &calibration)?;
            eprintln!("class {class}, of which a model has learned nothing: {whole:.3} AUROC");
            Ok((whole, place, strangers.len() / test.shape.len()))
        })
        .collect::<Result<_>>()?;
    let row = |what: String, whole, place, images| {
        let beside = [("by one place", place)];
        Row::new(Use::HeldOut, what, whole, "AUROC", &beside, images)
    };
    let n = each.len() as f64;
    let [whole, place] = [0, 1].map(|i| each.iter().map(|e| [e.0, e.1][i]).sum::<f64>() / n);
    let all = each.iter().map(|e| e.2).sum();
    let mean = format!("mean of {} classes", each.len());
    let mut rows = vec![row(mean, whole, place, all)];
    for (class, (whole, place, images)) in each.into_iter().enumerate() {
        rows.push(row(format!("class {class}"), whole, place, images));
    }
    Ok(rows)
}

/// A small model of all classes but one.
fn without(class: u8, likelihood: Likelihood, train: &Images) -> Result<Model> {
    let others = those(train, |label| label != class);
    let design = Design {
        network: Network::Mlp,
        latents: LATENTS,
        shape: train.shape,
        likelihood,
        one: "image".into(),
        many: "images".into(),
    };
    let settings = Settings {
        batch: BATCH,
        rate: 1e-3,
        beta: 1.0,
        warm_up: 100,
        free: 0.0,
        seed: SEED,
        augmentation: Augmentation::None,
        binarize: others.binarize && likelihood == Likelihood::Bernoulli,
        judging: Judging::None,
    };
    let steps = EPOCHS * others.count() / BATCH;
    let pictures = Pictures::new(others.pixels.clone(), train.shape)?;
    let mut run = Run::new(design, pictures, settings)?;
    for _ in 0..steps {
        run.step()?;
    }
    let (json, weights) = run.trainer().files(|_| {})?;
    let model = Model::read(&json, &weights)?;
    let posterior = Engine::new(&model)?.encode(&spread(&others, FITTED));
    let noise = random::normals(SEED, posterior.mean.len());
    let draws = latent::reparameterize(&posterior.mean, &posterior.log_var, &noise, 1.0);
    let mut spec = model.spec;
    let mut tensors = read_tensors("weights", &weights)?;
    let components = COMPONENTS.min(draws.len() / LATENTS / 20).max(1);
    tensors.extend(prior_fit::fit(&mut spec.latents, components, &draws)?);
    let weights = write_tensors("weights", &tensors, Precision::F16)?;
    spec.weights = WeightsFile::describe("weights", &weights);
    Ok(Model::read(&spec.to_json()?, &weights)?)
}

/// The images whose class is wanted.
fn those(images: &Images, is_wanted: impl Fn(u8) -> bool) -> Images {
    let chosen = (0..images.count()).filter(|&i| is_wanted(images.labels[i]));
    let pixels = chosen.flat_map(|i| images.image(i).iter().copied());
    Images {
        binarize: images.binarize,
        ..Images::unlabelled(pixels.collect(), images.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vaelet_model::ImageShape;

    #[test]
    fn those_of_a_class_are_chosen() {
        let shape = ImageShape {
            channels: 1,
            height: 1,
            width: 2,
        };
        let images = Images {
            labels: vec![0, 1, 0],
            ..Images::unlabelled(vec![1, 2, 3, 4, 5, 6], shape)
        };
        assert_eq!(those(&images, |label| label == 0).pixels, [1, 2, 5, 6]);
        assert_eq!(those(&images, |label| label != 0).pixels, [3, 4]);
    }
}
