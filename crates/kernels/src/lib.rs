//! The CPU's kernels: one for each operation of a schedule, fast in wasm.
//!
//! Everything ends in one matrix product with weights that are packed once, the common convolutions
//! after Winograd's transform. Images are channels-innermost throughout. A kernel owns its
//! parameters. It computes its sums and finishes them ([`Epilogue`]) while they are in the cache:
//! bias, the other branch of a residual block, activation.
//!
//! A crate of its own, because of the page's program only this is compiled for speed.

// Flags of the environment take the place of the project's own; slow and silent is worse than an error.
#[cfg(all(target_family = "wasm", not(target_feature = "simd128")))]
compile_error!(
    "the page's program needs SIMD: add `-C target-feature=+simd128` to RUSTFLAGS, or build with `cargo xtask build`"
);

mod conv2d;
mod conv_transpose2d;
mod epilogue;
mod linear;
mod math;
#[cfg(feature = "gradients")]
mod weight_gradient;

pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::Conv2d;
pub use epilogue::{Epilogue, Operands};
pub use linear::Linear;
#[cfg(feature = "gradients")]
pub use weight_gradient::WeightSums;

/// Whether gradients can be computed: the page's first program does without, and the compiler
/// leaves out what is behind this.
const GRADIENTS: bool = cfg!(feature = "gradients");

/// The first `len` values of `scratch`, whatever they are: it grows, but never shrinks.
fn first_values(scratch: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
    &mut scratch[..len]
}
