//! What a model may ask of the machine that runs it: every limit of the format.
//!
//! A model file is untrusted, and one of a few hundred bytes can describe layers that no
//! machine can run. Both runtimes take whatever keeps these limits, each of which is several
//! times what a model for images of 256×256 needs; what does not is refused before its weights
//! are fetched. Amounts are f64: products of sizes wrap in the usize of wasm, which has 32 bits.

use super::description::FILE;
use crate::{Error, Result};

/// Bytes of `model.json`, and of the header of a weights file: read whole, parsed to at most
/// some thirty times their size.
pub const MAX_TEXT: usize = 1 << 22;
/// Each side of an image, channels, latents, components of a prior.
pub const MAX_DIM: usize = 1 << 16;
/// Side of a kernel, stride, padding. A transposed convolution is stride² products on the GPU,
/// which must fit the 65,535 layers of a dispatch.
pub const MAX_WINDOW: usize = 255;
/// Layers with weights in a network.
pub const MAX_LAYERS: usize = 512;
/// Bytes of a weights file: an f32 for each weight, and some more.
pub const MAX_BYTES: f64 = (1 << 28) as f64;
/// Values, each an f32, in any of: all that the layers of a network write for one image; the
/// weights of a network as a runtime packs them; the patches that a layer gathers from one
/// image; the priors. Those of two networks fit the 128 MB that every GPU binds.
pub const MAX_VALUES: f64 = (1 << 24) as f64;
/// Floating-point operations of a network for one image: some seconds on one core.
pub const MAX_OPERATIONS: f64 = (1_u64 << 35) as f64;

/// Checks a size, so that it and its square fit an integer of 32 bits.
pub(crate) fn check_dim(field: &str, dim: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&dim) {
        Ok(())
    } else {
        Err(Error::field(FILE, field, format!("1 to {most}"), dim))
    }
}

/// Checks an amount of `what`.
pub(crate) fn check_amount(field: &str, what: &str, amount: f64, most: f64) -> Result<()> {
    if amount <= most {
        return Ok(());
    }
    let expected = format!("at most {} {what}", most as u64);
    Err(Error::field(FILE, field, expected, amount as u64))
}
