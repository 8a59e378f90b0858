//! Doubling an image and convolving it, as one transposed convolution.
//!
//! Of the nine taps of a 3×3 kernel on an image with each pixel doubled, those that meet
//! the same pixel add up: four are left for each output value. So `upsample` costs nothing
//! at run time, and the convolution after it four ninths.

/// For each row (or column) of the 4×4 kernel, the rows of the 3×3 kernel that add up to it.
const SOURCES: [&[usize]; 4] = [&[2], &[1, 2], &[0, 1], &[0]];

/// The kernel `[4, 4, in, out]` of the transposed convolution with stride 2 and padding 1
/// that gives for an image what a convolution by `weight` `[3, 3, in, out]` with padding 1
/// gives for the image doubled by repeating each pixel.
pub(crate) fn fold(weight: &[f32]) -> Vec<f32> {
    let tap = weight.len() / 9;
    let mut folded = vec![0.0; 16 * tap];
    for (i, out) in folded.chunks_exact_mut(tap).enumerate() {
        for row in SOURCES[i / 4] {
            for column in SOURCES[i % 4] {
                let source = &weight[(3 * row + column) * tap..][..tap];
                out.iter_mut().zip(source).for_each(|(sum, w)| *sum += w);
            }
        }
    }
    folded
}

/// The adjoint of [`fold`]: the gradient of a kernel of side 3 from that of the kernel of side 4.
pub(crate) fn fold_adjoint(folded: &[f32]) -> Vec<f32> {
    let tap = folded.len() / 16;
    let mut weight = vec![0.0; 9 * tap];
    for (i, source) in folded.chunks_exact(tap).enumerate() {
        for row in SOURCES[i / 4] {
            for column in SOURCES[i % 4] {
                let out = &mut weight[(3 * row + column) * tap..][..tap];
                out.iter_mut().zip(source).for_each(|(sum, w)| *sum += w);
            }
        }
    }
    weight
}

/// The inverse of [`fold`], up to rounding: along a side [f₃, f₁ − f₀, f₀] of [w₂, w₁ + w₂, …, w₀].
pub(crate) fn unfold(folded: &[f32]) -> Vec<f32> {
    /// The places in a folded side that are added, and that are taken away.
    const PARTS: [(usize, Option<usize>); 3] = [(3, None), (1, Some(0)), (0, None)];
    let tap = folded.len() / 16;
    let at = |row: usize, column: usize, i: usize| folded[(4 * row + column) * tap + i];
    let mut weight = Vec::with_capacity(9 * tap);
    for (row, minus_row) in PARTS {
        for (column, minus_column) in PARTS {
            weight.extend((0..tap).map(|i| {
                let side = |row: usize| {
                    at(row, column, i) - minus_column.map_or(0.0, |minus| at(row, minus, i))
                };
                side(row) - minus_row.map_or(0.0, side)
            }));
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::{fold, fold_adjoint, unfold};
    use crate::latent::random;

    const SIDE: isize = 5;

    /// A pixel of a square image, zero outside.
    fn pixel(image: &[f32], side: isize, y: isize, x: isize) -> f32 {
        let inside = (0..side).contains(&y) && (0..side).contains(&x);
        if inside {
            image[(y * side + x) as usize]
        } else {
            0.0
        }
    }

    #[test]
    fn the_folded_kernel_gives_the_same_image() {
        let (image, weight) = (random::normals(1, 25), random::normals(2, 9));
        let folded = fold(&weight);
        let doubled: Vec<f32> = (0..4 * SIDE * SIDE)
            .map(|i| pixel(&image, SIDE, i / (2 * SIDE) / 2, i % (2 * SIDE) / 2))
            .collect();
        for (y, x) in (0..2 * SIDE).flat_map(|y| (0..2 * SIDE).map(move |x| (y, x))) {
            let taps = |side: isize| (0..side * side).map(move |tap| (tap / side, tap % side));
            let plain: f32 = taps(3)
                .map(|(ky, kx)| {
                    let value = pixel(&doubled, 2 * SIDE, y + ky - 1, x + kx - 1);
                    value * weight[(3 * ky + kx) as usize]
                })
                .sum();
            // Input pixel i reaches output pixel 2 i + tap - 1.
            let source = |to: isize, k: isize| {
                let twice = to + 1 - k;
                (twice % 2 == 0).then(|| twice.div_euclid(2))
            };
            let transposed: f32 = taps(4)
                .filter_map(|(ky, kx)| {
                    let value = pixel(&image, SIDE, source(y, ky)?, source(x, kx)?);
                    Some(value * folded[(4 * ky + kx) as usize])
                })
                .sum();
            assert!(
                (plain - transposed).abs() < 1e-5,
                "{plain}, {transposed} at {y}, {x}"
            );
        }
    }

    #[test]
    fn the_adjoint_of_folding_is_one() {
        let (weight, gradient) = (random::normals(1, 9 * 3), random::normals(2, 16 * 3));
        let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let (left, right) = (
            dot(&fold(&weight), &gradient),
            dot(&weight, &fold_adjoint(&gradient)),
        );
        assert!((left - right).abs() < 1e-4, "{left}, {right}");
    }

    #[test]
    fn unfolding_is_the_inverse_of_folding() {
        let weight = random::normals(1, 9 * 3);
        for (found, expected) in unfold(&fold(&weight)).iter().zip(&weight) {
            assert!((found - expected).abs() < 1e-5);
        }
    }
}
