//! Figures of cleaning, filling in and enlarging.

use super::filters::{bicubic, median, non_local_means};
use super::{Row, SEED, Use, spread};
use crate::data::Images;
use crate::files::picture;
use crate::measure::image_metrics::similarity;
use anyhow::Result;
use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};
use vaelet_model::{ImageShape, latent, random};
use vaelet_uses::{Engine, Observation, Plan, shrink};

/// Standard deviation of the noise.
const NOISE: f32 = 0.2;
/// Completions of each picture.
const COMPLETIONS: usize = 4;
/// Training images that read a completion, and how many of its five nearest must agree.
const READERS: usize = 20_000;
const AGREE: usize = 4;
/// Side of a small picture in that of a large one.
const SCALE: usize = 4;

/// Peak signal-to-noise ratio of two pictures in `[0, 1]`, in decibels.
pub(super) fn psnr(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    -10.0 * (squares.sum::<f64>() / a.len() as f64).log10()
}

/// What happened to a picture.
#[derive(Clone, Copy)]
enum Noise {
    Gaussian,
    Cut,
    Specks,
    Jpeg(u8),
}

fn with_noise(picture: &[f32], noise: &[f32]) -> impl Iterator<Item = f32> {
    picture.iter().zip(noise).map(|(x, e)| x + NOISE * e)
}

/// Half of the specks are black, half are white.
fn with_specks(picture: &[f32], chances: &[f32]) -> Vec<f32> {
    let speck = |(x, chance): (&f32, &f32)| match *chance / NOISE {
        part if part < 0.5 => 0.0,
        part if part < 1.0 => 1.0,
        _ => *x,
    };
    picture.iter().zip(chances).map(speck).collect()
}

/// Gaussian noise, cut to `[0, 1]` as a file would have it and not, salt and pepper, and JPEG, beside
/// filters that know no pictures.
pub(super) fn clean(engine: &mut Engine, test: &Images, count: usize) -> Result<Vec<Row>> {
    let (pictures, shape) = (spread(test, count), test.shape);
    let noise = random::normals(SEED, pictures.len());
    let chances = random::uniforms(SEED, pictures.len());
    let mut rows = Vec::new();
    for (what, kind) in [
        ("noise of 0.2", Noise::Gaussian),
        ("noise of 0.2, cut to a file's values", Noise::Cut),
        ("salt and pepper, 0.2 of the values", Noise::Specks),
        ("JPEG of quality 10", Noise::Jpeg(10)),
        ("JPEG of quality 30", Noise::Jpeg(30)),
    ] {
        let mut sums = [0.0; 4];
        let pairs = pictures
            .chunks_exact(shape.len())
            .zip(noise.chunks_exact(shape.len()))
            .zip(chances.chunks_exact(shape.len()));
        for ((picture, noise), chances) in pairs {
            let noisy: Vec<f32> = match kind {
                Noise::Gaussian => with_noise(picture, noise).collect(),
                Noise::Cut => with_noise(picture, noise)
                    .map(|v| v.clamp(0.0, 1.0))
                    .collect(),
                Noise::Specks => with_specks(picture, chances),
                Noise::Jpeg(quality) => as_jpeg(picture, shape, quality)?.1,
            };
            let observation = match kind {
                Noise::Specks => Observation::specked(&noisy, NOISE),
                Noise::Jpeg(quality) => Observation::saved(&noisy, quality),
                _ => Observation::noisy(&noisy, NOISE),
            };
            // The filter is told how strong the noise is, by JPEG too.
            let strength = match kind {
                Noise::Jpeg(_) => 10f64.powf(psnr(picture, &noisy) / -20.0) as f32,
                _ => NOISE,
            };
            let inside = |values: Vec<f32>| -> Vec<f32> {
                values.iter().map(|v| v.clamp(0.0, 1.0)).collect()
            };
            let means = [true, false].map(|large| {
                let filtered = inside(non_local_means(&noisy, strength, large, shape));
                psnr(picture, &filtered)
            });
            let each = [
                psnr(picture, &engine.clean(&observation, &mut || true)?),
                psnr(picture, &inside(median(&noisy, shape))),
                means[0].max(means[1]),
                psnr(picture, &inside(noisy)),
            ];
            sums.iter_mut()
                .zip(each)
                .for_each(|(sum, value)| *sum += value / count as f64);
        }
        let beside = [
            ("median", sums[1]),
            ("non-local means, the better of two", sums[2]),
            ("noisy", sums[3]),
        ];
        rows.push(Row::new(Use::Clean, what, sums[0], "dB", &beside, count));
    }
    Ok(rows)
}

/// Completions of pictures whose lower half is hidden.
pub(super) fn fill(
    engine: &mut Engine,
    train: &Images,
    test: &Images,
    count: usize,
) -> Result<Vec<Row>> {
    let (shape, len) = (test.shape, test.shape.len());
    let half = shape.width * (shape.height / 2);
    let seen: Vec<bool> = (0..shape.height * shape.width).map(|i| i < half).collect();
    let readers = Readers::of(train);
    // What is made once is not counted.
    engine.complete(&spread(test, 1), &seen, true, Plan::default(), &mut || true)?;
    let (mut valid, mut several, mut real) = (0, 0, 0);
    let (mut own, mut gibbs) = (0.0, 0.0);
    let mut times = Vec::new();
    for (n, picture) in spread(test, count).chunks_exact(len).enumerate() {
        let start = Instant::now();
        let before = cpu_time();
        let quick = Plan {
            climb: 10,
            ..Plan::default()
        };
        engine.complete(picture, &seen, true, quick, &mut || true)?;
        times.push(
            cpu_time()
                .zip(before)
                .map_or(start.elapsed(), |(now, before)| now - before),
        );
        let plan = Plan {
            count: COMPLETIONS,
            seed: SEED + n as u64,
            ..Plan::default()
        };
        let answers = engine.complete(picture, &seen, true, plan, &mut || true)?;
        let read: Vec<_> = answers
            .iter()
            .filter_map(|a| readers.read(&a.picture))
            .collect();
        valid += read.len();
        several += usize::from(read.into_iter().collect::<BTreeSet<_>>().len() > 1);
        real += usize::from(readers.read(picture).is_some());
        let z: Vec<f32> = answers.iter().flat_map(|a| a.z.clone()).collect();
        own += missing(engine, picture, &z, half, test) / count as f64;
        // One pseudo-Gibbs step (Rezende et al. 2014) from what is hidden drawn as empty.
        let mut empty = picture.to_vec();
        empty[half..].fill(0.0);
        let posterior = engine.encode(&empty);
        let noise = random::normals(SEED + n as u64, COMPLETIONS * engine.latent());
        let z: Vec<f32> = noise
            .chunks_exact(engine.latent())
            .flat_map(|e| latent::reparameterize(&posterior.mean, &posterior.log_var, e, 1.0))
            .collect();
        gibbs += missing(engine, picture, &z, half, test) / count as f64;
    }
    times.sort();
    let share = |n: usize, of: usize| n as f64 / of as f64;
    let row = |what: &str, figure, unit, beside: &[(&str, f64)]| {
        Row::new(Use::Fill, what, figure, unit, beside, count)
    };
    Ok(vec![
        row(
            "lower half hidden: of 4 completions, read as one class",
            share(valid, count * COMPLETIONS),
            "",
            &[("test images", share(real, count))],
        ),
        row(
            "pictures with completions of more than one class",
            share(several, count),
            "",
            &[],
        ),
        row(
            "log p(hidden given seen), the mean of 4 latents",
            own,
            "nats",
            &[("one pseudo-Gibbs step", gibbs)],
        ),
        row(
            "the first completion, 10 steps, median",
            times[times.len() / 2].as_secs_f64() * 1e3,
            "ms of one core",
            &[],
        ),
    ])
}

/// log of the mean of p(hidden part | z) over latents.
fn missing(engine: &mut Engine, picture: &[f32], z: &[f32], half: usize, test: &Images) -> f64 {
    let plane = test.shape.height * test.shape.width;
    let likelihood = engine.likelihood();
    let logs: Vec<f64> = engine
        .decode(z)
        .chunks_exact(picture.len())
        .map(|drawn| {
            let hidden = |values: &[f32]| -> Vec<f32> {
                values
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| i % plane >= half)
                    .map(|(_, v)| *v)
                    .collect()
            };
            -f64::from(latent::reconstruction(
                likelihood,
                &hidden(picture),
                &hidden(drawn),
            ))
        })
        .collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + (logs.iter().map(|log| (log - largest).exp()).sum::<f64>() / logs.len() as f64).ln()
}

/// Training images that read a picture: its class is that of its five nearest.
struct Readers {
    pictures: Vec<f32>,
    squares: Vec<f32>,
    labels: Vec<u8>,
    len: usize,
}

impl Readers {
    fn of(train: &Images) -> Self {
        let chosen = train.spread(READERS);
        let (pictures, len) = (train.floats(&chosen), train.shape.len());
        Self {
            squares: pictures
                .chunks_exact(len)
                .map(|p| p.iter().map(|v| v * v).sum())
                .collect(),
            labels: chosen.iter().map(|&i| train.labels[i]).collect(),
            pictures,
            len,
        }
    }

    /// The class on which at least four of the five nearest agree.
    fn read(&self, picture: &[f32]) -> Option<u8> {
        let mut distances: Vec<(f32, u8)> = self
            .pictures
            .par_chunks_exact(self.len)
            .zip(&self.squares)
            .zip(&self.labels)
            .map(|((other, square), label)| {
                let (a, b) = (picture.as_chunks::<8>(), other.as_chunks::<8>());
                let mut sums = [0.0; 8];
                for (a, b) in a.0.iter().zip(b.0) {
                    for i in 0..8 {
                        sums[i] += a[i] * b[i];
                    }
                }
                let rest: f32 = a.1.iter().zip(b.1).map(|(a, b)| a * b).sum();
                (square - 2.0 * (sums.iter().sum::<f32>() + rest), *label)
            })
            .collect();
        let nearest = 5.min(distances.len());
        distances.select_nth_unstable_by(nearest - 1, |a, b| a.0.total_cmp(&b.0));
        let votes = |class: u8| {
            distances[..nearest]
                .iter()
                .filter(|(_, label)| *label == class)
                .count()
        };
        distances[..nearest]
            .iter()
            .map(|(_, label)| *label)
            .find(|class| votes(*class) >= AGREE)
    }
}

/// Time that this thread has run, which other programs do not lengthen; none where the system does
/// not tell.
fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ')
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

/// Pictures from a sixteenth of their pixels.
pub(super) fn enlarge(engine: &mut Engine, test: &Images, count: usize) -> Result<Vec<Row>> {
    let (pictures, shape) = (spread(test, count), test.shape);
    let (mut own, mut other) = (Vec::new(), Vec::new());
    let mut sums = [0.0; 2];
    for picture in pictures.chunks_exact(shape.len()) {
        // As a file would have it.
        let small = shrink(picture, shape, SCALE);
        let small: Vec<f32> = small.iter().map(|v| (v * 255.0).round() / 255.0).collect();
        let answer = engine
            .enlarge(&small, SCALE, Plan::default(), &mut || true)?
            .remove(0);
        let smooth = bicubic(&small, SCALE, shape);
        sums[0] += psnr(picture, &answer.picture) / count as f64;
        sums[1] += psnr(picture, &smooth) / count as f64;
        own.extend(answer.picture);
        other.extend(smooth);
    }
    let row = |what: &str, unit, [figure, bicubic]: [f64; 2]| {
        let beside = [("bicubic", bicubic)];
        Row::new(Use::Enlarge, what, figure, unit, &beside, count)
    };
    let similarity = [&own, &other].map(|images| similarity(images, &pictures, shape));
    let [own, other] = similarity;
    Ok(vec![
        row("four times as wide", "dB", sums),
        row("four times as wide", "SSIM", [own?, other?]),
    ])
}

/// Bytes of a picture as JPEG of this quality, 1 to 100, and the picture `[C, H, W]` that comes back.
pub(super) fn as_jpeg(values: &[f32], shape: ImageShape, quality: u8) -> Result<(usize, Vec<f32>)> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture::grid(values, shape, 1)?
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))?;
    let bytes = bytes.into_inner();
    let back = image::load_from_memory(&bytes)?;
    let plane = shape.height * shape.width;
    let raw = match shape.channels {
        1 => back.into_luma8().into_raw(),
        _ => back.into_rgb8().into_raw(),
    };
    let value = |i: usize| f32::from(raw[i % plane * shape.channels + i / plane]) / 255.0;
    Ok((bytes.len(), (0..shape.len()).map(value).collect()))
}
