//! The training loop: AdamW on the negative ELBO, with a checkpoint after every epoch.
//!
//! Everything random (order, binarization, ε) comes from the seed and the epoch's
//! number, so a run that was interrupted and resumed takes the same steps as one
//! that was not.

use crate::adversary::Adversary;
use crate::architecture::Preset;
use crate::batch;
use crate::curves;
use crate::data::Images;
use crate::network::{Graphs, Network, to_vec};
use crate::objective::{Encoder, elbo, optimal_sigma};
use crate::picture::{grid, save};
use crate::step::{self, Batch};
use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vaelet_model::runtime::channels_first;
use vaelet_model::{Likelihood, Model, Priors, random};

/// The share of the run over which learning rate and β rise from zero.
const WARM_UP: f64 = 0.05;
/// How slowly the averaged weights follow; about the last thousand steps count.
const AVERAGE_DECAY: f64 = 0.999;
/// How slowly a Gaussian's σ follows the error of the last steps.
const SIGMA_DECAY: f32 = 0.95;
/// One of so many training images is held out, where any are.
const HELD_OUT: usize = 20;
/// The averaged weights of the epoch that did best on those.
const BEST: &str = "best.bpk";
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
}

impl Settings {
    fn device(&self) -> &Device {
        &self.devices[0]
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
        "{} images are too few: a step takes {batch}",
        parts.training.len(),
    );
    let mut run = Run::start(settings, graphs)?;
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
            let nats = run.validate(settings, graphs, images, &parts.held_out)?;
            measured.validation = Some(nats);
            if run.progress.best().is_none_or(|(_, best)| nats < best) {
                let best = run.averaged.clone().into_record();
                best.save(settings.run.join(BEST))?;
            }
        }
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
        let record = ModuleRecord::load(settings.run.join(BEST))?;
        run.averaged = run.averaged.try_load_record(record)?;
    }
    Ok(Trained {
        likelihood: run.likelihood(settings),
        network: run.averaged,
        epochs: run.progress.epochs.len(),
    })
}

impl Run {
    fn start(settings: &Settings, graphs: &Graphs) -> Result<Self> {
        let device = settings.device().clone().autodiff();
        let name = &settings.preset.spec.name;
        let folder = settings.run.join("checkpoint");
        let network = |device: &Device| match &settings.begin {
            Some(model) => Network::of(model, device),
            None => Ok(Network::init(graphs, settings.seed, device)),
        };
        let Preset {
            spec, adversarial, ..
        } = &settings.preset;
        let adversary = || Adversary::new(spec.input, settings.seed, &device);
        let sigma = match spec.likelihood {
            Likelihood::Gaussian { sigma } => sigma,
            Likelihood::Bernoulli => 1.0,
        };
        let fresh = Self {
            network: network(&device)?,
            averaged: network(settings.device())?,
            adversary: adversarial.then(adversary).transpose()?,
            optimizer: AdamWConfig::new()
                .with_epsilon(1e-8)
                .with_weight_decay(1e-4)
                .init(),
            progress: Progress {
                model: name.clone(),
                seed: settings.seed,
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
        let loaded = fresh
            .load(&folder)
            .with_context(|| format!("no checkpoint that can be used in {}", folder.display()))?;
        let progress = &loaded.progress;
        ensure!(
            progress.model == *name && progress.seed == settings.seed,
            "{} is a run of `{}` with seed {}, not of `{name}` with seed {}",
            folder.display(),
            progress.model,
            progress.seed,
            settings.seed,
        );
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
        let latent = settings.preset.spec.latent_size();
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
            let values = if augment {
                batch::augmented(images, chosen, &mut rng)
            } else {
                batch::of(likelihood, images, chosen, &mut rng)
            };
            let batch = Batch {
                images: values,
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
                    let whole = batch.part(0, 1, &device);
                    step::sharpen(
                        network, graphs, likelihood, adversary, rate, whole, &mut rng,
                    )
                }
            };
            let network = self.network.clone();
            self.network = self.optimizer.step(rate, network, found.gradients);
            let decay = AVERAGE_DECAY.min((1 + step) as f64 / (10 + step) as f64);
            self.averaged = self.averaged.clone().average(&self.network, decay);

            let (nats, divergence) = (found.reconstruction, found.divergence);
            ensure!(
                (nats + divergence).is_finite(),
                "the loss is no longer a number in epoch {}; continue from the last checkpoint \
                 with --resume, or start over with another --seed",
                epoch + 1,
            );
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

    /// −ELBO of the held-out images under the averaged weights, in nats per image; noise and
    /// binarization are the same each time.
    fn validate(
        &self,
        settings: &Settings,
        graphs: &Graphs,
        images: &Images,
        held_out: &[usize],
    ) -> Result<f64> {
        let likelihood = self.likelihood(settings);
        let latent = settings.preset.spec.latent_size();
        let mut rng = Pcg64Mcg::seed_from_u64(settings.seed);
        let mut nats = 0.0;
        for chosen in held_out.chunks(settings.preset.batch) {
            let count = chosen.len();
            let x = batch::of(likelihood, images, chosen, &mut rng);
            let x = batch::to_tensor(x, count, settings.device());
            let epsilon = random::normals(rng.next_u64(), count * latent);
            let epsilon = batch::to_tensor(epsilon, count, settings.device());
            let (network, encoder) = (&self.averaged, Encoder::Learns);
            let elbo = elbo(network, graphs, encoder, likelihood, x, epsilon);
            let sum = (elbo.reconstruction + elbo.divergence).sum();
            nats += f64::from(sum.into_scalar::<f32>());
        }
        Ok(nats / held_out.len() as f64)
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
        let (count, latent) = (SIDE * SIDE, spec.latent_size());
        let z = match &settings.begin {
            Some(model) => Priors::of(model).sample(settings.seed, count, 1.0),
            None => random::normals(settings.seed, count * latent),
        };
        let z = batch::to_tensor(z, count, settings.device());
        let images = to_vec(self.averaged.decode(graphs, z))?;
        let images = channels_first(&images, spec.input.channels, spec.input.len());
        let picture = grid(&images, spec.input, SIDE)?;
        save(&picture, &settings.run.join("samples.png"))
    }

    /// Writes a whole new checkpoint, and only then replaces the last one.
    fn save(&self, run: &Path) -> Result<()> {
        let (folder, next, last) = (
            run.join("checkpoint"),
            run.join("checkpoint.next"),
            run.join("checkpoint.last"),
        );
        let write = || -> Result<()> {
            let _ = fs::remove_dir_all(&next);
            fs::create_dir_all(&next)?;
            self.network
                .clone()
                .into_record()
                .save(next.join("network.bpk"))?;
            self.averaged
                .clone()
                .into_record()
                .save(next.join("averaged.bpk"))?;
            self.optimizer.save(next.join("optimizer.bpk"))?;
            if let Some(adversary) = &self.adversary {
                adversary.save(&next)?;
            }
            fs::write(
                next.join("progress.json"),
                serde_json::to_vec(&self.progress)?,
            )?;
            let _ = fs::remove_dir_all(&last);
            if folder.exists() {
                fs::rename(&folder, &last)?;
            }
            fs::rename(&next, &folder)?;
            Ok(())
        };
        write().with_context(|| {
            format!(
                "cannot write a checkpoint to {}; the last one is kept. Free some space and \
                 continue with --resume",
                run.display(),
            )
        })
    }

    fn load(self, folder: &Path) -> Result<Self> {
        let progress = fs::read(folder.join("progress.json"))?;
        let progress = serde_json::from_slice(&progress)?;
        let record = |name| ModuleRecord::load(folder.join(name));
        Ok(Self {
            network: self.network.try_load_record(record("network.bpk")?)?,
            averaged: self.averaged.try_load_record(record("averaged.bpk")?)?,
            optimizer: self.optimizer.load(folder.join("optimizer.bpk"))?,
            adversary: self.adversary.map(|judge| judge.load(folder)).transpose()?,
            progress,
        })
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
    use crate::architecture::preset;
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

    fn run(folder: &Path, epochs: usize, mode: Mode) -> Result<Tensors> {
        let preset = preset("digits").context("the preset")?;
        let (encoder, decoder) = preset.spec.graphs()?;
        let graphs = Graphs { encoder, decoder };
        let settings = Settings {
            preset,
            epochs,
            seed: 3,
            run: folder.into(),
            mode,
            begin: None,
            devices: vec![Device::flex()],
        };
        train(&settings, &graphs, &images())?
            .network
            .to_tensors(&graphs)
    }

    #[test]
    fn an_interrupted_run_loses_one_epoch_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let [whole, cut] = ["whole", "cut"].map(|name| dir.path().join(name));
        let expected = run(&whole, 2, Mode::Start).unwrap();

        // A run is cut off in its second epoch: the first one's checkpoint is there, and
        // the second one's half written.
        fs::create_dir_all(&cut).unwrap();
        let stopped = cut.join("checkpoint.next");
        copy_first_epoch(&whole, &cut);
        fs::create_dir(&stopped).unwrap();
        fs::write(stopped.join("network.bpk"), "half").unwrap();
        assert_eq!(run(&cut, 2, Mode::Resume).unwrap(), expected);
    }

    /// The checkpoint before the last, as a run leaves it.
    fn copy_first_epoch(from: &Path, to: &Path) {
        fs::create_dir(to.join("checkpoint")).unwrap();
        for file in fs::read_dir(from.join("checkpoint.last")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join("checkpoint").join(file.file_name())).unwrap();
        }
    }

    #[test]
    fn a_run_is_not_overwritten_and_a_bad_checkpoint_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = run(dir.path(), 1, Mode::Resume).unwrap_err().to_string();
        assert!(missing.contains("no checkpoint"), "{missing}");
        fs::create_dir(dir.path().join("checkpoint")).unwrap();
        let taken = run(dir.path(), 1, Mode::Start).unwrap_err().to_string();
        assert!(taken.contains("--resume"), "{taken}");
    }
}
