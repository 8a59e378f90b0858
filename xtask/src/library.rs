//! `models/index.json`: which models were published with the page, so that a new folder under
//! `models/` appears there by itself. Trunk runs this after each build.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// Writes the index into the folder that Trunk is building.
///
/// # Errors
/// Where it is not Trunk that asks, or a folder under `models/` holds no readable `model.json`.
pub fn write_index() -> Result<()> {
    let Some(staging) = env::var_os("TRUNK_STAGING_DIR").map(PathBuf::from) else {
        bail!("`index` is for Trunk, which says in TRUNK_STAGING_DIR what it builds");
    };
    let models = staging.join("models");
    let index = index(&models)?;
    let file = models.join("index.json");
    fs::write(&file, index.to_string()).with_context(|| format!("cannot write {}", file.display()))
}

/// What a chooser of models needs to know of each, in the order of their names.
fn index(models: &Path) -> Result<Value> {
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
