//! Data sets as the trainer reads them: images in memory, pixels in 0–255.

pub mod attributes;
pub mod batch;
pub mod download;
mod folder;
mod glyphs;
mod idx;
mod open;
mod sheets;
#[cfg(test)]
mod tests;

use anyhow::{Result, ensure};
use attributes::{Attribute, Rule};
use image::imageops::{FilterType, resize};
use image::{GrayImage, RgbImage};
use std::fmt;
use std::path::Path;
use vaelet_model::Input;
use vaelet_model::channels_first;

/// The part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// For training.
    Train,
    /// For evaluation only.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "training",
            Self::Test => "evaluation",
        })
    }
}

/// Images of one shape with a class each.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// `[N, H · W · C]`, channels innermost.
    pub pixels: Vec<u8>,
    /// Shape of one image.
    pub shape: Input,
    /// One class for each image; all 0 where there are none.
    pub labels: Vec<u8>,
    /// Which images belong together, in ascending order: those of one typeface. Empty where none do.
    pub groups: Vec<u32>,
    /// Whether a Bernoulli likelihood draws each value as 0 or 1, as is usual for MNIST.
    pub binarize: bool,
    /// What else is known of them.
    pub attributes: Vec<Attribute>,
    /// Whom to credit for each image; empty where all have the same credit.
    pub credits: Vec<String>,
}

impl Images {
    /// Images that nothing more is known of.
    pub fn unlabelled(pixels: Vec<u8>, shape: Input) -> Self {
        Self {
            labels: vec![0; pixels.len() / shape.len()],
            groups: Vec::new(),
            binarize: true,
            attributes: Vec::new(),
            credits: Vec::new(),
            pixels,
            shape,
        }
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// The indices of `most` images, evenly spread; of all where there are fewer.
    pub fn spread(&self, most: usize) -> Vec<usize> {
        let most = most.min(self.count());
        (0..most).map(|i| i * self.count() / most).collect()
    }

    /// Classes of the chosen images.
    pub fn classes(&self, chosen: &[usize]) -> Vec<usize> {
        chosen.iter().map(|&i| self.labels[i].into()).collect()
    }

    /// The chosen images, `[N, C, H, W]` in `[0, 1]`.
    pub fn floats(&self, chosen: &[usize]) -> Vec<f32> {
        channels_first(
            &batch::plain(self, chosen),
            self.shape.channels,
            self.shape.len(),
        )
    }

    /// The values of image `i`.
    pub fn image(&self, i: usize) -> &[u8] {
        let len = self.shape.len();
        &self.pixels[i * len..(i + 1) * len]
    }
}

/// Where a data set's files are, and how they are laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// `train-images-idx3-ubyte.gz` and its three companions.
    Idx,
    /// PNG sheets of tiles beside a `labels.csv`.
    Sheets(Table),
    /// Sheets of these characters of typefaces beside `fonts.csv` and `chars.txt`.
    Glyphs(&'static str),
    /// Any folder of pictures.
    Folder,
}

/// What is read of a `labels.csv` beside sheets of tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Table {
    /// Attributes of the images.
    pub rules: &'static [Rule],
    /// A column and those of its values that are classes; other rows are left out.
    pub classes: Option<(&'static str, &'static [&'static str])>,
}

/// Reads a split of the data set in `folder`, as images of `shape`.
///
/// # Errors
/// A missing folder or file, or one that is not what its name says; the message names
/// it and what to do.
pub fn read(source: Source, folder: &Path, split: Split, shape: Input) -> Result<Images> {
    // What IDX files there are to download is told where they are read.
    ensure!(
        folder.is_dir() || source == Source::Idx,
        "no images in {}: {}",
        folder.display(),
        match folder.exists() {
            true => "it is a file; give the folder that holds it",
            false => "the folder does not exist",
        },
    );
    let images = match source {
        Source::Idx => idx::read(folder, split)?,
        Source::Sheets(table) => sheets::read(folder, split, shape, table)?,
        Source::Glyphs(characters) => glyphs::read(folder, split, shape, characters)?,
        Source::Folder => folder::read(folder, split, shape)?,
    };
    ensure!(
        images.count() > 0,
        "{} has no images for {split}; add more of them, since about one in ten is kept for evaluation",
        folder.display(),
    );
    ensure!(
        images.shape == shape,
        "{}: the images are {}×{} with {} channels, the model's are {}×{} with {}",
        folder.display(),
        images.shape.height,
        images.shape.width,
        images.shape.channels,
        shape.height,
        shape.width,
        shape.channels,
    );
    Ok(images)
}

/// A picture's largest centred square, as an image of `shape`.
fn fit(picture: &RgbImage, shape: Input) -> Result<Vec<u8>> {
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
