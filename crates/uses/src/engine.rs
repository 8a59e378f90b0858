//! A model made ready for its uses.

use crate::{Error, Observation, Result};
use vaelet_cpu::{CpuRuntime, CpuVjp};
use vaelet_model::latent::Posterior;
use vaelet_model::{EntryPoint, ImageShape, Likelihood, Model, Priors, Wrt};

/// Seed and number of the latents in [`Bank`].
const BANK_SEED: u64 = 29;
const BANK: usize = 512;
/// Most values of all its pictures: 32 MB.
const BANK_VALUES: usize = 1 << 23;
/// How many are made at a time.
const BANK_STEP: usize = 4;

/// A model with its CPU runtime, the gradients of its decoder, and its prior.
pub struct Engine {
    pub(crate) input: ImageShape,
    pub(crate) likelihood: Likelihood,
    pub(crate) latent: usize,
    pub(crate) priors: Priors,
    pub(crate) hash: [u8; 8],
    runtime: CpuRuntime,
    decoder: CpuVjp,
    bank: Option<Bank>,
}

/// Samples of the prior with their pictures, among which inference looks for places to start where
/// the encoder cannot be trusted: it has never seen a picture with a hole.
#[derive(Default)]
pub(crate) struct Bank {
    /// `[N, latent]`
    pub latents: Vec<f32>,
    /// `[N, C, H, W]`; fewer while it is being made.
    pub pictures: Vec<f32>,
    /// Their mean, `[C, H, W]`.
    pub mean: Vec<f32>,
}

impl Engine {
    /// Takes copies of the parameters that it needs.
    ///
    /// # Errors
    /// A model without a decoder, one of sequences, or one with a condition: what the class of an observation
    /// is, nothing here asks for.
    pub fn new(model: &Model) -> Result<Self> {
        if model.spec.classes() > 0 {
            let found = "one with a condition";
            return Err(Error::argument("model", "one without a condition", found));
        }
        if model.spec.likelihood.is_categorical() {
            return Err(Error::argument(
                "model",
                "one of pictures",
                "one of sequences",
            ));
        }
        let decoder = CpuVjp::new(model, EntryPoint::Decode, Wrt::Inputs);
        let decoder = decoder.ok_or_else(|| Error::argument("model", "a decoder", "none"))?;
        let sha = &model.spec.weights.sha256;
        let byte = |i: usize| {
            let digits = sha.get(2 * i..2 * i + 2);
            digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
        };
        Ok(Self {
            input: model.spec.input,
            likelihood: model.spec.likelihood,
            latent: model.spec.latent_size(),
            priors: Priors::of(model),
            hash: std::array::from_fn(|i| byte(i).unwrap_or(0)),
            runtime: CpuRuntime::new(model),
            decoder,
            bank: None,
        })
    }

    /// Shape of a picture.
    pub fn input(&self) -> ImageShape {
        self.input
    }

    /// p(x | z).
    pub fn likelihood(&self) -> Likelihood {
        self.likelihood
    }

    /// Number of latent variables.
    pub fn latent(&self) -> usize {
        self.latent
    }

    /// q(z | x) of pictures `[N, C, H, W]`.
    pub fn encode(&mut self, pictures: &[f32]) -> Posterior {
        self.runtime.encode(pictures)
    }

    /// The mean of p(x | z), `[N, C, H, W]`, of latents `[N, latent]`.
    pub fn decode(&mut self, z: &[f32]) -> Vec<f32> {
        self.runtime.decode(z)
    }

    /// For each of the latents `[N, latent]`: the picture, log p(observation | z), log p(z), and the
    /// gradient of their sum, `[N, latent]`.
    pub(crate) fn ascend(&mut self, observation: &Observation, z: &[f32]) -> Slope {
        let pictures = self.decoder.forward(&[z]).pop().unwrap_or_default();
        let mut by_picture = vec![0.0; pictures.len()];
        let len = self.input.len();
        let items = pictures
            .chunks_exact(len)
            .zip(by_picture.chunks_exact_mut(len));
        let likelihood = items.map(|(picture, gradient)| {
            observation.log_likelihood(self.likelihood, self.input, picture, gradient)
        });
        let likelihood: Vec<f64> = likelihood.collect();
        let mut gradient = self
            .decoder
            .backward(&[&by_picture])
            .pop()
            .unwrap_or_default();
        let mut prior = Vec::new();
        let items = z
            .chunks_exact(self.latent)
            .zip(gradient.chunks_exact_mut(self.latent));
        for (z, gradient) in items {
            let (log, slope) = self.priors.log_density_gradient(z);
            prior.push(log);
            for (sum, slope) in gradient.iter_mut().zip(slope) {
                *sum += slope as f32;
            }
        }
        Slope {
            pictures,
            likelihood,
            prior,
            gradient,
        }
    }

    /// Makes a few of the samples among which inference looks where the encoder cannot be trusted.
    /// Whether there are more to make. Inference makes those that are missing at once, so this is for
    /// whoever has to do other things in between.
    pub fn prepare(&mut self) -> bool {
        let len = self.input.len();
        let count = BANK.min(BANK_VALUES / len).max(1);
        let priors = &self.priors;
        let bank = self.bank.get_or_insert_with(|| Bank {
            latents: priors.sample(BANK_SEED, count, 1.0),
            pictures: Vec::with_capacity(count * len),
            mean: vec![0.0; len],
        });
        let made = bank.pictures.len() / len;
        let next = (made + BANK_STEP).min(count);
        let z = &bank.latents[made * self.latent..next * self.latent];
        if z.is_empty() {
            return false;
        }
        let pictures = self.runtime.decode(z);
        for picture in pictures.chunks_exact(len) {
            for (mean, value) in bank.mean.iter_mut().zip(picture) {
                *mean += value / count as f32;
            }
        }
        bank.pictures.extend(pictures);
        next < count
    }

    /// The samples among which inference looks.
    pub(crate) fn bank(&mut self) -> &Bank {
        while self.prepare() {}
        self.bank.get_or_insert_default()
    }
}

/// What [`Engine::ascend`] gives.
pub(crate) struct Slope {
    pub pictures: Vec<f32>,
    pub likelihood: Vec<f64>,
    pub prior: Vec<f64>,
    pub gradient: Vec<f32>,
}
