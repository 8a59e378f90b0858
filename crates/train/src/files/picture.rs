//! Grids of images as PNG.

use crate::files::atomic::put;
use anyhow::{Context, Result, bail};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, RgbImage};
use std::io::Cursor;
use std::path::Path;
use vaelet_model::ImageShape;

/// Of JPEG, 1 to 100.
const QUALITY: u8 = 92;

/// Images `[N, C, H, W]` in `[0, 1]`, `columns` in a row, with a pixel of space between.
///
/// # Errors
/// Sizes that do not agree.
pub fn grid(images: &[f32], input: ImageShape, columns: usize) -> Result<DynamicImage> {
    let ImageShape {
        channels,
        height,
        width,
    } = input;
    let count = images.len() / input.len();
    let rows = count.div_ceil(columns);
    let (tall, wide) = (height + 1, width + 1);
    let size = |cells: usize, cell: usize| u32::try_from(cells * cell - 1);
    let mut picture = RgbImage::new(size(columns, wide)?, size(rows, tall)?);
    for (i, image) in images.chunks_exact(input.len()).enumerate() {
        for y in 0..height {
            for x in 0..width {
                let value = |channel: usize| {
                    let v = image[(channel.min(channels - 1) * height + y) * width + x];
                    (v.clamp(0.0, 1.0) * 255.0).round() as u8
                };
                let (x, y) = (i % columns * wide + x, i / columns * tall + y);
                let pixel = picture
                    .get_pixel_mut_checked(u32::try_from(x)?, u32::try_from(y)?)
                    .context("a pixel outside the grid")?;
                *pixel = image::Rgb([value(0), value(1), value(2)]);
            }
        }
    }
    let picture = DynamicImage::from(picture);
    Ok(match channels {
        1 => picture.into_luma8().into(),
        _ => picture,
    })
}

/// The format for pictures of such images: JPEG for colour, which is five times smaller than PNG.
pub fn extension(input: ImageShape) -> &'static str {
    match input.channels {
        1 => "png",
        _ => "jpg",
    }
}

/// Saves a picture under a name that ends in `png`, `jpg` or `jpeg`, as small as that gets and
/// whole or not at all.
///
/// # Errors
/// Another ending, or a file that cannot be written.
pub fn save(picture: &DynamicImage, path: &Path) -> Result<()> {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let mut bytes = Cursor::new(Vec::new());
    let encoded = match extension.to_str() {
        Some("jpg" | "jpeg") => {
            picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
        }
        Some("png") => {
            let (best, adaptive) = (CompressionType::Best, FilterType::Adaptive);
            picture.write_with_encoder(PngEncoder::new_with_quality(&mut bytes, best, adaptive))
        }
        _ => bail!(
            "the name of the picture {} must end in .png or .jpg",
            path.display()
        ),
    };
    encoded.with_context(|| format!("cannot make {}", path.display()))?;
    let name = path.file_name().context("a picture needs a name")?;
    put(
        path.parent().unwrap_or(Path::new("")),
        name,
        bytes.get_ref(),
    )
}
