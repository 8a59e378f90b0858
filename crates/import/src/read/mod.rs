//! The files of other frameworks: each is read into named tensors or into a graph.

mod constants;
pub(crate) mod convolutions;
#[cfg(feature = "hdf5")]
pub(crate) mod hdf5;
pub(crate) mod keras;
pub(crate) mod onnx;
mod pickle;
mod protobuf;
pub(crate) mod tensors;
pub(crate) mod tfjs;
pub(crate) mod torch;
pub(crate) mod zip;
