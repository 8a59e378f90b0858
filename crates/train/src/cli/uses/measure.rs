//! `vaelet measure`: what a model is worth in use, and what its latents follow.

use crate::cli::args::positive;
use crate::cli::evaluate::{source, splits};
use crate::data::{self, Source};
use crate::measure::factors::{self, Disentanglement};
use crate::measure::uses::{Counts, Use, measure, table};
use crate::network::devices::DeviceName;
use crate::release;
use crate::release::loaded::LoadedModel;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is measured.
#[derive(Subcommand)]
pub(in crate::cli) enum MeasureCommand {
    /// Detecting, cleaning, filling in, enlarging, compressing and grouping, on the test split
    Uses(UsesArgs),
    /// How far each latent follows one factor of the images: FactorVAE score and DCI
    Factors(FactorsArgs),
}

/// What `vaelet measure factors` takes.
#[derive(Args)]
pub(in crate::cli) struct FactorsArgs {
    /// Model folders: of one model, or of the same preset trained with several seeds
    #[arg(required = true)]
    models: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// flex (the CPU), cuda, vulkan, metal, cuda:1, remote=ws://HOST:PORT
    #[arg(long, default_value = "flex")]
    device: DeviceName,
}

/// What `vaelet measure uses` takes.
#[derive(Args)]
pub(in crate::cli) struct UsesArgs {
    /// Model folder
    model: PathBuf,
    /// Folder with the data set; left out where the model's images are drawn
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folders of images that are none of the model's: IDX files, sheets or pictures; FOLDER=CLASS for
    /// one class of sheets
    #[arg(long, num_args = 1..)]
    strangers: Vec<String>,
    /// Test images to tell from strangers, and of each stranger
    #[arg(long, default_value_t = 500, value_parser = positive)]
    detect: usize,
    /// Test images to clean, fill in, enlarge and squeeze
    #[arg(long, default_value_t = 50, value_parser = positive)]
    restore: usize,
    /// Test images to compress without loss
    #[arg(long, default_value_t = 500, value_parser = positive)]
    compress: usize,
    /// Test images to group
    #[arg(long, default_value_t = 10_000, value_parser = positive)]
    group: usize,
    /// Uses to measure; all but held-out, which trains a small model without each class
    #[arg(long, value_enum, num_args = 1.., default_values_t = Use::USUAL, hide_default_value = true)]
    only: Vec<Use>,
    /// Keep the figures in the model's folder, in place of those of the same uses, and show them in its card
    #[arg(long)]
    card: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read, or too few test images.
pub(in crate::cli) fn run(what: &MeasureCommand) -> Result<()> {
    match what {
        MeasureCommand::Uses(args) => uses(args),
        MeasureCommand::Factors(args) => factors(args),
    }
}

/// The table of each model, and the median of each score.
fn factors(args: &FactorsArgs) -> Result<()> {
    let device = args.device.open()?;
    let mut measured: Vec<Disentanglement> = Vec::new();
    for folder in &args.models {
        let release = LoadedModel::read(folder, device.clone())?;
        let spec = &release.model.spec;
        let mut scores = None;
        if source(spec) == Source::Shapes {
            let (train, test) = splits(spec, None)?;
            scores = factors::measure(&release, &train, &test)?;
        }
        let scores = scores.with_context(|| {
            let folder = folder.display();
            format!("{folder}: the factors of the model's images are not known; shapes has them")
        })?;
        if !args.json {
            println!("{}\n{}", folder.display(), scores.table());
        }
        measured.push(scores);
    }
    let median = |score: fn(&Disentanglement) -> f64| {
        let mut scores: Vec<f64> = measured.iter().map(score).collect();
        scores.sort_by(f64::total_cmp);
        let middle = scores.len() / 2;
        f64::midpoint(scores[middle], scores[(scores.len() - 1) / 2])
    };
    let medians = [
        ("factor_vae", median(|s| s.factor_vae)),
        ("disentanglement", median(|s| s.disentanglement)),
        ("completeness", median(|s| s.completeness)),
        ("informativeness", median(|s| s.informativeness)),
    ];
    if args.json {
        let named = args.models.iter().zip(&measured);
        let models: Vec<_> = named
            .map(|(folder, scores)| json!({ "model": folder, "scores": scores, "followed": scores.followed() }))
            .collect();
        let medians: BTreeMap<_, _> = medians.into();
        let all = json!({ "models": models, "median": medians });
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else if measured.len() > 1 {
        println!("Median of {} models:\n", measured.len());
        for (name, value) in medians {
            println!("    {name:<16} {value:.3}");
        }
    }
    Ok(())
}

fn uses(args: &UsesArgs) -> Result<()> {
    let model = release::loaded::read(&args.model)?;
    let (train, test) = splits(&model.spec, args.data.as_deref())?;
    let shape = model.spec.input;
    let mut strangers = Vec::new();
    for place in &args.strangers {
        let (folder, class) = match place.split_once('=') {
            Some((folder, class)) => (Path::new(folder), Some(class)),
            None => (Path::new(place), None),
        };
        let name = folder
            .file_name()
            .unwrap_or(folder.as_os_str())
            .to_string_lossy();
        let name = class.map_or(name.to_string(), |class| format!("{name}, {class}"));
        strangers.push((name, data::any(folder, shape, args.detect, class)?));
    }
    let least = |count: usize| count.min(test.count());
    let counts = Counts {
        detect: least(args.detect),
        restore: least(args.restore),
        compress: least(args.compress),
        group: least(args.group),
    };
    let rows = measure(&model, &args.only, &train, &test, &strangers, counts)?;
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&rows)?),
        false => print!("{}", table(&rows)),
    }
    if args.card {
        release::uses::write(&args.model, &model.spec, &args.only, rows)?;
    }
    Ok(())
}
