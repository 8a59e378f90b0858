//! A molecule as SMILES, in the order in which it was derived.

use crate::graph::{Bond, Molecule};

impl Molecule {
    /// Writes it; bonds are single, double or triple.
    pub(crate) fn to_smiles(&self) -> String {
        let mut writer = Writer {
            molecule: self,
            text: String::new(),
            rings: Vec::new(),
        };
        for (i, root) in self.roots.iter().enumerate() {
            if i > 0 {
                writer.text.push('.');
            }
            writer.chain(*root);
        }
        writer.text
    }
}

/// The character of a bond, or nothing.
pub(crate) fn mark(bond: &Bond) -> Option<char> {
    match bond.order {
        2 => bond.stereo,
        4 => Some('='),
        _ => Some('#'),
    }
}

struct Writer<'a> {
    molecule: &'a Molecule,
    text: String,
    /// Both ends of the rings that have a number, the lower first.
    rings: Vec<[usize; 2]>,
}

impl Writer<'_> {
    fn chain(&mut self, root: usize) {
        let mut next = Some(root);
        while let Some(atom) = next.take() {
            let (written, brackets) = self.molecule.atoms[atom].written();
            self.text += &if brackets {
                format!("[{written}]")
            } else {
                written
            };
            let bonds = &self.molecule.bonds[atom];
            for (i, bond) in bonds.iter().enumerate() {
                let is_branch = !bond.ring && i + 1 < bonds.len();
                self.text.extend(is_branch.then_some('('));
                self.text.extend(mark(bond));
                if bond.ring {
                    self.ring(atom, bond.to);
                } else if is_branch {
                    self.chain(bond.to);
                    self.text.push(')');
                } else {
                    next = Some(bond.to);
                }
            }
        }
    }

    fn ring(&mut self, a: usize, b: usize) {
        let ends = [a.min(b), a.max(b)];
        let known = self.rings.iter().position(|ring| *ring == ends);
        let number = 1 + known.unwrap_or_else(|| {
            self.rings.push(ends);
            self.rings.len() - 1
        });
        self.text += &match number {
            ..10 => number.to_string(),
            10..100 => format!("%{number}"),
            _ => format!("%({number})"),
        };
    }
}
