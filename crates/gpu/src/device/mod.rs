//! The device: what it can do, what goes wrong with it, how pipelines are made and numbers read
//! back.

pub mod capabilities;
pub mod checks;
pub mod context;
pub mod pipeline;
pub mod readback;
