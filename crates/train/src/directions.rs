//! Directions in latent space that change one attribute: found from labels, given a range
//! in which they work, and put to the test.

use crate::classifier::Classifier;
use crate::data::Images;
use crate::release::Release;
use anyhow::{Context, Result};
use linfa_linalg::cholesky::InverseC;
use ndarray::{Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

/// How far to go along a direction, at most, and the steps tried on the way.
const REACHES: [f32; 8] = [0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0];
/// An edit that succeeds this often reaches far enough.
const ENOUGH: f64 = 0.97;
/// Training images that a range is measured on, each way.
const TRIED: usize = 200;

/// z + t · `vector` has more of an attribute for t up to `high`, less down to `low`; the
/// means of the images with it and of those without are 1 apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// Name of the attribute.
    pub name: String,
    /// Below 0.
    pub low: f32,
    /// Above 0.
    pub high: f32,
    /// `[latent]`
    pub vector: Vec<f32>,
}

/// How well a direction does on the test split, as a classifier sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Name of the attribute.
    pub name: String,
    /// How often the classifier is right about test images.
    pub accuracy: f64,
    /// How often going to `high`, or to `low`, gives or takes the attribute.
    pub success: f64,
    /// How often each other attribute stays as it was.
    pub kept: f64,
    /// Test images that were moved.
    pub images: usize,
}

/// The directions of all attributes of the training split, with the ranges in which they
/// do what they say.
///
/// The posterior means are regressed on all attributes at once (least squares), so that a
/// direction does not carry along what merely occurs together with its attribute.
///
/// # Errors
/// Attributes that determine one another, or a device that fails.
pub fn find(release: &Release, classifier: &Classifier, images: &Images) -> Result<Vec<Direction>> {
    let latent = release.model.spec.latent_size();
    let attributes = &images.attributes;
    let (rows, columns) = (images.count(), attributes.len() + 1);
    let codes = Array2::from_shape_fn((rows, columns), |(row, column)| match column {
        0 => 1.0,
        _ => {
            let code = attributes[column - 1].codes[row];
            // Guesses are for the classifier.
            if code.abs() < 1.0 { 0.0 } else { code }
        }
    });
    let all: Vec<usize> = (0..rows).collect();
    let means = release.means(images, &all)?;
    let means = ArrayView2::from_shape((rows, latent), &means)?;
    let normal = codes.t().dot(&codes) + Array2::<f32>::eye(columns) * 1e-3;
    let slopes = normal
        .invc()
        .context("the labels cannot be told apart")?
        .dot(&codes.t().dot(&means));
    let slopes = slopes.slice(s![1.., ..]);
    attributes
        .iter()
        .zip(slopes.outer_iter())
        .enumerate()
        .map(|(i, (attribute, slope))| {
            // Codes are −1 and 1.
            let vector: Vec<f32> = slope.iter().map(|v| 2.0 * v).collect();
            let reach = |sign: f32| -> Result<f32> {
                let chosen = with_code(images, i, -sign, TRIED);
                let mut best = (0.0, REACHES[1]);
                for reach in REACHES {
                    let moved = go(
                        release,
                        classifier,
                        images,
                        &chosen,
                        i,
                        &vector,
                        sign * reach,
                    )?;
                    if moved.success > best.0 {
                        best = (moved.success, reach);
                    }
                    if moved.success >= ENOUGH {
                        break;
                    }
                }
                Ok(sign * best.1)
            };
            Ok(Direction {
                name: attribute.name.clone(),
                low: reach(-1.0)?,
                high: reach(1.0)?,
                vector,
            })
        })
        .collect()
}

/// Puts directions to the test.
///
/// # Errors
/// A device that fails.
pub fn test(
    release: &Release,
    classifier: &Classifier,
    directions: &[Direction],
    images: &Images,
) -> Result<Vec<Score>> {
    let all: Vec<usize> = (0..images.count()).collect();
    let mut read = Vec::new();
    for chosen in all.chunks(BATCH) {
        read.extend(classifier.read(release.batch(images, chosen))?);
    }
    let known = images.attributes.iter().enumerate();
    known
        .filter_map(|(i, attribute)| {
            let direction = directions.iter().find(|d| d.name == attribute.name)?;
            Some((i, attribute, direction))
        })
        .map(|(i, attribute, direction)| {
            let right = attribute.codes.iter().zip(&read);
            let right = right.filter(|(code, _)| **code != 0.0);
            let right: Vec<bool> = right.map(|(code, read)| code * read[i] > 0.0).collect();
            let mut moves = Vec::new();
            for reach in [direction.low, direction.high] {
                let chosen = with_code(images, i, -reach.signum(), usize::MAX);
                moves.push(go(
                    release,
                    classifier,
                    images,
                    &chosen,
                    i,
                    &direction.vector,
                    reach,
                )?);
            }
            let count: usize = moves.iter().map(|moved| moved.count).sum();
            let mean = |value: fn(&Moved) -> f64| {
                let sum: f64 = moves.iter().map(|m| value(m) * m.count as f64).sum();
                sum / count.max(1) as f64
            };
            Ok(Score {
                name: attribute.name.clone(),
                accuracy: right.iter().filter(|right| **right).count() as f64 / right.len() as f64,
                success: mean(|moved| moved.success),
                kept: mean(|moved| moved.kept),
                images: count,
            })
        })
        .collect()
}

/// Images moved at once.
const BATCH: usize = 250;

/// What became of images that were moved.
struct Moved {
    success: f64,
    kept: f64,
    count: usize,
}

/// Up to `count` images for which attribute `i` is known to be on the side of `sign`.
fn with_code(images: &Images, i: usize, sign: f32, count: usize) -> Vec<usize> {
    let codes = images.attributes[i].codes.iter().enumerate();
    let chosen = codes
        .filter(|(_, code)| **code * sign > 0.0)
        .map(|(j, _)| j);
    chosen.take(count).collect()
}

/// Moves the `chosen` images by `reach` along `vector`, and reads attribute `i` before and
/// after. Only those count that the classifier reads rightly before.
fn go(
    release: &Release,
    classifier: &Classifier,
    images: &Images,
    chosen: &[usize],
    i: usize,
    vector: &[f32],
    reach: f32,
) -> Result<Moved> {
    let (mut flipped, mut kept, mut count) = (0, 0, 0);
    for chosen in chosen.chunks(BATCH) {
        let mut z = release.means(images, chosen)?;
        let before = classifier.read(release.pictures(z.clone()))?;
        for z in z.chunks_exact_mut(vector.len()) {
            z.iter_mut().zip(vector).for_each(|(z, v)| *z += reach * v);
        }
        let after = classifier.read(release.pictures(z))?;
        for (before, after) in before.iter().zip(&after) {
            if before[i] * reach < 0.0 {
                count += 1;
                flipped += usize::from(after[i] * reach > 0.0);
                let pairs = before.iter().zip(after).enumerate();
                kept += pairs
                    .filter(|(j, (b, a))| *j != i && **b * **a > 0.0)
                    .count();
            }
        }
    }
    let others = images.attributes.len().saturating_sub(1);
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Ok(Moved {
        success: share(flipped, count),
        kept: if others == 0 {
            1.0
        } else {
            share(kept, count * others)
        },
        count,
    })
}
