//! Images in memory.

use super::attributes::Attribute;
use std::fmt;
use vaelet_model::{ImageShape, channels_first};

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

/// What an image was drawn from, such as the size of what it shows: one of `count` values.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// Its name, for people.
    pub name: String,
    /// How many values there are.
    pub count: usize,
    /// One value below `count` for each image.
    pub values: Vec<u8>,
}

/// A number that was measured of each image.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// What an image with a high one is, for people.
    pub name: String,
    /// One for each image.
    pub values: Vec<f32>,
}

/// Images of one shape with a class each.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// `[N, H · W · C]`, channels innermost.
    pub pixels: Vec<u8>,
    /// Where in `pixels` each image begins: images may share pixels, and some may belong to none. Empty
    /// where they follow one another.
    pub starts: Vec<usize>,
    /// Shape of one image.
    pub shape: ImageShape,
    /// One class for each image; all 0 where there are none.
    pub labels: Vec<u8>,
    /// Which images belong together, in ascending order: those of one typeface. Empty where none do.
    pub groups: Vec<u32>,
    /// Whether a Bernoulli likelihood draws each value as 0 or 1, as is usual for MNIST.
    pub binarize: bool,
    /// Their attributes.
    pub attributes: Vec<Attribute>,
    /// What was measured of them.
    pub measures: Vec<Measure>,
    /// What they were drawn from; empty where that is not known.
    pub factors: Vec<Factor>,
    /// The credit of each image; empty if all have the model's credit.
    pub credits: Vec<String>,
}

impl Images {
    /// Images without classes, groups, attributes or factors.
    pub fn unlabelled(pixels: Vec<u8>, shape: ImageShape) -> Self {
        Self {
            labels: vec![0; pixels.len() / shape.len()],
            groups: Vec::new(),
            binarize: true,
            starts: Vec::new(),
            attributes: Vec::new(),
            measures: Vec::new(),
            factors: Vec::new(),
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

    /// What was measured of each image, in standard deviations from the mean; 0 where all are alike.
    pub fn deviations(&self) -> Vec<Vec<f32>> {
        let each = |measure: &Measure| {
            let count = measure.values.len() as f64;
            let values = measure.values.iter().map(|&value| f64::from(value));
            let mean = values.clone().sum::<f64>() / count;
            let variance = values.clone().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let scale = variance.sqrt().max(f64::MIN_POSITIVE);
            values.map(|v| ((v - mean) / scale) as f32).collect()
        };
        self.measures.iter().map(each).collect()
    }

    /// The chosen images, `[N, C, H, W]` in `[0, 1]`.
    pub fn floats(&self, chosen: &[usize]) -> Vec<f32> {
        channels_first(&self.plain(chosen), self.shape.channels, self.shape.len())
    }

    /// Their values as they are, `[N, H · W · C]` in `[0, 1]`.
    pub fn plain(&self, chosen: &[usize]) -> Vec<f32> {
        let mut values = Vec::with_capacity(chosen.len() * self.shape.len());
        for &i in chosen {
            // One image at a time, which the compiler makes faster than one value at a time.
            values.extend(self.image(i).iter().map(|&value| f32::from(value) / 255.0));
        }
        values
    }

    /// The values of image `i`.
    pub fn image(&self, i: usize) -> &[u8] {
        let len = self.shape.len();
        let start = self.starts.get(i).copied().unwrap_or(i * len);
        &self.pixels[start..start + len]
    }
}
