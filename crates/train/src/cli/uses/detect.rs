//! `vaelet detect`: how strange the pictures of a folder are to a model, and where.

use super::{PARTLY, Work, save};
use crate::cli::evaluate::split;
use crate::data::Split;
use crate::files::atomic::put;
use crate::release::calibration;
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use vaelet_model::ImageShape;

/// The exit code where a picture reaches the threshold.
const FOUND: u8 = 4;

/// Nats that are not yet shown in white, however little else there is.
const FAINT: f32 = 20.0;

/// What the command takes.
#[derive(Args)]
pub(in crate::cli) struct DetectArgs {
    /// Model folder
    model: PathBuf,
    /// Folder of pictures
    #[arg(long)]
    images: PathBuf,
    /// Folder for scores.csv and a heat map of each picture
    #[arg(long)]
    out: PathBuf,
    /// The model's data set: what its test images score is measured and kept in the model folder;
    /// needed once
    #[arg(long)]
    data: Option<PathBuf>,
    /// End with exit code 4 where a picture's percentile, as a whole or by its strangest place, is at
    /// least this, from 0 to 100
    #[arg(long, value_parser = percentile)]
    threshold: Option<f64>,
}

fn percentile(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to 100".into()),
    }
}

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read or written, or a model without a calibration.
pub(in crate::cli) fn run(args: &DetectArgs) -> Result<ExitCode> {
    let mut work = Work::read(&args.model, &args.images)?;
    let calibration = match &args.data {
        Some(data) => {
            let test = split(&work.model.spec, Some(data), Split::Test)?;
            calibration::write(&args.model, &work.model, &test)?
        }
        None => calibration::read(&args.model, &work.model)?,
    };
    let input = work.model.spec.input;
    let grey = ImageShape {
        channels: 1,
        ..input
    };
    let mut table = csv::Writer::from_writer(Vec::new());
    let columns = [
        "file",
        "score",
        "percentile",
        "place_percentile",
        "neg_log_likelihood",
    ];
    table.write_record(columns)?;
    let mut found = 0;
    work.each(|engine, name, picture| {
        let scored = engine.score(picture, &calibration)?;
        if args
            .threshold
            .is_some_and(|threshold| scored.percentile.max(scored.place_percentile) >= threshold)
        {
            found += 1;
        }
        let row = [
            scored.score,
            scored.percentile,
            scored.place_percentile,
            scored.neg_log_likelihood,
        ];
        let mut record = vec![name.display().to_string()];
        record.extend(row.map(|value| format!("{value:.2}")));
        table.write_record(record)?;
        // White is where it is strangest; a usual picture has a dark map.
        let most = scored.map.iter().copied().fold(FAINT, f32::max);
        let map: Vec<f32> = scored.map.iter().map(|nats| nats / most).collect();
        save(&map, grey, &args.out, name, "-where")
    })?;
    fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot write to {}", args.out.display()))?;
    put(
        &args.out,
        "scores.csv",
        &table.into_inner().context("scores.csv")?,
    )?;
    let end = work.end();
    if let Some(threshold) = args.threshold {
        eprintln!(
            "{found} of {} pictures at or above the percentile {threshold}",
            work.pictures.len()
        );
    }
    Ok(if found > 0 && work.left_out.is_empty() {
        ExitCode::from(FOUND)
    } else if found > 0 {
        ExitCode::from(FOUND | PARTLY)
    } else {
        end
    })
}
