//! Files on disk: folders and files that are replaced as a whole, and pictures.

pub mod atomic;
pub mod picture;
