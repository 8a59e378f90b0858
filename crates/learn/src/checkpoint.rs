//! A run as bytes: its description, its settings, its parameters and the moments of their gradients.

use crate::trainer::Numbers;
use crate::{Augmentation, Error, Result, Settings};
use vaelet_model::ModelSpec;

/// The first bytes of every checkpoint.
const MAGIC: &[u8; 8] = b"vaelet\x00\x01";
/// More values than any network that is trained in a browser has.
const MOST: usize = 1 << 26;

/// The bytes of a checkpoint: the description with its length, settings, then all values as f32,
/// little-endian.
///
/// # Errors
/// A description that cannot be written.
pub fn write(spec: &ModelSpec, settings: &Settings, state: &Numbers) -> Result<Vec<u8>> {
    let json = spec.to_json()?;
    let mut bytes = MAGIC.to_vec();
    let whole = |bytes: &mut Vec<u8>, value: u64| bytes.extend(value.to_le_bytes());
    let Settings {
        batch,
        rate,
        beta,
        warm_up,
        free,
        seed,
        augmentation,
        binarize,
    } = *settings;
    for value in [
        json.len() as u64,
        state.values[0].len() as u64,
        state.steps.into(),
        batch as u64,
        warm_up.into(),
        seed,
        augmentation as u64,
        binarize.into(),
    ] {
        whole(&mut bytes, value);
    }
    for value in [rate, beta, free, state.sigma] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(json.as_bytes());
    for values in &state.values {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(bytes)
}

/// What [`write()`] has written.
///
/// # Errors
/// [`Error::Checkpoint`] with what is wrong.
pub fn read(bytes: &[u8]) -> Result<(ModelSpec, Settings, Numbers)> {
    let mut reader = Reader(bytes);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(Error::Checkpoint(
            "its first bytes are those of another file",
        ));
    }
    let mut header = [0; 8];
    for value in &mut header {
        *value = reader.whole()?;
    }
    let [
        json,
        len,
        steps,
        batch,
        warm_up,
        seed,
        augmentation,
        binarize,
    ] = header;
    let small = |value: u64| {
        let value = usize::try_from(value).ok().filter(|&value| value <= MOST);
        value.ok_or(Error::Checkpoint("a number in it is too large"))
    };
    let count = |value: u64| {
        u32::try_from(value).map_err(|_| Error::Checkpoint("a number in it is too large"))
    };
    let settings = Settings {
        batch: small(batch)?,
        rate: reader.number()?,
        beta: reader.number()?,
        free: reader.number()?,
        warm_up: count(warm_up)?,
        seed,
        augmentation: match augmentation {
            0 => Augmentation::None,
            1 => Augmentation::Drawing,
            2 => Augmentation::Picture,
            _ => return Err(Error::Checkpoint("its augmentation is not known here")),
        },
        binarize: binarize == 1,
    };
    let sigma = reader.number()?;
    let text = std::str::from_utf8(reader.take(small(json)?)?);
    let text = text.map_err(|_| Error::Checkpoint("its description is no text"))?;
    let spec = ModelSpec::parse(text)?;
    let len = small(len)?;
    let mut values: [Vec<f32>; 4] = Default::default();
    for values in &mut values {
        let bytes = reader.take(4 * len)?.as_chunks().0;
        values.extend(bytes.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        if !values.iter().all(|value| value.is_finite()) {
            return Err(Error::Checkpoint("a value in it is not a number"));
        }
    }
    if !reader.0.is_empty() {
        return Err(Error::Checkpoint("it is longer than it says"));
    }
    let steps = count(steps)?;
    settings.check()?;
    Ok((
        spec,
        settings,
        Numbers {
            values,
            steps,
            sigma,
        },
    ))
}

/// The bytes that have not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let parts = self.0.split_at_checked(len);
        let (taken, rest) = parts.ok_or(Error::Checkpoint("it is shorter than it says"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn whole(&mut self) -> Result<u64> {
        let bytes = self.take(8)?.first_chunk().copied().unwrap_or_default();
        Ok(u64::from_le_bytes(bytes))
    }

    fn number(&mut self) -> Result<f32> {
        let bytes = self.take(4)?.first_chunk().copied().unwrap_or_default();
        Ok(f32::from_le_bytes(bytes))
    }
}
