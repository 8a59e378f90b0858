//! The wasm module of a model's uses, which `web/api/uses.js` calls: in a worker, or in slices on the
//! page. It is fetched when it is used, beside the page's first module, which has no gradients.

// This crate is empty on native targets.
#![cfg(target_family = "wasm")]

mod error;

use error::Failure;
use vaelet_uses::{Calibration, Engine};
use wasm_bindgen::prelude::*;

/// A model made ready for its uses.
#[wasm_bindgen]
pub struct Uses(Engine);

#[wasm_bindgen]
impl Uses {
    /// Reads a model: the text of `model.json`, and the weights file.
    ///
    /// # Errors
    /// Files that do not agree, or a model with a condition.
    pub fn open(description: &str, weights: &[u8]) -> Result<Uses, JsValue> {
        let model = vaelet_model::Model::read(description, weights).map_err(Failure::from)?;
        Ok(Self(Engine::new(&model).map_err(Failure::from)?))
    }

    /// Score, percentile and −log p(x) in nats of a picture `[C, H, W]`, then where it is strange,
    /// `[H, W]`. The calibration is that of `calibration.json`.
    ///
    /// # Errors
    /// A picture or a calibration that does not fit.
    pub fn score(
        &mut self,
        picture: &[f32],
        mean: Vec<f64>,
        factor: Vec<f64>,
        scores: Vec<f64>,
    ) -> Result<Vec<f64>, JsValue> {
        let calibration = Calibration {
            mean,
            factor,
            scores,
        };
        calibration.check().map_err(Failure::from)?;
        let found = self.0.score(picture, &calibration);
        let found = found.map_err(Failure::from)?;
        let mut numbers = vec![found.score, found.percentile, found.neg_log_likelihood];
        numbers.extend(found.map.into_iter().map(f64::from));
        Ok(numbers)
    }
}
