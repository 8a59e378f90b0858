//! `weights.safetensors` and `golden.safetensors`: named tensors, f16 or f32 on
//! disk, f32 in memory.

use crate::json::{Field, Value};
use crate::spec::product;
use crate::{Error, Params, Result, upsample};
use half::f16;
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
    /// Reads exactly the tensors of these names and shapes.
    ///
    /// # Errors
    /// [`Error::Syntax`] where the file is not safetensors; [`Error::Field`] where a
    /// tensor is missing, has another shape or type, holds a value that is not finite, or
    /// is asked for twice.
    pub fn read(file: &str, contents: &[u8], stored: Vec<(String, Vec<usize>)>) -> Result<Self> {
        let views = parse(file, contents)?;
        let mut tensors = Tensors::new();
        for (name, shape) in stored {
            let wrong = |expected: &str, found: &str| Error::field(file, &name, expected, found);
            let Some(view) = views.get(&name) else {
                return Err(wrong(&format!("a tensor of shape {shape:?}"), "none"));
            };
            if view.shape != shape {
                let shapes = [shape, view.shape.clone()].map(|shape| format!("shape {shape:?}"));
                return Err(wrong(&shapes[0], &shapes[1]));
            }
            let tensor = view.to_f32();
            if tensor.data.iter().any(|v| !v.is_finite()) {
                return Err(wrong("finite values", "NaN or infinity"));
            }
            if tensors.contains_key(&name) {
                return Err(wrong("one layer that reads it", "two"));
            }
            tensors.insert(name, tensor);
        }
        Ok(Self(tensors))
    }

    /// Makes the kernel of a step of that of the convolution after an upsampling.
    pub(crate) fn fold(&mut self, params: &Params) {
        if let Some(tensor) = self.0.get_mut(&params.weight_name()) {
            tensor.data = upsample::fold(&tensor.data);
            tensor.shape.clone_from(&params.weight);
        }
    }

    /// The values of a tensor.
    ///
    /// # Panics
    /// Where [`Weights::read`] was not asked for it.
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
/// [`Error::Syntax`] where it is not one; [`Error::Field`] for a type other than f16 and f32,
/// and for a tensor that does not lie where the header says.
pub fn read_tensors(file: &str, contents: &[u8]) -> Result<Tensors> {
    let tensors = parse(file, contents)?.into_iter();
    Ok(tensors.map(|(name, view)| (name, view.to_f32())).collect())
}

/// How a file stores values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Two bytes a value, rounded to nearest.
    F16,
    /// Four bytes a value.
    F32,
}

impl Precision {
    fn size(self) -> usize {
        match self {
            Self::F16 => size_of::<f16>(),
            Self::F32 => size_of::<f32>(),
        }
    }
}

/// Writes tensors as a safetensors file.
///
/// # Errors
/// [`Error::Syntax`] with the writer's reason; [`Error::Field`] where a value is too
/// large for the precision.
#[cfg(feature = "write")]
pub fn write_tensors(file: &str, tensors: &Tensors, precision: Precision) -> Result<Vec<u8>> {
    use safetensors::{Dtype, tensor::TensorView};
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

/// A tensor where it lies in the file.
struct View<'a> {
    precision: Precision,
    shape: Vec<usize>,
    bytes: &'a [u8],
}

/// Reads the header: its length in eight bytes, then JSON, then the values
/// (<https://github.com/huggingface/safetensors#format>).
fn parse<'a>(file: &str, contents: &'a [u8]) -> Result<BTreeMap<String, View<'a>>> {
    let syntax = |reason: &str| Error::Syntax {
        file: file.into(),
        reason: reason.into(),
    };
    let (length, rest) = contents
        .split_first_chunk()
        .ok_or_else(|| syntax("it is too short"))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let header = rest
        .get(..length)
        .ok_or_else(|| syntax("its header is cut short"))?;
    let values = &rest[length..];
    let header = str::from_utf8(header).map_err(|_| syntax("its header is not text"))?;
    let header = Value::parse(file, header)?;
    let mut views = BTreeMap::new();
    for (name, field) in Field::root(file, &header).object()?.fields() {
        if name != "__metadata__" {
            views.insert(name.into(), View::read(&field, values)?);
        }
    }
    Ok(views)
}

impl<'a> View<'a> {
    fn read(field: &Field<'_>, values: &'a [u8]) -> Result<Self> {
        let mut object = field.object()?;
        let dtype = object.take("dtype")?;
        let precision = match dtype.text()? {
            "F16" => Precision::F16,
            "F32" => Precision::F32,
            _ => return Err(dtype.wrong("F16 or F32")),
        };
        let shape = object.take("shape")?.list(Field::count)?;
        let offsets = object.take("data_offsets")?;
        let place = offsets.list(Field::count)?;
        object.finish()?;
        let bytes = match place[..] {
            [start, end] => values.get(start..end),
            _ => None,
        };
        let len = product(&shape).saturating_mul(precision.size());
        match bytes.filter(|bytes| bytes.len() == len) {
            Some(bytes) => Ok(Self {
                precision,
                shape,
                bytes,
            }),
            None => Err(offsets.wrong("the start and end of values of this shape")),
        }
    }

    fn to_f32(&self) -> Tensor {
        // Bytes of a safetensors file need not be aligned, so values are read one by one.
        let data = match self.precision {
            Precision::F16 => {
                let halves = self.bytes.as_chunks().0.iter();
                halves
                    .map(|&half| f16::from_le_bytes(half).to_f32())
                    .collect()
            }
            Precision::F32 => {
                let floats = self.bytes.as_chunks().0.iter();
                floats.map(|&float| f32::from_le_bytes(float)).collect()
            }
        };
        Tensor {
            shape: self.shape.clone(),
            data,
        }
    }
}
