//! The device: its capabilities, its errors, pipeline creation and readback.

pub mod capabilities;
pub mod checks;
pub mod context;
pub mod pipeline;
pub mod readback;
