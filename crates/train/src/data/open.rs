//! Anyone's picture, whatever kind of file it is: upright as EXIF has it, and where it is
//! transparent on white, as the page lays it.

use anyhow::{Result, bail, ensure};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

/// Bytes of a file, and of its pixels once they are unpacked: more than any camera makes. A file
/// of a few thousand bytes can hold as many pixels as it likes.
const MOST_BYTES: u64 = 1 << 30;

/// Kinds that are read.
const READ: &str = "PNG, JPEG, WebP, GIF, BMP or TIFF";

/// How files of kinds that are not read begin, from a byte on.
const OTHERS: [(usize, &[u8], &str); 18] = [
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftyphevc", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypmsf1", "HEIF"),
    // Its decoder is a library in C, which this program does without.
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftypcrx ", "a raw photograph"),
    (4, b"ftyp", "a film"),
    (0, b"\0\0\0\x0cJXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%PDF", "a PDF"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "SVG or another XML file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1aE\xdf\xa3", "a film"),
];

/// Reads a picture; its content tells what it is, not its name.
///
/// # Errors
/// A sentence that goes on from the file's name: what is wrong, and what to do.
pub fn open(path: &Path) -> Result<RgbImage> {
    let mut bytes = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => decode(bytes),
        Err(error) => bail!("it cannot be read ({error}); change its permissions or remove it"),
    }
}

fn decode(bytes: Vec<u8>) -> Result<RgbImage> {
    ensure!(!bytes.is_empty(), "it is empty");
    ensure!(
        bytes.len() as u64 <= MOST_BYTES,
        "it is longer than {} MB; make it smaller",
        MOST_BYTES >> 20
    );
    let Ok(format) = image::guess_format(&bytes) else {
        return Err(unknown(&bytes));
    };
    ensure!(
        format.reading_enabled(),
        "it is {}, which is not supported; convert it to PNG or JPEG",
        format!("{format:?}").to_uppercase()
    );
    let damaged = |error| {
        anyhow::anyhow!(
            "it is damaged, or a {format:?} of a kind that is not read ({error}); save it again as PNG or JPEG"
        )
    };
    ensure!(
        format != ImageFormat::Jpeg || ends(&bytes),
        "its end is missing; copy or download it again"
    );
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    ensure!(width > 0 && height > 0, "it has no pixels");
    ensure!(
        decoder.total_bytes() <= MOST_BYTES,
        "its {width}×{height} pixels take more than {} MB; make it smaller",
        MOST_BYTES >> 20
    );
    // A picture whose EXIF is damaged is still a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(on_white(picture))
}

/// The error for a file in a format that is not supported.
fn unknown(bytes: &[u8]) -> anyhow::Error {
    let is = |(at, magic, _): &&(usize, &[u8], &str)| {
        bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic))
    };
    match OTHERS.iter().find(is) {
        Some((_, _, kind)) => {
            anyhow::anyhow!("it is {kind}, which is not supported; convert it to PNG or JPEG")
        }
        None => anyhow::anyhow!("it is not a {READ} file"),
    }
}

/// Whether a JPEG has the end of its last scan. The decoder fills what is missing with grey.
fn ends(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    let [scan, end] = [0xda, 0xd9].map(last);
    scan < end
}

/// The colours of a picture; what is transparent shows white below it.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let (width, height) = picture.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let [colour @ .., alpha] = picture.get_pixel(x, y).0;
        image::Rgb(colour.map(|value| {
            let [value, alpha] = [value, alpha].map(u32::from);
            ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        }))
    })
}
