//! A model on the CPU. Each call is one step of work: a layer to pack, a few images to run.

use std::rc::Rc;
use vaelet_cpu::CpuRuntime;
use vaelet_model::Model;
use wasm_bindgen::prelude::*;

/// A model on the CPU.
#[wasm_bindgen]
pub struct Cpu {
    model: Rc<Model>,
    runtime: CpuRuntime,
}

impl Cpu {
    /// Nothing is packed yet.
    pub fn new(model: Rc<Model>) -> Self {
        Self {
            runtime: CpuRuntime::unpacked(&model),
            model,
        }
    }
}

#[wasm_bindgen]
impl Cpu {
    /// Packs the next layer. Whether there are more; nothing else works before the last.
    pub fn pack(&mut self) -> bool {
        self.runtime.pack(&self.model)
    }

    /// All means of a batch of images `[N, C, H, W]`, then all log-variances.
    pub fn encode(&mut self, images: &[f32]) -> Vec<f32> {
        let posterior = self.runtime.encode(images);
        [posterior.mean, posterior.log_var].concat()
    }

    /// Images `[N, C, H, W]` in `[0, 1]` of latents.
    pub fn decode(&mut self, z: &[f32]) -> Vec<f32> {
        self.runtime.decode(z)
    }

    /// RGBA bytes of an image for its cell of a picture of `width` × `height`, the cell with this
    /// number in a grid of `columns` × `rows`.
    pub fn paint(
        &self,
        image: &[f32],
        width: u32,
        height: u32,
        columns: u32,
        rows: u32,
        number: usize,
    ) -> Vec<u8> {
        let (size, cells) = ([width, height], [columns, rows]);
        vaelet_cpu::present(image, self.model.spec.input, size, cells, number)
    }

    /// What every layer writes, of the encoder for one image or of the decoder for one latent,
    /// one after the other: height, width, channels, then `[H, W, C]` values.
    pub fn activations(&mut self, values: &[f32], decoder: bool) -> Vec<f32> {
        if decoder {
            self.runtime.trace_decoder(values)
        } else {
            self.runtime.trace_encoder(values)
        }
    }
}
