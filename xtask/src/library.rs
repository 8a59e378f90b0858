//! `models/index.json`: which models were published with the page, so that a new folder under
//! `models/` appears there by itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// What a chooser of models needs to know of each, in the order of their names.
///
/// # Errors
/// Where a folder holds no readable `model.json`.
pub fn index(models: &Path) -> Result<Value> {
    let mut folders: Vec<PathBuf> = fs::read_dir(models)
        .with_context(|| format!("cannot read {}", models.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| folder.join("model.json").is_file())
        .collect();
    folders.sort();
    folders.iter().map(|folder| entry(folder)).collect()
}

fn entry(folder: &Path) -> Result<Value> {
    let file = folder.join("model.json");
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let model: Value = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not valid JSON", file.display()))?;
    let groups = model["latents"].as_array().map_or(&[][..], Vec::as_slice);
    let latents: u64 = groups
        .iter()
        .filter_map(|group| group["size"].as_u64())
        .sum();
    Ok(json!({
        "name": folder.file_name().map(|name| name.to_string_lossy()),
        "title": model["title"],
        "subject": model["subject"],
        "input": model["input"],
        "likelihood": model["likelihood"]["kind"],
        "latents": latents,
        "beta": model["training"]["beta"],
    }))
}
