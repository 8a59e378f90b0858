//! Whether a picture is one of those that a model knows.
//!
//! No single number tells: an empty canvas can be the *most* likely picture of all (Nalisnick et al.
//! 2019), and a picture can be rebuilt well though it is of another kind. So a picture has several
//! figures, among them some that are low for one kind of stranger and high for another. How far all of
//! them together are from those of the model's own test images, in the units of their covariance
//! (Mahalanobis 1936), is the score: it is two-sided by its making. Its percentile is its rank among
//! test images that the covariance has not seen.

use crate::{Engine, Error, Result};
use vaelet_model::latent::Posterior;
use vaelet_model::{Likelihood, latent, random};

/// Figures of a picture.
pub const FIGURES: usize = 10;
/// Samples of the estimate of −log p(x), and their seed.
const SAMPLES: usize = 64;
const SEED: u64 = 17;

/// The figures of a model's own test images.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// Mean of each figure.
    pub mean: Vec<f64>,
    /// Lower Cholesky factor of their covariance, `[FIGURES, FIGURES]`.
    pub factor: Vec<f64>,
    /// Scores of test images, rising.
    pub scores: Vec<f64>,
}

/// What is known of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Distance from the model's own pictures; about 3 for one of them.
    pub score: f64,
    /// How many of a hundred test images have a lower score.
    pub percentile: f64,
    /// Estimate of −log p(x) in nats, importance-weighted with 64 samples (Burda et al. 2016). Low
    /// for what is easy, such as an empty canvas: no measure of strangeness by itself.
    pub neg_log_likelihood: f64,
    /// Where the picture is not what the model makes of it: nats of each pixel, `[H, W]`.
    pub map: Vec<f32>,
}

impl Calibration {
    /// Least images to calibrate with.
    pub const LEAST: usize = 8 * FIGURES;

    /// From the figures of a model's own test images, `[N, FIGURES]`, of which every other one makes
    /// the covariance, and the rest the percentiles.
    ///
    /// # Errors
    /// Fewer than 80 images.
    pub fn of(figures: &[[f64; FIGURES]]) -> Result<Self> {
        if figures.len() < Self::LEAST {
            let expected = format!("at least {} images", Self::LEAST);
            return Err(Error::argument("calibration", expected, figures.len()));
        }
        let half: Vec<_> = figures.iter().step_by(2).collect();
        let n = half.len() as f64;
        let mean: Vec<f64> = (0..FIGURES)
            .map(|i| half.iter().map(|f| f[i]).sum::<f64>() / n)
            .collect();
        let mut factor = vec![0.0; FIGURES * FIGURES];
        for i in 0..FIGURES {
            for j in 0..=i {
                let products = half.iter().map(|f| (f[i] - mean[i]) * (f[j] - mean[j]));
                let mut covariance = products.sum::<f64>() / n;
                if i == j {
                    covariance = 1.02 * covariance + 1e-9;
                }
                let known: f64 = (0..j)
                    .map(|k| factor[i * FIGURES + k] * factor[j * FIGURES + k])
                    .sum();
                factor[i * FIGURES + j] = match i == j {
                    true => (covariance - known).max(1e-9).sqrt(),
                    false => (covariance - known) / factor[j * FIGURES + j],
                };
            }
        }
        let mut calibration = Self {
            mean,
            factor,
            scores: Vec::new(),
        };
        let rest = figures.iter().skip(1).step_by(2);
        calibration.scores = rest.map(|figures| calibration.score(figures)).collect();
        calibration.scores.sort_by(f64::total_cmp);
        Ok(calibration)
    }

    /// Whether its numbers can be used; after reading it from a file.
    ///
    /// # Errors
    /// Numbers that are missing, not finite, or in another order.
    pub fn check(&self) -> Result<()> {
        let whole = self.mean.len() == FIGURES && self.factor.len() == FIGURES * FIGURES;
        let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
        let diagonal = || (0..FIGURES).all(|i| self.factor[i * (FIGURES + 1)] > 0.0);
        let right = whole
            && finite(&self.mean)
            && finite(&self.factor)
            && finite(&self.scores)
            && diagonal()
            && !self.scores.is_empty()
            && self.scores.is_sorted();
        let wrong = Error::argument("calibration", "that of this version", "another");
        if right { Ok(()) } else { Err(wrong) }
    }

    /// The distance of figures from the model's own.
    pub fn score(&self, figures: &[f64; FIGURES]) -> f64 {
        let mut y = [0.0; FIGURES];
        for i in 0..FIGURES {
            let row = &self.factor[i * FIGURES..][..FIGURES];
            let known: f64 = row.iter().zip(&y[..i]).map(|(f, y)| f * y).sum();
            y[i] = (figures[i] - self.mean[i] - known) / row[i];
        }
        y.iter().map(|y| y * y).sum::<f64>().sqrt()
    }

    /// How many of a hundred test images have a lower score.
    pub fn percentile(&self, score: f64) -> f64 {
        let lower = self.scores.partition_point(|other| *other < score);
        100.0 * lower as f64 / self.scores.len().max(1) as f64
    }
}

/// A picture that is being scored, some samples of the estimate of −log p(x) at a time.
pub struct Scoring {
    picture: Vec<f32>,
    figures: [f64; FIGURES],
    map: Vec<f32>,
    posterior: Posterior,
    /// log p(x, z) − log q(z | x) of the samples so far.
    logs: Vec<f64>,
}

impl Scoring {
    /// Samples of a step.
    const STEP: usize = 4;

    /// Computes the figures of a picture `[C, H, W]`.
    ///
    /// # Errors
    /// A picture that does not fit the model.
    pub fn start(engine: &mut Engine, picture: &[f32]) -> Result<Self> {
        let (figures, map) = engine.figures(picture)?;
        Ok(Self {
            picture: picture.to_vec(),
            figures,
            map,
            posterior: engine.encode(picture),
            logs: Vec::with_capacity(SAMPLES),
        })
    }

    /// Takes the next samples. Whether there are more.
    pub fn step(&mut self, engine: &mut Engine) -> bool {
        let (size, made) = (engine.latent, self.logs.len());
        let noise = random::normals_in(SEED, made * size..(made + Self::STEP) * size);
        let Posterior { mean, log_var } = &self.posterior;
        let mut z = Vec::new();
        for noise in noise.chunks_exact(size) {
            z.extend(latent::reparameterize(mean, log_var, noise, 1.0));
        }
        let pictures = engine.decode(&z);
        let samples = noise.chunks_exact(size).zip(z.chunks_exact(size));
        for ((noise, z), back) in samples.zip(pictures.chunks_exact(self.picture.len())) {
            let log_q = noise.iter().zip(log_var).map(|(noise, log_var)| {
                let log_var = f64::from(log_var.clamp(-latent::LOG_VAR, latent::LOG_VAR));
                -0.5 * (f64::from(*noise).powi(2) + log_var + libm::log(std::f64::consts::TAU))
            });
            let log_q = log_q.sum::<f64>();
            let cost = latent::reconstruction(engine.likelihood, &self.picture, back);
            let log_p = engine.priors.log_density(z);
            self.logs.push(log_p - f64::from(cost) - log_q);
        }
        self.logs.len() < SAMPLES
    }

    /// What the samples so far say.
    pub fn finish(self, calibration: &Calibration) -> Scored {
        let score = calibration.score(&self.figures);
        let largest = self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.logs.iter().map(|log| libm::exp(log - largest)).sum();
        Scored {
            score,
            percentile: calibration.percentile(score),
            neg_log_likelihood: -(largest + libm::log(sum / self.logs.len() as f64)),
            map: self.map,
        }
    }
}

impl Engine {
    /// Score, percentile, likelihood, and where a picture `[C, H, W]` is strange.
    ///
    /// # Errors
    /// A picture that does not fit the model.
    pub fn score(&mut self, picture: &[f32], calibration: &Calibration) -> Result<Scored> {
        let mut scoring = Scoring::start(self, picture)?;
        while scoring.step(self) {}
        Ok(scoring.finish(calibration))
    }

    /// The figures of a picture `[C, H, W]`, most of them as logarithms, and the map of
    /// [`Scored::map`].
    ///
    /// # Errors
    /// A picture that does not fit the model.
    pub fn figures(&mut self, picture: &[f32]) -> Result<([f64; FIGURES], Vec<f32>)> {
        crate::Observation::whole(picture).check(self.input)?;
        let posterior = self.encode(picture);
        let back = self.decode(&posterior.mean);
        let again = self.encode(&back).mean;
        // In standard deviations of the posterior, and not of one that hardly has any.
        let drift = again.iter().zip(&posterior.mean).zip(&posterior.log_var);
        let drift = drift.map(|((a, b), log_var)| {
            f64::from(a - b).powi(2) / (libm::exp(f64::from(*log_var)) + 0.01)
        });
        let plane = self.input.height * self.input.width;
        let mut map = vec![0.0; plane];
        for (i, (&x, &y)) in picture.iter().zip(&back).enumerate() {
            map[i % plane] += excess(self.likelihood, x.into(), y.into()) as f32;
        }
        let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            let each = picture
                .iter()
                .zip(&back)
                .map(|(x, y)| f((*x).into(), (*y).into()));
            each.sum()
        };
        let log = |value: f64| libm::log(value.max(0.0) + 0.1);
        let difference: Vec<f32> = picture.iter().zip(&back).map(|(x, y)| x - y).collect();
        let figures = [
            log(map.iter().copied().map(f64::from).sum()),
            -self.priors.log_density(&posterior.mean),
            posterior.log_var.iter().copied().map(f64::from).sum(),
            log(drift.sum()),
            log(self.energy(picture)),
            log(self.energy(&difference)),
            log(sum(&|x, _| x)),
            log(sum(&|x, _| x * (1.0 - x))),
            log(sum(&|x, y| (x - y).max(0.0))),
            log(sum(&|x, y| (y - x).max(0.0))),
        ];
        Ok((figures, map))
    }

    /// Sum of the squared differences of neighbouring pixels.
    fn energy(&self, picture: &[f32]) -> f64 {
        let width = self.input.width;
        let each = picture
            .chunks_exact(width * self.input.height)
            .map(|plane| {
                let squares = (0..plane.len()).map(|i| {
                    let across = if i % width > 0 {
                        plane[i] - plane[i - 1]
                    } else {
                        0.0
                    };
                    let down = if i >= width {
                        plane[i] - plane[i - width]
                    } else {
                        0.0
                    };
                    f64::from(across * across + down * down)
                });
                squares.sum::<f64>()
            });
        each.sum()
    }
}

/// Nats by which y is a worse explanation of a value x than x itself.
fn excess(likelihood: Likelihood, x: f64, y: f64) -> f64 {
    match likelihood {
        Likelihood::Gaussian { sigma } => 0.5 * ((x - y) / f64::from(sigma)).powi(2),
        _ => {
            let y = y.clamp(1e-6, 1.0 - 1e-6);
            let part = |x: f64, y: f64| if x > 0.0 { x * libm::log(x / y) } else { 0.0 };
            part(x, y) + part(1.0 - x, 1.0 - y)
        }
    }
}
