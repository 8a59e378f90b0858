//! What a VAE is good for, on the CPU runtime: detecting pictures of another kind, cleaning, filling
//! in, enlarging, compressing, grouping.
//!
//! What they share is [`Engine::infer`]: the posterior of z given an [`Observation`] of a picture.
//! Everything is deterministic: the same model, picture, seed and number of steps give the same bits.

pub mod compress;
pub mod detect;
mod engine;
mod error;
pub mod group;
mod infer;
mod jpeg;
mod matrix;
mod observe;
mod residual;
mod restore;
mod squares;

pub use detect::{Calibration, Figures, Scored, Scoring};
pub use engine::Engine;
pub use error::{Error, Result};
pub use infer::{Answer, Inference, Plan};
pub use observe::{Observation, shrink};
pub use squares::Mixture;
