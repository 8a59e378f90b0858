//! The posterior of z given an observation of a picture.
//!
//! Chains start at the encoder's answer and at samples of the prior that fit the observation. Adam
//! (Kingma and Ba 2015) takes them up log p(observation | z) + log p(z). The first stays there: the
//! most likely answer. The others go on as draws from the posterior, by Langevin steps with the
//! acceptance of Metropolis and Hastings (Roberts and Tweedie 1996), so that they are as different as
//! the observation allows. One [`Inference::step`] is one decode and its gradient for all chains:
//! whoever counts milliseconds or may be interrupted stops between two of them.

use crate::engine::{Engine, Slope};
use crate::{Error, Observation, Result};
use vaelet_model::random;

/// Of Adam: the rate at its first step, which falls to 0 with a cosine, and how it remembers.
const RATE: f64 = 0.1;
const MEMORY: [f64; 2] = [0.8, 0.95];
/// Chains that climb and of which the best is the most likely answer.
const STARTS: usize = 2;
/// Most answers of one inference.
const MOST: usize = 256;
/// What share of Langevin steps is best accepted (Roberts and Rosenthal 1998).
const ACCEPTED: f64 = 0.574;

/// How far inference goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Answers: the most likely one, then draws from the posterior.
    pub count: usize,
    /// Steps of Adam.
    pub climb: usize,
    /// Langevin steps, with more than one answer.
    pub walk: usize,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            count: 1,
            climb: 40,
            walk: 60,
            seed: 1,
        }
    }
}

/// A latent that explains the observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// z, `[latent]`
    pub z: Vec<f32>,
    /// The mean of p(x | z), `[C, H, W]`.
    pub picture: Vec<f32>,
    /// log p(observation | z), in nats.
    pub log_likelihood: f64,
    /// log p(z), in nats.
    pub log_prior: f64,
}

impl Answer {
    /// log p(observation, z), in nats.
    pub fn log_joint(&self) -> f64 {
        self.log_likelihood + self.log_prior
    }
}

/// An inference on its way.
pub struct Inference {
    observation: Observation,
    plan: Plan,
    /// Latents of all chains, `[N, latent]`, and what was found there.
    z: Vec<f32>,
    at: Slope,
    moments: [Vec<f64>; 2],
    steps: usize,
    /// The most likely answer so far.
    best: Answer,
    walk: Option<Walk>,
}

/// What Langevin steps need.
struct Walk {
    /// The square root of the step for each variable of each chain, before [`Walk::size`].
    width: Vec<f32>,
    /// One for each chain.
    size: Vec<f64>,
}

impl Engine {
    /// The posterior of z given an observation, within `plan`, as long as `go_on`, which is asked
    /// before each step: for instance whether there is time, or whether nobody has cancelled it. The
    /// answers are those of the steps that were taken: the most likely first.
    ///
    /// # Errors
    /// An observation that does not fit the model, or a count that is 0 or above 256.
    pub fn infer(
        &mut self,
        observation: &Observation,
        plan: Plan,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Answer>> {
        let mut inference = Inference::start(self, observation, plan)?;
        while go_on() && inference.step(self) {}
        Ok(inference.answers(self))
    }
}

impl Inference {
    /// Looks for places to start.
    ///
    /// # Errors
    /// As [`Engine::infer`].
    pub fn start(engine: &mut Engine, observation: &Observation, plan: Plan) -> Result<Self> {
        observation.check(engine.input)?;
        if !(1..=MOST).contains(&plan.count) {
            return Err(Error::argument("count", format!("1 to {MOST}"), plan.count));
        }
        let input = engine.input;
        let whole = observation.seen.iter().all(|seen| *seen) && observation.scale == 1;
        let mut fill = match whole {
            true => Vec::new(),
            false => engine.bank().mean.clone(),
        };
        let mut z = engine.encode(&observation.guess(input, &fill)).mean;
        // The encoder knows no holes: it is asked again with what it makes of them itself.
        if !observation.seen.is_empty() {
            fill = engine.decode(&z);
            z = engine.encode(&observation.guess(input, &fill)).mean;
        }
        let exact = observation.is_exact() && observation.jpeg == 0;
        let is_plain = whole && exact && plan.count == 1;
        if !is_plain {
            let chains = STARTS.max(plan.count);
            z.extend(start_at_samples(engine, observation, chains - 1, plan.seed));
        }
        let at = engine.ascend(observation, &z);
        let mut inference = Self {
            observation: observation.clone(),
            plan,
            moments: [vec![0.0; z.len()], vec![0.0; z.len()]],
            steps: 0,
            best: answer(engine, &z, &at, 0),
            z,
            at,
            walk: None,
        };
        inference.keep_best(engine);
        Ok(inference)
    }

    /// Takes one step with all chains. Whether there are more.
    pub fn step(&mut self, engine: &mut Engine) -> bool {
        let Plan {
            count,
            climb,
            walk,
            seed,
        } = self.plan;
        let all = climb + if count > 1 { walk } else { 0 };
        if self.steps >= all {
            return false;
        }
        if self.steps < climb {
            self.climb();
            self.at = engine.ascend(&self.observation, &self.z);
            self.keep_best(engine);
        } else {
            let walk = self.walk.take().unwrap_or_else(|| self.begin_walk(engine));
            self.walk = Some(self.walk(engine, walk, seed));
        }
        self.steps += 1;
        self.steps < all
    }

    /// The answers so far: the most likely one, then a draw from each further chain.
    pub fn answers(self, engine: &Engine) -> Vec<Answer> {
        let mut answers = vec![self.best.clone()];
        for chain in 1..self.plan.count {
            answers.push(answer(engine, &self.z, &self.at, chain));
        }
        answers
    }

    fn climb(&mut self) {
        let share = self.steps as f64 / self.plan.climb as f64;
        let rate = RATE * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * share));
        let [first, second] = &mut self.moments;
        let unbiased = MEMORY.map(|memory| 1.0 - libm::pow(memory, (self.steps + 1) as f64));
        for (i, gradient) in self.at.gradient.iter().enumerate() {
            let gradient = f64::from(*gradient);
            first[i] = MEMORY[0] * first[i] + (1.0 - MEMORY[0]) * gradient;
            second[i] = MEMORY[1] * second[i] + (1.0 - MEMORY[1]) * gradient * gradient;
            let root = libm::sqrt(second[i] / unbiased[1]);
            self.z[i] += (rate * first[i] / unbiased[0] / (root + 1e-8)) as f32;
        }
    }

    fn keep_best(&mut self, engine: &Engine) {
        for chain in 0..self.at.likelihood.len() {
            let log = self.at.likelihood[chain] + self.at.prior[chain];
            if log > self.best.log_joint() {
                self.best = answer(engine, &self.z, &self.at, chain);
            }
        }
    }

    /// Steps as wide as the encoder's posterior of what was found.
    fn begin_walk(&mut self, engine: &mut Engine) -> Walk {
        let chains = self.plan.count;
        self.z.truncate(chains * engine.latent);
        self.at = engine.ascend(&self.observation, &self.z);
        let log_var = engine.encode(&self.at.pictures).log_var;
        let width = log_var
            .iter()
            .map(|&v| libm::exp(0.5 * f64::from(v.clamp(-12.0, 0.0))) as f32);
        Walk {
            width: width.collect(),
            size: vec![0.5; chains],
        }
    }

    fn walk(&mut self, engine: &mut Engine, mut walk: Walk, seed: u64) -> Walk {
        let (latent, number) = (engine.latent, self.steps - self.plan.climb);
        let all = self.z.len();
        let noise = random::normals_in(seed, number * all..(number + 1) * all);
        let chances = random::uniforms_in(
            seed,
            number * walk.size.len()..(number + 1) * walk.size.len(),
        );
        // z′ = z + ½ (s w)² ∇ + s w ε
        let drift = |z: &[f32], gradient: &[f32], width: f64, i: usize| {
            f64::from(z[i]) + 0.5 * width * width * f64::from(gradient[i])
        };
        let width = |i: usize| walk.size[i / latent] * f64::from(walk.width[i]);
        let proposed: Vec<f32> = (0..all)
            .map(|i| {
                let width = width(i);
                (drift(&self.z, &self.at.gradient, width, i) + width * f64::from(noise[i])) as f32
            })
            .collect();
        let there = engine.ascend(&self.observation, &proposed);
        for (chain, &uniform) in chances.iter().enumerate() {
            let mut log = there.likelihood[chain] + there.prior[chain]
                - self.at.likelihood[chain]
                - self.at.prior[chain];
            let variables = noise.iter().enumerate().skip(chain * latent).take(latent);
            for (i, &noise) in variables {
                let width = walk.size[chain] * f64::from(walk.width[i]);
                let back = f64::from(self.z[i]) - drift(&proposed, &there.gradient, width, i);
                log += 0.5 * (f64::from(noise).powi(2) - (back / width).powi(2));
            }
            let chance = if log.is_nan() {
                0.0
            } else {
                libm::exp(log.min(0.0))
            };
            if f64::from(uniform) < chance {
                let z = chain * latent..(chain + 1) * latent;
                self.z[z.clone()].copy_from_slice(&proposed[z.clone()]);
                self.at.take(&there, chain, z);
            }
            // The first half of the walk finds the size of a step; then it stays.
            if 2 * number < self.plan.walk {
                let change = (chance - ACCEPTED) / libm::sqrt(1.0 + number as f64 / 4.0);
                walk.size[chain] = (walk.size[chain] * libm::exp(change)).clamp(1e-3, 10.0);
            }
        }
        walk
    }
}

impl Slope {
    /// Takes over what is another's at a chain, whose latents are `range`.
    fn take(&mut self, other: &Self, chain: usize, range: std::ops::Range<usize>) {
        self.likelihood[chain] = other.likelihood[chain];
        self.prior[chain] = other.prior[chain];
        self.gradient[range.clone()].copy_from_slice(&other.gradient[range]);
        let len = self.pictures.len() / self.likelihood.len();
        let picture = chain * len..(chain + 1) * len;
        self.pictures[picture.clone()].copy_from_slice(&other.pictures[picture]);
    }
}

fn answer(engine: &Engine, z: &[f32], at: &Slope, chain: usize) -> Answer {
    let (latent, len) = (engine.latent, engine.input.len());
    Answer {
        z: z[chain * latent..][..latent].to_vec(),
        picture: at.pictures[chain * len..][..len].to_vec(),
        log_likelihood: at.likelihood[chain],
        log_prior: at.prior[chain],
    }
}

/// Latents `[count, latent]` of samples that are drawn by how well they fit the observation, no
/// sample twice. The likelihood is flattened so far that a dozen samples have a chance: the best of a
/// few hundred is still far from a good fit, and tells little of the others.
fn start_at_samples(
    engine: &mut Engine,
    observation: &Observation,
    count: usize,
    seed: u64,
) -> Vec<f32> {
    let (input, likelihood, latent) = (engine.input, engine.likelihood, engine.latent);
    let bank = engine.bank();
    let mut unused = vec![0.0; input.len()];
    let fit = |picture| observation.log_likelihood(likelihood, input, picture, &mut unused);
    let mut fits: Vec<(usize, f64)> = bank
        .pictures
        .chunks_exact(input.len())
        .map(fit)
        .enumerate()
        .collect();
    fits.sort_by(|a, b| b.1.total_cmp(&a.1));
    let spread = fits[0].1 - fits[(4 * count).min(fits.len() - 1)].1;
    let scale = 3.0 / spread.max(1e-9);
    // The largest of log weight plus Gumbel noise are a draw without replacement.
    let chances = random::uniforms(seed, fits.len());
    let mut keys: Vec<(usize, f64)> = fits
        .iter()
        .zip(chances)
        .map(|(&(i, fit), chance)| {
            let gumbel = -libm::log(-libm::log(f64::from(chance).max(1e-12)));
            (i, scale * fit + gumbel)
        })
        .collect();
    // The first start is always the best fit.
    keys.sort_by(|a, b| b.1.total_cmp(&a.1));
    let best = fits[0].0;
    let others = keys.into_iter().map(|(i, _)| i).filter(|&i| i != best);
    let mut z = Vec::new();
    for i in std::iter::once(best).chain(others).take(count) {
        z.extend_from_slice(&bank.latents[i * latent..][..latent]);
    }
    // More chains than samples: from the best again.
    while z.len() < count * latent {
        z.extend_from_within(..latent);
    }
    z
}
