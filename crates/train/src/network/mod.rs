//! Networks as burn modules: a model with its parameters, the devices it runs on, and
//! EfficientNet-Lite0.

mod convolution;
mod density;
pub mod devices;
pub mod efficientnet;
pub mod growth;
pub mod ops;
mod stack;
mod tensors;
#[cfg(test)]
mod tests;
mod vae;

pub use convolution::product;
pub use stack::{Affine, Stack};
pub use tensors::{on_cpu, to_images, to_rows, to_vec};
pub use vae::{Graphs, Labelled, Network};
