//! The fully connected layer.

use crate::epilogue::{Epilogue, Operands};
use crate::math::gemm::Packed;

/// A fully connected layer.
pub struct Linear {
    weight: Packed,
    epilogue: Epilogue,
}

impl Linear {
    /// Prepares a weight of shape `[inputs, outputs]`.
    pub fn new(weight: &[f32], outputs: usize, epilogue: Epilogue) -> Self {
        Self {
            weight: Packed::new(weight, outputs),
            epilogue,
        }
    }

    /// `out` = x · W, finished, for x of shape `[N, inputs]` and `out` of `[N, outputs]`.
    pub fn run(&self, x: &[f32], operands: Operands<'_>, out: &mut [f32]) {
        self.weight.multiply(x, out);
        let len = out.len();
        self.epilogue.apply(operands, out, 0..len);
    }
}
