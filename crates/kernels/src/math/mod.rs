//! What the kernels are made of: vectors, matrix products, Winograd's transform.

pub mod gemm;
pub mod lanes;
#[cfg(feature = "gradients")]
pub mod transposed;
pub mod winograd;
