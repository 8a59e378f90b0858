//! The activations that few models have, and their derivatives. The page's first program is built without them.

use crate::epilogue::{exp, sigmoid};
use crate::math::lanes::{LANES, Lanes};

/// √(8/π) and 0.044715 times that: GELU's approximation is x · sigmoid(a x + b x³).
const CURVE: [f32; 2] = [1.595_769, 0.071_354_814];

/// x · Φ(x)
#[inline(always)]
pub fn gelu(x: Lanes) -> Lanes {
    let zero = Lanes::splat(0.0);
    let a = magnitude(x);
    x.max(zero) - a * tail(a).0
}

/// Φ(x) + x · φ(x)
#[inline(always)]
pub fn gelu_slope(x: Lanes) -> Lanes {
    let (one, two) = (Lanes::splat(1.0), Lanes::splat(2.0));
    let a = magnitude(x);
    let (q, bell) = tail(a);
    let x = x.max(zero_minus(a)).min(a);
    let below = q + is_positive(x) * (one - two * q);
    below + x * bell * Lanes::splat(0.398_942_3)
}

/// x · sigmoid(a x + b x³)
#[inline(always)]
pub fn gelu_tanh(x: Lanes) -> Lanes {
    // The sigmoid is 0 below −10; clamping avoids −∞ times 0.
    x.max(Lanes::splat(-10.0)) * sigmoid(x * bend(x, CURVE[1]))
}

/// s + x s (1 − s) (a + 3 b x²) of s = sigmoid(a x + b x³)
#[inline(always)]
pub fn gelu_tanh_slope(x: Lanes) -> Lanes {
    // Beyond ±10 the derivative is 1 or 0; clamping avoids ∞ · 0.
    let x = x.max(Lanes::splat(-10.0)).min(Lanes::splat(10.0));
    let s = sigmoid(x * bend(x, CURVE[1]));
    s + x * s * (Lanes::splat(1.0) - s) * bend(x, 3.0 * CURVE[1])
}

/// x above 0, exp(x) − 1 below
#[inline(always)]
pub fn elu(x: Lanes) -> Lanes {
    let zero = Lanes::splat(0.0);
    x.max(zero) + (exp(x.min(zero)) - Lanes::splat(1.0))
}

/// ELU's derivative from its result: 1 above 0, y + 1 below
#[inline(always)]
pub fn elu_slope(y: Lanes) -> Lanes {
    y.min(Lanes::splat(0.0)) + Lanes::splat(1.0)
}

/// ln(1 + exp(x)) = max(x, 0) + 2 artanh(u / (2 + u)) of u = exp(−|x|), by artanh's series: its argument
/// is at most 1/3.
#[inline(always)]
pub fn softplus(x: Lanes) -> Lanes {
    let u = exp(zero_minus(x.max(zero_minus(x))));
    let s = u / (Lanes::splat(2.0) + u);
    let odd = [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0];
    let sum = odd.into_iter().fold(Lanes::splat(0.0), |sum, n: f32| {
        sum * s * s + Lanes::splat(2.0 / n)
    });
    x.max(Lanes::splat(0.0)) + s * sum
}

/// Softplus's derivative from its result: 1 − exp(−y)
#[inline(always)]
pub fn softplus_slope(y: Lanes) -> Lanes {
    Lanes::splat(1.0) - exp(zero_minus(y))
}

/// ln(max(x², 10⁻³⁰)). One value after the other: only encoders that give σ end in it.
#[inline(always)]
pub fn log_square(x: Lanes) -> Lanes {
    let mut values = [0.0; LANES];
    x.store(&mut values);
    Lanes::load(&values.map(|x| match x.is_nan() {
        true => x,
        false => 2.0 * x.abs().max(SMALLEST).ln(),
    }))
}

/// 2 / x, and 0 where the logarithm is constant
#[inline(always)]
pub fn log_square_slope(x: Lanes) -> Lanes {
    let size = x.max(zero_minus(x));
    // 2 x / x² without squares, which would be too small.
    let sign = is_positive(x) - is_positive(zero_minus(x));
    let is_beyond = is_positive(size - Lanes::splat(SMALLEST));
    is_beyond * sign * (Lanes::splat(2.0) / size.max(Lanes::splat(SMALLEST)))
}

/// Smaller x count as this one.
const SMALLEST: f32 = 1e-15;

#[inline(always)]
fn zero_minus(x: Lanes) -> Lanes {
    Lanes::splat(0.0) - x
}

/// |x|, up to 13: Φ(−13) is 0 in f32.
#[inline(always)]
fn magnitude(x: Lanes) -> Lanes {
    x.max(zero_minus(x)).min(Lanes::splat(13.0))
}

/// 1 for every x above 0, however small, and 0 for others.
#[inline(always)]
fn is_positive(x: Lanes) -> Lanes {
    let x = x * Lanes::splat(f32::MAX);
    x.max(Lanes::splat(0.0)).min(Lanes::splat(1.0))
}

/// a + b x²
#[inline(always)]
fn bend(x: Lanes, b: f32) -> Lanes {
    Lanes::splat(CURVE[0]) + Lanes::splat(b) * x * x
}

/// Φ(−a) within 8e-8 for a ≥ 0, by formula 7.1.26 of Abramowitz & Stegun (1964) for erf(a / √2), and exp(−a²/2).
#[inline(always)]
fn tail(a: Lanes) -> (Lanes, Lanes) {
    const POLYNOMIAL: [f32; 5] = [
        1.061_405_4,
        -1.453_152,
        1.421_413_7,
        -0.284_496_74,
        0.254_829_6,
    ];
    let one = Lanes::splat(1.0);
    let bell = exp(a * a * Lanes::splat(-0.5));
    // 0.3275911 / √2
    let t = one / (one + Lanes::splat(0.231_641_9) * a);
    let polynomial = POLYNOMIAL.map(Lanes::splat).into_iter();
    let sum = polynomial.fold(Lanes::splat(0.0), |sum, coefficient| sum * t + coefficient);
    (sum * t * bell * Lanes::splat(0.5), bell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vaelet_model::Activation;
    use vaelet_reference::activation::{derivative, forward};

    type Formula = fn(Lanes) -> Lanes;

    const ALL: [(Activation, Formula, Formula); 5] = [
        (Activation::Gelu, gelu, gelu_slope),
        (Activation::GeluTanh, gelu_tanh, gelu_tanh_slope),
        (Activation::Elu, elu, elu_slope),
        (Activation::Softplus, softplus, softplus_slope),
        (Activation::LogSquare, log_square, log_square_slope),
    ];

    fn value(formula: Formula, x: f32) -> f32 {
        let mut found = [0.0];
        formula(Lanes::splat(x)).store(&mut found);
        found[0]
    }

    #[test]
    fn activations_and_slopes_are_the_references() {
        for (activation, formula, slope) in ALL {
            for i in -4000..=4000 {
                let x = i as f32 / 250.0;
                let y = value(formula, x);
                let expected = forward(activation, f64::from(x));
                let error = (f64::from(y) - expected).abs();
                assert!(
                    error < 3e-7 * (1.0 + expected.abs()),
                    "{activation:?} {x}: {y}, not {expected}"
                );
                let from = match activation.differs_by_argument() {
                    true => x,
                    false => y,
                };
                let found = value(slope, from);
                let expected = derivative(activation, f64::from(x));
                let error = (f64::from(found) - expected).abs();
                assert!(
                    error < 2e-6 * (1.0 + expected.abs()),
                    "{activation:?} {x}: slope {found}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn extreme_arguments_give_limits() {
        for (activation, formula, slope) in ALL {
            for x in [
                f32::INFINITY,
                1e30,
                200.0,
                1e-40,
                0.0,
                -200.0,
                -1e30,
                f32::NEG_INFINITY,
            ] {
                let limit = match activation {
                    Activation::Elu => -1.0,
                    _ => 0.0,
                };
                if activation == Activation::LogSquare {
                    let expected = forward(activation, f64::from(x).clamp(-1e38, 1e38));
                    let found = f64::from(value(formula, x.clamp(-1e38, 1e38)));
                    assert!(
                        (found - expected).abs() < 1e-4,
                        "{x}: {found}, not {expected}"
                    );
                    assert!(!value(slope, x).is_nan() && !value(formula, x).is_nan());
                    continue;
                }
                let y = value(formula, x);
                match x {
                    100.0.. => assert_eq!(y, x, "{activation:?}"),
                    ..-100.0 => assert!((y - limit).abs() < 1e-30, "{activation:?} {x}: {y}"),
                    _ => {}
                }
                let from = match activation.differs_by_argument() {
                    true => x,
                    false => y,
                };
                let found = value(slope, from);
                let expected = derivative(activation, f64::from(x.clamp(-100.0, 100.0)));
                let error = (f64::from(found) - expected).abs();
                assert!(
                    error < 2e-6 * (1.0 + expected.abs()),
                    "{activation:?} {x}: slope {found}, not {expected}"
                );
            }
            assert!(value(formula, f32::NAN).is_nan(), "{activation:?}");
        }
    }
}
