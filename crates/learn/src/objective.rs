//! The negative ELBO of a batch and its gradients, in nats per picture.

use crate::judge::Verdict;
use vaelet_kernels::training;
use vaelet_model::{Likelihood, latent};

/// The parts of the loss, each the mean over a batch, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Losses {
    /// −log p(x | z)
    pub reconstruction: f32,
    /// KL(q(z | x) ‖ N(0, I)), whatever free bits count
    pub kl: f32,
    /// What the judge says, where there is one.
    pub verdict: Option<Verdict>,
}

impl Losses {
    /// Whether all are numbers.
    pub fn is_finite(&self) -> bool {
        let verdict = self.verdict.unwrap_or_default();
        let all = [self.reconstruction, self.kl, verdict[0], verdict[1]];
        all.iter().all(|nats| nats.is_finite())
    }
}

/// −log p(x | z) of a batch, its mean over `count` pictures. Writes the gradient of that mean with respect to
/// the logits, from which a sigmoid makes the mean of p(x | z).
pub fn reconstruction(
    likelihood: Likelihood,
    logits: &[f32],
    x: &[f32],
    count: usize,
    gradient: &mut [f32],
) -> f32 {
    let share = 1.0 / count as f32;
    let nats = match likelihood {
        Likelihood::Gaussian { sigma } => {
            let precision = 1.0 / (sigma * sigma);
            let squares = training::squares(logits, x, precision * share, gradient);
            let sigma = f64::from(sigma);
            0.5 * f64::from(precision) * squares
                + logits.len() as f64 * (sigma.ln() + 0.5 * std::f64::consts::TAU.ln())
        }
        _ => training::bernoulli(logits, x, share, gradient),
    };
    (nats / count as f64) as f32
}

/// The KL of each latent to N(0, 1), means over the batch, and its weighted gradient.
///
/// `posterior` is `[N, 2 · latent]` and `nats` `[latent]`. A latent whose mean is below `free` nats costs
/// nothing (free bits, Kingma et al. 2016, section 2.2). Writes the gradient of β · Σ max(KL, free).
pub fn divergence(
    posterior: &[f32],
    beta: f32,
    free: f32,
    nats: &mut [f32],
    gradient: &mut [f32],
) -> f32 {
    let size = nats.len();
    let count = posterior.len() / (2 * size);
    nats.fill(0.0);
    for item in posterior.chunks_exact(2 * size) {
        let (mean, log_var) = item.split_at(size);
        for i in 0..size {
            let bounded = log_var[i].clamp(-latent::LOG_VAR, latent::LOG_VAR);
            let kl = 0.5 * (mean[i] * mean[i] + libm::expf(bounded) - bounded - 1.0);
            nats[i] += kl / count as f32;
        }
    }
    let items = posterior.chunks_exact(2 * size);
    for (item, gradient) in items.zip(gradient.chunks_exact_mut(2 * size)) {
        for i in 0..size {
            let weight = match nats[i] < free {
                true => 0.0,
                false => beta / count as f32,
            };
            let (mean, log_var) = (item[i], item[size + i]);
            let inside = log_var.abs() <= latent::LOG_VAR;
            gradient[i] = weight * mean;
            gradient[size + i] = match inside {
                true => weight * 0.5 * (libm::expf(log_var) - 1.0),
                false => 0.0,
            };
        }
    }
    nats.iter().sum()
}
