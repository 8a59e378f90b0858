//! Reads a SMILES (Weininger 1988; opensmiles.org) of one molecule, without its stereochemistry.

use crate::atom::{Atom, aromatic, element, is_organic};
use crate::graph::{AROMATIC, Halves, Molecule};
use crate::{Error, LONGEST};

/// A molecule, and what was left out of it.
pub(crate) struct Read {
    pub molecule: Molecule,
    /// Whether the SMILES says how the molecule lies in space.
    pub has_stereo: bool,
    /// The atoms of each aromatic bond, in the order in which they are bound.
    pub aromatic: Vec<[usize; 2]>,
}

/// Reads a SMILES.
///
/// # Errors
/// Where it is none, or has several parts.
pub(crate) fn read(text: &str) -> Result<Read, Error> {
    let characters: Vec<char> = text.trim().chars().collect();
    match characters.len() {
        0 => return Err(Error::Empty),
        found if found > LONGEST => {
            let unit = "characters";
            return Err(Error::Long { found, unit });
        }
        _ => (),
    }
    let reader = Reader {
        text: &characters,
        at: 0,
        molecule: Molecule::default(),
        has_stereo: false,
        aromatic: Vec::new(),
        last: None,
        branches: Vec::new(),
        rings: Vec::new(),
    };
    reader.read()
}

/// A bond as it is written.
#[derive(Clone, Copy)]
struct Written {
    order: Halves,
    /// Its place, for errors.
    place: usize,
}

/// A ring that is begun.
struct Begun {
    number: usize,
    atom: usize,
    /// Among the atom's bonds.
    slot: usize,
    bond: Option<Written>,
    /// Where its number stands.
    place: usize,
    width: usize,
}

struct Reader<'a> {
    text: &'a [char],
    /// What is read next.
    at: usize,
    molecule: Molecule,
    has_stereo: bool,
    aromatic: Vec<[usize; 2]>,
    /// The atom that the next one is bound to.
    last: Option<usize>,
    /// Branches that are open: the atom that they leave, and their place.
    branches: Vec<(Option<usize>, usize)>,
    rings: Vec<Begun>,
}

impl Reader<'_> {
    fn read(mut self) -> Result<Read, Error> {
        // Whether a branch has just been opened.
        let mut begins = false;
        while self.at < self.text.len() {
            let bond = self.bond();
            let place = self.at;
            let found = self.text.get(place).copied();
            let is_atom = matches!(found, Some('[' | '*' | 'A'..='Z' | 'a'..='z'));
            if let Some(Written { place, .. }) = bond
                && matches!(found, None | Some('(' | ')' | '.'))
            {
                return Err(self.unexpected(place, 1, "an atom or a ring has to follow the bond"));
            }
            if (begins || self.last.is_none()) && !is_atom {
                return Err(self.unexpected(place, 1, "an atom is expected here"));
            }
            match found {
                Some('.') => return Err(Error::Parts),
                Some('(') => {
                    self.branches.push((self.last, place));
                    self.at += 1;
                    begins = true;
                }
                Some(')') => {
                    let Some((before, _)) = self.branches.pop() else {
                        return Err(self.unexpected(place, 1, "no branch is open here"));
                    };
                    self.last = before;
                    self.at += 1;
                }
                Some('0'..='9' | '%') => self.ring(bond)?,
                _ if is_atom => {
                    let atom = self.atom()?;
                    self.attach(atom, bond);
                    begins = false;
                }
                _ => {
                    let expected = "it is no atom, bond, branch or number of a ring";
                    return Err(self.unexpected(place, 1, expected));
                }
            }
        }
        let open = |place: usize, width| Error::Open {
            place: place + 1,
            opened: self.text[place..place + width].iter().collect(),
        };
        if let Some((_, place)) = self.branches.last() {
            return Err(open(*place, 1));
        }
        if let Some(ring) = self.rings.last() {
            return Err(open(ring.place, ring.width));
        }
        Ok(Read {
            molecule: self.molecule,
            has_stereo: self.has_stereo,
            aromatic: self.aromatic,
        })
    }

    fn unexpected(&self, place: usize, width: usize, expected: &'static str) -> Error {
        let end = (place + width).min(self.text.len());
        Error::Unexpected {
            place: place + 1,
            found: self.text[place..end].iter().collect(),
            expected,
        }
    }

    /// The bond that is written here, if there is one.
    fn bond(&mut self) -> Option<Written> {
        let place = self.at;
        let order = match self.text[place] {
            '-' => 2,
            '/' | '\\' => {
                self.has_stereo = true;
                2
            }
            ':' => AROMATIC,
            '=' => 4,
            '#' => 6,
            _ => return None,
        };
        self.at += 1;
        Some(Written { order, place })
    }

    /// The order of a bond between two atoms.
    fn order(&mut self, a: usize, b: usize, written: Option<Written>) -> Halves {
        let both = self.molecule.atoms[a].aromatic && self.molecule.atoms[b].aromatic;
        let order = match written {
            Some(bond) => bond.order,
            None if both => AROMATIC,
            None => 2,
        };
        if order == AROMATIC {
            self.aromatic.push([a, b]);
        }
        order
    }

    fn attach(&mut self, atom: Atom, bond: Option<Written>) {
        let place = self.molecule.add(atom, self.last.is_none());
        if let Some(last) = self.last {
            let order = self.order(last, place, bond);
            self.molecule.bind(last, place, order, None);
        }
        self.last = Some(place);
    }

    /// Begins or closes a ring.
    fn ring(&mut self, bond: Option<Written>) -> Result<(), Error> {
        let place = self.at;
        let (width, skipped) = if self.text[place] == '%' {
            (3, 1)
        } else {
            (1, 0)
        };
        let digits = self.text.get(place + skipped..place + width);
        let number = digits.and_then(|digits| String::from_iter(digits).parse().ok());
        let (Some(number), Some(atom)) = (number, self.last) else {
            return Err(self.unexpected(place, width, "two digits have to follow %"));
        };
        self.at += width;
        let Some(i) = self.rings.iter().position(|ring| ring.number == number) else {
            let slot = self.molecule.open(atom);
            self.rings.push(Begun {
                number,
                atom,
                slot,
                bond,
                place,
                width,
            });
            return Ok(());
        };
        let begun = self.rings.remove(i);
        let wrong = |expected| Err(self.unexpected(place, width, expected));
        if begun.atom == atom || self.molecule.bond(begun.atom, atom).is_some() {
            return wrong("the ring would bind two atoms that are bound already, or one to itself");
        }
        if let (Some(a), Some(b)) = (begun.bond, bond)
            && a.order != b.order
        {
            return wrong("the ring begins with another bond than it ends with");
        }
        let order = self.order(begun.atom, atom, begun.bond.or(bond));
        let last = self.molecule.bonds[atom].len();
        self.molecule
            .close([(begun.atom, begun.slot, None), (atom, last, None)], order);
        Ok(())
    }

    fn atom(&mut self) -> Result<Atom, Error> {
        let place = self.at;
        let letter = self.text[place];
        if letter == '[' {
            return self.bracket();
        }
        let next = self.text.get(place + 1);
        let symbol = match (letter, next) {
            ('C', Some('l')) => "Cl".into(),
            ('B', Some('r')) => "Br".into(),
            _ => letter.to_string(),
        };
        let atom = if let Some(element) = element(&symbol).filter(|element| is_organic(element)) {
            Atom::plain(element)
        } else if let Some(element) = aromatic(&symbol) {
            Atom {
                aromatic: true,
                ..Atom::plain(element)
            }
        } else if letter == '*' {
            return Err(self.unexpected(place, 1, "give an element instead of any atom"));
        } else {
            let expected = "only B, C, N, O, P, S, F, Cl, Br and I stand without brackets, and b, c, n, o, p and s";
            return Err(self.unexpected(place, 1, expected));
        };
        self.at += symbol.len();
        Ok(atom)
    }

    /// An atom in brackets: isotope, element, chirality, hydrogens, charge and a number that is passed over.
    fn bracket(&mut self) -> Result<Atom, Error> {
        let place = self.at;
        let end = self.text[place..].iter().position(|c| *c == ']');
        let Some(width) = end.map(|end| end + 1) else {
            return Err(Error::Open {
                place: place + 1,
                opened: "[".into(),
            });
        };
        let inner = &self.text[place + 1..place + width - 1];
        let Some(atom) = Inner(inner).atom() else {
            let expected =
                "between the brackets there has to be an element, such as in [nH], [N+] or [13CH3]";
            return Err(self.unexpected(place, width, expected));
        };
        self.has_stereo |= atom.chirality > 0;
        self.at += width;
        Ok(atom)
    }
}

/// What is left to read between brackets.
struct Inner<'a>(&'a [char]);

impl Inner<'_> {
    /// The atom; of its chirality only whether it is said.
    fn atom(&mut self) -> Option<Atom> {
        let isotope = self.number();
        let (element, aromatic) = self.element()?;
        let chirality = self.chirality();
        let hydrogens = match self.0 {
            ['H', rest @ ..] => {
                self.0 = rest;
                self.number().unwrap_or(1)
            }
            _ => 0,
        };
        let charge = self.charge()?;
        if let [':', rest @ ..] = self.0 {
            self.0 = rest;
            self.number()?;
        }
        let atom = Atom {
            element,
            isotope: match isotope {
                None => None,
                Some(number) => Some(u16::try_from(number).ok()?),
            },
            chirality: u8::from(chirality),
            hydrogens: Some(u8::try_from(hydrogens).ok()?),
            charge,
            aromatic,
        };
        (self.0.is_empty() && atom.capacity().is_some()).then_some(atom)
    }

    /// A number of at most four digits.
    fn number(&mut self) -> Option<u32> {
        let width = self.0.iter().take_while(|c| c.is_ascii_digit()).count();
        let digits = self.0[..width].iter().collect::<String>();
        let number = digits.parse().ok().filter(|_| width <= 4)?;
        self.0 = &self.0[width..];
        Some(number)
    }

    fn element(&mut self) -> Option<(&'static str, bool)> {
        for width in [2, 1] {
            let Some((symbol, rest)) = self.0.split_at_checked(width) else {
                continue;
            };
            let symbol: String = symbol.iter().collect();
            let known = element(&symbol).map(|element| (element, false));
            if let Some(known) = known.or_else(|| aromatic(&symbol).map(|element| (element, true)))
            {
                self.0 = rest;
                return Some(known);
            }
        }
        None
    }

    /// `@`, `@@`, or one of the longer classes such as `@SP1`.
    fn chirality(&mut self) -> bool {
        let width = self.0.iter().take_while(|c| **c == '@').count();
        self.0 = &self.0[width..];
        if let [a, b, rest @ ..] = self.0
            && width == 1
            && matches!(
                [*a, *b],
                ['T', 'H'] | ['A', 'L'] | ['S', 'P'] | ['T', 'B'] | ['O', 'H']
            )
        {
            self.0 = rest;
            let _ = self.number();
        }
        width > 0
    }

    /// `+`, `++` or `+2`, and the same with `-`.
    fn charge(&mut self) -> Option<i8> {
        let Some(sign @ ('+' | '-')) = self.0.first().copied() else {
            return Some(0);
        };
        let width = self.0.iter().take_while(|c| **c == sign).count();
        self.0 = &self.0[width..];
        let size = match self.number() {
            Some(number) if width == 1 => number,
            Some(_) => return None,
            None => u32::try_from(width).ok()?,
        };
        let size = i8::try_from(size).ok()?;
        Some(if sign == '+' { size } else { -size })
    }
}
