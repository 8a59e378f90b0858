//! The engine in the browser: what the modules of `web/api/` call.
//!
//! Nothing clever happens here, and nothing takes long: a model is read, packed and run in small
//! steps, between which the page is free. The callers have checked their arguments, and read every
//! panic as a failure of the object that it happened in: a [`Model`] never changes, so it stays
//! good; runtimes are made of it anew. Errors become JavaScript `Error`s with a `code` and a
//! sentence. Work for the GPU is submitted before a call returns; its promises only bring the
//! numbers.

// Natively there is no browser to work in, and nothing to build.
#![cfg(target_family = "wasm")]

mod cpu;
mod error;
mod gpu;

use error::Failure;
use gpu::promise;
use js_sys::Promise;
use std::rc::Rc;
use vaelet_model::{Architecture, Priors, Reading, drawing, latent};
use wasm_bindgen::prelude::*;

pub use cpu::Cpu;
pub use gpu::Gpu;

/// Grey ink in `[0, 1]`, `height` rows of `width`, as a 28×28 digit the way MNIST's were
/// made; nothing where there is no ink.
#[wasm_bindgen(js_name = normalizeDrawing)]
pub fn normalize_drawing(pixels: &[f32], width: usize, height: usize) -> Option<Vec<f32>> {
    drawing::normalize(pixels, width, height)
}

/// Lines of a drawing as a 28×28 digit with MNIST's pen, over the 28×28 pixels of `under`
/// where there are any: `drawing::normalize_lines`.
#[wasm_bindgen(js_name = normalizeLines)]
pub fn normalize_lines(lines: &[f32], under: &[f32]) -> Option<Vec<f32>> {
    drawing::normalize_lines(lines, under)
}

/// A model whose weights are on their way.
#[wasm_bindgen]
pub struct Reader(Reading);

#[wasm_bindgen]
impl Reader {
    /// Checks a model's description.
    pub fn open(description: &str) -> Result<Reader, JsValue> {
        let architecture = Architecture::read(description).map_err(Failure::from)?;
        Ok(Self(Reading::new(architecture)))
    }

    /// Appends the next bytes of the weights file.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.0.push(bytes).map_err(Failure::from)?)
    }

    /// After the last byte: checks the file, then unpacks a tensor at a call. Whether there is
    /// more to do.
    pub fn step(&mut self) -> Result<bool, JsValue> {
        Ok(self.0.step().map_err(Failure::from)?)
    }

    /// The model, once there is nothing left to do.
    pub fn finish(self) -> Result<Model, JsValue> {
        let model = Rc::new(self.0.finish().map_err(Failure::from)?);
        Ok(Model {
            priors: Priors::of(&model),
            model,
        })
    }
}

/// A model that has been read, of which runtimes are made.
#[wasm_bindgen]
pub struct Model {
    model: Rc<vaelet_model::Model>,
    priors: Priors,
}

#[wasm_bindgen]
impl Model {
    /// A runtime on the CPU, still to be packed.
    pub fn cpu(&self) -> Cpu {
        Cpu::new(self.model.clone())
    }

    /// Promises a runtime on the GPU, a [`Gpu`].
    pub fn gpu(&self) -> Promise {
        let model = self.model.clone();
        promise(async move { Ok(Gpu::new(model).await?.into()) })
    }

    /// `count` vectors of standard normals from number `first` on; a seed gives the same
    /// numbers everywhere.
    pub fn noise(&self, seed: f64, first: usize, count: usize) -> Vec<f32> {
        let standard = self.priors.standard();
        standard.sample_in(seed as u64, first..first + count, 1.0)
    }

    /// `count` latents from number `first` on, from the model's own prior, or where `learned` is
    /// false from N(0, I); `temperature` scales the noise.
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

    /// z = μ + T · σ · ε, of slices of one length.
    pub fn reparameterize(
        &self,
        mean: &[f32],
        log_var: &[f32],
        epsilon: &[f32],
        temperature: f32,
    ) -> Vec<f32> {
        latent::reparameterize(mean, log_var, epsilon, temperature)
    }

    /// The latent at `t` between `a` and `b`, on an arc or on a line.
    pub fn interpolate(&self, a: &[f32], b: &[f32], t: f32, arc: bool) -> Vec<f32> {
        if arc {
            latent::slerp(a, b, t)
        } else {
            latent::lerp(a, b, t)
        }
    }

    /// What an image `x` costs in nats when it comes back as `y`: −log p(x | z), KL to the model's
    /// own prior (`Priors::kl`, whatever the temperature), log p(z), and the KL of each latent to
    /// N(0, I).
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
