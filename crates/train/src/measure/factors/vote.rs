//! The FactorVAE score (Kim and Mnih 2018, section 4).
//!
//! A vote: one factor is drawn and one of its values, and [`IMAGES`] images with that value. The latent
//! whose μ varies least among them, relative to its variance over all images, votes for that factor. A
//! latent stands for the factor for which it has most of [`LEARNED`] votes; the score is the share of
//! [`TRIED`] further votes, of test images, where the latent stands for the factor. Votes, images and the
//! rule for silent latents as in Locatello et al. 2019.

use super::{Sample, variances};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

/// Images of a vote.
const IMAGES: usize = 64;
/// Votes that say which factor a latent stands for.
const LEARNED: usize = 10_000;
/// Votes that are scored.
const TRIED: usize = 5_000;

/// The score of the `active` latents; where there are none every factor is guessed to be the first.
pub(super) fn score(
    training: &Sample,
    testing: &Sample,
    counts: &[usize],
    active: &[usize],
    rng: &mut Pcg64Mcg,
) -> f64 {
    let whole = variances(training.latents.iter());
    let mut votes = |sample: &Sample, count: usize| -> Vec<(usize, usize)> {
        let with = with_value(sample, counts);
        let mut vote = || {
            let factor = rng.random_range(0..counts.len());
            let images = loop {
                let images = &with[factor][rng.random_range(0..counts[factor])];
                if !images.is_empty() {
                    break images;
                }
            };
            let drawn: Vec<usize> = (0..IMAGES)
                .map(|_| images[rng.random_range(0..images.len())])
                .collect();
            let own = variances(drawn.iter().map(|&i| &sample.latents[i]));
            let share = |latent: usize| own[latent] / whole[latent];
            let least = (active.iter().copied()).min_by(|&a, &b| share(a).total_cmp(&share(b)));
            (least.unwrap_or(0), factor)
        };
        (0..count).map(|_| vote()).collect()
    };
    let mut table = vec![vec![0usize; counts.len()]; whole.len()];
    for (latent, factor) in votes(training, LEARNED) {
        table[latent][factor] += 1;
    }
    let stands_for = |latent: usize| {
        let most = (0..counts.len())
            .rev()
            .max_by_key(|&factor| table[latent][factor]);
        most.unwrap_or(0)
    };
    let tried = votes(testing, TRIED);
    let right = tried
        .iter()
        .filter(|(latent, factor)| stands_for(*latent) == *factor);
    right.count() as f64 / TRIED as f64
}

/// The images that have each value of each factor.
fn with_value(sample: &Sample, counts: &[usize]) -> Vec<Vec<Vec<usize>>> {
    let mut with: Vec<Vec<Vec<usize>>> = counts.iter().map(|&n| vec![Vec::new(); n]).collect();
    for (i, values) in sample.values.iter().enumerate() {
        for (with, &value) in with.iter_mut().zip(values) {
            with[usize::from(value)].push(i);
        }
    }
    with
}
