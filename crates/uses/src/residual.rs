//! What is left of noise and of the picture when the model's explanation is taken away.
//!
//! A decoder cannot draw every detail. Of a noisy picture minus its explanation, what stands out of the
//! noise in the cosine transform of some square is a detail, and is given back (thresholding of
//! overlapping blocks, after Yu and Sapiro 2011).

use crate::matrix::{product, transposed};
use vaelet_model::ImageShape;

/// Side of a square.
const SIDE: usize = 8;
/// A coefficient counts from at least this many standard deviations of the noise on.
const LEAST: f32 = 2.7;

/// What stands out of noise of this standard deviation in `residual`, `[C, H, W]`: coefficients above
/// `threshold` standard deviations.
pub(crate) fn details(residual: &[f32], noise: f32, threshold: f32, input: ImageShape) -> Vec<f32> {
    let threshold = noise * threshold.max(LEAST);
    let ImageShape { height, width, .. } = input;
    let side = SIDE.min(height).min(width);
    let basis = basis(side);
    let back = transposed(&basis, side);
    let mut out = vec![0.0; residual.len()];
    let plane = height * width;
    for (from, to) in residual
        .chunks_exact(plane)
        .zip(out.chunks_exact_mut(plane))
    {
        let mut weights = vec![0.0; plane];
        for y in 0..=height - side {
            for x in 0..=width - side {
                let at = |i: usize| (y + i / side) * width + x + i % side;
                let block: Vec<f32> = (0..side * side).map(|i| from[at(i)]).collect();
                let mut coefficients = product(&basis, &product(&block, &back, side), side);
                let mut kept = 0;
                for value in &mut coefficients {
                    if value.abs() < threshold {
                        *value = 0.0;
                    } else {
                        kept += 1;
                    }
                }
                // Sparse blocks are better explained, and count for more.
                let weight = 1.0 / (1 + kept) as f32;
                if kept > 0 {
                    let block = product(&product(&back, &coefficients, side), &basis, side);
                    for (i, value) in block.into_iter().enumerate() {
                        to[at(i)] += weight * value;
                    }
                }
                (0..side * side).for_each(|i| weights[at(i)] += weight);
            }
        }
        for (value, weight) in to.iter_mut().zip(weights) {
            *value /= weight;
        }
    }
    out
}

/// The orthonormal cosines (DCT-II), `[frequency, place]`.
pub(crate) fn basis(side: usize) -> Vec<f32> {
    let n = side as f64;
    let value = |i: usize| {
        let (frequency, place) = ((i / side) as f64, (i % side) as f64);
        let scale = libm::sqrt(if i < side { 1.0 } else { 2.0 } / n);
        (scale * libm::cos(std::f64::consts::PI * frequency * (2.0 * place + 1.0) / (2.0 * n)))
            as f32
    };
    (0..side * side).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vaelet_model::random;

    const INPUT: ImageShape = ImageShape {
        channels: 1,
        height: 20,
        width: 24,
    };

    #[test]
    fn an_edge_stands_out_and_noise_does_not() {
        let noise = random::normals(1, INPUT.len());
        let noise: Vec<f32> = noise.iter().map(|v| 0.1 * v).collect();
        let square = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>();
        assert!(square(&details(&noise, 0.1, 4.5, INPUT)) < 0.02 * square(&noise));
        let edge: Vec<f32> = (0..INPUT.len())
            .map(|i| f32::from(u8::from(i % 24 < 12)))
            .collect();
        let noisy: Vec<f32> = edge.iter().zip(&noise).map(|(a, b)| a + b).collect();
        let found = details(&noisy, 0.1, 2.7, INPUT);
        let error: Vec<f32> = found.iter().zip(&edge).map(|(a, b)| a - b).collect();
        assert!(
            square(&error) < 0.3 * square(&noise),
            "{}",
            square(&error) / square(&noise)
        );
        // And without noise nothing is lost.
        let exact = details(&edge, 1e-6, 2.7, INPUT);
        assert!(exact.iter().zip(&edge).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}
