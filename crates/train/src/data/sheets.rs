//! Tiles in PNG sheets: `<name>_000.png` and so on, 32 × 32 tiles in each, row by row,
//! and `labels.csv` with a row for each tile.

use super::open::open;
use super::{Images, Split, Table, fit};
use anyhow::{Context, Result, ensure};
use csv::StringRecord;
use std::fs;
use std::path::{Path, PathBuf};
use vaelet_model::ImageShape;

/// Tiles in a row of a sheet, and rows in a sheet.
const SIDE: u32 = 32;
/// Where `labels.csv` has no `split`, every image of this many is for evaluation.
const TEST: usize = 12;

/// Reads the tiles of a split and fits them to `shape`.
pub(super) fn read(folder: &Path, split: Split, shape: ImageShape, table: Table) -> Result<Images> {
    let path = folder.join("labels.csv");
    let (headers, rows) = read_table(&path)?;
    let classes = classes(&headers, &rows, table)
        .with_context(|| format!("cannot use {}", path.display()))?;
    let chosen: Vec<bool> = splits(&headers, &rows)
        .into_iter()
        .zip(&classes)
        .map(|(part, class)| part == split && class.is_some())
        .collect();
    let pixels = tiles(folder, shape, &chosen)?;
    let (rows, labels): (Vec<_>, Vec<_>) = (rows.into_iter().zip(classes).zip(chosen))
        .filter_map(|((row, class), chosen)| class.filter(|_| chosen).map(|class| (row, class)))
        .unzip();
    let attributes = (table.rules.iter()).map(|rule| rule.apply(&headers, &rows));
    Ok(Images {
        attributes: attributes.collect::<Result<_>>()?,
        credits: credits(&headers, &rows),
        labels,
        ..Images::unlabelled(pixels, shape)
    })
}

/// The chosen tiles of the sheets in `folder`, fitted to `shape`.
pub(super) fn tiles(folder: &Path, shape: ImageShape, chosen: &[bool]) -> Result<Vec<u8>> {
    let mut pixels = Vec::new();
    let per_sheet = (SIDE * SIDE) as usize;
    let sheets = sheets(folder)?;
    ensure!(
        chosen.len() <= sheets.len() * per_sheet,
        "{}: the table has {} rows, but the sheets hold at most {} images",
        folder.display(),
        chosen.len(),
        sheets.len() * per_sheet,
    );
    for (path, rows) in sheets.iter().zip(chosen.chunks(per_sheet)) {
        let sheet = open(path).with_context(|| format!("cannot use {}", path.display()))?;
        let tile = sheet.width() / SIDE;
        ensure!(
            tile > 0 && sheet.height() / tile >= (rows.len() as u32).div_ceil(SIDE),
            "{} is not a sheet with {SIDE} tiles in each row",
            path.display(),
        );
        for (i, _) in (0..).zip(rows).filter(|&(_, &chosen)| chosen) {
            let (x, y) = (i % SIDE * tile, i / SIDE * tile);
            let picture = image::imageops::crop_imm(&sheet, x, y, tile, tile).to_image();
            pixels.extend(fit(&picture, shape)?);
        }
    }
    Ok(pixels)
}

/// The class of each row; none where the row is left out.
fn classes(headers: &StringRecord, rows: &[StringRecord], table: Table) -> Result<Vec<Option<u8>>> {
    let Some((name, values)) = table.classes else {
        return Ok(vec![Some(0); rows.len()]);
    };
    let column = headers.iter().position(|header| header == name);
    let column = column.with_context(|| format!("it has no column `{name}`"))?;
    let class = |row: &StringRecord| {
        let own = values
            .iter()
            .position(|&value| row.get(column) == Some(value));
        own.and_then(|class| u8::try_from(class).ok())
    };
    Ok(rows.iter().map(class).collect())
}

/// Tiles of the sheets of any folder without their labels, at most `most` and evenly spread: of those whose
/// `class` in `labels.csv` is this one, if one is given.
///
/// # Errors
/// A folder without sheets or tables, or without images of that class.
pub(super) fn some(
    folder: &Path,
    shape: ImageShape,
    most: usize,
    class: Option<&str>,
) -> Result<Images> {
    let labels = folder.join("labels.csv");
    let mut chosen: Vec<bool> = if labels.is_file() {
        let (headers, rows) = read_table(&labels)?;
        let column = headers.iter().position(|name| name == "class");
        let is_of =
            |row: &StringRecord| class.is_none() || column.and_then(|i| row.get(i)) == class;
        rows.iter().map(is_of).collect()
    } else {
        let characters = fs::read_to_string(folder.join("chars.txt"));
        let characters = characters.context("neither labels.csv nor chars.txt")?;
        let (_, fonts) = read_table(&folder.join("fonts.csv"))?;
        vec![class.is_none(); fonts.len() * characters.trim_end().chars().count()]
    };
    let all = chosen.iter().filter(|is| **is).count();
    ensure!(
        all > 0,
        "{} has no images of the class {}",
        folder.display(),
        class.unwrap_or_default()
    );
    for (number, is) in chosen.iter_mut().filter(|is| **is).enumerate() {
        // The first tile of each of `most` equal parts.
        *is = all <= most || (number * most) % all < most;
    }
    Ok(Images::unlabelled(tiles(folder, shape, &chosen)?, shape))
}

fn sheets(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut sheets: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_>>()?;
    sheets.retain(|path| path.extension().is_some_and(|e| e == "png"));
    sheets.sort();
    ensure!(
        !sheets.is_empty(),
        "{} contains no PNG files",
        folder.display()
    );
    Ok(sheets)
}

/// Header and rows of a CSV file.
pub(super) fn read_table(path: &Path) -> Result<(StringRecord, Vec<StringRecord>)> {
    let context = || format!("cannot read {}", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(context)?;
    let headers = reader.headers().with_context(context)?.clone();
    let rows = reader.records().collect::<Result<_, _>>();
    Ok((headers, rows.with_context(context)?))
}

/// The split of each row.
pub(super) fn splits(headers: &StringRecord, rows: &[StringRecord]) -> Vec<Split> {
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
