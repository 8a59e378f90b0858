//! The epilogue of a kernel: bias, addition and activation, applied to sums that are still in the
//! cache.

use crate::GRADIENTS;
use crate::activation::{
    elu, elu_slope, gelu, gelu_slope, gelu_tanh, gelu_tanh_slope, log_square, log_square_slope,
    softplus, softplus_slope,
};
use crate::math::lanes::{LANES, Lanes, add_to};
use std::ops::Range;
use vaelet_model::{ACTIVATIONS, Activation, Finish};

/// Computes `out = finish(sum + bias + add)` at the end of every step.
pub struct Epilogue {
    /// One value per output channel, repeated until the last vector is full.
    bias: Vec<Lanes>,
    finish: Finish,
}

/// The operands of an epilogue, each as long as the step's output.
#[derive(Debug, Clone, Copy, Default)]
pub struct Operands<'a> {
    /// The other branch of a residual block, or another gradient.
    pub add: Option<&'a [f32]>,
    /// The value from which an activation's derivative is computed.
    pub saved: Option<&'a [f32]>,
}

impl Epilogue {
    /// `bias` has one value per output channel, or is `[0.0]`.
    #[inline(never)] // for size: four kernels call it
    pub fn new(bias: &[f32], finish: Finish) -> Self {
        let times = (1..=LANES).find(|times| (times * bias.len()).is_multiple_of(LANES));
        let bias = bias.repeat(times.unwrap_or(LANES));
        Self {
            bias: bias.chunks_exact(LANES).map(Lanes::load).collect(),
            finish,
        }
    }

    /// Applies the epilogue in place to `out[pixels]`, a whole number of pixels of a batch.
    pub fn apply(&self, operands: Operands<'_>, out: &mut [f32], pixels: Range<usize>) {
        let out = &mut out[pixels.clone()];
        if let Some(add) = operands.add {
            add_to(out, &add[pixels.clone()]);
        }
        match (self.finish, operands.saved) {
            (Finish::Activate(Activation::Relu), _) => {
                self.map(out, |x| x.max(Lanes::splat(0.0)));
            }
            // The sigmoid is constant below −87; clamping avoids −∞ times a small number.
            (Finish::Activate(Activation::Silu), _) => {
                self.map(out, |x| x.max(Lanes::splat(-87.0)) * sigmoid(x));
            }
            (Finish::Activate(Activation::Sigmoid), _) => self.map(out, sigmoid),
            (Finish::Activate(Activation::Gelu), _) if ACTIVATIONS => self.map(out, gelu),
            (Finish::Activate(Activation::GeluTanh), _) if ACTIVATIONS => self.map(out, gelu_tanh),
            (Finish::Activate(Activation::Elu), _) if ACTIVATIONS => self.map(out, elu),
            (Finish::Activate(Activation::Softplus), _) if ACTIVATIONS => self.map(out, softplus),
            (Finish::Activate(Activation::LogSquare), _) if ACTIVATIONS => {
                self.map(out, log_square);
            }
            (Finish::Derivative(activation, _), Some(saved)) if GRADIENTS => {
                multiply_by_derivative(activation, &saved[pixels], out);
            }
            _ => self.map(out, |x| x),
        }
    }

    #[inline(always)]
    fn map(&self, out: &mut [f32], activation: impl Fn(Lanes) -> Lanes) {
        for out in out.chunks_mut(self.bias.len() * LANES) {
            for (out, bias) in out.chunks_mut(LANES).zip(&self.bias) {
                activation(Lanes::load(out) + *bias).store(out);
            }
        }
    }
}

/// Multiplies `out` by the activation's derivative. `saved` is its argument or its result
/// ([`Activation::differs_by_argument`]). A gradient has no bias.
fn multiply_by_derivative(activation: Activation, saved: &[f32], out: &mut [f32]) {
    let one = Lanes::splat(1.0);
    match activation {
        Activation::None => {}
        // 1 for every y above 0, however small.
        Activation::Relu => multiply(saved, out, |y| (y * Lanes::splat(f32::MAX)).min(one)),
        Activation::Sigmoid => multiply(saved, out, |y| y * (one - y)),
        Activation::Silu => multiply(saved, out, |x| {
            // Beyond ±87 the derivative is 1 or 0; clamping avoids ∞ · 0.
            let x = x.max(Lanes::splat(-87.0)).min(Lanes::splat(87.0));
            let s = sigmoid(x);
            s * (one + x * (one - s))
        }),
        Activation::Gelu if ACTIVATIONS => multiply(saved, out, gelu_slope),
        Activation::GeluTanh if ACTIVATIONS => multiply(saved, out, gelu_tanh_slope),
        Activation::Elu if ACTIVATIONS => multiply(saved, out, elu_slope),
        Activation::Softplus if ACTIVATIONS => multiply(saved, out, softplus_slope),
        Activation::LogSquare if ACTIVATIONS => multiply(saved, out, log_square_slope),
        _ => {}
    }
}

/// Multiplies `out` by `derivative(saved)`.
#[inline(always)]
fn multiply(saved: &[f32], out: &mut [f32], derivative: impl Fn(Lanes) -> Lanes) {
    for (out, saved) in out.chunks_mut(LANES).zip(saved.chunks(LANES)) {
        (Lanes::load(out) * derivative(Lanes::load(saved))).store(out);
    }
}

#[inline(always)]
pub(crate) fn sigmoid(x: Lanes) -> Lanes {
    let one = Lanes::splat(1.0);
    one / (one + exp(Lanes::splat(0.0) - x))
}

/// eˣ to within 2 units in the last place, for x clamped so that the result is a normal number.
/// After `expf` of Cephes (Moshier 1992): x = n ln 2 + r with |r| ≤ ln 2 / 2, a polynomial for eʳ,
/// and n added to the exponent.
#[inline(always)]
pub(crate) fn exp(x: Lanes) -> Lanes {
    /// Adding it rounds to an integer, which is then in the lowest bits.
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³
    /// ln 2 in two parts. The first has few bits, so that n times it is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const POLYNOMIAL: [f32; 6] = [
        1.987_569_1e-4,
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ];
    let x = x.max(Lanes::splat(-87.0)).min(Lanes::splat(88.0));
    let shifted = x * Lanes::splat(std::f32::consts::LOG2_E) + Lanes::splat(ROUND);
    let n = shifted - Lanes::splat(ROUND);
    let r = x - n * Lanes::splat(LN_2[0]) - n * Lanes::splat(LN_2[1]);
    let [first, rest @ ..] = POLYNOMIAL.map(Lanes::splat);
    let p = rest
        .into_iter()
        .fold(first, |p, coefficient| p * r + coefficient);
    (p * r * r + r + Lanes::splat(1.0)) * shifted.power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_accurate() {
        for i in -87_000..=88_000 {
            let x = i as f32 / 1000.0;
            let mut found = [0.0];
            exp(Lanes::splat(x)).store(&mut found);
            let expected = f64::from(x).exp();
            let error = (f64::from(found[0]) - expected).abs() / expected;
            assert!(error <= 2.0 * f64::from(f32::EPSILON), "{x}: {error:e}");
        }
    }

    #[test]
    fn activations_equal_their_formulas() {
        let x: Vec<f32> = (-60..=60).map(|i| i as f32 / 3.0).collect();
        let formula = |activation, x: f32| match activation {
            Activation::Relu => x.max(0.0),
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            _ => x,
        };
        for activation in [
            Activation::None,
            Activation::Relu,
            Activation::Silu,
            Activation::Sigmoid,
        ] {
            let mut out = x.clone();
            Epilogue::new(&[0.0], Finish::Activate(activation)).apply(
                Operands::default(),
                &mut out,
                0..x.len(),
            );
            for (x, found) in x.iter().zip(out) {
                let expected = formula(activation, *x);
                let error = (found - expected).abs();
                assert!(
                    error <= 1e-6 * expected.abs(),
                    "{x}: {found} instead of {expected}"
                );
            }
        }
    }

    #[test]
    fn only_the_given_pixels_get_bias_and_addition() {
        for channels in 1..=9 {
            let len = 3 * channels;
            let bias: Vec<f32> = (0..channels).map(|c| c as f32).collect();
            let add: Vec<f32> = (0..len).map(|i| 100.0 * i as f32).collect();
            let mut out = vec![1.0; len];
            let epilogue = Epilogue::new(&bias, Finish::Activate(Activation::None));
            let operands = Operands {
                add: Some(&add),
                saved: None,
            };
            epilogue.apply(operands, &mut out, channels..len);
            for (i, value) in out.into_iter().enumerate() {
                let inside = 1.0 + bias[i % channels] + add[i];
                assert_eq!(value, if i < channels { 1.0 } else { inside });
            }
        }
    }

    #[test]
    fn activations_of_extreme_arguments_are_their_limits() {
        let extremes = [f32::INFINITY, 1e30, 200.0, f32::NEG_INFINITY, -1e30, -200.0];
        for (activation, above) in [
            (Activation::Sigmoid, [1.0, 1.0, 1.0]),
            (Activation::Silu, [f32::INFINITY, 1e30, 200.0]),
        ] {
            let mut out = extremes;
            Epilogue::new(&[0.0], Finish::Activate(activation)).apply(
                Operands::default(),
                &mut out,
                0..6,
            );
            assert_eq!(out[..3], above);
            for below in &out[3..] {
                assert!(below.abs() < 1e-30, "{activation:?}: {below}");
            }
        }
    }
}
