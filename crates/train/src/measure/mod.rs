//! Measures of a trained model: figures on the test split, directions of attributes, alphabets,
//! disentanglement, and the fit of a learned prior.

pub mod alphabet;
pub mod classifier;
pub mod directions;
pub mod evaluation;
pub mod factors;
mod frechet;
pub mod image_metrics;
pub mod prior_fit;
pub mod spelled;
pub mod spoken;
pub mod steer;
pub mod uses;
