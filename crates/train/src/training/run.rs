//! A run: its state, and the steps of an epoch. Everything random in them comes from the seed and the
//! number of the epoch.

use super::checkpoint::CHECKPOINT;
use super::objective::{Price, elbo};
use super::progress::{Epoch, Progress, conditions};
use super::step::{self, Batch, Rows};
use super::{Mode, Settings, snapshots};
use crate::data::Images;
use crate::data::batch::{self, Augment};
use crate::files::atomic::{self, put};
use crate::files::picture::{grid, save};
use crate::measure::spelled::texts_of;
use crate::network::{Graphs, Labelled, Network, to_vec};
use crate::presets::Preset;
use crate::training::adversary::Adversary;
use anyhow::{Error, Result, anyhow, ensure};
use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::time::Instant;
use vaelet_model::{Data, Likelihood, channels_first, latent, random};

/// The share of the run over which learning rate and β rise from zero.
const WARM_UP: f64 = 0.05;

/// How slowly the averaged weights follow; about the last thousand steps count.
const AVERAGE_DECAY: f64 = 0.999;

/// How slowly a Gaussian's σ follows the error of the last steps.
const SIGMA_DECAY: f32 = 0.95;

/// The factor of the learning rate that is advised when a loss is not a number.
pub(super) const SLOWER: f64 = 0.25;

/// Steps after which their losses are read where no step needs that of the last: a device that is
/// waited for has nothing to do.
const READ_EVERY: usize = 32;

/// Side of the grid of samples that is saved after each epoch.
const SIDE: usize = 8;

pub(super) struct Run {
    pub(super) network: Network,
    pub(super) averaged: Network,
    pub(super) optimizer: ModuleOptimizer,
    pub(super) adversary: Option<Adversary>,
    pub(super) progress: Progress,
}

impl Run {
    pub(super) fn start(settings: &Settings, graphs: &Graphs, images: &Images) -> Result<Self> {
        let device = settings.device().clone().autodiff();
        let name = &settings.preset.spec.name;
        let folder = settings.run.join(CHECKPOINT);
        atomic::recover(&folder)?;
        let Preset {
            spec, adversarial, ..
        } = &settings.preset;
        let read = match settings.preset.regression {
            0.0 => 0,
            _ => images.measures.len(),
        };
        let network = |device: &Device| -> Result<Network> {
            let network = match &settings.begin {
                Some(model) => Network::of(model, device)?,
                None => Network::init(graphs, settings.seed, device),
            };
            Ok(network.with_head([spec.latent_size(), read], device))
        };
        let features = settings.features.clone().filter(|_| *adversarial);
        let adversary = |features| Adversary::new(spec.input, features, settings.seed, &device);
        let sigma = match spec.likelihood {
            Likelihood::Gaussian { sigma } => sigma,
            _ => 1.0,
        };
        let fresh = Self {
            network: network(&device)?,
            averaged: network(settings.device())?,
            adversary: features.map(adversary),
            optimizer: optimizer(*adversarial),
            progress: Progress {
                model: name.clone(),
                seed: settings.seed,
                conditions: conditions(&settings.preset, images),
                sigma,
                epochs: Vec::new(),
            },
        };
        if settings.mode == Mode::Start {
            ensure!(
                !folder.exists(),
                "{} contains an earlier run; continue it with --resume, or delete the folder",
                folder.display(),
            );
            snapshots::clear(&settings.run)?;
            return Ok(fresh);
        }
        ensure!(
            folder.is_dir(),
            "{} has no checkpoint; start without --resume",
            settings.run.display(),
        );
        let progress = Progress::read(&folder)?;
        progress.check(&fresh.progress, &folder)?;
        let loaded = match settings.mode {
            Mode::Export => fresh.load_averaged(progress, &folder)?,
            _ => fresh.load(progress, &folder)?,
        };
        let progress = &loaded.progress;
        eprintln!(
            "{}: {} epochs done",
            folder.display(),
            progress.epochs.len()
        );
        Ok(loaded)
    }

    pub(super) fn epoch(
        &mut self,
        settings: &Settings,
        graphs: &Graphs,
        images: &Images,
        training: &[usize],
        epoch: usize,
    ) -> Result<Epoch> {
        let Preset {
            batch: size,
            learning_rate,
            beta,
            penalty,
            augment,
            regression,
            ..
        } = settings.preset;
        let device = settings.device().clone().autodiff();
        let len = images.shape.len();
        let (latent, classes) = (
            settings.preset.spec.latent_size(),
            settings.preset.spec.classes(),
        );
        let steps = training.len() / size;
        let total = steps * settings.epochs;
        let mut rng = Pcg64Mcg::seed_from_u64(settings.seed.wrapping_add((epoch as u64) << 32));
        let measured = (regression > 0.0).then(|| images.deviations());
        let mut order = training.to_vec();
        order.shuffle(&mut rng);

        let bar = progress_bar(steps, epoch, settings.epochs)?;
        let start = Instant::now();
        let (mut reconstruction, mut kl) = (0.0, 0.0);
        let mut unread: Vec<Tensor<1>> = Vec::new();
        for (i, chosen) in order.chunks_exact(size).enumerate() {
            let step = epoch * steps + i;
            let done = step as f64 / total as f64;
            self.snapshot(settings, graphs, step, steps)?;
            let likelihood = self.likelihood(settings);
            let values = match (augment, &self.adversary) {
                (Augment::Picture, None) => batch::augmented(images, chosen, &mut rng),
                (Augment::Picture, Some(_)) => batch::mirrored(images, chosen, &mut rng),
                (Augment::Sound, _) => batch::spoken(images, chosen, &mut rng),
                (Augment::None | Augment::Text, _) => {
                    batch::of(likelihood, images, chosen, &mut rng)
                }
            };
            let mut input = Rows::new(values, images, chosen, classes);
            // From one character the latent must hold what all characters of the font share.
            let target = (!images.groups.is_empty()).then(|| {
                let partners = batch::partners(images, chosen, &mut rng);
                let values = batch::of(likelihood, images, &partners, &mut rng);
                Rows::new(values, images, &partners, classes)
            });
            let mut epsilon = random::normals(rng.next_u64(), size * latent);
            if augment == Augment::Text {
                input.written = batch::forgotten(&input.images, images.shape, &mut rng);
                epsilon = batch::tempered(epsilon, latent, &mut rng);
            }
            let batch = Batch {
                input,
                target,
                epsilon,
                measured: measured.as_ref().map(|measured| {
                    let rows = chosen
                        .iter()
                        .flat_map(|&i| measured.iter().map(move |of| of[i]));
                    (rows.collect(), regression)
                }),
                count: size,
            };
            let warmth = match settings.begin {
                Some(_) => 1.0,
                None => (done / WARM_UP).min(1.0),
            };
            let rate = learning_rate * schedule(done);
            let (network, devices) = (&self.network, &settings.devices);
            let found = match &mut self.adversary {
                None => {
                    let beta = f64::from(beta);
                    let goal = (Price { beta, of: penalty }, warmth);
                    step::learn(network, graphs, likelihood, goal, &batch, devices)
                }
                Some(adversary) => {
                    let (input, _, epsilon) = batch.part(0, 1, &device);
                    let count = size.div_ceil(2);
                    let imagined = settings.imagined(rng.next_u64(), count);
                    let imagined = batch::to_tensor(imagined, count, &device);
                    let inputs = [input.values, epsilon, imagined];
                    // The discriminator keeps its learning rate: it must stay ahead of the decoder.
                    let pace = learning_rate;
                    step::sharpen(
                        network, graphs, likelihood, adversary, pace, inputs, &mut rng,
                    )?
                }
            };
            let network = self.network.clone();
            self.network = self.optimizer.step(rate, network, found.gradients);
            let decay = AVERAGE_DECAY.min((1 + step) as f64 / (10 + step) as f64);
            self.averaged = self.averaged.clone().average(&self.network, decay);
            unread.push(found.losses);
            let next_needs_it = matches!(likelihood, Likelihood::Gaussian { .. });
            if !next_needs_it && unread.len() < READ_EVERY && i + 1 < steps {
                continue;
            }
            let count = unread.len();
            let losses = to_vec(Tensor::cat(std::mem::take(&mut unread), 0))?;
            for pair in losses.chunks_exact(2) {
                let (nats, divergence) = (pair[0], pair[1]);
                if !(nats + divergence).is_finite() {
                    return Err(self.diverged(settings));
                }
                if let Likelihood::Gaussian { sigma } = likelihood {
                    let sigma = latent::optimal_sigma(sigma, nats, len);
                    self.progress.sigma =
                        SIGMA_DECAY * self.progress.sigma + (1.0 - SIGMA_DECAY) * sigma;
                }
                reconstruction += f64::from(nats);
                kl += f64::from(divergence);
            }
            bar.inc(count as u64);
            if count > 1 || i % 10 == 0 {
                let (nats, divergence) = (losses[0], losses[1]);
                let speed = ((i + 1) * size) as f64 / start.elapsed().as_secs_f64();
                bar.set_message(format!(
                    "loss {:.1}  KL {divergence:.1} nats  {speed:.0} images/s",
                    nats + divergence,
                ));
            }
        }
        bar.finish_and_clear();
        if epoch + 1 == settings.epochs {
            self.snapshot(settings, graphs, total, steps)?;
        }
        Ok(Epoch {
            reconstruction: reconstruction / steps as f64,
            kl: kl / steps as f64,
            validation: None,
            images_per_second: (steps * size) as f64 / start.elapsed().as_secs_f64(),
        })
    }

    /// −ELBO of the chosen images under `network`, in nats per image; noise and binarization
    /// are the same each time.
    pub(super) fn negative_elbo(
        &self,
        network: &Network,
        settings: &Settings,
        graphs: &Graphs,
        images: &Images,
        chosen: &[usize],
    ) -> f64 {
        let likelihood = self.likelihood(settings);
        let latent = settings.preset.spec.latent_size();
        let mut rng = Pcg64Mcg::seed_from_u64(settings.seed);
        let mut nats = 0.0;
        for chosen in chosen.chunks(settings.preset.batch) {
            let count = chosen.len();
            let x = batch::of(likelihood, images, chosen, &mut rng);
            let batch = Batch {
                input: Rows::new(x, images, chosen, settings.preset.spec.classes()),
                target: None,
                epsilon: random::normals(rng.next_u64(), count * latent),
                measured: None,
                count,
            };
            let (input, target, epsilon) = batch.part(0, 1, settings.device());
            let elbo = elbo(network, graphs, likelihood, input, target, epsilon);
            let sum = (elbo.reconstruction + elbo.divergence).sum();
            nats += f64::from(sum.into_scalar::<f32>());
        }
        nats / chosen.len() as f64
    }

    /// Fails if any parameter is not a number after an epoch, before it is saved: no loss is computed
    /// after the last step of an epoch.
    pub(super) fn check(
        &self,
        settings: &Settings,
        graphs: &Graphs,
        images: &Images,
        training: &[usize],
    ) -> Result<()> {
        let some = &training[..settings.preset.batch];
        for network in [&self.network.valid(), &self.averaged] {
            let nats = self.negative_elbo(network, settings, graphs, images, some);
            if !nats.is_finite() {
                return Err(self.diverged(settings));
            }
        }
        Ok(())
    }

    /// The error for a loss that is not a number. The same steps from the same checkpoint would fail
    /// again, so it advises a lower learning rate.
    fn diverged(&self, settings: &Settings) -> Error {
        let (done, rate) = (
            self.progress.epochs.len(),
            settings.preset.learning_rate * SLOWER,
        );
        let advice = match done {
            0 => format!("start again with a lower --learning-rate {rate}"),
            _ => format!(
                "the checkpoint of epoch {done} is not affected: continue from it with \
                 --resume --learning-rate {rate}"
            ),
        };
        anyhow!(
            "the loss is no longer a number in epoch {}; {advice}",
            done + 1
        )
    }

    /// Whether the last `patience` epochs were no better than one before.
    pub(super) fn is_stuck(&self, patience: Option<usize>) -> bool {
        let best = self.progress.best();
        patience
            .zip(best)
            .is_some_and(|(patience, (best, _))| self.progress.epochs.len() > best + patience)
    }

    /// p(x | z) as it is now.
    pub(super) fn likelihood(&self, settings: &Settings) -> Likelihood {
        match settings.preset.spec.likelihood {
            Likelihood::Gaussian { .. } => Likelihood::Gaussian {
                sigma: self.progress.sigma,
            },
            other => other,
        }
    }

    /// Saves samples of the averaged network, to look at on the way: from the prior that it
    /// began with, or from N(0, I).
    pub(super) fn preview(&self, settings: &Settings, graphs: &Graphs) -> Result<()> {
        let spec = &settings.preset.spec;
        let count = SIDE * SIDE;
        let z = settings.imagined(settings.seed, count);
        let classes: Vec<usize> = (0..count).map(|i| i % spec.classes().max(1)).collect();
        let given = latent::one_hot(&classes, count, spec.classes());
        let z = Labelled {
            values: batch::to_tensor(z, count, settings.device()),
            condition: (!given.is_empty())
                .then(|| batch::to_tensor(given, count, settings.device())),
            written: None,
        };
        let decoded = self.averaged.write(graphs, z)?;
        if let Data::Sequence(spelling) = &spec.data {
            let texts = texts_of(spelling, decoded)?.join("\n");
            return put(&settings.run, "samples.txt", texts.as_bytes());
        }
        let images = to_vec(decoded)?;
        let images = channels_first(&images, spec.input.channels, spec.input.len());
        let picture = grid(&images, spec.input, SIDE)?;
        save(&picture, &settings.run.join("samples.png"))
    }
}

/// The optimizer: AdamW (Loshchilov and Hutter 2019), without momentum against a discriminator.
fn optimizer(adversarial: bool) -> ModuleOptimizer {
    let config = AdamWConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(1e-4);
    match adversarial {
        true => config.with_beta_1(0.0).with_beta_2(0.99).init(),
        false => config.init(),
    }
}

/// The share of the highest learning rate when `done` of the run has passed: a linear
/// rise, then half a cosine down to zero (Loshchilov and Hutter 2017).
fn schedule(done: f64) -> f64 {
    let cosine = 0.5 + 0.5 * (std::f64::consts::PI * done).cos();
    cosine * (done / WARM_UP).min(1.0)
}

fn progress_bar(steps: usize, epoch: usize, epochs: usize) -> Result<ProgressBar> {
    let style = "{prefix} {bar:30} {pos}/{len}  {msg}  {eta} left";
    let bar = ProgressBar::new(steps as u64).with_style(ProgressStyle::with_template(style)?);
    bar.set_prefix(format!("epoch {}/{epochs}", epoch + 1));
    Ok(bar)
}
