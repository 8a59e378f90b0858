//! SMILES to SELFIES tokens, in the order in which the SMILES has its atoms.

use crate::Error;
use crate::graph::{Bond, Molecule};
use crate::kekule::kekulise;
use crate::read::{Read, read};
use crate::symbol::digits;
use crate::write::mark;

/// A molecule as SELFIES.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selfies {
    /// Each with its brackets.
    pub tokens: Vec<String>,
    /// Whether the SMILES says how the molecule lies in space (`@`, `/` and `\`), which the tokens do not.
    pub lost_stereo: bool,
}

/// The SELFIES tokens of a SMILES of one molecule; those that `selfies` 2.2.0 gives for a SMILES without
/// stereochemistry.
///
/// # Errors
/// A SMILES that cannot be read, or an atom with more bonds than SELFIES' default constraints leave it.
pub fn selfies(smiles: &str) -> Result<Selfies, Error> {
    let Read {
        mut molecule,
        has_stereo,
        aromatic,
    } = read(smiles)?;
    kekulise(&mut molecule, &aromatic)?;
    check_bonds(&molecule)?;
    for (atom, used) in molecule.atoms.iter_mut().zip(&molecule.used) {
        atom.flatten(used / 2);
    }
    Ok(Selfies {
        tokens: chain(&molecule, None, 0),
        lost_stereo: has_stereo,
    })
}

fn check_bonds(molecule: &Molecule) -> Result<(), Error> {
    for (i, atom) in molecule.atoms.iter().enumerate() {
        let (found, capacity) = (
            molecule.used[i] / 2,
            usize::from(atom.capacity().unwrap_or(0)),
        );
        if found > capacity {
            return Err(Error::Bonds {
                element: atom.element,
                number: i + 1,
                found,
                capacity,
            });
        }
    }
    Ok(())
}

/// The tokens from an atom to the end of its chain; `into` is the bond that leads to it.
fn chain(molecule: &Molecule, into: Option<Bond>, root: usize) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut next = Some((into, root));
    while let Some((into, atom)) = next.take() {
        let (written, _) = molecule.atoms[atom].written();
        tokens.push(format!("[{}{written}]", text(into.as_ref())));
        let bonds = &molecule.bonds[atom];
        for (i, bond) in bonds.iter().enumerate() {
            if bond.ring && bond.to > atom {
                continue; // it is closed at its other end
            }
            let branch = if bond.ring {
                Vec::new()
            } else if i + 1 < bonds.len() {
                chain(molecule, Some(*bond), bond.to)
            } else {
                next = Some((Some(*bond), bond.to));
                continue;
            };
            let (name, length) = match bond.ring {
                true => ("Ring", atom - bond.to),
                false => ("Branch", branch.len()),
            };
            let digits = digits(length - 1);
            tokens.push(format!("[{}{name}{}]", text(Some(bond)), digits.len()));
            tokens.extend(digits.into_iter().map(Into::into));
            tokens.extend(branch);
        }
    }
    tokens
}

fn text(bond: Option<&Bond>) -> String {
    bond.and_then(mark).map(String::from).unwrap_or_default()
}
