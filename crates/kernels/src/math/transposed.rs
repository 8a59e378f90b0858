//! The matrix product for weight gradients: Aᵀ · B. Both matrices change at every call, so neither
//! is packed.

use super::gemm::{ROWS, Sums, WIDTH, add_to_sums};
use super::lanes::{LANES, Lanes};
#[cfg(target_arch = "x86_64")]
use super::wide;

/// Number of rows of A and B that are summed at a time, so that they stay in the L1 cache.
const DEPTH: usize = 128;

/// Adds Aᵀ · B to `out`, for A of shape `[n, rows]`, B of shape `[n, columns]` and `out` of shape
/// `[rows, columns]`.
pub fn multiply_transposed(a: &[f32], rows: usize, b: &[f32], columns: usize, out: &mut [f32]) {
    assert_eq!(a.len() * columns, b.len() * rows);
    assert_eq!(out.len(), rows * columns);
    for (a, b) in a.chunks(DEPTH * rows).zip(b.chunks(DEPTH * columns)) {
        #[cfg(target_arch = "x86_64")]
        let paired = wide::multiply_transposed_pairs(a, rows, b, columns, out);
        for column in (0..columns).step_by(WIDTH) {
            let width = WIDTH.min(columns - column);
            #[cfg(target_arch = "x86_64")]
            let done = match column < paired {
                true => rows / wide::ROWS * wide::ROWS,
                false => wide::multiply_transposed(a, rows, b, columns, column, out),
            };
            #[cfg(not(target_arch = "x86_64"))]
            let done = 0;
            for row in (done..rows).step_by(ROWS) {
                let height = ROWS.min(rows - row);
                let sums = tile(a, rows, row, b, columns, column);
                for (i, sums) in sums.into_iter().enumerate().take(height) {
                    let out = &mut out[(row + i) * columns + column..][..width];
                    add_sums(sums, out);
                }
            }
        }
    }
}

/// The sums of a tile of four rows and [`WIDTH`] columns that starts at `row` and `column`. Sums
/// beyond the last row or column are meaningless.
#[cfg_attr(not(all(feature = "relaxed", target_family = "wasm")), inline(always))]
#[cfg_attr(
    all(feature = "relaxed", target_family = "wasm"),
    target_feature(enable = "relaxed-simd")
)]
fn tile(
    a: &[f32],
    rows: usize,
    row: usize,
    b: &[f32],
    columns: usize,
    column: usize,
) -> [Sums; ROWS] {
    let [mut s0, mut s1, mut s2, mut s3] = [[Lanes::splat(0.0); 2]; ROWS];
    for (a, b) in a.chunks_exact(rows).zip(b.chunks_exact(columns)) {
        let at = |i: usize| a[(row + i).min(rows - 1)];
        let b = &b[column..];
        let panel = [Lanes::load(b), Lanes::load(b.get(LANES..).unwrap_or(&[]))];
        s0 = add_to_sums(s0, at(0), panel);
        s1 = add_to_sums(s1, at(1), panel);
        s2 = add_to_sums(s2, at(2), panel);
        s3 = add_to_sums(s3, at(3), panel);
    }
    [s0, s1, s2, s3]
}

/// Adds the first of `sums` to `out`, which may be shorter.
#[inline(always)]
fn add_sums([left, right]: Sums, out: &mut [f32]) {
    let (left_out, right_out) = out.split_at_mut(out.len().min(LANES));
    (Lanes::load(left_out) + left).store(left_out);
    (Lanes::load(right_out) + right).store(right_out);
}
