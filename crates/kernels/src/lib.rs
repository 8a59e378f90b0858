//! The CPU's kernels: one for each operation of a schedule, fast in wasm.
//!
//! Every kernel is a matrix product with weights that are packed once; the common convolutions use
//! Winograd's transform. Images are `[N, H, W, C]`. A kernel owns its parameters. It computes its
//! sums and applies the epilogue ([`Epilogue`]) while they are in the cache: bias, the other branch
//! of a residual block, activation.
//!
//! This is a separate crate because only these parts of the page's wasm module are compiled for
//! speed; the rest is compiled for size.

// RUSTFLAGS replace the flags in `.cargo/config.toml`. An error is better than a slow module.
#[cfg(all(target_family = "wasm", not(target_feature = "simd128")))]
compile_error!(
    "wasm modules need SIMD: add `-C target-feature=+simd128` to RUSTFLAGS, or build with `cargo xtask build`"
);

mod activation;
mod conv2d;
mod conv_transpose2d;
mod epilogue;
mod linear;
mod math;
#[cfg(feature = "gradients")]
pub mod training;
#[cfg(feature = "gradients")]
mod weight_gradient;

pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::Conv2d;
pub use epilogue::{Epilogue, Operands};
pub use linear::Linear;
#[cfg(feature = "gradients")]
pub use weight_gradient::WeightSums;

/// Whether gradients are compiled in. The page's first wasm module is built without them: the
/// compiler removes code that depends on this constant.
const GRADIENTS: bool = cfg!(feature = "gradients");

/// The first `len` values of `scratch`, with any contents. `scratch` grows but never shrinks.
fn first_values(scratch: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
    &mut scratch[..len]
}
