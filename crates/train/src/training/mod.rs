//! The training loop: AdamW on the negative ELBO, with a checkpoint after every epoch.
//!
//! Everything random (order, binarization, ε) comes from the seed and the epoch's
//! number, so a run that was interrupted and resumed takes the same steps as one
//! that was not.

pub mod adversary;
mod checkpoint;
mod curves;
#[cfg(test)]
mod equal;
pub mod objective;
mod progress;
mod run;
pub mod snapshots;
mod step;
#[cfg(test)]
mod tests;

use crate::data::Images;
use crate::network::efficientnet::EfficientNet;
use crate::network::{Graphs, Network};
use crate::presets::Preset;
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use checkpoint::{BEST, CHECKPOINT, load};
use run::Run;
use std::fs;
use std::path::PathBuf;
use vaelet_model::{Likelihood, Model, Priors, random};

/// One of so many training images is held out, where any are.
const HELD_OUT: usize = 20;

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What to build and how to train it.
    pub preset: Preset,
    /// Passes over the data.
    pub epochs: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Folder for checkpoints.
    pub run: PathBuf,
    /// How the run begins and ends.
    pub mode: Mode,
    /// A model to start from instead of random parameters. Its learned prior is trained too.
    pub begin: Option<Model>,
    /// Where to compute: devices that share each batch, one or more. The parameters live on
    /// the first.
    pub devices: Vec<Device>,
    /// The network in whose features a decoder is sharpened, on the first device with autodiff.
    pub features: Option<EfficientNet>,
    /// Passes over the data, in parts too, after which the network is also kept beside the checkpoint.
    pub snapshots: Vec<f64>,
}

impl Settings {
    fn device(&self) -> &Device {
        &self.devices[0]
    }

    /// Latents `[count, latent]` from the prior of the model that it begins with, or from N(0, I).
    fn imagined(&self, seed: u64, count: usize) -> Vec<f32> {
        match &self.begin {
            Some(model) => Priors::of(model).sample(seed, count, 1.0),
            None => random::normals(seed, count * self.preset.spec.latent_size()),
        }
    }
}

/// How a run begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// From fresh parameters.
    Start,
    /// From the last checkpoint.
    Resume,
    /// The last checkpoint as it is.
    Export,
}

/// Which of the training images are trained on, and which are held out to notice when a
/// network begins to learn the others by heart.
struct Parts {
    training: Vec<usize>,
    held_out: Vec<usize>,
}

impl Parts {
    fn of(count: usize, holds_out: bool) -> Self {
        let (held_out, training) =
            (0..count).partition(|i| holds_out && i % HELD_OUT == HELD_OUT - 1);
        Self { training, held_out }
    }
}

/// The result of training.
pub struct Trained {
    /// The averaged network, on the device without autodiff.
    pub network: Network,
    /// p(x | z) with the σ that fits.
    pub likelihood: Likelihood,
    /// Passes over the data that it has seen.
    pub epochs: usize,
}

/// Trains a network, or takes it from the run's last checkpoint.
///
/// # Errors
/// A checkpoint that cannot be written or read; the last good one stays as it is.
pub fn train(settings: &Settings, graphs: &Graphs, images: &Images) -> Result<Trained> {
    let batch = settings.preset.batch;
    let parts = Parts::of(images.count(), settings.preset.patience.is_some());
    ensure!(
        parts.training.len() >= batch,
        "{} training images are not enough for a batch of {batch}; add more images",
        parts.training.len(),
    );
    let mut run = Run::start(settings, graphs, images)?;
    fs::create_dir_all(&settings.run)
        .with_context(|| format!("cannot create {}", settings.run.display()))?;
    let epochs = match settings.mode {
        Mode::Start | Mode::Resume => settings.epochs,
        Mode::Export => run.progress.epochs.len(),
    };
    for epoch in run.progress.epochs.len()..epochs {
        if run.is_stuck(settings.preset.patience) {
            eprintln!("−ELBO on held-out images did not improve: training stops");
            break;
        }
        let mut measured = run.epoch(settings, graphs, images, &parts.training, epoch)?;
        if settings.preset.patience.is_some() {
            let (network, held_out) = (&run.averaged, &parts.held_out);
            let nats = run.negative_elbo(network, settings, graphs, images, held_out);
            measured.validation = Some(nats);
        }
        run.check(settings, graphs, images, &parts.training)?;
        run.progress.epochs.push(measured);
        run.save(&settings.run)?;
        run.preview(settings, graphs)?;
        curves::save(&run.progress.epochs, &settings.run.join("curves.svg"))?;
        eprintln!(
            "epoch {:>3}/{}: loss {:.2}  reconstruction {:.2}  KL {:.2} nats{}  {:.0} images/s",
            epoch + 1,
            settings.epochs,
            measured.reconstruction + measured.kl,
            measured.reconstruction,
            measured.kl,
            measured
                .validation
                .map_or(String::new(), |nats| format!("  held out {nats:.2}")),
            measured.images_per_second,
        );
        if let Some(adversary) = &run.adversary {
            let (real, made) = adversary.verdicts();
            eprintln!("    mean logits of the discriminator: data {real:.2}, pictures {made:.2}");
        }
    }
    if let Some((epoch, nats)) = run.progress.best() {
        eprintln!(
            "epoch {} was best on held-out images: {nats:.2} nats",
            epoch + 1
        );
        let best = settings.run.join(CHECKPOINT).join(BEST);
        run.averaged = load(run.averaged, &best)?;
    }
    Ok(Trained {
        likelihood: run.likelihood(settings),
        network: run.averaged,
        epochs: run.progress.epochs.len(),
    })
}
