//! `training.json`: the commands that made a model, in order, for its card.

use crate::files::atomic::put;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

const FILE: &str = "training.json";

/// One call of `vaelet train`, or of `vaelet complete` where that fitted the prior again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The call, with DATA for the folder of the data set.
    pub command: String,
    /// Passes over the data; fewer than requested if training stopped early, 0 if only the prior was
    /// fitted.
    pub epochs: usize,
}

/// The stages of the model in `folder`; none if it has no such file.
///
/// # Errors
/// A file that cannot be read.
pub fn read(folder: &Path) -> Result<Vec<Stage>> {
    let path = folder.join(FILE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&json).with_context(|| format!("{} is damaged", path.display()))
}

/// Writes the stages of the model in `folder`.
///
/// # Errors
/// A folder that cannot be written.
pub fn write(folder: &Path, stages: &[Stage]) -> Result<()> {
    put(folder, FILE, &serde_json::to_vec_pretty(stages)?)
}
