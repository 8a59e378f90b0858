//! The kernels, from a step's shapes to a pipeline: how values lie ([`layout`]), which matrix
//! product a step is ([`geometry`]), how parameters lie for it ([`weights`]), which shader runs it
//! with how many threads ([`tiling`]), what that is specialised with ([`layer`], [`gradient`],
//! [`sample`]), and the pipelines ([`build`]).

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
