//! Anyone's recordings: WAV files of any rate, of any number of channels, with 8 to 32 bits, as the pictures
//! that a model of sounds reads.

use anyhow::{Result, bail, ensure};
use hound::{SampleFormat, WavReader};
use std::io::BufReader;
use std::path::Path;
use vaelet_model::{ImageShape, LogMel};

/// Longest recording, in seconds: what is longer is not one word.
const MOST_SECONDS: f64 = 30.0;

/// Reads a WAV file as a grey picture of `shape`, `[H · W]`.
///
/// # Errors
/// A sentence that goes on from the file's name: what is wrong, and what to do.
pub fn open(path: &Path, scale: &LogMel, shape: ImageShape) -> Result<Vec<u8>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) => bail!("it cannot be read ({error}); change its permissions or remove it"),
    };
    let mut reader = WavReader::new(BufReader::new(file)).map_err(wrong)?;
    let spec = reader.spec();
    ensure!(
        spec.channels > 0 && spec.sample_rate > 0,
        "it says that it has no channels, or no samples in a second; save it again as WAV"
    );
    let rate = f64::from(spec.sample_rate);
    let seconds = f64::from(reader.duration()) / rate;
    ensure!(
        seconds <= MOST_SECONDS,
        "it takes {seconds:.0} seconds; cut it to the word, at most {MOST_SECONDS} seconds"
    );
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>(),
        SampleFormat::Int => {
            let full = (1_u64 << spec.bits_per_sample.saturating_sub(1)) as f32;
            let samples = reader.samples::<i32>();
            samples.map(|sample| Ok(sample? as f32 / full)).collect()
        }
    }
    .map_err(wrong)?;
    let channels = usize::from(spec.channels);
    let mixed: Vec<f32> = samples
        .chunks_exact(channels)
        .map(|frame| frame.iter().sum::<f32>() / channels as f32)
        .collect();
    let picture = vaelet_sound::listen(scale, shape.height, shape.width, &mixed, rate)?;
    Ok(picture
        .into_iter()
        .map(|grey| (grey * 255.0).round() as u8)
        .collect())
}

fn wrong(error: hound::Error) -> anyhow::Error {
    match error {
        hound::Error::FormatError("no RIFF tag found") => {
            anyhow::anyhow!("it is not a WAV file; convert it to WAV, 16 bit")
        }
        hound::Error::Unsupported => {
            anyhow::anyhow!(
                "it is a WAV of a kind that is not read; save it again with 16 or 24 bit"
            )
        }
        _ => anyhow::anyhow!("it is damaged or cut off ({error}); copy or record it again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::SPEECH;
    use hound::{WavSpec, WavWriter};

    const SHAPE: ImageShape = ImageShape {
        channels: 1,
        height: 64,
        width: 64,
    };

    fn write(path: &Path, spec: WavSpec) {
        let mut writer = WavWriter::create(path, spec).unwrap();
        for i in 0..spec.sample_rate / 2 {
            let t = i as f32 / spec.sample_rate as f32;
            let value = 0.8 * (2.0 * std::f32::consts::PI * 1000.0 * t).sin();
            for _ in 0..spec.channels {
                match spec.sample_format {
                    SampleFormat::Float => writer.write_sample(value).unwrap(),
                    SampleFormat::Int => {
                        let full = (1_u64 << (spec.bits_per_sample - 1)) as f32 - 1.0;
                        writer.write_sample((value * full) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
    }

    #[test]
    fn every_usual_wav_is_the_same_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tone.wav");
        let mut first: Option<Vec<u8>> = None;
        for (channels, sample_rate, bits_per_sample, sample_format) in [
            (1, 8000, 16, SampleFormat::Int),
            (2, 44_100, 16, SampleFormat::Int),
            (1, 48_000, 24, SampleFormat::Int),
            (2, 16_000, 32, SampleFormat::Float),
            (1, 22_050, 8, SampleFormat::Int),
        ] {
            write(
                &path,
                WavSpec {
                    channels,
                    sample_rate,
                    bits_per_sample,
                    sample_format,
                },
            );
            let picture = open(&path, &SPEECH, SHAPE).unwrap();
            let row = (0..64).max_by_key(|row| picture[row * 64 + 32]);
            let known = first.get_or_insert_with(|| picture.clone());
            assert_eq!(
                row,
                (0..64).max_by_key(|row| known[row * 64 + 32]),
                "{bits_per_sample}"
            );
        }
    }

    #[test]
    fn what_is_no_sound_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.wav");
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            open(&path, &SPEECH, SHAPE).unwrap_err().to_string()
        };
        assert!(said(b"Ogg is something else").contains("not a WAV file"));
        assert!(said(b"").contains("damaged"));
        let spec = WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        write(&path, spec);
        let whole = std::fs::read(&path).unwrap();
        assert!(said(&whole[..30]).contains("damaged"));
        assert!(said(&whole[..1001]).contains("damaged"));
        let mut silent = whole.clone();
        silent[44..].fill(0);
        assert!(said(&silent).contains("silent"));
    }
}
