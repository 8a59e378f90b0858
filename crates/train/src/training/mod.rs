//! The training loop: AdamW on the negative ELBO, with a checkpoint after every epoch.
//!
//! Everything random (order, binarization, ε) comes from the seed and the epoch's
//! number, so a run that was interrupted and resumed takes the same steps as one
//! that was not.

pub mod adversary;
pub mod curves;
pub mod objective;
pub mod step;

use crate::data::Images;
use crate::data::batch;
use crate::files::atomic::{self, Next};
use crate::files::picture::{grid, save};
use crate::network::efficientnet::EfficientNet;
use crate::network::{Graphs, Labelled, Network, to_vec};
use crate::presets::Preset;
use crate::training::adversary::Adversary;
use crate::training::objective::{elbo, optimal_sigma};
use anyhow::{Context, Error, Result, anyhow, ensure};
use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::Device;
use flate2::Crc;
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use step::{Batch, Rows};
use vaelet_model::channels_first;
use vaelet_model::{Input, Likelihood, Model, Priors, latent, random};

/// The share of the run over which learning rate and β rise from zero.
const WARM_UP: f64 = 0.05;
/// How slowly the averaged weights follow; about the last thousand steps count.
const AVERAGE_DECAY: f64 = 0.999;
/// How slowly a Gaussian's σ follows the error of the last steps.
const SIGMA_DECAY: f32 = 0.95;
/// One of so many training images is held out, where any are.
const HELD_OUT: usize = 20;
/// Where a run's folder has all that it takes to go on, of one and the same epoch.
const CHECKPOINT: &str = "checkpoint";
/// The averaged weights of the epoch that did best on held-out images, in a checkpoint.
const BEST: &str = "best.bpk";
/// Where the run is, in a checkpoint.
const PROGRESS: &str = "progress.json";
/// By how much a smaller rate is advised where a loss is no longer a number.
const SLOWER: f64 = 0.25;
/// Side of the grid of samples that is saved after each epoch.
const SIDE: usize = 8;

/// What a run needs to know beside its data.
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
    /// Where to begin and where to end.
    pub mode: Mode,
    /// A model to begin with, instead of random parameters. Its learned prior learns on.
    pub begin: Option<Model>,
    /// Where to compute: devices that share each batch, one or more. The parameters live on
    /// the first.
    pub devices: Vec<Device>,
    /// What a decoder is sharpened in, on the first device with autodiff.
    pub features: Option<EfficientNet>,
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
struct Progress {
    model: String,
    seed: u64,
    /// What else must be the same for a run to go on: see [`conditions`]. Runs of earlier
    /// versions do not say.
    #[serde(default)]
    conditions: BTreeMap<String, String>,
    /// Of a Gaussian likelihood.
    sigma: f32,
    epochs: Vec<Epoch>,
}

impl Progress {
    /// The epoch that did best on held-out images, and their −ELBO.
    fn best(&self) -> Option<(usize, f64)> {
        let measured = self.epochs.iter().enumerate();
        let measured = measured.filter_map(|(i, epoch)| Some((i, epoch.validation?)));
        measured.min_by(|a, b| a.1.total_cmp(&b.1))
    }
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

struct Run {
    network: Network,
    averaged: Network,
    optimizer: ModuleOptimizer,
    adversary: Option<Adversary>,
    progress: Progress,
}

/// What training gives.
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
        "{} images for training are too few, a step takes {batch}: add more of them",
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
            eprintln!("no better −ELBO on held-out images: training stops");
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
            eprintln!("    the judge gives data {real:.2} and pictures {made:.2}");
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

impl Run {
    fn start(settings: &Settings, graphs: &Graphs, images: &Images) -> Result<Self> {
        let device = settings.device().clone().autodiff();
        let name = &settings.preset.spec.name;
        let folder = settings.run.join(CHECKPOINT);
        atomic::recover(&folder)?;
        let network = |device: &Device| match &settings.begin {
            Some(model) => Network::of(model, device),
            None => Ok(Network::init(graphs, settings.seed, device)),
        };
        let Preset {
            spec, adversarial, ..
        } = &settings.preset;
        let features = settings.features.clone().filter(|_| *adversarial);
        let judge = |features| Adversary::new(spec.input, features, settings.seed, &device);
        let sigma = match spec.likelihood {
            Likelihood::Gaussian { sigma } => sigma,
            Likelihood::Bernoulli => 1.0,
        };
        let fresh = Self {
            network: network(&device)?,
            averaged: network(settings.device())?,
            adversary: features.map(judge),
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
                "{} holds an earlier run; continue it with --resume, or delete the folder",
                folder.display(),
            );
            return Ok(fresh);
        }
        ensure!(
            folder.is_dir(),
            "{} has no checkpoint; begin without --resume",
            settings.run.display(),
        );
        let progress = Progress::read(&folder)?;
        progress.check(&fresh.progress, &folder)?;
        let loaded = fresh.load(progress, &folder)?;
        let progress = &loaded.progress;
        eprintln!(
            "{}: {} epochs done",
            folder.display(),
            progress.epochs.len()
        );
        Ok(loaded)
    }

    fn epoch(
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
            augment,
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
        let mut order = training.to_vec();
        order.shuffle(&mut rng);

        let bar = progress_bar(steps, epoch, settings.epochs)?;
        let start = Instant::now();
        let (mut reconstruction, mut kl) = (0.0, 0.0);
        for (i, chosen) in order.chunks_exact(size).enumerate() {
            let step = epoch * steps + i;
            let done = step as f64 / total as f64;
            let likelihood = self.likelihood(settings);
            let values = match (augment, &self.adversary) {
                (true, None) => batch::augmented(images, chosen, &mut rng),
                (true, Some(_)) => batch::mirrored(images, chosen, &mut rng),
                (false, _) => batch::of(likelihood, images, chosen, &mut rng),
            };
            let input = Rows::new(values, images, chosen, classes);
            // A font's other characters are what an encoder of one of them has to know of.
            let target = (!images.groups.is_empty()).then(|| {
                let partners = batch::partners(images, chosen, &mut rng);
                let values = batch::of(likelihood, images, &partners, &mut rng);
                Rows::new(values, images, &partners, classes)
            });
            let batch = Batch {
                input,
                target,
                epsilon: random::normals(rng.next_u64(), size * latent),
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
                    let beta = f64::from(beta) * warmth;
                    step::learn(network, graphs, likelihood, beta, &batch, devices)
                }
                Some(adversary) => {
                    let (input, _, epsilon) = batch.part(0, 1, &device);
                    let count = size.div_ceil(2);
                    let imagined = settings.imagined(rng.next_u64(), count);
                    let imagined = batch::to_tensor(imagined, count, &device);
                    let inputs = [input.values, epsilon, imagined];
                    // The judge does not slow down with the decoder: it has to stay ahead.
                    let pace = learning_rate;
                    step::sharpen(
                        network, graphs, likelihood, adversary, pace, inputs, &mut rng,
                    )?
                }
            };
            let (nats, divergence) = (found.reconstruction, found.divergence);
            if !(nats + divergence).is_finite() {
                return Err(self.diverged(settings));
            }
            let network = self.network.clone();
            self.network = self.optimizer.step(rate, network, found.gradients);
            let decay = AVERAGE_DECAY.min((1 + step) as f64 / (10 + step) as f64);
            self.averaged = self.averaged.clone().average(&self.network, decay);
            if let Likelihood::Gaussian { sigma } = likelihood {
                let sigma = optimal_sigma(sigma, nats, len);
                self.progress.sigma =
                    SIGMA_DECAY * self.progress.sigma + (1.0 - SIGMA_DECAY) * sigma;
            }
            reconstruction += f64::from(nats);
            kl += f64::from(divergence);
            bar.inc(1);
            if i % 10 == 0 {
                let speed = ((i + 1) * size) as f64 / start.elapsed().as_secs_f64();
                bar.set_message(format!(
                    "loss {:.1}  KL {divergence:.1} nats  {speed:.0} images/s",
                    nats + divergence,
                ));
            }
        }
        bar.finish_and_clear();
        Ok(Epoch {
            reconstruction: reconstruction / steps as f64,
            kl: kl / steps as f64,
            validation: None,
            images_per_second: (steps * size) as f64 / start.elapsed().as_secs_f64(),
        })
    }

    /// −ELBO of the chosen images under `network`, in nats per image; noise and binarization
    /// are the same each time.
    fn negative_elbo(
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
                count,
            };
            let (input, target, epsilon) = batch.part(0, 1, settings.device());
            let elbo = elbo(network, graphs, likelihood, input, target, epsilon);
            let sum = (elbo.reconstruction + elbo.divergence).sum();
            nats += f64::from(sum.into_scalar::<f32>());
        }
        nats / chosen.len() as f64
    }

    /// Fails where an epoch has left anything that is not a number, before it is saved: the
    /// last step of an epoch has no loss after it to show that.
    fn check(
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

    /// What to do where training has left the numbers. The same steps from the same checkpoint
    /// would end there again, so the advice is to take smaller ones.
    fn diverged(&self, settings: &Settings) -> Error {
        let (done, rate) = (
            self.progress.epochs.len(),
            settings.preset.learning_rate * SLOWER,
        );
        let advice = match done {
            0 => format!("begin again with smaller steps: --learning-rate {rate}"),
            _ => format!(
                "the checkpoint of epoch {done} is from before that: go on from it with smaller \
                 steps, --resume --learning-rate {rate}"
            ),
        };
        anyhow!(
            "the loss is no longer a number in epoch {}; {advice}",
            done + 1
        )
    }

    /// Whether the last `patience` epochs were no better than one before.
    fn is_stuck(&self, patience: Option<usize>) -> bool {
        let best = self.progress.best();
        patience
            .zip(best)
            .is_some_and(|(patience, (best, _))| self.progress.epochs.len() > best + patience)
    }

    /// p(x | z) as it is now.
    fn likelihood(&self, settings: &Settings) -> Likelihood {
        match settings.preset.spec.likelihood {
            Likelihood::Bernoulli => Likelihood::Bernoulli,
            Likelihood::Gaussian { .. } => Likelihood::Gaussian {
                sigma: self.progress.sigma,
            },
        }
    }

    /// Saves samples of the averaged network, to look at on the way: from the prior that it
    /// began with, or from N(0, I).
    fn preview(&self, settings: &Settings, graphs: &Graphs) -> Result<()> {
        let spec = &settings.preset.spec;
        let count = SIDE * SIDE;
        let z = settings.imagined(settings.seed, count);
        let classes: Vec<usize> = (0..count).map(|i| i % spec.classes().max(1)).collect();
        let given = latent::one_hot(&classes, count, spec.classes());
        let z = Labelled {
            values: batch::to_tensor(z, count, settings.device()),
            condition: (!given.is_empty())
                .then(|| batch::to_tensor(given, count, settings.device())),
        };
        let images = to_vec(self.averaged.decode(graphs, z))?;
        let images = channels_first(&images, spec.input.channels, spec.input.len());
        let picture = grid(&images, spec.input, SIDE)?;
        save(&picture, &settings.run.join("samples.png"))
    }

    /// Writes a whole new checkpoint, and only then replaces the last one.
    fn save(&self, run: &Path) -> Result<()> {
        let folder = run.join(CHECKPOINT);
        let write = || -> Result<()> {
            let next = Next::empty(&folder)?;
            let file = |name: &str| next.folder().join(name);
            self.network
                .clone()
                .into_record()
                .save(file("network.bpk"))?;
            let averaged = self.averaged.clone().into_record();
            averaged.save(file("averaged.bpk"))?;
            if let Some((best, _)) = self.progress.best() {
                let from = match best + 1 == self.progress.epochs.len() {
                    true => file("averaged.bpk"),
                    false => folder.join(BEST),
                };
                fs::copy(from, file(BEST))?;
            }
            self.optimizer.save(file("optimizer.bpk"))?;
            if let Some(adversary) = &self.adversary {
                adversary.save(next.folder())?;
            }
            fs::write(file(PROGRESS), serde_json::to_vec(&self.progress)?)?;
            next.replace()?;
            Ok(())
        };
        write().with_context(|| {
            let advice = match folder.is_dir() {
                true => "the last one is kept. Free some space and continue with --resume",
                false => "there was none before. Free some space and begin again",
            };
            format!("cannot write a checkpoint to {}; {advice}", run.display())
        })
    }

    fn load(self, progress: Progress, folder: &Path) -> Result<Self> {
        Ok(Self {
            network: load(self.network, &folder.join("network.bpk"))?,
            averaged: load(self.averaged, &folder.join("averaged.bpk"))?,
            optimizer: self
                .optimizer
                .load(folder.join("optimizer.bpk"))
                .with_context(|| damaged(&folder.join("optimizer.bpk")))?,
            adversary: self
                .adversary
                .map(|judge| judge.load(folder))
                .transpose()
                .with_context(|| damaged(&folder.join("judge.*")))?,
            progress,
        })
    }
}

impl Progress {
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(PROGRESS);
        let json = fs::read(&path).with_context(|| damaged(&path))?;
        serde_json::from_slice(&json).with_context(|| damaged(&path))
    }

    /// Fails where the run in `folder`, which `self` is of, cannot go on as `wanted`.
    fn check(&self, wanted: &Self, folder: &Path) -> Result<()> {
        let differs = |what: &str, was: &dyn Display, is: &dyn Display| {
            let folder = folder.display();
            Err(anyhow!(
                "{folder} is a run with {what} {was}, and this command is for {is}; give the \
                 same again, or begin another run in a folder of its own with --run"
            ))
        };
        if self.model != wanted.model {
            return differs("the model", &self.model, &wanted.model);
        }
        if self.seed != wanted.seed {
            return differs("--seed", &self.seed, &wanted.seed);
        }
        for (what, was) in &self.conditions {
            match wanted.conditions.get(what) {
                Some(is) if is != was => return differs(what, was, is),
                _ => {}
            }
        }
        Ok(())
    }
}

/// What a run's steps follow from beside its seed, by name.
fn conditions(preset: &Preset, images: &Images) -> BTreeMap<String, String> {
    let checksum = |bytes: &[u8]| {
        let mut crc = Crc::new();
        crc.update(bytes);
        crc.sum()
    };
    let Preset { spec, .. } = preset;
    let layers = format!("{:?}", (&spec.encoder, &spec.decoder));
    let (count, pixels) = (images.count(), checksum(&images.pixels));
    let Input { height, width, .. } = spec.input;
    let layers = checksum(layers.as_bytes());
    [
        ("a size of", format!("{width}×{height}")),
        ("layers", format!("{layers:08x}")),
        ("images", format!("{count} (checksum {pixels:08x})")),
        ("a batch of", preset.batch.to_string()),
        ("a weight of the KL term of", preset.beta.to_string()),
        ("augmentation", preset.augment.to_string()),
        ("images held out", preset.patience.is_some().to_string()),
    ]
    .map(|(what, value)| (what.to_string(), value))
    .into()
}

fn load(network: Network, path: &Path) -> Result<Network> {
    let load = || Ok(network.try_load_record(ModuleRecord::load(path)?)?);
    load().map_err(|error: Error| error.context(damaged(path)))
}

fn damaged(path: &Path) -> String {
    format!(
        "{} cannot be used: the checkpoint is damaged, or of another network. Delete its folder \
         and begin again, or use the one before, .checkpoint.last, in its place",
        path.display(),
    )
}

/// What takes a network's steps: AdamW (Loshchilov and Hutter 2019), without momentum against a
/// judge, which moves.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::growth::grown;
    use crate::network::growth::tests::untrained;
    use crate::presets::{pictures, preset, sharpened};
    use vaelet_model::{Input, Tensors};

    fn images() -> Images {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let (count, len) = (300, 28 * 28);
        let pixels = (0..count * len).map(|_| rng.next_u32() as u8).collect();
        let shape = Input {
            channels: 1,
            height: 28,
            width: 28,
        };
        Images::unlabelled(pixels, shape)
    }

    fn settings(folder: &Path, epochs: usize, mode: Mode) -> Settings {
        Settings {
            preset: preset("digits-beta-1").unwrap(),
            epochs,
            seed: 3,
            run: folder.into(),
            mode,
            begin: None,
            devices: vec![Device::flex()],
            features: None,
        }
    }

    fn train_as(settings: &Settings, images: &Images) -> Result<Tensors> {
        let [encoder, decoder] = settings.preset.spec.chains()?;
        let graphs = Graphs { encoder, decoder };
        train(settings, &graphs, images)?
            .network
            .to_tensors(&graphs)
    }

    fn run(folder: &Path, epochs: usize, mode: Mode) -> Result<Tensors> {
        train_as(&settings(folder, epochs, mode), &images())
    }

    /// What a person reads where that fails.
    fn failure(settings: &Settings, images: &Images) -> String {
        format!("{:#}", train_as(settings, images).unwrap_err())
    }

    #[test]
    fn an_interrupted_run_loses_one_epoch_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let [whole, cut] = ["whole", "cut"].map(|name| dir.path().join(name));
        let expected = run(&whole, 2, Mode::Start).unwrap();

        // A run is cut off in its second epoch: the first one's checkpoint is there, and
        // the second one's half written.
        fs::create_dir_all(&cut).unwrap();
        let stopped = cut.join(".checkpoint.next");
        fs::rename(whole.join(".checkpoint.last"), cut.join(CHECKPOINT)).unwrap();
        fs::create_dir(&stopped).unwrap();
        fs::write(stopped.join("network.bpk"), "half").unwrap();
        assert_eq!(run(&cut, 2, Mode::Resume).unwrap(), expected);

        // Another between the two renames of its last checkpoint.
        fs::write(cut.join(CHECKPOINT).join("complete"), "").unwrap();
        fs::rename(cut.join(CHECKPOINT), &stopped).unwrap();
        assert_eq!(run(&cut, 2, Mode::Export).unwrap(), expected);
    }

    #[test]
    fn sharpening_goes_on_as_if_it_had_not_been_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let plain = pictures(
            "any",
            "Any",
            crate::cli::args::subject("dot,dots").unwrap(),
            "",
            16,
        );
        let preset = sharpened(plain.clone(), 2);
        let device = Device::flex().autodiff();
        let with = |name: &str, mode| Settings {
            preset: Preset {
                batch: 4,
                patience: None,
                ..preset.clone()
            },
            begin: Some(grown(untrained(&plain.spec), &preset.spec).unwrap()),
            features: Some(EfficientNet::tiny(&device)),
            ..settings(&dir.path().join(name), 2, mode)
        };
        let shape = plain.spec.input;
        let pixels = (0..8 * shape.len()).map(|i| (i * i / 7) as u8).collect();
        let images = Images::unlabelled(pixels, shape);
        let expected = train_as(&with("whole", Mode::Start), &images).unwrap();
        let last = dir.path().join("whole/.checkpoint.last");
        fs::create_dir(dir.path().join("cut")).unwrap();
        fs::rename(last, dir.path().join("cut").join(CHECKPOINT)).unwrap();
        let resumed = train_as(&with("cut", Mode::Resume), &images).unwrap();
        assert_eq!(resumed, expected);
    }

    #[test]
    fn a_run_is_not_overwritten_and_goes_on_only_as_it_began() {
        let dir = tempfile::tempdir().unwrap();
        let resume = settings(dir.path(), 1, Mode::Resume);
        let missing = failure(&resume, &images());
        assert!(missing.contains("no checkpoint"), "{missing}");
        run(dir.path(), 1, Mode::Start).unwrap();
        let start = settings(dir.path(), 1, Mode::Start);
        let taken = failure(&start, &images());
        assert!(taken.contains("--resume"), "{taken}");

        let with = |change: &dyn Fn(&mut Settings)| {
            let mut changed = resume.clone();
            change(&mut changed);
            failure(&changed, &images())
        };
        let mut brighter = images();
        brighter.pixels[0] ^= 1;
        for (error, words) in [
            (failure(&resume, &brighter), "images 300 (checksum"),
            (with(&|s| s.seed = 4), "--seed 3"),
            (
                with(&|s| s.preset = preset("digits").unwrap()),
                "the model digits-beta-1",
            ),
            (
                with(&|s| s.preset.beta = 2.0),
                "a weight of the KL term of 1",
            ),
            (with(&|s| s.preset.batch = 64), "a batch of 128"),
            (
                with(&|s| s.preset.patience = Some(3)),
                "images held out false",
            ),
        ] {
            assert!(error.contains(words), "{words} is not in: {error}");
        }
    }

    #[test]
    fn a_damaged_checkpoint_is_named() {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), 1, Mode::Start).unwrap();
        let resume = settings(dir.path(), 1, Mode::Resume);
        for name in ["network.bpk", "averaged.bpk", "optimizer.bpk", PROGRESS] {
            let path = dir.path().join(CHECKPOINT).join(name);
            let whole = fs::read(&path).unwrap();
            let half = &whole[..whole.len() / 2];
            for damaged in [half, &[], b"nothing of the kind", b"{}"] {
                fs::write(&path, damaged).unwrap();
                let error = failure(&resume, &images());
                assert!(error.contains(name) && error.contains("damaged"), "{error}");
            }
            fs::remove_file(&path).unwrap();
            assert!(failure(&resume, &images()).contains(name));
            fs::write(&path, whole).unwrap();
        }
        train_as(&resume, &images()).unwrap();
    }

    #[test]
    fn a_loss_that_is_no_number_is_not_saved_and_the_advice_works() {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = settings(dir.path(), 1, Mode::Start);
        let rate = settings.preset.learning_rate;
        settings.preset.learning_rate = 1e38;
        let error = failure(&settings, &images());
        assert!(error.contains("epoch 1; begin again") && error.contains("--learning-rate"));

        settings.preset.learning_rate = rate;
        train_as(&settings, &images()).unwrap();
        let before = fs::read(dir.path().join("checkpoint/network.bpk")).unwrap();
        // In the middle of an epoch, and with the last of its steps.
        (settings.mode, settings.epochs) = (Mode::Resume, 3);
        let mut few = settings.clone();
        few.run = dir.path().join("few");
        for (settings, images) in [(&mut settings, images()), (&mut few, first(&images(), 128))] {
            if settings.run != dir.path() {
                (settings.mode, settings.epochs) = (Mode::Start, 1);
                train_as(settings, &images).unwrap();
                (settings.mode, settings.epochs) = (Mode::Resume, 3);
            }
            settings.preset.learning_rate = 1e38;
            let error = failure(settings, &images);
            assert!(error.contains("--resume --learning-rate 25000"), "{error}");
            settings.preset.learning_rate = rate * SLOWER;
            settings.epochs = 2;
            train_as(settings, &images).unwrap();
        }
        let last = fs::read(dir.path().join(".checkpoint.last/network.bpk")).unwrap();
        assert_eq!(last, before);
    }

    fn first(images: &Images, count: usize) -> Images {
        let pixels = images.pixels[..count * images.shape.len()].to_vec();
        Images::unlabelled(pixels, images.shape)
    }
}
