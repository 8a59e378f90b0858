//! SELFIES tokens to SMILES: the grammar derives a molecule from the tokens, whatever they are. What a
//! token can do depends on how many bonds the atom before it has left.

use crate::graph::Molecule;
use crate::symbol::{Symbol, number};
use crate::{Error, LONGEST};

/// The SMILES of SELFIES, which are tokens in brackets, with the default constraints on bonds; empty where
/// there is no atom. `[nop]` does nothing, and a dot starts another part.
///
/// # Errors
/// [`Error::Token`] for one that is not known where it counts, [`Error::Long`].
pub fn smiles(selfies: &str) -> Result<String, Error> {
    let tokens = tokens(selfies)?;
    if tokens.len() > LONGEST {
        return Err(Error::Long {
            found: tokens.len(),
            unit: "tokens",
        });
    }
    let mut derivation = Derivation::default();
    for part in tokens.split(|token| *token == ".") {
        let mut rest = part.iter().copied().filter(|token| *token != "[nop]");
        derivation.chain(&mut rest, usize::MAX, 0, None)?;
    }
    derivation.close_rings();
    Ok(derivation.molecule.to_smiles())
}

/// The tokens of SELFIES, and the dots between them.
fn tokens(selfies: &str) -> Result<Vec<&str>, Error> {
    let ends = selfies.split_inclusive([']', '.']);
    let tokens = ends.map(|token| match token {
        "." => Ok(token),
        _ if token.starts_with('[') && token.ends_with(']') => Ok(token),
        _ => Err(Error::Token(token.into())),
    });
    tokens.collect()
}

/// A ring to be closed once all atoms are there.
struct Ring {
    ends: [usize; 2],
    order: u8,
    stereo: [Option<char>; 2],
}

#[derive(Default)]
struct Derivation {
    molecule: Molecule,
    rings: Vec<Ring>,
}

impl Derivation {
    /// Derives a chain from at most `most` tokens, and returns how many it took. `left` is how many bonds
    /// the atom `last` has for it, 0 where there is none before.
    fn chain(
        &mut self,
        tokens: &mut dyn Iterator<Item = &'_ str>,
        most: usize,
        mut left: u8,
        mut last: Option<usize>,
    ) -> Result<usize, Error> {
        let mut taken = 0;
        while taken < most {
            let Some(token) = tokens.next() else {
                return Ok(taken);
            };
            taken += 1;
            let symbol = Symbol::parse(token).ok_or_else(|| Error::Token(token.into()))?;
            left = match symbol {
                // A branch needs a bond, and leaves one for what comes after it.
                Symbol::Branch { .. } if left <= 1 => continue,
                Symbol::Branch { order, digits } => {
                    let first = order.min(left - 1);
                    let length = 1 + number((0..digits).map(|_| tokens.next()));
                    taken += digits + self.chain(tokens, length, first, last)?;
                    left - first
                }
                Symbol::Ring {
                    order,
                    digits,
                    stereo,
                } => {
                    let Some(end) = last.filter(|_| left > 0) else {
                        continue;
                    };
                    let order = order.min(left);
                    let back = 1 + number((0..digits).map(|_| tokens.next()));
                    taken += digits;
                    self.rings.push(Ring {
                        ends: [end.saturating_sub(back), end],
                        order,
                        stereo,
                    });
                    left - order
                }
                Symbol::End if left == 0 => continue,
                Symbol::End => 0,
                Symbol::Atom {
                    order,
                    stereo,
                    atom,
                } => {
                    let capacity = atom.capacity().unwrap_or(0);
                    let order = order.min(left).min(capacity);
                    if left == 0 || order > 0 {
                        let place = self.molecule.add(atom, left == 0);
                        if let Some(last) = last.filter(|_| order > 0) {
                            self.molecule.bind(last, place, 2 * order, stereo);
                        }
                        last = Some(place);
                    }
                    capacity - order
                }
            };
            if left == 0 {
                break;
            }
        }
        // The rest belongs to this chain and does nothing.
        while taken < most && tokens.next().is_some() {
            taken += 1;
        }
        Ok(taken)
    }

    /// Closes the rings for which both ends have a bond left.
    fn close_rings(&mut self) {
        let molecule = &mut self.molecule;
        let mut closed = vec![0; molecule.atoms.len()];
        for Ring {
            ends: [a, b],
            order,
            stereo,
        } in &self.rings
        {
            let (a, b) = (*a, *b);
            let room = molecule.free(a).min(molecule.free(b)) / 2;
            if a == b || room == 0 {
                continue;
            }
            let order = 2 * order.min(&u8::try_from(room).unwrap_or(u8::MAX));
            if let Some(bond) = molecule.bond(a, b) {
                molecule.set_order(a, b, (bond.order + order).min(6));
            } else {
                // Rings stand before what else leaves an atom.
                let ends = [(a, closed[a], stereo[0]), (b, closed[b], stereo[1])];
                molecule.close(ends, order);
                closed[a] += 1;
                closed[b] += 1;
            }
        }
    }
}
