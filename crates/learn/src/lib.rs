//! A trainer on the kernels that also run a model: what a page needs to learn from a reader's pictures.
//!
//! [`Trainer`] takes single steps: the gradients of the negative ELBO by the CPU's reverse pass, then
//! Adam. [`Run`] decides what each step learns from: the order of the pictures, their augmentation, the
//! noise, and how β and the learning rate rise. Everything random in it follows from the seed and the
//! number of the step, so a run that goes on from a checkpoint takes the steps that it would have taken.

mod checkpoint;
mod elsewhere;
mod error;
mod judge;
mod objective;
mod parameters;
mod pictures;
mod run;
mod settings;
mod trainer;

pub use elsewhere::Errand;
pub use error::{Error, Result};
pub use judge::{Judging, Verdict};
pub use objective::Losses;
pub use pictures::{Augmentation, Pictures};
pub use run::{Followed, Run};
pub use settings::{Design, Network, Settings};
pub use trainer::{Pace, Trainer};
