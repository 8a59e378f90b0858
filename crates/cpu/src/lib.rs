//! The CPU runtime: [`CpuRuntime`] runs a model's entry points with the kernels of
//! `vaelet-kernels`, and [`CpuVjp`] computes their gradients.
//!
//! It is the reference for tests of the GPU's kernels, and the fallback for browsers without
//! WebGPU. It is single-threaded, because a page that is embedded in another cannot use threads.

mod executor;
mod present;
mod runtime;
#[cfg(feature = "gradients")]
mod vjp;

pub use present::present;
pub use runtime::CpuRuntime;
#[cfg(feature = "gradients")]
pub use vjp::CpuVjp;

/// Whether gradients are compiled in. The page's first wasm module is built without them: the
/// compiler removes code that depends on this constant.
const GRADIENTS: bool = cfg!(feature = "gradients");
