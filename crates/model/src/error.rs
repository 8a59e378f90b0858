//! The one error that every reader of a model file returns.

use std::fmt::Display;
use std::string::String;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// What is wrong with a model's files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of a file has a value that cannot be used.
    #[error("{file}: {field}: expected {expected}, found {found}")]
    Field {
        /// The file's name.
        file: String,
        /// Path of the field inside the file.
        field: String,
        /// What would have been right.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The file is not what its name says: not JSON, or not safetensors.
    #[error("{file} cannot be read: {reason}")]
    Syntax {
        /// The file's name.
        file: String,
        /// The parser's own words.
        reason: String,
    },
    /// The file has another length than `model.json` says: most often a download cut short.
    #[error("{file} is {found} bytes long, but model.json says {expected}; download it again")]
    Length {
        /// The file's name.
        file: String,
        /// Bytes expected.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The file's SHA-256 is not the one in `model.json`.
    #[error(
        "{file} does not match the hash in model.json (expected {expected}, found {found}); \
         the two files are of different versions or one is damaged"
    )]
    Hash {
        /// The file's name.
        file: String,
        /// SHA-256 expected, in hexadecimal.
        expected: String,
        /// SHA-256 found, in hexadecimal.
        found: String,
    },
}

impl Error {
    /// A short stable name for programs, in the style of the JavaScript API's `code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Field { .. } | Self::Syntax { .. } => "bad-model",
            Self::Length { .. } => "truncated",
            Self::Hash { .. } => "hash-mismatch",
        }
    }

    pub(crate) fn field(
        file: &str,
        field: impl AsRef<str>,
        expected: impl Display,
        found: impl Display,
    ) -> Self {
        Self::wrong(file, field.as_ref(), [&expected, &found])
    }

    /// Not generic, because the page pays for every copy. A file may make texts as long as it
    /// likes; they are cut to what a sentence can hold.
    #[cold]
    fn wrong(file: &str, field: &str, values: [&dyn Display; 2]) -> Self {
        let short =
            |value: &dyn Display| -> String { value.to_string().chars().take(200).collect() };
        Self::Field {
            file: file.into(),
            field: short(&field),
            expected: short(values[0]),
            found: short(values[1]),
        }
    }
}
