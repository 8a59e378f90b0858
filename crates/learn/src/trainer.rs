//! Single steps of training.

use crate::judge::{Judge, Judging};
use crate::objective::{Losses, divergence, reconstruction};
use crate::parameters::{Parameters, Values};
use crate::settings::weights_file;
use crate::{Error, Result};
use vaelet_cpu::CpuVjp;
use vaelet_kernels::training::Adam;
use vaelet_model::networks::initial_tensors;
use vaelet_model::{
    EntryPoint, Likelihood, Model, ModelSpec, Params, Precision, Program, Tensors, Weights, Wrt,
    latent, write_tensors,
};

/// How slowly the average of the weights follows; about the last thousand steps count.
const AVERAGE_DECAY: f32 = 0.999;
/// How slowly a Gaussian's σ follows the error of the last steps.
const SIGMA_DECAY: f32 = 0.95;
/// Length of the judge's gradient beside a VAE, as a share of that of the reconstruction, and the largest factor that makes it so
/// long (Esser et al. 2021, equation 7).
const SHARE: f32 = 0.4;
const LARGEST: f32 = 20.0;

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
    parameters: Parameters,
    pub(crate) state: Numbers,
    judge: Option<Judge>,
    /// The decoder by itself, where there is a judge alone.
    maker: Option<CpuVjp>,
    /// What was made for the judge, `[N, H, W, C]`.
    made: Vec<f32>,
    /// See [`Trainer::verdict_weight`].
    verdict_weight: f32,
    /// KL of each latent in the last step, `[latent]`.
    kl: Vec<f32>,
    /// Gradients of the loss with respect to the posterior and to the logits.
    seeds: [Vec<f32>; 2],
}

/// All that changes from step to step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbers {
    pub values: Values,
    /// The judge's; empty where there is none.
    pub judge: Values,
    /// Number of steps so far.
    pub steps: u32,
    /// Standard deviation of a Gaussian likelihood.
    pub sigma: f32,
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

    /// The trainer with a judge of fresh parameters.
    ///
    /// # Errors
    /// None for a description that can be trained.
    pub fn judged(mut self, judging: Judging, seed: u64) -> Result<Self> {
        if judging != Judging::None {
            let (judge, values) = Judge::new(&self.spec, seed)?;
            (self.judge, self.state.judge) = (Some(judge), values);
        }
        if judging == Judging::Alone {
            let weights = self.parameters.weights();
            let program = self.program.with_logits(EntryPoint::Decode);
            let vjp = |program| CpuVjp::of(&program, weights, EntryPoint::Decode, Wrt::Weights);
            self.maker = program.and_then(vjp);
            self.spec.lacks = Some("encoder".into());
            for (name, tensor) in self.parameters() {
                if name.starts_with("encoder.") {
                    self.set(&name, &vec![0.0; tensor.data.len()]);
                }
            }
        }
        Ok(self)
    }

    /// A trainer that goes on from the parameters of `tensors`.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn of(spec: ModelSpec, tensors: Tensors) -> Result<Self> {
        let program = Program::of(&spec)?;
        let training = program.with_logits(EntryPoint::Autoencode);
        let training = training.filter(|_| spec.classes() == 0);
        let Some(training) = training.filter(|_| spec.prior_tensors().is_empty()) else {
            return Err(Error::Setting {
                name: "the model",
                found:
                    "one with a condition, with a learned prior, or without a sigmoid at its end"
                        .into(),
                expected: "one without a condition, with N(0, I) as its prior and a sigmoid at its end",
            });
        };
        let maps: Vec<Params> = program.params().cloned().collect();
        let (parameters, values) = Parameters::new(tensors, &maps);
        let weights = parameters.weights();
        let vjp = CpuVjp::of(&training, weights, EntryPoint::Autoencode, Wrt::Weights);
        let Some(vjp) = vjp else {
            unreachable!("the program has just been given this entry point");
        };
        let sigma = match spec.likelihood {
            Likelihood::Gaussian { sigma } => sigma,
            _ => 1.0,
        };
        Ok(Self {
            kl: vec![0.0; spec.latent_size()],
            state: Numbers {
                values,
                judge: Values::default(),
                steps: 0,
                sigma,
            },
            seeds: [Vec::new(), Vec::new()],
            judge: None,
            maker: None,
            made: Vec::new(),
            verdict_weight: 0.0,
            spec,
            program,
            vjp,
            parameters,
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

    /// Nats of reconstruction that a nat of the judge counted as in the last step beside a VAE.
    pub fn verdict_weight(&self) -> f32 {
        self.verdict_weight
    }

    /// A step on pictures `[N, H, W, C]` in `[0, 1]` with noise `[N, latent]`. Returns its losses. If they are not numbers,
    /// the parameters stay as they were.
    pub fn step(&mut self, x: &[f32], epsilon: &[f32], pace: Pace) -> Losses {
        let losses = match self.maker.is_some() {
            true => self.make(x, epsilon, pace.rate),
            false => self.differentiate(x, epsilon, pace),
        };
        if losses.is_finite() {
            self.update(pace.rate);
            if self.maker.is_none() {
                self.follow_error(losses);
            }
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
        let mut losses = Losses {
            reconstruction: reconstruction(likelihood, logits, x, count, of_logits),
            kl: divergence(posterior, pace.beta, pace.free, &mut self.kl, of_posterior),
            verdict: None,
        };
        if let Some(judge) = &mut self.judge {
            sigmoids(logits, &mut self.made);
            let learning = (pace.rate, self.state.steps + 1);
            losses.verdict =
                Some(judge.step(x, &self.made, count, learning, &mut self.state.judge));
            let verdict = through_sigmoid(judge.direction(), &self.made);
            let length = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
            let equal = length(of_logits) / length(&verdict).max(f32::MIN_POSITIVE);
            self.verdict_weight = (SHARE * equal).min(LARGEST);
            for (gradient, verdict) in of_logits.iter_mut().zip(verdict) {
                *gradient += self.verdict_weight * verdict;
            }
        }
        self.vjp.run(EntryPoint::Backward, &self.seeds);
        self.parameters.collect(&mut self.vjp);
        losses
    }

    /// The losses and gradients of a GAN (Goodfellow et al. 2014): pictures are made of noise alone.
    fn make(&mut self, x: &[f32], epsilon: &[f32], rate: f32) -> Losses {
        let mut losses = Losses::default();
        let (Some(maker), Some(judge)) = (&mut self.maker, &mut self.judge) else {
            return losses;
        };
        let count = x.len() / self.spec.input.len();
        maker.run(EntryPoint::Forward, &[epsilon]);
        sigmoids(maker.output(EntryPoint::Forward, 0), &mut self.made);
        let learning = (rate, self.state.steps + 1);
        losses.verdict = Some(judge.step(x, &self.made, count, learning, &mut self.state.judge));
        let of_logits = through_sigmoid(judge.direction(), &self.made);
        maker.run(EntryPoint::Backward, &[of_logits]);
        self.parameters.collect(maker);
        losses
    }

    /// Adam (Kingma and Ba 2015) along the last gradients, and the average of the weights.
    fn update(&mut self, rate: f32) {
        self.state.steps += 1;
        let step = self.state.steps;
        let adam = Adam {
            rate,
            beta_1: if self.maker.is_some() { 0.5 } else { 0.9 },
            beta_2: 0.999,
            epsilon: 1e-8,
            step,
            average: Self::average(step),
        };
        self.parameters.update(adam, &mut self.state.values);
        self.load();
    }

    /// Sets a tensor, and its average. Returns `false` if there is none of this name and length.
    pub(crate) fn set(&mut self, name: &str, values: &[f32]) -> bool {
        let found = self.parameters.set(name, values, &mut self.state.values);
        self.load();
        found
    }

    /// Puts the parameters where the kernels read them.
    pub(crate) fn load(&mut self) {
        let mut runtimes = vec![&mut self.vjp];
        runtimes.extend(&mut self.maker);
        self.parameters.load(&self.state.values, &mut runtimes);
        if let Some(judge) = &mut self.judge {
            judge.load(&self.state.judge);
        }
    }

    /// The gradients of the last step's loss, by name.
    pub fn gradients(&self) -> Tensors {
        self.parameters.named(&self.parameters.gradient)
    }

    /// The parameters as the last step left them, by name.
    pub fn parameters(&self) -> Tensors {
        self.parameters.named(&self.state.values[0])
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
        let tensors = self.parameters.named(&self.state.values[3]);
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
        let tensors = self.parameters.named(&self.state.values[3]);
        let weights = write_tensors(&spec.weights.file, &tensors, Precision::F16)?;
        spec.weights = weights_file(&weights);
        describe(&mut spec);
        Ok((spec.to_unchecked_json(), weights))
    }
}

/// Gradients with respect to logits, of those with respect to their sigmoids.
fn through_sigmoid(gradient: &[f32], sigmoids: &[f32]) -> Vec<f32> {
    let pairs = gradient.iter().zip(sigmoids);
    pairs.map(|(d, y)| d * y * (1.0 - y)).collect()
}

/// The means of p(x | z) of logits.
fn sigmoids(logits: &[f32], out: &mut Vec<f32>) {
    out.clear();
    out.extend(logits.iter().map(|l| 1.0 / (1.0 + libm::expf(-l))));
}
