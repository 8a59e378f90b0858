//! Disentanglement, completeness and informativeness (Eastwood and Williams 2018, section 2).
//!
//! A [`forest`] learns to read each factor off the latents of training images; R[i][j] is its importance
//! of latent i for factor j, the sum over i being 1. With P[i][·] = R[i][·] / Σ R[i][·] and H the entropy
//! to the base of the number of factors, latent i has Dᵢ = 1 − H(P[i][·]), and disentanglement is the mean
//! of Dᵢ weighted by Σ R[i][·]. Completeness is the mean over factors of 1 − H(R[·][j]), to the base of
//! the number of latents. Informativeness is the share of test images whose value the forest reads rightly.

use super::forest::{self, Forest};
use super::{Disentanglement, Sample};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// The scores of the `active` latents; the importance of others is 0.
pub(super) fn scores(
    training: &Sample,
    testing: &Sample,
    counts: &[usize],
    active: &[usize],
    rng: &mut Pcg64Mcg,
) -> Disentanglement {
    let size = training.latents.first().map_or(0, Vec::len);
    let select = |sample: &Sample| -> Vec<Vec<f64>> {
        let pick = |z: &Vec<f64>| active.iter().map(|&i| z[i]).collect();
        sample.latents.iter().map(pick).collect()
    };
    let (known, unknown) = (select(training), select(testing));
    let mut importance = vec![vec![0.0; counts.len()]; size];
    let mut right = 0.0;
    for (factor, &count) in counts.iter().enumerate() {
        let values =
            |sample: &Sample| -> Vec<u8> { sample.values.iter().map(|v| v[factor]).collect() };
        let forest = Forest::fit(&known, &values(training), count, rng.next_u64());
        for (&latent, share) in active.iter().zip(forest.importance()) {
            importance[latent][factor] = share;
        }
        right += forest::accuracy(&forest, &unknown, &values(testing));
    }
    let sums: Vec<f64> = importance.iter().map(|row| row.iter().sum()).collect();
    let whole: f64 = sums.iter().sum();
    let purity = |shares: &mut dyn Iterator<Item = f64>, base: usize| {
        let entropy: f64 = shares.filter(|&p| p > 0.0).map(|p| -p * p.ln()).sum();
        1.0 - entropy / (base.max(2) as f64).ln()
    };
    let rows = importance.iter().zip(&sums).filter(|(_, sum)| **sum > 0.0);
    let disentangled: f64 = rows
        .map(|(row, sum)| sum * purity(&mut row.iter().map(|r| r / sum), counts.len()))
        .sum();
    let complete: f64 = (0..counts.len())
        .filter(|&factor| importance.iter().any(|row| row[factor] > 0.0))
        .map(|factor| purity(&mut importance.iter().map(|row| row[factor]), size))
        .sum();
    Disentanglement {
        disentanglement: if whole > 0.0 {
            disentangled / whole
        } else {
            0.0
        },
        completeness: complete / counts.len() as f64,
        informativeness: right / counts.len() as f64,
        importance,
        ..Disentanglement::default()
    }
}
