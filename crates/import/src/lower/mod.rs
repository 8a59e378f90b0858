//! From a graph to vaelet's layers.
//!
//! [`trace`] walks back from an output and finds the chain of operators that leads to it,
//! [`Builder`] makes layers of them, and [`emit`] names their tensors.

mod activate;
mod builder;
mod emit;
mod heads;
mod layout;
mod maps;
mod trace;
mod window;

pub(crate) use builder::Builder;
pub(crate) use emit::emit;
pub use heads::Second;
pub(crate) use heads::posterior;
pub(crate) use trace::{Piece, trace};
