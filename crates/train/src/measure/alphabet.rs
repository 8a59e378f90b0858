//! Alphabets: from one character of a typeface that the model has never seen, all other characters of
//! that typeface.

use crate::data::Images;
use crate::data::batch;
use crate::measure::classifier::{BATCH, Classifier, Training};
use crate::measure::image_metrics;
use crate::release::loaded::LoadedModel;
use anyhow::Result;
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use serde::{Deserialize, Serialize};

/// The class of the character that is encoded: `A`.
const GIVEN: usize = 0;
/// Of the reader.
const TRAINING: Training = Training {
    steps: 1500,
    learning_rate: 2e-3,
    weight_decay: 1e-3,
    seed: 13,
};
/// Glyphs read at once.
const READ: usize = 248;

/// Figures of all characters but the given one, over the typefaces of the test split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Alphabet {
    /// Peak signal-to-noise ratio of what is decoded from the given character, in decibels.
    pub psnr: f64,
    /// The same of the training typeface whose own character is nearest to the given one.
    pub psnr_of_nearest: f64,
    /// How often a classifier of training glyphs reads the character that was asked for.
    pub legible: f64,
    /// How often it reads that in the typeface itself.
    pub legible_data: f64,
    /// Gradient energy of what is decoded over that of the typeface itself.
    pub sharpness: f64,
    /// Typefaces.
    pub fonts: usize,
}

/// Measures the model's alphabets; none where images are no characters of typefaces.
///
/// # Errors
/// A device that fails.
pub fn measure(release: &LoadedModel, train: &Images, test: &Images) -> Result<Option<Alphabet>> {
    let classes = release.model.spec.classes();
    if classes < 2 || test.groups.is_empty() {
        return Ok(None);
    }
    eprintln!("measuring alphabets");
    let reader = train_reader(release, train)?;
    let fonts: Vec<usize> = starts(test);
    let others: Vec<usize> = (0..classes).filter(|&class| class != GIVEN).collect();
    let given: Vec<usize> = fonts.iter().map(|start| start + GIVEN).collect();
    let nearest = nearest(train, test, &given);
    let means = release.means(test, &given)?;
    let (mut alphabet, mut squares, mut of_nearest) = (Alphabet::default(), 0.0, 0.0);
    let (mut energy, mut of_data) = (0.0, 0.0);
    let size = release.model.spec.latent_size();
    for ((&start, z), copied) in fonts.iter().zip(means.chunks_exact(size)).zip(nearest) {
        let glyphs = |data: &Images, start: usize| {
            let chosen: Vec<usize> = others.iter().map(|class| start + class).collect();
            data.floats(&chosen)
        };
        let drawn = release.decode(z.repeat(others.len()), &others)?;
        let (real, copied) = (glyphs(test, start), glyphs(train, copied));
        squares += mean_square(&drawn, &real);
        of_nearest += mean_square(&copied, &real);
        energy += image_metrics::gradient_energy(&drawn, test.shape);
        of_data += image_metrics::gradient_energy(&real, test.shape);
        alphabet.legible += accuracy(&reader, release, drawn, &others)?;
        alphabet.legible_data += accuracy(&reader, release, real, &others)?;
    }
    let count = fonts.len() as f64;
    let decibels = |sum: f64| -10.0 * (sum / count).log10();
    Ok(Some(Alphabet {
        psnr: decibels(squares),
        psnr_of_nearest: decibels(of_nearest),
        legible: alphabet.legible / count,
        legible_data: alphabet.legible_data / count,
        sharpness: energy / of_data,
        fonts: fonts.len(),
    }))
}

/// Where the glyphs of each typeface begin.
pub fn starts(images: &Images) -> Vec<usize> {
    let groups = &images.groups;
    let begins = |&i: &usize| i == 0 || groups[i] != groups[i - 1];
    (0..groups.len()).filter(begins).collect()
}

/// For each of the `given` glyphs where the training typeface begins whose own glyph is nearest.
fn nearest(train: &Images, test: &Images, given: &[usize]) -> Vec<usize> {
    let fonts = starts(train);
    let distance = |font: usize, glyph: usize| -> u64 {
        let pairs = train.image(font + GIVEN).iter().zip(test.image(glyph));
        pairs.map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
    };
    let find = |&glyph: &usize| {
        let least = fonts.iter().min_by_key(|&&font| distance(font, glyph));
        least.copied().unwrap_or(0)
    };
    given.iter().map(find).collect()
}

fn mean_square(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>() / a.len() as f64
}

/// Learns the classes of training glyphs.
fn train_reader(release: &LoadedModel, images: &Images) -> Result<Classifier> {
    let classes = release.model.spec.classes();
    Classifier::fit(release, images, classes, TRAINING, |chosen, read| {
        let x = release.labelled(images, chosen);
        let Some(right) = x.condition else {
            unreachable!("only a conditional model is measured");
        };
        let logits = log_softmax(read(x.values), 1);
        (logits * Tensor::from_inner(right)).sum().neg() / BATCH as f32
    })
}

/// The share of glyphs `[N, C, H, W]` that are read as these classes.
fn accuracy(
    reader: &Classifier,
    release: &LoadedModel,
    glyphs: Vec<f32>,
    classes: &[usize],
) -> Result<f64> {
    let len = glyphs.len() / classes.len();
    let mut right = 0;
    // Glyphs are grey, so that their values have one order.
    for (glyphs, classes) in glyphs.chunks(READ * len).zip(classes.chunks(READ)) {
        let x = batch::to_tensor(glyphs.to_vec(), classes.len(), &release.device);
        for (logits, &class) in reader.read(x)?.iter().zip(classes) {
            let read = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            right += usize::from(read == Some(class));
        }
    }
    Ok(right as f64 / classes.len() as f64)
}
