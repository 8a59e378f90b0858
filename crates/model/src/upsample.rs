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

#[cfg(test)]
mod tests {
    use super::fold;
    use crate::random;

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
}
