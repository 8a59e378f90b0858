//! Data sets as the trainer reads them: images in memory, pixels in 0–255.

pub mod attributes;
pub mod batch;
pub mod download;
pub mod folder;
mod glyphs;
mod idx;
mod images;
pub mod molecules;
pub mod open;
mod shapes;
mod sheets;
mod sounds;
#[cfg(test)]
mod tests;
pub mod words;

use anyhow::{Result, bail, ensure};
use attributes::Rule;
use folder::Kind;
use image::imageops::{FilterType, resize};
use image::{GrayImage, RgbImage};
pub use images::{Images, Measure, Split};
use std::path::Path;
use vaelet_model::{ImageShape, LogMel};

/// Where a data set's files are, and how they are laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// `train-images-idx3-ubyte.gz` and its three companions.
    Idx,
    /// PNG sheets of tiles beside a `labels.csv`.
    Sheets(Table),
    /// Sheets of these characters of typefaces beside `fonts.csv` and `chars.txt`.
    Glyphs(&'static str),
    /// No files: shapes that are drawn.
    Shapes,
    /// Any folder of pictures.
    Folder,
    /// Any folder of recordings, as pictures of this kind.
    Recordings(LogMel),
    /// A table of texts, spelled as the model says: see [`words`].
    Words,
}

/// What is read of a `labels.csv` beside sheets of tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Table {
    /// Attributes of the images.
    pub rules: &'static [Rule],
    /// A column and those of its values that are classes; other rows are left out.
    pub classes: Option<(&'static str, &'static [&'static str])>,
}

/// Reads a split of the data set in `folder`, as images of `shape`; a source without files has no folder.
///
/// # Errors
/// A missing folder or file, or a damaged one; the message names it and says what to do.
pub fn read(
    source: Source,
    folder: Option<&Path>,
    split: Split,
    shape: ImageShape,
) -> Result<Images> {
    // The reader of IDX files says how to download them.
    if let Some(folder) = folder.filter(|_| source != Source::Idx) {
        ensure!(
            folder.is_dir(),
            "no images in {}: {}",
            folder.display(),
            match folder.exists() {
                true => "it is a file; give the folder that contains it",
                false => "the folder does not exist",
            },
        );
    }
    let images = match (source, folder) {
        (Source::Shapes, None) => shapes::draw(split),
        (Source::Shapes, Some(_)) => {
            bail!("the images of this model are drawn, not read; leave --data out")
        }
        (_, None) => bail!("give the folder of the model's data set with --data"),
        (Source::Idx, Some(folder)) => idx::read(folder, split)?,
        (Source::Sheets(table), Some(folder)) => sheets::read(folder, split, shape, table)?,
        (Source::Glyphs(characters), Some(folder)) => {
            glyphs::read(folder, split, shape, characters)?
        }
        (Source::Folder, Some(folder)) => folder::read(folder, split, shape, Kind::Pictures)?,
        (Source::Words, Some(_)) => bail!("texts are read as their model spells them"),
        (Source::Recordings(scale), Some(folder)) => {
            folder::read(folder, split, shape, Kind::Recordings(scale))?
        }
    };
    let place = folder.map_or("the data".into(), |folder| folder.display().to_string());
    ensure!(
        images.count() > 0,
        "{place} has no images for {split}; add more of them, since about one in ten is kept for evaluation",
    );
    ensure!(
        images.shape == shape,
        "{place}: the images are {}×{} with {} channels, the model's are {}×{} with {}",
        images.shape.height,
        images.shape.width,
        images.shape.channels,
        shape.height,
        shape.width,
        shape.channels,
    );
    Ok(images)
}

/// At most `most` images of any folder as images of `shape`, whatever its layout: the evaluation split of
/// an IDX data set, sheets (of these also one `class` alone), or pictures.
///
/// # Errors
/// A folder that holds none of these, or images that cannot be read.
pub fn any(folder: &Path, shape: ImageShape, most: usize, class: Option<&str>) -> Result<Images> {
    if folder.join("t10k-images-idx3-ubyte.gz").is_file() {
        let all = read(Source::Idx, Some(folder), Split::Test, shape)?;
        let chosen = all.spread(most);
        let pixels = chosen.iter().flat_map(|&i| all.image(i).to_vec());
        return Ok(Images::unlabelled(pixels.collect(), shape));
    }
    if ["labels.csv", "fonts.csv"]
        .iter()
        .any(|name| folder.join(name).is_file())
    {
        return sheets::some(folder, shape, most, class);
    }
    ensure!(
        class.is_none(),
        "{} has no classes: it is not a folder of sheets with labels.csv",
        folder.display()
    );
    let (pictures, _) = folder::all(folder, shape)?;
    let pixels = pictures
        .into_iter()
        .take(most)
        .flat_map(|(_, picture)| picture);
    Ok(Images::unlabelled(pixels.collect(), shape))
}

/// A picture's largest centred square, as an image of `shape`, `[H · W · C]`.
///
/// # Errors
/// Sides that do not fit 32 bits.
pub fn fit(picture: &RgbImage, shape: ImageShape) -> Result<Vec<u8>> {
    let (width, height) = picture.dimensions();
    let (wide, tall) = (u32::try_from(shape.width)?, u32::try_from(shape.height)?);
    let scale = (f64::from(width) / f64::from(wide)).min(f64::from(height) / f64::from(tall));
    let [w, h] = [wide, tall].map(|side| (f64::from(side) * scale).round() as u32);
    let cut = image::imageops::crop_imm(picture, (width - w) / 2, (height - h) / 2, w, h);
    let scaled = resize(&cut.to_image(), wide, tall, FilterType::CatmullRom);
    Ok(match shape.channels {
        1 => GrayImage::into_raw(image::DynamicImage::from(scaled).into_luma8()),
        _ => scaled.into_raw(),
    })
}
