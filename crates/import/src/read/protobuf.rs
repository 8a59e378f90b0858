//! Protocol buffers without copies: a message is walked field by field where it lies. Decoders that make
//! structs need some hundred bytes of memory for two of a hostile file; this one needs none.

use crate::{Error, Result};

/// One field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    Number(u64),
    Fixed32([u8; 4]),
    Fixed64,
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    /// A number, as protobuf has signed ones.
    pub fn int(self) -> i64 {
        match self {
            Self::Number(value) => value.cast_signed(),
            _ => 0,
        }
    }

    pub fn float(self) -> f32 {
        match self {
            Self::Fixed32(bytes) => f32::from_le_bytes(bytes),
            _ => 0.0,
        }
    }

    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    pub fn text(self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// One number, or several packed into bytes, appended to a list.
    pub fn ints(self, file: &str, list: &mut Vec<i64>) -> Result<()> {
        match self {
            Self::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    list.push(varint(file, &mut bytes)?.cast_signed());
                }
            }
            _ => list.push(self.int()),
        }
        Ok(())
    }

    /// The same of f32.
    pub fn floats(self, list: &mut Vec<f32>) {
        match self {
            Self::Bytes(bytes) => {
                let (values, _) = bytes.as_chunks::<4>();
                list.extend(values.iter().map(|value| f32::from_le_bytes(*value)));
            }
            _ => list.push(self.float()),
        }
    }
}

/// Calls `each` with the number and the value of every field of a message.
pub(crate) fn fields<'a>(
    file: &str,
    mut message: &'a [u8],
    mut each: impl FnMut(u64, Field<'a>) -> Result<()>,
) -> Result<()> {
    while !message.is_empty() {
        let tag = varint(file, &mut message)?;
        let field = match tag & 7 {
            0 => Field::Number(varint(file, &mut message)?),
            1 => {
                take(file, &mut message, 8)?;
                Field::Fixed64
            }
            2 => {
                let len = varint(file, &mut message)?;
                let len = usize::try_from(len).unwrap_or(usize::MAX);
                Field::Bytes(take(file, &mut message, len)?)
            }
            5 => Field::Fixed32(array(file, &mut message)?),
            _ => return Err(damaged(file)),
        };
        each(tag >> 3, field)?;
    }
    Ok(())
}

fn damaged(file: &str) -> Box<Error> {
    Error::unreadable(file, "it is no protocol buffer, or has been cut short")
}

fn take<'a>(file: &str, message: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    let (head, tail) = message.split_at_checked(len).ok_or_else(|| damaged(file))?;
    *message = tail;
    Ok(head)
}

fn array<const N: usize>(file: &str, message: &mut &[u8]) -> Result<[u8; N]> {
    let bytes = take(file, message, N)?;
    bytes.try_into().map_err(|_| damaged(file))
}

fn varint(file: &str, message: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = array(file, message)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(damaged(file))
}
