//! Molecules as text: SELFIES tokens (Krenn et al. 2020; version 2 of the language, with its default
//! constraints), which a network reads and writes, and SMILES, which people and chemists' programs read.
//!
//! Every list of known SELFIES tokens is a molecule, because a bond that an atom has no room for is
//! made weaker or left out. So what a network writes is always valid; what a person types need not be.

mod atom;
mod derive;
mod encode;
mod graph;
mod kekule;
mod read;
mod symbol;
mod write;

pub use derive::smiles;
pub use encode::{Selfies, selfies};

/// Most tokens of a molecule, and most characters of a SMILES.
pub const LONGEST: usize = 1000;

/// Why a molecule cannot be read. Places are counted in characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A token that is no part of the language.
    #[error("`{0}` is no SELFIES token; tokens are such as [C], [=O], [Branch1] and [Ring1]")]
    Token(String),
    /// More than [`LONGEST`].
    #[error("the molecule has {found} {unit}; give one with at most {LONGEST}")]
    Long {
        /// How many there are.
        found: usize,
        /// What was counted.
        unit: &'static str,
    },
    /// There is no atom.
    #[error("the SMILES is empty; type one such as CCO")]
    Empty,
    /// Several molecules.
    #[error("the SMILES has several parts, separated by dots; give one of them")]
    Parts,
    /// A character that SMILES does not have, or has elsewhere.
    #[error("the SMILES cannot be read at place {place}, `{found}`: {expected}")]
    Unexpected {
        /// Where it is.
        place: usize,
        /// What is there.
        found: String,
        /// What could be there, or what is wrong with it.
        expected: &'static str,
    },
    /// Something that is begun and not ended.
    #[error("the SMILES does not end what begins at place {place}, `{opened}`")]
    Open {
        /// Where it begins.
        place: usize,
        /// A bracket, a branch or the number of a ring.
        opened: String,
    },
    /// An atom with more bonds than it can have.
    #[error(
        "{element}, atom {number} of the SMILES, has {found} bonds where it can have {capacity}; check brackets, \
         charges and double bonds"
    )]
    Bonds {
        /// Symbol of the element.
        element: &'static str,
        /// Which atom, counted from 1.
        number: usize,
        /// Bonds that it has, a double one counted twice, hydrogens left out.
        found: usize,
        /// Bonds that it can have beside its hydrogens.
        capacity: usize,
    },
    /// Aromatic atoms for which there is no pattern of single and double bonds.
    #[error(
        "the aromatic rings of the SMILES cannot be written with single and double bonds; often a nitrogen has to \
         be [nH]"
    )]
    Aromatic,
}
