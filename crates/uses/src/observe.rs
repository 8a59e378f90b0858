//! What was seen of a picture, and how likely that is given what the decoder says.

use crate::jpeg::Jpeg;
use crate::{Error, Result};
use vaelet_model::{ImageShape, Likelihood};

/// Variance of a grey pixel about the mean m that a Bernoulli decoder gives, over m (1 − m), which it
/// is where pixels are 0 or 1; those of MNIST are often between.
pub(crate) const GREY: f64 = 0.5;
/// Density of a value of a picture with eight bits that is known to be exactly one of the 256.
const LEVELS: f64 = 255.0;

/// An observation of a picture: some of its values, perhaps noisy, perhaps of a smaller grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// `[C, H / scale, W / scale]`; without noise in `[0, 1]`. What was not seen may be anything finite.
    pub values: Vec<f32>,
    /// For each pixel `[H / scale, W / scale]` whether it was seen; empty where all were.
    pub seen: Vec<bool>,
    /// Standard deviation of the Gaussian noise in `values`.
    pub noise: f32,
    /// Share of the values that were replaced by 0 or 1, nobody knows which: salt and pepper.
    pub specks: f32,
    /// Quality, 1 to 100, with which the picture was saved as JPEG; 0 where it was not.
    pub jpeg: u8,
    /// Whether what the noise made of values was cut to `[0, 1]`, as a file does.
    pub cut: bool,
    /// Each value is the mean of `scale` × `scale` pixels.
    pub scale: usize,
}

impl Observation {
    /// A whole picture `[C, H, W]`.
    pub fn whole(values: &[f32]) -> Self {
        Self {
            values: values.to_vec(),
            seen: Vec::new(),
            noise: 0.0,
            specks: 0.0,
            jpeg: 0,
            cut: false,
            scale: 1,
        }
    }

    /// A picture `[C, H, W]` of which only the pixels marked in `seen`, `[H, W]`, count.
    pub fn part(values: &[f32], seen: &[bool]) -> Self {
        Self {
            seen: seen.to_vec(),
            ..Self::whole(values)
        }
    }

    /// A picture `[C, H, W]` with Gaussian noise of this standard deviation, which is taken as cut to
    /// `[0, 1]` where no value lies beyond.
    pub fn noisy(values: &[f32], noise: f32) -> Self {
        Self {
            noise,
            cut: values.iter().all(|v| (0.0..=1.0).contains(v)),
            ..Self::whole(values)
        }
    }

    /// A picture `[C, H, W]` of which this share of values was replaced by 0 or 1.
    pub fn specked(values: &[f32], specks: f32) -> Self {
        Self {
            specks,
            ..Self::whole(values)
        }
    }

    /// A picture `[C, H, W]` that was saved as JPEG with this quality, 1 to 100, at its size.
    pub fn saved(values: &[f32], quality: u8) -> Self {
        Self {
            jpeg: quality,
            ..Self::whole(values)
        }
    }

    /// The means `[C, H / scale, W / scale]` of squares of a picture.
    pub fn small(values: &[f32], scale: usize) -> Self {
        Self {
            scale,
            ..Self::whole(values)
        }
    }

    /// Whether it fits a model with this input.
    ///
    /// # Errors
    /// The argument that does not.
    pub fn check(&self, input: ImageShape) -> Result<()> {
        let scale = self.scale;
        if scale == 0 || !input.height.is_multiple_of(scale) || !input.width.is_multiple_of(scale) {
            let expected = format!("a divisor of {} and {}", input.height, input.width);
            return Err(Error::argument("scale", expected, scale));
        }
        let pixels = input.height / scale * (input.width / scale);
        let values = input.channels * pixels;
        if self.values.len() != values {
            let expected = format!("{values} values");
            return Err(Error::argument("picture", expected, self.values.len()));
        }
        if let Some(wrong) = self.values.iter().find(|v| !v.is_finite()) {
            return Err(Error::argument("picture", "finite values", wrong));
        }
        if ![0, pixels].contains(&self.seen.len()) {
            let expected = format!("{pixels} pixels");
            return Err(Error::argument("mask", expected, self.seen.len()));
        }
        if !(self.noise.is_finite() && self.noise >= 0.0) {
            return Err(Error::argument("noise", "a number from 0 on", self.noise));
        }
        if !(0.0..1.0).contains(&self.specks) {
            return Err(Error::argument("specks", "a share below 1", self.specks));
        }
        if self.jpeg > 100 {
            return Err(Error::argument(
                "jpeg",
                "a quality from 1 to 100",
                self.jpeg,
            ));
        }
        let alone = self.is_exact() && self.seen.is_empty() && scale == 1;
        if self.jpeg > 0 && !alone {
            let expected = "a whole picture without noise and specks";
            return Err(Error::argument("jpeg", expected, "another one"));
        }
        Ok(())
    }

    /// Puts what was seen of a whole picture into another one, `[C, H, W]`, bit by bit.
    pub fn keep(&self, picture: &mut [f32]) {
        for (i, (value, given)) in picture.iter_mut().zip(&self.values).enumerate() {
            if self.sees(i) {
                *value = *given;
            }
        }
    }

    /// Whether neither noise nor specks are in the values.
    pub(crate) fn is_exact(&self) -> bool {
        self.noise == 0.0 && self.specks == 0.0
    }

    /// Whether value `i` was seen.
    pub(crate) fn sees(&self, i: usize) -> bool {
        self.seen.is_empty() || self.seen[i % self.seen.len()]
    }

    /// A picture `[C, H, W]` for the encoder: values as far as they were seen, `fill` elsewhere.
    pub(crate) fn guess(&self, input: ImageShape, fill: &[f32]) -> Vec<f32> {
        let (width, small) = (input.width, input.width / self.scale);
        let plane = input.height * width;
        let value = |i: usize| {
            let (channel, y, x) = (i / plane, i % plane / width, i % width);
            let rows = input.height / self.scale;
            let from = (channel * rows + y / self.scale) * small + x / self.scale;
            if self.sees(from) {
                self.values[from].clamp(0.0, 1.0)
            } else {
                fill[i]
            }
        };
        (0..input.len()).map(value).collect()
    }

    /// log p(observation | z) in nats, for what the decoder gives, `[C, H, W]`; and its gradient with
    /// respect to that, into `gradient`.
    ///
    /// Without noise, at full size, it is the model's own likelihood. Otherwise a Gaussian of the
    /// noise's variance and that of the picture about the decoder's mean. Errors of neighbouring
    /// pixels go together, so that of a mean of n × n pixels counts as 1 / n of a pixel's variance.
    pub(crate) fn log_likelihood(
        &self,
        likelihood: Likelihood,
        input: ImageShape,
        decoded: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        if self.jpeg > 0 {
            let jpeg = Jpeg::of(self.jpeg, input);
            return jpeg.log_likelihood(likelihood, &self.values, decoded, gradient);
        }
        if self.scale > 1 {
            let means = shrink(decoded, input, self.scale);
            let mut slopes = vec![0.0; means.len()];
            let log = self.of_values(likelihood, &means, &mut slopes);
            let area = (self.scale * self.scale) as f32;
            let (width, small) = (input.width, input.width / self.scale);
            let (plane, rows) = (input.height * width, input.height / self.scale);
            for (i, gradient) in gradient.iter_mut().enumerate() {
                let (channel, y, x) = (i / plane, i % plane / width, i % width);
                let from = (channel * rows + y / self.scale) * small + x / self.scale;
                *gradient = slopes[from] / area;
            }
            return log;
        }
        self.of_values(likelihood, decoded, gradient)
    }

    fn of_values(&self, likelihood: Likelihood, means: &[f32], slopes: &mut [f32]) -> f64 {
        let own = self.noise == 0.0 && self.scale == 1;
        let noise = f64::from(self.noise).powi(2);
        let area = self.scale as f64;
        let is_density = likelihood != Likelihood::Bernoulli || !own;
        let mut sum = 0.0;
        for (i, (&m, slope)) in means.iter().zip(slopes).enumerate() {
            *slope = 0.0;
            if !self.sees(i) {
                continue;
            }
            let (x, m) = (f64::from(self.values[i]), f64::from(m));
            let gaussian = |variance: f64, steepness: f64| {
                let (expected, slope) = match self.cut && noise > 0.0 {
                    true => mean_of_cut(m, self.noise.into()),
                    false => (m, 1.0),
                };
                let d = x - expected;
                let log = -0.5 * (d * d / variance + libm::log(std::f64::consts::TAU * variance));
                let by_variance = 0.5 * (d * d / variance - 1.0) / variance;
                (log, slope * d / variance + steepness * by_variance)
            };
            let (log, by_mean) = match likelihood {
                Likelihood::Gaussian { sigma } => {
                    gaussian(f64::from(sigma).powi(2) / area + noise, 0.0)
                }
                Likelihood::Bernoulli if own => {
                    // As in `vaelet_model::latent::reconstruction`.
                    let m = m.clamp(f32::MIN_POSITIVE.into(), 1.0 - 2f64.powi(-25));
                    let log = x * libm::log(m) + (1.0 - x) * libm::log(1.0 - m);
                    (log, x / m - (1.0 - x) / (1.0 - m))
                }
                _ => {
                    let own = GREY * m * (1.0 - m) / area;
                    let steepness = GREY * (1.0 - 2.0 * m) / area;
                    gaussian(own + noise + 1e-3, steepness)
                }
            };
            let (log, kept) = self.unless_speck(x, log, is_density);
            sum += log;
            *slope = (by_mean * kept) as f32;
        }
        sum
    }
}

impl Observation {
    /// log p of a value x, of which it is `log` unless it was replaced; and the probability that it was
    /// not.
    pub(crate) fn unless_speck(&self, x: f64, log: f64, is_density: bool) -> (f64, f64) {
        let specks = f64::from(self.specks);
        if specks == 0.0 {
            return (log, 1.0);
        }
        let kept = libm::log(1.0 - specks) + log;
        if x > 0.0 && x < 1.0 {
            return (kept, 1.0);
        }
        let speck = libm::log(specks / 2.0 * if is_density { LEVELS } else { 1.0 });
        let largest = kept.max(speck);
        let sum = largest + libm::log(libm::exp(kept - largest) + libm::exp(speck - largest));
        (sum, libm::exp(kept - sum))
    }
}

/// The means `[C, H / scale, W / scale]` of squares of a picture `[C, H, W]`.
pub fn shrink(image: &[f32], input: ImageShape, scale: usize) -> Vec<f32> {
    let (height, width) = (input.height / scale, input.width / scale);
    let mut means = vec![0.0; input.channels * height * width];
    let plane = input.height * input.width;
    for (i, value) in image.iter().enumerate() {
        let (channel, y, x) = (i / plane, i % plane / input.width, i % input.width);
        means[(channel * height + y / scale) * width + x / scale] += value;
    }
    let area = (scale * scale) as f32;
    means.iter_mut().for_each(|mean| *mean /= area);
    means
}

/// The mean of N(m, noise²) whose values are cut to `[0, 1]`, and its derivative with respect to m.
pub(crate) fn mean_of_cut(m: f64, noise: f64) -> (f64, f64) {
    let [low, high] = [-m / noise, (1.0 - m) / noise];
    let below = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    let density = |x: f64| libm::exp(-0.5 * x * x) / std::f64::consts::TAU.sqrt();
    let inside = below(high) - below(low);
    let mean = m * inside - noise * (density(high) - density(low)) + 1.0 - below(high);
    (mean, inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: ImageShape = ImageShape {
        channels: 3,
        height: 4,
        width: 6,
    };

    /// Every kind of observation, under both likelihoods.
    #[test]
    fn the_gradient_is_that_of_the_differences() {
        let length = INPUT.len();
        let decoded: Vec<f32> = (0..length)
            .map(|i| 0.1 + 0.8 * (i as f32 * 0.37).fract())
            .collect();
        let values: Vec<f32> = (0..length).map(|i| (i as f32 * 0.71).fract()).collect();
        let seen: Vec<bool> = (0..24).map(|i| i % 3 > 0).collect();
        let mut far = values.clone();
        far[0] = 1.4;
        let specks = values.iter().enumerate().map(|(i, v)| match i % 5 {
            0 => 0.0,
            1 => 1.0,
            _ => *v,
        });
        let specked: Vec<f32> = specks.collect();
        for observation in [
            Observation::whole(&values),
            Observation::part(&values, &seen),
            Observation::noisy(&values, 0.2),
            Observation::noisy(&far, 0.2),
            Observation::specked(&specked, 0.2),
            Observation::saved(&values, 10),
            Observation::small(&shrink(&values, INPUT, 2), 2),
        ] {
            observation.check(INPUT).unwrap();
            for likelihood in [Likelihood::Bernoulli, Likelihood::Gaussian { sigma: 0.3 }] {
                let log = |decoded: &[f32]| {
                    let mut gradient = vec![0.0; length];
                    let log = observation.log_likelihood(likelihood, INPUT, decoded, &mut gradient);
                    (log, gradient)
                };
                let (_, gradient) = log(&decoded);
                for i in 0..length {
                    let step = 1.0 / 512.0;
                    let [up, down] = [step, -step].map(|step| {
                        let mut decoded = decoded.clone();
                        decoded[i] += step;
                        log(&decoded).0
                    });
                    let expected = (up - down) / (2.0 * f64::from(step));
                    let error = (f64::from(gradient[i]) - expected).abs();
                    assert!(
                        error < 0.02 * expected.abs().max(0.5),
                        "{i}: {} {expected}",
                        gradient[i]
                    );
                }
            }
        }
    }
}
