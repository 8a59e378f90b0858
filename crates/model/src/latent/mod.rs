//! Arithmetic on latent vectors: reparameterization, KL divergence, interpolation.

mod angle;
pub mod prior;
pub mod random;

use crate::{CONDITIONS, CONTEXTS, Likelihood};
use angle::sin_cos;

/// ln 2π
pub(crate) const LOG_TAU: f64 = 1.837_877_066_409_345_3;

/// Mean and log-variance of q(z | x), for one item or for a batch laid end to end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Posterior {
    /// μ
    pub mean: Vec<f32>,
    /// log σ²
    pub log_var: Vec<f32>,
}

impl Posterior {
    /// Splits what the encoder wrote, `[N, 2 · latent]` with all means of an item
    /// before all its log-variances.
    pub fn from_encoder(output: &[f32], latent: usize) -> Self {
        let mut posterior = Self::default();
        for item in output.chunks_exact(2 * latent) {
            let (mean, log_var) = item.split_at(latent);
            posterior.mean.extend_from_slice(mean);
            posterior.log_var.extend_from_slice(log_var);
        }
        posterior
    }
}

/// Largest log σ² that counts, and least: what an encoder gives beyond ±80 is taken as that, so
/// that σ² and whatever is made of it stay finite and above 0.
pub const LOG_VAR: f32 = 80.0;

/// log σ² as it counts.
pub(crate) fn bounded(log_var: f32) -> f64 {
    f64::from(log_var.clamp(-LOG_VAR, LOG_VAR))
}

/// z = μ + T · σ · ε (Kingma and Welling 2014, section 2.4), with σ = exp(½ log σ²), bounded
/// by [`LOG_VAR`], and `temperature` T. The slices have one length.
pub fn reparameterize(
    mean: &[f32],
    log_var: &[f32],
    epsilon: &[f32],
    temperature: f32,
) -> Vec<f32> {
    mean.iter()
        .zip(log_var)
        .zip(epsilon)
        .map(|((mean, log_var), epsilon)| {
            let sigma = libm::exp(0.5 * bounded(*log_var)) as f32;
            mean + temperature * sigma * epsilon
        })
        .collect()
}

/// [`reparameterize`] of a batch `[N, size]` whose posteriors `[N, 2 · size]` are all means, then
/// all log-variances, into `z`.
pub fn sample(posterior: &[f32], epsilon: &[f32], size: usize, temperature: f32, z: &mut [f32]) {
    let items = posterior
        .chunks_exact(2 * size)
        .zip(epsilon.chunks_exact(size));
    for ((posterior, epsilon), z) in items.zip(z.chunks_exact_mut(size)) {
        let (mean, log_var) = posterior.split_at(size);
        z.copy_from_slice(&reparameterize(mean, log_var, epsilon, temperature));
    }
}

/// The gradient of [`sample`] with respect to the posteriors from that of z, `[N, size]`: itself
/// for μ, times ∂z / ∂ log σ² = ½ T σ ε for log σ², which is 0 where that is bounded.
pub fn sample_gradient(
    gradient: &[f32],
    [posterior, epsilon]: [&[f32]; 2],
    size: usize,
    temperature: f32,
    out: &mut [f32],
) {
    let noise = epsilon.chunks_exact(size);
    let items = gradient
        .chunks_exact(size)
        .zip(posterior.chunks_exact(2 * size))
        .zip(noise);
    for (((gradient, posterior), epsilon), out) in items.zip(out.chunks_exact_mut(2 * size)) {
        out[..size].copy_from_slice(gradient);
        for i in 0..size {
            let log_var = posterior[size + i];
            let sigma = libm::exp(0.5 * bounded(log_var)) as f32;
            let inside = log_var.abs() <= LOG_VAR;
            let slope = if inside {
                0.5 * temperature * sigma * epsilon[i]
            } else {
                0.0
            };
            out[size + i] = gradient[i] * slope;
        }
    }
}

/// Classes as a network reads them: a one-hot vector of `size` values for each of `count` items, all
/// zeros where there is no class for it.
pub fn one_hot(classes: &[usize], count: usize, size: usize) -> Vec<f32> {
    if !CONDITIONS {
        return Vec::new();
    }
    let mut values = vec![0.0; count * size];
    for (row, &class) in values.chunks_exact_mut(size.max(1)).zip(classes) {
        if let Some(value) = row.get_mut(class) {
            *value = 1.0;
        }
    }
    values
}

/// What [`crate::Layer::Context`] reads of texts whose symbols are `written`, `[N, T]`: at each of `columns` places the
/// one-hot vectors, of so many `symbols`, of the `reach` symbols before it, the nearest first, `[N, 1, T, reach · V]`.
/// Before a text, and where a number is none of a symbol, they are all zeros.
pub fn context(
    written: &[usize],
    count: usize,
    columns: usize,
    [reach, symbols]: [usize; 2],
) -> Vec<f32> {
    if !CONTEXTS {
        return Vec::new();
    }
    let len = reach * symbols;
    let mut values = vec![0.0; count * columns * len];
    for (text, values) in written
        .chunks(columns)
        .zip(values.chunks_exact_mut(columns * len))
    {
        for (t, values) in values.chunks_exact_mut(len).enumerate() {
            // The symbols before this place, from the nearest on.
            let before = text[..t.min(text.len())].iter().rev();
            for (values, &symbol) in values.chunks_exact_mut(symbols).zip(before) {
                if let Some(value) = values.get_mut(symbol) {
                    *value = 1.0;
                }
            }
        }
    }
    values
}

/// What stands for no symbol in [`context()`].
pub const UNWRITTEN: usize = usize::MAX;

/// The likeliest of so many `symbols` at each place, `[N, T]`, of logits `[N, V, 1, T]`.
pub fn likeliest(logits: &[f32], symbols: usize, columns: usize) -> Vec<usize> {
    let texts = logits.chunks_exact(symbols * columns);
    let likeliest = |text: &[f32], t: usize| {
        let value = |symbol: usize| text[symbol * columns + t];
        (1..symbols).fold(0, |best, next| match value(next) > value(best) {
            true => next,
            false => best,
        })
    };
    texts
        .flat_map(|text| (0..columns).map(move |t| likeliest(text, t)))
        .collect()
}

/// The texts that a decoder writes which reads its own symbols: `next` takes the symbols so far, `[N, columns]`, and gives
/// the likeliest at every place for these. It is asked again with what it gave, until that stays or all places had their
/// turn. The result is that of writing one symbol after another, the likeliest each time: after k turns the first k
/// symbols are those (a Jacobi iteration; Song et al. 2021, "Accelerating Feedforward Computation via Parallel Nonlinear
/// Equation Solving").
///
/// # Errors
/// Those of `next`.
pub fn settle<E>(
    mut written: Vec<usize>,
    columns: usize,
    mut next: impl FnMut(&[usize]) -> Result<Vec<usize>, E>,
) -> Result<Vec<usize>, E> {
    for _ in 0..columns {
        let better = next(&written)?;
        if better == written {
            break;
        }
        written = better;
    }
    Ok(written)
}

/// KL(q(z | x) ‖ N(0, I)) of each variable, in nats (Kingma and Welling 2014, appendix B):
/// ½ (μ² + σ² − log σ² − 1), with log σ² bounded by [`LOG_VAR`]. The KL to a model's own prior is [`crate::Priors::kl`].
pub fn kl_to_standard_normal(mean: &[f32], log_var: &[f32]) -> Vec<f32> {
    mean.iter()
        .zip(log_var)
        .map(|(&mean, &log_var)| {
            let (mean, log_var) = (f64::from(mean), bounded(log_var));
            (0.5 * (mean * mean + libm::exp(log_var) - log_var - 1.0)) as f32
        })
        .collect()
}

/// −log p(x | z) in nats, for an image `x` and the decoder's output `y`, both in `[0, 1]` but for the logits y
/// of a categorical likelihood.
///
/// Under a Bernoulli grey values are no outcomes; see [`Likelihood::Bernoulli`] for what the
/// figure then is. Its probabilities are kept where f32 can tell them from 0 and 1: an infinite
/// loss helps nobody.
pub fn reconstruction(likelihood: Likelihood, x: &[f32], y: &[f32]) -> f32 {
    if let Some(symbols) = likelihood.symbols() {
        return cross_entropy(symbols, x, y);
    }
    let nats = x.iter().zip(y).map(|(&x, &y)| {
        let (x, y) = (f64::from(x), f64::from(y));
        match likelihood {
            Likelihood::Gaussian { sigma } => {
                let sigma = f64::from(sigma);
                let d = (x - y) / sigma;
                0.5 * (d * d + LOG_TAU) + libm::log(sigma)
            }
            _ => {
                let y = y.clamp(f32::MIN_POSITIVE.into(), 1.0 - 2f64.powi(-25));
                -(x * libm::log(y) + (1.0 - x) * libm::log(1.0 - y))
            }
        }
    });
    nats.sum::<f64>() as f32
}

/// −Σ x ln softmax(y), both `[symbols, columns]`, the softmax over the symbols of each column.
fn cross_entropy(symbols: usize, x: &[f32], y: &[f32]) -> f32 {
    let columns = y.len() / symbols;
    let column = |column: usize| {
        let places = || (column..y.len()).step_by(columns);
        let top = places().map(|i| y[i]).fold(f32::MIN, f32::max);
        let above = |i: usize| f64::from(y[i]) - f64::from(top);
        let sum: f64 = places().map(|i| libm::exp(above(i))).sum();
        let nats = places().map(|i| f64::from(x[i]) * (libm::log(sum) - above(i)));
        nats.sum::<f64>()
    };
    (0..columns).map(column).sum::<f64>() as f32
}

/// The σ that would have given the images of a batch the highest likelihood, from their mean
/// −log p(x | z) under `sigma`, over `len` values each: their root mean square error (Rybkin et al. 2021), but
/// not less than that of rounding to 8 bits. Images that are all alike would make it 0.
pub fn optimal_sigma(sigma: f32, nats: f32, len: usize) -> f32 {
    /// Standard deviation of what is lost by rounding to 8 bits: 1 / (255 √12).
    const ROUNDING: f32 = 0.001_132;
    let normalizer = sigma.ln() + 0.5 * LOG_TAU as f32;
    let squares = 2.0 * sigma * sigma * (nats / len as f32 - normalizer);
    squares.sqrt().max(ROUNDING)
}

/// The straight line: a at `t` = 0, b at `t` = 1.
pub fn lerp(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    a.iter()
        .zip(b)
        .map(|(a, b)| a * (1.0 - t) + b * t)
        .collect()
}

/// Along the arc between a's and b's directions (Shoemake 1985), which keeps its distance
/// from the centre, where a Gaussian has hardly any mass (White 2016):
/// (sin((1 − t) Ω) a + sin(t Ω) b) / sin Ω, with Ω the angle between the two. Falls back
/// to [`lerp`] where the arc is not defined: a vector of length zero, or directions that
/// are the same or opposite.
pub fn slerp(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let angle = libm::acos(cosine.clamp(-1.0, 1.0));
    // A zero vector makes the angle NaN, which lies in no range.
    let has_arc = (1e-6..std::f64::consts::PI - 1e-6).contains(&angle);
    if !has_arc || t == 0.0 || t == 1.0 {
        return lerp(a, b, t);
    }
    let t = f64::from(t);
    let [from, to, all] = [(1.0 - t) * angle, t * angle, angle].map(|angle| sin_cos(angle)[0]);
    let (from, to) = (from / all, to / all);
    a.iter()
        .zip(b)
        .map(|(a, b)| (f64::from(*a) * from + f64::from(*b) * to) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::random;
    use super::*;

    #[test]
    fn the_textbook_example() {
        let log_var = [0.2f32, 0.5].map(|sigma| 2.0 * sigma.ln());
        let z = reparameterize(&[1.3, -0.7], &log_var, &[0.5, 0.2], 1.0);
        assert!((z[0] - 1.4).abs() < 1e-6 && (z[1] + 0.6).abs() < 1e-6);
        assert_eq!(reparameterize(&[1.3], &[0.0], &[3.0], 0.0), [1.3]);
    }

    #[test]
    fn kl_is_zero_at_the_prior_and_positive_elsewhere() {
        let kl = kl_to_standard_normal;
        assert_eq!(kl(&[0.0], &[0.0]), [0.0]);
        // KL(N(1, 4) ‖ N(0, 1)) = ½ (1 + 4 − ln 4 − 1)
        assert!((kl(&[1.0], &[4f32.ln()])[0] - 0.5 * (4.0 - 4f32.ln())).abs() < 1e-6);
    }

    #[test]
    fn reconstruction_of_a_coin() {
        let nats = reconstruction(Likelihood::Bernoulli, &[1.0, 0.0], &[0.5, 0.5]);
        assert!((nats - 2.0 * 2f32.ln()).abs() < 1e-6);
        assert!(reconstruction(Likelihood::Bernoulli, &[1.0], &[0.0]).is_finite());
        let gaussian = Likelihood::Gaussian { sigma: 1.0 };
        let expected = 0.5 * (1.0 + std::f32::consts::TAU.ln());
        assert!((reconstruction(gaussian, &[1.0], &[0.0]) - expected).abs() < 1e-6);
    }

    #[test]
    fn extreme_log_variances_give_finite_numbers() {
        let extremes = [-f32::INFINITY, -1e4, -200.0, 200.0, 1e4, f32::INFINITY];
        for log_var in extremes {
            for temperature in [0.0, 1.0, 2.0] {
                let z = reparameterize(&[1.0], &[log_var], &[3.0], temperature)[0];
                let expected = if log_var < 0.0 || temperature == 0.0 {
                    1.0
                } else {
                    3.0 * temperature * 40f32.exp()
                };
                assert!((z - expected).abs() <= 1e-5 * expected, "{log_var}: {z}");
            }
            let kl = kl_to_standard_normal(&[1.0], &[log_var])[0];
            assert!(kl.is_finite() && kl > 0.0, "{log_var}: {kl}");
        }
        assert_eq!(kl_to_standard_normal(&[0.0], &[-200.0]), [39.5]);
    }

    /// The trainer has the logit, of which the sigmoid keeps this much.
    #[test]
    fn a_probability_keeps_what_its_logit_costs() {
        for logit in [-70.0f64, -30.0, -14.0, 0.0, 5.0, 10.0] {
            let y = (1.0 / (1.0 + (-logit).exp())) as f32;
            for x in [0.0f32, 0.3, 1.0] {
                let exact = (1.0 + logit.exp()).ln() - f64::from(x) * logit;
                let found = f64::from(reconstruction(Likelihood::Bernoulli, &[x], &[y]));
                assert!(
                    (found - exact).abs() < 1e-3,
                    "{logit}, {x}: {found}, {exact}"
                );
            }
        }
    }

    #[test]
    fn interpolation_ends_at_its_ends_and_keeps_length() {
        let (a, b) = (random::normals(1, 32), random::normals(2, 32));
        for path in [lerp, slerp] {
            assert_eq!(path(&a, &b, 0.0), a);
            assert_eq!(path(&a, &b, 1.0), b);
        }
        let length = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>().sqrt();
        let (a, b) = ([3.0, 0.0, 4.0], [0.0, 5.0, 0.0]);
        for t in [0.1, 0.5, 0.8] {
            assert!((length(&slerp(&a, &b, t)) - 5.0).abs() < 1e-5);
            assert!(length(&lerp(&a, &b, t)) < 4.6);
        }
    }

    #[test]
    fn slerp_without_an_arc_is_lerp() {
        assert_eq!(slerp(&[0.0, 0.0], &[2.0, 0.0], 0.5), [1.0, 0.0]);
        assert_eq!(slerp(&[1.0, 0.0], &[3.0, 0.0], 0.5), [2.0, 0.0]);
        assert_eq!(slerp(&[1.0, 0.0], &[-1.0, 0.0], 0.25), [0.5, 0.0]);
    }
}
