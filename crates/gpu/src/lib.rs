//! The GPU runtime: a model compiled once to dispatches over preallocated buffers.
//!
//! The models are small, so overhead costs more than arithmetic. A frame is one command encoder
//! with one compute pass and one submit, and it never waits for the GPU. Images are drawn from the
//! decoder's output buffer to the canvas in the same submit; values that the host needs are read
//! back later through a small pool of buffers.
//!
//! A step is a matrix product with an epilogue. `kernels/` selects its shader and its number of
//! threads, and defines the layout of values and parameters in buffers. `plan` compiles a schedule
//! to dispatches, `engine` runs its entry points as frames, `runtime` runs a model, `vjp`
//! computes gradients, and `train` learns with them.

mod device;
mod engine;
mod kernels;
mod plan;
#[cfg(not(target_family = "wasm"))]
mod profile;
mod runtime;
#[cfg(feature = "gradients")]
mod train;
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
pub use train::{GpuLosses, GpuPace, GpuTrainer};
#[cfg(feature = "gradients")]
pub use vjp::GpuVjp;
pub use wgpu;

/// Whether gradients are compiled in. The page's first wasm module is built without them: the
/// compiler removes code that depends on this constant.
const GRADIENTS: bool = cfg!(feature = "gradients");

/// Errors of the GPU runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no adapter, or it gives no device; holds the platform's reason.
    #[error("WebGPU is not available here: {0}")]
    Unavailable(String),
    /// The device was lost; create a new [`Context`].
    #[error("the GPU was lost: {0}")]
    Lost(String),
    /// The model needs more of something than this device allows, and splitting the batch does not
    /// help.
    #[error("{needed} {what} are needed; this GPU allows {limit}")]
    TooLarge {
        /// The limited quantity with its unit, in the plural.
        what: &'static str,
        /// The amount that is needed.
        needed: u64,
        /// The amount that the device allows.
        limit: u64,
    },
    /// The device has too little memory left for this model. Other models keep working.
    #[error("not enough GPU memory for this model")]
    OutOfMemory,
    /// The device rejected this model's work; holds its message. Other models keep working.
    #[error("the GPU rejected this model: {0}")]
    Refused(String),
    /// An argument is empty, or its length is not a multiple of the item length.
    #[error("got {found} values, expected items of {len}")]
    Input {
        /// Number of values in the argument.
        found: usize,
        /// Number of values per item.
        len: usize,
    },
}

/// Largest allowed difference between a GPU and a CPU image, for values in `[0, 1]`. The GPU sums
/// in another order and has its own implementation of exp.
pub const TOLERANCE: f32 = 2e-3;

/// The largest absolute difference between the values of two runtimes; infinite if the lengths
/// differ or any difference is NaN.
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
    fn nan_is_a_difference() {
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
