//! What training adds: the negative ELBO of one item with its gradients, and Adam.

use crate::activation::{derivative, forward};
use vaelet_model::{Activation, Likelihood};

/// −log p(x | z) in nats of logits, and its gradient with respect to them. Those of a categorical likelihood
/// are `[symbols, columns]`.
pub fn reconstruction(likelihood: Likelihood, logits: &[f64], x: &[f64]) -> (f64, Vec<f64>) {
    if let Likelihood::Categorical { symbols } = likelihood {
        return categorical(symbols, logits, x);
    }
    let sigmoid = |l| forward(Activation::Sigmoid, l);
    let mut nats = 0.0;
    let gradient = logits.iter().zip(x).map(|(&l, &x)| match likelihood {
        Likelihood::Bernoulli => {
            nats -= x * sigmoid(l).ln() + (1.0 - x) * sigmoid(-l).ln();
            sigmoid(l) - x
        }
        Likelihood::Gaussian { sigma } => {
            let sigma = f64::from(sigma);
            let d = (sigmoid(l) - x) / sigma;
            nats += 0.5 * d * d + sigma.ln() + 0.5 * std::f64::consts::TAU.ln();
            d / sigma * derivative(Activation::Sigmoid, l)
        }
        Likelihood::Categorical { .. } => unreachable!("returned above"),
    });
    let gradient = gradient.collect();
    (nats, gradient)
}

/// −Σ x ln p with p = softmax(logits) of each column, and its gradient p Σ x − x, the sum over the column.
fn categorical(symbols: usize, logits: &[f64], x: &[f64]) -> (f64, Vec<f64>) {
    let columns = logits.len() / symbols;
    let (mut nats, mut gradient) = (0.0, vec![0.0; logits.len()]);
    for column in 0..columns {
        let (mut sum, mut weight) = (0.0, 0.0);
        for symbol in 0..symbols {
            let i = symbol * columns + column;
            sum += logits[i].exp();
            weight += x[i];
        }
        for symbol in 0..symbols {
            let i = symbol * columns + column;
            let share = logits[i].exp() / sum;
            nats -= x[i] * share.ln();
            gradient[i] = share * weight - x[i];
        }
    }
    (nats, gradient)
}

/// KL(q(z | x) ‖ N(0, I)) in nats of a posterior (all μ, then all log σ²), for each variable, and the gradient of
/// their sum.
pub fn divergence(posterior: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mean, log_var) = posterior.split_at(posterior.len() / 2);
    let pairs = || mean.iter().zip(log_var);
    let nats = pairs().map(|(m, l)| 0.5 * (m * m + l.exp() - l - 1.0));
    let of_log_var = log_var.iter().map(|l| 0.5 * (l.exp() - 1.0));
    (
        nats.collect(),
        mean.iter().copied().chain(of_log_var).collect(),
    )
}

/// One parameter under Adam (Kingma and Ba 2015, algorithm 1).
#[derive(Debug, Clone, Copy, Default)]
pub struct Adam {
    /// m
    pub mean: f64,
    /// v
    pub square: f64,
    /// t
    pub step: i32,
}

impl Adam {
    /// The parameter after a step along `gradient`, with β₁ = 0.9, β₂ = 0.999 and ε = 10⁻⁸.
    pub fn step(&mut self, parameter: f64, gradient: f64, rate: f64) -> f64 {
        const BETA: [f64; 2] = [0.9, 0.999];
        self.step += 1;
        self.mean = BETA[0] * self.mean + (1.0 - BETA[0]) * gradient;
        self.square = BETA[1] * self.square + (1.0 - BETA[1]) * gradient * gradient;
        let mean = self.mean / (1.0 - BETA[0].powi(self.step));
        let square = self.square / (1.0 - BETA[1].powi(self.step));
        parameter - rate * mean / (square.sqrt() + 1e-8)
    }
}
