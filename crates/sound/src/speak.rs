//! From a log-mel picture to sound.

use crate::Error;
use crate::frames::Cut;
use crate::mel::{BINS, Bands};
use libm::{cosf, exp10f, sinf, sqrtf};
use microfft::Complex32;
use std::f32::consts::PI;
use vaelet_model::LogMel;

/// Rounds of the search for phases.
const ROUNDS: usize = 48;
/// How much of the last round's change is added to each (Perraudin, Balazs and Søndergaard 2013).
const MOMENTUM: f32 = 0.99;
/// The loudest sample of a sound.
const LOUDEST: f32 = 0.9;

/// A picture that becomes sound, one round of about a millisecond at a step.
pub struct Speaking {
    cut: Cut,
    /// What the picture says of each frame's spectrum, `[frames, BINS]`.
    magnitudes: Vec<f32>,
    /// The estimate with its momentum, and the one before without.
    estimate: Vec<Complex32>,
    before: Vec<Complex32>,
    sound: Vec<f32>,
    rounds: usize,
}

impl Speaking {
    /// Starts with a grey picture `[bands, frames]`, in `[0, 1]`.
    ///
    /// # Errors
    /// [`Error::Picture`] where it is not of that size.
    pub fn start(
        scale: &LogMel,
        bands: usize,
        frames: usize,
        picture: &[f32],
    ) -> Result<Self, Error> {
        let expected = bands * frames;
        let found = picture.len();
        if found != expected || expected == 0 {
            return Err(Error::Picture { expected, found });
        }
        let filter = Bands::new(scale, bands);
        let mut magnitudes = Vec::with_capacity(frames * BINS);
        for frame in 0..frames {
            let level = |band: usize| {
                let grey = picture[(bands - 1 - band) * frames + frame].clamp(0.0, 1.0);
                // What is `range` below the loudest is nothing.
                let quiet = exp10f(-scale.range / 20.0);
                exp10f((grey - 1.0) * scale.range / 20.0) - quiet
            };
            let levels: Vec<f32> = (0..bands).map(level).collect();
            magnitudes.extend(filter.spectrum(&levels));
        }
        let cut = Cut::new(scale, frames);
        let estimate: Vec<Complex32> = magnitudes
            .iter()
            .zip(phases())
            .map(|(size, angle)| Complex32::new(size * cosf(angle), size * sinf(angle)))
            .collect();
        Ok(Self {
            sound: vec![0.0; cut.samples()],
            before: estimate.clone(),
            estimate,
            magnitudes,
            cut,
            rounds: 0,
        })
    }

    /// Takes one round. Whether there are more.
    pub fn step(&mut self) -> bool {
        self.cut.sound(&self.estimate, &mut self.sound);
        self.rounds += 1;
        if self.rounds > ROUNDS {
            return false;
        }
        self.cut.transforms(&self.sound, &mut self.estimate);
        let values = self.estimate.iter_mut().zip(&mut self.before);
        for ((estimate, before), size) in values.zip(&self.magnitudes) {
            let found = sqrtf(estimate.re * estimate.re + estimate.im * estimate.im);
            let next = *estimate * (size / (found + 1e-12));
            *estimate = next + (next - *before) * MOMENTUM;
            *before = next;
        }
        true
    }

    /// The sound, at the scale's rate, the loudest sample 0.9 from 0.
    pub fn finish(mut self) -> Vec<f32> {
        self.cut.sound(&self.before, &mut self.sound);
        let peak = self
            .sound
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        if peak > 0.0 {
            self.sound
                .iter_mut()
                .for_each(|value| *value *= LOUDEST / peak);
        }
        self.sound
    }
}

/// Angles to begin with, the same each time, from a linear congruential generator (Knuth's MMIX).
fn phases() -> impl Iterator<Item = f32> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32 * 2.0 * PI
    })
}
