//! Pictures in files: without loss picture by picture, or in a few bytes each.

use crate::{Failure, Uses};
use vaelet_uses::compress::{self, Contents, read, write};
use wasm_bindgen::prelude::*;

/// Black and white pictures that are being packed.
#[wasm_bindgen]
pub struct Packing {
    packing: compress::Packing,
    count: usize,
}

#[wasm_bindgen]
impl Packing {
    /// Nothing yet.
    ///
    /// # Errors
    /// A model whose pixels are not zeros and ones.
    pub fn start(uses: &Uses) -> Result<Packing, JsValue> {
        let packing = compress::Packing::start(&uses.0).map_err(Failure::from)?;
        Ok(Self { packing, count: 0 })
    }

    /// Packs a picture `[H, W]` of zeros and ones, and returns the bits of the message so far.
    ///
    /// # Errors
    /// Other values.
    pub fn push(&mut self, uses: &mut Uses, picture: &[f32]) -> Result<usize, JsValue> {
        let packed = self.packing.push(&mut uses.0, picture);
        packed.map_err(Failure::from)?;
        self.count += 1;
        Ok(self.packing.bits())
    }

    /// Bits that the first pictures had to borrow, as 4 bytes (little endian), then the file.
    ///
    /// # Errors
    /// More pictures than a file may have.
    pub fn finish(self, uses: &Uses) -> Result<Vec<u8>, JsValue> {
        let packed = self.packing.finish();
        let contents = Contents {
            lossless: true,
            count: self.count,
            message: packed.words.iter().flat_map(|w| w.to_le_bytes()).collect(),
        };
        let file = write(&uses.0, &contents).map_err(Failure::from)?;
        let mut bytes = (packed.borrowed_bits as u32).to_le_bytes().to_vec();
        bytes.extend(file);
        Ok(bytes)
    }
}

/// A file that is being unpacked.
#[wasm_bindgen]
pub struct Unpacking {
    contents: Contents,
    /// Of a lossless file.
    unpacking: Option<compress::Unpacking>,
    left: usize,
}

#[wasm_bindgen]
impl Unpacking {
    /// Reads a file.
    ///
    /// # Errors
    /// One that is damaged, or was made with another model.
    pub fn start(uses: &Uses, file: &[u8]) -> Result<Unpacking, JsValue> {
        let contents = read(&uses.0, file).map_err(Failure::from)?;
        let unpacking = match contents.lossless {
            false => None,
            true => {
                let words = contents.words();
                let start = compress::Unpacking::start(&uses.0, &words);
                Some(start.map_err(Failure::from)?)
            }
        };
        Ok(Self {
            left: contents.count,
            contents,
            unpacking,
        })
    }

    /// How many pictures the file holds.
    pub fn count(&self) -> usize {
        self.contents.count
    }

    /// Whether they come back bit by bit; the last one comes first then.
    pub fn lossless(&self) -> bool {
        self.contents.lossless
    }

    /// The next picture of a lossless file `[H, W]`; `undefined` after the last one.
    ///
    /// # Errors
    /// A message that is damaged.
    pub fn pop(&mut self, uses: &mut Uses) -> Result<Option<Vec<f32>>, JsValue> {
        if self.left == 0 {
            if let Some(unpacking) = self.unpacking.take() {
                unpacking.finish().map_err(Failure::from)?;
            }
            return Ok(None);
        }
        self.left -= 1;
        let Some(unpacking) = &mut self.unpacking else {
            return Ok(None);
        };
        Ok(Some(unpacking.pop(&mut uses.0).map_err(Failure::from)?))
    }

    /// The bytes of all pictures of a file that is not lossless, of equal length.
    pub fn codes(&self) -> Vec<u8> {
        self.contents.message.clone()
    }
}

/// What turns latents to a few bytes and back: call [`Codec::step`] until it returns `false`.
#[wasm_bindgen]
pub struct Codec(compress::Codec);

#[wasm_bindgen]
impl Codec {
    /// Nothing has been measured yet.
    pub fn start(uses: &Uses) -> Codec {
        Self(compress::Codec::start(&uses.0))
    }

    /// Measures what one variable changes. Whether there is more to measure.
    pub fn step(&mut self, uses: &mut Uses) -> bool {
        self.0.step(&mut uses.0)
    }

    /// A latent in so many bytes.
    ///
    /// # Errors
    /// Fewer than 4 bytes, or more than 1024.
    pub fn squeeze(&mut self, uses: &Uses, z: &[f32], bytes: usize) -> Result<Vec<u8>, JsValue> {
        let code = uses.0.squeeze_latent(&mut self.0, z, bytes);
        Ok(code.map_err(Failure::from)?)
    }

    /// The picture `[C, H, W]` of some bytes.
    pub fn expand(&mut self, uses: &mut Uses, bytes: &[u8]) -> Vec<f32> {
        uses.0.expand(&mut self.0, bytes)
    }

    /// A file of the bytes of so many pictures.
    ///
    /// # Errors
    /// More pictures than a file may have.
    pub fn file(&self, uses: &Uses, codes: Vec<u8>, count: usize) -> Result<Vec<u8>, JsValue> {
        let contents = Contents {
            lossless: false,
            count,
            message: codes,
        };
        Ok(write(&uses.0, &contents).map_err(Failure::from)?)
    }
}
