//! A molecule as a graph that remembers the order in which its atoms and bonds are written.

use crate::atom::Atom;

/// The order of a bond, doubled so that an aromatic one, of order 1.5, is a whole number.
pub(crate) type Halves = u8;
/// An aromatic bond.
pub(crate) const AROMATIC: Halves = 3;

/// The other end of a ring's bond that is begun and not closed.
const OPEN: usize = usize::MAX;

/// A bond as the atom has it that it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bond {
    pub to: usize,
    pub order: Halves,
    /// `/`, `\` or nothing.
    pub stereo: Option<char>,
    /// A bond that closes a ring, which both of its atoms have; any other belongs to the atom written first.
    pub ring: bool,
}

/// Atoms in the order in which they are written, and the bonds that leave each.
#[derive(Debug, Default)]
pub(crate) struct Molecule {
    pub atoms: Vec<Atom>,
    pub bonds: Vec<Vec<Bond>>,
    /// Sum of the orders of an atom's bonds.
    pub used: Vec<usize>,
    /// Atoms that a part begins with.
    pub roots: Vec<usize>,
}

impl Molecule {
    /// Adds an atom and returns its place.
    pub fn add(&mut self, atom: Atom, is_root: bool) -> usize {
        let place = self.atoms.len();
        self.atoms.push(atom);
        self.bonds.push(Vec::new());
        self.used.push(0);
        if is_root {
            self.roots.push(place);
        }
        place
    }

    /// Binds two atoms of which `from` is written first.
    pub fn bind(&mut self, from: usize, to: usize, order: Halves, stereo: Option<char>) {
        let ring = false;
        self.bonds[from].push(Bond {
            to,
            order,
            stereo,
            ring,
        });
        self.count(from, to, order);
    }

    /// Begins a ring at an atom and returns the place among its bonds.
    pub fn open(&mut self, from: usize) -> usize {
        self.bonds[from].push(Bond {
            to: OPEN,
            order: 0,
            stereo: None,
            ring: true,
        });
        self.bonds[from].len() - 1
    }

    /// Closes a ring. Each end is an atom, the place among its bonds where this one is written (what was opened
    /// there, or before what stands there), and its mark; the first end is written first.
    pub fn close(&mut self, ends: [(usize, usize, Option<char>); 2], order: Halves) {
        let ring = true;
        let [a, b] = ends;
        for ((from, place, stereo), to) in [(a, b.0), (b, a.0)] {
            let bond = Bond {
                to,
                order,
                stereo,
                ring,
            };
            let bonds = &mut self.bonds[from];
            match bonds.get_mut(place) {
                Some(open) if open.to == OPEN => *open = bond,
                _ => bonds.insert(place.min(bonds.len()), bond),
            }
        }
        self.count(a.0, b.0, order);
    }

    fn count(&mut self, a: usize, b: usize, order: Halves) {
        self.used[a] += usize::from(order);
        self.used[b] += usize::from(order);
    }

    /// The bond between two atoms of which `first` is written first.
    pub fn bond(&self, first: usize, second: usize) -> Option<Bond> {
        self.bonds[first]
            .iter()
            .copied()
            .find(|bond| bond.to == second)
    }

    /// Gives the bond between two atoms another order.
    pub fn set_order(&mut self, a: usize, b: usize, order: Halves) {
        let mut before = order;
        for (from, to) in [(a, b), (b, a)] {
            for bond in self.bonds[from].iter_mut().filter(|bond| bond.to == to) {
                before = bond.order;
                bond.order = order;
            }
        }
        for atom in [a, b] {
            self.used[atom] = self.used[atom] - usize::from(before) + usize::from(order);
        }
    }

    /// Bonds, in halves, that an atom has left, where it has any.
    pub fn free(&self, atom: usize) -> usize {
        let capacity = self.atoms[atom].capacity().unwrap_or(0);
        (2 * usize::from(capacity)).saturating_sub(self.used[atom])
    }
}
