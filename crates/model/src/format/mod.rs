//! A model on disk: `model.json` and `weights.safetensors`, read piece by piece and checked.

pub(crate) mod data;
pub(crate) mod description;
mod json;
pub mod limits;
mod read;
pub(crate) mod reading;
pub(crate) mod safetensors;
#[cfg(feature = "write")]
pub(crate) mod write;
