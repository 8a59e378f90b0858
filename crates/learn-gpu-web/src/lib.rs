//! The wasm module that trains on the GPU. `web/views/train/gpu.js` fetches it beside the one that trains on the CPU
//! (`crates/learn-web`) where there is a GPU. That one says what each step is, this one takes the steps.

// This crate is empty on native targets.
#![cfg(target_family = "wasm")]

use js_sys::{Float32Array, Promise};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use vaelet_gpu::{Context, Error, GpuPace, GpuTrainer};
use vaelet_model::{Architecture, EntryPoint};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

/// A model that learns on the GPU.
#[wasm_bindgen]
pub struct GpuLearner {
    trainer: GpuTrainer,
    context: Rc<Context>,
}

fn failure(error: Error) -> JsValue {
    let code = match error {
        Error::Unavailable(_) => "no-webgpu",
        Error::Lost(_) => "lost",
        _ => "gpu",
    };
    vaelet_js::error(code, &error.to_string()).into()
}

/// A promise for values from the device.
fn promise(
    values: impl Future<Output = Result<Vec<f32>, Error>> + 'static,
) -> Result<Promise, JsValue> {
    // Boxed, so that the code that polls it is compiled once.
    let values: Pin<Box<dyn Future<Output = _>>> = Box::pin(values);
    Ok(future_to_promise(async move {
        let values = values.await.map_err(failure)?;
        Ok(Float32Array::from(values.as_slice()).into())
    }))
}

#[wasm_bindgen]
impl GpuLearner {
    /// Compiles what is needed to train the model of a `model.json`, with a device of its own.
    ///
    /// # Errors
    /// If there is no GPU, or it is too small (codes "no-webgpu" and "gpu").
    pub async fn start(description: String) -> Result<GpuLearner, JsValue> {
        let context = Rc::new(Context::new().await.map_err(failure)?);
        let program = Architecture::read(&description).map(|architecture| architecture.program);
        let program = program.map_err(|e| vaelet_js::error(e.code(), &e.to_string()))?;
        let trainer = GpuTrainer::new(context.clone(), &program).map_err(failure)?;
        let refused = || vaelet_js::error("gpu", "this network cannot be trained on a GPU");
        let trainer = trainer.ok_or_else(refused)?;
        Ok(Self { trainer, context })
    }

    /// The name of the adapter.
    pub fn adapter(&self) -> String {
        self.context.name()
    }

    /// Sets the state that `Learner.handOver` gives, after so many steps.
    ///
    /// # Errors
    /// Values of another model.
    #[wasm_bindgen(js_name = setState)]
    pub fn set_state(&mut self, values: &[f32], steps: u32) -> Result<(), JsValue> {
        self.trainer.set_state(values, steps).map_err(failure)
    }

    /// Promises the state, for `Learner.adopt`.
    pub fn state(&mut self) -> Result<Promise, JsValue> {
        promise(self.trainer.state())
    }

    /// Submits the step of an `Errand`. Promises −log p(x | z), then the KL of each latent, in nats per picture.
    ///
    /// # Errors
    /// What the GPU has refused before.
    pub fn step(
        &mut self,
        x: &[f32],
        epsilon: &[f32],
        numbers: &[f32],
    ) -> Result<Promise, JsValue> {
        let number = |i: usize| numbers.get(i).copied().unwrap_or(0.0);
        let pace = GpuPace {
            rate: number(0),
            beta: number(1),
            free: number(2),
            sigma: Some(number(3)).filter(|sigma| *sigma > 0.0),
            average: number(4),
        };
        let losses = self.trainer.step(x, epsilon, pace).map_err(failure)?;
        promise(async move {
            let losses = losses.await?;
            Ok([vec![losses.reconstruction], losses.kl].concat())
        })
    }

    /// Takes the averaged weights of now for the methods below.
    pub fn refresh(&mut self) {
        self.trainer.refresh();
    }

    /// Promises the posteriors of pictures `[N, C, H, W]`: μ, then log σ² of each.
    ///
    /// # Errors
    /// What the GPU has refused before.
    pub fn encode(&mut self, pictures: &[f32]) -> Result<Promise, JsValue> {
        self.show(EntryPoint::Encode, pictures)
    }

    /// Promises the pictures of latents `[N, latent]`.
    ///
    /// # Errors
    /// What the GPU has refused before.
    pub fn decode(&mut self, z: &[f32]) -> Result<Promise, JsValue> {
        self.show(EntryPoint::Decode, z)
    }

    fn show(&mut self, entry: EntryPoint, values: &[f32]) -> Result<Promise, JsValue> {
        promise(self.trainer.show(entry, values).map_err(failure)?)
    }
}

impl Drop for GpuLearner {
    /// The device is this learner's own.
    fn drop(&mut self) {
        self.context.device.destroy();
    }
}
