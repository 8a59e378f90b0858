//! Activations and their derivatives.

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
    }
}
