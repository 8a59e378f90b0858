//! Compression: black and white pictures without loss ([`Engine::pack`](crate::Engine::pack)), others
//! in a few bytes each ([`Engine::squeeze`](crate::Engine::squeeze)), and the file for both.

mod file;
mod lossless;
mod lossy;
mod range;
mod stack;
mod tables;

pub use file::{Contents, read, write};
pub use lossless::{Packed, Packing, Unpacking};
pub use lossy::Codec;
