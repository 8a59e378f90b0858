//! The model folder: description, weights, golden files, card and atlas.

pub mod atlas;
pub mod calibration;
pub mod card;
pub mod folder;
mod golden;
mod golden_gradients;
pub mod loaded;
pub mod snapshots;
pub mod stages;
pub mod uses;
