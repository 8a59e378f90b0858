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

pub mod drawing;
mod error;
mod graph;
pub mod latent;
pub mod patches;
pub mod random;
pub mod runtime;
mod spec;
mod weights;

pub use error::{Error, Result};
pub use graph::{Graph, Op, Params, Shape, Step, Value, Window};
pub use spec::{
    Activation, Example, FORMAT, Input, LatentGroup, Layer, Likelihood, ModelSpec, Prior, Training,
    WeightsFile,
};
pub use weights::{Precision, Tensor, Tensors, Weights, read_tensors, sha256_hex, write_tensors};

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

impl Model {
    /// Reads a model from the contents of its two files.
    ///
    /// # Errors
    /// Whatever is wrong with either file, with the file's name, the field, what
    /// was found and what was expected.
    pub fn read(model_json: &str, weights: &[u8]) -> Result<Self> {
        let spec = ModelSpec::parse(model_json)?;
        let (encoder, decoder) = spec.graphs()?;
        spec.weights.verify(weights)?;
        let weights = Weights::read(&spec.weights.file, weights, [&encoder, &decoder])?;
        Ok(Self {
            spec,
            encoder,
            decoder,
            weights,
        })
    }
}
