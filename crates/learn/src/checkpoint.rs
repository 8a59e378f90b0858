//! A run as bytes: its design, its settings, its parameters and the moments of their gradients.

use crate::parameters::Values;
use crate::trainer::Numbers;
use crate::{Augmentation, Design, Error, Judging, Network, Result, Settings};
use vaelet_model::{ImageShape, Likelihood};

/// The first bytes of every checkpoint.
const MAGIC: &[u8; 8] = b"vaelet\x00\x02";
/// Number of whole numbers at the beginning.
const WHOLES: usize = 17;
/// More values than any network that is trained in a browser has.
const MOST: usize = 1 << 26;

/// The bytes of a checkpoint: whole numbers, numbers, two names with their lengths, then all values as f32,
/// little-endian.
pub fn write(design: &Design, settings: &Settings, state: &Numbers) -> Vec<u8> {
    let ImageShape {
        channels,
        height,
        width,
    } = design.shape;
    let wholes: [u64; WHOLES] = [
        design.one.len() as u64,
        design.many.len() as u64,
        design.network as u64,
        design.latents as u64,
        channels as u64,
        height as u64,
        width as u64,
        (design.likelihood != Likelihood::Bernoulli).into(),
        state.values[0].len() as u64,
        state.steps.into(),
        settings.batch as u64,
        settings.warm_up.into(),
        settings.seed,
        settings.augmentation as u64,
        settings.binarize.into(),
        settings.judging as u64,
        state.judge[0].len() as u64,
    ];
    let mut bytes = MAGIC.to_vec();
    bytes.extend(wholes.iter().flat_map(|value| value.to_le_bytes()));
    for value in [settings.rate, settings.beta, settings.free, state.sigma] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(design.one.bytes().chain(design.many.bytes()));
    for values in state.values.iter().chain(&state.judge) {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes
}

/// What [`write()`] has written.
///
/// # Errors
/// [`Error::Checkpoint`] with what is wrong.
pub fn read(bytes: &[u8]) -> Result<(Design, Settings, Numbers)> {
    let mut reader = Reader(bytes);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(Error::Checkpoint(
            "its first bytes are those of another file",
        ));
    }
    let mut wholes = [0; WHOLES];
    for value in &mut wholes {
        *value = reader.whole()?;
    }
    let [
        one,
        many,
        network,
        latents,
        channels,
        height,
        width,
        gaussian,
        rest @ ..,
    ] = wholes;
    let [
        len,
        steps,
        batch,
        warm_up,
        seed,
        augmentation,
        binarize,
        judging,
        judges,
    ] = rest;
    let [rate, beta, free, sigma] = [
        reader.number()?,
        reader.number()?,
        reader.number()?,
        reader.number()?,
    ];
    let mut text = |len: u64| -> Result<String> {
        let text = str::from_utf8(reader.take(small(len)?)?);
        Ok(text
            .map_err(|_| Error::Checkpoint("a name in it is no text"))?
            .to_owned())
    };
    let design = Design {
        one: text(one)?,
        many: text(many)?,
        network: match network {
            0 => Network::Mlp,
            1 => Network::Convolutional,
            _ => return Err(Error::Checkpoint("its network is not known here")),
        },
        latents: small(latents)?,
        shape: ImageShape {
            channels: small(channels)?,
            height: small(height)?,
            width: small(width)?,
        },
        likelihood: match gaussian {
            0 => Likelihood::Bernoulli,
            _ => Likelihood::Gaussian { sigma },
        },
    };
    let settings = Settings {
        batch: small(batch)?,
        rate,
        beta,
        free,
        warm_up: small(warm_up)? as u32,
        seed,
        augmentation: match augmentation {
            0 => Augmentation::None,
            1 => Augmentation::Drawing,
            2 => Augmentation::Picture,
            _ => return Err(Error::Checkpoint("its augmentation is not known here")),
        },
        binarize: binarize == 1,
        judging: match judging {
            0 => Judging::None,
            1 => Judging::Beside,
            2 => Judging::Alone,
            _ => return Err(Error::Checkpoint("its judge is not known here")),
        },
    };
    let steps = small(steps)? as u32;
    let values = reader.values(small(len)?)?;
    let judge = reader.values(small(judges)?)?;
    if !reader.0.is_empty() {
        return Err(Error::Checkpoint("it is longer than it says"));
    }
    Ok((
        design,
        settings,
        Numbers {
            values,
            judge,
            steps,
            sigma,
        },
    ))
}

fn small(value: u64) -> Result<usize> {
    let value = usize::try_from(value).ok().filter(|&value| value <= MOST);
    value.ok_or(Error::Checkpoint("a number in it is too large"))
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

    fn values(&mut self, len: usize) -> Result<Values> {
        let mut all = Values::default();
        for values in &mut all {
            let bytes = self.take(4 * len)?.as_chunks().0;
            values.extend(bytes.iter().map(|&bytes| f32::from_le_bytes(bytes)));
            if !values.iter().all(|value| value.is_finite()) {
                return Err(Error::Checkpoint("a value in it is not a number"));
            }
        }
        Ok(all)
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
