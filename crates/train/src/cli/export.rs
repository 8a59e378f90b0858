//! `vaelet export`: a model folder for other frameworks.

use crate::files::atomic::put;
use anyhow::{Context, Result};
use clap::Args;
use std::fs;
use std::path::PathBuf;
use vaelet_import::export::{onnx, state_dict};
use vaelet_model::{Model, read_tensors};

/// Arguments of the command.
#[derive(Args)]
#[group(required = true, multiple = true, id = "to", args = ["onnx", "pytorch"])]
pub(super) struct ExportArgs {
    /// Model folder
    model: PathBuf,
    /// Folder for encoder.onnx and decoder.onnx
    #[arg(long, value_name = "DIR")]
    onnx: Option<PathBuf>,
    /// File for a state_dict in safetensors; its metadata describes the layers
    #[arg(long, value_name = "FILE")]
    pytorch: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A model that cannot be read, or files that cannot be written.
pub(super) fn run(args: &ExportArgs) -> Result<()> {
    let read = |name: &str| {
        let path = args.model.join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let description = String::from_utf8(read("model.json")?).context("model.json is not UTF-8")?;
    let file = vaelet_model::ModelSpec::parse(&description)?.weights.file;
    let weights = read(&file)?;
    let model = Model::read(&description, &weights)?;
    if let Some(folder) = &args.onnx {
        fs::create_dir_all(folder).with_context(|| format!("cannot write {}", folder.display()))?;
        let [encoder, decoder] = onnx(&model);
        put(folder, "encoder.onnx", &encoder)?;
        put(folder, "decoder.onnx", &decoder)?;
        println!("{}: encoder.onnx and decoder.onnx", folder.display());
    }
    if let Some(path) = &args.pytorch {
        let bytes = state_dict(&model.spec, &read_tensors(&file, &weights)?)?;
        let name = path
            .file_name()
            .with_context(|| format!("{} has no name", path.display()))?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        put(folder.unwrap_or(".".as_ref()), name, &bytes)?;
        println!("{}", path.display());
    }
    Ok(())
}
