//! Whether each place of a picture is like those of the model's own pictures.
//!
//! A damaged picture can be usual as a whole. So small squares of it are measured, beside the same of
//! what the model makes of it: contrast, sharpness, how they are spread, lines, and what differs. A
//! mixture of Gaussians over the squares of test images says how usual each is in a picture that is as
//! sharp as this one: too little of something counts as much as too much.

use crate::{Error, Result};
use vaelet_model::{ImageShape, random};

/// Measures of a square, of which the first are those of its picture.
pub const MEASURES: usize = 22;
const CONTEXT: usize = 3;
/// Gaussians of the mixture, steps in which it is fitted, and most squares that it is fitted to.
const COMPONENTS: usize = 8;
const STEPS: usize = 25;
const MOST: usize = 20_000;
const SEED: u64 = 41;
/// Least share of the variance of all squares that a Gaussian has, so that equal squares make none
/// without width.
const FLOOR: f64 = 1e-3;
/// A step of an eight-bit picture: what is less is not told apart.
const LEVEL: f32 = 1.0 / 255.0;
/// The strangest of so many squares count.
const STRANGEST: usize = 10;

/// Where squares lie: half a side apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Squares {
    input: ImageShape,
    side: usize,
    across: usize,
    down: usize,
}

impl Squares {
    pub(crate) fn of(input: ImageShape) -> Self {
        let least = input.height.min(input.width);
        let side = (least / 16 * 2).max(4).min(least).max(1);
        let step = (side / 2).max(1);
        Self {
            input,
            side,
            across: (input.width - side) / step + 1,
            down: (input.height - side) / step + 1,
        }
    }

    fn step(&self) -> usize {
        (self.side / 2).max(1)
    }

    /// The pixels of each square.
    fn pixels(&self) -> impl Iterator<Item = impl Iterator<Item = usize>> {
        let Self { side, across, .. } = *self;
        let (step, width) = (self.step(), self.input.width);
        (0..across * self.down).map(move |square| {
            let first = square / across * step * width + square % across * step;
            (0..side * side).map(move |i| first + i / side * width + i % side)
        })
    }

    /// Measures of each square of a picture `[C, H, W]` that the model explains as `back`.
    pub(crate) fn measure(&self, picture: &[f32], back: &[f32]) -> Vec<[f64; MEASURES]> {
        let difference: Vec<f32> = picture.iter().zip(back).map(|(x, y)| x - y).collect();
        let [contrast, expected, left_over] =
            [picture, back, &difference].map(|values| self.slopes(values));
        let sharpness = self.bends(picture);
        let squares = self.mean(&difference, |d| d * d);
        let absolute = self.mean(&difference, f32::abs);
        let [mean, mean_back] = [picture, back].map(|values| self.mean(values, |v| v));
        let lines = [
            self.lines(picture, self.input.width),
            self.lines(picture, 1),
        ];
        let square = |number: usize, pixels: Vec<usize>| {
            let n = pixels.len() as f32;
            let sum = |values: &[f32], f: fn(f32) -> f32| {
                pixels.iter().map(|&i| f(values[i])).sum::<f32>() / n
            };
            let most =
                |values: &[f32]| pixels.iter().fold(0.0, |most: f32, &i| most.max(values[i]));
            // Noise is everywhere; an edge leaves some quarter of a square flat.
            let half = self.side.div_ceil(2);
            let mut quarters = [(0.0, 0.0); 4];
            for (at, &i) in pixels.iter().enumerate() {
                let quarter = at / self.side / half * 2 + at % self.side / half;
                quarters[quarter].0 += sharpness[i] * sharpness[i];
                quarters[quarter].1 += 1.0;
            }
            let flattest = quarters.iter().filter(|(_, n)| *n > 0.0);
            let flattest = flattest.fold(f32::INFINITY, |least, (sum, n)| least.min(sum / n));
            // The most of a line in it, within it and from edge to edge of the picture.
            let (top, left) = (
                number / self.across * self.step(),
                number % self.across * self.step(),
            );
            let along = |rows: bool, from: usize, length: usize| {
                let line = |k: usize| {
                    let values = (from..from + length).map(|at| match rows {
                        true => lines[0][(top + k) * self.input.width + at],
                        false => lines[1][at * self.input.width + left + k],
                    });
                    (values.sum::<f32>() / length as f32).abs()
                };
                (0..self.side).map(line).fold(0.0, f32::max)
            };
            let square = |v: f32| v * v;
            let keep = |v: f32| v;
            let log = |value: f32, least: f32| libm::log(f64::from(value + least));
            let level = LEVEL * LEVEL;
            [
                0.0,
                0.0,
                0.0,
                log(sum(&contrast, keep), level),
                log(sum(&sharpness, square), level),
                log(sum(&squares, keep), level),
                log(sum(&expected, keep), level),
                log(sum(&left_over, keep), level),
                sum(&mean, keep).into(),
                sum(&mean_back, keep).into(),
                log(sum(&sharpness, keep), LEVEL),
                log(sum(&contrast, f32::sqrt), LEVEL),
                log(sum(&absolute, keep), LEVEL),
                log(square(sum(&sharpness, f32::sqrt)), LEVEL),
                log(most(&sharpness), LEVEL),
                log(most(&contrast), level),
                log(most(&squares), level),
                log(flattest, level),
                log(along(true, left, self.side), LEVEL),
                log(along(false, top, self.side), LEVEL),
                log(along(true, 0, self.input.width), LEVEL),
                log(along(false, 0, self.input.height), LEVEL),
            ]
        };
        let mut all: Vec<[f64; MEASURES]> = self
            .pixels()
            .enumerate()
            .map(|(number, pixels)| square(number, pixels.collect()))
            .collect();
        for i in 0..CONTEXT {
            let mut values: Vec<f64> = all.iter().map(|measures| measures[CONTEXT + i]).collect();
            values.sort_by(f64::total_cmp);
            let median = values[values.len() / 2];
            all.iter_mut().for_each(|measures| measures[i] = median);
        }
        all
    }

    /// Mean over channels of what a function makes of each value, `[H, W]`.
    fn mean(&self, values: &[f32], f: impl Fn(f32) -> f32) -> Vec<f32> {
        let plane = self.input.height * self.input.width;
        let mut out = vec![0.0; plane];
        for (i, value) in values.iter().enumerate() {
            out[i % plane] += f(*value) / self.input.channels as f32;
        }
        out
    }

    /// Squared differences to the neighbours before, `[H, W]`.
    fn slopes(&self, values: &[f32]) -> Vec<f32> {
        let (plane, width) = (self.input.height * self.input.width, self.input.width);
        let mut out = vec![0.0; plane];
        for (i, value) in values.iter().enumerate() {
            let at = i % plane;
            let across = if at % width > 0 {
                value - values[i - 1]
            } else {
                0.0
            };
            let down = if at >= width {
                value - values[i - width]
            } else {
                0.0
            };
            out[at] += (across * across + down * down) / self.input.channels as f32;
        }
        out
    }

    /// Second differences of values `[C, H, W]` that lie `step` apart, a row or a column: the mean over
    /// channels, `[H, W]`; 0 at the margin.
    fn lines(&self, values: &[f32], step: usize) -> Vec<f32> {
        let ImageShape { height, width, .. } = self.input;
        let plane = height * width;
        let mut out = vec![0.0; plane];
        for (i, value) in values.iter().enumerate() {
            let (at, side) = match step {
                1 => (i % width, width),
                _ => (i % plane / width, height),
            };
            if at > 0 && at + 1 < side {
                let bend = value - 0.5 * (values[i - step] + values[i + step]);
                out[i % plane] += bend / self.input.channels as f32;
            }
        }
        out
    }

    /// By how much a value differs from the mean of its four neighbours, `[H, W]`; 0 at the margin.
    fn bends(&self, values: &[f32]) -> Vec<f32> {
        let ImageShape { height, width, .. } = self.input;
        let plane = height * width;
        let mut out = vec![0.0; plane];
        for (i, value) in values.iter().enumerate() {
            let (y, x) = (i % plane / width, i % width);
            if y > 0 && x > 0 && y + 1 < height && x + 1 < width {
                let near = values[i - width] + values[i + width] + values[i - 1] + values[i + 1];
                out[i % plane] += (value - 0.25 * near).abs() / self.input.channels as f32;
            }
        }
        out
    }

    /// For each pixel the mean of its squares' values, `[H, W]`.
    pub(crate) fn spread(&self, values: &[f64]) -> Vec<f32> {
        let plane = self.input.height * self.input.width;
        let mut sums = vec![(0.0, 0.0); plane];
        for (pixels, value) in self.pixels().zip(values) {
            for i in pixels {
                sums[i].0 += value;
                sums[i].1 += 1.0;
            }
        }
        let mean = |(sum, n): (f64, f64)| if n > 0.0 { (sum / n) as f32 } else { 0.0 };
        sums.into_iter().map(mean).collect()
    }
}

/// A mixture of Gaussians over the measures of squares.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mixture {
    /// Logarithm of the weight of each Gaussian.
    pub weights: Vec<f64>,
    /// `[N, MEASURES]`
    pub means: Vec<f64>,
    /// Lower Cholesky factors of their covariances, row by row up to the diagonal.
    pub factors: Vec<f64>,
}

/// Values of a lower triangle.
const TRIANGLE: usize = MEASURES * (MEASURES + 1) / 2;

impl Mixture {
    /// Fits it to squares (expectation-maximisation, Dempster et al. 1977).
    ///
    /// # Errors
    /// Fewer squares than Gaussians.
    pub fn fit(squares: &[&[f64]]) -> Result<Self> {
        if squares.len() < COMPONENTS {
            let expected = format!("at least {COMPONENTS}");
            return Err(Error::argument("squares", expected, squares.len()));
        }
        let step = squares.len().div_ceil(MOST);
        let squares: Vec<_> = squares.iter().step_by(step).copied().collect();
        let n = squares.len() as f64;
        let all = vec![1.0; squares.len()];
        let (_, _, whole) = moments(&squares, &all);
        let floor: Vec<f64> = (0..MEASURES)
            .map(|i| FLOOR * whole[place(i, i)] + 1e-9)
            .collect();
        let chances = random::uniforms(SEED, COMPONENTS);
        let mut mixture = Self::default();
        // Narrow ones at squares of the data to begin with.
        let narrow: Vec<f64> = whole.iter().map(|v| v / 4.0).collect();
        for chance in chances {
            let first = squares[((f64::from(chance) * n) as usize).min(squares.len() - 1)];
            mixture.push(1.0 / COMPONENTS as f64, first, &narrow, &floor);
        }
        for _ in 0..STEPS {
            let mut shares = vec![Vec::new(); COMPONENTS];
            for square in &squares {
                let logs = mixture.logs(square);
                let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = logs.iter().map(|log| libm::exp(log - largest)).sum();
                for (shares, log) in shares.iter_mut().zip(logs) {
                    shares.push(libm::exp(log - largest) / sum);
                }
            }
            let mut next = Self::default();
            for shares in shares {
                let (weight, mean, covariance) = moments(&squares, &shares);
                next.push(weight / n, &mean, &covariance, &floor);
            }
            mixture = next;
        }
        Ok(mixture)
    }

    fn push(&mut self, weight: f64, mean: &[f64], covariance: &[f64], floor: &[f64]) {
        self.weights.push(libm::log(weight.max(1e-9)));
        self.means.extend(mean);
        let mut wide = covariance.to_vec();
        for (i, floor) in floor.iter().enumerate() {
            wide[place(i, i)] += floor;
        }
        self.factors.extend(factor(&wide, MEASURES));
    }

    /// Whether its numbers can be used.
    pub(crate) fn is_valid(&self) -> bool {
        let count = self.weights.len();
        let all = [&self.weights, &self.means, &self.factors];
        let triangles = self.factors.chunks_exact(TRIANGLE);
        count > 0
            && self.means.len() == count * MEASURES
            && self.factors.len() == count * TRIANGLE
            && all
                .iter()
                .all(|values| values.iter().all(|v| v.is_finite()))
            && triangles
                .flat_map(|t| (0..MEASURES).map(|i| t[place(i, i)]))
                .all(|v| v > 0.0)
    }

    /// log of weight and density of each Gaussian, over the first measures only: as many as are given; but
    /// for a constant.
    fn logs(&self, measures: &[f64]) -> Vec<f64> {
        let means = self.means.chunks_exact(MEASURES);
        let each = self
            .weights
            .iter()
            .zip(means)
            .zip(self.factors.chunks_exact(TRIANGLE));
        let log = |((weight, mean), factor): ((&f64, &[f64]), &[f64])| {
            // The first rows of the factor are those of the first measures alone.
            let (square, width) = distance(measures, mean, factor);
            weight - 0.5 * square - width
        };
        each.map(log).collect()
    }

    /// −log density of a square in nats, given the measures of its picture, but for a constant.
    pub(crate) fn nats(&self, square: &[f64]) -> f64 {
        let sum = |measures: &[f64]| {
            let logs = self.logs(measures);
            let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logs.iter().map(|log| libm::exp(log - largest)).sum();
            largest + libm::log(sum)
        };
        sum(&square[..CONTEXT]) - sum(square)
    }

    /// How strange the strangest tenth of the squares of a picture is, in nats.
    pub(crate) fn strangest(&self, squares: &[[f64; MEASURES]]) -> f64 {
        let mut nats: Vec<f64> = squares.iter().map(|square| self.nats(square)).collect();
        nats.sort_by(|a, b| b.total_cmp(a));
        nats.truncate((nats.len() / STRANGEST).max(1));
        nats.iter().sum::<f64>() / nats.len() as f64
    }
}

/// Where a lower triangle has the element of a row and a column.
pub(crate) fn place(row: usize, column: usize) -> usize {
    row * (row + 1) / 2 + column
}

/// Sum of the shares of points, their mean, and their covariance as a lower triangle.
pub(crate) fn moments(points: &[&[f64]], shares: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let size = points.first().map_or(0, |point| point.len());
    let weight = shares.iter().sum::<f64>().max(1e-9);
    let mut mean = vec![0.0; size];
    for (point, share) in points.iter().zip(shares) {
        for (mean, value) in mean.iter_mut().zip(*point) {
            *mean += share * value / weight;
        }
    }
    let mut covariance = vec![0.0; size * (size + 1) / 2];
    let mut away = vec![0.0; size];
    for (point, share) in points.iter().zip(shares) {
        for i in 0..size {
            away[i] = point[i] - mean[i];
            let scaled = share * away[i] / weight;
            let row = &mut covariance[place(i, 0)..=place(i, i)];
            row.iter_mut()
                .zip(&away)
                .for_each(|(sum, v)| *sum += scaled * v);
        }
    }
    (weight, mean, covariance)
}

/// The lower Cholesky factor of a symmetric matrix; both are lower triangles.
pub(crate) fn factor(matrix: &[f64], size: usize) -> Vec<f64> {
    let mut factor = vec![0.0; matrix.len()];
    for i in 0..size {
        for j in 0..=i {
            let known = (0..j).map(|k| factor[place(i, k)] * factor[place(j, k)]);
            let rest = matrix[place(i, j)] - known.sum::<f64>();
            factor[place(i, j)] = match i == j {
                true => rest.max(1e-9).sqrt(),
                false => rest / factor[place(j, j)],
            };
        }
    }
    factor
}

/// The square of the distance of a point from a mean in units of a covariance with this lower factor
/// (Mahalanobis), and the logarithm of the factor's determinant.
pub(crate) fn distance(point: &[f64], mean: &[f64], factor: &[f64]) -> (f64, f64) {
    let mut y = vec![0.0; point.len()];
    let mut width = 0.0;
    for i in 0..point.len() {
        let row = &factor[place(i, 0)..=place(i, i)];
        let known: f64 = row.iter().zip(&y[..i]).map(|(f, y)| f * y).sum();
        y[i] = (point[i] - mean[i] - known) / row[i];
        width += libm::log(row[i]);
    }
    (y.iter().map(|y| y * y).sum(), width)
}
