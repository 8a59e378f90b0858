//! A network on its way from a description to a runtime.
//!
//! ```text
//! layers of model.json ──layers──▶ Program ──fuse──▶ Schedule ──slots──▶ places in memory
//!                                  nodes,             steps, one
//!                                  entry points       kernel each
//!                                     │  ▲
//!                                     └──┘ reverse: the program of its gradients
//! ```

mod fuse;
mod ir;
mod layers;
mod logits;
mod order;
mod reverse;
mod slots;
pub(crate) mod upsample;
mod window;

pub use fuse::{Finish, Kernel, Schedule, Step};
pub use ir::{Entry, EntryPoint, Map, Node, Op, Params, Program, Shape, Value, Window};
pub use order::{channels_first, channels_last};
pub use reverse::{Reversed, WeightGradient, Wrt};
pub use slots::Slots;
pub use window::Patches;
