//! Tiles in PNG sheets: `<name>_000.png` and so on, 32 × 32 tiles in each, row by row,
//! and `labels.csv` with a row for each tile.

use super::{Images, Split, fit};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use vaelet_model::Input;

/// Tiles in a row of a sheet, and rows in a sheet.
const SIDE: u32 = 32;
/// Where `labels.csv` has no `split`, every image of this many is for evaluation.
const TEST: usize = 12;

/// Reads the tiles of a split and fits them to `shape`.
pub(super) fn read(folder: &Path, split: Split, shape: Input) -> Result<Images> {
    let chosen = split_of(&folder.join("labels.csv"))?;
    let mut pixels = Vec::new();
    let mut count = 0;
    let per_sheet = (SIDE * SIDE) as usize;
    let sheets = sheets(folder)?;
    ensure!(
        chosen.len() <= sheets.len() * per_sheet,
        "{}: labels.csv has {} rows, but the sheets hold at most {} images",
        folder.display(),
        chosen.len(),
        sheets.len() * per_sheet,
    );
    for (path, rows) in sheets.iter().zip(chosen.chunks(per_sheet)) {
        let sheet = image::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let sheet = sheet.into_rgb8();
        let tile = sheet.width() / SIDE;
        ensure!(
            tile > 0 && sheet.height() / tile >= (rows.len() as u32).div_ceil(SIDE),
            "{} is not a sheet of {SIDE} tiles a row",
            path.display(),
        );
        for (i, _) in (0..).zip(rows).filter(|&(_, &part)| part == split) {
            let (x, y) = (i % SIDE * tile, i / SIDE * tile);
            let picture = image::imageops::crop_imm(&sheet, x, y, tile, tile).to_image();
            pixels.extend(fit(&picture, shape)?);
            count += 1;
        }
    }
    Ok(Images {
        pixels,
        shape,
        labels: vec![0; count],
    })
}

fn sheets(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut sheets: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_>>()?;
    sheets.retain(|path| path.extension().is_some_and(|e| e == "png"));
    sheets.sort();
    ensure!(!sheets.is_empty(), "no PNG in {}", folder.display());
    Ok(sheets)
}

/// The split of each row.
fn split_of(labels: &Path) -> Result<Vec<Split>> {
    let context = || format!("cannot read {}", labels.display());
    let mut reader = csv::Reader::from_path(labels).with_context(context)?;
    let column = reader.headers()?.iter().position(|name| name == "split");
    let mut splits = Vec::new();
    for (i, row) in reader.records().enumerate() {
        let row = row.with_context(context)?;
        let test = match column {
            Some(column) => row.get(column) == Some("test"),
            None => i % TEST == 0,
        };
        splits.push(if test { Split::Test } else { Split::Train });
    }
    Ok(splits)
}
