//! Metrics of images: structural similarity, sharpness, and distance from training images.

use crate::data::Images;
use anyhow::{Context, Result};
use image::GrayImage;
use image_compare::{Algorithm, gray_similarity_structure};
use rayon::prelude::*;
use vaelet_model::ImageShape;
use vaelet_model::channels_last;

/// Mean structural similarity (Wang et al. 2004) of pairs of images `[N, C, H, W]` in
/// `[0, 1]`, of their luminance, over windows of 8×8.
///
/// # Errors
/// Images of different numbers or shapes.
pub fn similarity(a: &[f32], b: &[f32], shape: ImageShape) -> Result<f64> {
    let pairs = a.chunks_exact(shape.len()).zip(b.chunks_exact(shape.len()));
    let scores = pairs.map(|(a, b)| {
        let [a, b] = [a, b].map(|image| grey(image, shape));
        let compared = gray_similarity_structure(&Algorithm::MSSIMSimple, &a?, &b?);
        Ok(compared.context("comparing images")?.score)
    });
    let scores = scores.collect::<Result<Vec<f64>>>()?;
    Ok(scores.iter().sum::<f64>() / scores.len() as f64)
}

fn grey(image: &[f32], shape: ImageShape) -> Result<GrayImage> {
    let values = luminance(image, shape).map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8);
    let (width, height) = (u32::try_from(shape.width)?, u32::try_from(shape.height)?);
    GrayImage::from_raw(width, height, values.collect())
        .context("an image with a wrong number of values")
}

/// Mean squared difference of neighbouring pixels' luminance over images `[N, C, H, W]`:
/// a blurred image has less of it.
pub fn gradient_energy(images: &[f32], shape: ImageShape) -> f64 {
    let ImageShape { height, width, .. } = shape;
    let energy = images.chunks_exact(shape.len()).map(|image| {
        let grey: Vec<f32> = luminance(image, shape).collect();
        let at = |y: usize, x: usize| grey[y * width + x];
        let mut sum = 0.0;
        for (y, x) in (1..height).flat_map(|y| (1..width).map(move |x| (y, x))) {
            let (down, right) = (at(y, x) - at(y - 1, x), at(y, x) - at(y, x - 1));
            sum += f64::from(down * down + right * right);
        }
        sum / ((height - 1) * (width - 1)) as f64
    });
    energy.sum::<f64>() / (images.len() / shape.len()) as f64
}

/// Images of a data set among which the nearest is looked for: as many as MNIST has.
const MOST: usize = 60_000;

/// The image of `data` that is nearest to each of `images`, `[N, C, H, W]`, and its root mean
/// square distance in units of `[0, 1]`; of a large data set, among 60,000 that are evenly spread.
pub fn nearest(data: &Images, images: &[f32]) -> Vec<(usize, f64)> {
    let (shape, len) = (data.shape, data.shape.len());
    let bytes: Vec<u8> = channels_last(images, shape.channels, len)
        .iter()
        .map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8)
        .collect();
    let among = data.spread(MOST);
    let find = |image: &[u8]| {
        let squares = among.iter().map(|&i| {
            let pairs = image.iter().zip(data.image(i));
            pairs
                .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
                .sum::<u64>()
        });
        let least = squares.enumerate().min_by_key(|(_, square)| *square);
        let (place, square) = least.unwrap_or_default();
        (among[place], (square as f64 / len as f64).sqrt() / 255.0)
    };
    bytes.par_chunks_exact(len).map(find).collect()
}

/// Median distance of `images` from the [`nearest`] in `data`.
pub fn distance_from(data: &Images, images: &[f32]) -> f64 {
    let mut distances: Vec<f64> = nearest(data, images).iter().map(|(_, d)| *d).collect();
    distances.sort_by(f64::total_cmp);
    let median = distances.get(distances.len() / 2);
    median.copied().unwrap_or(f64::NAN)
}

/// Rec. 601 luminance of an image `[C, H, W]`.
fn luminance(image: &[f32], shape: ImageShape) -> impl Iterator<Item = f32> {
    let plane = shape.height * shape.width;
    (0..plane).map(move |i| match shape.channels {
        3 => 0.299 * image[i] + 0.587 * image[plane + i] + 0.114 * image[2 * plane + i],
        _ => image[i],
    })
}
