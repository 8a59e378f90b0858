//! How far each latent follows one of the factors that images were drawn from: disentanglement.
//!
//! The representation of an image is μ. Latents whose μ varies less than [`LEAST`] say nothing and are
//! left out, as usual (Locatello et al. 2019).

mod dci;
mod forest;
mod vote;

use crate::data::Images;
use crate::release::loaded::LoadedModel;
use anyhow::Result;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// Seed of all that is drawn.
const SEED: u64 = 2024;
/// Training images that are looked at beside the test images.
const TRAINING: usize = 10_000;
/// Variance of μ over the data below which a latent says nothing.
const LEAST: f64 = 0.05;
/// The share of a latent's importance that a factor must have for the latent to be called by it.
const NAMED: f64 = 0.5;

/// Two scores of a model whose images' factors are known, and what they rest on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Disentanglement {
    /// The FactorVAE score (Kim and Mnih 2018), from 0 to 1: see [`vote`].
    pub factor_vae: f64,
    /// Disentanglement (Eastwood and Williams 2018): 1 where each latent matters to one factor only.
    /// This, completeness and informativeness are defined in [`dci`].
    pub disentanglement: f64,
    /// 1 where only one latent matters to each factor.
    pub completeness: f64,
    /// How often the value of a factor is read off the latents of test images, mean over the factors.
    pub informativeness: f64,
    /// Names of the factors.
    pub factors: Vec<String>,
    /// How much each latent matters to each factor, `[latent][factor]`; the sum over latents is 1.
    pub importance: Vec<Vec<f64>>,
}

/// Representations `[N, latent]` of images and, for each image, the value of each factor.
struct Sample {
    latents: Vec<Vec<f64>>,
    values: Vec<Vec<u8>>,
}

/// Measures a model; none where the factors of its images are not known.
///
/// # Errors
/// A device that fails.
pub fn measure(
    release: &LoadedModel,
    train: &Images,
    test: &Images,
) -> Result<Option<Disentanglement>> {
    if test.factors.is_empty() {
        return Ok(None);
    }
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let drawn = (0..TRAINING.min(train.count())).map(|_| rng.random_range(0..train.count()));
    let sample = |images: &Images, chosen: &[usize]| -> Result<Sample> {
        let means = release.means(images, chosen)?;
        let latents = means.chunks_exact(release.model.spec.latent_size());
        let factors = |&i: &usize| images.factors.iter().map(|f| f.values[i]).collect();
        Ok(Sample {
            latents: latents
                .map(|z| z.iter().copied().map(f64::from).collect())
                .collect(),
            values: chosen.iter().map(factors).collect(),
        })
    };
    let training = sample(train, &drawn.collect::<Vec<_>>())?;
    let testing = sample(test, &test.spread(usize::MAX))?;
    let counts: Vec<usize> = test.factors.iter().map(|factor| factor.count).collect();
    let mut scores = score(&training, &testing, &counts, &mut rng);
    scores.factors = test.factors.iter().map(|f| f.name.clone()).collect();
    Ok(Some(scores))
}

fn score(
    training: &Sample,
    testing: &Sample,
    counts: &[usize],
    rng: &mut Pcg64Mcg,
) -> Disentanglement {
    let variances = variances(training.latents.iter());
    let active: Vec<usize> = (0..variances.len())
        .filter(|&latent| variances[latent] >= LEAST)
        .collect();
    let mut scores = dci::scores(training, testing, counts, &active, rng);
    scores.factor_vae = vote::score(training, testing, counts, &active, rng);
    scores
}

impl Disentanglement {
    /// The factor that each latent follows, if it follows one.
    pub fn followed(&self) -> Vec<Option<String>> {
        let followed = |shares: &Vec<f64>| {
            let sum: f64 = shares.iter().sum();
            let (factor, share) = shares
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))?;
            let follows = sum > 0.0 && *share >= NAMED * sum;
            follows.then(|| self.factors.get(factor).cloned()).flatten()
        };
        self.importance.iter().map(followed).collect()
    }

    /// The scores as a table in Markdown.
    pub fn table(&self) -> String {
        let row = |name: &str, value: f64| format!("| {name} | {value:.3} |\n");
        let followed = self.followed().into_iter().enumerate();
        let named = followed.filter_map(|(i, name)| Some(format!("{} {}", i + 1, name?)));
        format!(
            "\n| factors and latents | |\n|---|---|\n{}{}{}{}| latents that follow a factor | {} |\n",
            row("FactorVAE score", self.factor_vae),
            row("DCI: disentanglement", self.disentanglement),
            row("DCI: completeness", self.completeness),
            row("DCI: informativeness", self.informativeness),
            named.collect::<Vec<_>>().join(", "),
        )
    }
}

/// Variance of each latent.
fn variances<'a>(latents: impl Iterator<Item = &'a Vec<f64>> + Clone) -> Vec<f64> {
    let count = latents.clone().count() as f64;
    let size = latents.clone().next().map_or(0, Vec::len);
    let mean =
        |value: &dyn Fn(&[f64]) -> f64| latents.clone().map(|z| value(z)).sum::<f64>() / count;
    (0..size)
        .map(|i| {
            let centre = mean(&|z| z[i]);
            mean(&|z| (z[i] - centre).powi(2))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: [usize; 3] = [3, 6, 8];

    /// Images of every combination of factors, several times, as `represent` shows them.
    fn sample(seed: u64, represent: impl Fn(&[f64], &mut Pcg64Mcg) -> Vec<f64>) -> Sample {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let values: Vec<Vec<u8>> = (0..2880)
            .map(|i| {
                let of = |divisor: usize, count: usize| (i / divisor % count) as u8;
                vec![of(48, 3), of(8, 6), of(1, 8)]
            })
            .collect();
        let latents = values.iter().map(|values| {
            let scaled: Vec<f64> = (values.iter().zip(COUNTS))
                .map(|(&value, count)| 2.0 * f64::from(value) / (count - 1) as f64 - 1.0)
                .collect();
            represent(&scaled, &mut rng)
        });
        Sample {
            latents: latents.collect(),
            values: values.clone(),
        }
    }

    fn scores(represent: impl Fn(&[f64], &mut Pcg64Mcg) -> Vec<f64>) -> Disentanglement {
        let (training, testing) = (sample(1, &represent), sample(2, &represent));
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        let mut scores = score(&training, &testing, &COUNTS, &mut rng);
        scores.factors = ["shape", "size", "row"].map(String::from).into();
        scores
    }

    fn noise(rng: &mut Pcg64Mcg) -> f64 {
        2.0 * rng.random::<f64>() - 1.0
    }

    #[test]
    fn one_latent_for_each_factor_is_perfect() {
        // In another order, another scale, with a little noise, and beside a latent that says nothing.
        let scores = scores(|v, rng| {
            vec![
                3.0 * v[2],
                0.01 * noise(rng),
                -v[0],
                v[1] + 0.01 * noise(rng),
            ]
        });
        assert!(scores.factor_vae > 0.999, "{scores:?}");
        assert!(scores.disentanglement > 0.95, "{scores:?}");
        assert!(scores.completeness > 0.95, "{scores:?}");
        assert!(scores.informativeness > 0.99, "{scores:?}");
        let names = scores.followed();
        let expected = [Some("row"), None, Some("shape"), Some("size")];
        assert_eq!(names, expected.map(|name| name.map(String::from)));
        assert!(scores.table().contains("| 1 row, 3 shape, 4 size |"));
    }

    #[test]
    fn noise_and_a_mixture_of_all_factors_are_useless() {
        let blind = scores(|_, rng| vec![noise(rng), noise(rng), noise(rng)]);
        assert!(blind.factor_vae < 0.5, "{blind:?}");
        assert!(blind.disentanglement < 0.1, "{blind:?}");
        assert!(blind.informativeness < 0.4, "{blind:?}");
        assert_eq!(blind.followed(), [None, None, None]);
        // All is there, and every latent is about every factor.
        let mixed = scores(|v, _| {
            let [a, b, c] = [v[0], v[1], v[2]];
            vec![a + b + c, a - b + c, a + b - c]
        });
        assert!(mixed.disentanglement < 0.4, "{mixed:?}");
        assert!(mixed.factor_vae < 0.8, "{mixed:?}");
        assert!(mixed.informativeness > blind.informativeness + 0.2);
    }

    #[test]
    fn without_a_latent_that_says_anything_all_is_zero() {
        let silent = scores(|_, rng| vec![0.01 * noise(rng); 2]);
        assert_eq!((silent.disentanglement, silent.completeness), (0.0, 0.0));
        assert!(silent.factor_vae < 0.5, "{silent:?}");
        assert_eq!(silent.followed(), [None, None]);
    }
}
