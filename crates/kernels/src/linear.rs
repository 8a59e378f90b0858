//! The fully connected layer.

use crate::epilogue::{Epilogue, Operands};
use crate::math::gemm::Packed;

/// A fully connected layer with its packed weight.
pub struct Linear {
    weight: Packed,
    epilogue: Epilogue,
}

impl Linear {
    /// Packs a weight `[inputs, outputs]`.
    pub fn new(weight: &[f32], outputs: usize, epilogue: Epilogue) -> Self {
        Self {
            weight: Packed::new(weight, outputs),
            epilogue,
        }
    }

    /// Writes epilogue(x · W) to `out`, for `x` of shape `[N, inputs]` and `out` of shape
    /// `[N, outputs]`.
    pub fn run(&self, x: &[f32], operands: Operands<'_>, out: &mut [f32]) {
        self.weight.multiply(x, out);
        let len = out.len();
        self.epilogue.apply(operands, out, 0..len);
    }
}
