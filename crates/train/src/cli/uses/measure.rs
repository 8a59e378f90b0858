//! `vaelet measure uses`: what a model is worth in use.

use crate::cli::args::positive;
use crate::cli::evaluate::splits;
use crate::data;
use crate::measure::uses::{Counts, measure, table};
use crate::release;
use anyhow::Result;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// What is measured.
#[derive(Subcommand)]
pub(in crate::cli) enum MeasureCommand {
    /// Detecting, cleaning, filling in, enlarging, compressing and grouping, on the test split
    Uses(UsesArgs),
}

/// What the command takes.
#[derive(Args)]
pub(in crate::cli) struct UsesArgs {
    /// Model folder
    model: PathBuf,
    /// Folder with the data set
    #[arg(long)]
    data: PathBuf,
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
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read, or too few test images.
pub(in crate::cli) fn run(MeasureCommand::Uses(args): &MeasureCommand) -> Result<()> {
    let model = release::loaded::read(&args.model)?;
    let (train, test) = splits(&model.spec, &args.data)?;
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
    let rows = measure(&model, &train, &test, &strangers, counts)?;
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&rows)?),
        false => print!("{}", table(&rows)),
    }
    Ok(())
}
