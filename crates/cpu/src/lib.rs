//! The CPU runtime: one plain function for each kernel, and [`CpuRuntime`], which
//! runs a model with them.
//!
//! It has two jobs: it is the oracle that the GPU's kernels are tested against, and
//! what a reader gets without WebGPU. So it is short, single-threaded (an embed cannot
//! have threads), and leaves its arithmetic to a GEMM crate. Images are
//! channels-innermost throughout.
//!
//! Every kernel *adds* its result to `out`. The caller fills `out` with the bias, and
//! with the residual where there is one, and applies the activation afterwards.

mod conv2d;
mod conv_transpose2d;
mod gemm;
mod linear;
mod present;
mod runtime;

pub use conv_transpose2d::conv_transpose2d;
pub use conv2d::conv2d;
pub use linear::linear;
pub use present::present;
pub use runtime::{CpuRuntime, activate, fill};
