//! What a model is worth in use, on its test split: the table of `vaelet measure uses`.

mod filters;
mod group;
mod restore;

use crate::data::Images;
use crate::release::calibration;
use anyhow::Result;
use serde::Serialize;
use std::fmt::Write;
use vaelet_model::{ImageShape, Likelihood, Model, random};
use vaelet_uses::Engine;
use vaelet_uses::compress::Codec;

/// Seed of everything random, so that a figure is the same each time.
const SEED: u64 = 2024;

/// Images of each set whose likelihood is estimated, which takes 64 decodes each.
const LIKELIHOODS: usize = 100;

/// A figure, and what it is to be compared with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Which use.
    pub r#use: &'static str,
    /// What was measured.
    pub what: String,
    /// The figure.
    pub figure: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The same of other ways.
    pub beside: Vec<(String, f64)>,
    /// Images that it is a mean over.
    pub images: usize,
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

/// Measures whatever can be measured of this model.
///
/// # Errors
/// Too few test images, or images that do not fit.
pub fn measure(
    model: &Model,
    train: &Images,
    test: &Images,
    strangers: &[(String, Images)],
    counts: Counts,
) -> Result<Vec<Row>> {
    let mut engine = Engine::new(model)?;
    let mut rows = Vec::new();
    // It takes minutes: each figure is told as soon as it is there.
    let mut add = |more: Vec<Row>| {
        for row in &more {
            eprintln!(
                "{}: {}: {:.3} {}",
                row.r#use, row.what, row.figure, row.unit
            );
        }
        rows.extend(more);
    };
    add(detect(&mut engine, test, strangers, counts.detect)?);
    add(restore::clean(&mut engine, test, counts.restore)?);
    let has_classes = train.labels.iter().any(|label| *label > 0);
    if has_classes {
        add(restore::fill(&mut engine, train, test, counts.restore)?);
    }
    if test.shape.width.is_multiple_of(16) {
        add(restore::enlarge(&mut engine, test, counts.restore)?);
    }
    add(match model.spec.likelihood {
        Likelihood::Bernoulli => lossless(&mut engine, test, counts.compress)?,
        _ => lossy(&mut engine, test, counts.restore)?,
    });
    if has_classes {
        add(group::measure(&mut engine, test, counts.group)?);
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
            .map(|(name, figure)| format!("{name} {figure:.3}"));
        let beside = beside.collect::<Vec<_>>().join(", ");
        // A String takes whatever is written.
        let _ = writeln!(
            text,
            "| {} | {} | {:.3} {} | {beside} | {} |",
            row.r#use, row.what, row.figure, row.unit, row.images
        );
    }
    text
}

/// How well scores tell strangers from test images: those that the calibration has not seen.
fn detect(
    engine: &mut Engine,
    test: &Images,
    strangers: &[(String, Images)],
    count: usize,
) -> Result<Vec<Row>> {
    let calibration = calibration::of(engine, test)?;
    let own = spread(test, count);
    let len = test.shape.len();
    let mut sets: Vec<(String, Vec<f32>)> = Vec::new();
    for (name, images) in strangers {
        sets.push((name.clone(), spread(images, count)));
    }
    let made = count.min(100);
    sets.push(("noise".into(), random::uniforms(SEED, made * len)));
    let faint = random::uniforms(SEED + 1, made * len);
    sets.push((
        "empty, with faint noise".into(),
        faint.iter().map(|v| 0.02 * v).collect(),
    ));
    sets.push(("empty".into(), vec![0.0; len]));
    sets.push(("full".into(), vec![1.0; len]));
    sets.push(("inverted".into(), own.iter().map(|v| 1.0 - v).collect()));
    let places = random::uniforms(SEED, 2 * own.len() / len);
    let damaged = own.chunks_exact(len).zip(places.as_chunks().0);
    let damaged = damaged.flat_map(|(picture, place)| damage(picture, *place, test.shape));
    sets.push(("own with a grey square".into(), damaged.collect()));
    let mut likelihoods = |pictures: &[f32]| -> Result<Vec<f64>> {
        let first = pictures.chunks_exact(len).take(LIKELIHOODS);
        let scored = first.map(|picture| engine.score(picture, &calibration));
        scored
            .map(|scored| Ok(scored?.neg_log_likelihood))
            .collect()
    };
    let own_likelihoods = likelihoods(&own)?;
    let mut raw = Vec::new();
    for (_, pictures) in &sets {
        raw.push(auroc(&own_likelihoods, &likelihoods(pictures)?));
    }
    let mut rows = Vec::new();
    for ((name, pictures), raw) in sets.into_iter().zip(raw) {
        let mut scores = Vec::new();
        for picture in pictures.chunks_exact(len) {
            scores.push(calibration.score(&engine.figures(picture)?.0));
        }
        rows.push(Row {
            r#use: "detect",
            what: name,
            figure: auroc(&calibration.scores, &scores),
            unit: "AUROC",
            beside: vec![("raw −log p(x)".into(), raw)],
            images: scores.len(),
        });
    }
    Ok(rows)
}

/// A picture with a grey square, a quarter as wide, within its middle half.
fn damage(picture: &[f32], place: [f32; 2], shape: ImageShape) -> Vec<f32> {
    let plane = shape.height * shape.width;
    let inside = |at: usize, side: usize, place: f32| {
        let first = side / 4 + (place * (side / 4) as f32) as usize;
        (first..first + side / 4).contains(&at)
    };
    let value = |(i, value): (usize, &f32)| {
        let (y, x) = (i % plane / shape.width, i % shape.width);
        let hidden = inside(y, shape.height, place[0]) && inside(x, shape.width, place[1]);
        if hidden { 0.5 } else { *value }
    };
    picture.iter().enumerate().map(value).collect()
}

/// Area under the curve of true over false alarms: the chance that a stranger scores higher.
fn auroc(own: &[f64], strangers: &[f64]) -> f64 {
    let mut own = own.to_vec();
    own.sort_by(f64::total_cmp);
    let wins = strangers.iter().map(|score| {
        let lower = own.partition_point(|other| other < score);
        let not_higher = own.partition_point(|other| other <= score);
        (lower + not_higher) as f64 / 2.0
    });
    wins.sum::<f64>() / (own.len() * strangers.len()) as f64
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
        rows.push(Row {
            r#use: "compress",
            what: format!("bits back, {what}, decoded again bit by bit"),
            figure: each(bits - packed.borrowed_bits),
            unit: "bits/pixel",
            beside: vec![
                ("with the first bits".into(), each(bits)),
                ("first bits".into(), packed.borrowed_bits as f64),
                ("gzip".into(), gzip(&pictures)?),
            ],
            images: count,
        });
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
        let (bytes, back) = restore::smallest_jpeg(picture, shape)?;
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
        rows.push(Row {
            r#use: "compress",
            what: format!("{bytes} bytes a picture"),
            figure: sum / count as f64,
            unit: "dB",
            beside: vec![
                ("smallest JPEG".into(), jpeg),
                ("its bytes".into(), jpeg_bytes),
            ],
            images: count,
        });
    }
    Ok(rows)
}

/// Pictures `[N, C, H, W]`, evenly spread over all.
fn spread(images: &Images, count: usize) -> Vec<f32> {
    images.floats(&images.spread(count))
}

#[cfg(test)]
mod tests {
    use super::auroc;

    #[test]
    fn the_area_is_the_chance_of_a_higher_score() {
        assert_eq!(auroc(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(auroc(&[1.0, 2.0], &[0.0]), 0.0);
        assert_eq!(auroc(&[1.0, 3.0], &[2.0]), 0.5);
        assert_eq!(auroc(&[2.0], &[2.0, 2.0]), 0.5);
    }
}
