//! TensorFlow.js: `model.json` and shards of weights, as a layers-model (Keras' layers) or as a
//! graph-model (TensorFlow's operators).

mod operators;

use super::constants::{Constant, Numbers, Value};
use super::keras::{self, LayerWeights};
use super::tensors::Named;
use crate::graph::{Graph, Order};
use crate::values::{Kind, MAX_VALUES, Tensor, count};
use crate::{Error, Result, Source};
use operators::Reader;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Most bytes of the description.
const MAX_JSON: usize = 1 << 24;

/// The description, if a file is one.
pub(crate) fn is_one(source: &Source) -> bool {
    source.name.ends_with(".json") && find(&source.bytes, b"\"weightsManifest\"")
}

fn find(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

/// Reads a network; `files` are all files, among them its shards.
pub(crate) fn read(source: &Source, files: &[Source]) -> Result<Graph> {
    let file = &source.name;
    if source.bytes.len() > MAX_JSON {
        return Err(Error::unreadable(file, "it is longer than 16 MiB"));
    }
    let json: Json = serde_json::from_slice(&source.bytes)
        .map_err(|e| Error::unreadable(file, format!("as JSON: {e}")))?;
    let weights = weights(source, &json, files)?;
    let topology = &json["modelTopology"];
    if topology["node"].is_array() {
        return graph(file, topology, weights);
    }
    let model = match &topology["model_config"] {
        Json::Null => topology,
        model => model,
    };
    let mut layers = LayerWeights::new();
    for (name, tensor) in weights {
        let (layer, part) = name.rsplit_once('/').unwrap_or(("", &name));
        // The layer's name is the last scope but for its own repetition.
        let layer = layer.rsplit('/').next().unwrap_or(layer);
        let part = part.trim_end_matches(":0").to_string();
        layers
            .entry(layer.to_string())
            .or_default()
            .push((part, tensor));
    }
    keras::read(file, model, &layers)
}

/// All weights, in the order of the manifest.
fn weights(source: &Source, json: &Json, files: &[Source]) -> Result<Named> {
    let file = source.name.as_str();
    let mut named = Named::new();
    let mut total = 0_usize;
    for group in json["weightsManifest"].as_array().unwrap_or(&vec![]) {
        let mut bytes = Vec::new();
        for path in group["paths"].as_array().unwrap_or(&vec![]) {
            let path = path.as_str().unwrap_or("");
            let name = path.rsplit('/').next().unwrap_or(path);
            let shard = source.beside(files, name);
            let shard = shard.ok_or_else(|| {
                Error::ask(
                    file,
                    format!("its weights, which are in {name}"),
                    format!("give {name} too"),
                )
            })?;
            if bytes.len() + shard.bytes.len() > 4 * MAX_VALUES {
                return Err(Error::unsupported(
                    file,
                    "so large a file",
                    "use a smaller model",
                ));
            }
            bytes.extend_from_slice(&shard.bytes);
        }
        let mut at = 0;
        for entry in group["weights"].as_array().unwrap_or(&vec![]) {
            let name = entry["name"].as_str().unwrap_or("").to_string();
            let wrong =
                |reason: &str| Error::unreadable(file, format!("its weight {name} {reason}"));
            let shape: Option<Vec<usize>> = entry["shape"].as_array().and_then(|sides| {
                let side = |side: &Json| usize::try_from(side.as_u64()?).ok();
                sides.iter().map(side).collect()
            });
            let shape = shape.ok_or_else(|| wrong("has no shape"))?;
            let len = count(&shape).ok_or_else(|| wrong("is too large"))?;
            total = total.saturating_add(len);
            if total > MAX_VALUES || shape.len() > 8 {
                return Err(wrong("is too large"));
            }
            let packed = &entry["quantization"];
            let kind = packed["dtype"].as_str().or(entry["dtype"].as_str());
            let kind = match kind.unwrap_or("") {
                "float32" => Kind::F32,
                "float16" => Kind::F16,
                "int32" => Kind::I32,
                "uint8" => Kind::U8,
                "uint16" => Kind::I16,
                "bool" => Kind::Bool,
                other => return Err(wrong(&format!("has the type {other}"))),
            };
            let end = at + len * kind.size();
            let stored = bytes
                .get(at..end)
                .ok_or_else(|| wrong("lies outside of its shards"))?;
            at = end;
            let mut data = kind.widen(stored);
            if kind == Kind::I16 {
                // Quantised values have no sign.
                data.iter_mut()
                    .filter(|v| **v < 0.0)
                    .for_each(|v| *v += 65_536.0);
            }
            if let Some(scale) = packed["scale"].as_f64() {
                let least = packed["min"].as_f64().unwrap_or(0.0);
                data.iter_mut()
                    .for_each(|v| *v = (f64::from(*v) * scale + least) as f32);
            }
            named.push((name, Tensor { shape, data }));
        }
    }
    Ok(named)
}

fn graph(file: &str, topology: &Json, weights: Named) -> Result<Graph> {
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    for (name, tensor) in weights {
        // Sizes are small whole numbers, which f32 has exactly.
        let constant = Constant {
            shape: tensor.shape,
            numbers: Numbers::Floats(tensor.data),
        };
        values.insert(name, Value::Constant(constant));
    }
    let mut reader = Reader {
        file,
        graph: Graph::new(file, Order::ChannelsLast),
        values,
    };
    let nodes = topology["node"].as_array().map_or(&[][..], Vec::as_slice);
    reader.read(nodes)?;
    Ok(reader.graph)
}
