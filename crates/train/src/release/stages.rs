//! `training.json`: the commands that made a model, one after another, so that its card can
//! say how to make it again.

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
    /// Passes over the data that it took: fewer than asked for where it stopped early, none where only the
    /// prior was fitted.
    pub epochs: usize,
}

/// The stages of the model in `folder`; none where it does not say.
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
