//! `vaelet data picture`: images of a data set and their classes as one picture, which a page fetches.

use crate::data::{Source, Split, read};
use crate::files::atomic::put;
use anyhow::{Context, Result, ensure};
use clap::Args;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use std::path::PathBuf;
use vaelet_model::ImageShape;

/// Arguments of the command.
#[derive(Args)]
pub(super) struct PictureArgs {
    /// Folder of a data set in the format of MNIST
    data: PathBuf,
    /// PNG to write
    #[arg(long)]
    out: PathBuf,
    /// Number of training images, evenly spread; a multiple of the columns
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Images in a row
    #[arg(long, default_value_t = 100)]
    columns: usize,
}

/// Runs the command. The picture is grey and has the images row by row, then a byte for the class of each. Its lines
/// have no filter, so that a page reads it without a decoder of its own.
///
/// # Errors
/// A data set that cannot be read or has fewer images, or a file that cannot be written.
pub(super) fn run(args: PictureArgs) -> Result<()> {
    let PictureArgs {
        data,
        out,
        count,
        columns,
    } = args;
    let shape = ImageShape {
        channels: 1,
        height: 28,
        width: 28,
    };
    let images = read(Source::Idx, Some(&data), Split::Train, shape)?;
    ensure!(
        columns > 0 && count > 0 && count.is_multiple_of(columns) && count <= images.count(),
        "--count {count} has to be a multiple of --columns {columns} and at most {}",
        images.count(),
    );
    let (rows, width) = (count / columns, columns * shape.width);
    let height = rows * shape.height + count.div_ceil(width);
    let mut values = vec![0; width * height];
    for (cell, &i) in images.spread(count).iter().enumerate() {
        let [left, top] = [cell % columns * shape.width, cell / columns * shape.height];
        for (y, row) in images.image(i).chunks_exact(shape.width).enumerate() {
            values[(top + y) * width + left..][..shape.width].copy_from_slice(row);
        }
        values[rows * shape.height * width + cell] = images.labels[i];
    }
    let mut bytes = Vec::new();
    let (best, plain) = (CompressionType::Best, FilterType::NoFilter);
    let (wide, tall) = (u32::try_from(width)?, u32::try_from(height)?);
    PngEncoder::new_with_quality(&mut bytes, best, plain).write_image(
        &values,
        wide,
        tall,
        ExtendedColorType::L8,
    )?;
    let folder = out.parent().context("--out has to name a file")?;
    let name = out.file_name().and_then(|name| name.to_str());
    put(folder, name.context("--out has to name a file")?, &bytes)?;
    println!("{}: {count} images, {} bytes", out.display(), bytes.len());
    Ok(())
}
