//! Characters of typefaces: `chars.txt` names the characters, `fonts.csv` has a row for each font, and
//! the tiles of the PNG sheets are the characters of one font after another.

use super::sheets::{read_table, splits, tiles};
use super::{Images, Split};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use vaelet_model::ImageShape;

/// Reads the glyphs of a split: their classes are the `characters`, their groups the fonts.
pub(super) fn read(
    folder: &Path,
    split: Split,
    shape: ImageShape,
    characters: &str,
) -> Result<Images> {
    check(folder, characters)?;
    let characters = characters.chars().count();
    let (headers, rows) = read_table(&folder.join("fonts.csv"))?;
    let parts = splits(&headers, &rows);
    let chosen: Vec<bool> = (parts.iter())
        .flat_map(|&part| vec![part == split; characters])
        .collect();
    let pixels = tiles(folder, shape, &chosen)?;
    let fonts = (0u32..).zip(&parts).filter(|&(_, &part)| part == split);
    let (mut labels, mut groups) = (Vec::new(), Vec::new());
    for (font, _) in fonts {
        labels.extend((0..characters).map(|class| class as u8));
        groups.extend(vec![font; characters]);
    }
    Ok(Images {
        labels,
        groups,
        binarize: false,
        ..Images::unlabelled(pixels, shape)
    })
}

/// Checks that the data set in `folder` has these characters of each font.
fn check(folder: &Path, characters: &str) -> Result<()> {
    let path = folder.join("chars.txt");
    let found = fs::read_to_string(&path);
    let found = found.with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        found.trim_end() == characters,
        "{} has the characters `{}`, expected `{characters}`",
        path.display(),
        found.trim_end(),
    );
    Ok(())
}
