//! The CPU runtime: one plain kernel for each operation, and [`CpuRuntime`], which runs a
//! model with them.
//!
//! It has two jobs: it is the oracle that the GPU's kernels are tested against, and
//! what a reader gets without WebGPU. So it is short and single-threaded (an embed cannot
//! have threads), and fast in wasm: everything ends in one matrix product with weights
//! that are packed once, the common convolutions after Winograd's transform. Images are
//! channels-innermost throughout.
//!
//! A kernel owns its parameters. It computes its sums and finishes them ([`Finish`])
//! while they are in the cache: bias, the other branch of a residual block, activation.

// Flags of the environment take the place of the project's own; slow and silent is worse than an error.
#[cfg(all(target_family = "wasm", not(target_feature = "simd128")))]
compile_error!(
    "the page's program needs SIMD: add `-C target-feature=+simd128` to RUSTFLAGS, or build with `cargo xtask build`"
);

mod conv2d;
mod conv_transpose2d;
mod finish;
mod gemm;
mod lanes;
mod linear;
mod present;
mod runtime;
mod winograd;

pub use conv_transpose2d::ConvTranspose2d;
pub use conv2d::Conv2d;
pub use finish::Finish;
pub use linear::Linear;
pub use present::present;
pub use runtime::CpuRuntime;

/// The first `len` values of `scratch`, whatever they are: it grows, but never shrinks.
fn first_values(scratch: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
    &mut scratch[..len]
}
