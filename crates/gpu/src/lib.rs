//! The GPU runtime: a model compiled once to dispatches over preallocated buffers.
//!
//! Models here are small, so overhead decides, not arithmetic. A frame is one command
//! encoder with one compute pass, one submit, and nothing in it waits for the GPU: what
//! the reader sees goes from the decoder's buffer to the canvas in the same submit, and
//! numbers come back later through a small pool of buffers.
//!
//! A step is a matrix product with an end: `kernels/` says which shader runs it and with how many
//! threads, how values lie in buffers and how parameters do. `plan` makes dispatches of a schedule,
//! `engine` frames of its entry points; `runtime` is a model, `vjp` its gradients.

mod device;
mod engine;
mod kernels;
mod plan;
#[cfg(not(target_family = "wasm"))]
mod profile;
mod runtime;
#[cfg(feature = "gradients")]
mod vjp;

pub use device::capabilities::Capabilities;
pub use device::context::Context;
pub use kernels::present::Target;
pub use kernels::shaders;
#[cfg(not(target_family = "wasm"))]
pub use kernels::variants::{all_variants, variants};
pub use runtime::{GpuRuntime, Reconstruction};
#[cfg(feature = "gradients")]
pub use vjp::GpuVjp;
pub use wgpu;

/// Whether gradients can be computed: the page's first program does without, and the compiler
/// leaves out what is behind this.
const GRADIENTS: bool = cfg!(feature = "gradients");

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
    /// Something that has no smaller form is larger than this device allows.
    #[error("this GPU allows {limit} {what}, and {needed} are needed")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many it takes.
        needed: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The device has no memory left for this model; others go on.
    #[error("the GPU has not enough memory for this model")]
    OutOfMemory,
    /// The device did not accept this model's work, in its own words; others go on.
    #[error("the GPU refuses this model: {0}")]
    Refused(String),
    /// An argument is empty, or no whole number of items.
    #[error("{found} values are no batch of items of {len}")]
    Input {
        /// Values that were given.
        found: usize,
        /// Values of one item.
        len: usize,
    },
}

/// Most that a picture of the GPU's may differ from the CPU's in a value of `[0, 1]`: sums
/// are added up in another order, and a GPU's exponentials are its own.
pub const TOLERANCE: f32 = 2e-3;

/// The largest difference of two runtimes' values; infinite where they are not the same
/// number of values, or any is no number.
pub fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    if found.len() != expected.len() {
        return f32::INFINITY;
    }
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |largest, difference| {
        if difference <= largest {
            largest
        } else if difference.is_nan() {
            f32::INFINITY
        } else {
            difference
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_differs() {
        assert_eq!(largest_difference(&[1.0, 2.0], &[1.5, 2.25]), 0.5);
        for found in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(
                largest_difference(&[0.0, found, 0.0], &[0.0; 3]),
                f32::INFINITY
            );
            assert_eq!(largest_difference(&[found; 2], &[found; 2]), f32::INFINITY);
        }
        assert_eq!(largest_difference(&[], &[0.0]), f32::INFINITY);
    }
}
