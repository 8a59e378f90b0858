//! A model's pictures and its card: what a person looks at before believing a figure.

use crate::atlas::spread;
use crate::data::Images;
use crate::directions::Direction;
use crate::evaluation::Evaluation;
use crate::history::Stage;
use crate::picture::{grid, save};
use crate::release::{Release, put};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use vaelet_model::{ModelSpec, latent};

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
/// Side of the grid over two latents.
const MAP: usize = 15;
/// How many standard deviations of N(0, I) that grid spans each way.
const MAP_REACH: f32 = 2.2;

/// Writes the pictures and the card of `release` into `folder`.
///
/// # Errors
/// A folder that cannot be written, or a device that fails.
pub fn write(
    folder: &Path,
    release: &Release,
    stages: &[Stage],
    directions: &[Direction],
    test: &Images,
    measured: &Evaluation,
) -> Result<()> {
    let context = || format!("cannot create {}", folder.display());
    fs::create_dir_all(folder).with_context(context)?;
    let spec = &release.model.spec;
    let picture = |name: &str, images: &[f32], columns: usize| {
        save(
            &grid(images, spec.input, columns)?,
            &folder.join(format!("{name}.png")),
        )
    };
    let prior = |count| release.priors.sample(SEED, count, 1.0);
    picture("samples", &release.decode(prior(SIDE * SIDE))?, SIDE)?;
    picture(
        "reconstructions",
        &reconstructions(release, test)?,
        PAIRS[0],
    )?;
    picture("morphs", &morphs(release)?, MORPHS[0])?;
    let mut shown = vec![
        (
            format!("{} samples from the prior, seed {SEED}", SIDE * SIDE),
            "samples",
        ),
        (
            "Test images and, below each, what comes back".into(),
            "reconstructions",
        ),
        ("From one sample to another, slerp".into(), "morphs"),
    ];
    if !directions.is_empty() {
        picture("attributes", &edits(release, directions)?, EDITS[0])?;
        let names: Vec<&str> = directions.iter().map(|d| d.name.as_str()).collect();
        let caption = format!("Less to more, {} rows each: {}", EDITS[1], names.join(", "));
        shown.push((caption, "attributes"));
    }
    if spec.latent_size() == 2 {
        picture("map", &map(release)?, MAP)?;
        shown.push((
            format!("Both latents from −{MAP_REACH} to {MAP_REACH}"),
            "map",
        ));
    }
    let pictures: Vec<String> = shown
        .iter()
        .map(|(caption, name)| format!("{caption}:\n\n![{caption}]({name}.png)\n\n"))
        .collect();
    put(
        folder,
        "README.md",
        card(spec, stages, measured, &pictures.concat()).as_bytes(),
    )
}

fn card(spec: &ModelSpec, stages: &[Stage], measured: &Evaluation, pictures: &str) -> String {
    let name = &spec.name;
    let data = spec.training.as_ref().map_or("", |training| &training.data);
    let commands: String = stages
        .iter()
        .map(|stage| format!("    {}    # {} epochs\n", stage.command, stage.epochs))
        .collect();
    let training = match commands.as_str() {
        "" => String::new(),
        commands => format!("Trained on {data}:\n\n{commands}\n"),
    };
    format!(
        "# {}\n\n{training}{pictures}\
         Measured on the test split, in nats per image:\n\n{}\n    \
         vaelet evaluate models/{name} --data DATA\n\n\
         Weights: {} KB in f16, {}. Data: {}\n",
        spec.title,
        measured.table(),
        spec.weights.bytes / 1000,
        spec.licence,
        spec.credit,
    )
}

/// Rows of test images, each above the row of what comes back.
fn reconstructions(release: &Release, test: &Images) -> Result<Vec<f32>> {
    let [columns, rows] = PAIRS;
    let mut pictures = Vec::new();
    for chosen in spread(test.count(), columns * rows).chunks(columns) {
        let chosen: Vec<usize> = chosen.iter().copied().cycle().take(columns).collect();
        pictures.extend(test.floats(&chosen));
        pictures.extend(release.decode(release.means(test, &chosen)?)?);
    }
    Ok(pictures)
}

fn morphs(release: &Release) -> Result<Vec<f32>> {
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
    release.decode(z)
}

fn edits(release: &Release, directions: &[Direction]) -> Result<Vec<f32>> {
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
    release.decode(z)
}

fn map(release: &Release) -> Result<Vec<f32>> {
    let at = |i: usize| MAP_REACH * (2.0 * i as f32 / (MAP - 1) as f32 - 1.0);
    let rows = (0..MAP).rev();
    let z = rows.flat_map(|y| (0..MAP).flat_map(move |x| [at(x), at(y)]));
    release.decode(z.collect())
}
