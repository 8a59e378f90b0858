//! The fully connected layer.

use crate::gemm::add_product;

/// `out` += x · W for x of shape `[N, inputs]` and W of `[inputs, outputs]`.
pub fn linear(x: &[f32], weight: &[f32], outputs: usize, out: &mut [f32]) {
    add_product(x, weight, out, weight.len() / outputs, outputs);
}
