//! `vaelet sample`: samples from the prior as a picture, or as texts.

use super::args::{at_least_0, samples};
use crate::files::picture;
use crate::release::loaded::LoadedModel;
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use clap::Args;
use std::path::PathBuf;
use vaelet_model::Data;

/// Arguments of the command.
#[derive(Args)]
pub(super) struct SampleArgs {
    /// Model folder
    model: PathBuf,
    /// Number of samples, at most 10,000
    #[arg(long, default_value_t = 64, value_parser = samples)]
    count: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Scale of the prior's standard deviation
    #[arg(long, default_value_t = 1.0, value_parser = at_least_0)]
    temperature: f32,
    /// Picture to write, a PNG or a JPEG file; left out with a model of texts, which are printed
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A folder that cannot be read, or a picture that cannot be written.
pub(super) fn run(args: SampleArgs) -> Result<()> {
    let SampleArgs {
        model,
        count,
        seed,
        temperature,
        out,
    } = args;
    let release = LoadedModel::read(&model, Device::flex())?;
    let spec = &release.model.spec;
    let z = release.priors.sample(seed, count, temperature);
    if let Data::Sequence(spelling) = &spec.data {
        ensure!(
            out.is_none(),
            "{} writes texts, no pictures; leave --out out",
            model.display()
        );
        for text in release.texts(spelling, z, &release.each_class(count))? {
            println!("{text}");
        }
        return Ok(());
    }
    let out = out.context("name the picture to write with --out")?;
    let columns = (count as f64).sqrt().ceil() as usize;
    picture::save(
        &picture::grid(
            &release.decode(z, &release.each_class(count))?,
            spec.input,
            columns,
        )?,
        &out,
    )
}
