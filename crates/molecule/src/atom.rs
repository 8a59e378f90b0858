//! Atoms: the elements, how many bonds each can have, and how an atom is written.

/// The elements by atomic number.
const ELEMENTS: [&str; 118] = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl",
    "Ar", "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As",
    "Se", "Br", "Kr", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In",
    "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb",
    "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl",
    "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk",
    "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh",
    "Fl", "Mc", "Lv", "Ts", "Og",
];

/// Those that SMILES writes without brackets.
const ORGANIC: [&str; 10] = ["B", "C", "N", "O", "S", "P", "F", "Cl", "Br", "I"];

/// An atom, as far as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Atom {
    pub element: &'static str,
    pub isotope: Option<u16>,
    /// How many `@` it is written with, up to two; of an atom read from a SMILES only whether there are any.
    pub chirality: u8,
    /// Hydrogens that are written down; `None` for an atom without brackets, which has as many as there is room for.
    pub hydrogens: Option<u8>,
    pub charge: i8,
    pub aromatic: bool,
}

impl Atom {
    /// An atom without brackets.
    pub fn plain(element: &'static str) -> Self {
        Self {
            element,
            isotope: None,
            chirality: 0,
            hydrogens: None,
            charge: 0,
            aromatic: false,
        }
    }

    /// Bonds that it can have beside its written hydrogens; `None` if these alone are too many.
    pub fn capacity(&self) -> Option<u8> {
        let bonds = match (self.element, self.charge) {
            ("H" | "F" | "Cl" | "Br" | "I", 0) | ("O", -1) => 1,
            ("O", 0) | ("N", -1) | ("B", 1) => 2,
            ("B", 0) | ("N", 0) | ("O", 1) | ("C", 1 | -1) => 3,
            ("B", -1) | ("C", 0) | ("N", 1) | ("P", 1) => 4,
            ("P", 0) | ("S", 1 | -1) => 5,
            ("P", -1) | ("S", 0) => 6,
            _ => 8,
        };
        u8::checked_sub(bonds, self.hydrogens.unwrap_or(0))
    }

    /// Leaves its chirality out, and its brackets where they are there for nothing else. `used` is the sum of
    /// the orders of its bonds.
    pub fn flatten(&mut self, used: usize) {
        if self.chirality == 0 {
            return;
        }
        self.chirality = 0;
        let usual = usual_valences(self.element).iter().copied();
        let valence = usual.map(usize::from).find(|valence| *valence >= used);
        let implied = valence.map(|valence| valence - used);
        if self.isotope.is_none() && self.charge == 0 && implied == self.hydrogens.map(usize::from)
        {
            self.hydrogens = None;
        }
    }

    /// As SMILES has it between its brackets, and whether it needs them.
    pub fn written(&self) -> (String, bool) {
        let mut text = String::new();
        if let Some(isotope) = self.isotope {
            text += &isotope.to_string();
        }
        text += self.element;
        text += &"@".repeat(self.chirality.into());
        let is_bare = self.isotope.is_none() && self.chirality == 0 && self.charge == 0;
        match self.hydrogens {
            None if is_bare => return (text, false),
            // Without the zero it would have as many as there is room for.
            Some(0) if is_bare && is_organic(self.element) => text += "H0",
            None | Some(0) => (),
            Some(count) => text += &format!("H{count}"),
        }
        if self.charge != 0 {
            text += &format!("{:+}", self.charge);
        }
        (text, true)
    }
}

/// The element with this symbol.
pub(crate) fn element(symbol: &str) -> Option<&'static str> {
    ELEMENTS.into_iter().find(|element| *element == symbol)
}

/// Whether SMILES may write it without brackets.
pub(crate) fn is_organic(element: &str) -> bool {
    ORGANIC.contains(&element)
}

/// The sums of bonds up to which an atom without brackets is filled with hydrogens.
fn usual_valences(element: &str) -> &'static [u8] {
    match element {
        "B" => &[3],
        "C" => &[4],
        "N" | "P" => &[3, 5],
        "O" => &[2],
        "S" => &[2, 4, 6],
        "F" | "Cl" | "Br" | "I" => &[1],
        _ => &[],
    }
}

/// The element of an aromatic atom, which is written with a small letter.
pub(crate) fn aromatic(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "b" => "B",
        "al" => "Al",
        "c" => "C",
        "si" => "Si",
        "n" => "N",
        "p" => "P",
        "as" => "As",
        "o" => "O",
        "s" => "S",
        "se" => "Se",
        "te" => "Te",
        _ => return None,
    })
}

/// Bonds of an aromatic atom that leave it no double bond, in ascending order.
pub(crate) fn aromatic_valences(element: &str) -> &'static [u8] {
    match element {
        "B" | "Al" => &[3],
        "C" | "Si" => &[4],
        "N" | "P" | "As" => &[3, 5],
        "O" | "S" | "Se" | "Te" => &[2, 4],
        _ => &[],
    }
}
