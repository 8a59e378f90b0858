//! Nearest-neighbour upsampling by 2, followed by a 3 × 3 convolution with padding 1, equals a
//! transposed 4 × 4 convolution with stride 2 and padding 1. This module converts between their
//! weights.
//!
//! Along one axis the first is `y[o] = Σₖ x[⌊(o + k − 1) / 2⌋] · w[k]`, and the second is `y[o] =
//! Σᵢ x[i] · f[o + 1 − 2 i]`. So for each parity of o, each tap of w is part of one tap of f.

/// The tap of f that tap `k` of w is part of, for outputs with this parity.
fn folded_tap(parity: usize, k: usize) -> usize {
    let i = (parity + k).div_ceil(2); // ⌊(parity + k − 1) / 2⌋ + 1
    parity + 3 - 2 * i
}

/// Calls `visit(small, large)` for every 3 × 3 tap and every 4 × 4 tap that it is part of.
fn each(mut visit: impl FnMut(usize, usize)) {
    for (row_parity, column_parity) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
            visit(
                3 * ky + kx,
                4 * folded_tap(row_parity, ky) + folded_tap(column_parity, kx),
            );
        }
    }
}

/// Converts a weight `[3, 3, in, out]` to `[4, 4, in, out]`.
pub fn forward(weight: &[f64]) -> Vec<f64> {
    let len = weight.len() / 9;
    let mut folded = vec![0.0; 16 * len];
    each(|small, large| {
        for i in 0..len {
            folded[large * len + i] += weight[small * len + i];
        }
    });
    folded
}

/// Converts the gradient of a `[4, 4, in, out]` weight to that of the `[3, 3, in, out]` weight.
pub fn backward(gradient: &[f64]) -> Vec<f64> {
    let len = gradient.len() / 16;
    let mut weight = vec![0.0; 9 * len];
    each(|small, large| {
        for i in 0..len {
            weight[small * len + i] += gradient[large * len + i];
        }
    });
    weight
}
