//! What can be wrong with somebody's file, each with what to do instead.

/// Shorthand for results of this crate. An error is boxed, because many functions pass it on.
pub type Result<T, E = Box<Error>> = core::result::Result<T, E>;

/// Why files do not become a model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is damaged, or not what its name says.
    #[error("{file} cannot be read: {reason}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The network does something that vaelet does not.
    #[error("{file}: {what} is not supported; {instead}")]
    Unsupported {
        /// The file's name.
        file: String,
        /// The operator or the property.
        what: String,
        /// What to do instead.
        instead: String,
    },
    /// The file does not say something that has to be known.
    #[error("{file} does not say {what}; {how}")]
    Ask {
        /// The file's name.
        file: String,
        /// What is missing.
        what: String,
        /// Which option says it.
        how: String,
    },
    /// A guess that has to be confirmed.
    #[error(
        "{file} does not say {what}. This is a guess; compare it with the code that trained the \
         model, then give it back as a file with `like`, or accept it with `guess`:\n{like}"
    )]
    Confirm {
        /// The file's name.
        file: String,
        /// What is missing.
        what: String,
        /// The guess, in the format of [`crate::like`].
        like: String,
    },
    /// The model that came of it breaks one of the format's limits.
    #[error("the imported model breaks a limit of vaelet's format: {0}")]
    Model(vaelet_model::Error),
}

impl Error {
    #[cold]
    pub(crate) fn unreadable(file: &str, reason: impl AsRef<str>) -> Box<Self> {
        make(file, [reason.as_ref(), ""], |file, [reason, _]| {
            Self::Unreadable { file, reason }
        })
    }

    #[cold]
    pub(crate) fn unsupported(file: &str, what: impl AsRef<str>, instead: &str) -> Box<Self> {
        make(file, [what.as_ref(), instead], |file, [what, instead]| {
            Self::Unsupported {
                file,
                what,
                instead,
            }
        })
    }

    #[cold]
    pub(crate) fn ask(file: &str, what: impl AsRef<str>, how: impl AsRef<str>) -> Box<Self> {
        make(file, [what.as_ref(), how.as_ref()], |file, [what, how]| {
            Self::Ask { file, what, how }
        })
    }
}

impl From<vaelet_model::Error> for Box<Error> {
    fn from(e: vaelet_model::Error) -> Self {
        Self::new(Error::Model(e))
    }
}

/// Not inlined, because a page pays for every copy. Names come from files, which may make them as long as they like.
#[cold]
#[inline(never)]
fn make(file: &str, texts: [&str; 2], error: fn(String, [String; 2]) -> Error) -> Box<Error> {
    Box::new(error(short(file), texts.map(short)))
}

#[inline(never)]
fn short(text: &str) -> String {
    text.chars().take(300).filter(|c| !c.is_control()).collect()
}
