//! Named tensors in the order of their file, and the safetensors among the files.

use crate::values::{Kind, MAX_VALUES, Tensor};
use crate::{Error, Result};
use safetensors::{Dtype, SafeTensors};

/// Tensors by name, in the order of the network's modules where the file keeps it.
pub(crate) type Named = Vec<(String, Tensor)>;

/// The field of a safetensors file's metadata that describes its layers, where vaelet has written it.
pub(crate) const LIKE: &str = "vaelet.like";

/// Reads a safetensors file and the description of its layers, if it has one, whose order by name is made that of numbers in names: 2
/// before 10.
pub(crate) fn safetensors(file: &str, bytes: &[u8]) -> Result<(Named, Option<String>)> {
    let wrong = |e: safetensors::SafeTensorError| Error::unreadable(file, e.to_string());
    let views = SafeTensors::deserialize(bytes).map_err(wrong)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(wrong)?;
    let like = metadata
        .metadata()
        .as_ref()
        .and_then(|fields| fields.get(LIKE).cloned());
    let (mut named, mut total) = (Named::new(), 0_usize);
    for (name, view) in views.iter() {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::F32,
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::Bf16,
            Dtype::F64 => Kind::F64,
            Dtype::I8 => Kind::I8,
            Dtype::U8 => Kind::U8,
            Dtype::I16 => Kind::I16,
            Dtype::I32 => Kind::I32,
            Dtype::I64 => Kind::I64,
            Dtype::BOOL => Kind::Bool,
            other => {
                let what = format!("{name} of type {other:?}");
                return Err(Error::unsupported(file, what, "store it as float32"));
            }
        };
        total = total.saturating_add(view.data().len() / kind.size());
        if total > MAX_VALUES {
            return Err(Error::unsupported(
                file,
                "so large a file",
                "use a smaller model",
            ));
        }
        let tensor = Tensor {
            shape: view.shape().to_vec(),
            data: kind.widen(view.data()),
        };
        named.push((name.to_string(), tensor));
    }
    named.sort_by_cached_key(|(name, _)| natural(name));
    Ok((named, like))
}

/// A key by which numbers in names are compared as numbers.
fn natural(name: &str) -> Vec<(u64, String)> {
    let part = |part: &str| match part.parse() {
        Ok(number) => (number, String::new()),
        Err(_) => (u64::MAX, part.to_string()),
    };
    name.split('.').map(part).collect()
}
