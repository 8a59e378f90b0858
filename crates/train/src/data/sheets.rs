//! Tiles in PNG sheets: `<name>_000.png` and so on, 32 × 32 tiles in each, row by row,
//! and `labels.csv` with a row for each tile.

use super::attributes::Rule;
use super::open::open;
use super::{Images, Split, fit};
use anyhow::{Context, Result, ensure};
use csv::StringRecord;
use std::fs;
use std::path::{Path, PathBuf};
use vaelet_model::Input;

/// Tiles in a row of a sheet, and rows in a sheet.
const SIDE: u32 = 32;
/// Where `labels.csv` has no `split`, every image of this many is for evaluation.
const TEST: usize = 12;

/// Reads the tiles of a split and fits them to `shape`.
pub(super) fn read(folder: &Path, split: Split, shape: Input, rules: &[Rule]) -> Result<Images> {
    let (headers, rows) = table(&folder.join("labels.csv"))?;
    let chosen = splits(&headers, &rows);
    let mut pixels = Vec::new();
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
        let sheet = open(path).with_context(|| format!("cannot use {}", path.display()))?;
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
        }
    }
    let pairs = rows.into_iter().zip(&chosen);
    let rows: Vec<_> = pairs
        .filter_map(|(row, &part)| (part == split).then_some(row))
        .collect();
    let attributes = rules.iter().map(|rule| rule.apply(&headers, &rows));
    Ok(Images {
        attributes: attributes.collect::<Result<_>>()?,
        credits: credits(&headers, &rows),
        ..Images::unlabelled(pixels, shape)
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

fn table(path: &Path) -> Result<(StringRecord, Vec<StringRecord>)> {
    let context = || format!("cannot read {}", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(context)?;
    let headers = reader.headers().with_context(context)?.clone();
    let rows = reader.records().collect::<Result<_, _>>();
    Ok((headers, rows.with_context(context)?))
}

/// The split of each row.
fn splits(headers: &StringRecord, rows: &[StringRecord]) -> Vec<Split> {
    let column = headers.iter().position(|name| name == "split");
    let is_test = |(i, row): (usize, &StringRecord)| match column {
        Some(column) => row.get(column) == Some("test"),
        None => i % TEST == 0,
    };
    let split = |test| if test { Split::Test } else { Split::Train };
    rows.iter().enumerate().map(is_test).map(split).collect()
}

/// Source and licence of each row, where the table has both.
fn credits(headers: &StringRecord, rows: &[StringRecord]) -> Vec<String> {
    let column = |name| headers.iter().position(|header| header == name);
    let Some((source, licence)) = column("source").zip(column("licence")) else {
        return Vec::new();
    };
    rows.iter()
        .map(|row| format!("{}, {}", &row[source], &row[licence]))
        .collect()
}
