//! Sound as a log-mel picture, which is what a model of sounds reads and draws, and such a picture as
//! sound again.
//!
//! A picture has no phases, and fewer numbers than a spectrum. [`Speaking`] finds a spectrum whose bands
//! are the picture's, then phases that fit one another (Griffin and Lim 1984).

mod frames;
mod listen;
mod mel;
mod speak;

pub use listen::{listen, resample};
pub use speak::Speaking;
pub use vaelet_model::LogMel;

/// The pictures of spoken digits.
#[cfg(test)]
const SCALE: LogMel = LogMel {
    rate: 8000,
    window: 256,
    hop: 80,
    lowest: 50.0,
    highest: 4000.0,
    range: 72.0,
};

/// Why a sound or a picture cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Not as many values as the picture has.
    #[error("the picture has {found} values, where {expected} were expected")]
    Picture {
        /// Bands times frames.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// There is nothing to hear.
    #[error("the sound is silent; record it again, closer to the microphone")]
    Silent,
    /// A value that is no number.
    #[error("the sound has a value that is no number; save it again")]
    NotFinite,
    /// A rate that no sound card has.
    #[error("the sound has {0} samples in a second; convert it to between 1,000 and 384,000")]
    Rate(f64),
    /// Longer than any sound that a model reads.
    #[error("the sound takes {0:.0} seconds; cut it to at most 60")]
    Long(f64),
}
