//! `weights.safetensors` and `golden.safetensors`: named tensors; i8 with scales, f16 or f32 on
//! disk, f32 in memory.

use super::description::product;
#[cfg(feature = "write")]
use super::json::quote;
use super::json::{Field, Value};
use crate::graph::upsample;
use crate::{Error, Params, Result, WeightsFile};
use half::f16;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// What the name of a tensor of scales ends with.
const SCALE: &str = ".scale";

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
    /// No parameters yet: [`Weights::insert`] adds them one by one.
    pub(crate) fn empty() -> Self {
        Self(Tensors::new())
    }

    /// Reads the tensor of this name and shape from the `contents` of the file that `described`
    /// is about, of which `views` says what lies where.
    ///
    /// # Errors
    /// [`Error::Field`] where the tensor is missing, has another shape or type or a wider one
    /// than is described, holds a value that is not finite, or is asked for twice.
    pub(crate) fn insert(
        &mut self,
        described: &WeightsFile,
        contents: &[u8],
        views: &Views,
        (name, shape): (String, Vec<usize>),
    ) -> Result<()> {
        let file = &described.file;
        let wrong = |expected: &str, found: &str| Error::field(file, &name, expected, found);
        let Some(view) = views.get(&name) else {
            return Err(wrong(&format!("a tensor of shape {shape:?}"), "none"));
        };
        if view.shape != shape {
            let shapes = [shape, view.shape.clone()].map(|shape| format!("shape {shape:?}"));
            return Err(wrong(&shapes[0], &shapes[1]));
        }
        if view.precision == Precision::F32 && described.precision != Precision::F32 {
            return Err(wrong("I8 or F16, as model.json says", "F32"));
        }
        if self.0.contains_key(&name) {
            return Err(wrong("one layer that reads it", "two"));
        }
        let tensor = view.dequantize(file, &name, contents, views)?;
        if tensor.data.iter().any(|v| !v.is_finite()) {
            return Err(wrong("finite values", "NaN or infinity"));
        }
        self.0.insert(name, tensor);
        Ok(())
    }

    /// Makes the kernel of a step of that of the convolution after an upsampling.
    pub(crate) fn fold(&mut self, params: &Params) {
        if let Some(tensor) = self.0.get_mut(&params.weight_name()) {
            tensor.data = upsample::fold(&tensor.data);
            tensor.shape.clone_from(&params.weight);
        }
    }

    /// Of tensors in memory, as the maps of `params` have them.
    pub fn of<'a>(tensors: Tensors, params: impl Iterator<Item = &'a Params>) -> Self {
        let mut weights = Self(tensors);
        for params in params.filter(|params| params.upsampled) {
            weights.fold(params);
        }
        weights
    }

    /// Overwrites the weight of a map with that in its file, `values`.
    pub fn set_weight(&mut self, params: &Params, values: &[f32]) {
        if let Some(tensor) = self.0.get_mut(&params.weight_name()) {
            if params.upsampled {
                tensor.data = upsample::fold(values);
            } else {
                tensor.data.copy_from_slice(values);
            }
        }
    }

    /// Overwrites the bias of a map.
    pub fn set_bias(&mut self, params: &Params, values: &[f32]) {
        if let Some(tensor) = self.0.get_mut(&params.bias_name()) {
            tensor.data.copy_from_slice(values);
        }
    }

    /// The values of a tensor.
    ///
    /// # Panics
    /// Where no layer of the model reads it.
    pub fn get(&self, name: &str) -> &[f32] {
        &self.0[name].data
    }

    /// The weight of a map as the map has it: for an adjoint, inputs and outputs have changed
    /// places.
    ///
    /// # Panics
    /// Where no layer of the model reads it.
    pub fn weight(&self, params: &Params) -> Cow<'_, [f32]> {
        let values = self.get(&params.weight_name());
        match params.weight[..] {
            [.., inputs, outputs] if params.adjoint => turned(values, inputs, outputs).into(),
            _ => values.into(),
        }
    }

    /// The biases of a map, if it has any.
    ///
    /// # Panics
    /// Where no layer of the model reads them.
    pub fn bias(&self, params: &Params) -> Option<&[f32]> {
        (params.bias > 0).then(|| self.get(&params.bias_name()))
    }

    /// All tensors, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

/// Matrices of `inputs` × `outputs` end to end, each transposed.
fn turned(matrices: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let mut turned = Vec::with_capacity(matrices.len());
    for matrix in matrices.chunks_exact(inputs * outputs) {
        for output in 0..outputs {
            turned.extend(matrix.iter().skip(output).step_by(outputs));
        }
    }
    turned
}

/// Reads every tensor of a safetensors file.
///
/// # Errors
/// [`Error::Syntax`] where it is not one; [`Error::Field`] for a type other than i8, f16 and f32,
/// for a tensor that does not lie where the header says, and for one of i8 without scales.
pub fn read_tensors(file: &str, contents: &[u8]) -> Result<Tensors> {
    let views = parse(file, contents)?;
    let tensors = views.iter().map(|(name, view)| {
        let tensor = view.dequantize(file, name, contents, &views)?;
        Ok((name.clone(), tensor))
    });
    tensors.collect()
}

/// How a file stores values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Weights in one byte a value and, in a tensor called `<name>.scale`, an f16 for each column
    /// (the last dimension) to multiply it with; the product counts as rounded to f16. Biases and
    /// priors are stored as [`Precision::F16`].
    I8,
    /// Two bytes a value, rounded to nearest.
    F16,
    /// Four bytes a value.
    F32,
}

impl Precision {
    /// That of the widest weights in a file; the widest of all where it is not safetensors.
    pub(crate) fn of(file: &str, contents: &[u8]) -> Self {
        let views = parse(file, contents).unwrap_or_default();
        let has = |precision: &Self| views.values().any(|view| view.precision == *precision);
        // An i8 comes with f16 for its scales, and so do its biases.
        [Self::F32, Self::I8, Self::F16]
            .into_iter()
            .find(has)
            .unwrap_or(Self::F32)
    }

    /// Reads its name in `model.json`, or in the header of a weights file.
    pub(crate) fn read(field: &Field<'_>) -> Result<Self> {
        match field.text()? {
            "i8" | "I8" => Ok(Self::I8),
            "f16" | "F16" => Ok(Self::F16),
            "f32" | "F32" => Ok(Self::F32),
            _ => Err(field.wrong("i8, f16 or f32")),
        }
    }

    fn size(self) -> usize {
        match self {
            Self::I8 => size_of::<i8>(),
            Self::F16 => size_of::<f16>(),
            Self::F32 => size_of::<f32>(),
        }
    }
}

/// Writes tensors as a safetensors file: wide values before narrow ones, so that all are aligned.
///
/// # Errors
/// [`Error::Field`] where a value is too large for the precision.
#[cfg(feature = "write")]
pub fn write_tensors(file: &str, tensors: &Tensors, precision: Precision) -> Result<Vec<u8>> {
    let halves = |name: &str, values: &[f32]| {
        let halves: Vec<f16> = values.iter().map(|&v| f16::from_f32(v)).collect();
        match halves.iter().position(|v| !v.is_finite()) {
            Some(_) => Err(Error::field(
                file,
                name,
                "values that fit f16",
                "one that does not",
            )),
            None => Ok(halves),
        }
    };
    let mut wide = Stored::new("F32");
    let mut half = Stored::new("F16");
    let mut narrow = Stored::new("I8");
    for (name, Tensor { shape, data }) in tensors {
        match (precision, &shape[..]) {
            (Precision::F32, _) => wide.push(name, shape, bytemuck::cast_slice(data)),
            (Precision::I8, &[_, .., columns]) if name.ends_with(".weight") => {
                halves(name, data)?;
                let (values, scales) = quantize(data, columns);
                narrow.push(name, shape, bytemuck::cast_slice(&values));
                let name = [name, SCALE].concat();
                half.push(&name, &[columns], bytemuck::cast_slice(&scales));
            }
            _ => half.push(name, shape, bytemuck::cast_slice(&halves(name, data)?)),
        }
    }
    let mut header = String::new();
    let mut values = Vec::new();
    for Stored { kind, list } in [wide, half, narrow] {
        for (name, shape, bytes) in list {
            header.push(if header.is_empty() { '{' } else { ',' });
            quote(&name, &mut header);
            let range = [values.len(), values.len() + bytes.len()];
            let [shape, range] = [&shape[..], &range].map(|numbers| {
                let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
                numbers.join(",")
            });
            header += ":{\"dtype\":\"";
            header += kind;
            header += "\",\"shape\":[";
            header += &shape;
            header += "],\"data_offsets\":[";
            header += &range;
            header += "]}";
            values.extend(bytes);
        }
    }
    header += if header.is_empty() { "{}" } else { "}" };
    while !header.len().is_multiple_of(size_of::<u64>()) {
        header.push(' ');
    }
    let length = header.len() as u64;
    Ok([&length.to_le_bytes(), header.as_bytes(), &values].concat())
}

/// Tensors of one type, as they are written: name, shape and bytes of each.
#[cfg(feature = "write")]
struct Stored {
    kind: &'static str,
    list: Vec<(String, Vec<usize>, Vec<u8>)>,
}

#[cfg(feature = "write")]
impl Stored {
    fn new(kind: &'static str) -> Self {
        Self {
            kind,
            list: Vec::new(),
        }
    }

    fn push(&mut self, name: &str, shape: &[usize], bytes: &[u8]) {
        self.list.push((name.into(), shape.into(), bytes.into()));
    }
}

/// The nearest multiples of a scale for each column, and the scales: a 127th of the column's
/// largest value.
#[cfg(feature = "write")]
fn quantize(data: &[f32], columns: usize) -> (Vec<i8>, Vec<f16>) {
    let mut largest = vec![0.0_f32; columns];
    for (i, value) in data.iter().enumerate() {
        largest[i % columns] = largest[i % columns].max(value.abs());
    }
    let scales: Vec<f16> = largest
        .iter()
        .map(|largest| f16::from_f32(largest / f32::from(i8::MAX)))
        .collect();
    let round = |(value, scale): (&f32, &f16)| match scale.to_f32() {
        0.0 => 0,
        scale => (value / scale).round() as i8, // saturates
    };
    let values = data.iter().zip(scales.iter().cycle()).map(round).collect();
    (values, scales)
}

/// SHA-256 of `contents`, in lower-case hexadecimal.
pub fn sha256_hex(contents: &[u8]) -> String {
    hex(Sha256::new_with_prefix(contents))
}

/// What a digest comes to, in lower-case hexadecimal.
pub(crate) fn hex(digest: Sha256) -> String {
    digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Where each tensor of a file lies, by name.
pub(crate) type Views = BTreeMap<String, View>;

/// Where a tensor lies in its file.
pub(crate) struct View {
    precision: Precision,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

/// Reads the header: its length in eight bytes, then JSON, then the values
/// (<https://github.com/huggingface/safetensors#format>).
pub(crate) fn parse(file: &str, contents: &[u8]) -> Result<Views> {
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
    let values = contents.len() - rest.len() + length..contents.len();
    let header = str::from_utf8(header).map_err(|_| syntax("its header is not text"))?;
    let header = Value::parse(file, header)?;
    let mut views = Views::new();
    let mut end = 0;
    for (name, field) in Field::root(file, &header).object()?.fields() {
        if name != "__metadata__" {
            let view = View::read(&field, &values, &mut end)?;
            if views.insert(name.into(), view).is_some() {
                return Err(field.wrong("one tensor of this name"));
            }
        }
    }
    if end != values.len() {
        let expected = format!("tensors of {} bytes", values.len());
        return Err(Error::field(file, "data_offsets", expected, end));
    }
    Ok(views)
}

impl View {
    /// Reads an entry of the header of a file whose `values` lie there.
    ///
    /// Tensors lie end to end in the order of the header, as every writer leaves them: of those
    /// that share bytes a small file could hold gigabytes. `end` is where the last one ended.
    fn read(field: &Field<'_>, values: &Range<usize>, end: &mut usize) -> Result<Self> {
        let mut object = field.object()?;
        let precision = Precision::read(&object.take("dtype")?)?;
        let shape = object.take("shape")?.list(Field::count)?;
        let offsets = object.take("data_offsets")?;
        let place = offsets.list(Field::count)?;
        object.finish()?;
        let bytes = match place[..] {
            [from, to] if from == *end && from <= to && to <= values.len() => {
                Some(values.start + from..values.start + to)
            }
            _ => None,
        };
        let len = product(&shape).saturating_mul(precision.size());
        match bytes.filter(|bytes| bytes.len() == len) {
            Some(bytes) => {
                *end += len;
                Ok(Self {
                    precision,
                    shape,
                    bytes,
                })
            }
            None => Err(offsets.wrong("start and end of values of this shape, after those before")),
        }
    }

    /// The values of the tensor `name`, times their scales if they have some.
    fn dequantize(&self, file: &str, name: &str, contents: &[u8], views: &Views) -> Result<Tensor> {
        let mut data = self.values(contents);
        if self.precision == Precision::I8 {
            let name = [name, SCALE].concat();
            let scales = views
                .get(&name)
                .filter(|scales| {
                    scales.shape[..] == self.shape[self.shape.len().saturating_sub(1)..]
                })
                .ok_or_else(|| Error::field(file, &name, "a scale for each column", "none"))?
                .values(contents);
            for (value, scale) in data.iter_mut().zip(scales.iter().cycle()) {
                *value = f16::from_f32(*value * scale).to_f32();
            }
        }
        Ok(Tensor {
            shape: self.shape.clone(),
            data,
        })
    }

    /// Numbers as they are stored.
    fn values(&self, contents: &[u8]) -> Vec<f32> {
        // Bytes of a safetensors file need not be aligned, so values are read one by one.
        let values = contents[self.bytes.clone()].chunks(self.precision.size());
        let value = |bytes: &[u8]| match *bytes {
            [a] => f32::from(a.cast_signed()),
            [a, b] => f16::from_le_bytes([a, b]).to_f32(),
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            _ => unreachable!("no precision has such a size"),
        };
        values.map(value).collect()
    }
}
