//! Small models that together run every kernel. They are in `web/check/cases.json`, which the page
//! reads too. A test in the parent module names kernels that no case runs.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use vaelet_model::{
    Architecture, FORMAT, Model, Precision, Tensor, Tensors, WeightsFile, random, write_tensors,
};

const CASES: &str = include_str!("../../../web/check/cases.json");

/// A model without weights, with the batch sizes and precisions that run its kernels.
#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub batches: Vec<usize>,
    #[serde(deserialize_with = "precisions")]
    pub precisions: Vec<Precision>,
    input: Value,
    latent: usize,
    encoder: Value,
    decoder: Value,
}

/// Reads all cases.
///
/// # Errors
/// If `cases.json` is not valid.
pub fn all() -> Result<Vec<Case>> {
    serde_json::from_str(CASES).context("web/check/cases.json")
}

/// The name of a precision in `model.json`.
pub fn name(precision: Precision) -> &'static str {
    match precision {
        Precision::I8 => "i8",
        Precision::F16 => "f16",
        Precision::F32 => "f32",
    }
}

fn precisions<'de, D: serde::Deserializer<'de>>(names: D) -> Result<Vec<Precision>, D::Error> {
    let names = Vec::<String>::deserialize(names)?;
    let all = [Precision::I8, Precision::F16, Precision::F32];
    let find = |text: &String| all.into_iter().find(|known| name(*known) == text);
    let found: Option<Vec<_>> = names.iter().map(find).collect();
    found.ok_or_else(|| serde::de::Error::custom("unknown precision"))
}

impl Case {
    /// The model with random weights, scaled so that sums are about 1.
    pub fn model(&self, precision: Precision) -> Result<Model> {
        self.with_weights(precision, |_| {})
    }

    /// The model with f32 weights, of which one bias in `part`, "encoder" or "decoder", is changed.
    #[cfg(test)]
    pub fn wrong_model(&self, part: &str) -> Result<Model> {
        let architecture = Architecture::read(&self.describe(&WeightsFile::describe(FILE, &[]))?)?;
        let [encoder, decoder] = architecture.spec.chains()?;
        let chain = match part {
            "encoder" => encoder,
            _ => decoder,
        };
        let map = chain.steps.last().and_then(|step| step.map());
        let name = map.map(|(_, params)| params.bias_name());
        self.with_weights(Precision::F32, |tensors| {
            if let Some(tensor) = name.and_then(|name| tensors.get_mut(&name)) {
                tensor.data[0] += 0.1;
            }
        })
    }

    fn with_weights(
        &self,
        precision: Precision,
        change: impl FnOnce(&mut Tensors),
    ) -> Result<Model> {
        let architecture = Architecture::read(&self.describe(&WeightsFile::describe(FILE, &[]))?)?;
        let mut tensors = Tensors::new();
        let stored = architecture.params().flat_map(|params| params.stored());
        for (seed, (name, shape)) in stored.enumerate() {
            let len: usize = shape.iter().product();
            let sum = len / shape.last().copied().unwrap_or(1);
            let scale = 1.0 / (sum as f32).sqrt();
            let data = random::normals(seed as u64, len);
            let data = data.iter().map(|v| v * scale).collect();
            tensors.insert(name, Tensor { shape, data });
        }
        change(&mut tensors);
        let weights = write_tensors(FILE, &tensors, precision)?;
        let description = self.describe(&WeightsFile::describe(FILE, &weights))?;
        Ok(Model::read(&description, &weights)?)
    }

    /// `model.json`.
    fn describe(&self, weights: &WeightsFile) -> Result<String> {
        let description = json!({
            "format": FORMAT,
            "name": "check",
            "title": self.name,
            "input": self.input,
            "likelihood": { "kind": "gaussian", "sigma": 1.0 },
            "latents": [{ "name": "z", "size": self.latent, "prior": { "kind": "standard_normal" } }],
            "encoder": self.encoder,
            "decoder": self.decoder,
            "weights": {
                "file": weights.file,
                "bytes": weights.bytes,
                "sha256": weights.sha256,
                "precision": name(weights.precision),
            },
            "licence": "",
            "credit": "",
        });
        Ok(serde_json::to_string(&description)?)
    }
}

const FILE: &str = "weights.safetensors";
