//! PyTorch's `.pt` and `.pth`: a zip file with a pickle and a file for each storage, or the older
//! container, which is five pickles and then the storages.

use super::pickle::{self, Pickle, StoredTensor, Value, storage_kind};
use super::tensors::Named;
use super::zip::Zip;
use crate::values::{MAX_VALUES, Tensor, count};
use crate::{Error, Result};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The first pickle of the older container: a protocol and this number.
const MAGIC: &[u8] = &[
    0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.',
];

/// Names under which training loops keep the weights beside other things.
const WEIGHTS: [&str; 9] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "vae_state_dict",
    "vae",
    "net",
    "ema",
    "weights",
];

/// Whether a file is one of the two.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || (Zip::is_one(bytes) && has_pickle(bytes))
}

fn has_pickle(bytes: &[u8]) -> bool {
    Zip::open("", bytes).is_ok_and(|zip| zip.names().any(|name| name.ends_with("data.pkl")))
}

/// Reads the tensors of a checkpoint.
pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Named> {
    match bytes.starts_with(MAGIC) {
        true => read_old(file, bytes),
        false => read_zip(file, bytes),
    }
}

fn read_zip(file: &str, bytes: &[u8]) -> Result<Named> {
    let zip = Zip::open(file, bytes)?;
    let found = zip.names().find(|name| name.ends_with("data.pkl"));
    let name = found.ok_or_else(|| Error::unreadable(file, "data.pkl is missing in it"))?;
    let root = name.trim_end_matches("data.pkl").to_string();
    if zip
        .names()
        .any(|name| name.ends_with("constants.pkl") && name.starts_with(&root))
        && zip
            .names()
            .any(|name| name.starts_with(&format!("{root}code/")))
    {
        let instead = "save the weights alone: torch.save(model.state_dict(), FILE)";
        return Err(Error::unsupported(file, "TorchScript", instead));
    }
    if zip.names().any(|name| name == format!("{root}byteorder"))
        && *zip.read(&format!("{root}byteorder"))? != *b"little"
    {
        let instead = "save it on a little-endian machine";
        return Err(Error::unsupported(file, "big-endian numbers", instead));
    }
    let pickled = zip.read(name)?;
    let pickle = pickle::read(file, &pickled)?;
    let mut cache: BTreeMap<String, Cow<'_, [u8]>> = BTreeMap::new();
    collect(file, &pickle, &mut |key| {
        if let Some(found) = cache.get(key) {
            return Ok(found.clone());
        }
        let contents = zip.read(&format!("{root}data/{key}"))?;
        if let Cow::Owned(_) = contents {
            cache.insert(key.into(), contents.clone());
        }
        Ok(contents)
    })
}

fn read_old(file: &str, bytes: &[u8]) -> Result<Named> {
    let mut at = MAGIC.len();
    let next = |at: &mut usize| -> Result<Pickle> {
        let pickle = pickle::read(file, bytes.get(*at..).unwrap_or(&[]))?;
        *at += pickle.end;
        Ok(pickle)
    };
    next(&mut at)?; // protocol
    next(&mut at)?; // about the machine
    let contents = next(&mut at)?;
    let keys = next(&mut at)?;
    let kinds = kinds(&contents);
    let wrong = |reason: &str| Error::unreadable(file, reason);
    let mut storages: BTreeMap<String, &[u8]> = BTreeMap::new();
    for key in keys.list(&keys.value).unwrap_or(&[]) {
        let Value::Text(key) = key else {
            return Err(wrong("the name of a storage is no text"));
        };
        let length = bytes
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok());
        let length = length.map(u64::from_le_bytes);
        let length = length.and_then(|length| usize::try_from(length).ok());
        let size = kinds.get(key).map_or(4, |kind| kind.size());
        let end = length
            .and_then(|length| length.checked_mul(size)?.checked_add(at + 8))
            .filter(|&end| end <= bytes.len());
        let end = end.ok_or_else(|| wrong("it has been cut short"))?;
        storages.insert(key.clone(), &bytes[at + 8..end]);
        at = end;
    }
    collect(file, &contents, &mut |key| {
        let found = storages.get(key).copied();
        found
            .map(Cow::from)
            .ok_or_else(|| wrong("a storage is missing in it"))
    })
}

/// The type of each storage.
fn kinds(pickle: &Pickle) -> BTreeMap<String, crate::values::Kind> {
    let mut kinds = BTreeMap::new();
    let mut note = |value: &Value| {
        if let Value::Tensor(tensor) = value
            && let Some(kind) = storage_kind(&tensor.storage.kind)
        {
            kinds.insert(tensor.storage.key.clone(), kind);
        }
    };
    for container in &pickle.containers {
        match container {
            pickle::Container::Dict(entries) => entries.iter().for_each(|(_, v)| note(v)),
            pickle::Container::List(values) => values.iter().for_each(&mut note),
        }
    }
    kinds
}

/// The tensors of the dictionary of weights.
fn collect<'a>(
    file: &str,
    pickle: &Pickle,
    storage: &mut dyn FnMut(&str) -> Result<Cow<'a, [u8]>>,
) -> Result<Named> {
    let no_weights = || {
        let what = "a file without a dictionary of tensors";
        Error::unsupported(file, what, "save model.state_dict()")
    };
    let mut dict = pickle.dict(&pickle.value).ok_or_else(no_weights)?;
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    };
    let has_tensors = |dict: &[(Value, Value)]| {
        let mut values = dict.iter();
        values.any(|(_, value)| matches!(value, Value::Tensor(_)))
    };
    for _ in 0..4 {
        if has_tensors(dict) {
            break;
        }
        let inner = WEIGHTS.iter().find_map(|known| {
            let (_, value) = dict
                .iter()
                .find(|(key, _)| text(key).as_deref() == Some(known))?;
            pickle.dict(value)
        });
        // A checkpoint of two networks has a dictionary for each.
        match inner {
            Some(inner) => dict = inner,
            None => break,
        }
    }
    let mut named = Named::new();
    let mut total = 0;
    let mut add = |prefix: &str, dict: &[(Value, Value)]| -> Result<()> {
        for (key, value) in dict {
            if let (Some(name), Value::Tensor(tensor)) = (text(key), value) {
                let data = tensor_values(file, &name, tensor, storage, &mut total)?;
                named.push((format!("{prefix}{name}"), data));
            }
        }
        Ok(())
    };
    add("", dict)?;
    if !has_tensors(dict) {
        for (key, value) in dict {
            if let (Some(name), Some(inner)) = (text(key), pickle.dict(value))
                && !name.contains("optim")
                && !name.contains("sched")
            {
                add(&format!("{name}."), inner)?;
            }
        }
    }
    match named.is_empty() {
        true => Err(no_weights()),
        false => Ok(named),
    }
}

fn tensor_values<'a>(
    file: &str,
    name: &str,
    tensor: &StoredTensor,
    storage: &mut dyn FnMut(&str) -> Result<Cow<'a, [u8]>>,
    total: &mut usize,
) -> Result<Tensor> {
    let wrong = |reason: &str| Error::unreadable(file, format!("{name} {reason}"));
    let kind = storage_kind(&tensor.storage.kind).ok_or_else(|| wrong("has an unknown type"))?;
    let len = count(&tensor.shape).ok_or_else(|| wrong("is too large"))?;
    *total += len;
    if *total > MAX_VALUES {
        return Err(Error::unsupported(
            file,
            "so large a file",
            "use a smaller model",
        ));
    }
    let bytes = storage(&tensor.storage.key)?;
    // The last value of the view has to be inside of its storage.
    let mut last = tensor.offset;
    for (&side, &stride) in tensor.shape.iter().zip(&tensor.strides) {
        let step = side.saturating_sub(1).saturating_mul(stride);
        last = last.saturating_add(step);
    }
    if len > 0 && last >= bytes.len() / kind.size() {
        return Err(wrong("lies outside of its storage"));
    }
    let contiguous = crate::values::strides(&tensor.shape) == tensor.strides;
    let shape = tensor.shape.clone();
    if contiguous || len <= 1 {
        let from = tensor.offset * kind.size();
        let data = kind.widen(&bytes[from..][..len * kind.size()]);
        return Ok(Tensor { shape, data });
    }
    let mut gathered = Vec::with_capacity(len * kind.size());
    for i in crate::values::indices(&tensor.shape, &tensor.strides) {
        let from = (tensor.offset + i) * kind.size();
        gathered.extend_from_slice(&bytes[from..][..kind.size()]);
    }
    let data = kind.widen(&gathered);
    Ok(Tensor { shape, data })
}
