//! Figures of detecting: how well scores tell strangers, and damages, from test images.

use super::{Row, SEED, Use, spread};
use crate::data::Images;
use crate::release::calibration;
use anyhow::Result;
use vaelet_model::{ImageShape, random};
use vaelet_uses::{Calibration, Engine, Figures};

/// Images of each set whose likelihood is estimated, which takes 64 decodes each.
const LIKELIHOODS: usize = 100;
/// Images of each set that is made up, and of each damage.
const MADE: usize = 100;

/// How well scores tell strangers and damages from test images that the calibration has not seen.
pub(super) fn measure(
    engine: &mut Engine,
    test: &Images,
    strangers: &[(String, Images)],
    count: usize,
) -> Result<Vec<Row>> {
    let calibration = calibration::of(engine, test)?;
    let own = spread(test, count);
    let own_likelihoods = likelihoods(engine, &own, &calibration)?;
    let mut rows = Vec::new();
    for (name, pictures) in strange(strangers, &own, count, test.shape) {
        let [whole, place] = aurocs(engine, &pictures, &calibration)?;
        let raw = auroc(
            &own_likelihoods,
            &likelihoods(engine, &pictures, &calibration)?,
        );
        let beside = [("by one place", place), ("raw −log p(x)", raw)];
        let images = pictures.len() / test.shape.len();
        rows.push(Row::new(Use::Detect, name, whole, "AUROC", &beside, images));
    }
    let own = spread(test, count.min(MADE));
    for (name, change) in DAMAGES {
        let pictures: Vec<f32> = own
            .chunks_exact(test.shape.len())
            .enumerate()
            .flat_map(|(i, picture)| {
                let damage = Damage::new(picture, test.shape, i as u64);
                damage.each(|y, x, c| change(&damage, y, x, c))
            })
            .collect();
        let [whole, place] = aurocs(engine, &pictures, &calibration)?;
        let images = pictures.len() / test.shape.len();
        let beside = [("as a whole", whole)];
        let name = format!("own with {name}, by one place");
        rows.push(Row::new(Use::Detect, name, place, "AUROC", &beside, images));
    }
    Ok(rows)
}

/// Pictures of other kinds, by their names: those given, and some that are made up.
fn strange(
    strangers: &[(String, Images)],
    own: &[f32],
    count: usize,
    shape: ImageShape,
) -> Vec<(String, Vec<f32>)> {
    let (len, made) = (shape.len(), count.min(MADE));
    let given = strangers
        .iter()
        .map(|(name, images)| (name.clone(), spread(images, count)));
    let mut sets: Vec<_> = given.collect();
    let faint = random::uniforms(SEED + 1, made * len);
    let made_up = [
        ("noise", random::uniforms(SEED, made * len)),
        (
            "empty, with faint noise",
            faint.iter().map(|v| 0.02 * v).collect(),
        ),
        ("empty", vec![0.0; len]),
        ("full", vec![1.0; len]),
        ("inverted", own.iter().map(|v| 1.0 - v).collect()),
    ];
    sets.extend(made_up.map(|(name, pictures)| (name.to_string(), pictures)));
    sets
}

/// −log p(x) of the first pictures, in nats.
fn likelihoods(
    engine: &mut Engine,
    pictures: &[f32],
    calibration: &Calibration,
) -> Result<Vec<f64>> {
    let first = pictures
        .chunks_exact(engine.input().len())
        .take(LIKELIHOODS);
    let scored = first.map(|picture| engine.score(picture, calibration));
    scored
        .map(|scored| Ok(scored?.neg_log_likelihood))
        .collect()
}

/// How well pictures are told from test images as a whole, and by their strangest place.
pub(super) fn aurocs(
    engine: &mut Engine,
    pictures: &[f32],
    calibration: &Calibration,
) -> Result<[f64; 2]> {
    let each = pictures.chunks_exact(engine.input().len());
    let figures: Vec<Figures> = each
        .map(|picture| engine.figures(picture))
        .collect::<Result<_, _>>()?;
    let of = |own: &[f64], score: &dyn Fn(&Figures) -> f64| {
        auroc(own, &figures.iter().map(score).collect::<Vec<_>>())
    };
    Ok([
        of(&calibration.scores, &|f| calibration.score(f)),
        of(&calibration.places, &|f| calibration.place(f)),
    ])
}

/// A picture that is about to be damaged, and where.
struct Damage<'a> {
    picture: &'a [f32],
    shape: ImageShape,
    /// The upper left corner of a square within its middle half, and the square's sides.
    corner: [usize; 2],
    sides: [usize; 2],
    noise: Vec<f32>,
}

/// What the value of channel `c` at row `y` and column `x` becomes.
type Change = fn(&Damage, usize, usize, usize) -> f32;

/// Damages that one sees, from those of a scanner or a file to those that are hard to see.
const DAMAGES: [(&str, Change); 9] = [
    ("a grey square", |d, y, x, c| match d.is_inside(y, x) {
        true => 0.5,
        false => d.value(y, x, c),
    }),
    ("a lost block", |d, y, x, c| match d.is_inside(y, x) {
        true => 0.0,
        false => d.value(y, x, c),
    }),
    ("a block from another place", |d, y, x, c| {
        let [down, across] = d.sides.map(|side| side + side / 2);
        match d.is_inside(y, x) {
            true => d.value((y + down) % d.shape.height, (x + across) % d.shape.width, c),
            false => d.value(y, x, c),
        }
    }),
    ("a dead row", |d, y, x, c| match y == d.corner[0] {
        true => 0.0,
        false => d.value(y, x, c),
    }),
    ("a burnt-out spot", |d, y, x, c| {
        let away = |at: usize, axis: usize| {
            let (at, centre) = (at as f32, (d.corner[axis] + d.sides[axis] / 2) as f32);
            ((at - centre) / (0.4 * d.sides[axis] as f32)).powi(2)
        };
        let light = 1.5 * (-0.5 * (away(y, 0) + away(x, 1))).exp();
        (d.value(y, x, c) + light).min(1.0)
    }),
    ("a scratch", |d, y, x, c| {
        let steps = y.checked_sub(d.corner[0]);
        match steps.is_some_and(|n| n < d.shape.height / 2 && x == d.corner[1] + n / 2) {
            true => 1.0,
            false => d.value(y, x, c),
        }
    }),
    ("a ghost", |d, y, x, c| {
        let ghost = x.checked_sub(d.sides[1] / 2);
        0.65 * d.value(y, x, c) + 0.35 * ghost.map_or(0.0, |x| d.value(y, x, c))
    }),
    ("a blurred square", |d, y, x, c| match d.is_inside(y, x) {
        true => {
            let near = |at: usize, side: usize| at.saturating_sub(3)..(at + 4).min(side);
            let rows = near(y, d.shape.height);
            let all = rows.flat_map(|v| near(x, d.shape.width).map(move |u| (v, u)));
            let values: Vec<f32> = all.map(|(v, u)| d.value(v, u, c)).collect();
            values.iter().sum::<f32>() / values.len() as f32
        }
        false => d.value(y, x, c),
    }),
    ("a noisy square", |d, y, x, c| match d.is_inside(y, x) {
        true => (d.value(y, x, c) + 0.1 * d.noise[d.at(y, x, c)]).clamp(0.0, 1.0),
        false => d.value(y, x, c),
    }),
];

impl<'a> Damage<'a> {
    fn new(picture: &'a [f32], shape: ImageShape, number: u64) -> Self {
        let sides = [shape.height / 4, shape.width / 4];
        let places = random::uniforms(SEED + number, 2);
        Self {
            picture,
            shape,
            corner: [0, 1].map(|axis| sides[axis] + (places[axis] * sides[axis] as f32) as usize),
            sides,
            noise: random::normals(SEED + number, picture.len()),
        }
    }

    fn at(&self, y: usize, x: usize, channel: usize) -> usize {
        (channel * self.shape.height + y) * self.shape.width + x
    }

    fn value(&self, y: usize, x: usize, channel: usize) -> f32 {
        self.picture[self.at(y, x, channel)]
    }

    fn is_inside(&self, y: usize, x: usize) -> bool {
        let inside = |at: usize, axis: usize| {
            (self.corner[axis]..self.corner[axis] + self.sides[axis]).contains(&at)
        };
        inside(y, 0) && inside(x, 1)
    }

    /// A picture of the values that `change` gives for row, column and channel, as a file of eight bits
    /// has them.
    fn each(&self, change: impl Fn(usize, usize, usize) -> f32) -> Vec<f32> {
        let ImageShape { height, width, .. } = self.shape;
        let value = |i: usize| {
            let (c, y, x) = (i / (height * width), i / width % height, i % width);
            (change(y, x, c) * 255.0).round() / 255.0
        };
        (0..self.picture.len()).map(value).collect()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_the_chance_of_a_higher_score() {
        assert_eq!(auroc(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
        assert_eq!(auroc(&[1.0, 2.0], &[0.0]), 0.0);
        assert_eq!(auroc(&[1.0, 3.0], &[2.0]), 0.5);
        assert_eq!(auroc(&[2.0], &[2.0, 2.0]), 0.5);
    }

    /// Each is seen, and all but the ghost leave the rest as it was.
    #[test]
    fn damages_are_where_they_are_said_to_be() {
        let shape = ImageShape {
            channels: 3,
            height: 16,
            width: 24,
        };
        let picture: Vec<f32> = random::uniforms(1, shape.len())
            .iter()
            .map(|v| (v * 200.0).round() / 255.0)
            .collect();
        let damage = Damage::new(&picture, shape, 3);
        for (name, change) in DAMAGES {
            let damaged = damage.each(|y, x, c| change(&damage, y, x, c));
            let changed = damaged.iter().zip(&picture).filter(|(a, b)| a != b).count();
            assert!(changed > 20, "{name}: {changed}");
            assert!(damaged.iter().all(|v| (0.0..=1.0).contains(v)), "{name}");
            // The upper left corner is outside of every place that is damaged.
            assert!(name == "a ghost" || damaged[0] == picture[0], "{name}");
        }
    }
}
