//! Single steps of training.

use crate::objective::{Losses, divergence, reconstruction};
use crate::settings::weights_file;
use crate::{Error, Result};
use std::ops::Range;
use vaelet_cpu::CpuVjp;
use vaelet_kernels::training::{Adam, State};
use vaelet_model::networks::initial_tensors;
use vaelet_model::{
    EntryPoint, Likelihood, Model, ModelSpec, Params, Precision, Program, Tensor, Tensors, Weights,
    Wrt, latent, write_tensors,
};

/// How slowly the average of the weights follows; about the last thousand steps count.
const AVERAGE_DECAY: f32 = 0.999;
/// How slowly a Gaussian's σ follows the error of the last steps.
const SIGMA_DECAY: f32 = 0.95;

/// The weights of a step's losses, and how far it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Learning rate.
    pub rate: f32,
    /// Weight of the KL term.
    pub beta: f32,
    /// Nats that each latent has free.
    pub free: f32,
}

/// A model that learns.
pub struct Trainer {
    spec: ModelSpec,
    /// Of the model as it is written.
    program: Program,
    vjp: CpuVjp,
    weights: Weights,
    layout: Vec<Place>,
    pub(crate) state: Numbers,
    gradient: Vec<f32>,
    /// KL of each latent in the last step, `[latent]`.
    kl: Vec<f32>,
    /// Gradients of the loss with respect to the posterior and to the logits.
    seeds: [Vec<f32>; 2],
}

/// All that changes from step to step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    /// Parameters, mean and square of their gradients, and their average; each in the order of
    /// `Trainer::layout`.
    pub values: [Vec<f32>; 4],
    /// Number of steps so far.
    pub steps: u32,
    /// Standard deviation of a Gaussian likelihood.
    pub sigma: f32,
}

/// Where a map's parameters are among all.
struct Place {
    params: Params,
    weight: Range<usize>,
    bias: Range<usize>,
}

impl Trainer {
    /// A trainer of fresh parameters.
    ///
    /// # Errors
    /// A description that has a condition, a learned prior, or a decoder that does not end in a sigmoid.
    pub fn new(spec: ModelSpec, seed: u64) -> Result<Self> {
        let tensors = initial_tensors(&spec.chains()?, seed);
        Self::of(spec, tensors)
    }

    /// A trainer that goes on from the parameters of `tensors`.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn of(spec: ModelSpec, tensors: Tensors) -> Result<Self> {
        let program = Program::of(&spec)?;
        let training = program.with_logits().filter(|_| spec.classes() == 0);
        let Some(training) = training.filter(|_| spec.prior_tensors().is_empty()) else {
            return Err(Error::Setting {
                name: "the model",
                found:
                    "one with a condition, with a learned prior, or without a sigmoid at its end"
                        .into(),
                expected: "one without a condition, with N(0, I) as its prior and a sigmoid at its end",
            });
        };
        let mut layout: Vec<Place> = Vec::new();
        let mut parameters = Vec::new();
        for params in program.params() {
            let [(weight, _), (bias, _)] = params.stored();
            let mut place = |name: &str| {
                let start = parameters.len();
                if let Some(tensor) = tensors.get(name) {
                    parameters.extend_from_slice(&tensor.data);
                }
                start..parameters.len()
            };
            layout.push(Place {
                weight: place(&weight),
                bias: place(&bias),
                params: params.clone(),
            });
        }
        let weights = Weights::of(tensors, program.params());
        let vjp = CpuVjp::of(&training, &weights, EntryPoint::Autoencode, Wrt::Weights);
        let Some(vjp) = vjp else {
            unreachable!("the program has just been given this entry point");
        };
        let zeros = || vec![0.0; parameters.len()];
        let sigma = match spec.likelihood {
            Likelihood::Gaussian { sigma } => sigma,
            _ => 1.0,
        };
        Ok(Self {
            kl: vec![0.0; spec.latent_size()],
            gradient: zeros(),
            state: Numbers {
                values: [parameters.clone(), zeros(), zeros(), parameters],
                steps: 0,
                sigma,
            },
            seeds: [Vec::new(), Vec::new()],
            spec,
            program,
            vjp,
            weights,
            layout,
        })
    }

    /// The description, with the likelihood of now.
    pub fn spec(&self) -> ModelSpec {
        ModelSpec {
            likelihood: self.likelihood(),
            ..self.spec.clone()
        }
    }

    /// Number of steps so far.
    pub fn steps(&self) -> u32 {
        self.state.steps
    }

    /// p(x | z) as it is now.
    pub fn likelihood(&self) -> Likelihood {
        match self.spec.likelihood {
            Likelihood::Gaussian { .. } => Likelihood::Gaussian {
                sigma: self.state.sigma,
            },
            other => other,
        }
    }

    /// KL to N(0, 1) of each latent in the last step, in nats.
    pub fn kl(&self) -> &[f32] {
        &self.kl
    }

    /// A step on pictures `[N, H, W, C]` in `[0, 1]` with noise `[N, latent]`. Returns its losses. If they are not numbers,
    /// the parameters stay as they were.
    pub fn step(&mut self, x: &[f32], epsilon: &[f32], pace: Pace) -> Losses {
        let losses = self.differentiate(x, epsilon, pace);
        if losses.is_finite() {
            self.update(pace.rate);
            self.follow_error(losses);
        }
        losses
    }

    /// A step with these losses was taken by somebody else, who has the parameters.
    pub(crate) fn count(&mut self, losses: Losses, kl: &[f32]) {
        self.state.steps += 1;
        self.kl.copy_from_slice(kl);
        self.follow_error(losses);
    }

    /// Moves a Gaussian's σ towards the error of a step.
    fn follow_error(&mut self, losses: Losses) {
        if let Likelihood::Gaussian { sigma } = self.likelihood() {
            let best = latent::optimal_sigma(sigma, losses.reconstruction, self.spec.input.len());
            self.state.sigma = SIGMA_DECAY * sigma + (1.0 - SIGMA_DECAY) * best;
        }
    }

    /// How much of the average stays in a step with this number: the first ones are not the average's for long.
    pub(crate) fn average(step: u32) -> f32 {
        AVERAGE_DECAY.min(step as f32 / (9 + step) as f32)
    }

    /// The losses of a batch, and their gradients, which [`Trainer::gradients`] names.
    pub fn differentiate(&mut self, x: &[f32], epsilon: &[f32], pace: Pace) -> Losses {
        let count = x.len() / self.spec.input.len();
        self.vjp.run(EntryPoint::Forward, &[x, epsilon]);
        let [posterior, logits] = [0, 1].map(|i| self.vjp.output(EntryPoint::Forward, i));
        let [of_posterior, of_logits] = &mut self.seeds;
        of_posterior.resize(posterior.len(), 0.0);
        of_logits.resize(logits.len(), 0.0);
        let likelihood = match self.spec.likelihood {
            Likelihood::Gaussian { .. } => Likelihood::Gaussian {
                sigma: self.state.sigma,
            },
            other => other,
        };
        let losses = Losses {
            reconstruction: reconstruction(likelihood, logits, x, count, of_logits),
            kl: divergence(posterior, pace.beta, pace.free, &mut self.kl, of_posterior),
        };
        self.vjp.run(EntryPoint::Backward, &self.seeds);
        for sums in self.vjp.sum_weights() {
            let name = &sums.gradient().params.name;
            let place = self.layout.iter().find(|place| place.params.name == *name);
            if let Some(place) = place {
                let (weight, bias) = sums.sums();
                self.gradient[place.weight.clone()].copy_from_slice(&weight);
                self.gradient[place.bias.clone()].copy_from_slice(bias);
            }
        }
        losses
    }

    /// Adam (Kingma and Ba 2015) along the last gradients, and the average of the weights.
    fn update(&mut self, rate: f32) {
        self.state.steps += 1;
        let step = self.state.steps;
        let [parameters, mean, square, average] = &mut self.state.values;
        let adam = Adam {
            rate,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            step,
            average: Self::average(step),
        };
        let state = State {
            parameters,
            mean,
            square,
            average,
        };
        adam.step(&self.gradient, state);
        self.load();
    }

    /// Sets a tensor, and its average. Returns `false` if there is none of this name and length.
    pub(crate) fn set(&mut self, name: &str, values: &[f32]) -> bool {
        let places = self.layout.iter().flat_map(|place| {
            let names = place.params.stored().map(|(name, _)| name);
            names.into_iter().zip([&place.weight, &place.bias])
        });
        let found = places.filter(|(own, range)| own == name && range.len() == values.len());
        let Some(range) = found.map(|(_, range)| range.clone()).next_back() else {
            return false;
        };
        for part in [0, 3] {
            self.state.values[part][range.clone()].copy_from_slice(values);
        }
        self.load();
        true
    }

    /// Puts the parameters where the kernels read them.
    pub(crate) fn load(&mut self) {
        let parameters = &self.state.values[0];
        for place in &self.layout {
            let (weight, bias) = (
                &parameters[place.weight.clone()],
                &parameters[place.bias.clone()],
            );
            self.weights.set_weight(&place.params, weight);
            self.weights.set_bias(&place.params, bias);
        }
        self.vjp.set_weights(&self.weights);
    }

    /// Parameters, or what else is as long as they are, under their names.
    fn named(&self, values: &[f32]) -> Tensors {
        let tensors = self.layout.iter().flat_map(|place| {
            let ranges = [place.weight.clone(), place.bias.clone()];
            let tensors = place.params.stored().into_iter().zip(ranges);
            tensors.map(|((name, shape), range)| {
                let data = values[range].to_vec();
                (name, Tensor { shape, data })
            })
        });
        tensors.collect()
    }

    /// The gradients of the last step's loss, by name.
    pub fn gradients(&self) -> Tensors {
        self.named(&self.gradient)
    }

    /// The parameters as the last step left them, by name.
    pub fn parameters(&self) -> Tensors {
        self.named(&self.state.values[0])
    }

    /// Outputs of the last step: the posterior `[N, 2 · latent]` and the logits `[N, H, W, C]`.
    pub fn outputs(&self) -> [&[f32]; 2] {
        [0, 1].map(|i| self.vjp.output(EntryPoint::Forward, i))
    }

    /// Gradients of the last step's loss with respect to [`Trainer::outputs`].
    pub fn output_gradients(&self) -> [&[f32]; 2] {
        [&self.seeds[0], &self.seeds[1]]
    }

    /// The model with the averaged weights, for a runtime.
    pub fn model(&self) -> Model {
        let tensors = self.named(&self.state.values[3]);
        Model {
            spec: self.spec(),
            program: self.program.clone(),
            weights: Weights::of(tensors, self.program.params()),
        }
    }

    /// The two files of the model with the averaged weights as f16: the text of `model.json` and the contents of the
    /// weights file that it names. `describe` completes the description.
    ///
    /// # Errors
    /// A weight that is too large for f16.
    pub fn files(&self, describe: impl FnOnce(&mut ModelSpec)) -> Result<(String, Vec<u8>)> {
        let mut spec = self.spec();
        let tensors = self.named(&self.state.values[3]);
        let weights = write_tensors(&spec.weights.file, &tensors, Precision::F16)?;
        spec.weights = weights_file(&weights);
        describe(&mut spec);
        Ok((spec.to_json()?, weights))
    }
}
