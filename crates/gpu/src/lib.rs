//! The GPU runtime: a model compiled once to dispatches over preallocated buffers.
//!
//! Models here are small, so overhead decides, not arithmetic. A frame is one command
//! encoder with one compute pass, one submit, and nothing in it waits for the GPU: what
//! the reader sees goes from the decoder's buffer to the canvas in the same submit, and
//! numbers come back later through a small pool of buffers.
//!
//! A layer is a matrix product: [`kernel`](crate) says which shader runs it and with how many
//! threads, `layout` how values lie in buffers, `weights` how parameters do, and
//! [`shaders`] joins the sources. `plan` makes a graph of them, `runtime` a frame.

mod context;
mod kernel;
mod layout;
mod plan;
mod present;
#[cfg(not(target_family = "wasm"))]
mod profile;
mod readback;
mod reparameterize;
mod runtime;
pub mod shaders;
mod weights;

pub use context::Context;
pub use present::Target;
pub use runtime::{GpuRuntime, Reconstruction};
pub use wgpu;

/// Why the GPU cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter, or no device from it.
    #[error("WebGPU is not available here: {0}")]
    Unavailable(String),
    /// The device went away; a new [`Context`] is needed.
    #[error("the GPU was lost: {0}")]
    Lost(String),
    /// More items than the device's buffers hold.
    #[error("a batch of {found} is too large for this GPU, which takes {largest} at once")]
    Batch {
        /// Items asked for.
        found: usize,
        /// Most items that fit.
        largest: usize,
    },
}
