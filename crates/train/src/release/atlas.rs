//! `atlas.json` and `atlas.png` (or `.jpg`), for views that show the latent space: example latents,
//! test images as points in two dimensions with their thumbnails, and directions.

use crate::data::Images;
use crate::files::atomic::put;
use crate::files::picture::{extension, grid, save};
use crate::measure::directions::Direction;
use crate::measure::spelled::text_of;
use crate::release::loaded::LoadedModel;
use anyhow::{Context, Result, ensure};
use image::DynamicImage;
use image::imageops::FilterType;
use linfa_linalg::eigh::EighInto;
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use vaelet_model::Data;

/// The format that this module reads and writes.
const FORMAT: &str = "vaelet-atlas/1";
const FILE: &str = "atlas.json";
/// Example latents.
const EXAMPLES: usize = 36;
/// Test images on the map: of a model with two latents, and of others.
const ITEMS: [usize; 2] = [2000, 1000];
/// Thumbnails in a row.
const COLUMNS: usize = 40;
/// Largest side of a thumbnail, in pixels.
const SIDE: usize = 32;
/// Training images that the principal axes are taken from.
const MEANS: usize = 5000;

/// The contents of `atlas.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Atlas {
    /// Always `vaelet-atlas/1`.
    pub format: String,
    /// Directions of attributes.
    pub directions: Vec<Direction>,
    /// The factor that each latent follows, and none where it follows none; empty where that is not
    /// known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followed: Vec<Option<String>>,
    /// Latents of example images.
    pub examples: Vec<Place>,
    /// The plane in which latents vary most.
    pub plane: Plane,
    /// Test images as points.
    pub items: Items,
}

/// A test image's latent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<u8>,
    /// Whom to credit, where that is not the model's own credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<String>,
    /// μ, `[latent]`.
    pub z: Vec<f32>,
}

/// z = `origin` + x · `axes[0]` + y · `axes[1]`: the two first principal components of the
/// posterior means, scaled so that x and y have variance 1; z itself where it has but two
/// dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plane {
    /// `[latent]`
    pub origin: Vec<f32>,
    /// `[2, latent]`
    pub axes: [Vec<f32>; 2],
}

/// Test images as points; every list has one entry for each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Items {
    /// Picture with all thumbnails, row by row, a pixel of space between them; empty where they are texts.
    pub thumbnails: String,
    /// The texts, in a model of texts; empty in others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
    /// Thumbnails in a row.
    pub columns: usize,
    /// Side of each, in pixels.
    pub side: usize,
    /// Classes; empty where there are none.
    pub labels: Vec<u8>,
    /// Whom to credit; empty where that is the model's own credit.
    pub credits: Vec<String>,
    /// Place in the [`Plane`].
    pub plane: Vec<[f32; 2]>,
}

impl Atlas {
    /// Reads the atlas of the model in `folder`; none where it has none.
    ///
    /// # Errors
    /// A file that is not an atlas.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let atlas: Self = serde_json::from_slice(&json)
            .with_context(|| format!("{} is not an atlas", path.display()))?;
        ensure!(
            atlas.format == FORMAT,
            "{} has the format `{}`, expected `{FORMAT}`",
            path.display(),
            atlas.format,
        );
        Ok(Some(atlas))
    }

    /// Writes atlas and thumbnails of `release` into `folder`.
    ///
    /// # Errors
    /// A folder that cannot be written, or a device that fails.
    pub fn write(
        folder: &Path,
        release: &LoadedModel,
        directions: Vec<Direction>,
        followed: Vec<Option<String>>,
        train: &Images,
        test: &Images,
    ) -> Result<()> {
        let latent = release.model.spec.latent_size();
        let plane = Plane::of(release, train)?;
        let some = test.spread(ITEMS[usize::from(latent > 2)]);
        let means = release.means(test, &some)?;
        let side = SIDE.min(test.shape.width.min(test.shape.height));
        let (mut picture, mut texts) = (String::new(), Vec::new());
        if let Data::Sequence(spelling) = &release.model.spec.data {
            texts = some.iter().map(|&i| text_of(spelling, test, i)).collect();
        } else {
            picture = format!("atlas.{}", extension(test.shape));
            save(&thumbnails(test, &some, side)?, &folder.join(&picture))?;
        }
        let has_classes = test.labels.iter().any(|&label| label > 0);
        let pick = |credits: &[String]| match credits {
            [] => Vec::new(),
            all => some.iter().map(|&i| all[i].clone()).collect(),
        };
        let atlas = Self {
            format: FORMAT.into(),
            directions: directions.into_iter().map(Direction::rounded).collect(),
            followed,
            examples: examples(release, test, has_classes)?,
            items: Items {
                thumbnails: picture,
                texts,
                columns: COLUMNS,
                side,
                labels: if has_classes {
                    some.iter().map(|&i| test.labels[i]).collect()
                } else {
                    Vec::new()
                },
                credits: pick(&test.credits),
                plane: means.chunks_exact(latent).map(|z| plane.place(z)).collect(),
            },
            plane,
        };
        put(folder, FILE, &serde_json::to_vec(&atlas)?)
    }
}

impl Direction {
    fn rounded(self) -> Self {
        Self {
            vector: rounded(&self.vector),
            ..self
        }
    }
}

impl Plane {
    fn of(release: &LoadedModel, images: &Images) -> Result<Self> {
        let latent = release.model.spec.latent_size();
        if latent == 2 {
            return Ok(Self {
                origin: vec![0.0; 2],
                axes: [vec![1.0, 0.0], vec![0.0, 1.0]],
            });
        }
        let some = images.spread(MEANS);
        let means = release.means(images, &some)?.into_iter().map(f64::from);
        let means = Array2::from_shape_vec((some.len(), latent), means.collect())?;
        let origin = means.sum_axis(Axis(0)) / some.len() as f64;
        let centred = means - &origin;
        let covariance = centred.t().dot(&centred) / some.len() as f64;
        let (values, vectors) = covariance.eigh_into()?;
        let mut order: Vec<usize> = (0..latent).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let axis = |rank: usize| {
            let i = order[rank.min(latent - 1)];
            let scale = values[i].max(0.0).sqrt();
            let axis: Vec<f32> = vectors
                .column(i)
                .iter()
                .map(|v| (v * scale) as f32)
                .collect();
            rounded(&axis)
        };
        Ok(Self {
            axes: [axis(0), axis(1)],
            origin: rounded(&origin.iter().map(|&v| v as f32).collect::<Vec<_>>()),
        })
    }

    /// Where the plane comes nearest to `z`.
    fn place(&self, z: &[f32]) -> [f32; 2] {
        [0, 1].map(|i| {
            let axis = &self.axes[i];
            let square: f32 = axis.iter().map(|a| a * a).sum();
            let along = z.iter().zip(&self.origin).zip(axis);
            let along: f32 = along.map(|((z, o), a)| (z - o) * a).sum();
            round(along / square.max(1e-12))
        })
    }
}

/// Test images evenly spread over the classes.
fn examples(release: &LoadedModel, test: &Images, has_classes: bool) -> Result<Vec<Place>> {
    let chosen = if has_classes {
        let classes = usize::from(test.labels.iter().copied().max().unwrap_or(0)) + 1;
        let each = EXAMPLES.div_ceil(classes);
        let of = |class: usize| {
            let labels = test.labels.iter().enumerate();
            let own = labels.filter(move |(_, label)| usize::from(**label) == class);
            own.map(|(i, _)| i).take(each)
        };
        (0..classes).flat_map(of).collect()
    } else {
        test.spread(EXAMPLES)
    };
    let latent = release.model.spec.latent_size();
    let means = release.means(test, &chosen)?;
    let places = chosen.iter().zip(means.chunks_exact(latent));
    Ok(places
        .map(|(&i, z)| Place {
            label: has_classes.then(|| test.labels[i]),
            credit: test.credits.get(i).cloned(),
            z: rounded(z),
        })
        .collect())
}

/// The chosen images, each scaled to `side` by itself, so that their edges do not run
/// together.
fn thumbnails(images: &Images, chosen: &[usize], side: usize) -> Result<DynamicImage> {
    let small = vaelet_model::ImageShape {
        height: side,
        width: side,
        ..images.shape
    };
    let len = images.shape.len();
    let mut values = Vec::with_capacity(chosen.len() * small.len());
    for image in images.floats(chosen).chunks_exact(len) {
        let picture = grid(image, images.shape, 1)?;
        let side = u32::try_from(side)?;
        let picture = picture
            .resize_exact(side, side, FilterType::CatmullRom)
            .into_rgb8();
        for channel in 0..small.channels {
            values.extend(picture.pixels().map(|p| f32::from(p.0[channel]) / 255.0));
        }
    }
    grid(&values, small, COLUMNS)
}

fn rounded(values: &[f32]) -> Vec<f32> {
    values.iter().copied().map(round).collect()
}

/// To four decimals, so that the file is short.
fn round(value: f32) -> f32 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_plane_is_found_again() {
        let plane = Plane {
            origin: vec![1.0, 2.0, 3.0],
            axes: [vec![2.0, 0.0, 0.0], vec![0.0, 0.6, 0.8]],
        };
        // origin + 1.5 · axes[0] − 2 · axes[1], and something across.
        let z = [4.0, 2.0 - 1.2 - 0.8, 3.0 - 1.6 + 0.6];
        assert_eq!(plane.place(&z), [1.5, -2.0]);
    }
}
