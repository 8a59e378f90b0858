//! The fully connected layer.

use crate::finish::Finish;
use crate::gemm::Packed;

/// A fully connected layer.
pub struct Linear {
    weight: Packed,
    finish: Finish,
}

impl Linear {
    /// Prepares a weight of shape `[inputs, outputs]`.
    pub fn new(weight: &[f32], outputs: usize, finish: Finish) -> Self {
        Self {
            weight: Packed::new(weight, outputs),
            finish,
        }
    }

    /// `out` = x · W, finished, for x of shape `[N, inputs]` and `out` of `[N, outputs]`.
    pub fn run(&self, x: &[f32], add: Option<&[f32]>, out: &mut [f32]) {
        self.weight.multiply(x, out);
        let len = out.len();
        self.finish.apply(add, out, 0..len);
    }
}
