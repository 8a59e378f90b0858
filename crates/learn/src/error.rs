//! What can go wrong, in sentences for a reader.

use thiserror::Error;

/// The result of anything that can fail here.
pub type Result<T> = std::result::Result<T, Error>;

/// Why training cannot start or go on.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// Too few pictures.
    #[error("{found} pictures are not enough to learn from; at least {least} are needed")]
    TooFew {
        /// Number of pictures.
        found: usize,
        /// The least that is needed.
        least: usize,
    },
    /// All pictures have the same pixels.
    #[error("all {0} pictures are the same, so there is nothing to learn; add others")]
    AllAlike(usize),
    /// The loss is infinite or not a number. The state is that of an earlier step.
    #[error(
        "the loss is no longer a number after {failed} steps. Training is back at step {good}, where it still was one; \
         a learning rate of {} may keep it so",
        short(.advice)
    )]
    Diverged {
        /// Number of the step that failed.
        failed: u32,
        /// Number of steps of the state that was taken back.
        good: u32,
        /// A smaller learning rate.
        advice: f32,
    },
    /// A setting out of its range.
    #[error("{name} is {found}; it has to be {expected}")]
    Setting {
        /// What is set.
        name: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// Bytes that are no checkpoint, or one of another network.
    #[error("the saved training cannot be continued: {0}")]
    Checkpoint(&'static str),
    /// A description that cannot be trained, or weights that cannot be written.
    #[error(transparent)]
    Model(#[from] vaelet_model::Error),
}

/// A number in a sentence.
pub(crate) fn short(value: &f32) -> String {
    let text = vaelet_model::decimal(*value);
    text.strip_suffix(".0").unwrap_or(&text).into()
}

impl Error {
    /// A short name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooFew { .. } => "too-few",
            Self::AllAlike(_) => "all-alike",
            Self::Diverged { .. } => "diverged",
            Self::Setting { .. } => "bad-input",
            Self::Checkpoint(_) => "damaged",
            Self::Model(_) => "model",
        }
    }
}
