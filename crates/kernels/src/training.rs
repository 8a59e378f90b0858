//! What a training step does beside products: the loss with its gradient, Adam, and the average of
//! the weights.

use crate::epilogue::{exp, sigmoid};
use crate::math::lanes::{LANES, Lanes};

/// Number of factors 1 + u ≤ 2 whose product f32 holds.
const FACTORS: usize = 64;

/// −log p(x | z) in nats of logits under a Bernoulli likelihood, Σ softplus(l) − x · l, over slices of
/// equal length. Writes `scale` times its gradient with respect to the logits, sigmoid(l) − x, to `gradient`.
pub fn bernoulli(logits: &[f32], x: &[f32], scale: f32, gradient: &mut [f32]) -> f64 {
    let (zero, one, scale) = (Lanes::splat(0.0), Lanes::splat(1.0), Lanes::splat(scale));
    let mut nats = 0.0;
    let block = LANES * FACTORS;
    let blocks = logits.chunks(block).zip(x.chunks(block));
    for ((logits, x), gradient) in blocks.zip(gradient.chunks_mut(block)) {
        let (mut linear, mut product) = (zero, one);
        let rows = logits.chunks(LANES).zip(x.chunks(LANES));
        for ((logit, x), gradient) in rows.zip(gradient.chunks_mut(LANES)) {
            let padding = LANES - logit.len();
            let (l, x) = (Lanes::load(logit), Lanes::load(x));
            // softplus(l) = max(l, 0) + ln(1 + exp(−|l|))
            let rest = exp(zero - l.max(zero - l));
            linear = linear + (l.max(zero) - x * l);
            product = product * (one + rest);
            ((sigmoid(l) - x) * scale).store(gradient);
            // The lanes beyond the end count as l = 0.
            nats -= padding as f64 * std::f64::consts::LN_2;
        }
        let mut values = [0.0; LANES];
        product.store(&mut values);
        nats += values.iter().map(|&v| f64::from(v).ln()).sum::<f64>();
        linear.store(&mut values);
        nats += values.iter().map(|&v| f64::from(v)).sum::<f64>();
    }
    nats
}

/// The sum of squares of y − x with y = sigmoid(l), over slices of equal length. Writes `scale` times the
/// gradient of half that sum with respect to the logits, (y − x) · y · (1 − y), to `gradient`.
pub fn squares(logits: &[f32], x: &[f32], scale: f32, gradient: &mut [f32]) -> f64 {
    let (one, scale) = (Lanes::splat(1.0), Lanes::splat(scale));
    let mut sum = 0.0;
    let block = LANES * FACTORS;
    let blocks = logits.chunks(block).zip(x.chunks(block));
    for ((logits, x), gradient) in blocks.zip(gradient.chunks_mut(block)) {
        let mut total = Lanes::splat(0.0);
        let rows = logits.chunks(LANES).zip(x.chunks(LANES));
        for ((logit, x), gradient) in rows.zip(gradient.chunks_mut(LANES)) {
            let padding = LANES - logit.len();
            let y = sigmoid(Lanes::load(logit));
            let d = y - Lanes::load(x);
            total = total + d * d;
            (d * y * (one - y) * scale).store(gradient);
            // The lanes beyond the end count as y = ½ and x = 0.
            sum -= padding as f64 * 0.25;
        }
        let mut values = [0.0; LANES];
        total.store(&mut values);
        sum += values.iter().map(|&v| f64::from(v)).sum::<f64>();
    }
    sum
}

/// The numbers of a step of [`Adam::step`].
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    /// Learning rate.
    pub rate: f32,
    /// Decay of the mean of gradients.
    pub beta_1: f32,
    /// Decay of the mean of their squares.
    pub beta_2: f32,
    /// Added to the root of the mean of squares.
    pub epsilon: f32,
    /// Number of this step; the first is 1.
    pub step: u32,
    /// Decay of the average of parameters.
    pub average: f32,
}

/// Parameters, their moments and their average, slices of equal length.
pub struct State<'a> {
    /// θ
    pub parameters: &'a mut [f32],
    /// m, the mean of gradients
    pub mean: &'a mut [f32],
    /// v, the mean of their squares
    pub square: &'a mut [f32],
    /// Exponential moving average of θ (Polyak and Juditsky 1992)
    pub average: &'a mut [f32],
}

impl Adam {
    /// A step of Adam (Kingma and Ba 2015, algorithm 1), then one of the average.
    pub fn step(&self, gradient: &[f32], state: State<'_>) {
        let correction = |beta: f32| 1.0 - f64::from(beta).powi(self.step as i32);
        let [mean_scale, square_scale] =
            [self.beta_1, self.beta_2].map(|beta| Lanes::splat((1.0 / correction(beta)) as f32));
        let [beta_1, beta_2, average] = [self.beta_1, self.beta_2, self.average].map(Lanes::splat);
        let [rest_1, rest_2, rest] =
            [self.beta_1, self.beta_2, self.average].map(|beta| Lanes::splat(1.0 - beta));
        let (rate, epsilon) = (Lanes::splat(self.rate), Lanes::splat(self.epsilon));
        let moments = state
            .mean
            .chunks_mut(LANES)
            .zip(state.square.chunks_mut(LANES));
        let values = state
            .parameters
            .chunks_mut(LANES)
            .zip(state.average.chunks_mut(LANES));
        let all = gradient.chunks(LANES).zip(moments).zip(values);
        for ((gradient, (mean, square)), (parameter, averaged)) in all {
            let g = Lanes::load(gradient);
            let m = beta_1 * Lanes::load(mean) + rest_1 * g;
            let v = beta_2 * Lanes::load(square) + rest_2 * g * g;
            m.store(mean);
            v.store(square);
            let move_by = rate * m * mean_scale / ((v * square_scale).sqrt() + epsilon);
            let theta = Lanes::load(parameter) - move_by;
            theta.store(parameter);
            (average * Lanes::load(averaged) + rest * theta).store(averaged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vaelet_model::random;

    #[test]
    fn losses_and_their_gradients_are_those_of_the_formulas() {
        for len in [1, 3, 4, 255, 256, 784, 1027] {
            let logits: Vec<f32> = random::normals(1, len).iter().map(|v| 20.0 * v).collect();
            let x: Vec<f32> = random::uniforms(2, len);
            let sigmoid = |l: f64| 1.0 / (1.0 + (-l).exp());
            let pairs = || {
                logits
                    .iter()
                    .zip(&x)
                    .map(|(&l, &x)| (f64::from(l), f64::from(x)))
            };
            let mut gradient = vec![0.0; len];

            let nats = bernoulli(&logits, &x, 0.5, &mut gradient);
            let expected: f64 = pairs()
                .map(|(l, x)| l.max(0.0) + (-l.abs()).exp().ln_1p() - x * l)
                .sum();
            assert!(
                (nats - expected).abs() < 1e-6 * expected,
                "{nats} {expected}"
            );
            for (found, (l, x)) in gradient.iter().zip(pairs()) {
                assert!((f64::from(*found) - 0.5 * (sigmoid(l) - x)).abs() < 1e-6);
            }

            let sum = squares(&logits, &x, 2.0, &mut gradient);
            let expected: f64 = pairs().map(|(l, x)| (sigmoid(l) - x).powi(2)).sum();
            assert!((sum - expected).abs() < 1e-5 * expected, "{sum} {expected}");
            for (found, (l, x)) in gradient.iter().zip(pairs()) {
                let y = sigmoid(l);
                assert!((f64::from(*found) - 2.0 * (y - x) * y * (1.0 - y)).abs() < 1e-6);
            }
        }
    }
}
