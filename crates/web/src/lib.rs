//! The page's wasm module, which the modules in `web/api/` call.
//!
//! Every call is short: a model is read, packed and run in small steps, so that the page stays
//! responsive. The callers check the arguments. They treat a panic as the failure of the runtime in
//! which it occurred and create a new one from the [`Model`], which never changes. Errors become
//! JavaScript `Error`s with a `code` and a message. GPU work is submitted before a call returns;
//! the promise resolves with the values.

// This crate is empty on native targets.
#![cfg(target_family = "wasm")]

mod cpu;
mod error;
mod given;
mod gpu;

use error::Failure;
use gpu::promise;
use js_sys::Promise;
use std::rc::Rc;
use vaelet_model::{Architecture, Priors, Reading, drawing, latent};
use wasm_bindgen::prelude::*;

pub use cpu::Cpu;
pub use gpu::Gpu;

/// Normalizes a drawing, `height` rows of `width` grey values in `[0, 1]`, to a 28×28 digit in the
/// way of MNIST. Returns `undefined` if it has no ink.
#[wasm_bindgen(js_name = normalizeDrawing)]
pub fn normalize_drawing(pixels: &[f32], width: usize, height: usize) -> Option<Vec<f32>> {
    drawing::normalize(pixels, width, height)
}

/// Draws lines as a 28×28 digit with MNIST's pen width, over the 28×28 pixels of `under` if it is
/// not empty. See `drawing::normalize_lines`.
#[wasm_bindgen(js_name = normalizeLines)]
pub fn normalize_lines(lines: &[f32], under: &[f32]) -> Option<Vec<f32>> {
    drawing::normalize_lines(lines, under)
}

/// Reads a model while its weights are downloading.
#[wasm_bindgen]
pub struct Reader(Reading);

#[wasm_bindgen]
impl Reader {
    /// Starts to read a model from its description, the text of `model.json`.
    ///
    /// # Errors
    /// If the description is not valid.
    pub fn open(description: &str) -> Result<Reader, JsValue> {
        let architecture = Architecture::read(description).map_err(Failure::from)?;
        Ok(Self(Reading::new(architecture)))
    }

    /// Appends the next bytes of the weights file.
    ///
    /// # Errors
    /// If there are more bytes than the description states.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.0.push(bytes).map_err(Failure::from)?)
    }

    /// Call this after the last byte until it returns `false`. The first call checks the file; each
    /// other call unpacks one tensor.
    ///
    /// # Errors
    /// If the file does not match the description.
    pub fn step(&mut self) -> Result<bool, JsValue> {
        Ok(self.0.step().map_err(Failure::from)?)
    }

    /// The model, after [`Reader::step`] has returned `false`.
    ///
    /// # Errors
    /// If the weights do not match the description.
    pub fn finish(self) -> Result<Model, JsValue> {
        let model = Rc::new(self.0.finish().map_err(Failure::from)?);
        Ok(Model {
            priors: Priors::of(&model),
            model,
        })
    }
}

/// A model from which runtimes are created.
#[wasm_bindgen]
pub struct Model {
    model: Rc<vaelet_model::Model>,
    priors: Priors,
}

#[wasm_bindgen]
impl Model {
    /// A runtime on the CPU; call [`Cpu::pack`] next.
    pub fn cpu(&self) -> Cpu {
        Cpu::new(self.model.clone())
    }

    /// Promises a runtime on the GPU, a [`Gpu`]; call [`Gpu::pack`] next.
    pub fn gpu(&self) -> Promise {
        let model = self.model.clone();
        promise(async move { Ok(Gpu::new(model).await?.into()) })
    }

    /// `count` latents from N(0, I), `[count, latent]`, starting at index `first` of the sequence.
    /// A seed gives the same sequence everywhere.
    pub fn noise(&self, seed: f64, first: usize, count: usize) -> Vec<f32> {
        let standard = self.priors.standard();
        standard.sample_in(seed as u64, first..first + count, 1.0)
    }

    /// `count` latents, `[count, latent]`, starting at index `first` of the sequence. They are from
    /// the model's own prior, or from N(0, I) if `learned` is false. `temperature` scales the
    /// noise.
    pub fn sample(
        &self,
        seed: f64,
        first: usize,
        count: usize,
        temperature: f32,
        learned: bool,
    ) -> Vec<f32> {
        let sample =
            |priors: &Priors| priors.sample_in(seed as u64, first..first + count, temperature);
        if learned {
            sample(&self.priors)
        } else {
            sample(&self.priors.standard())
        }
    }

    /// z = μ + T · σ · ε, for slices of equal length.
    pub fn reparameterize(
        &self,
        mean: &[f32],
        log_var: &[f32],
        epsilon: &[f32],
        temperature: f32,
    ) -> Vec<f32> {
        latent::reparameterize(mean, log_var, epsilon, temperature)
    }

    /// The latent between `a` (t = 0) and `b` (t = 1), by spherical or linear interpolation.
    pub fn interpolate(&self, a: &[f32], b: &[f32], t: f32, arc: bool) -> Vec<f32> {
        if arc {
            latent::slerp(a, b, t)
        } else {
            latent::lerp(a, b, t)
        }
    }

    /// The terms of the ELBO in nats for an image `x` with reconstruction `y`: −log p(x | z), the
    /// KL to the model's own prior (`Priors::kl`, which ignores the temperature), log p(z), then
    /// the KL of each latent to N(0, I).
    pub fn cost(
        &self,
        x: &[f32],
        y: &[f32],
        mean: &[f32],
        log_var: &[f32],
        epsilon: &[f32],
        z: &[f32],
    ) -> Vec<f32> {
        let mut nats = vec![
            latent::reconstruction(self.model.spec.likelihood, x, y),
            self.priors.kl(mean, log_var, epsilon) as f32,
            self.priors.log_density(z) as f32,
        ];
        nats.extend(latent::kl_to_standard_normal(mean, log_var));
        nats
    }
}
