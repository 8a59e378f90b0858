//! The one error of this crate.

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a use of a model failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument cannot be used with this model.
    #[error("{what}: expected {expected}, found {found}")]
    Argument {
        /// Which.
        what: &'static str,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A compressed file is damaged, or none.
    #[error("the file cannot be decompressed: {0}")]
    Damaged(&'static str),
    /// A compressed file was made with another model.
    #[error(
        "the file was made with another model: its weights begin with {expected}, these with {found}"
    )]
    OtherModel {
        /// The first 16 hexadecimal digits of the SHA-256 of the weights it was made with.
        expected: String,
        /// The same of the weights at hand.
        found: String,
    },
    /// It was cancelled.
    #[error("it was cancelled")]
    Cancelled,
}

impl Error {
    pub(crate) fn argument(
        what: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self::Argument {
            what,
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}
