//! Directions in latent space that change one attribute: found from labels, given a range
//! in which they work, and put to the test.

use crate::data::Images;
use crate::data::attributes::Attribute;
use crate::measure::classifier::{Classifier, JUDGE};
use crate::measure::steer;
use crate::release::loaded::LoadedModel;
use anyhow::{Context, Result};
use linfa_linalg::cholesky::InverseC;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// The ranges along a direction that are tried, in ascending order.
const REACHES: [f32; 8] = [0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0];
/// An edit that succeeds this often reaches far enough.
const ENOUGH: f64 = 0.97;
/// Training images that a range is measured on, each way, out of so many.
const TRIED: usize = 200;
const SUBJECTS: usize = 2000;

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
/// # Errors
/// Attributes that are linearly dependent, or a device that fails.
pub fn find(
    release: &LoadedModel,
    classifier: &Classifier,
    images: &Images,
) -> Result<Vec<Direction>> {
    let means = release.means(images, &images.spread(usize::MAX))?;
    let vectors = vectors(&images.attributes, &means)?;
    let vectors = steer::improve(release, images, JUDGE + 1, vectors)?;
    let subjects = Subjects::of(release, classifier, images, SUBJECTS)?;
    let attributes = images.attributes.iter();
    attributes
        .zip(vectors)
        .enumerate()
        .map(|(i, (attribute, vector))| {
            let reach = |sign: f32| -> Result<f32> {
                let mut best = (0.0, REACHES[1]);
                for reach in REACHES {
                    let moved = subjects.go(i, &vector, sign * reach, TRIED)?;
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

/// Directions in which what was measured of images grows: posterior means regressed on the values, in their standard
/// deviations, of which a step of 1 is one. No classifier tells how far they lead, so they go [`DEVIATIONS`] each way.
///
/// # Errors
/// A device that fails, or values that are all alike.
pub fn along(release: &LoadedModel, images: &Images) -> Result<Vec<Direction>> {
    let means = release.means(images, &images.spread(usize::MAX))?;
    let measures = images.measures.iter();
    measures
        .map(|measure| {
            let vector = slope(&measure.values, &means)
                .with_context(|| format!("all values of {} are alike", measure.name))?;
            Ok(Direction {
                name: measure.name.clone(),
                low: -DEVIATIONS,
                high: DEVIATIONS,
                vector,
            })
        })
        .collect()
}

/// How far a direction of a measure goes.
const DEVIATIONS: f32 = 3.0;

/// The regression of means `[N, latent]` on values, for a step of one standard deviation.
fn slope(values: &[f32], means: &[f32]) -> Option<Vec<f32>> {
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let centred: Vec<f64> = values
        .iter()
        .map(|&value| f64::from(value) - mean)
        .collect();
    let deviation = (centred.iter().map(|value| value * value).sum::<f64>() / count).sqrt();
    let mut sums = vec![0.0; means.len() / values.len().max(1)];
    for (row, value) in means.chunks_exact(sums.len().max(1)).zip(&centred) {
        for (sum, &z) in sums.iter_mut().zip(row) {
            *sum += f64::from(z) * value;
        }
    }
    let scale = deviation * count;
    (scale > 0.0).then(|| sums.iter().map(|sum| (sum / scale) as f32).collect())
}

/// The step in latent space from without to with, for each attribute: posterior means
/// `[N, latent]` regressed on all attributes at once (least squares), so that a direction
/// does not carry along what merely occurs together with its attribute.
fn vectors(attributes: &[Attribute], means: &[f32]) -> Result<Vec<Vec<f32>>> {
    let (rows, columns) = (attributes[0].codes.len(), attributes.len() + 1);
    let codes = Array2::from_shape_fn((rows, columns), |(row, column)| match column {
        0 => 1.0,
        _ => {
            let code = attributes[column - 1].codes[row];
            // Guesses are for the classifier.
            if code.abs() < 1.0 { 0.0 } else { code }
        }
    });
    let means = ArrayView2::from_shape((rows, means.len() / rows), means)?;
    let normal = codes.t().dot(&codes) + Array2::<f32>::eye(columns) * 1e-3;
    let inverse = normal
        .invc()
        .context("two attributes have the same labels")?;
    let slopes = inverse.dot(&codes.t().dot(&means));
    // Codes are −1 and 1.
    let steps = slopes
        .outer_iter()
        .skip(1)
        .map(|slope| (&slope * 2.0).to_vec());
    Ok(steps.collect())
}

/// Measures directions on the test split.
///
/// # Errors
/// A device that fails.
pub fn test(
    release: &LoadedModel,
    classifier: &Classifier,
    directions: &[Direction],
    images: &Images,
) -> Result<Vec<Score>> {
    let mut read = Vec::new();
    for chosen in images.spread(usize::MAX).chunks(BATCH) {
        read.extend(classifier.read(release.batch(images, chosen))?);
    }
    let subjects = Subjects::of(release, classifier, images, usize::MAX)?;
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
            let go = |reach| subjects.go(i, &direction.vector, reach, usize::MAX);
            let moves = [go(direction.low)?, go(direction.high)?];
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

/// Images read or moved at once.
const BATCH: usize = 250;

/// The result of moving images along a direction.
struct Moved {
    success: f64,
    kept: f64,
    count: usize,
}

/// Images to be moved, and what the classifier reads where they are.
struct Subjects<'a> {
    release: &'a LoadedModel,
    classifier: &'a Classifier,
    attributes: &'a [Attribute],
    means: Vec<f32>,
    before: Vec<Vec<f32>>,
    classes: Vec<usize>,
}

impl<'a> Subjects<'a> {
    /// The first images, `count` at most.
    fn of(
        release: &'a LoadedModel,
        classifier: &'a Classifier,
        images: &'a Images,
        count: usize,
    ) -> Result<Self> {
        let chosen: Vec<usize> = (0..images.count().min(count)).collect();
        let mut subjects = Self {
            release,
            classifier,
            attributes: &images.attributes,
            means: release.means(images, &chosen)?,
            before: Vec::new(),
            classes: images.classes(&chosen),
        };
        for chosen in chosen.chunks(BATCH) {
            let read = subjects.read(chosen, |_| ())?;
            subjects.before.extend(read);
        }
        Ok(subjects)
    }

    /// What the classifier reads where `place` puts each value of the `chosen` images' means.
    fn read(&self, chosen: &[usize], place: impl Fn(&mut [f32])) -> Result<Vec<Vec<f32>>> {
        let latent = self.release.model.spec.latent_size();
        let mut z = Vec::with_capacity(chosen.len() * latent);
        for &i in chosen {
            z.extend(&self.means[i * latent..(i + 1) * latent]);
        }
        z.chunks_exact_mut(latent).for_each(place);
        let classes: Vec<usize> = chosen.iter().map(|&i| self.classes[i]).collect();
        self.classifier.read(self.release.pictures(z, &classes)?)
    }

    /// Moves images by `reach` along `vector`, `most` at most: those that lack attribute `i`
    /// where `reach` is above 0, those that have it where it is below. Only those count that
    /// the classifier reads rightly before.
    fn go(&self, i: usize, vector: &[f32], reach: f32, most: usize) -> Result<Moved> {
        let codes = &self.attributes[i].codes;
        let lacking = (0..self.before.len())
            .filter(|&j| codes[j] * reach < 0.0 && self.before[j][i] * reach < 0.0);
        let chosen: Vec<usize> = lacking.take(most).collect();
        let (mut flipped, mut kept) = (0, 0);
        for chosen in chosen.chunks(BATCH) {
            let after = self.read(chosen, |z| {
                z.iter_mut().zip(vector).for_each(|(z, v)| *z += reach * v);
            })?;
            for (&j, after) in chosen.iter().zip(&after) {
                flipped += usize::from(after[i] * reach > 0.0);
                let pairs = self.before[j].iter().zip(after).enumerate();
                kept += pairs
                    .filter(|(k, (b, a))| *k != i && **b * **a > 0.0)
                    .count();
            }
        }
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let others = chosen.len() * (self.attributes.len() - 1);
        Ok(Moved {
            success: share(flipped, chosen.len()),
            kept: if others == 0 {
                1.0
            } else {
                share(kept, others)
            },
            count: chosen.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_grows_along_its_direction() {
        let values = [1.0, 3.0, 5.0, 7.0];
        // The first latent is half the value, the second knows nothing of it.
        let means = [0.5, 1.0, 1.5, -1.0, 2.5, -1.0, 3.5, 1.0];
        let step = slope(&values, &means).unwrap();
        assert!((step[0] - 0.5 * 5.0_f32.sqrt()).abs() < 1e-6 && step[1].abs() < 1e-6);
        assert_eq!(slope(&[2.0; 4], &means), None);
    }

    /// Most who smile are old: the direction of the smile has no age in it all the same.
    #[test]
    fn what_occurs_together_is_told_apart() {
        let smile = [1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 0.5];
        let old = [1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 0.0];
        let means: Vec<f32> = smile
            .iter()
            .zip(old)
            .flat_map(|(&smile, old)| [if smile == 0.5 { 0.0 } else { smile }, 3.0 + 0.5 * old])
            .collect();
        let attribute = |name: &str, codes: &[f32]| Attribute {
            name: name.into(),
            codes: codes.to_vec(),
        };
        let attributes = [attribute("smile", &smile), attribute("old", &old)];
        let found = vectors(&attributes, &means).unwrap();
        for (found, expected) in found.concat().iter().zip([2.0, 0.0, 0.0, 1.0]) {
            assert!((found - expected).abs() < 1e-2, "{found} is not {expected}");
        }
    }
}
