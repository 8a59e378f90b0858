//! The kernels, from a step's shapes to a pipeline: the layout of values ([`layout`]), the matrix
//! product of a step ([`geometry`]), the layout of its parameters ([`weights`]), its shader and
//! number of threads ([`tiling`]), its constants ([`layer`], [`gradient`], [`sample`]), and the
//! pipelines ([`build`]).

pub mod build;
pub mod geometry;
#[cfg(feature = "gradients")]
pub mod gradient;
pub mod layer;
pub mod layout;
pub mod present;
pub mod sample;
pub mod shaders;
pub mod tiling;
#[cfg(not(target_family = "wasm"))]
pub mod variants;
pub mod weights;

#[cfg(all(test, feature = "gradients"))]
mod tests;
