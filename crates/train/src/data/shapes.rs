//! Shapes on black as in dSprites (Matthey et al. 2017), drawn here instead of downloaded: every
//! combination of 3 shapes, 6 sizes, 40 orientations, 32 columns and 32 rows once, in this order.
//!
//! Factors and grid are the original's, whose drawing program was not published. Here a pixel is white
//! where its centre lies within the outline (no antialiasing), and a column or row is one pixel.

use super::images::Factor;
use super::{Images, Split};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use std::f64::consts::TAU;
use vaelet_model::ImageShape;

/// Name and number of values of each factor, the slowest first.
const FACTORS: [(&str, usize); 5] = [
    ("shape", 3),
    ("size", 6),
    ("orientation", 40),
    ("column", PLACES),
    ("row", PLACES),
];
/// Columns and rows.
const PLACES: usize = 32;
/// Side of an image.
pub(super) const SIDE: usize = 64;
/// Centre of the first column and the first row: as far from its edge as the last from the other.
const FIRST: f64 = 16.5;
/// Images for evaluation, and the seed that chooses them.
const TEST: usize = 5_000;
const SEED: u64 = 64;
/// Rows of a canvas that shows a shape in every row: an image is a part of it.
const CANVAS: usize = SIDE + PLACES - 1;

/// Draws a split.
pub(super) fn draw(split: Split) -> Images {
    let sprites = FACTORS[..4].iter().map(|(_, count)| count).product();
    let pixels: Vec<u8> = (0..sprites).into_par_iter().flat_map_iter(canvas).collect();
    let mut order: Vec<usize> = (0..sprites * PLACES).collect();
    order.shuffle(&mut Pcg64Mcg::seed_from_u64(SEED));
    let (test, train) = order.split_at(TEST);
    let mut chosen = match split {
        Split::Test => test.to_vec(),
        Split::Train => train.to_vec(),
    };
    chosen.sort_unstable();
    let mut below = sprites * PLACES;
    let factors = FACTORS.map(|(name, count)| {
        below /= count;
        let value = |i: &usize| (i / below % count) as u8;
        Factor {
            name: name.into(),
            count,
            values: chosen.iter().map(value).collect(),
        }
    });
    let start = |i: &usize| (i / PLACES * CANVAS + PLACES - 1 - i % PLACES) * SIDE;
    Images {
        labels: vec![0; chosen.len()],
        starts: chosen.iter().map(start).collect(),
        factors: factors.into(),
        binarize: false,
        ..Images::unlabelled(pixels, shape())
    }
}

/// Shape of an image.
pub(super) fn shape() -> ImageShape {
    ImageShape {
        channels: 1,
        height: SIDE,
        width: SIDE,
    }
}

/// `[CANVAS, SIDE]`, of shape, size, orientation and column: the rows from `PLACES − 1 − row` on are
/// the image.
fn canvas(sprite: usize) -> impl Iterator<Item = u8> {
    let [sizes, turns] = [FACTORS[1].1, FACTORS[2].1];
    let column = sprite % PLACES;
    let turn = sprite / PLACES % turns;
    let size = sprite / PLACES / turns % sizes;
    let shape = sprite / PLACES / turns / sizes;
    // From 0 to 2π with both ends, as in the original: the last is the first.
    let (sin, cos) = (TAU * (turn % (turns - 1)) as f64 / (turns - 1) as f64).sin_cos();
    let scale = 0.5 + 0.5 * size as f64 / (sizes - 1) as f64;
    let [centre_x, centre_y] = [column, PLACES - 1].map(|place| FIRST + place as f64);
    (0..CANVAS * SIDE).map(move |i| {
        let x = ((i % SIDE) as f64 + 0.5 - centre_x) / scale;
        let y = ((i / SIDE) as f64 + 0.5 - centre_y) / scale;
        let inside = is_inside(shape, x * cos + y * sin, y * cos - x * sin);
        255 * u8::from(inside)
    })
}

/// Whether a point is within the outline of a shape at full size, upright, its centre at 0, y downwards,
/// in pixels. No point of an outline is farther from the centre than [`FIRST`].
fn is_inside(shape: usize, x: f64, y: f64) -> bool {
    match shape {
        // A square of side 20.
        0 => x.abs().max(y.abs()) <= 10.0,
        // An ellipse of semi-axes 8 and 14.
        1 => (x / 8.0).powi(2) + (y / 14.0).powi(2) <= 1.0,
        // A heart, the sextic curve (x² + y² − 1)³ = x² y³, around its centre of mass.
        _ => {
            let (x, y) = (x / 11.0, 0.2935 - y / 11.0);
            (x * x + y * y - 1.0).powi(3) <= x * x * y * y * y
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Column and row of the middle of what is white, in pixels, and the number of white pixels.
    fn middle(image: &[u8]) -> ([f64; 2], usize) {
        let white: Vec<usize> = (0..image.len()).filter(|&i| image[i] > 0).collect();
        let mean = |place: fn(usize) -> usize| {
            let sum: usize = white.iter().map(|&i| place(i)).sum();
            sum as f64 / white.len() as f64
        };
        ([mean(|i| i % SIDE), mean(|i| i / SIDE)], white.len())
    }

    #[test]
    fn both_splits_together_are_the_whole_grid_once() {
        let (train, test) = (draw(Split::Train), draw(Split::Test));
        assert_eq!(train.count() + test.count(), 737_280);
        assert_eq!(test.count(), TEST);
        let rows = |images: &Images| -> Vec<Vec<u8>> {
            let row = |i| images.factors.iter().map(|f| f.values[i]).collect();
            (0..images.count()).map(row).collect()
        };
        let all: HashSet<Vec<u8>> = rows(&train).into_iter().chain(rows(&test)).collect();
        assert_eq!(all.len(), 737_280);
        for (factor, (name, count)) in test.factors.iter().zip(FACTORS) {
            assert_eq!((factor.name.as_str(), factor.count), (name, count));
            let values: HashSet<&u8> = factor.values.iter().collect();
            assert_eq!(values.len(), count, "{name}");
        }
    }

    #[test]
    fn a_shape_is_where_its_factors_say_and_whole() {
        let test = draw(Split::Test);
        let value = |factor: usize, i: usize| usize::from(test.factors[factor].values[i]);
        let mut areas = [[0.0, 0.0]; 3];
        for i in 0..test.count() {
            let image = test.image(i);
            assert!(image.iter().all(|&v| v == 0 || v == 255));
            let ([x, y], area) = middle(image);
            assert!((x - 16.0 - value(3, i) as f64).abs() < 0.6, "{i}: {x}");
            assert!((y - 16.0 - value(4, i) as f64).abs() < 0.6, "{i}: {y}");
            let edge = |j: usize| {
                let [x, y] = [j % SIDE, j / SIDE];
                x.min(y) == 0 || x.max(y) == SIDE - 1
            };
            assert!((0..image.len()).all(|j| image[j] == 0 || !edge(j)), "{i}");
            let scale = 0.5 + 0.1 * value(1, i) as f64;
            let [sum, count] = &mut areas[value(0, i)];
            *sum += area as f64 / (scale * scale);
            *count += 1.0;
        }
        // Areas; that of the heart is 3.66 squares of its unit.
        let exact = [400.0, 112.0 * std::f64::consts::PI, 443.0];
        for ([sum, count], exact) in areas.into_iter().zip(exact) {
            assert!((sum / count / exact - 1.0).abs() < 0.02, "{}", sum / count);
        }
    }

    #[test]
    fn a_shape_turns() {
        let turned = |sprite: usize| {
            let canvas: Vec<u8> = canvas(sprite).collect();
            canvas
        };
        // Ellipses of full size in the first column: upright, and after 10 of 39 parts of a turn.
        let sprite = |turn: usize| ((6 + 5) * 40 + turn) * PLACES;
        let extent = |canvas: &[u8]| {
            let rows: HashSet<usize> = (0..canvas.len())
                .filter(|&i| canvas[i] > 0)
                .map(|i| i / SIDE)
                .collect();
            rows.len()
        };
        assert_eq!(extent(&turned(sprite(0))), 29);
        assert!(extent(&turned(sprite(10))) < 18);
        assert_eq!(turned(sprite(0)), turned(sprite(39)));
    }
}
