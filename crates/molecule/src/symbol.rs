//! A SELFIES token, and the numbers that some tokens take from those after them.

use crate::atom::{Atom, element, is_organic};

/// Tokens as digits, in base 16.
const DIGITS: [&str; 16] = [
    "[C]",
    "[Ring1]",
    "[Ring2]",
    "[Branch1]",
    "[=Branch1]",
    "[#Branch1]",
    "[Branch2]",
    "[=Branch2]",
    "[#Branch2]",
    "[O]",
    "[N]",
    "[=N]",
    "[=C]",
    "[#C]",
    "[S]",
    "[P]",
];

/// What a token does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// Opens a branch whose length the next `digits` tokens say.
    Branch { order: u8, digits: usize },
    /// Closes a ring, so many atoms back as the next `digits` tokens say.
    Ring {
        order: u8,
        digits: usize,
        stereo: [Option<char>; 2],
    },
    /// Ends what it stands in.
    End,
    /// An atom, and its bond to the one before.
    Atom {
        order: u8,
        stereo: Option<char>,
        atom: Atom,
    },
}

impl Symbol {
    /// Reads a token with its brackets.
    pub fn parse(token: &str) -> Option<Self> {
        let inner = token.strip_prefix('[')?.strip_suffix(']')?;
        if inner == "epsilon" {
            return Some(Self::End);
        }
        let digits = |text: &str| match text {
            "1" => Some(1),
            "2" => Some(2),
            "3" => Some(3),
            _ => None,
        };
        if let Some((bond, count)) = inner.split_once("Branch") {
            let (order, stereo) = read_bond(bond)?;
            let digits = digits(count)?;
            return stereo.is_none().then_some(Self::Branch { order, digits });
        }
        if let Some((bonds, count)) = inner.split_once("Ring") {
            let (order, stereo) = read_ring_bonds(bonds)?;
            let digits = digits(count)?;
            return Some(Self::Ring {
                order,
                digits,
                stereo,
            });
        }
        let bond = inner.len() - inner.trim_start_matches(['=', '#', '/', '\\']).len();
        let (order, stereo) = read_bond(&inner[..bond])?;
        let atom = read_atom(&inner[bond..])?;
        Some(Self::Atom {
            order,
            stereo,
            atom,
        })
    }
}

fn read_bond(text: &str) -> Option<(u8, Option<char>)> {
    Some(match text {
        "" => (1, None),
        "=" => (2, None),
        "#" => (3, None),
        "/" => (1, Some('/')),
        "\\" => (1, Some('\\')),
        _ => return None,
    })
}

/// The marks of both ends of a ring's bond.
fn read_ring_bonds(text: &str) -> Option<(u8, [Option<char>; 2])> {
    let mark = |mark| match mark {
        '-' => Some(None),
        '/' | '\\' => Some(Some(mark)),
        _ => None,
    };
    let marks: Vec<char> = text.chars().collect();
    match marks[..] {
        [] | ['=' | '#'] => read_bond(text).map(|(order, _)| (order, [None; 2])),
        [left, right] if text != "--" => Some((1, [mark(left)?, mark(right)?])),
        _ => None,
    }
}

/// An atom as it stands in a token, after the bond: isotope, element, chirality, hydrogens, charge.
fn read_atom(text: &str) -> Option<Atom> {
    if is_organic(text) {
        return element(text).map(Atom::plain);
    }
    let (isotope, text) = split(text, |c| c.is_ascii_digit());
    let long = text.chars().nth(1).is_some_and(|c| c.is_ascii_lowercase());
    let (symbol, text) = text.split_at_checked(1 + usize::from(long))?;
    let (chirality, text) = split(text, |c| c == '@');
    let (hydrogens, text) = match text.strip_prefix('H') {
        None => (0, text),
        Some(rest) => {
            let (count, rest) = rest.split_at_checked(1)?;
            (count.parse().ok()?, rest)
        }
    };
    let charge = match text {
        "" => 0,
        // Neither zeros nor a number without its sign.
        _ if text.contains('0') || !text.starts_with(['+', '-']) => return None,
        _ => text.parse().ok()?,
    };
    let isotope = match isotope {
        "" => None,
        _ => Some(isotope.parse().ok()?),
    };
    let atom = Atom {
        element: element(symbol)?,
        isotope,
        chirality: u8::try_from(chirality.len()).ok().filter(|n| *n <= 2)?,
        hydrogens: Some(hydrogens),
        charge,
        aromatic: false,
    };
    atom.capacity().is_some().then_some(atom)
}

/// The longest beginning of such characters, and the rest.
fn split(text: &str, is_part: fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(is_part).len())
}

/// The number that tokens stand for; a token that is no digit is 0.
pub(crate) fn number<'a>(tokens: impl Iterator<Item = Option<&'a str>>) -> usize {
    let digit = |token: Option<&str>| DIGITS.iter().position(|digit| Some(*digit) == token);
    tokens.fold(0, |sum, token| {
        sum * DIGITS.len() + digit(token).unwrap_or(0)
    })
}

/// The tokens that stand for a number.
pub(crate) fn digits(mut number: usize) -> Vec<&'static str> {
    let mut tokens = Vec::new();
    while tokens.is_empty() || number > 0 {
        tokens.push(DIGITS[number % DIGITS.len()]);
        number /= DIGITS.len();
    }
    tokens.reverse();
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_sixteen_tokens() {
        for n in [0, 1, 15, 16, 255, 256, 4095] {
            assert_eq!(number(digits(n).into_iter().map(Some)), n);
        }
        assert_eq!(digits(17), ["[Ring1]", "[Ring1]"]);
        assert_eq!(
            number([Some("[Ring1]"), Some("[F]"), None].into_iter()),
            256
        );
    }

    #[test]
    fn a_token_that_is_none_is_told_apart() {
        for token in [
            "[C]",
            "[=N+1]",
            "[13CH1]",
            "[/C@@H1]",
            "[H]",
            "[-/Ring2]",
            "[#Branch3]",
            "[Fe+2]",
        ] {
            assert!(Symbol::parse(token).is_some(), "{token}");
        }
        for token in [
            "",
            "C",
            "[]",
            "[c]",
            "[Xx]",
            "[=]",
            "[==C]",
            "[CH]",
            "[CH9]",
            "[C@@@]",
            "[C+0]",
            "[C1]",
            "[--Ring1]",
            "[Ring4]",
            "[/Branch1]",
            "[Branch]",
            "[é]",
            "[C",
            "[C]]",
        ] {
            assert!(Symbol::parse(token).is_none(), "{token}");
        }
    }
}
