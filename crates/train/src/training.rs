//! The training loop: AdamW on the negative ELBO, with a checkpoint after every epoch.
//!
//! Everything random (order, binarization, ε) comes from the seed and the epoch's
//! number, so a run that was interrupted and resumed takes the same steps as one
//! that was not.

use crate::architecture::Preset;
use crate::data::Images;
use crate::network::{Graphs, Network};
use crate::objective::elbo;
use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor, TensorData};
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vaelet_model::random;

/// The share of the run over which learning rate and β rise from zero.
const WARM_UP: f64 = 0.05;
/// How slowly the averaged weights follow; about the last thousand steps count.
const AVERAGE_DECAY: f64 = 0.999;

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
    /// Where to compute.
    pub device: Device,
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
    /// Throughput.
    pub images_per_second: f64,
}

/// Where a run is; written beside its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Progress {
    model: String,
    seed: u64,
    epochs: Vec<Epoch>,
}

struct Run {
    network: Network,
    averaged: Network,
    optimizer: ModuleOptimizer,
    progress: Progress,
}

/// Trains and returns the averaged network, on the device without autodiff, and the
/// epochs it has seen.
///
/// # Errors
/// A checkpoint that cannot be written or read; the last good one stays as it is.
pub fn train(settings: &Settings, graphs: &Graphs, images: &Images) -> Result<(Network, usize)> {
    let batch = settings.preset.batch;
    ensure!(
        images.count() >= batch,
        "{} images are too few: a step takes {batch}",
        images.count(),
    );
    let mut run = Run::start(settings, graphs)?;
    let epochs = match settings.mode {
        Mode::Start | Mode::Resume => settings.epochs,
        Mode::Export => run.progress.epochs.len(),
    };
    for epoch in run.progress.epochs.len()..epochs {
        let measured = run.epoch(settings, graphs, images, epoch)?;
        run.progress.epochs.push(measured);
        run.save(&settings.run)?;
        eprintln!(
            "epoch {:>3}/{}: loss {:.2}  reconstruction {:.2}  KL {:.2} nats  {:.0} images/s",
            epoch + 1,
            settings.epochs,
            measured.reconstruction + measured.kl,
            measured.reconstruction,
            measured.kl,
            measured.images_per_second,
        );
    }
    Ok((run.averaged, run.progress.epochs.len()))
}

impl Run {
    fn start(settings: &Settings, graphs: &Graphs) -> Result<Self> {
        let device = settings.device.clone().autodiff();
        let name = &settings.preset.spec.name;
        let folder = settings.run.join("checkpoint");
        let fresh = Self {
            network: Network::init(graphs, settings.seed, &device),
            averaged: Network::init(graphs, settings.seed, &settings.device),
            optimizer: AdamWConfig::new()
                .with_epsilon(1e-8)
                .with_weight_decay(1e-4)
                .init(),
            progress: Progress {
                model: name.clone(),
                seed: settings.seed,
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
        epoch: usize,
    ) -> Result<Epoch> {
        let Preset {
            batch,
            learning_rate,
            beta,
            ..
        } = settings.preset;
        let device = settings.device.clone().autodiff();
        let latent = settings.preset.spec.latent_size();
        let steps = images.count() / batch;
        let total = steps * settings.epochs;
        let mut rng = Pcg64Mcg::seed_from_u64(settings.seed.wrapping_add((epoch as u64) << 32));
        let mut order: Vec<usize> = (0..images.count()).collect();
        order.shuffle(&mut rng);

        let bar = progress_bar(steps, epoch, settings.epochs)?;
        let start = Instant::now();
        let (mut reconstruction, mut kl) = (0.0, 0.0);
        for (i, chosen) in order.chunks_exact(batch).enumerate() {
            let step = epoch * steps + i;
            let done = step as f64 / total as f64;
            let x = images_tensor(binarize(images, chosen, &mut rng), batch, &device);
            let epsilon = random::normals(rng.next_u64(), batch * latent);
            let epsilon = Tensor::from_data(TensorData::new(epsilon, [batch, latent]), &device);

            let elbo = elbo(&self.network, graphs, x, epsilon);
            let (nats, divergence) = (elbo.reconstruction.mean(), elbo.kl.sum() / batch as f32);
            let beta = f64::from(beta) * (done / WARM_UP).min(1.0);
            let loss = nats.clone() + divergence.clone() * beta;
            let grads = GradientsParams::from_grads(loss.backward(), &self.network);
            let rate = learning_rate * schedule(done);
            let network = self.network.clone();
            self.network = self.optimizer.step(rate, network, grads);
            let decay = AVERAGE_DECAY.min((1 + step) as f64 / (10 + step) as f64);
            self.averaged = self.averaged.clone().average(&self.network, decay);

            let (nats, divergence) = (nats.into_scalar::<f32>(), divergence.into_scalar::<f32>());
            ensure!(
                (nats + divergence).is_finite(),
                "the loss is no longer a number in epoch {}; continue from the last checkpoint \
                 with --resume, or start over with another --seed",
                epoch + 1,
            );
            reconstruction += f64::from(nats);
            kl += f64::from(divergence);
            bar.inc(1);
            if i % 10 == 0 {
                let speed = ((i + 1) * batch) as f64 / start.elapsed().as_secs_f64();
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
            images_per_second: (steps * batch) as f64 / start.elapsed().as_secs_f64(),
        })
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

/// Draws each pixel as a coin with its grey value as probability: the dynamic
/// binarization that likelihoods on MNIST are reported with (Burda et al. 2016).
pub fn binarize(images: &Images, chosen: &[usize], rng: &mut Pcg64Mcg) -> Vec<f32> {
    chosen
        .iter()
        .flat_map(|&i| images.image(i))
        .map(|&grey| {
            let uniform_255 = (u64::from(rng.next_u32()) * 255) >> 32;
            f32::from(u8::from(uniform_255 < u64::from(grey)))
        })
        .collect()
}

/// `[N, H · W · C]` on `device`.
pub fn images_tensor(values: Vec<f32>, count: usize, device: &Device) -> Tensor<2> {
    let len = values.len() / count;
    Tensor::from_data(TensorData::new(values, [count, len]), device)
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
    use vaelet_model::Tensors;

    fn images() -> Images {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let (count, len) = (300, 28 * 28);
        Images {
            pixels: (0..count * len).map(|_| rng.next_u32() as u8).collect(),
            len,
            labels: vec![0; count],
        }
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
            device: Device::flex(),
        };
        train(&settings, &graphs, &images())?.0.to_tensors(&graphs)
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

    #[test]
    fn a_pixel_is_ink_as_often_as_it_is_grey() {
        let images = Images {
            pixels: vec![0, 51, 204, 255],
            len: 4,
            labels: vec![0],
        };
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let draws = binarize(&images, &[0; 20_000], &mut rng);
        let share = |i: usize| draws.iter().skip(i).step_by(4).sum::<f32>() / 20_000.0;
        assert_eq!((share(0), share(3)), (0.0, 1.0));
        assert!((share(1) - 0.2).abs() < 0.01 && (share(2) - 0.8).abs() < 0.01);
    }
}
