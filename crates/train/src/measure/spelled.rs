//! What a model of texts writes: whether texts come back as they were, whether samples are new, and whether a
//! reader that has learned the classes of real texts finds in them what was asked for.

use crate::data::{Images, batch};
use crate::measure::classifier::{BATCH, Classifier, Training};
use crate::network::to_vec;
use crate::release::loaded::LoadedModel;
use anyhow::Result;
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use vaelet_model::{Data, Spelling, latent};

/// Of the reader: some passes over a hundred thousand texts.
const TRAINING: Training = Training {
    steps: 8000,
    learning_rate: 2e-3,
    weight_decay: 1e-3,
    seed: 19,
};
/// Samples from the prior, and their seed.
const SAMPLES: usize = 5000;
const SEED: u64 = 7;
/// Texts read or written at once.
const READ: usize = 250;

/// Figures of a model of texts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spelled {
    /// Share of test texts that come back as they were, from μ.
    pub exact: f64,
    /// Share of their symbols that do, the end of each text included.
    pub right: f64,
    /// Symbols of a test text, its end included.
    pub symbols: f64,
    /// Share of samples that differ from those before.
    pub unique: f64,
    /// Share of different samples that are no training text.
    pub novel: f64,
    /// How often the reader names the class of a test text; none where texts have no classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_data: Option<f64>,
    /// The same of samples, which are of the classes of test texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_samples: Option<f64>,
    /// How many classes.
    #[serde(default)]
    pub classes: usize,
    /// How many samples.
    pub samples: usize,
}

/// Measures what the model writes; none where its data are no texts.
///
/// # Errors
/// A device that fails.
pub fn measure(release: &LoadedModel, train: &Images, test: &Images) -> Result<Option<Spelled>> {
    let Data::Sequence(spelling) = &release.model.spec.data else {
        return Ok(None);
    };
    eprintln!("reading what the model writes");
    let all = test.spread(usize::MAX);
    let labels = test.classes(&all);
    let back = release.texts(spelling, release.means(test, &all)?, &labels)?;
    let (mut exact, mut right, mut symbols) = (0, 0, 0);
    for (&i, back) in all.iter().zip(&back) {
        let text = text_of(spelling, test, i);
        let pair = [&text, back].map(|text| spelling.spell(text).unwrap_or_default());
        let end = [spelling.end];
        let places = pair.each_ref().map(|spelled| spelled.iter().chain(&end));
        let [own, other] = places;
        symbols += pair[0].len() + 1;
        right += own.zip(other).filter(|(own, other)| own == other).count();
        exact += usize::from(text == *back);
    }
    // Samples are of the classes that test texts have, so that a reader sees as many of each.
    let asked: Vec<usize> = (0..SAMPLES)
        .map(|i| labels[i * labels.len() / SAMPLES])
        .collect();
    let written = release.texts(spelling, release.priors.sample(SEED, SAMPLES, 1.0), &asked)?;
    let known: HashSet<String> = (0..train.count())
        .map(|i| text_of(spelling, train, i))
        .collect();
    let different: HashSet<&String> = written.iter().collect();
    let novel = different
        .iter()
        .filter(|text| !known.contains(**text))
        .count();
    let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    let mut measured = Spelled {
        exact: share(exact, all.len()),
        right: share(right, symbols),
        symbols: share(symbols, all.len()),
        unique: share(different.len(), written.len()),
        novel: share(novel, different.len()),
        classes: release.model.spec.classes(),
        samples: SAMPLES,
        ..Spelled::default()
    };
    if measured.classes > 1 {
        let reader = train_reader(release, train)?;
        let pictures = test.plain(&all);
        measured.right_data = Some(accuracy(&reader, release, &pictures, &labels)?);
        let pictures = written.iter().map(|text| picture(release, spelling, text));
        let pictures: Vec<f32> = pictures.flatten().collect();
        measured.right_samples = Some(accuracy(&reader, release, &pictures, &asked)?);
    }
    Ok(Some(measured))
}

/// Text `i` of a split.
pub fn text_of(spelling: &Spelling, images: &Images, i: usize) -> String {
    let columns = images.image(i).chunks_exact(images.shape.channels);
    spelling.text(columns.map(|column| {
        column
            .iter()
            .position(|&value| value > 0)
            .unwrap_or(spelling.end)
    }))
}

/// What a model wrote, `[T · V]`, as a reader sees real texts: only whole symbols.
pub fn picture(release: &LoadedModel, spelling: &Spelling, text: &str) -> Vec<f32> {
    let shape = release.model.spec.input;
    let spelled = spelling.spell(text).unwrap_or_default();
    let ends = std::iter::repeat(spelling.end);
    let columns: Vec<usize> = spelled.into_iter().chain(ends).take(shape.width).collect();
    latent::one_hot(&columns, shape.width, shape.channels)
}

/// Learns the classes of training texts.
fn train_reader(release: &LoadedModel, images: &Images) -> Result<Classifier> {
    let classes = release.model.spec.classes();
    Classifier::fit(release, images, classes, TRAINING, |chosen, read| {
        let x = release.labelled(images, chosen);
        let Some(right) = x.condition else {
            unreachable!("only a model with classes has a reader");
        };
        let logits = log_softmax(read(x.values), 1);
        (logits * Tensor::from_inner(right)).sum().neg() / BATCH as f32
    })
}

/// The share of texts, as pictures `[N, T · V]`, that are read as of these classes.
fn accuracy(
    reader: &Classifier,
    release: &LoadedModel,
    pictures: &[f32],
    classes: &[usize],
) -> Result<f64> {
    let len = release.model.spec.input.len();
    let mut right = 0;
    for (pictures, classes) in pictures.chunks(READ * len).zip(classes.chunks(READ)) {
        let x = batch::to_tensor(pictures.to_vec(), classes.len(), &release.device);
        for (logits, &class) in reader.read(x)?.iter().zip(classes) {
            let read = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            right += usize::from(read == Some(class));
        }
    }
    Ok(right as f64 / classes.len() as f64)
}

/// The texts that logits `[N, T · V]` spell.
///
/// # Errors
/// A device that fails.
pub fn texts_of(spelling: &Spelling, logits: Tensor<2>) -> Result<Vec<String>> {
    let [_, len] = logits.dims();
    let values = to_vec(logits)?;
    let symbol = |column: &[f32]| {
        let likeliest = (0..column.len()).max_by(|&a, &b| column[a].total_cmp(&column[b]));
        likeliest.unwrap_or(spelling.end)
    };
    let texts = values.chunks_exact(len);
    Ok(texts
        .map(|text| spelling.text(text.chunks_exact(spelling.symbols.len()).map(symbol)))
        .collect())
}
