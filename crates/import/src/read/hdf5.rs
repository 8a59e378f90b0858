//! Keras' `.h5` and `.keras` files: a description in JSON beside weights in HDF5.

use super::keras::{self, LayerWeights};
use super::zip::Zip;
use crate::graph::Graph;
use crate::values::{MAX_VALUES, Tensor, count};
use crate::{Error, Result};
use hdf5_reader::dataset::Dataset;
use hdf5_reader::group::Group;
use hdf5_reader::{Hdf5File, OpenOptions};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Most bytes of one weight.
const MAX_BYTES: usize = 1 << 28;
/// Deepest nesting of groups.
const MAX_DEPTH: usize = 8;

/// Whether a file is HDF5.
pub(crate) fn is_hdf5(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89HDF\r\n\x1a\n")
}

/// Whether a file is a `.keras` archive.
pub(crate) fn is_keras(file: &str, bytes: &[u8]) -> bool {
    Zip::is_one(bytes)
        && Zip::open(file, bytes)
            .is_ok_and(|zip| zip.names().any(|name| name == "model.weights.h5"))
}

/// Reads a whole-model `.h5`.
pub(crate) fn read_h5(file: &str, bytes: &[u8]) -> Result<Graph> {
    let hdf5 = open(file, bytes)?;
    let wrong = |e: hdf5_reader::error::Error| Error::unreadable(file, e.to_string());
    let root = hdf5.root_group().map_err(wrong)?;
    let config = text(&root, "model_config").ok_or_else(|| {
        let what = "a file of weights alone";
        Error::unsupported(file, what, "save the whole model: model.save(FILE)")
    })?;
    let config = json(file, config.as_bytes())?;
    let group = root.group("model_weights").map_err(wrong)?;
    let mut weights = LayerWeights::new();
    let mut total = 0;
    for layer in group.groups().map_err(wrong)? {
        let mut parts = Vec::new();
        tensors(file, &layer, &mut parts, &mut total, 0)?;
        weights.insert(layer.name().to_string(), parts);
    }
    keras::read(file, &config, &weights)
}

/// Reads a `.keras` archive.
pub(crate) fn read_keras(file: &str, bytes: &[u8]) -> Result<Graph> {
    let zip = Zip::open(file, bytes)?;
    let config = json(file, &zip.read("config.json")?)?;
    let contents = zip.read("model.weights.h5")?;
    let hdf5 = open(file, &contents)?;
    let wrong = |e: hdf5_reader::error::Error| Error::unreadable(file, e.to_string());
    let root = hdf5.root_group().map_err(wrong)?;
    let folders = numbered(&config);
    let mut weights = LayerWeights::new();
    let mut total = 0;
    let names = ["layers", "_layer_checkpoint_dependencies"];
    let Some(layers) = names.iter().find_map(|name| root.group(name).ok()) else {
        return Err(Error::unreadable(file, "its weights have no layers"));
    };
    for layer in layers.groups().map_err(wrong)? {
        let Ok(vars) = layer.group("vars") else {
            continue;
        };
        // Newer files say which layer it is; older ones count the layers of each class.
        let name = text(&vars, "name").or_else(|| folders.get(layer.name()).cloned());
        let Some(name) = name else {
            continue;
        };
        let mut parts = Vec::new();
        tensors(file, &vars, &mut parts, &mut total, 0)?;
        weights.insert(name, parts);
    }
    keras::read(file, &config, &weights)
}

/// The folder of each layer: its class in small letters, and its number among those of the class.
fn numbered(config: &Json) -> BTreeMap<String, String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut folders = BTreeMap::new();
    for layer in config["config"]["layers"].as_array().unwrap_or(&vec![]) {
        let class = snake_case(layer["class_name"].as_str().unwrap_or(""));
        let name = layer["config"]["name"].as_str().unwrap_or("");
        let number = counts.entry(class.clone()).or_default();
        let folder = match *number {
            0 => class,
            number => format!("{class}_{number}"),
        };
        *number += 1;
        folders.insert(folder, name.to_string());
    }
    folders
}

/// `Conv2DTranspose` as `conv2d_transpose`, as Keras does it.
fn snake_case(class: &str) -> String {
    let mut snake = String::new();
    let letters: Vec<char> = class.chars().take(200).collect();
    for (i, &letter) in letters.iter().enumerate() {
        let after_small = i > 0 && letters[i - 1].is_lowercase();
        let before_small = i > 0
            && letters[i - 1].is_ascii_alphanumeric()
            && letters.get(i + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_small || before_small) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn open(file: &str, bytes: &[u8]) -> Result<Hdf5File> {
    let options = OpenOptions::default()
        .with_max_read_bytes(MAX_BYTES)
        .with_max_chunk_bytes(MAX_BYTES);
    Hdf5File::from_bytes_with_options(bytes, options)
        .map_err(|e| Error::unreadable(file, e.to_string()))
}

fn json(file: &str, bytes: &[u8]) -> Result<Json> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::unreadable(file, format!("its description: {e}")))
}

/// An attribute that is one text, of fixed or of variable length.
fn text(group: &Group, name: &str) -> Option<String> {
    group.attribute(name).ok()?.read_string().ok()
}

/// All weights below a group, by the last part of their name.
fn tensors(
    file: &str,
    group: &Group,
    parts: &mut Vec<(String, Tensor)>,
    total: &mut usize,
    depth: usize,
) -> Result<()> {
    let wrong = |e: hdf5_reader::error::Error| Error::unreadable(file, e.to_string());
    let (groups, datasets) = group.members().map_err(wrong)?;
    for dataset in datasets {
        let name = dataset.name().trim_end_matches(":0").to_string();
        parts.push((name, tensor(file, &dataset, total)?));
    }
    if depth < MAX_DEPTH {
        for group in groups {
            tensors(file, &group, parts, total, depth + 1)?;
        }
    }
    Ok(())
}

fn tensor(file: &str, dataset: &Dataset, total: &mut usize) -> Result<Tensor> {
    let wrong = |reason: String| Error::unreadable(file, format!("{}: {reason}", dataset.name()));
    let side = |&side: &u64| usize::try_from(side).ok();
    let shape: Option<Vec<usize>> = dataset.shape().iter().map(side).collect();
    let len = shape.as_deref().and_then(count);
    let (Some(shape), Some(len)) = (shape, len) else {
        return Err(wrong("it is too large".into()));
    };
    *total += len;
    if *total > MAX_VALUES {
        return Err(Error::unsupported(
            file,
            "so large a file",
            "use a smaller model",
        ));
    }
    let floats = dataset
        .read_array::<f32>()
        .map(|array| array.into_iter().collect());
    let data: Vec<f32> = match floats {
        Ok(data) => data,
        Err(_) => {
            let doubles = dataset
                .read_array::<f64>()
                .map_err(|e| wrong(e.to_string()))?;
            doubles.into_iter().map(|value| value as f32).collect()
        }
    };
    match data.len() == len {
        true => Ok(Tensor { shape, data }),
        false => Err(wrong("it has fewer values than its shape says".into())),
    }
}
