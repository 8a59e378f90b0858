//! The way out: a model as ONNX files, and as a state_dict with the description of its layers.

mod onnx;
mod state_dict;

pub use onnx::onnx;
pub use state_dict::state_dict;
