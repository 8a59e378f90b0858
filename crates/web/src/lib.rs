//! The engine in the browser: what `web/vaelet.js` calls.
//!
//! Nothing clever happens here: arguments are checked, the two runtimes get the same
//! face, and errors become JavaScript `Error`s with a `code` and a sentence. Work for the
//! GPU is submitted before a call returns; its promises only bring the numbers.

// Natively there is no browser to work in, and nothing to build.
#![cfg(target_family = "wasm")]

mod backend;
mod error;
mod gpu;

use backend::{Backend, Measured};
use error::{Failure, check};
use js_sys::{Float32Array, Function, Object, Promise, Reflect, Uint8Array};
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use vaelet_gpu::Reconstruction;
use vaelet_model::{Likelihood, Outline, Priors, drawing, latent, random};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::HtmlCanvasElement;

#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

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

/// A model that runs.
#[wasm_bindgen]
pub struct Model {
    image_len: usize,
    latent: usize,
    likelihood: Likelihood,
    priors: Priors,
    measured: Measured,
    backend: RefCell<Backend>,
    on_lost: Rc<RefCell<Option<Function>>>,
}

#[wasm_bindgen]
impl Model {
    /// Checks the two files of a model and makes it ready on `"webgpu"`, on `"cpu"`, or
    /// with `"auto"` on whichever decodes faster here. `weights` promises a `Uint8Array`;
    /// until it comes the GPU is asked for and compiles.
    pub async fn create(
        description: String,
        weights: Promise,
        backend: String,
    ) -> Result<Model, JsValue> {
        let outline = Outline::read(&description).map_err(Failure::from)?;
        let on_lost = Rc::default();
        let prepared = backend::prepare(&outline, &backend, &on_lost).await?;
        let weights = Uint8Array::from(JsFuture::from(weights).await?).to_vec();
        let model = outline.fill(&weights).map_err(Failure::from)?;
        drop(weights);
        let (backend, measured) = backend::choose(&model, &backend, prepared).await?;
        Ok(Self {
            image_len: model.spec.input.len(),
            latent: model.spec.latent_size(),
            likelihood: model.spec.likelihood,
            priors: Priors::of(&model),
            measured,
            backend: RefCell::new(backend),
            on_lost,
        })
    }

    /// `"webgpu"` or `"cpu"`.
    #[wasm_bindgen(getter)]
    pub fn backend(&self) -> String {
        self.backend.borrow().name().into()
    }

    /// Milliseconds of one decode as measured by `"auto"`, null where not measured, and
    /// the GPU's name: `{ webgpu, cpu, adapter }`.
    #[wasm_bindgen(getter)]
    pub fn measured(&self) -> Object {
        object([
            ("webgpu", or_null(self.measured.webgpu)),
            ("cpu", or_null(self.measured.cpu)),
            ("adapter", or_null(self.measured.adapter.clone())),
        ])
    }

    /// Called with a reason once the GPU is lost; this model is then of no further use.
    #[wasm_bindgen(setter, js_name = onLost)]
    pub fn set_on_lost(&self, callback: Option<Function>) {
        *self.on_lost.borrow_mut() = callback;
    }

    /// Number of latent variables.
    #[wasm_bindgen(getter, js_name = latentSize)]
    pub fn latent_size(&self) -> usize {
        self.latent
    }

    /// `count` vectors of standard normals; a seed gives the same numbers everywhere.
    pub fn noise(&self, seed: f64, count: usize) -> Vec<f32> {
        random::normals(seed as u64, count * self.latent)
    }

    /// Whether the model has a prior of its own beside N(0, I).
    #[wasm_bindgen(getter, js_name = hasLearnedPrior)]
    pub fn has_learned_prior(&self) -> bool {
        self.priors.are_learned()
    }

    /// `count` latents from the model's own prior, or where `learned` is false from
    /// N(0, I); `temperature` scales the noise.
    pub fn sample(&self, seed: f64, count: usize, temperature: f32, learned: bool) -> Vec<f32> {
        let sample = |priors: &Priors| priors.sample(seed as u64, count, temperature);
        if learned {
            sample(&self.priors)
        } else {
            sample(&self.priors.standard())
        }
    }

    /// z = μ + T · σ · ε.
    pub fn reparameterize(
        &self,
        mean: &[f32],
        log_var: &[f32],
        epsilon: &[f32],
        temperature: f32,
    ) -> Result<Vec<f32>, JsValue> {
        let batch = check("mean", mean.len(), self.latent)?;
        check_same("logVar", log_var.len(), batch * self.latent)?;
        check_same("epsilon", epsilon.len(), batch * self.latent)?;
        Ok(latent::reparameterize(mean, log_var, epsilon, temperature))
    }

    /// The latent at `t` between `a` and `b`, on a line (`"lerp"`) or an arc (`"slerp"`).
    pub fn interpolate(
        &self,
        a: &[f32],
        b: &[f32],
        t: f32,
        mode: &str,
    ) -> Result<Vec<f32>, JsValue> {
        check_same("a", a.len(), self.latent)?;
        check_same("b", b.len(), self.latent)?;
        match mode {
            "lerp" => Ok(latent::lerp(a, b, t)),
            "slerp" => Ok(latent::slerp(a, b, t)),
            _ => {
                Err(Failure::input(format!("mode is \"{mode}\", not \"lerp\" or \"slerp\"")).into())
            }
        }
    }

    /// Promises `{ mean, logVar }` of images `[N, C, H, W]` in `[0, 1]`.
    pub fn encode(&self, images: &[f32]) -> Result<Promise, JsValue> {
        check("pixels", images.len(), self.image_len)?;
        let posterior = self.backend.borrow_mut().encode(images)?;
        Ok(promise(async move {
            let posterior = posterior.await?;
            Ok(object([
                ("mean", array(&posterior.mean)),
                ("logVar", array(&posterior.log_var)),
            ])
            .into())
        }))
    }

    /// Promises images `[N, C, H, W]` in `[0, 1]` of latents.
    pub fn decode(&self, z: &[f32]) -> Result<Promise, JsValue> {
        check("z", z.len(), self.latent)?;
        let images = self.backend.borrow_mut().decode(z)?;
        Ok(promise(async move { Ok(array(&images.await?)) }))
    }

    /// What every layer writes, of the encoder for one image or of the decoder for one latent,
    /// one after the other: height, width, channels, then `[H, W, C]` values. On the CPU only.
    pub fn activations(&self, values: &[f32], decoder: bool) -> Result<Vec<f32>, JsValue> {
        check_same(
            "values",
            values.len(),
            if decoder { self.latent } else { self.image_len },
        )?;
        Ok(self.backend.borrow_mut().activations(values, decoder)?)
    }

    /// Decodes latents and draws them into a canvas, `columns` in a row. Nothing is read back.
    pub fn present(
        &self,
        canvas: &HtmlCanvasElement,
        z: &[f32],
        columns: u32,
    ) -> Result<(), JsValue> {
        check("z", z.len(), self.latent)?;
        Ok(self.backend.borrow_mut().present(canvas, z, columns)?)
    }

    /// Encodes one image, samples z = μ + T · σ · ε, decodes it and draws it, all in one
    /// submit. Promises `{ mean, logVar, z, image, reconstruction, kl, logPrior,
    /// klToStandardNormal }`: −log p(x | z), the KL to the model's own prior for this ε
    /// (`Priors::kl`, whatever the temperature), log p(z), and the KL of each latent to N(0, I),
    /// all in nats.
    pub fn reconstruct(
        &self,
        canvas: &HtmlCanvasElement,
        image: Vec<f32>,
        epsilon: &[f32],
        temperature: f32,
    ) -> Result<Promise, JsValue> {
        check_same("pixels", image.len(), self.image_len)?;
        check_same("epsilon", epsilon.len(), self.latent)?;
        let (likelihood, priors) = (self.likelihood, self.priors.clone());
        let noise = epsilon.to_vec();
        let result = self
            .backend
            .borrow_mut()
            .reconstruct(canvas, &image, epsilon, temperature)?;
        Ok(promise(async move {
            let Reconstruction {
                posterior,
                z,
                images,
            } = result.await?;
            let (mean, log_var) = (&posterior.mean, &posterior.log_var);
            let nats = latent::reconstruction(likelihood, &image, &images);
            Ok(object([
                ("mean", array(&posterior.mean)),
                ("logVar", array(&posterior.log_var)),
                ("z", array(&z)),
                ("image", array(&images)),
                ("reconstruction", nats.into()),
                ("kl", priors.kl(mean, log_var, &noise).into()),
                ("logPrior", priors.log_density(&z).into()),
                (
                    "klToStandardNormal",
                    array(&latent::kl_to_standard_normal(mean, log_var)),
                ),
            ])
            .into())
        }))
    }
}

/// Checks that an argument is one item of `len` values.
fn check_same(name: &str, found: usize, len: usize) -> Result<(), Failure> {
    if found == len {
        Ok(())
    } else {
        Err(Failure::input(format!(
            "{name} has {found} values instead of {len}"
        )))
    }
}

fn promise(future: impl Future<Output = Result<JsValue, Failure>> + 'static) -> Promise {
    future_to_promise(async move { Ok(future.await?) })
}

fn array(values: &[f32]) -> JsValue {
    Float32Array::from(values).into()
}

fn or_null(value: Option<impl Into<JsValue>>) -> JsValue {
    value.map_or(JsValue::NULL, Into::into)
}

fn object<const N: usize>(entries: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in entries {
        // A plain object takes any property.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object
}
