//! Sine and cosine of small angles, bit by bit those of `libm`, without its reduction of huge
//! ones, whose table is most of its size and would travel to every reader of a page.

use std::f64::consts::TAU;

/// π/2 in parts of 33 bits, each with what remains after it.
const HALF_PI: [[f64; 2]; 3] = [
    [1.570_796_326_734_125_6, 6.077_100_506_506_192e-11],
    [6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21],
    [2.022_266_248_711_166_5e-21, 8.478_427_660_368_9e-32],
];
/// Upper halves of the bits of π/4, 3π/4, 5π/4, 7π/4.
const ENDS: [u32; 4] = [0x3fe9_21fb, 0x4002_d97c, 0x400f_6a7a, 0x4015_fdbc];
/// And of π/2, π, 3π/2, 2π.
const NEAR: [u32; 4] = [0x3ff9_21fb, 0x4009_21fb, 0x4012_d97c, 0x4019_21fb];

const SINE: [f64; 6] = [
    -1.666_666_666_666_663_2e-1,
    8.333_333_333_322_49e-3,
    -1.984_126_982_985_795e-4,
    2.755_731_370_707_006_8e-6,
    -2.505_076_025_340_686_3e-8,
    1.589_690_995_211_55e-10,
];
const COSINE: [f64; 6] = [
    4.166_666_666_666_66e-2,
    -1.388_888_888_887_411e-3,
    2.480_158_728_947_673e-5,
    -2.755_731_435_139_066_3e-7,
    2.087_572_321_298_175e-9,
    -1.135_964_755_778_819_5e-11,
];

/// sin x and cos x (Sun's fdlibm, 1993). In `[0, 2π)` every bit is that of `libm`; elsewhere
/// x is brought there first.
pub fn sin_cos(x: f64) -> [f64; 2] {
    let x = x - TAU * (x / TAU).floor();
    let high = (x.to_bits() >> 32) as u32;
    let quarter = ENDS.iter().filter(|end| high > **end).count();
    // x − quarter · π/2 is y + rest, to more bits where most of x cancels out.
    let (mut y, mut rest) = (x, 0.0);
    if quarter > 0 {
        let quarters = quarter as f64;
        let exponent = |x: f64| x.to_bits() >> 52 & 0x7ff;
        let mut left = x;
        for (part, most) in HALF_PI.into_iter().zip([16, 49, u64::MAX]) {
            let before = left;
            let taken = quarters * part[0];
            left = before - taken;
            let tail = quarters * part[1] - ((before - left) - taken);
            y = left - tail;
            rest = (left - y) - tail;
            if !NEAR.contains(&high) || exponent(x).saturating_sub(exponent(y)) <= most {
                break;
            }
        }
    }
    let (z, [a, b, c, d, e, f]) = (y * y, SINE);
    let r = b + z * (c + z * d) + z * (z * z) * (e + z * f);
    let v = z * y;
    let sine = if quarter == 0 {
        y + v * (a + z * r)
    } else {
        y - ((z * (0.5 * rest - v * r) - rest) - v * a)
    };
    let [a, b, c, d, e, f] = COSINE;
    let w = z * z;
    let r = z * (a + z * (b + z * c)) + w * w * (d + z * (e + z * f));
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cosine = w + (((1.0 - w) - half) + (z * r - y * rest));
    match quarter & 3 {
        0 => [sine, cosine],
        1 => [cosine, -sine],
        2 => [-sine, -cosine],
        _ => [-cosine, sine],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_that_of_libm() {
        let same = |x: f64| {
            let expected = [libm::sin(x), libm::cos(x)].map(f64::to_bits);
            assert_eq!(sin_cos(x).map(f64::to_bits), expected, "{x:e}");
        };
        for i in 0..1_000_000 {
            same(TAU * f64::from(i) / 1_000_003.0);
        }
        // Where quarters end and begin, and where most of x cancels out.
        for eighth in 1..16 {
            let edge = TAU / 16.0 * f64::from(eighth);
            for distance in 0..2000_u64 {
                for x in [edge.to_bits() + distance, edge.to_bits() - distance] {
                    same(f64::from_bits(x));
                }
                let x = edge.to_bits() ^ distance << 28;
                same(f64::from_bits(x));
            }
        }
        for x in [0.0, 1e-300, 1e-20, 1e-9, 1e-8, 1e-7, TAU.next_down()] {
            same(x);
        }
    }

    #[test]
    fn other_angles_are_brought_into_the_circle() {
        for x in [-0.5, -TAU, TAU, 7.0, 100.0, -1e6] {
            for (found, expected) in sin_cos(x).into_iter().zip([x.sin(), x.cos()]) {
                assert!((found - expected).abs() < 1e-9, "{x}: {found}, {expected}");
            }
        }
    }
}
