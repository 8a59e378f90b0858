//! What a model is worth in use, on its test split: the table of `vaelet measure uses`.

mod detect;
mod filters;
mod group;
mod held_out;
mod restore;

use crate::data::Images;
use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use vaelet_model::{Likelihood, Model, random};
use vaelet_uses::Engine;
use vaelet_uses::compress::Codec;

/// Seed of everything random, so that a figure is the same each time.
const SEED: u64 = 2024;

/// What a model is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// Telling strangers and damages from the model's own images.
    Detect,
    /// Telling a class that small models have never seen, which are trained for this.
    HeldOut,
    /// Taking noise away.
    Clean,
    /// Completing what is hidden.
    Fill,
    /// Making large pictures of small ones.
    Enlarge,
    /// Storing pictures in few bytes.
    Compress,
    /// Finding what belongs together.
    Group,
}

impl Use {
    /// All but [`Use::HeldOut`], which takes minutes of training.
    pub const USUAL: [Self; 6] = [
        Self::Detect,
        Self::Clean,
        Self::Fill,
        Self::Enlarge,
        Self::Compress,
        Self::Group,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::HeldOut => "held-out class",
            Self::Clean => "clean",
            Self::Fill => "fill",
            Self::Enlarge => "enlarge",
            Self::Compress => "compress",
            Self::Group => "group",
        }
    }
}

/// A figure, and what it is to be compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which use.
    pub r#use: Use,
    /// What was measured.
    pub what: String,
    /// The figure.
    pub figure: f64,
    /// Its unit.
    pub unit: String,
    /// The same of other ways.
    pub beside: Vec<(String, f64)>,
    /// Images that it is a mean over.
    pub images: usize,
}

impl Row {
    fn new(
        r#use: Use,
        what: impl Into<String>,
        figure: f64,
        unit: &str,
        beside: &[(&str, f64)],
        images: usize,
    ) -> Self {
        let beside = beside.iter().map(|(name, v)| ((*name).to_string(), *v));
        Self {
            r#use,
            what: what.into(),
            figure,
            unit: unit.into(),
            beside: beside.collect(),
            images,
        }
    }
}

/// Images of each use.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Test images, and those of each stranger.
    pub detect: usize,
    /// To be cleaned, filled in, enlarged.
    pub restore: usize,
    /// To be compressed.
    pub compress: usize,
    /// To be grouped.
    pub group: usize,
}

/// Measures those of the uses that can be measured of this model.
///
/// # Errors
/// Too few test images, or images that do not fit.
pub fn measure(
    model: &Model,
    uses: &[Use],
    train: &Images,
    test: &Images,
    strangers: &[(String, Images)],
    counts: Counts,
) -> Result<Vec<Row>> {
    let mut engine = Engine::new(model)?;
    let engine = &mut engine;
    let likelihood = model.spec.likelihood;
    let has_classes = train.labels.iter().any(|label| *label > 0);
    let mut rows = Vec::new();
    for r#use in uses {
        let more = match r#use {
            Use::Detect => detect::measure(engine, test, strangers, counts.detect)?,
            Use::HeldOut => {
                ensure!(
                    has_classes,
                    "the model's images have no classes to hold out"
                );
                held_out::measure(likelihood, train, test, counts.detect)?
            }
            Use::Clean => restore::clean(engine, test, counts.restore)?,
            Use::Fill if has_classes => restore::fill(engine, train, test, counts.restore)?,
            Use::Enlarge if test.shape.width.is_multiple_of(16) => {
                restore::enlarge(engine, test, counts.restore)?
            }
            Use::Compress => match likelihood {
                Likelihood::Bernoulli => lossless(engine, test, counts.compress)?,
                _ => lossy(engine, test, counts.restore)?,
            },
            Use::Group if has_classes => group::measure(engine, test, counts.group)?,
            Use::Fill | Use::Enlarge | Use::Group => Vec::new(),
        };
        // It takes minutes: each figure is told as soon as it is there.
        for row in &more {
            let name = row.r#use.name();
            eprintln!("{name}: {}: {:.3} {}", row.what, row.figure, row.unit);
        }
        rows.extend(more);
    }
    Ok(rows)
}

/// The rows as lines of a Markdown table.
pub fn table(rows: &[Row]) -> String {
    let mut text =
        String::from("| use | measured | figure | beside it | images |\n|---|---|---|---|---|\n");
    for row in rows {
        let beside = row
            .beside
            .iter()
            .map(|(name, figure)| format!("{name} {}", short(*figure)));
        let beside = beside.collect::<Vec<_>>().join(", ");
        let (name, figure) = (row.r#use.name(), short(row.figure));
        // A String takes whatever is written.
        let _ = writeln!(
            text,
            "| {name} | {} | {figure} {} | {beside} | {} |",
            row.what, row.unit, row.images
        );
    }
    text
}

/// A figure with as many digits as say something.
fn short(figure: f64) -> String {
    match figure.abs() {
        large if large >= 100.0 => format!("{figure:.0}"),
        large if large >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.3}"),
    }
}

/// Bits a pixel of binarized pictures, and whether they come back.
fn lossless(engine: &mut Engine, test: &Images, count: usize) -> Result<Vec<Row>> {
    let grey = spread(test, count);
    let chances = random::uniforms(SEED, grey.len());
    let mut rows = Vec::new();
    for (what, pictures) in [
        (
            "pixels drawn with their grey value",
            grey.iter().zip(&chances).map(|(x, u)| u < x).collect(),
        ),
        (
            "pixels cut at half grey",
            grey.iter().map(|x| *x >= 0.5).collect::<Vec<bool>>(),
        ),
    ] {
        let pictures: Vec<f32> = pictures
            .into_iter()
            .map(|one| f32::from(u8::from(one)))
            .collect();
        let packed = engine.pack(&pictures, &mut || true)?;
        let back = engine.unpack(&packed.words, count, &mut || true)?;
        anyhow::ensure!(
            back == pictures,
            "pictures do not come back from their bits"
        );
        let bits = 32 * packed.words.len();
        let each = |bits: usize| bits as f64 / pictures.len() as f64;
        let beside = [
            ("with the first bits", each(bits)),
            ("first bits", packed.borrowed_bits as f64),
            ("gzip", gzip(&pictures)?),
        ];
        let what = format!("bits back, {what}, decoded again bit by bit");
        let figure = each(bits - packed.borrowed_bits);
        let row = Row::new(Use::Compress, what, figure, "bits/pixel", &beside, count);
        rows.push(row);
    }
    Ok(rows)
}

/// Bits a pixel of all pictures in one gzip, eight pixels a byte.
fn gzip(pictures: &[f32]) -> Result<f64> {
    let bytes: Vec<u8> = pictures
        .chunks(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | *bit as u8))
        .collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, &bytes)?;
    Ok(8.0 * packed.finish()?.len() as f64 / pictures.len() as f64)
}

/// PSNR at a few bytes a picture, beside the smallest JPEG.
fn lossy(engine: &mut Engine, test: &Images, count: usize) -> Result<Vec<Row>> {
    let pictures = spread(test, count);
    let (shape, len) = (test.shape, test.shape.len());
    let mut codec = Codec::new(engine);
    let [mut jpeg_bytes, mut jpeg] = [0.0, 0.0];
    let count = pictures.len() / len;
    for picture in pictures.chunks_exact(len) {
        let (bytes, back) = restore::as_jpeg(picture, shape, 1)?;
        jpeg_bytes += bytes as f64 / count as f64;
        jpeg += restore::psnr(picture, &back) / count as f64;
    }
    let mut rows = Vec::new();
    for bytes in [8, 16, 32, 64] {
        let mut sum = 0.0;
        for picture in pictures.chunks_exact(len) {
            let code = engine.squeeze(&mut codec, picture, bytes)?;
            sum += restore::psnr(picture, &engine.expand(&mut codec, &code));
        }
        let beside = [("smallest JPEG", jpeg), ("its bytes", jpeg_bytes)];
        let (what, figure) = (format!("{bytes} bytes a picture"), sum / count as f64);
        rows.push(Row::new(Use::Compress, what, figure, "dB", &beside, count));
    }
    Ok(rows)
}

/// Pictures `[N, C, H, W]`, evenly spread over all.
fn spread(images: &Images, count: usize) -> Vec<f32> {
    images.floats(&images.spread(count))
}
