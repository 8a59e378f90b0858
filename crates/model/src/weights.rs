//! `weights.safetensors` and `golden.safetensors`: named tensors, f16 or f32 on
//! disk, f32 in memory.

use crate::spec::product;
use crate::{Error, Graph, Result};
use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A tensor in f32, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Length of each dimension.
    pub shape: Vec<usize>,
    /// As many values as the shape says.
    pub data: Vec<f32>,
}

/// Every tensor of a safetensors file, by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// The parameters of a model: one weight and one bias for each step of its graphs.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights(Tensors);

impl Weights {
    /// Reads exactly the tensors that `graphs` name, with the shapes they expect.
    ///
    /// # Errors
    /// [`Error::Syntax`] where the file is not safetensors; [`Error::Field`] where a
    /// tensor is missing, has another shape or type, or holds a value that is not finite.
    pub fn read<'a>(
        file: &str,
        contents: &[u8],
        graphs: impl IntoIterator<Item = &'a Graph>,
    ) -> Result<Self> {
        let tensors = parse(file, contents)?;
        let mut weights = Tensors::new();
        for params in graphs.into_iter().flat_map(|g| &g.steps).map(|s| &s.params) {
            for (name, shape) in [
                (params.weight_name(), params.weight.as_slice()),
                (params.bias_name(), &[params.bias]),
            ] {
                let view = tensors.tensor(&name).map_err(|_| {
                    Error::field(file, &name, format!("a tensor of shape {shape:?}"), "none")
                })?;
                if view.shape() != shape {
                    let found = format!("{:?}", view.shape());
                    return Err(Error::field(file, &name, format!("shape {shape:?}"), found));
                }
                let tensor = to_f32(file, &name, &view)?;
                if let Some(bad) = tensor.data.iter().find(|v| !v.is_finite()) {
                    return Err(Error::field(file, name, "finite values", bad));
                }
                weights.insert(name, tensor);
            }
        }
        Ok(Self(weights))
    }

    /// The values of a tensor that the graphs name.
    ///
    /// # Panics
    /// Where no graph given to [`Weights::read`] names it.
    pub fn get(&self, name: &str) -> &[f32] {
        &self.0[name].data
    }

    /// All tensors, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

/// Reads every tensor of a safetensors file.
///
/// # Errors
/// [`Error::Syntax`] where it is not one; [`Error::Field`] for a type other than f16 and f32.
pub fn read_tensors(file: &str, contents: &[u8]) -> Result<Tensors> {
    let tensors = parse(file, contents)?;
    tensors
        .iter()
        .map(|(name, view)| Ok((name.to_string(), to_f32(file, name, &view)?)))
        .collect()
}

/// How [`write_tensors`] stores values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Two bytes a value, rounded to nearest.
    F16,
    /// Four bytes a value.
    F32,
}

/// Writes tensors as a safetensors file.
///
/// # Errors
/// [`Error::Syntax`] with the writer's reason; [`Error::Field`] where a value is too
/// large for the precision.
pub fn write_tensors(file: &str, tensors: &Tensors, precision: Precision) -> Result<Vec<u8>> {
    let mut bytes = BTreeMap::new();
    for (name, tensor) in tensors {
        let data: Vec<u8> = match precision {
            Precision::F32 => bytemuck::cast_slice(&tensor.data).to_vec(),
            Precision::F16 => {
                let halves: Vec<f16> = tensor.data.iter().map(|&v| f16::from_f32(v)).collect();
                if let Some(i) = halves.iter().position(|v| !v.is_finite()) {
                    return Err(Error::field(
                        file,
                        name,
                        "values that fit f16",
                        tensor.data[i],
                    ));
                }
                bytemuck::cast_slice(&halves).to_vec()
            }
        };
        bytes.insert(name, (tensor.shape.clone(), data));
    }
    let dtype = match precision {
        Precision::F16 => Dtype::F16,
        Precision::F32 => Dtype::F32,
    };
    let syntax = |e: safetensors::SafeTensorError| Error::Syntax {
        file: file.into(),
        reason: e.to_string(),
    };
    let views = bytes
        .iter()
        .map(|(name, (shape, data))| Ok((name, TensorView::new(dtype, shape.clone(), data)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(syntax)?;
    safetensors::serialize(views, None).map_err(syntax)
}

/// SHA-256 of `contents`, in lower-case hexadecimal.
pub fn sha256_hex(contents: &[u8]) -> String {
    Sha256::digest(contents)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn parse<'a>(file: &str, contents: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(contents).map_err(|e| Error::Syntax {
        file: file.into(),
        reason: e.to_string(),
    })
}

fn to_f32(file: &str, name: &str, view: &TensorView<'_>) -> Result<Tensor> {
    // Bytes of a safetensors file need not be aligned, so values are read one by one.
    let data: Vec<f32> = match view.dtype() {
        Dtype::F16 => view
            .data()
            .chunks_exact(2)
            .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        Dtype::F32 => view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        other => {
            return Err(Error::field(file, name, "f16 or f32", format!("{other:?}")));
        }
    };
    debug_assert_eq!(data.len(), product(view.shape()), "checked by safetensors");
    Ok(Tensor {
        shape: view.shape().to_vec(),
        data,
    })
}
