//! Whether a picture is one of those that a model knows.
//!
//! No single number tells: an empty canvas can be the *most* likely picture of all (Nalisnick et al.
//! 2019), and a picture can be rebuilt well though it is of another kind. So a picture has several
//! figures, among them some that are low for one kind of stranger and high for another. How far all of
//! them together are from those of the model's own test images, in the units of their covariance
//! (Mahalanobis 1936), is two-sided by its making. To this distance one figure is added once more,
//! −log p(z) under the model's own prior, in standard deviations: a kind that was never seen lies where
//! no image was, however usual the rest of it is. That sum is the score. Its percentile is its rank
//! among test images that the covariance has not seen.
//!
//! A picture that is usual as a whole can be damaged in one place. That is a second verdict
//! (`squares.rs`), with a percentile of its own, so that neither makes the other less sharp.

use crate::squares::{self, MEASURES, Mixture, Squares};
use crate::{Engine, Error, Result};
use vaelet_model::latent::Posterior;
use vaelet_model::{Likelihood, latent, random};

/// Figures of a picture.
pub const FIGURES: usize = 10;
/// Which of them is −log p(z).
const PRIOR: usize = 1;
/// Samples of the estimate of −log p(x), and their seed.
const SAMPLES: usize = 64;
const SEED: u64 = 17;

/// What a picture is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Those of the picture as a whole, most of them as logarithms.
    pub whole: [f64; FIGURES],
    /// Those of each of its squares.
    pub squares: Vec<[f64; MEASURES]>,
}

/// The figures of a model's own test images.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// Mean of each figure of whole images.
    pub mean: Vec<f64>,
    /// Lower Cholesky factor of their covariance, row by row up to the diagonal.
    pub factor: Vec<f64>,
    /// Scores of test images, rising.
    pub scores: Vec<f64>,
    /// How usual squares are.
    pub squares: Mixture,
    /// How strange the strangest places of test images are, rising.
    pub places: Vec<f64>,
}

/// What is known of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// How far it is from the model's own pictures; about 3 for one of them.
    pub score: f64,
    /// How many of a hundred test images have a lower score.
    pub percentile: f64,
    /// How many of a hundred test images have a less strange strangest place.
    pub place_percentile: f64,
    /// Estimate of −log p(x) in nats, importance-weighted with 64 samples (Burda et al. 2016). Low
    /// for what is easy, such as an empty canvas: no measure of strangeness by itself.
    pub neg_log_likelihood: f64,
    /// Where the picture is strange: nats by which what is around each pixel is less usual than the
    /// strangest place of half of all test images, `[H, W]`.
    pub map: Vec<f32>,
}

impl Calibration {
    /// Least images to calibrate with.
    pub const LEAST: usize = 8 * FIGURES;

    /// From the figures of a model's own test images, of which every other one makes what is usual, and
    /// the rest the percentiles.
    ///
    /// # Errors
    /// Fewer than 80 images.
    pub fn of(figures: &[Figures]) -> Result<Self> {
        if figures.len() < Self::LEAST {
            let expected = format!("at least {} images", Self::LEAST);
            return Err(Error::argument("calibration", expected, figures.len()));
        }
        let half: Vec<_> = figures.iter().step_by(2).collect();
        let whole: Vec<&[f64]> = half.iter().map(|f| f.whole.as_slice()).collect();
        let (_, mean, mut covariance) = squares::moments(&whole, &vec![1.0; whole.len()]);
        for i in 0..FIGURES {
            let variance = &mut covariance[squares::place(i, i)];
            *variance = 1.02 * *variance + 1e-9;
        }
        let parts: Vec<&[f64]> = half
            .iter()
            .flat_map(|f| f.squares.iter().map(|square| square.as_slice()))
            .collect();
        let mut calibration = Self {
            mean,
            factor: squares::factor(&covariance, FIGURES),
            squares: Mixture::fit(&parts)?,
            ..Self::default()
        };
        let rest = || figures.iter().skip(1).step_by(2);
        calibration.scores = rest().map(|f| calibration.score(f)).collect();
        calibration.places = rest().map(|f| calibration.place(f)).collect();
        calibration.scores.sort_by(f64::total_cmp);
        calibration.places.sort_by(f64::total_cmp);
        Ok(calibration)
    }

    /// Whether its numbers can be used; after reading it from a file.
    ///
    /// # Errors
    /// Numbers that are missing, not finite, or in another order.
    pub fn check(&self) -> Result<()> {
        let whole = self.mean.len() == FIGURES && self.factor.len() == FIGURES * (FIGURES + 1) / 2;
        let lists = [&self.mean, &self.factor, &self.scores, &self.places];
        let rises = |scores: &[f64]| !scores.is_empty() && scores.is_sorted();
        let right = whole
            && lists.iter().all(|list| list.iter().all(|v| v.is_finite()))
            && (0..FIGURES).all(|i| self.factor[squares::place(i, i)] > 0.0)
            && self.squares.is_valid()
            && rises(&self.scores)
            && rises(&self.places);
        let wrong = Error::argument("calibration", "that of this version", "another");
        if right { Ok(()) } else { Err(wrong) }
    }

    /// The distance of a picture's figures from the model's own, and how unlikely its latent is.
    pub fn score(&self, figures: &Figures) -> f64 {
        let (square, _) = squares::distance(&figures.whole, &self.mean, &self.factor);
        let row = &self.factor[squares::place(PRIOR, 0)..=squares::place(PRIOR, PRIOR)];
        let deviation = row.iter().map(|f| f * f).sum::<f64>().sqrt();
        square.sqrt() + (figures.whole[PRIOR] - self.mean[PRIOR]) / deviation
    }

    /// How strange the strangest place of a picture is, in nats.
    pub fn place(&self, figures: &Figures) -> f64 {
        self.squares.strangest(&figures.squares)
    }

    /// [`Scored::map`] of squares.
    fn map(&self, squares: &[[f64; MEASURES]], places: Squares) -> Vec<f32> {
        let usual = self.places[self.places.len() / 2];
        let excess = squares
            .iter()
            .map(|square| (self.squares.nats(square) - usual).max(0.0));
        places.spread(&excess.collect::<Vec<_>>())
    }
}

/// How many of a hundred of `scores`, which rise, are lower than this one.
fn percentile(scores: &[f64], score: f64) -> f64 {
    let lower = scores.partition_point(|other| *other < score);
    100.0 * lower as f64 / scores.len().max(1) as f64
}

/// A picture that is being scored, some samples of the estimate of −log p(x) at a time.
pub struct Scoring {
    picture: Vec<f32>,
    figures: Figures,
    places: Squares,
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
        Ok(Self {
            picture: picture.to_vec(),
            figures: engine.figures(picture)?,
            places: Squares::of(engine.input),
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
            percentile: percentile(&calibration.scores, score),
            place_percentile: percentile(&calibration.places, calibration.place(&self.figures)),
            neg_log_likelihood: -(largest + libm::log(sum / self.logs.len() as f64)),
            map: calibration.map(&self.figures.squares, self.places),
        }
    }
}

impl Engine {
    /// Score, percentiles, likelihood, and where a picture `[C, H, W]` is strange.
    ///
    /// # Errors
    /// A picture that does not fit the model.
    pub fn score(&mut self, picture: &[f32], calibration: &Calibration) -> Result<Scored> {
        let mut scoring = Scoring::start(self, picture)?;
        while scoring.step(self) {}
        Ok(scoring.finish(calibration))
    }

    /// The figures of a picture `[C, H, W]`.
    ///
    /// # Errors
    /// A picture that does not fit the model.
    pub fn figures(&mut self, picture: &[f32]) -> Result<Figures> {
        crate::Observation::whole(picture).check(self.input)?;
        let posterior = self.encode(picture);
        let back = self.decode(&posterior.mean);
        let again = self.encode(&back).mean;
        // In standard deviations of the posterior, and not of one that hardly has any.
        let drift = again.iter().zip(&posterior.mean).zip(&posterior.log_var);
        let drift = drift.map(|((a, b), log_var)| {
            f64::from(a - b).powi(2) / (libm::exp(f64::from(*log_var)) + 0.01)
        });
        let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            let each = picture
                .iter()
                .zip(&back)
                .map(|(x, y)| f((*x).into(), (*y).into()));
            each.sum()
        };
        let log = |value: f64| libm::log(value.max(0.0) + 0.1);
        let difference: Vec<f32> = picture.iter().zip(&back).map(|(x, y)| x - y).collect();
        let whole = [
            log(sum(&|x, y| excess(self.likelihood, x, y))),
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
        let squares = Squares::of(self.input).measure(picture, &back);
        Ok(Figures { whole, squares })
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
