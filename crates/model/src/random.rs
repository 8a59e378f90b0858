//! Seeded standard normals that are the same numbers everywhere.
//!
//! Box and Muller's transform (1958) of a PCG64 stream, in f64 with `libm`'s bits, so
//! that no platform's own logarithm or cosine can change the last bit: a seed
//! shared in a link gives the same picture natively, on WebGPU and on the CPU.

use crate::angle::sin_cos;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::f64::consts::TAU;

/// `len` independent draws from N(0, 1). The first values do not depend on `len`.
pub fn normals(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut values = Vec::with_capacity(len + 1);
    while values.len() < len {
        // 1 − u lies in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - uniform(&mut rng))).sqrt();
        let [sine, cosine] = sin_cos(TAU * uniform(&mut rng));
        values.push((radius * cosine) as f32);
        values.push((radius * sine) as f32);
    }
    values.truncate(len);
    values
}

/// `len` independent draws from the uniform distribution on `[0, 1)`, independent of
/// [`normals`] of the same seed. The first values do not depend on `len`.
pub fn uniforms(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = Pcg64Mcg::seed_from_u64(!seed);
    // Rounding to f32 must not reach 1.
    let largest = 1.0f32.next_down();
    let values = std::iter::repeat_with(|| (uniform(&mut rng) as f32).min(largest));
    values.take(len).collect()
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
