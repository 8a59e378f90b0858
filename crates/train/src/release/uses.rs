//! `uses.json`: what a model is worth in use, as it was measured, and that table in its card.

use super::card::data_argument;
use crate::files::atomic::put;
use crate::measure::uses::{Row, Use, table};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use vaelet_model::ModelSpec;

const FILE: &str = "uses.json";
const CARD: &str = "README.md";
/// Where the section begins in a card, and what follows it.
const BEGIN: &str = "## Uses\n";
const END: &str = "Weights: ";

#[derive(Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of the weights that were measured.
    weights: String,
    rows: Vec<Row>,
}

/// Keeps what was measured of these uses, in place of what was known of them, and shows it in the card.
///
/// # Errors
/// A folder that cannot be read or written.
pub fn write(folder: &Path, spec: &ModelSpec, measured: &[Use], rows: Vec<Row>) -> Result<()> {
    let mut all = read(folder, spec)?;
    all.retain(|row| !measured.contains(&row.r#use));
    all.extend(rows);
    all.sort_by_key(|row| row.r#use);
    let kept = Kept {
        weights: spec.weights.sha256.clone(),
        rows: all,
    };
    let text = serde_json::to_string_pretty(&kept)? + "\n";
    put(folder, FILE, text.as_bytes())?;
    let path = folder.join(CARD);
    let card = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        card => card.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let card = with_section(&card, &section(folder, spec)?);
    put(folder, CARD, card.as_bytes())
}

/// The part of the card that says it; empty where nothing was measured.
///
/// # Errors
/// A file that cannot be read.
pub fn section(folder: &Path, spec: &ModelSpec) -> Result<String> {
    let rows = read(folder, spec)?;
    if rows.is_empty() {
        return Ok(String::new());
    }
    let (name, table) = (&spec.name, table(&rows));
    let from = data_argument(name);
    Ok(format!(
        "{BEGIN}\nOn test images. AUROC is the chance that a stranger scores higher than an image of the model's own.\n\n\
         {table}\n    vaelet measure uses models/{name}{from} --card\n\n"
    ))
}

/// What is known of these weights.
fn read(folder: &Path, spec: &ModelSpec) -> Result<Vec<Row>> {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let kept: Kept = serde_json::from_str(&text).with_context(|| {
        format!(
            "{} is damaged; remove it, and measure again",
            path.display()
        )
    })?;
    Ok(match kept.weights == spec.weights.sha256 {
        true => kept.rows,
        false => Vec::new(),
    })
}

fn with_section(card: &str, section: &str) -> String {
    let end = card.rfind(END).unwrap_or(card.len());
    let begin = card.find(BEGIN).unwrap_or(end).min(end);
    [&card[..begin], section, &card[end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::preset;

    fn row(r#use: Use, figure: f64) -> Row {
        Row {
            r#use,
            what: "something".into(),
            figure,
            unit: "dB".into(),
            beside: Vec::new(),
            images: 3,
        }
    }

    #[test]
    fn what_is_measured_again_takes_the_place_of_what_was_known() {
        let dir = tempfile::tempdir().unwrap();
        let mut spec = preset("digits").unwrap().spec;
        let at = |name| dir.path().join(name);
        fs::write(at(CARD), "# Digits\n\nWeights: 3 KB").unwrap();
        let both = [Use::Clean, Use::Group];
        let rows = vec![row(Use::Group, 0.5), row(Use::Clean, 1.5)];
        write(dir.path(), &spec, &both, rows).unwrap();
        write(dir.path(), &spec, &[Use::Clean], vec![row(Use::Clean, 2.5)]).unwrap();
        let known = [row(Use::Clean, 2.5), row(Use::Group, 0.5)];
        assert_eq!(read(dir.path(), &spec).unwrap(), known);
        let card = fs::read_to_string(at(CARD)).unwrap();
        assert!(card.starts_with("# Digits\n\n## Uses\n") && card.ends_with("\n\nWeights: 3 KB"));
        assert!(
            card.contains("2.500 dB") && !card.contains("1.500"),
            "{card}"
        );
        assert_eq!(card.matches(BEGIN).count(), 1);
        // Of other weights it says nothing.
        spec.weights.sha256 = "another".into();
        assert_eq!(section(dir.path(), &spec).unwrap(), "");
        fs::write(at(FILE), "{").unwrap();
        assert!(section(dir.path(), &spec).is_err());
    }
}
