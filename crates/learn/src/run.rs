//! A run of training: which batch comes next, how fast it goes, and how it is continued.

use crate::checkpoint;
use crate::objective::Losses;
use crate::pictures::{binarize, generator};
use crate::trainer::Numbers;
use crate::{Design, Error, Judging, Pace, Pictures, Result, Settings, Trainer};
use rand_core::Rng;
use vaelet_cpu::CpuRuntime;
use vaelet_model::latent::{self, Posterior};
use vaelet_model::{Tensors, channels_first, random};

/// Steps over which the learning rate rises.
const RISE: u32 = 20;
/// Steps between copies of the state to which a run returns if its loss is no longer a number.
const SAFE: u32 = 100;
/// What the learning rate is multiplied with then.
const SLOWER: f32 = 0.25;

/// Training of one network on pictures.
pub struct Run {
    design: Design,
    pub(crate) trainer: Trainer,
    pub(crate) pictures: Pictures,
    settings: Settings,
    order: Vec<u32>,
    /// The epoch that `order` is of.
    epoch: Option<u64>,
    pub(crate) batch: Vec<f32>,
    /// The state some steps ago, and the one before.
    pub(crate) safe: [Numbers; 2],
}

/// One batch on its way through the network and back.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// Number of pictures, N.
    pub count: usize,
    /// What was encoded, `[N, C, H, W]`.
    pub x: Vec<f32>,
    /// q(z | x), `[N, latent]` each.
    pub posterior: Posterior,
    /// σ of it.
    pub sigma: Vec<f32>,
    /// ε, `[N, latent]`
    pub epsilon: Vec<f32>,
    /// z = μ + σ ε, `[N, latent]`
    pub z: Vec<f32>,
    /// The mean of p(x | z), `[N, C, H, W]`.
    pub y: Vec<f32>,
    /// Gradient of the loss with respect to the logits, `[N, C, H, W]`.
    pub of_logits: Vec<f32>,
    /// Gradients of the weights and biases, by name.
    pub gradients: Tensors,
    /// How far each parameter has moved, by name.
    pub moved: Tensors,
    /// The loss.
    pub losses: Losses,
}

impl Run {
    /// A run from fresh parameters.
    ///
    /// # Errors
    /// A setting out of range, or pictures of another shape than the design's.
    pub fn new(design: Design, pictures: Pictures, settings: Settings) -> Result<Self> {
        settings.check()?;
        if design.shape != pictures.shape() {
            return Err(Error::Setting {
                name: "the shape of the pictures",
                found: "another one".into(),
                expected: "that of the network",
            });
        }
        let trainer = Trainer::new(design.describe()?, settings.seed)?
            .judged(settings.judging, settings.seed)?;
        let safe = [trainer.state.clone(), trainer.state.clone()];
        Ok(Self {
            design,
            trainer,
            pictures,
            settings,
            order: Vec::new(),
            epoch: None,
            batch: Vec::new(),
            safe,
        })
    }

    /// Begins with this tensor of a trained model. Returns `false` if the network has none of this name and length.
    pub fn begin_with(&mut self, name: &str, values: &[f32]) -> bool {
        let found = self.trainer.set(name, values);
        self.safe = [self.trainer.state.clone(), self.trainer.state.clone()];
        found
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes β, the learning rate or the free bits from the next step on.
    ///
    /// # Errors
    /// A setting out of its range, which changes nothing.
    pub fn set_pace(&mut self, pace: Pace) -> Result<()> {
        let Pace { rate, beta, free } = pace;
        let settings = Settings {
            rate,
            beta,
            free,
            ..self.settings
        };
        settings.check()?;
        self.settings = settings;
        Ok(())
    }

    /// The trainer.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// The pictures.
    pub fn pictures(&self) -> &Pictures {
        &self.pictures
    }

    /// Passes over the pictures so far.
    pub fn epochs(&self) -> f64 {
        f64::from(self.trainer.steps()) * self.settings.batch as f64 / self.pictures.count() as f64
    }

    /// Learning rate and β of the next step.
    pub fn pace(&self) -> Pace {
        self.pace_after(self.trainer.steps())
    }

    /// Those of the step after so many.
    pub(crate) fn pace_after(&self, steps: u32) -> Pace {
        let Settings {
            rate,
            beta,
            free,
            warm_up,
            ..
        } = self.settings;
        let risen = |over: u32| match over {
            0 => 1.0,
            over => ((steps + 1) as f32 / over as f32).min(1.0),
        };
        Pace {
            rate: rate * risen(RISE),
            beta: beta * risen(warm_up),
            free,
        }
    }

    /// A step. Returns its losses.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is no longer a number; the state is then that of an earlier step.
    pub fn step(&mut self) -> Result<Losses> {
        let pace = self.pace();
        let epsilon = self.batch_after(self.trainer.steps());
        let losses = self.trainer.step(&self.batch, &epsilon, pace);
        if !losses.is_finite() {
            return Err(self.go_back());
        }
        if self.trainer.steps().is_multiple_of(SAFE) {
            self.remember();
        }
        Ok(losses)
    }

    /// Keeps a copy of the state, and of the one before.
    pub(crate) fn remember(&mut self) {
        self.safe.swap(0, 1);
        self.safe[0].clone_from(&self.trainer.state);
    }

    /// A step of which everything is shown for its first `count` pictures.
    ///
    /// # Errors
    /// As [`Run::step`], and [`Error::Setting`] where there is no encoder.
    pub fn follow(&mut self, count: usize) -> Result<Followed> {
        if self.settings.judging == Judging::Alone {
            return Err(Error::Setting {
                name: "the network",
                found: "one without an encoder".into(),
                expected: "one with an encoder, so that a picture can be followed through it",
            });
        }
        let before = self.trainer.parameters();
        let pace = self.pace();
        let epsilon = self.batch_after(self.trainer.steps());
        let losses = self.trainer.step(&self.batch, &epsilon, pace);
        if !losses.is_finite() {
            return Err(self.go_back());
        }
        let (input, size) = (self.pictures.shape(), epsilon.len() / self.settings.batch);
        let count = count.min(self.settings.batch);
        let images = |values: &[f32]| {
            channels_first(&values[..count * input.len()], input.channels, input.len())
        };
        let [posterior, logits] = self.trainer.outputs();
        let posterior = Posterior::from_encoder(&posterior[..2 * count * size], size);
        let epsilon = epsilon[..count * size].to_vec();
        let mut y = images(logits);
        for value in &mut y {
            *value = 1.0 / (1.0 + libm::expf(-*value));
        }
        let mut moved = self.trainer.parameters();
        for (name, tensor) in &mut moved {
            for (value, before) in tensor.data.iter_mut().zip(&before[name].data) {
                *value -= before;
            }
        }
        let log_var = posterior.log_var.iter();
        Ok(Followed {
            count,
            sigma: log_var.map(|v| libm::expf(0.5 * v)).collect(),
            x: images(&self.batch),
            z: latent::reparameterize(&posterior.mean, &posterior.log_var, &epsilon, 1.0),
            posterior,
            epsilon,
            y,
            of_logits: images(self.trainer.output_gradients()[1]),
            gradients: self.trainer.gradients(),
            moved,
            losses,
        })
    }

    /// Fills the batch of the step after so many and returns its noise, `[batch, latent]`.
    pub(crate) fn batch_after(&mut self, step: u32) -> Vec<f32> {
        let Settings {
            batch,
            seed,
            augmentation,
            binarize: binary,
            ..
        } = self.settings;
        let mut rng = generator(seed, step);
        let (first, count) = (u64::from(step) * batch as u64, self.pictures.count() as u64);
        self.batch.clear();
        for place in first..first + batch as u64 {
            let epoch = place / count;
            if self.epoch != Some(epoch) {
                self.pictures.shuffle(seed, epoch, &mut self.order);
                self.epoch = Some(epoch);
            }
            let picture = self.order[(place % count) as usize] as usize;
            self.pictures
                .draw(picture, augmentation, &mut rng, &mut self.batch);
        }
        if binary {
            binarize(&mut self.batch, &mut rng);
        }
        random::normals(rng.next_u64(), batch * self.trainer.kl().len())
    }

    /// Takes the older of the two safe states back.
    pub(crate) fn go_back(&mut self) -> Error {
        let failed = self.trainer.steps() + 1;
        self.trainer.state.clone_from(&self.safe[1]);
        self.safe[0].clone_from(&self.trainer.state);
        self.trainer.load();
        self.epoch = None;
        Error::Diverged {
            failed,
            good: self.trainer.steps(),
            advice: self.settings.rate * SLOWER,
        }
    }

    /// A runtime of the averaged weights, which samples, reconstructs and shows the map.
    pub fn runtime(&self) -> CpuRuntime {
        CpuRuntime::new(&self.trainer.model())
    }

    /// A few of the pictures, evenly spread, `[count, C, H, W]`.
    pub fn examples(&self, count: usize) -> Vec<f32> {
        let shape = self.pictures.shape();
        channels_first(&self.pictures.spread(count), shape.channels, shape.len())
    }

    /// Pictures as [`Run::measure`] needs them, `[N, C, H, W]`, and the noise for them: the same at each call.
    pub fn measured(&self, pictures: &Pictures) -> (Vec<f32>, Vec<f32>) {
        let (count, shape) = (pictures.count(), pictures.shape());
        let mut rng = generator(self.settings.seed, 0);
        let mut x = channels_first(&pictures.spread(count), shape.channels, shape.len());
        if self.settings.binarize {
            binarize(&mut x, &mut rng);
        }
        let noise = random::normals(rng.next_u64(), count * self.trainer.kl().len());
        (x, noise)
    }

    /// The losses of pictures that are not learned from: `x` of [`Run::measured`], their posterior, and the pictures that
    /// were decoded from one sample each.
    pub fn measure(&self, x: &[f32], posterior: &Posterior, y: &[f32]) -> Losses {
        let len = self.pictures.shape().len();
        let kl = latent::kl_to_standard_normal(&posterior.mean, &posterior.log_var);
        let pairs = x.chunks(len).zip(y.chunks(len));
        let likelihood = self.trainer.likelihood();
        let nats = pairs.map(|(x, y)| latent::reconstruction(likelihood, x, y));
        let count = (x.len() / len) as f32;
        Losses {
            reconstruction: nats.sum::<f32>() / count,
            kl: kl.iter().sum::<f32>() / count,
            verdict: None,
        }
    }

    /// Everything but the pictures, from which [`Run::restore`] goes on exactly.
    pub fn checkpoint(&self) -> Vec<u8> {
        checkpoint::write(&self.design, &self.settings, &self.trainer.state)
    }

    /// A run that goes on from a checkpoint with the same pictures.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for bytes that are none, or of another length than the network's.
    pub fn restore(bytes: &[u8], pictures: Pictures) -> Result<Self> {
        let (design, settings, state) = checkpoint::read(bytes)?;
        let mut run = Self::new(design, pictures, settings)?;
        let lens = |state: &Numbers| [state.values[0].len(), state.judge[0].len()];
        if lens(&state) != lens(&run.trainer.state) {
            return Err(Error::Checkpoint("it is of another network"));
        }
        run.safe = [state.clone(), state.clone()];
        run.trainer.state = state;
        run.trainer.load();
        Ok(run)
    }
}
