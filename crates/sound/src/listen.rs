//! From sound to a log-mel picture.

use crate::Error;
use crate::frames::Cut;
use crate::mel::{BINS, Bands};
use libm::{cosf, log10f, sinf, sqrtf};
use microfft::Complex32;
use std::f32::consts::PI;
use vaelet_model::LogMel;

/// What is quieter than this part of the loudest sample, at either end, is silence.
const SILENCE: f32 = 0.02;
/// Longest sound that is read, in seconds.
const MOST_SECONDS: f64 = 60.0;
/// Samples on each side of a resampled one, at the lower rate.
const REACH: f64 = 16.0;

/// A grey picture `[bands, frames]` of a sound of `rate` samples in a second: without the silence at its
/// ends, in the middle of the picture. What is longer than the picture loses its ends.
///
/// # Errors
/// A sound that is silent, too long, or of no usual rate.
pub fn listen(
    scale: &LogMel,
    bands: usize,
    frames: usize,
    sound: &[f32],
    rate: f64,
) -> Result<Vec<f32>, Error> {
    if !sound.iter().all(|value| value.is_finite()) {
        return Err(Error::NotFinite);
    }
    let sound = resample(sound, rate, scale.rate as f64)?;
    let peak = sound
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let loud = |value: &f32| value.abs() > SILENCE * peak;
    let (Some(first), Some(last)) = (sound.iter().position(loud), sound.iter().rposition(loud))
    else {
        return Err(Error::Silent);
    };
    let spoken = &sound[first..=last];
    let cut = Cut::new(scale, frames);
    let mut placed = vec![0.0; cut.samples()];
    let (room, length) = (placed.len(), spoken.len());
    let kept = room.min(length);
    let from = (length - kept) / 2;
    let to = (room - kept) / 2;
    for (place, value) in placed[to..].iter_mut().zip(&spoken[from..from + kept]) {
        *place = value / peak;
    }
    let mut transforms = vec![Complex32::default(); frames * BINS];
    cut.transforms(&placed, &mut transforms);
    let filter = Bands::new(scale, bands);
    let mut picture = vec![0.0; bands * frames];
    let mut loudest = f32::MIN;
    for (frame, spectrum) in transforms.chunks_exact(BINS).enumerate() {
        let sizes: Vec<f32> = (spectrum.iter())
            .map(|value| sqrtf(value.re * value.re + value.im * value.im))
            .collect();
        for (band, size) in filter.of(&sizes).into_iter().enumerate() {
            let decibels = 20.0 * log10f(size + 1e-5);
            loudest = loudest.max(decibels);
            picture[(bands - 1 - band) * frames + frame] = decibels;
        }
    }
    for value in &mut picture {
        *value = ((*value - loudest + scale.range) / scale.range).clamp(0.0, 1.0);
    }
    Ok(picture)
}

/// A sound at another rate: what the lower of both rates cannot hold is left out, by a windowed sinc
/// (Smith, Digital Audio Resampling, 2002).
///
/// # Errors
/// [`Error::Rate`] or [`Error::Long`].
pub fn resample(sound: &[f32], rate: f64, to: f64) -> Result<Vec<f32>, Error> {
    if !(1_000.0..=384_000.0).contains(&rate) {
        return Err(Error::Rate(rate));
    }
    let seconds = sound.len() as f64 / rate;
    if seconds > MOST_SECONDS {
        return Err(Error::Long(seconds));
    }
    if rate == to {
        return Ok(sound.to_vec());
    }
    let ratio = rate / to;
    // In samples of the source: the distance of zeros of the sinc, and where its window ends.
    let zero = ratio.max(1.0);
    let reach = REACH * zero;
    let at = |i: usize| {
        let centre = i as f64 * ratio;
        let first = (centre - reach).ceil().max(0.0) as usize;
        let end = ((centre + reach).floor() as usize + 1).min(sound.len());
        let part = sound.get(first..end).unwrap_or_default();
        let values = part.iter().zip(first..).map(|(value, j)| {
            let x = (j as f64 - centre) / zero;
            let window = 0.5 + 0.5 * cosf(PI * (x / REACH) as f32);
            let angle = PI * x as f32;
            let sinc = if x.abs() < 1e-6 {
                1.0
            } else {
                sinf(angle) / angle
            };
            value * sinc * window / zero as f32
        });
        values.sum()
    };
    Ok((0..(seconds * to) as usize).map(at).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SCALE, Speaking};
    use proptest::prelude::*;

    /// A voice of sorts: harmonics of a pitch that falls.
    fn tones(pitch: f32, rate: f32, seconds: f32) -> Vec<f32> {
        let sample = |i: usize| {
            let t = i as f32 / rate;
            let phase = 2.0 * PI * pitch * (t - 0.3 * t * t);
            (1..12).map(|k| sinf(phase * k as f32) / k as f32).sum()
        };
        (0..(rate * seconds) as usize).map(sample).collect()
    }

    #[test]
    fn a_tone_lies_in_its_band() {
        let sound: Vec<f32> = (0..4000)
            .map(|i| sinf(2.0 * PI * 1000.0 * i as f32 / 8000.0))
            .collect();
        let picture = listen(&SCALE, 64, 64, &sound, 8000.0).unwrap();
        let column: Vec<f32> = (0..64).map(|row| picture[row * 64 + 32]).collect();
        let loudest = (0..64)
            .max_by(|&a, &b| column[a].total_cmp(&column[b]))
            .unwrap();
        // 1,000 Hz are 1,000 mel; of 64 bands between 78 and 2,146 mel that is the 28th.
        assert_eq!(63 - loudest, 28);
        assert!(picture[loudest * 64] < 0.1, "silence before the tone");
    }

    #[test]
    fn silence_and_damage_are_told() {
        let hear = |sound: &[f32], rate| listen(&SCALE, 64, 64, sound, rate);
        assert_eq!(hear(&[0.0; 400], 8000.0), Err(Error::Silent));
        assert_eq!(hear(&[], 8000.0), Err(Error::Silent));
        assert_eq!(hear(&[0.0, f32::NAN], 8000.0), Err(Error::NotFinite));
        assert_eq!(hear(&[1.0; 9], 3.0), Err(Error::Rate(3.0)));
        assert!(matches!(
            hear(&vec![1.0; 70_000], 1000.0),
            Err(Error::Long(_))
        ));
        // One sample is enough, and so is more than the picture holds.
        assert!(hear(&[1.0], 8000.0).is_ok() && hear(&[1.0; 30_000], 44_100.0).is_ok());
    }

    #[test]
    fn a_rate_does_not_change_what_is_heard() {
        let plain = listen(&SCALE, 64, 64, &tones(140.0, 8000.0, 0.5), 8000.0).unwrap();
        for rate in [11_025.0, 16_000.0, 44_100.0, 48_000.0] {
            let other = listen(&SCALE, 64, 64, &tones(140.0, rate, 0.5), rate.into()).unwrap();
            let inner = plain.iter().zip(&other).filter(|(plain, _)| **plain > 0.4);
            let (count, sum) =
                inner.fold((0, 0.0), |(n, sum), (a, b)| (n + 1, sum + (a - b).abs()));
            assert!(
                count > 100 && sum / (count as f32) < 0.03,
                "{rate}: {}",
                sum / count as f32
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// What a picture sounds like has that picture.
        #[test]
        fn a_sound_comes_back(pitch in 90.0_f32..250.0, seconds in 0.2_f32..0.6) {
            let picture = listen(&SCALE, 64, 64, &tones(pitch, 8000.0, seconds), 8000.0).unwrap();
            let mut speaking = Speaking::start(&SCALE, 64, 64, &picture).unwrap();
            while speaking.step() {}
            let sound = speaking.finish();
            prop_assert!(sound.len() == 5296 && sound.iter().all(|value| value.abs() <= 0.9001));
            let again = listen(&SCALE, 64, 64, &sound, 8000.0).unwrap();
            let loud = picture.iter().zip(&again).filter(|(a, _)| **a > 0.5);
            let (count, sum) = loud.fold((0, 0.0), |(n, sum), (a, b)| (n + 1, sum + (a - b).abs()));
            // In units of 72 decibels.
            prop_assert!(sum / (count as f32) < 0.06, "{}", sum / count as f32);
        }
    }
}
