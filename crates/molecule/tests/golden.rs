//! What `selfies` 2.2.0 says of random tokens and of SMILES; `make.py` writes the files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use proptest::prelude::*;
use vaelet_molecule::{Error, selfies, smiles};

fn rows(name: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(path)
        .unwrap();
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(Into::into).collect());
    rows.collect()
}

#[test]
fn tokens_become_the_same_smiles() {
    let rows = rows("selfies.csv");
    assert_eq!(rows.len(), 500);
    for row in rows {
        assert_eq!(smiles(&row[0]).unwrap(), row[1], "{}", row[0]);
    }
}

#[test]
fn smiles_become_the_same_tokens() {
    let rows = rows("smiles.csv");
    let refused = rows.iter().filter(|row| row[1].is_empty()).count();
    assert!(
        rows.len() > 280 && refused < 10,
        "{refused} of {}",
        rows.len()
    );
    for row in rows {
        let found = selfies(&row[0]);
        match row[1].as_str() {
            "" => assert!(found.is_err(), "{} is refused: {found:?}", row[0]),
            known => {
                let found = found.unwrap_or_else(|error| panic!("{}: {error}", row[0]));
                assert_eq!(found.tokens.concat(), known, "{}", row[0]);
                assert_eq!(
                    smiles(&found.tokens.concat()).unwrap(),
                    row[2],
                    "{}",
                    row[0]
                );
            }
        }
    }
}

/// Ibuprofen's centre, a double bond and a ring's bond: what says how they lie in space is left out.
#[test]
fn stereochemistry_is_left_out() {
    for (with, without) in [
        (
            "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O",
            "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
        ),
        ("F/C=C/F", "FC=CF"),
        ("F/C=C\\1CCCC1", "FC=C1CCCC1"),
        ("C[C@](F)(Cl)Br", "CC(F)(Cl)Br"),
        ("C[S@](=O)c1ccccc1", "CS(=O)c1ccccc1"),
        ("[C@TH1H](F)(Cl)Br", "C(F)(Cl)Br"),
    ] {
        let [with, without] = [with, without].map(|text| selfies(text).unwrap());
        assert!(with.lost_stereo && !without.lost_stereo);
        assert_eq!(with.tokens, without.tokens);
    }
    // Brackets that say more stay.
    assert_eq!(selfies("C[13C@H](F)Cl").unwrap().tokens[1], "[13CH1]");
}

#[test]
fn a_broken_smiles_gets_a_sentence() {
    for (text, sentence) in [
        ("", "is empty"),
        ("  ", "is empty"),
        ("CC.O", "several parts"),
        ("C(C", "does not end what begins at place 2, `(`"),
        ("C)C", "place 2, `)`"),
        ("C1CC", "place 2, `1`"),
        ("C%12CC", "place 2, `%12`"),
        ("C%1", "two digits"),
        ("C=", "has to follow the bond"),
        ("C=(C)", "has to follow the bond"),
        ("=C)", "place 3, `)`"),
        ("(C)", "an atom is expected here"),
        ("C()C", "an atom is expected here"),
        ("1CC1", "an atom is expected here"),
        ("[C", "does not end what begins at place 1, `[`"),
        ("C[Xx]C", "place 2, `[Xx]`"),
        ("C[]C", "place 2, `[]`"),
        ("[CH9]", "between the brackets"),
        ("[C+-]", "between the brackets"),
        ("CXC", "place 2, `X`"),
        ("Hello", "place 1, `H`"),
        ("C*", "any atom"),
        ("C$C", "place 2, `$`"),
        ("Ce\u{301}", "place 2"),
        ("C11", "bound already, or one to itself"),
        ("C12CC12", "bound already"),
        ("C=1CC#1", "another bond"),
        ("CC(C)(C)(C)C", "carbon"),
        ("FF(F)", "has 2 bonds where it can have 1"),
        ("c1cccc1", "often a nitrogen has to be [nH]"),
        ("c1ccncc1n1cccc1c", "aromatic rings"),
    ] {
        let error = selfies(text).unwrap_err().to_string();
        let sentence = sentence.replace(
            "carbon",
            "C, atom 2 of the SMILES, has 5 bonds where it can have 4",
        );
        assert!(error.contains(&sentence), "{text}: {error}");
    }
    let long = "C".repeat(1001);
    assert_eq!(
        selfies(&long),
        Err(Error::Long {
            found: 1001,
            unit: "characters"
        })
    );
    assert!(smiles(&"[C]".repeat(1001)).is_err());
    for (text, token) in [
        ("[C][Q]", "[Q]"),
        ("[C]O[C]", "O[C]"),
        ("[C][N", "[N"),
        ("C", "C"),
        ("[C]..[", "["),
    ] {
        assert_eq!(smiles(text), Err(Error::Token(token.into())));
    }
    assert_eq!(smiles("").unwrap(), "");
}

/// As deep as a molecule can be.
#[test]
fn depth_is_no_matter() {
    let deep = format!("{}C{}", "C(".repeat(499), ")".repeat(499));
    assert!(selfies(&deep[..1000]).is_err());
    let deep = format!("{}C{}", "C(".repeat(333), ")".repeat(333));
    let tokens = selfies(&deep).unwrap().tokens;
    assert_eq!(smiles(&tokens.concat()).unwrap().matches('C').count(), 334);
    assert!(smiles(&"[#C][Branch3]".repeat(500)).is_ok());
}

/// The same molecule may be written with its rings in another order.
fn sorted(smiles: &str) -> Vec<char> {
    let mut characters: Vec<char> = smiles.chars().collect();
    characters.sort_unstable();
    characters
}

proptest! {
    // No file for failures: they are printed.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "[-CcNnOoSsBrl()\\[\\]=#:/\\\\@+%0-9H.*é]{0,40}") {
        if let Ok(found) = selfies(&text) {
            let again = smiles(&found.tokens.concat()).unwrap();
            let twice = selfies(&again).unwrap();
            prop_assert_eq!(sorted(&smiles(&twice.tokens.concat()).unwrap()), sorted(&again));
        }
    }

    #[test]
    fn any_tokens_are_a_molecule(tokens in prop::collection::vec(
        prop::sample::select(vec![
            "[C]", "[=C]", "[#C]", "[N]", "[=N]", "[#N]", "[O]", "[=O]", "[S]", "[=S]", "[P]", "[F]", "[NH1]", "[H]",
            "[Ring1]", "[=Ring1]", "[Ring2]", "[=Ring2]", "[Branch1]", "[=Branch1]", "[#Branch2]",
        ]), 1..60)
    ) {
        let written = smiles(&tokens.concat()).unwrap();
        if !written.is_empty() {
            let again = selfies(&written).unwrap();
            prop_assert_eq!(sorted(&smiles(&again.tokens.concat()).unwrap()), sorted(&written));
        }
    }
}
