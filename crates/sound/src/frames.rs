//! Short-time spectra: a sound cut into overlapping frames, the Fourier transform of each, and the sound
//! that fits given transforms best.

use crate::mel::BINS;
use libm::cosf;
use microfft::Complex32;
use std::f32::consts::PI;
use vaelet_model::LogMel;

const LENGTH: usize = LogMel::TRANSFORM;

/// How a sound is cut.
pub(crate) struct Cut {
    /// The weights of a frame's samples: a periodic Hann window.
    window: Vec<f32>,
    hop: usize,
    frames: usize,
}

impl Cut {
    pub fn new(scale: &LogMel, frames: usize) -> Self {
        let weight = |i: usize| 0.5 - 0.5 * cosf(2.0 * PI * i as f32 / scale.window as f32);
        Self {
            window: (0..scale.window).map(weight).collect(),
            hop: scale.hop,
            frames,
        }
    }

    /// Samples of a sound of all frames.
    pub fn samples(&self) -> usize {
        self.window.len() + (self.frames - 1) * self.hop
    }

    /// The transforms of all frames, `[frames, BINS]`. Two real frames are one complex transform.
    pub fn transforms(&self, sound: &[f32], out: &mut [Complex32]) {
        let mut pairs = out.chunks_mut(2 * BINS);
        for first in (0..self.frames).step_by(2) {
            let mut both = [Complex32::default(); LENGTH];
            for (i, (value, weight)) in both.iter_mut().zip(&self.window).enumerate() {
                let sample = |frame: usize| match frame < self.frames {
                    true => sound[frame * self.hop + i] * weight,
                    false => 0.0,
                };
                *value = Complex32::new(sample(first), sample(first + 1));
            }
            let both = microfft::complex::cfft_512(&mut both);
            let Some(pair) = pairs.next() else { return };
            for (frame, out) in pair.chunks_exact_mut(BINS).enumerate() {
                for (k, out) in out.iter_mut().enumerate() {
                    // What is even in conjugation belongs to the real frame, what is odd to the other.
                    let (there, back) = (both[k], both[(LENGTH - k) % LENGTH].conj());
                    *out = match frame {
                        0 => (there + back) * 0.5,
                        _ => (there - back) * Complex32::new(0.0, -0.5),
                    };
                }
            }
        }
    }

    /// The sound whose transforms are nearest to these (Griffin and Lim 1984, equation 6).
    pub fn sound(&self, transforms: &[Complex32], out: &mut [f32]) {
        out.fill(0.0);
        let mut total = vec![0.0; out.len()];
        for (pair, first) in transforms.chunks(2 * BINS).zip((0..).step_by(2)) {
            let (one, two) = pair.split_at(BINS);
            let mut both = [Complex32::default(); LENGTH];
            for k in 0..BINS {
                let (one, two) = (one[k], two.get(k).copied().unwrap_or_default());
                let turn = Complex32::new(0.0, 1.0);
                both[(LENGTH - k) % LENGTH] = one.conj() + turn * two.conj();
                both[k] = one + turn * two;
            }
            let both = microfft::inverse::ifft_512(&mut both);
            for frame in first..self.frames.min(first + 2) {
                let start = frame * self.hop;
                for (i, weight) in self.window.iter().enumerate() {
                    let value = if frame == first {
                        both[i].re
                    } else {
                        both[i].im
                    };
                    out[start + i] += weight * value;
                    total[start + i] += weight * weight;
                }
            }
        }
        for (out, total) in out.iter_mut().zip(total) {
            // At its two ends a sound is hardly in any frame.
            *out /= total.max(1e-3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SCALE;
    use proptest::prelude::*;

    fn scale(window: usize, hop: usize) -> LogMel {
        LogMel {
            window,
            hop,
            ..SCALE
        }
    }

    /// One bin of one frame, summed as its definition has it, in f64.
    fn plain(sound: &[f32], window: usize, start: usize, k: usize) -> [f64; 2] {
        let turn = 2.0 * std::f64::consts::PI;
        let mut sum = [0.0; 2];
        for i in 0..window {
            let weight = 0.5 - 0.5 * (turn * i as f64 / window as f64).cos();
            let angle = -turn * (k * i) as f64 / LENGTH as f64;
            let value = weight * f64::from(sound[start + i]);
            sum[0] += value * angle.cos();
            sum[1] += value * angle.sin();
        }
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn transforms_are_sums(
            (window, hop, frames) in (16_usize..=512, 1_usize..=8, 1_usize..=5).prop_map(|(w, h, f)| (w, w / 2 / h + 1, f)),
            seed in 0_u64..1000,
        ) {
            let cut = Cut::new(&scale(window, hop.min(window / 2)), frames);
            let sound = vaelet_model::random::normals(seed, cut.samples());
            let mut found = vec![Complex32::default(); frames * BINS];
            cut.transforms(&sound, &mut found);
            for frame in 0..frames {
                for k in [0, 1, 17, 100, BINS - 1] {
                    let [re, im] = plain(&sound, window, frame * cut.hop, k);
                    let value = found[frame * BINS + k];
                    prop_assert!((f64::from(value.re) - re).abs() < 2e-3 && (f64::from(value.im) - im).abs() < 2e-3,
                        "{value} is not {re} + {im}i in frame {frame} at {k}");
                }
            }
            // What comes of a sound is that sound, but for its ends.
            let mut back = vec![0.0; sound.len()];
            cut.sound(&found, &mut back);
            let inner = cut.hop.max(window / 8)..sound.len() - cut.hop.max(window / 8);
            for (back, sound) in back[inner.clone()].iter().zip(&sound[inner]) {
                prop_assert!((back - sound).abs() < 1e-3, "{back} is not {sound}");
            }
        }
    }
}
