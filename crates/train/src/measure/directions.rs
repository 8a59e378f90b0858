//! Directions in latent space that change one attribute: found from labels, given a range
//! in which they work, and put to the test.

use crate::data::Images;
use crate::data::attributes::Attribute;
use crate::data::batch;
use crate::measure::classifier::{Classifier, JUDGE, Training};
use crate::measure::spelled::picture;
use crate::measure::steer;
use crate::release::loaded::LoadedModel;
use anyhow::{Context, Result};
use burn::tensor::Tensor;
use linfa_linalg::cholesky::InverseC;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use vaelet_model::Data;

/// The ranges along a direction that are tried, in ascending order.
const REACHES: [f32; 8] = [0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0];
/// An edit that succeeds this often reaches far enough.
const ENOUGH: f64 = 0.97;
/// Training images that a range is measured on, each way, out of so many.
const TRIED: usize = 200;
const SUBJECTS: usize = 2000;

/// z + t · `vector` has more of an attribute for t up to `high`, less down to `low`; the
/// means of the images with it and of those without are 1 apart. Of a measure see [`along`].
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

/// Directions in which what was measured of images grows: posterior means regressed on the values. They are as long as
/// it takes to be followed: a step of 1 changes what a reader of training images finds in what is decoded by a standard
/// deviation, as the mean over images moved by [`DEVIATIONS`] either way.
///
/// # Errors
/// A device that fails, or values that are all alike.
pub fn along(release: &LoadedModel, images: &Images) -> Result<Vec<Direction>> {
    let means = release.means(images, &images.spread(usize::MAX))?;
    let values = images.deviations();
    let reader = reader(release, images, &values)?;
    let chosen = images.spread(TRIED);
    let (start, classes) = (release.means(images, &chosen)?, images.classes(&chosen));
    let measures = images.measures.iter().enumerate();
    measures
        .map(|(i, measure)| {
            let slope = slope(&measure.values, &means)
                .with_context(|| format!("all values of {} are alike", measure.name))?;
            let read = |reach: f32| -> Result<f32> {
                let moved = start.chunks_exact(slope.len());
                let moved = moved.flat_map(|z| z.iter().zip(&slope).map(|(z, v)| z + reach * v));
                let read = reader.read(seen(release, moved.collect(), &classes)?)?;
                Ok(read.iter().map(|read| read[i]).sum::<f32>() / read.len() as f32)
            };
            let scale = scale(|reach| Ok((read(reach)? - read(-reach)?) / 2.0))?;
            Ok(Direction {
                name: measure.name.clone(),
                low: -DEVIATIONS,
                high: DEVIATIONS,
                vector: slope.iter().map(|v| v * scale).collect(),
            })
        })
        .collect()
}

/// How far a direction of a measure goes, in its standard deviations.
const DEVIATIONS: f32 = 3.0;
/// Lengths of a direction that are tried, in ascending order, for a slope of 1.
const SCALES: [f32; 9] = [1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0];
/// Of the reader of measures.
const READER: Training = Training {
    steps: 2000,
    learning_rate: 2e-3,
    weight_decay: 1e-3,
    seed: JUDGE,
};

/// The least of [`SCALES`] with which a measure has `changed` by [`DEVIATIONS`]; the one with which it changes most
/// where none is enough.
fn scale(changed: impl Fn(f32) -> Result<f32>) -> Result<f32> {
    let mut best = (f32::MIN, SCALES[0]);
    for scale in SCALES {
        let change = changed(scale * DEVIATIONS)?;
        if change > best.0 {
            best = (change, scale);
        }
        if change >= DEVIATIONS {
            break;
        }
    }
    Ok(best.1)
}

/// Learns the values of all measures from training images.
fn reader(release: &LoadedModel, images: &Images, values: &[Vec<f32>]) -> Result<Classifier> {
    let device = release.device.clone().autodiff();
    Classifier::fit(release, images, values.len(), READER, |chosen, read| {
        let right = chosen
            .iter()
            .flat_map(|&i| values.iter().map(move |of| of[i]));
        let right = batch::to_tensor(right.collect(), chosen.len(), &device);
        (read(release.batch(images, chosen)) - right)
            .square()
            .mean()
    })
}

/// What is decoded from latents `[N, latent]` as a reader of images knows it: of texts only whole symbols.
fn seen(release: &LoadedModel, z: Vec<f32>, classes: &[usize]) -> Result<Tensor<2>> {
    let Data::Sequence(spelling) = &release.model.spec.data else {
        return release.pictures(z, classes);
    };
    let texts = release.texts(spelling, z, classes)?;
    let rows = texts
        .iter()
        .flat_map(|text| picture(release, spelling, text));
    Ok(batch::to_tensor(
        rows.collect(),
        texts.len(),
        &release.device,
    ))
}

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
    use crate::cli::args::subject;
    use crate::data::Measure;
    use crate::data::words::Survey;
    use crate::presets::words;
    use burn::tensor::Device;
    use vaelet_model::{
        Activation, Layer, Precision, Spelling, Tensor, Tensors, WeightsFile, random, write_tensors,
    };

    #[test]
    fn a_measure_grows_along_its_direction() {
        let values = [1.0, 3.0, 5.0, 7.0];
        // The first latent is half the value, the second knows nothing of it.
        let means = [0.5, 1.0, 1.5, -1.0, 2.5, -1.0, 3.5, 1.0];
        let step = slope(&values, &means).unwrap();
        assert!((step[0] - 0.5 * 5.0_f32.sqrt()).abs() < 1e-6 && step[1].abs() < 1e-6);
        assert_eq!(slope(&[2.0; 4], &means), None);
    }

    /// A text has a letter b for each tenth of its mean, and the decoder writes one for each fifth.
    #[test]
    fn a_slider_goes_as_far_as_what_is_written_takes() {
        const LETTERS: usize = 24;
        let spelling = Spelling {
            symbols: ["", "a", "b"].map(Into::into).into(),
            end: 0,
            capitals: false,
            notation: None,
        };
        let survey = Survey {
            spelling: spelling.clone(),
            longest: LETTERS,
            condition: None,
        };
        let mut spec = words("any", "Any", subject("word,words").unwrap(), "", survey).spec;
        spec.latents[0].size = 1;
        spec.encoder = vec![Layer::linear(3 * LETTERS, 2, Activation::None, "e")];
        spec.decoder = vec![
            Layer::linear(1, 3 * LETTERS, Activation::None, "d"),
            Layer::reshape([1, LETTERS, 3]),
        ];
        // Of each symbol: what it adds to μ and to ln σ².
        let read = [0.0, 0.0, 0.0, 0.0, 0.1, 0.0].repeat(LETTERS);
        let write = [0.0, 0.0, 1.0].repeat(LETTERS);
        let place = |t: usize| [-9.0, 0.2 * (t as f32 - 11.5) + 1.2, 0.0];
        let tensor = |shape: &[usize], data: Vec<f32>| Tensor {
            shape: shape.into(),
            data,
        };
        let tensors = Tensors::from([
            ("e.weight".into(), tensor(&[3 * LETTERS, 2], read)),
            ("e.bias".into(), tensor(&[2], vec![0.0; 2])),
            ("d.weight".into(), tensor(&[1, 3 * LETTERS], write)),
            (
                "d.bias".into(),
                tensor(&[3 * LETTERS], (0..LETTERS).flat_map(place).collect()),
            ),
        ]);
        let contents = write_tensors("weights.safetensors", &tensors, Precision::F32).unwrap();
        spec.weights = WeightsFile::describe("weights.safetensors", &contents);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("weights.safetensors"), contents).unwrap();
        std::fs::write(folder.path().join("model.json"), spec.to_json().unwrap()).unwrap();
        let release = LoadedModel::read(folder.path(), Device::flex()).unwrap();

        let (mut pixels, mut values) = (Vec::new(), Vec::new());
        for text in random::uniforms(1, 1000 * LETTERS).chunks(LETTERS) {
            let is_b = text.iter().map(|&value| value < 0.5);
            values.push(is_b.clone().filter(|&b| b).count() as f32);
            pixels.extend(is_b.flat_map(|b| [0, 255 * u8::from(!b), 255 * u8::from(b)]));
        }
        let images = Images {
            measures: vec![Measure {
                name: "b".into(),
                values,
            }],
            ..Images::unlabelled(pixels, spec.input)
        };
        let found = along(&release, &images).unwrap();
        // A standard deviation is 2.45 letters, so 0.49 of the latent, where means are 0.245 apart.
        let step = found[0].vector[0];
        assert!((0.42..0.63).contains(&step), "{step}");
    }

    #[test]
    fn a_direction_is_as_long_as_it_takes_to_be_followed() {
        // A decoder that follows a quarter of the way, one that follows at once, one that never does, one that does not
        // know strange places.
        assert_eq!(scale(|reach| Ok(reach / 3.5)).unwrap(), 4.0);
        assert_eq!(scale(|reach| Ok(2.0 * reach)).unwrap(), 1.0);
        assert_eq!(scale(|_| Ok(0.0)).unwrap(), 1.0);
        assert_eq!(scale(|reach| Ok(2.0 - (reach - 4.5).abs())).unwrap(), 1.5);
        assert!(scale(|_| anyhow::bail!("lost")).is_err());
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
