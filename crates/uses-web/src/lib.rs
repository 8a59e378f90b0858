//! The wasm module of a model's uses, which `web/api/uses-jobs.js` calls: in a worker, or in slices on
//! the page. It is fetched when it is used, beside the page's first module, which has no gradients.
//!
//! Whatever takes long is an object with a `step` that takes a few milliseconds.

// This crate is empty on native targets.
#![cfg(target_family = "wasm")]

mod compress;
mod error;
mod restore;

use error::Failure;
use vaelet_model::{Architecture, Reading};
use vaelet_uses::{Calibration, Engine, Mixture, group::Graph};
use wasm_bindgen::prelude::*;

pub use compress::{Codec, Packing, Unpacking};
pub use restore::{Answers, Restoring};

/// Reads a model in steps.
#[wasm_bindgen]
pub struct Opening(Reading);

#[wasm_bindgen]
impl Opening {
    /// Starts with the text of `model.json`.
    ///
    /// # Errors
    /// A description that is not valid.
    pub fn start(description: &str) -> Result<Opening, JsValue> {
        let architecture = Architecture::read(description).map_err(Failure::from)?;
        Ok(Self(Reading::new(architecture)))
    }

    /// Appends the next bytes of the weights file.
    ///
    /// # Errors
    /// More bytes than the description says.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.0.push(bytes).map_err(Failure::from)?)
    }

    /// Checks the file, then unpacks one tensor at a call. Whether there is more to do.
    ///
    /// # Errors
    /// A file that does not match its description.
    pub fn step(&mut self) -> Result<bool, JsValue> {
        Ok(self.0.step().map_err(Failure::from)?)
    }

    /// The model, ready for its uses.
    ///
    /// # Errors
    /// Weights that do not match the description, or a model with a condition.
    pub fn finish(self) -> Result<Uses, JsValue> {
        let model = self.0.finish().map_err(Failure::from)?;
        Ok(Uses(Engine::new(&model).map_err(Failure::from)?))
    }
}

/// A model made ready for its uses.
#[wasm_bindgen]
pub struct Uses(Engine);

#[wasm_bindgen]
impl Uses {
    /// Makes a few of the samples from which inference starts. Whether there are more.
    pub fn prepare(&mut self) -> bool {
        self.0.prepare()
    }
}

/// A picture that is being scored.
#[wasm_bindgen]
pub struct Scoring(vaelet_uses::Scoring);

#[wasm_bindgen]
impl Scoring {
    /// Starts with a picture `[C, H, W]`.
    ///
    /// # Errors
    /// A picture that does not fit.
    pub fn start(uses: &mut Uses, picture: &[f32]) -> Result<Scoring, JsValue> {
        let scoring = vaelet_uses::Scoring::start(&mut uses.0, picture);
        Ok(Self(scoring.map_err(Failure::from)?))
    }

    /// Takes the next samples of the estimate of −log p(x). Whether there are more.
    pub fn step(&mut self, uses: &mut Uses) -> bool {
        self.0.step(&mut uses.0)
    }

    /// Score, its percentile, that of the strangest place, and −log p(x) in nats, then where the picture is
    /// strange, `[H, W]`. `numbers` are the lists of `calibration.json`: mean, factor, scores, the weights,
    /// means and factors of squares, and places, one after the other; `lengths` is how long each is.
    ///
    /// # Errors
    /// A calibration that is not of this version.
    pub fn finish(self, numbers: &[f64], lengths: &[u32]) -> Result<Vec<f64>, JsValue> {
        let mut rest = numbers;
        let mut lists = lengths.iter().map(|length| {
            let (list, others) = rest.split_at((*length as usize).min(rest.len()));
            rest = others;
            list.to_vec()
        });
        let mut next = || lists.next().unwrap_or_default();
        let calibration = Calibration {
            mean: next(),
            factor: next(),
            scores: next(),
            squares: Mixture {
                weights: next(),
                means: next(),
                factors: next(),
            },
            places: next(),
        };
        calibration.check().map_err(Failure::from)?;
        let found = self.0.finish(&calibration);
        let mut numbers = vec![
            found.score,
            found.percentile,
            found.place_percentile,
            found.neg_log_likelihood,
        ];
        numbers.extend(found.map.into_iter().map(f64::from));
        Ok(numbers)
    }
}

/// Groups points `[N, size]`: for each the number of its group, below `groups`.
///
/// # Errors
/// Fewer than two points, or more groups than points.
#[wasm_bindgen]
pub fn group(points: &[f32], size: usize, groups: usize, seed: f64) -> Result<Vec<u32>, JsValue> {
    let graph = Graph::of(points, size, &mut || true).map_err(Failure::from)?;
    let found = graph.clusters(groups, seed as u64).map_err(Failure::from)?;
    Ok(found.into_iter().map(|group| group as u32).collect())
}

/// Names all points `[N, size]` from those that have one: `known` has the number of a point and its
/// name, below `names`, in turn. For each point its name, then for each what share of all names'
/// reach that is.
///
/// # Errors
/// Fewer than two points, or no name.
#[wasm_bindgen]
pub fn name(points: &[f32], size: usize, known: &[u32], names: usize) -> Result<Vec<f32>, JsValue> {
    let graph = Graph::of(points, size, &mut || true).map_err(Failure::from)?;
    let (pairs, _) = known.as_chunks::<2>();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|[node, name]| (*node as usize, *name as usize))
        .collect();
    let found = graph.spread(&pairs, names).map_err(Failure::from)?;
    let names = found.iter().map(|(name, _)| *name as f32);
    Ok(names.chain(found.iter().map(|(_, share)| *share)).collect())
}
