//! The inner loops of both products in registers of eight values (AVX2) or sixteen (AVX-512), for native programs on
//! processors that have them.
//!
//! Each sum adds the same products in the same order as without them, and no multiplication is fused with an
//! addition, so every result is the same to the last bit: files that one machine writes are read by another.

use super::gemm::WIDTH;
use std::arch::x86_64::{
    __m256, __m512, _mm256_add_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_storeu_ps, _mm512_add_ps, _mm512_castps256_ps512, _mm512_insertf32x8,
    _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::ops::Range;

/// Number of rows that share a pass over a panel.
pub const ROWS: usize = 8;
/// Number of columns of two panels.
const PAIR: usize = 2 * WIDTH;

/// Whether the processor has AVX-512.
fn has_pairs() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq")
}

/// Writes blocks of [`ROWS`] rows of `a` times pairs of panels, each of `inner` rows, to `out`. Returns how many
/// columns and how many rows are done: none if the processor has no AVX-512.
pub fn multiply_pairs(
    a: &[f32],
    inner: usize,
    panels: &[f32],
    out: &mut [f32],
    columns: usize,
) -> [usize; 2] {
    if inner == 0 || !has_pairs() {
        return [0, 0];
    }
    let pairs = columns / PAIR;
    for (i, pair) in panels.chunks_exact(inner * PAIR).enumerate().take(pairs) {
        let (left, right) = pair.split_at(inner * WIDTH);
        let [left, right] = [left.as_chunks().0, right.as_chunks().0];
        let blocks = a.chunks_exact(ROWS * inner);
        for (a, out) in blocks.zip(out.chunks_exact_mut(ROWS * columns)) {
            // SAFETY: the processor has AVX-512.
            let sums = unsafe { rows_times_pair(a, inner, left, right) };
            for (sums, out) in sums.iter().zip(out.chunks_exact_mut(columns)) {
                out[i * PAIR..][..PAIR].copy_from_slice(sums);
            }
        }
    }
    [pairs * PAIR, a.len() / inner / ROWS * ROWS]
}

/// The sums of [`ROWS`] consecutive rows of `inner` values.
#[target_feature(enable = "avx512f,avx512dq")]
fn rows_times_pair(
    a: &[f32],
    inner: usize,
    left: &[[f32; WIDTH]],
    right: &[[f32; WIDTH]],
) -> [[f32; PAIR]; ROWS] {
    let mut sums = [_mm512_setzero_ps(); ROWS];
    let rows: [&[f32]; ROWS] = std::array::from_fn(|i| &a[i * inner..][..inner]);
    for (k, (left, right)) in left.iter().zip(right).enumerate().take(inner) {
        let b = _mm512_insertf32x8::<1>(_mm512_castps256_ps512(load(left)), load(right));
        for (sum, row) in sums.iter_mut().zip(&rows) {
            *sum = _mm512_add_ps(*sum, _mm512_mul_ps(_mm512_set1_ps(row[k]), b));
        }
    }
    stored(sums)
}

/// Adds aᵀ · b to `out` for whole blocks of [`ROWS`] rows and [`PAIR`] columns. Returns how many columns are done:
/// none if the processor has no AVX-512.
#[cfg(feature = "gradients")]
pub fn multiply_transposed_pairs(
    a: &[f32],
    rows: usize,
    b: &[f32],
    columns: usize,
    out: &mut [f32],
) -> usize {
    if !has_pairs() {
        return 0;
    }
    let done = columns / PAIR * PAIR;
    for column in (0..done).step_by(PAIR) {
        for row in (0..rows / ROWS * ROWS).step_by(ROWS) {
            // SAFETY: the processor has AVX-512.
            let sums = unsafe { tile_of_pair(a, rows, row, b, columns, column) };
            for (i, sums) in sums.iter().enumerate() {
                let out = &mut out[(row + i) * columns + column..][..PAIR];
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
    }
    done
}

/// The sums of a tile of [`ROWS`] rows and [`PAIR`] columns.
#[cfg(feature = "gradients")]
#[target_feature(enable = "avx512f,avx512dq")]
fn tile_of_pair(
    a: &[f32],
    rows: usize,
    row: usize,
    b: &[f32],
    columns: usize,
    column: usize,
) -> [[f32; PAIR]; ROWS] {
    let mut sums = [_mm512_setzero_ps(); ROWS];
    for (a, b) in a.chunks_exact(rows).zip(b.chunks_exact(columns)) {
        let (Some(a), Some(b)) = (
            a[row..].first_chunk::<ROWS>(),
            b[column..].first_chunk::<PAIR>(),
        ) else {
            continue;
        };
        // SAFETY: sixteen f32 are 64 readable bytes; any alignment is allowed.
        let b = unsafe { _mm512_loadu_ps(b.as_ptr()) };
        for (sum, a) in sums.iter_mut().zip(a) {
            *sum = _mm512_add_ps(*sum, _mm512_mul_ps(_mm512_set1_ps(*a), b));
        }
    }
    stored(sums)
}

#[target_feature(enable = "avx512f")]
fn stored(sums: [__m512; ROWS]) -> [[f32; PAIR]; ROWS] {
    let mut values = [[0.0; PAIR]; ROWS];
    for (values, sums) in values.iter_mut().zip(sums) {
        // SAFETY: sixteen f32 are 64 writable bytes; any alignment is allowed.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), sums) };
    }
    values
}

/// Writes blocks of [`ROWS`] rows of `a` times a panel to the columns `range` of `out`. Returns the number
/// of rows that are done: none if the processor has no AVX2.
pub fn multiply(
    a: &[f32],
    panel: &[f32],
    out: &mut [f32],
    columns: usize,
    range: Range<usize>,
) -> usize {
    let inner = panel.len() / WIDTH;
    if inner == 0 || !is_x86_feature_detected!("avx2") {
        return 0;
    }
    let (panel, _) = panel.as_chunks();
    let blocks = a.chunks_exact(ROWS * inner);
    let done = blocks.len() * ROWS;
    for (a, out) in blocks.zip(out.chunks_exact_mut(ROWS * columns)) {
        // SAFETY: the processor has AVX2.
        let sums = unsafe { rows_times(a, inner, panel) };
        for (sums, out) in sums.iter().zip(out.chunks_exact_mut(columns)) {
            out[range.clone()].copy_from_slice(&sums[..range.len()]);
        }
    }
    done
}

/// The sums of [`ROWS`] consecutive rows of `inner` values.
#[target_feature(enable = "avx2")]
fn rows_times(a: &[f32], inner: usize, panel: &[[f32; WIDTH]]) -> [[f32; WIDTH]; ROWS] {
    let mut sums = [_mm256_setzero_ps(); ROWS];
    let rows: [&[f32]; ROWS] = std::array::from_fn(|i| &a[i * inner..][..inner]);
    for (k, b) in panel.iter().enumerate().take(inner) {
        let b = load(b);
        for (sum, row) in sums.iter_mut().zip(&rows) {
            *sum = _mm256_add_ps(*sum, _mm256_mul_ps(_mm256_set1_ps(row[k]), b));
        }
    }
    let mut values = [[0.0; WIDTH]; ROWS];
    for (values, sums) in values.iter_mut().zip(sums) {
        store(sums, values);
    }
    values
}

/// Adds aᵀ · b to the [`WIDTH`] columns of `out` that start at `column`, for whole blocks of [`ROWS`] rows. Returns the number of
/// rows that are done: none if the processor has no AVX2, or there are fewer columns.
#[cfg(feature = "gradients")]
pub fn multiply_transposed(
    a: &[f32],
    rows: usize,
    b: &[f32],
    columns: usize,
    column: usize,
    out: &mut [f32],
) -> usize {
    if column + WIDTH > columns || !is_x86_feature_detected!("avx2") {
        return 0;
    }
    let done = rows / ROWS * ROWS;
    for row in (0..done).step_by(ROWS) {
        // SAFETY: the processor has AVX2.
        let sums = unsafe { tile(a, rows, row, b, columns, column) };
        for (i, sums) in sums.iter().enumerate() {
            let out = &mut out[(row + i) * columns + column..][..WIDTH];
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
        }
    }
    done
}

/// The sums of a tile of [`ROWS`] rows and [`WIDTH`] columns.
#[cfg(feature = "gradients")]
#[target_feature(enable = "avx2")]
fn tile(
    a: &[f32],
    rows: usize,
    row: usize,
    b: &[f32],
    columns: usize,
    column: usize,
) -> [[f32; WIDTH]; ROWS] {
    let mut sums = [_mm256_setzero_ps(); ROWS];
    for (a, b) in a.chunks_exact(rows).zip(b.chunks_exact(columns)) {
        let (Some(a), Some(b)) = (a[row..].first_chunk::<ROWS>(), b[column..].first_chunk()) else {
            continue;
        };
        let b = load(b);
        for (sum, a) in sums.iter_mut().zip(a) {
            *sum = _mm256_add_ps(*sum, _mm256_mul_ps(_mm256_set1_ps(*a), b));
        }
    }
    let mut values = [[0.0; WIDTH]; ROWS];
    for (values, sums) in values.iter_mut().zip(sums) {
        store(sums, values);
    }
    values
}

#[target_feature(enable = "avx2")]
fn load(values: &[f32; WIDTH]) -> __m256 {
    // SAFETY: eight f32 are 32 readable bytes; any alignment is allowed.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

#[target_feature(enable = "avx2")]
fn store(register: __m256, values: &mut [f32; WIDTH]) {
    // SAFETY: eight f32 are 32 writable bytes; any alignment is allowed.
    unsafe { _mm256_storeu_ps(values.as_mut_ptr(), register) };
}

#[cfg(test)]
mod tests {
    use crate::math::gemm::Packed;
    use crate::math::transposed::multiply_transposed;
    use vaelet_model::random;

    /// Rows that are multiplied alone, or in blocks of another size, give the same bits.
    #[test]
    fn a_row_is_the_same_in_every_block() {
        // Two pairs of panels, a panel and a part of one.
        let (inner, columns) = (37, 45);
        let b = random::normals(1, inner * columns);
        let a = random::normals(2, 20 * inner);
        let packed = Packed::new(&b, columns);
        let mut all = vec![0.0; 20 * columns];
        packed.multiply(&a, &mut all);
        for first in (0..20).step_by(4) {
            // Four rows at a time: too few for a wide block.
            let mut four = vec![0.0; 4 * columns];
            packed.multiply(&a[first * inner..][..4 * inner], &mut four);
            assert_eq!(all[first * columns..][..4 * columns], four);
        }

        let (rows, depth) = (21, 30);
        let (a, b) = (
            random::normals(3, depth * rows),
            random::normals(4, depth * columns),
        );
        let mut all = vec![0.0; rows * columns];
        multiply_transposed(&a, rows, &b, columns, &mut all);
        for row in 0..rows {
            let single: Vec<f32> = a.chunks(rows).map(|a| a[row]).collect();
            let mut one = vec![0.0; columns];
            multiply_transposed(&single, 1, &b, columns, &mut one);
            assert_eq!(all[row * columns..][..columns], one);
        }
    }
}
