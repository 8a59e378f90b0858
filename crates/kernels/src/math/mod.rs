//! The arithmetic of the kernels: SIMD vectors, matrix products, Winograd's transform.

pub mod gemm;
pub mod lanes;
#[cfg(feature = "gradients")]
pub mod transposed;
#[cfg(target_arch = "x86_64")]
mod wide;
pub mod winograd;
