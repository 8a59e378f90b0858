//! The wasm module of models whose pictures are sounds, which `web/api/sound.js` calls. It is fetched
//! with the first such model, beside the program that runs it.

// This crate is empty on native targets.
#![cfg(target_family = "wasm")]

use vaelet_js::error;
use vaelet_model::{Data, ImageShape};
use vaelet_sound::LogMel;
use wasm_bindgen::prelude::*;

/// How a model's pictures are sounds.
#[wasm_bindgen]
pub struct Sound {
    scale: LogMel,
    bands: usize,
    frames: usize,
}

#[wasm_bindgen]
impl Sound {
    /// Reads the field `data` of `model.json`, for pictures of so many rows and columns.
    ///
    /// # Errors
    /// A description that cannot be used, or one of other data.
    pub fn read(data: &str, bands: usize, frames: usize) -> Result<Sound, JsValue> {
        let shape = ImageShape {
            channels: 1,
            height: bands,
            width: frames,
        };
        match Data::parse(data, shape) {
            Ok(Data::Sound(scale)) => Ok(Self {
                scale,
                bands,
                frames,
            }),
            Ok(_) => Err(error("bad-model", "the pictures of this model are no sounds").into()),
            Err(cause) => Err(error(cause.code(), &cause.to_string()).into()),
        }
    }

    /// Samples in a second.
    pub fn rate(&self) -> usize {
        self.scale.rate
    }

    /// Begins to make a picture `[bands, frames]` heard.
    ///
    /// # Errors
    /// A picture of another size.
    pub fn speak(&self, picture: &[f32]) -> Result<Speaking, JsValue> {
        let speaking = vaelet_sound::Speaking::start(&self.scale, self.bands, self.frames, picture);
        Ok(Speaking(speaking.map_err(failure)?))
    }

    /// The picture of a sound.
    ///
    /// # Errors
    /// A sound that is silent, too long or of no usual rate.
    pub fn listen(&self, sound: &[f32], rate: f64) -> Result<Vec<f32>, JsValue> {
        let picture = vaelet_sound::listen(&self.scale, self.bands, self.frames, sound, rate);
        picture.map_err(failure)
    }
}

/// A picture that becomes sound.
#[wasm_bindgen]
pub struct Speaking(vaelet_sound::Speaking);

#[wasm_bindgen]
impl Speaking {
    /// Works for about a millisecond. Whether there is more to do.
    pub fn step(&mut self) -> bool {
        self.0.step()
    }

    /// The samples.
    pub fn finish(self) -> Vec<f32> {
        self.0.finish()
    }
}

fn failure(cause: vaelet_sound::Error) -> JsValue {
    error("bad-input", &cause.to_string()).into()
}
