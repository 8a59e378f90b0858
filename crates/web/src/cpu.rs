//! A model on the CPU. Each call is short: it packs one layer or runs a few images.

use crate::given::Given;
use std::rc::Rc;
use vaelet_cpu::CpuRuntime;
use vaelet_model::Model;
use wasm_bindgen::prelude::*;

/// A model on the CPU.
#[wasm_bindgen]
pub struct Cpu {
    model: Rc<Model>,
    runtime: CpuRuntime,
    given: Given,
}

impl Cpu {
    /// A runtime without packed weights.
    pub fn new(model: Rc<Model>) -> Self {
        Self {
            runtime: CpuRuntime::unpacked(&model),
            model,
            given: Given::default(),
        }
    }
}

#[wasm_bindgen]
impl Cpu {
    /// Packs the weights of the next layer. Returns `false` if all had been packed before; only
    /// then may other methods be called.
    pub fn pack(&mut self) -> bool {
        self.runtime.pack(&self.model)
    }

    /// Sets the class of each item of the following calls, and the symbols of its text so far.
    #[cfg(feature = "full")]
    pub fn given(&mut self, classes: Vec<usize>, written: Vec<usize>) {
        self.given.set(classes, written);
    }

    /// Encodes images `[N, C, H, W]`. Returns all means `[N, latent]`, then all log-variances.
    pub fn encode(&mut self, images: &[f32]) -> Vec<f32> {
        let posterior = self.runtime.encode_given(images, self.given.classes());
        [posterior.mean, posterior.log_var].concat()
    }

    /// Decodes latents `[N, latent]` to images `[N, C, H, W]` in `[0, 1]`.
    pub fn decode(&mut self, z: &[f32]) -> Vec<f32> {
        self.runtime
            .decode_written(z, self.given.classes(), self.given.written())
    }

    /// RGBA bytes of an image `[C, H, W]`, scaled to cell `number` of a grid of `columns` × `rows`
    /// cells with `width` × `height` pixels.
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

    /// The outputs of all layers, of the encoder for one image or of the decoder for one latent,
    /// concatenated: for each layer height, width and channels, then its values `[H, W, C]`.
    pub fn activations(&mut self, values: &[f32], decoder: bool) -> Vec<f32> {
        if decoder {
            self.runtime
                .trace_decoder(values, self.given.classes(), self.given.written())
        } else {
            self.runtime.trace_encoder(values, self.given.classes())
        }
    }
}
