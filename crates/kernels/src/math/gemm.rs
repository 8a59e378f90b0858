//! The matrix product of all kernels: A · B, where B is a weight that is packed once, when the
//! model is loaded.

use super::lanes::{LANES, Lanes};
#[cfg(target_arch = "x86_64")]
use super::wide;

/// Number of columns of a panel.
pub(super) const WIDTH: usize = 2 * LANES;
/// Number of rows that share a pass over a panel. Their 4 × 8 sums fit in registers.
pub const ROWS: usize = 4;
/// Number of unrolled steps of the loop over the sum.
const UNROLL: usize = 4;

/// A matrix `[inner, columns]`, cut into panels of [`WIDTH`] columns, so that the product reads it
/// sequentially. The last panel is padded with zeros.
pub struct Packed {
    inner: usize,
    columns: usize,
    panels: Vec<f32>,
}

impl Packed {
    /// Packs a row-major matrix of `columns` columns.
    #[inline(never)] // for size: every kernel calls it
    pub fn new(matrix: &[f32], columns: usize) -> Self {
        let inner = matrix.len() / columns;
        let mut panels = Vec::with_capacity(inner * columns.next_multiple_of(WIDTH));
        for first in (0..columns).step_by(WIDTH) {
            let last = columns.min(first + WIDTH);
            for row in matrix.chunks_exact(columns) {
                panels.extend_from_slice(&row[first..last]);
                panels.resize(panels.len() + WIDTH - (last - first), 0.0);
            }
        }
        Self {
            inner,
            columns,
            panels,
        }
    }

    /// Writes A · B to `out`, for A of shape `[rows, inner]` and `out` of shape `[rows, columns]`.
    /// Multiplies all rows by one panel before the next, so that the panel stays in the L1 cache.
    pub fn multiply(&self, a: &[f32], out: &mut [f32]) {
        let (inner, columns) = (self.inner, self.columns);
        assert_eq!(a.len() * columns, out.len() * inner);
        #[cfg(target_arch = "x86_64")]
        let [paired, rows] = wide::multiply_pairs(a, inner, &self.panels, out, columns);
        for (i, panel) in self.panels.chunks_exact(inner * WIDTH).enumerate() {
            let first = i * WIDTH;
            let last = columns.min(first + WIDTH);
            #[cfg(target_arch = "x86_64")]
            let done = match first < paired {
                true => rows,
                false => wide::multiply(a, panel, out, columns, first..last),
            };
            #[cfg(not(target_arch = "x86_64"))]
            let done = 0;
            let (a, out) = (&a[done * inner..], &mut out[done * columns..]);
            let mut blocks = a.chunks_exact(ROWS * inner);
            let mut outs = out.chunks_exact_mut(ROWS * columns);
            for (a, out) in blocks.by_ref().zip(outs.by_ref()) {
                let sums = four_rows(a, panel);
                for (sums, out) in sums.into_iter().zip(out.chunks_exact_mut(columns)) {
                    store(sums, &mut out[first..last]);
                }
            }
            let rows = blocks.remainder().chunks_exact(inner);
            let outs = outs.into_remainder().chunks_exact_mut(columns);
            for (a, out) in rows.zip(outs) {
                store(one_row(a, panel), &mut out[first..last]);
            }
        }
    }
}

/// `sums` + a · b.
#[inline(always)]
pub(super) fn add_to_sums([left, right]: Sums, a: f32, [b_left, b_right]: Sums) -> Sums {
    let a = Lanes::splat(a);
    [left.add_product(a, b_left), right.add_product(a, b_right)]
}

/// The sums of one row, as wide as a panel.
pub(super) type Sums = [Lanes; 2];

#[inline(always)]
fn store([left, right]: Sums, out: &mut [f32]) {
    let (left_out, right_out) = out.split_at_mut(out.len().min(LANES));
    left.store(left_out);
    right.store(right_out);
}

/// `sums` + a · b for a row `b` of a panel.
#[inline(always)]
fn add_product(sums: Sums, a: f32, b: &[f32; WIDTH]) -> Sums {
    add_to_sums(
        sums,
        a,
        [Lanes::load(&b[..LANES]), Lanes::load(&b[LANES..])],
    )
}

/// Four consecutive rows of A times a panel.
#[cfg_attr(not(all(feature = "relaxed", target_family = "wasm")), inline(always))]
#[cfg_attr(
    all(feature = "relaxed", target_family = "wasm"),
    target_feature(enable = "relaxed-simd")
)]
fn four_rows(a: &[f32], panel: &[f32]) -> [Sums; ROWS] {
    let [mut s0, mut s1, mut s2, mut s3] = [[Lanes::splat(0.0); 2]; ROWS];
    let inner = a.len() / ROWS;
    let (a0, a) = a.split_at(inner);
    let (a1, a) = a.split_at(inner);
    let (a2, a3) = a.split_at(inner);
    let rows = a0.iter().zip(a1).zip(a2).zip(a3);
    for (b, (((a0, a1), a2), a3)) in panel.as_chunks().0.iter().zip(rows) {
        s0 = add_product(s0, *a0, b);
        s1 = add_product(s1, *a1, b);
        s2 = add_product(s2, *a2, b);
        s3 = add_product(s3, *a3, b);
    }
    [s0, s1, s2, s3]
}

/// One row of A times a panel. It has four independent sums, one for every fourth row of the panel,
/// because the latency of an addition is longer than a load of weights.
#[cfg_attr(not(all(feature = "relaxed", target_family = "wasm")), inline(always))]
#[cfg_attr(
    all(feature = "relaxed", target_family = "wasm"),
    target_feature(enable = "relaxed-simd")
)]
fn one_row(a: &[f32], panel: &[f32]) -> Sums {
    let mut sums = [[Lanes::splat(0.0); 2]; UNROLL];
    let (a, a_rest) = a.as_chunks::<UNROLL>();
    let (b, b_rest) = panel.as_chunks::<{ UNROLL * WIDTH }>();
    for (a, b) in a.iter().zip(b) {
        let b = b.as_chunks().0;
        // Written out, because in wasm a closure of `array::from_fn` is not inlined.
        sums = [
            add_product(sums[0], a[0], &b[0]),
            add_product(sums[1], a[1], &b[1]),
            add_product(sums[2], a[2], &b[2]),
            add_product(sums[3], a[3], &b[3]),
        ];
    }
    for (a, b) in a_rest.iter().zip(b_rest.as_chunks().0) {
        sums[0] = add_product(sums[0], *a, b);
    }
    let [s0, s1, s2, s3] = sums;
    [
        (s0[0] + s1[0]) + (s2[0] + s3[0]),
        (s0[1] + s1[1]) + (s2[1] + s3[1]),
    ]
}
