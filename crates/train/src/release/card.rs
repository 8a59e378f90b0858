//! A model's pictures and its card, `README.md`.

use crate::data::{Images, Source};
use crate::files::atomic::put;
use crate::files::picture::{extension, grid, save};
use crate::measure::alphabet;
use crate::measure::directions::Direction;
use crate::measure::evaluation::figures::Evaluation;
use crate::measure::image_metrics;
use crate::measure::spelled::text_of;
use crate::presets::preset;
use crate::release::loaded::LoadedModel;
use crate::release::stages::Stage;
use crate::release::uses;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use vaelet_model::{Data, Likelihood, ModelSpec, Notation, Spelling, latent};

/// Where the figures of chemistry are.
const MOLECULES: &str = "What RDKit says of 10,000 samples and of the direction *oily* is in \
    [bench/results/molecules.json](../../bench/results/molecules.json), by [measure.py](../../bench/molecules/measure.py).\n\n";
/// The samples of a model of texts: one on each line, and after a tab its class.
const SAMPLES: &str = "samples.txt";
/// Seed of the samples in all pictures.
const SEED: u64 = 7;
/// Samples in their picture: side of the square grid.
const SIDE: usize = 8;
/// Pairs of an image and its reconstruction in a row, and rows of them.
const PAIRS: [usize; 2] = [10, 3];
/// Pictures in a morph, and morphs.
const MORPHS: [usize; 2] = [9, 5];
/// Steps from one end of a direction to the other, and faces it is shown on.
const EDITS: [usize; 2] = [7, 2];
/// Classes of the characters in an alphabet's row, and typefaces.
const ALPHABET: [usize; 16] = [0, 1, 4, 6, 17, 18, 26, 27, 30, 32, 42, 44, 53, 55, 58, 61];
const FONTS: usize = 10;
/// Steps from one end of a latent to the other, and test images it is shown on, side by side.
const TRAVERSALS: [usize; 2] = [7, 2];
/// How far a latent goes.
const REACH: f32 = 2.0;
/// Side of the grid over two latents.
const MAP: usize = 15;
/// The share of test images that lies beyond that grid, on each side.
const BEYOND: f32 = 0.02;

/// The contents of a report.
pub struct Report<'a> {
    /// The model.
    pub release: &'a LoadedModel,
    /// The commands that made it.
    pub stages: &'a [Stage],
    /// Directions of attributes.
    pub directions: &'a [Direction],
    /// Training images.
    pub train: &'a Images,
    /// Test images.
    pub test: &'a Images,
    /// The figures.
    pub measured: &'a Evaluation,
}

/// Images `[N, C, H, W]` under a name, in rows of so many.
struct Picture {
    name: &'static str,
    caption: String,
    images: Vec<f32>,
    columns: usize,
}

impl Report<'_> {
    /// Writes the card into `folder`, and the pictures unless those that are there stay.
    ///
    /// # Errors
    /// A folder that cannot be written, or a device that fails.
    pub fn write(&self, folder: &Path, draw: bool) -> Result<()> {
        let context = || format!("cannot create {}", folder.display());
        fs::create_dir_all(folder).with_context(context)?;
        let spec = &self.release.model.spec;
        let mut shown = String::new();
        if let Data::Sequence(spelling) = &spec.data {
            shown = self.texts(folder, spelling)?;
        }
        let pictures = match spec.data {
            Data::Sequence(_) => Vec::new(),
            _ => self.pictures()?,
        };
        for picture in pictures {
            let Picture { name, caption, .. } = &picture;
            let file = format!("{name}.{}", extension(spec.input));
            if draw {
                let grid = grid(&picture.images, spec.input, picture.columns)?;
                save(&grid, &folder.join(&file))?;
            }
            shown += &format!("{caption}:\n\n![{caption}]({file})\n\n");
        }
        let binarized = self.test.binarize && spec.likelihood == Likelihood::Bernoulli;
        let uses = uses::section(folder, spec)?;
        let card = card(spec, self.stages, self.measured, binarized, &shown, &uses);
        put(folder, "README.md", card.as_bytes())
    }

    /// What a card of texts shows. The samples are also written to [`SAMPLES`], which a page shows until it has the
    /// model.
    fn texts(&self, folder: &Path, spelling: &Spelling) -> Result<String> {
        let (release, test) = (self.release, self.test);
        let classes = release.each_class(SIDE * SIDE);
        let name = |class: usize| match &release.model.spec.condition {
            Some(condition) => format!("\t{}", condition.classes[class]),
            None => String::new(),
        };
        let z = release.priors.sample(SEED, SIDE * SIDE, 1.0);
        let samples = release.texts(spelling, z, &classes)?;
        let lines = samples.iter().zip(&classes);
        let lines: String = lines
            .map(|(text, &class)| format!("{text}{}\n", name(class)))
            .collect();
        put(folder, SAMPLES, lines.as_bytes())?;
        let chosen = test.spread(PAIRS[0]);
        let back = release.texts(
            spelling,
            release.means(test, &chosen)?,
            &test.classes(&chosen),
        )?;
        let pairs = chosen.iter().zip(back);
        let pairs: String = pairs
            .map(|(&i, back)| {
                let own = shown(spelling, &text_of(spelling, test, i));
                format!("| {own} | {} |\n", shown(spelling, &back))
            })
            .collect();
        let [steps, count] = MORPHS;
        let (z, classes) = morphed(release);
        let morphs = release.texts(spelling, z, &classes)?;
        let morphs: Vec<String> = morphs.iter().map(|text| shown(spelling, text)).collect();
        let samples: Vec<String> = samples.iter().map(|text| shown(spelling, text)).collect();
        let morphs = morphs
            .chunks(steps)
            .take(count)
            .map(|texts| format!("- {}\n", texts.join(" → ")));
        Ok(format!(
            "{} samples from the prior, seed {SEED}{}: {}\n\n\
             | test text | its reconstruction |\n|---|---|\n{pairs}\n\
             From one sample to another, slerp:\n\n{}\n{}",
            SIDE * SIDE,
            match release.model.spec.condition {
                Some(_) => ", of one class after another",
                None => "",
            },
            samples.join(", "),
            morphs.collect::<String>(),
            match spelling.notation {
                Some(Notation::Selfies) => MOLECULES,
                None => "",
            }
        ))
    }

    fn pictures(&self) -> Result<Vec<Picture>> {
        let (release, directions) = (self.release, self.directions);
        let prior = |count| release.priors.sample(SEED, count, 1.0);
        let mut pictures = vec![
            Picture {
                name: "samples",
                caption: format!("{} samples from the prior, seed {SEED}", SIDE * SIDE),
                images: release.decode(prior(SIDE * SIDE), &release.each_class(SIDE * SIDE))?,
                columns: SIDE,
            },
            Picture {
                name: "reconstructions",
                caption: "Test images, each above its reconstruction".into(),
                images: reconstructions(release, self.test)?,
                columns: PAIRS[0],
            },
            Picture {
                name: "morphs",
                caption: "From one sample to another, slerp".into(),
                images: morphs(release)?,
                columns: MORPHS[0],
            },
            Picture {
                name: "neighbours",
                caption: "Samples and, below each, the nearest training image".into(),
                images: neighbours(release, self.train)?,
                columns: PAIRS[0],
            },
        ];
        if !directions.is_empty() {
            let names: Vec<&str> = directions.iter().map(|d| d.name.as_str()).collect();
            let [columns, rows] = EDITS;
            pictures.push(Picture {
                name: "attributes",
                caption: format!("Less to more, {rows} rows each: {}", names.join(", ")),
                images: edits(release, directions)?,
                columns,
            });
        }
        if !self.test.factors.is_empty() {
            let [columns, examples] = TRAVERSALS;
            pictures.push(Picture {
                name: "latents",
                caption: format!(
                    "Each latent from −{REACH} to {REACH}, the others as they are, {examples} test images"
                ),
                images: traversals(release, self.test)?,
                columns: columns * examples,
            });
        }
        if !self.test.groups.is_empty() && release.model.spec.condition.is_some() {
            pictures.push(Picture {
                name: "alphabets",
                caption: "Typefaces of families never seen and, below each, characters decoded \
                          from its A alone"
                    .into(),
                images: alphabets(release, self.test)?,
                columns: ALPHABET.len(),
            });
        }
        if release.model.spec.latent_size() == 2 {
            pictures.push(Picture {
                name: "map",
                caption: "What the decoder makes of the plane where the test images lie".into(),
                images: map(release, self.test)?,
                columns: MAP,
            });
        }
        Ok(pictures)
    }
}

/// What a command is told of the data of a model that is called `name`.
pub(super) fn data_argument(name: &str) -> &'static str {
    match preset(name) {
        Some(preset) if preset.source == Source::Shapes => "",
        _ => " --data DATA",
    }
}

fn card(
    spec: &ModelSpec,
    stages: &[Stage],
    measured: &Evaluation,
    binarized: bool,
    pictures: &str,
    uses: &str,
) -> String {
    let name = &spec.name;
    let known = preset(name);
    let from = data_argument(name);
    let data = spec.training.as_ref().map_or("", |training| &training.data);
    let commands: String = stages
        .iter()
        .map(|stage| match stage.epochs {
            0 => format!("    {}\n", stage.command),
            1 => format!("    {}    # 1 epoch\n", stage.command),
            epochs => format!("    {}    # {epochs} epochs\n", stage.command),
        })
        .collect();
    let training = match commands.as_str() {
        "" => String::new(),
        commands => format!("Trained on {data}:\n\n{commands}\n"),
    };
    let pixels = match binarized {
        true => {
            " Pixels of the test images are drawn as 0 or 1 with their grey value as probability, as in training."
        }
        false => "",
    };
    let sharpened = known.as_ref().is_some_and(|preset| preset.adversarial);
    let flattered = match sharpened && measured.frechet_efficientnet.is_some() {
        true => {
            "The discriminator that sharpened the decoder sees in EfficientNet-Lite0's features too, so that the second \
             distance flatters this model; the first is independent of it.\n\n"
        }
        false => "",
    };
    let one = match spec.data {
        Data::Sequence(_) => "text",
        _ => "image",
    };
    format!(
        "# {}\n\n{training}{pictures}\
         Measured on the test split, in nats per {one}. The KL is that to the model's own prior, for one z \
         each.{pixels}\n\n{}\n{flattered}    \
         vaelet evaluate models/{name}{from}\n\n{uses}\
         Weights: {} KB, {}. Data: {}\n",
        spec.title,
        measured.table(),
        spec.weights.bytes / 1000,
        spec.licence,
        spec.credit,
    )
}

/// Rows of test images, each above the row of their reconstructions.
fn reconstructions(release: &LoadedModel, test: &Images) -> Result<Vec<f32>> {
    let [columns, rows] = PAIRS;
    let mut pictures = Vec::new();
    for chosen in test.spread(columns * rows).chunks(columns) {
        let chosen: Vec<usize> = chosen.iter().copied().cycle().take(columns).collect();
        pictures.extend(test.floats(&chosen));
        pictures.extend(release.decode(release.means(test, &chosen)?, &test.classes(&chosen))?);
    }
    Ok(pictures)
}

/// A row of samples above the row of the training images nearest to them.
/// A text as people read it: a molecule's SMILES.
fn shown(spelling: &Spelling, text: &str) -> String {
    match spelling.notation {
        // Every list of tokens of a model is a molecule.
        Some(Notation::Selfies) => {
            format!("`{}`", vaelet_molecule::smiles(text).unwrap_or_default())
        }
        None => text.into(),
    }
}

fn neighbours(release: &LoadedModel, train: &Images) -> Result<Vec<f32>> {
    let z = release.priors.sample(SEED, PAIRS[0], 1.0);
    let samples = release.decode(z, &release.each_class(PAIRS[0]))?;
    let nearest = image_metrics::nearest(train, &samples);
    let indices: Vec<usize> = nearest.iter().map(|(i, _)| *i).collect();
    Ok([samples, train.floats(&indices)].concat())
}

fn morphs(release: &LoadedModel) -> Result<Vec<f32>> {
    let (z, classes) = morphed(release);
    release.decode(z, &classes)
}

/// Latents and classes of [`MORPHS`].
fn morphed(release: &LoadedModel) -> (Vec<f32>, Vec<usize>) {
    let [steps, count] = MORPHS;
    let size = release.model.spec.latent_size();
    let ends = release.priors.sample(SEED + 1, 2 * count, 1.0);
    let mut z = Vec::new();
    for pair in ends.chunks_exact(2 * size) {
        let (a, b) = pair.split_at(size);
        for step in 0..steps {
            z.extend(latent::slerp(a, b, step as f32 / (steps - 1) as f32));
        }
    }
    // Each row is one class.
    let classes: Vec<usize> = (release.each_class(count).into_iter())
        .flat_map(|class| vec![class; steps])
        .collect();
    (z, classes)
}

fn edits(release: &LoadedModel, directions: &[Direction]) -> Result<Vec<f32>> {
    let [steps, faces] = EDITS;
    let size = release.model.spec.latent_size();
    let samples = release
        .priors
        .sample(SEED + 2, faces * directions.len(), 1.0);
    let pairs = directions
        .iter()
        .flat_map(|direction| [direction; EDITS[1]]);
    let mut z = Vec::new();
    for (sample, direction) in samples.chunks_exact(size).zip(pairs) {
        for step in 0..steps {
            let t = step as f32 / (steps - 1) as f32;
            let t = direction.low + t * (direction.high - direction.low);
            let moved = sample.iter().zip(&direction.vector).map(|(z, v)| z + t * v);
            z.extend(moved);
        }
    }
    let classes = vec![0; z.len() / size];
    release.decode(z, &classes)
}

/// A row for each latent: test images, with that latent moved.
fn traversals(release: &LoadedModel, test: &Images) -> Result<Vec<f32>> {
    let [steps, examples] = TRAVERSALS;
    let size = release.model.spec.latent_size();
    // The middle of each part of the test split, whose first image is the first of the grid.
    let chosen = test.spread(2 * examples).into_iter().skip(1).step_by(2);
    let means = release.means(test, &chosen.collect::<Vec<_>>())?;
    let mut z = Vec::new();
    for latent in 0..size {
        for mean in means.chunks_exact(size) {
            for step in 0..steps {
                let start = z.len();
                z.extend(mean);
                z[start + latent] = REACH * (2.0 * step as f32 / (steps - 1) as f32 - 1.0);
            }
        }
    }
    let classes = vec![0; z.len() / size];
    release.decode(z, &classes)
}

/// Rows of characters of test typefaces, each above the row that is decoded from the first of them.
fn alphabets(release: &LoadedModel, test: &Images) -> Result<Vec<f32>> {
    let fonts = alphabet::starts(test);
    let mut pictures = Vec::new();
    for i in 0..FONTS.min(fonts.len()) {
        let start = fonts[i * fonts.len() / FONTS.min(fonts.len())];
        let shown = ALPHABET.map(|class| start + class);
        pictures.extend(test.floats(&shown));
        let z = release.means(test, &[start])?;
        pictures.extend(release.decode(z.repeat(ALPHABET.len()), &ALPHABET)?);
    }
    Ok(pictures)
}

fn map(release: &LoadedModel, test: &Images) -> Result<Vec<f32>> {
    let means = release.means(test, &test.spread(usize::MAX))?;
    let range = |axis: usize| {
        let mut values: Vec<f32> = means.iter().skip(axis).step_by(2).copied().collect();
        values.sort_by(f32::total_cmp);
        let last = values.len() - 1;
        let low = (BEYOND * last as f32) as usize;
        (values[low], values[last - low])
    };
    let (x, y) = (range(0), range(1));
    let at = |(low, high): (f32, f32), i: usize| low + (high - low) * i as f32 / (MAP - 1) as f32;
    let rows = (0..MAP).rev();
    let z = rows.flat_map(|row| (0..MAP).flat_map(move |column| [at(x, column), at(y, row)]));
    release.decode(z.collect(), &[0; MAP * MAP])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::evaluation::figures::Seen;

    #[test]
    fn a_sharpened_models_card_says_what_flatters_it() {
        let card_of = |name: &str, seen: Option<Seen>| {
            let measured = Evaluation {
                frechet_efficientnet: seen,
                ..Evaluation::default()
            };
            card(&preset(name).unwrap().spec, &[], &measured, false, "", "")
        };
        let says = |card: String| card.contains("flatters this model");
        assert!(says(card_of("portraits-sharp", Some(Seen::default()))));
        assert!(!says(card_of("portraits-sharp", None)));
        assert!(!says(card_of("portraits", Some(Seen::default()))));
    }
}
