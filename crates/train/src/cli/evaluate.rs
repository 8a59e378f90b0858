//! `vaelet evaluate`: measures a model on the test split.

use super::args::{FeaturesArg, positive};
use crate::data::words::Words;
use crate::data::{self, Images, Source, Split, molecules};
use crate::measure::classifier::{Classifier, JUDGE};
use crate::measure::{directions, evaluation};
use crate::network::devices::DeviceName;
use crate::presets;
use crate::release::atlas::Atlas;
use crate::release::card::Report;
use crate::release::loaded::LoadedModel;
use crate::release::stages;
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use vaelet_model::{Data, ImageShape, ModelSpec};

/// Arguments of the command.
#[derive(Args)]
pub(super) struct EvaluateArgs {
    /// Model folder
    model: PathBuf,
    /// Folder with the data set; left out where the model's images are drawn
    #[arg(long)]
    data: Option<PathBuf>,
    /// Samples for each image of the importance-weighted bound
    #[arg(long, default_value_t = NLL_SAMPLES, value_parser = positive)]
    nll_samples: usize,
    /// Images on which that bound is measured [default: 128 of 28×28, fewer larger ones]
    #[arg(long, value_parser = positive)]
    nll_images: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Folder for a report with pictures
    #[arg(long)]
    report: Option<PathBuf>,
    /// flex (the CPU), cuda, vulkan, metal, wgpu, cuda:1, remote=ws://HOST:PORT
    #[arg(long, default_value = "flex")]
    device: DeviceName,
    #[command(flatten)]
    features: FeaturesArg,
}

/// Samples for each image of the importance-weighted bound.
pub(super) const NLL_SAMPLES: usize = 1000;

/// Images on which that bound is measured: as many as take a few minutes on a CPU.
pub(super) fn nll_count(input: ImageShape) -> usize {
    (128 * 28 * 28 / input.len()).clamp(16, 128)
}

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read or written, or a device that fails.
pub(super) fn run(args: EvaluateArgs) -> Result<()> {
    let EvaluateArgs {
        model,
        data,
        nll_samples,
        nll_images,
        json,
        report,
        device,
        features,
    } = args;
    let release = LoadedModel::read(&model, device.open()?)?;
    let network = features.read(&release.device)?;
    let spec = &release.model.spec;
    let (train, test) = splits(spec, data.as_deref())?;
    let directions = Atlas::read(&model)?.map_or_else(Vec::new, |atlas| atlas.directions);
    let mut scores = Vec::new();
    if !directions.is_empty() {
        let classifier = Classifier::train(&release, &train, JUDGE)?;
        scores = directions::test(&release, &classifier, &directions, &test)?;
    }
    let measured = evaluation::evaluate(
        &release,
        &train,
        &test,
        scores,
        nll_samples,
        nll_images.unwrap_or_else(|| nll_count(spec.input)),
        network.as_ref(),
    )?;
    if let Some(folder) = report {
        let report = Report {
            release: &release,
            stages: &stages::read(&model)?,
            directions: &directions,
            train: &train,
            test: &test,
            measured: &measured,
        };
        report.write(&folder, true)?;
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    } else {
        print!("{}", measured.table());
    }
    Ok(())
}

/// The data that a model was made for.
pub(super) fn splits(spec: &ModelSpec, folder: Option<&Path>) -> Result<(Images, Images)> {
    Ok((
        split(spec, folder, Split::Train)?,
        split(spec, folder, Split::Test)?,
    ))
}

/// One split of it.
pub(super) fn split(spec: &ModelSpec, folder: Option<&Path>, split: Split) -> Result<Images> {
    read(source(spec), spec, folder, split)
}

/// One split of what comes from a source, for this model.
pub(super) fn read(
    source: Source,
    spec: &ModelSpec,
    folder: Option<&Path>,
    split: Split,
) -> Result<Images> {
    match (&spec.data, folder) {
        (Data::Sequence(spelling), Some(folder)) if spelling.notation.is_some() => {
            molecules::read(folder, split, spec.input, spelling)
        }
        (Data::Sequence(spelling), Some(table)) => {
            Words::open(table)?.images(split, spec.input, spelling, spec.condition.as_ref())
        }
        _ => data::read(source, folder, split, spec.input),
    }
}

/// Where it comes from; a folder of pictures, of recordings or a table of texts where no preset has the model's name.
pub(super) fn source(spec: &ModelSpec) -> Source {
    match (presets::preset(&spec.name), &spec.data) {
        (Some(preset), _) => preset.source,
        (None, Data::Sound(scale)) => Source::Recordings(*scale),
        (None, Data::Sequence(_)) => Source::Words,
        (None, Data::Image) => Source::Folder,
    }
}
