//! Activations and their derivatives.

use std::f64::consts::PI;
use vaelet_model::Activation;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The activation f(x).
pub fn forward(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Silu => x * sigmoid(x),
        Activation::Sigmoid => sigmoid(x),
        Activation::Gelu => x * normal(x),
        Activation::GeluTanh => 0.5 * x * (1.0 + curve(x).tanh()),
        Activation::Elu => x.max(0.0) + x.min(0.0).exp_m1(),
        Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Activation::LogSquare => (x * x).max(1e-30).ln(),
    }
}

/// The derivative f′(x). For ReLU it is 0 at x = 0.
pub fn derivative(activation: Activation, x: f64) -> f64 {
    let s = sigmoid(x);
    match activation {
        Activation::None => 1.0,
        Activation::Relu => f64::from(u8::from(x > 0.0)),
        Activation::Silu => s + x * s * (1.0 - s),
        Activation::Sigmoid => s * (1.0 - s),
        Activation::Gelu => normal(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt(),
        Activation::GeluTanh => {
            let t = curve(x).tanh();
            let slope = (2.0 / PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
            0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope
        }
        Activation::Elu => x.min(0.0).exp(),
        Activation::Softplus => s,
        Activation::LogSquare if x.abs() > 1e-15 => 2.0 / x,
        Activation::LogSquare => 0.0,
    }
}

/// What GELU's approximation takes the tanh of.
fn curve(x: f64) -> f64 {
    (2.0 / PI).sqrt() * (x + 0.044715 * x.powi(3))
}

/// The normal distribution function Φ: ½ + φ(x) (x + x³/3 + x⁵/(3·5) + …), by Marsaglia (2004).
fn normal(x: f64) -> f64 {
    if x.abs() > 8.0 {
        // What is left of the smaller side, 6e-16, the sum cannot hold beside 1.
        return f64::from(u8::from(x > 0.0));
    }
    let (mut sum, mut term) = (x, x);
    for i in 1..200 {
        term *= x * x / f64::from(2 * i + 1);
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}
