//! The CPU runtime: [`CpuRuntime`] runs a model's entry points with the kernels of
//! `vaelet-kernels`, [`CpuVjp`] their gradients.
//!
//! It has two jobs: it is what the GPU's kernels are tested against, and what a reader gets without
//! WebGPU. So it is short and single-threaded (an embed cannot have threads).

mod executor;
mod present;
mod runtime;
#[cfg(feature = "gradients")]
mod vjp;

pub use present::present;
pub use runtime::CpuRuntime;
#[cfg(feature = "gradients")]
pub use vjp::CpuVjp;

/// Whether gradients can be computed: the page's first program does without, and the compiler
/// leaves out what is behind this.
const GRADIENTS: bool = cfg!(feature = "gradients");
