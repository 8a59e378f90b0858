//! Seeded standard normals that are the same numbers everywhere.
//!
//! Box and Muller's transform (1958) of a PCG64 stream, in f64 with `libm`'s bits, so
//! that no platform's own logarithm or cosine can change the last bit: a seed
//! shared in a link gives the same picture natively, on WebGPU and on the CPU.

use super::angle::sin_cos;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::f64::consts::TAU;
use std::ops::Range;

/// `len` independent draws from N(0, 1). The first values do not depend on `len`.
pub fn normals(seed: u64, len: usize) -> Vec<f32> {
    normals_in(seed, 0..len)
}

/// Those of the draws from N(0, 1) whose numbers are in `range`; what comes before them is not drawn.
pub fn normals_in(seed: u64, range: Range<usize>) -> Vec<f32> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    // Each pair of normals is made of two uniforms.
    let before = range.start % 2;
    rng.advance((range.start - before) as u128);
    let len = before + range.len();
    let mut values = Vec::with_capacity(len + 1);
    while values.len() < len {
        // 1 − u lies in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - uniform(&mut rng))).sqrt();
        let [sine, cosine] = sin_cos(TAU * uniform(&mut rng));
        values.push((radius * cosine) as f32);
        values.push((radius * sine) as f32);
    }
    values.truncate(len);
    values.drain(..before);
    values
}

/// `len` independent draws from the uniform distribution on `[0, 1)`, independent of
/// [`normals`] of the same seed. The first values do not depend on `len`.
pub fn uniforms(seed: u64, len: usize) -> Vec<f32> {
    uniforms_in(seed, 0..len)
}

/// Those of the draws of [`uniforms`] whose numbers are in `range`.
pub fn uniforms_in(seed: u64, range: Range<usize>) -> Vec<f32> {
    let mut rng = Pcg64Mcg::seed_from_u64(!seed);
    rng.advance(range.start as u128);
    // Rounding to f32 must not reach 1.
    let largest = 1.0f32.next_down();
    let values = std::iter::repeat_with(|| (uniform(&mut rng) as f32).min(largest));
    values.take(range.len()).collect()
}

/// A multiple of 2⁻⁵³ in `[0, 1)`.
fn uniform(rng: &mut Pcg64Mcg) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_never_change() {
        // Links that people have shared depend on these bits.
        assert_eq!(normals(7, 5), normals(7, 6)[..5]);
        assert_ne!(normals(7, 4), normals(8, 4));
        let bits: Vec<u32> = normals(7, 3).into_iter().map(f32::to_bits).collect();
        assert_eq!(bits, [0xbfc1_b18c, 0x3e69_242e, 0x3f38_998d]);
    }

    #[test]
    fn a_range_is_a_part_of_all() {
        let (all, uniform) = (normals(7, 40), uniforms_in(7, 0..40));
        for range in [0..0, 0..1, 1..2, 3..17, 8..40, 39..40] {
            assert_eq!(normals_in(7, range.clone()), all[range.clone()]);
            assert_eq!(uniforms_in(7, range.clone()), uniform[range]);
        }
    }

    #[test]
    fn they_are_standard_normal() {
        let n = 200_000;
        let x = normals(1, n);
        let moment = |k: i32| x.iter().map(|&v| f64::from(v).powi(k)).sum::<f64>() / n as f64;
        // Standard errors are √(Var xᵏ / n): 0.002, 0.003 and 0.022.
        assert!(moment(1).abs() < 0.01, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.02, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.1, "{}", moment(4));
    }
}
