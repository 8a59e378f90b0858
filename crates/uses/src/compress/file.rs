//! The file `.vae`.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `VAE1` |
//! | 1 | 0: bits back, 1: a few bytes a picture |
//! | 8 | the first bytes of the SHA-256 of the weights |
//! | 4 | number of pictures, little endian, as all numbers |
//! | 4 | bytes of the message |
//! | … | the message |
//! | 4 | the first bytes of the SHA-256 of all before |

use crate::{Engine, Error, Result};
use vaelet_model::sha256_hex;

const MAGIC: &[u8; 4] = b"VAE1";
const HEADER: usize = 21;
const CHECK: usize = 4;

/// Most pictures of a file: of 28×28 they take 800 MB in memory when unpacked.
const MOST: usize = 1 << 18;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Whether pictures come back bit by bit.
    pub lossless: bool,
    /// Number of pictures.
    pub count: usize,
    /// The message; of lossless ones little endian words.
    pub message: Vec<u8>,
}

impl Contents {
    /// The words of a lossless message.
    pub fn words(&self) -> Vec<u32> {
        let (words, _) = self.message.as_chunks();
        words.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }
}

/// The file of contents that were made with this model.
///
/// # Errors
/// More pictures than a file may have.
pub fn write(engine: &Engine, contents: &Contents) -> Result<Vec<u8>> {
    let too_many = || Error::argument("pictures", format!("at most {MOST}"), contents.count);
    let count = u32::try_from(contents.count)
        .ok()
        .filter(|&n| n as usize <= MOST);
    let count = count.ok_or_else(too_many)?;
    let length = u32::try_from(contents.message.len()).map_err(|_| too_many())?;
    let mut file = MAGIC.to_vec();
    file.push(u8::from(!contents.lossless));
    file.extend(engine.hash);
    file.extend(count.to_le_bytes());
    file.extend(length.to_le_bytes());
    file.extend(&contents.message);
    file.extend(check(&file));
    Ok(file)
}

/// Reads a file that was made with this model.
///
/// # Errors
/// [`Error::Damaged`], or [`Error::OtherModel`].
pub fn read(engine: &Engine, file: &[u8]) -> Result<Contents> {
    if !file.starts_with(MAGIC) {
        return Err(Error::Damaged("it does not begin with VAE1"));
    }
    if file.len() < HEADER + CHECK {
        return Err(Error::Damaged("it is cut short"));
    }
    let (body, sum) = file.split_at(file.len() - CHECK);
    let number = |at: usize| {
        let bytes = std::array::from_fn(|i| body[at + i]);
        u32::from_le_bytes(bytes) as usize
    };
    let (count, length) = (number(13), number(17));
    if body.len() - HEADER != length {
        return Err(Error::Damaged("its length is not the one in its header"));
    }
    if check(body) != sum {
        return Err(Error::Damaged("its checksum is wrong"));
    }
    if body[5..13] != engine.hash {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect();
        return Err(Error::OtherModel {
            expected: hex(&body[5..13]),
            found: hex(&engine.hash),
        });
    }
    let lossless = body[4] == 0;
    let whole = lossless && length.is_multiple_of(4)
        || body[4] == 1 && length.is_multiple_of(count.max(1)) && (length > 0 || count == 0);
    if !whole || count > MOST {
        return Err(Error::Damaged("its header makes no sense"));
    }
    Ok(Contents {
        lossless,
        count,
        message: body[HEADER..].to_vec(),
    })
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let hex = sha256_hex(bytes);
    let digits = hex.as_bytes();
    let digit = |i: usize| char::from(digits[i]).to_digit(16).unwrap_or(0) as u8;
    std::array::from_fn(|i| digit(2 * i) << 4 | digit(2 * i + 1))
}
