//! The arithmetic of the kernels: SIMD vectors, matrix products, Winograd's transform.

pub mod gemm;
pub mod lanes;
#[cfg(feature = "gradients")]
pub mod transposed;
pub mod winograd;
