//! What a vaelet model *is*, and nothing about how it is run or trained.
//!
//! A model on disk is `model.json` ([`ModelSpec`]: shapes, layers, latent groups,
//! facts for the reader) and `weights.safetensors` ([`Weights`]). Reading one
//! goes through [`Model::read`], which checks every field, shape, count and byte
//! before anything is used: a model file is untrusted input. [`Graph`] is the
//! same model as the runtimes see it, a straight list of fused steps.
//!
//! Latent arithmetic ([`latent`]) and seeded noise ([`random`]) live here too, so
//! that the trainer, both runtimes and the browser share one definition of each.

mod angle;
pub mod drawing;
mod error;
mod graph;
mod json;
pub mod latent;
pub mod limits;
pub mod patches;
mod prior;
pub mod random;
mod read;
mod reading;
pub mod runtime;
mod spec;
mod upsample;
mod weights;

pub use error::{Error, Result};
pub use graph::{Graph, Op, Params, Shape, Step, Value, Window};
pub use prior::Priors;
pub use reading::Reading;
pub use spec::{
    Activation, Drawing, Example, FORMAT, Input, LatentGroup, Layer, Likelihood, ModelSpec, Prior,
    Subject, Training, WeightsFile,
};
#[cfg(feature = "write")]
pub use weights::write_tensors;
pub use weights::{Precision, Tensor, Tensors, Weights, read_tensors, sha256_hex};

/// A model whose description and weights have been read and agree with each other.
#[derive(Debug, Clone)]
pub struct Model {
    /// The description, as read from `model.json`.
    pub spec: ModelSpec,
    /// `[N, C, H, W]` images to `[N, 2 · latent]`: all means, then all log-variances.
    pub encoder: Graph,
    /// `[N, latent]` latents to images.
    pub decoder: Graph,
    /// Every parameter that the two graphs name, in f32.
    pub weights: Weights,
}

/// A model before its weights have come: enough to build everything but its numbers.
#[derive(Debug, Clone)]
pub struct Outline {
    /// See [`Model::spec`].
    pub spec: ModelSpec,
    /// See [`Model::encoder`].
    pub encoder: Graph,
    /// See [`Model::decoder`].
    pub decoder: Graph,
}

impl Outline {
    /// Reads the contents of `model.json`.
    ///
    /// # Errors
    /// Whatever is wrong with it, with the field, what was found and what was expected.
    pub fn read(model_json: &str) -> Result<Self> {
        let spec = ModelSpec::parse(model_json)?;
        let (encoder, decoder) = spec.graphs()?;
        Ok(Self {
            spec,
            encoder,
            decoder,
        })
    }

    /// Adds the contents of the weights file.
    ///
    /// # Errors
    /// Whatever is wrong with it, or does not agree with the description.
    pub fn fill(self, weights: &[u8]) -> Result<Model> {
        let mut reading = Reading::new(self);
        reading.push(weights)?;
        reading.finish()
    }

    /// Whether every parameter of the graphs is one of f16's values: the description says so,
    /// and no kernel is a sum that is made at load.
    pub fn is_f16(&self) -> bool {
        self.spec.weights.precision != Precision::F32
            && self.steps().all(|step| !step.params.upsampled)
    }

    /// Names and shapes of the tensors in the weights file.
    fn stored(&self) -> Vec<(String, Vec<usize>)> {
        let mut stored = self.spec.prior_tensors();
        for step in self.steps() {
            stored.extend(step.params.stored());
        }
        stored
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.encoder.steps.iter().chain(&self.decoder.steps)
    }
}

impl Model {
    /// Reads a model from the contents of its two files.
    ///
    /// # Errors
    /// Whatever is wrong with either file, with the file's name, the field, what
    /// was found and what was expected.
    pub fn read(model_json: &str, weights: &[u8]) -> Result<Self> {
        Outline::read(model_json)?.fill(weights)
    }

    /// The model without its weights.
    pub fn outline(&self) -> Outline {
        Outline {
            spec: self.spec.clone(),
            encoder: self.encoder.clone(),
            decoder: self.decoder.clone(),
        }
    }
}
