//! Networks as they were on the way: kept in a run's folder, beside its checkpoint, so that an interrupted
//! run still has them.

use super::Settings;
use super::run::Run;
use crate::files::atomic::put;
use crate::network::Graphs;
use anyhow::{Context, Result};
use burn::module::Module;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vaelet_model::{Precision, Tensors, read_tensors, write_tensors};

const FOLDER: &str = "snapshots";

/// Where the network after so many passes is.
fn path(run: &Path, passes: f64) -> PathBuf {
    run.join(FOLDER).join(format!("{passes}.safetensors"))
}

/// Removes those of an earlier run.
///
/// # Errors
/// A folder that cannot be removed.
pub(super) fn clear(run: &Path) -> Result<()> {
    let folder = run.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The parameters after so many passes; none where the run did not come that far or did not keep them.
///
/// # Errors
/// A file that cannot be read.
pub fn read(run: &Path, passes: f64) -> Result<Option<Tensors>> {
    let path = path(run, passes);
    if !path.exists() {
        return Ok(None);
    }
    let name = path.display().to_string();
    let contents = fs::read(&path).with_context(|| format!("cannot read {name}"))?;
    Ok(Some(read_tensors(&name, &contents)?))
}

impl Run {
    /// Keeps the network as it is before `step`, where that was asked for; a pass takes `steps`.
    pub(super) fn snapshot(
        &self,
        settings: &Settings,
        graphs: &Graphs,
        step: usize,
        steps: usize,
    ) -> Result<()> {
        for &passes in &settings.snapshots {
            if (passes * steps as f64).round() as usize != step {
                continue;
            }
            let path = path(&settings.run, passes);
            let tensors = self.network.valid().without_prior().to_tensors(graphs)?;
            let contents = write_tensors(FOLDER, &tensors, Precision::F32)?;
            let name = path.file_name().unwrap_or_default();
            put(&settings.run.join(FOLDER), name, &contents)?;
        }
        Ok(())
    }
}
