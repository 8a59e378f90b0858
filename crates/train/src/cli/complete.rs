//! `vaelet complete`, the last part of `vaelet train` too: measures a trained model and writes all
//! that follows from its weights.

use super::args::{FeaturesArg, positive};
use super::evaluate::{NLL_SAMPLES, nll_count, splits};
use crate::data::Images;
use crate::files::atomic;
use crate::measure::classifier::{Classifier, JUDGE};
use crate::measure::evaluation;
use crate::measure::evaluation::figures::Evaluation;
use crate::measure::factors::Disentanglement;
use crate::measure::{directions, prior_fit};
use crate::network::devices::DeviceName;
use crate::network::efficientnet::EfficientNet;
use crate::release::atlas::Atlas;
use crate::release::calibration;
use crate::release::card::Report;
use crate::release::folder;
use crate::release::loaded::LoadedModel;
use crate::release::stages::{self, Stage};
use anyhow::Result;
use burn::tensor::Device;
use clap::Args;
use std::path::{Path, PathBuf};

/// Arguments of the command.
#[derive(Args)]
pub(super) struct CompleteArgs {
    /// Model folder
    model: PathBuf,
    /// Folder with the data set; left out where the model's images are drawn
    #[arg(long)]
    data: Option<PathBuf>,
    /// Fit the learned prior again, with this many Gaussians
    #[arg(long, value_parser = positive)]
    components: Option<usize>,
    /// Write description, golden files and card again, and keep the measured figures, which must
    /// belong to the same weights. The second Fréchet distance is added if it is missing and its
    /// features have been fetched
    #[arg(long, conflicts_with = "components")]
    keep_figures: bool,
    /// flex (the CPU), cuda, vulkan, metal, wgpu, cuda:1, remote=ws://HOST:PORT
    #[arg(long, default_value = "flex")]
    device: DeviceName,
    #[command(flatten)]
    features: FeaturesArg,
}

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read or written, or a device that fails.
pub(super) fn run(args: CompleteArgs) -> Result<()> {
    let CompleteArgs {
        model,
        data,
        components,
        keep_figures,
        device,
        features,
    } = args;
    let device = device.open()?;
    let network = features.read(&device)?;
    let (train, test) = splits(
        &LoadedModel::read(&model, device.clone())?.model.spec,
        data.as_deref(),
    )?;
    atomic::change(&model, |folder| {
        if let Some(components) = components {
            let name = model.display();
            let data = data.as_ref().map_or("", |_| " --data DATA");
            let stage = Stage {
                command: format!("vaelet complete {name}{data} --components {components}"),
                epochs: 0,
            };
            let mut stages = stages::read(folder)?;
            if stages.last() != Some(&stage) {
                stages.push(stage);
            }
            stages::write(folder, &stages)?;
        }
        complete(
            folder,
            &device,
            components,
            keep_figures,
            &train,
            &test,
            network,
        )
    })
}

/// Measures the model in `folder` and writes all files that depend on its weights. If `components`
/// is given, a prior of that many Gaussians is fitted first. With `keep_figures` nothing is measured.
pub(super) fn complete(
    folder: &Path,
    device: &Device,
    components: Option<usize>,
    keep_figures: bool,
    train: &Images,
    test: &Images,
    network: Option<EfficientNet>,
) -> Result<()> {
    if let Some(components) = components {
        let release = LoadedModel::read(folder, device.clone())?;
        let mut spec = release.model.spec.clone();
        let draws = prior_fit::draws(&release, train)?;
        let fitted = prior_fit::fit(&mut spec.latents, components, &draws)?;
        let mut tensors = release
            .network
            .without_prior()
            .to_tensors(&release.graphs)?;
        tensors.extend(fitted);
        folder::write(folder, spec, &tensors, test)?;
    }
    let release = LoadedModel::read(folder, device.clone())?;
    let (mut directions, mut scores) = (Vec::new(), Vec::new());
    let network = network.as_ref();
    let measured = if keep_figures {
        directions = Atlas::read(folder)?.map_or_else(Vec::new, |atlas| atlas.directions);
        let kept = Evaluation::read(folder, &release)?;
        let measured = kept.clone().with_missing(&release, train, test, network)?;
        // Numbers that were read may differ in their last digit, so the file is kept if nothing is new.
        if measured != kept {
            measured.write(folder)?;
        }
        measured
    } else {
        eprintln!("measuring the model");
        if !train.attributes.is_empty() {
            let classifier = Classifier::train(&release, train, JUDGE)?;
            directions = directions::find(&release, &classifier, train)?;
            scores = directions::test(&release, &classifier, &directions, test)?;
        }
        if !train.measures.is_empty() {
            directions.extend(directions::along(&release, train)?);
        }
        let count = nll_count(release.model.spec.input);
        let measured =
            evaluation::evaluate(&release, train, test, scores, NLL_SAMPLES, count, network)?;
        measured.write(folder)?;
        measured
    };
    folder::complete(folder, &release, test, &measured.kl_per_dimension)?;
    let report = Report {
        release: &release,
        stages: &stages::read(folder)?,
        directions: &directions,
        train,
        test,
        measured: &measured,
    };
    report.write(folder, !keep_figures)?;
    if !keep_figures {
        let followed = measured.disentanglement.as_ref();
        let followed = followed.map_or_else(Vec::new, Disentanglement::followed);
        Atlas::write(folder, &release, directions, followed, train, test)?;
    }
    calibration::complete(folder, &release.model, test)?;
    print!("{}", measured.table());
    Ok(())
}
