//! A convolution of side 3 on an image each of whose pixels is doubled, as the transposed
//! convolution of side 4, stride 2 and padding 1 that gives the same.
//!
//! Along one side `y[o] = Σₖ x[⌊(o + k − 1) / 2⌋] · w[k]`, and a transposed convolution adds
//! `x[i] · f[o + 1 − 2 i]`: so for even and odd o, each k belongs to one place of f.

/// The place in f of tap `k` for an output of this parity.
fn place(parity: usize, k: usize) -> usize {
    let i = (parity + k).div_ceil(2); // ⌊(parity + k − 1) / 2⌋ + 1
    parity + 3 - 2 * i
}

/// Calls `visit(small, large)` for every tap of the small kernel that is part of one of the large.
fn each(mut visit: impl FnMut(usize, usize)) {
    for (row_parity, column_parity) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
            visit(
                3 * ky + kx,
                4 * place(row_parity, ky) + place(column_parity, kx),
            );
        }
    }
}

/// `[3, 3, in, out]` to `[4, 4, in, out]`.
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

/// The gradient of the small kernel from that of the large one.
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
