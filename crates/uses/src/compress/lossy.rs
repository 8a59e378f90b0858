//! A picture in a few bytes: its latent, quantised as coarsely as the bytes ask.
//!
//! The latent is written as z = m + F U w, with the mean and factor of the prior's component that it
//! belongs to. U turns to the axes along which the picture changes most: the eigenvectors of Fᵀ H F,
//! where H is the mean of JᵀJ over samples and J the decoder's Jacobian. Every w is N(0, 1) then, and a
//! step of Δ / √λ along an axis of eigenvalue λ changes the picture by Δ: axes that change little get
//! no bits at all. Δ is the finest for which the code fits.

use super::range::{Decoder, Encoder};
use super::stack::Interval;
use crate::matrix::{eigen, product, transposed};
use crate::{Engine, Error, Observation, Plan, Result};
use std::collections::BTreeMap;
use vaelet_model::Gaussian;

/// Samples over which H is the mean, their seed, and the step of differences.
const SAMPLES: usize = 6;
const SEED: u64 = 31;
const STEP: f32 = 0.1;
/// Bits of the number of Δ.
const FINENESS_BITS: u32 = 6;
/// Bits of intervals.
const BITS: u32 = 24;
/// A step this wide puts nearly all of N(0, 1) into one cell.
const WIDEST: f64 = 4.0;
/// Most cells on each side of 0.
const CELLS: i32 = 1 << 10;
/// Bytes of a picture.
pub const BYTES: std::ops::RangeInclusive<usize> = 4..=1024;

/// What turns latents of a model to bytes and back; it takes a second to make, and grows.
pub struct Codec {
    latent: usize,
    samples: Vec<f32>,
    /// How many variables of all samples have been varied.
    varied: usize,
    /// How the picture of the sample at hand changes with each variable so far, `[C, H, W]`.
    slopes: Vec<Vec<f32>>,
    /// `[latent, latent]`
    sensitivity: Vec<f64>,
    groups: Vec<Vec<Gaussian>>,
    /// For each choice of components that was met.
    axes: BTreeMap<Vec<usize>, Axes>,
}

/// z = mean + map · w
#[derive(Clone)]
struct Axes {
    mean: Vec<f64>,
    /// `[latent, latent]`, F U
    map: Vec<f64>,
    /// √λ, falling
    change: Vec<f64>,
}

impl Codec {
    /// Measures the decoder's axes.
    pub fn new(engine: &mut Engine) -> Self {
        let mut codec = Self::start(engine);
        while codec.step(engine) {}
        codec
    }

    /// Nothing has been measured yet: call [`Codec::step`] until it returns `false`.
    pub fn start(engine: &Engine) -> Self {
        let latent = engine.latent;
        Self {
            latent,
            samples: engine.priors.sample(SEED, SAMPLES, 1.0),
            varied: 0,
            slopes: Vec::new(),
            sensitivity: vec![0.0; latent * latent],
            groups: engine.priors.gaussians(),
            axes: BTreeMap::new(),
        }
    }

    /// Measures what one variable of one sample changes. Whether there is more to measure.
    pub fn step(&mut self, engine: &mut Engine) -> bool {
        let latent = self.latent;
        let (sample, i) = (self.varied / latent, self.varied % latent);
        if sample == SAMPLES {
            return false;
        }
        if i == 0 {
            self.slopes.clear();
        }
        let mut moved = self.samples[sample * latent..][..latent].repeat(2);
        moved[i] += STEP;
        moved[latent + i] -= STEP;
        let pictures = engine.decode(&moved);
        let (up, down) = pictures.split_at(engine.input.len());
        let pairs = up.iter().zip(down);
        let slope: Vec<f32> = pairs.map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
        self.slopes.push(slope);
        for (j, other) in self.slopes.iter().enumerate() {
            let products = self.slopes[i].iter().zip(other);
            let sum: f64 = products.map(|(a, b)| f64::from(a * b)).sum();
            self.sensitivity[i * latent + j] += sum / SAMPLES as f64;
            self.sensitivity[j * latent + i] = self.sensitivity[i * latent + j];
        }
        self.varied += 1;
        self.varied < SAMPLES * latent
    }

    fn axes(&mut self, choice: &[usize]) -> &Axes {
        let (latent, sensitivity, groups) = (self.latent, &self.sensitivity, &self.groups);
        self.axes.entry(choice.to_vec()).or_insert_with(|| {
            let mut mean = Vec::new();
            let mut factor = vec![0.0; latent * latent];
            for (group, k) in groups.iter().zip(choice) {
                let (gaussian, start) = (&group[*k], mean.len());
                let size = gaussian.mean.len();
                mean.extend(gaussian.mean.iter().map(|m| f64::from(*m)));
                for (i, value) in gaussian.factor.iter().enumerate() {
                    factor[(start + i / size) * latent + start + i % size] = f64::from(*value);
                }
            }
            let half = product(sensitivity, &factor, latent);
            let (values, vectors) =
                eigen(product(&transposed(&factor, latent), &half, latent), latent);
            let mut order: Vec<usize> = (0..latent).collect();
            order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
            let map = product(&factor, &vectors, latent);
            let column = |i: usize| map[i / latent * latent + order[i % latent]];
            Axes {
                mean,
                map: (0..latent * latent).map(column).collect(),
                change: order.iter().map(|&i| values[i].max(0.0).sqrt()).collect(),
            }
        })
    }
}

impl Engine {
    /// A picture `[C, H, W]` in exactly `bytes` bytes, 4 to 1024.
    ///
    /// # Errors
    /// A picture that does not fit the model, or another number of bytes.
    pub fn squeeze(&mut self, codec: &mut Codec, picture: &[f32], bytes: usize) -> Result<Vec<u8>> {
        let found = self.infer(&Observation::whole(picture), Plan::default(), &mut || true)?;
        self.squeeze_latent(codec, &found[0].z, bytes)
    }

    /// A latent in exactly `bytes` bytes, 4 to 1024.
    ///
    /// # Errors
    /// Another number of bytes.
    pub fn squeeze_latent(&self, codec: &mut Codec, z: &[f32], bytes: usize) -> Result<Vec<u8>> {
        if !BYTES.contains(&bytes) {
            return Err(Error::argument("bytes", "4 to 1024", bytes));
        }
        let choice = self.priors.nearest(z);
        let z: Vec<f64> = z.iter().map(|z| f64::from(*z)).collect();
        let axes = codec.axes(&choice).clone();
        let w = axes.find(&z);
        // The finest that fits.
        let mut codes = (0..1 << FINENESS_BITS).rev().map(|fineness| {
            let mut encoder = Encoder::new();
            encoder.push(one(fineness), FINENESS_BITS);
            for (group, k) in codec.groups.iter().zip(&choice) {
                encoder.push(component(group, *k), BITS);
            }
            for (w, step) in w.iter().zip(axes.steps(fineness)) {
                if let Some(step) = step {
                    let most = cells(step);
                    let cell = (libm::round(w / step) as i32).clamp(-most, most);
                    encoder.push(interval(step, cell), BITS);
                }
            }
            encoder.finish()
        });
        let mut code = codes.find(|code| code.len() <= bytes).unwrap_or_default();
        code.resize(bytes, 0);
        Ok(code)
    }

    /// The picture `[C, H, W]` of some bytes; there are no bytes that have none.
    pub fn expand(&mut self, codec: &mut Codec, bytes: &[u8]) -> Vec<f32> {
        let mut decoder = Decoder::new(bytes);
        let fineness = decoder.pop(FINENESS_BITS, |low| (low, one(low)));
        let find_component = |group: &Vec<Gaussian>| {
            decoder.pop(BITS, |low| {
                let last = group.len() - 1;
                let found = (0..last).find(|&k| low < component(group, k + 1).start);
                let k = found.unwrap_or(last);
                (k, component(group, k))
            })
        };
        let choice: Vec<usize> = codec.groups.iter().map(find_component).collect();
        let axes = codec.axes(&choice);
        let mut value = |step: f64| step * f64::from(decoder.pop(BITS, |low| find(step, low)));
        let w: Vec<f64> = axes
            .steps(fineness)
            .map(|step| step.map_or(0.0, &mut value))
            .collect();
        let z = axes.place(&w);
        self.decode(&z)
    }
}

impl Axes {
    /// The step along each axis; none where a step is not worth its bits.
    fn steps(&self, fineness: u32) -> impl Iterator<Item = Option<f64>> {
        let change = 24.0 * libm::exp2(-f64::from(fineness) / 8.0);
        self.change
            .iter()
            .map(move |&axis| Some(change / axis).filter(|step| *step < WIDEST))
    }

    fn place(&self, w: &[f64]) -> Vec<f32> {
        let rows = self.map.chunks_exact(w.len()).zip(&self.mean);
        let value = |(row, mean): (&[f64], &f64)| {
            let sum: f64 = row.iter().zip(w).map(|(m, w)| m * w).sum();
            (mean + sum) as f32
        };
        rows.map(value).collect()
    }

    /// w with z = mean + map · w (Gauss and Jordan, with pivots).
    fn find(&self, z: &[f64]) -> Vec<f64> {
        let n = z.len();
        let mut rows: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                let mut row = self.map[i * n..(i + 1) * n].to_vec();
                row.push(z[i] - self.mean[i]);
                row
            })
            .collect();
        for i in 0..n {
            let pivot = (i..n).max_by(|a, b| rows[*a][i].abs().total_cmp(&rows[*b][i].abs()));
            rows.swap(i, pivot.unwrap_or(i));
            let row = rows[i].clone();
            if row[i].abs() < 1e-12 {
                continue;
            }
            for (j, other) in rows.iter_mut().enumerate() {
                if j != i {
                    let times = other[i] / row[i];
                    for (value, from) in other.iter_mut().zip(&row).skip(i) {
                        *value -= times * from;
                    }
                }
            }
        }
        let solved = |i: usize| match rows[i][i].abs() < 1e-12 {
            true => 0.0,
            false => rows[i][n] / rows[i][i],
        };
        (0..n).map(solved).collect()
    }
}

/// The interval of one of equally likely symbols.
fn one(symbol: u32) -> Interval {
    Interval {
        start: symbol,
        count: 1,
    }
}

/// The interval of a component, which has at least one integer.
fn component(group: &[Gaussian], k: usize) -> Interval {
    let shared = f64::from((1_u32 << BITS) - 2 * group.len() as u32);
    let start = |k: usize| {
        let before: f64 = group[..k].iter().map(|g| g.share).sum();
        let share = if k == group.len() {
            1.0
        } else {
            before.clamp(0.0, 1.0)
        };
        (share * shared) as u32 + 2 * k as u32
    };
    Interval {
        start: start(k),
        count: start(k + 1) - start(k),
    }
}

/// Cells on each side of 0.
fn cells(step: f64) -> i32 {
    (libm::ceil(5.0 / step) as i32).min(CELLS)
}

fn start(step: f64, cell: i32) -> u32 {
    let most = cells(step);
    let number = (cell + most) as u32;
    let all = 2 * most as u32 + 1;
    let shared = f64::from((1_u32 << BITS) - 2 * all);
    let share = match number {
        0 => 0.0,
        number if number == all => 1.0,
        _ => 0.5 * libm::erfc(-(f64::from(cell) - 0.5) * step * std::f64::consts::FRAC_1_SQRT_2),
    };
    (share * shared) as u32 + 2 * number
}

fn interval(step: f64, cell: i32) -> Interval {
    let first = start(step, cell);
    Interval {
        start: first,
        count: start(step, cell + 1) - first,
    }
}

fn find(step: f64, low: u32) -> (i32, Interval) {
    let most = cells(step);
    let (mut from, mut to) = (-most, most + 1);
    while to - from > 1 {
        let middle = from + (to - from) / 2;
        if start(step, middle) <= low {
            from = middle;
        } else {
            to = middle;
        }
    }
    (from, interval(step, from))
}
