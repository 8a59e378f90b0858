//! `vaelet clean`, `vaelet fill` and `vaelet enlarge`: pictures as a model would have them.

use super::{Work, save};
use crate::cli::args::positive;
use crate::data::{fit, open::open};
use crate::release;
use anyhow::{Result, anyhow, ensure};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use vaelet_model::ImageShape;
use vaelet_uses::{Observation, Plan};

/// What all three take.
#[derive(Args)]
struct Common {
    /// Model folder
    model: PathBuf,
    /// Folder of pictures
    #[arg(long)]
    images: PathBuf,
    /// Folder for the results, as PNG
    #[arg(long)]
    out: PathBuf,
}

/// What those take of which there are several answers.
#[derive(Args)]
struct Several {
    /// Answers for each picture: the most likely one, then others that are as good
    #[arg(long, default_value_t = 1, value_parser = answers)]
    count: usize,
    /// Seed of the others
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Several {
    fn plan(&self) -> Plan {
        Plan {
            count: self.count,
            seed: self.seed,
            ..Plan::default()
        }
    }
}

fn answers(text: &str) -> Result<usize, String> {
    match positive(text)? {
        count if count <= 64 => Ok(count),
        _ => Err("expected at most 64".into()),
    }
}

/// What `clean` takes.
#[derive(Args)]
pub(in crate::cli) struct CleanArgs {
    #[command(flatten)]
    common: Common,
    /// Standard deviation of Gaussian noise, where white is 1
    #[arg(long, value_parser = noise, required_unless_present_any = ["specks", "jpeg"])]
    noise: Option<f32>,
    /// Or share of the values that were replaced by black or white: salt and pepper
    #[arg(long, value_parser = share, conflicts_with = "noise")]
    specks: Option<f32>,
    /// Or the quality, 1 to 100, with which pictures of the model's size were saved as JPEG
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100), conflicts_with_all = ["noise", "specks"])]
    jpeg: Option<u8>,
}

fn share(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("expected a number between 0 and 1".into()),
    }
}

fn noise(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(noise) if noise > 0.0 && noise <= 1.0 => Ok(noise),
        _ => Err("expected a number above 0, at most 1".into()),
    }
}

/// What `fill` takes.
#[derive(Args)]
pub(in crate::cli) struct FillArgs {
    #[command(flatten)]
    common: Common,
    /// A picture that is black where the others are hidden, and white where they are seen
    #[arg(long)]
    mask: PathBuf,
    #[command(flatten)]
    several: Several,
    /// Let the model draw what was seen, too
    #[arg(long)]
    redraw: bool,
}

/// What `enlarge` takes.
#[derive(Args)]
pub(in crate::cli) struct EnlargeArgs {
    #[command(flatten)]
    common: Common,
    /// How many times the model's picture is as wide as those of the folder
    #[arg(long, default_value_t = 4, value_parser = positive)]
    scale: usize,
    #[command(flatten)]
    several: Several,
}

/// Runs `clean`.
///
/// # Errors
/// A folder that cannot be read or written.
pub(in crate::cli) fn clean(args: &CleanArgs) -> Result<ExitCode> {
    let Common { model, images, out } = &args.common;
    let mut work = Work::read(model, images)?;
    let input = work.model.spec.input;
    work.each(|engine, name, picture| {
        let observation = match (args.specks, args.jpeg) {
            (Some(specks), _) => Observation::specked(picture, specks),
            (_, Some(quality)) => Observation::saved(picture, quality),
            _ => Observation::noisy(picture, args.noise.unwrap_or_default()),
        };
        let cleaned = engine.clean(&observation, &mut || true)?;
        save(&cleaned, input, out, name, "")
    })?;
    Ok(work.end())
}

/// Runs `fill`.
///
/// # Errors
/// A folder or mask that cannot be read, or a folder that cannot be written.
pub(in crate::cli) fn fill(args: &FillArgs) -> Result<ExitCode> {
    let Common { model, images, out } = &args.common;
    let mut work = Work::read(model, images)?;
    let input = work.model.spec.input;
    let mask = open(&args.mask).map_err(|e| anyhow!("{}: {e}", args.mask.display()))?;
    let mask = fit(
        &mask,
        ImageShape {
            channels: 1,
            ..input
        },
    )?;
    let seen: Vec<bool> = mask.iter().map(|v| *v >= 128).collect();
    ensure!(
        seen.contains(&false),
        "{} hides nothing: paint black what is to be filled in",
        args.mask.display()
    );
    let plan = args.several.plan();
    work.each(|engine, name, picture| {
        let answers = engine.complete(picture, &seen, !args.redraw, plan, &mut || true)?;
        for (i, answer) in answers.iter().enumerate() {
            save(&answer.picture, input, out, name, &suffix(i, plan.count))?;
        }
        Ok(())
    })?;
    Ok(work.end())
}

/// Runs `enlarge`.
///
/// # Errors
/// A folder that cannot be read or written, or a scale that does not divide the model's picture.
pub(in crate::cli) fn enlarge(args: &EnlargeArgs) -> Result<ExitCode> {
    let Common { model, images, out } = &args.common;
    let model = release::loaded::read(model)?;
    let input = model.spec.input;
    let scale = args.scale;
    ensure!(
        [input.width, input.height]
            .iter()
            .all(|side| side.is_multiple_of(scale)),
        "--scale {scale}: the model's pictures are {}×{}; give a number that divides both",
        input.width,
        input.height,
    );
    let small = ImageShape {
        channels: input.channels,
        height: input.height / scale,
        width: input.width / scale,
    };
    let mut work = Work::at(model, images, small)?;
    let plan = args.several.plan();
    work.each(|engine, name, picture| {
        let answers = engine.enlarge(picture, scale, plan, &mut || true)?;
        for (i, answer) in answers.iter().enumerate() {
            save(&answer.picture, input, out, name, &suffix(i, plan.count))?;
        }
        Ok(())
    })?;
    Ok(work.end())
}

fn suffix(i: usize, count: usize) -> String {
    match count {
        1 => String::new(),
        _ => format!("-{}", i + 1),
    }
}
