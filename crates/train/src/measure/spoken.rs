//! Whether what a model of spoken words says is understood: a classifier that has learned the words from
//! pictures of real ones reads the pictures of what is heard, so that the way through sound and back counts.

use crate::data::{Images, batch};
use crate::measure::classifier::{BATCH, Classifier, Training};
use crate::network::to_vec;
use crate::release::loaded::LoadedModel;
use anyhow::Result;
use burn::tensor::activation::{log_softmax, softmax};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use vaelet_model::{Data, LogMel, latent};
use vaelet_sound::{Speaking, listen};

/// Of the reader.
const TRAINING: Training = Training {
    steps: 1200,
    learning_rate: 2e-3,
    weight_decay: 1e-3,
    seed: 17,
};
/// Samples from the prior, and their seed.
const SAMPLES: usize = 500;
const SEED: u64 = 7;
/// The share that a class has where the reader is sure.
const SURE: f32 = 0.9;
/// Pictures read at once.
const READ: usize = 250;

/// Figures of a model of sounds that have classes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spoken {
    /// How often the reader names the class of a test picture.
    pub right_data: f64,
    /// The same of the sound of a test picture: what the way through sound costs.
    pub right_sound: f64,
    /// The same of the sound of its reconstruction.
    pub right_reconstruction: f64,
    /// Share of test pictures of which the reader is sure.
    pub sure_data: f64,
    /// The same of the sounds of samples from the model's own prior, and from N(0, I).
    pub sure_samples: f64,
    /// See [`Spoken::sure_samples`].
    pub sure_normal: f64,
    /// Mean distance of a test picture from the picture of its reconstruction's sound, in decibels.
    pub distance: f64,
    /// How many samples.
    pub samples: usize,
}

/// What the reader makes of pictures.
struct Heard {
    right: f64,
    sure: f64,
}

/// Measures what the model says; none where its pictures are no sounds, or have no classes.
///
/// # Errors
/// A device that fails, or a picture that makes no sound.
pub fn measure(release: &LoadedModel, train: &Images, test: &Images) -> Result<Option<Spoken>> {
    let Data::Sound(scale) = release.model.spec.data else {
        return Ok(None);
    };
    let classes = train
        .labels
        .iter()
        .max()
        .map_or(0, |&most| usize::from(most) + 1);
    if classes < 2 {
        return Ok(None);
    }
    eprintln!("listening to the model");
    let reader = train_reader(release, train, classes)?;
    let all = test.spread(usize::MAX);
    let labels = test.classes(&all);
    let real = test.floats(&all);
    let means = release.means(test, &all)?;
    let redrawn = through_sound(&scale, release, &release.decode(means, &[])?)?;
    let (shape, count) = (release.model.spec.input, SAMPLES);
    let sampled = |z: Vec<f32>| -> Result<f64> {
        let heard = through_sound(&scale, release, &release.decode(z, &[])?)?;
        Ok(read(&reader, release, &heard, &[])?.sure)
    };
    let normal = vaelet_model::random::normals(SEED, count * release.model.spec.latent_size());
    let data = read(&reader, release, &real, &labels)?;
    let sound = through_sound(&scale, release, &real)?;
    let apart = real
        .iter()
        .zip(&redrawn)
        .map(|(a, b)| f64::from((a - b).abs()));
    Ok(Some(Spoken {
        right_data: data.right,
        sure_data: data.sure,
        right_sound: read(&reader, release, &sound, &labels)?.right,
        right_reconstruction: read(&reader, release, &redrawn, &labels)?.right,
        sure_samples: sampled(release.priors.sample(SEED, count, 1.0))?,
        sure_normal: sampled(normal)?,
        distance: apart.sum::<f64>() / (all.len() * shape.len()) as f64 * f64::from(scale.range),
        samples: count,
    }))
}

/// The pictures of what pictures `[N, 1, H, W]` sound like.
fn through_sound(scale: &LogMel, release: &LoadedModel, pictures: &[f32]) -> Result<Vec<f32>> {
    let shape = release.model.spec.input;
    let pictures: Vec<&[f32]> = pictures.chunks_exact(shape.len()).collect();
    let heard = pictures.into_par_iter().map(|picture| {
        let mut speaking = Speaking::start(scale, shape.height, shape.width, picture)?;
        while speaking.step() {}
        let sound = speaking.finish();
        Ok(listen(
            scale,
            shape.height,
            shape.width,
            &sound,
            scale.rate as f64,
        )?)
    });
    Ok(heard.collect::<Result<Vec<_>>>()?.concat())
}

/// Learns the classes of training pictures.
fn train_reader(release: &LoadedModel, images: &Images, classes: usize) -> Result<Classifier> {
    Classifier::fit(release, images, classes, TRAINING, |chosen, read| {
        let x = release.batch(images, chosen);
        let right = latent::one_hot(&images.classes(chosen), chosen.len(), classes);
        let device = release.device.clone().autodiff();
        let right = batch::to_tensor(right, chosen.len(), &device);
        (log_softmax(read(x), 1) * right).sum().neg() / BATCH as f32
    })
}

/// Reads pictures `[N, 1, H, W]`; without their classes none is right.
fn read(
    reader: &Classifier,
    release: &LoadedModel,
    pictures: &[f32],
    classes: &[usize],
) -> Result<Heard> {
    let len = release.model.spec.input.len();
    let (mut right, mut sure, mut count) = (0, 0, 0);
    for pictures in pictures.chunks(READ * len) {
        let x = batch::to_tensor(pictures.to_vec(), pictures.len() / len, &release.device);
        let shares = to_vec(softmax(reader.logits(x), 1))?;
        for shares in shares.chunks_exact(shares.len() * len / pictures.len()) {
            let most = (0..shares.len()).max_by(|&a, &b| shares[a].total_cmp(&shares[b]));
            right += usize::from(most.is_some() && most == classes.get(count).copied());
            sure += usize::from(most.is_some_and(|most| shares[most] >= SURE));
            count += 1;
        }
    }
    let share = |part: usize| part as f64 / count.max(1) as f64;
    Ok(Heard {
        right: share(right),
        sure: share(sure),
    })
}
