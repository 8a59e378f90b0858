//! What a vaelet model *is*, and nothing about how it is run or trained.
//!
//! A model on disk is `model.json` ([`ModelSpec`]: shapes, layers, latent groups,
//! facts for the reader) and `weights.safetensors` ([`Weights`]). Reading one
//! goes through [`Model::read`], which checks every field, shape, count and byte
//! before anything is used: a model file is untrusted input. [`Program`] is the same model as
//! something that is computed, its gradients included; [`Schedule`] is what the runtimes run.
//!
//! Latent arithmetic ([`latent`]) and seeded noise ([`random`]) live here too, so
//! that the trainer, both runtimes and the browser share one definition of each.

pub mod drawing;
mod error;
mod format;
mod graph;
pub mod latent;
#[cfg(feature = "write")]
pub mod networks;

pub use error::{Error, Result};
pub use format::data::{Data, LogMel, Notation, Spelling};
pub use format::description::{
    Activation, Condition, Convolution, Drawing, Example, FORMAT, ImageShape, LatentGroup, Layer,
    Likelihood, ModelSpec, Prior, Subject, Training, WeightsFile,
};
pub use format::limits;
pub use format::reading::Reading;
#[cfg(feature = "write")]
pub use format::safetensors::write_tensors;
pub use format::safetensors::{Precision, Tensor, Tensors, Weights, read_tensors, sha256_hex};
#[cfg(feature = "write")]
pub use format::write::decimal;
pub use graph::{
    Entry, EntryPoint, Finish, Kernel, Map, Node, Op, Params, Patches, Program, Reversed, Schedule,
    Shape, Slots, Step, Value, WeightGradient, Window, Wrt, channels_first, channels_last,
};
pub use latent::prior::{Gaussian, InTurn, Normal, Priors};
pub use latent::random;

/// Whether models with a condition are read; where they are not, one is an error that names the field.
pub const CONDITIONS: bool = cfg!(feature = "full");

/// Whether GELU, ELU and softplus are read; where they are not, one is an error that names the field.
pub const ACTIVATIONS: bool = cfg!(feature = "full");

/// Whether decoders that read the symbols before each place are read; where they are not, one is an error that names
/// the layer.
pub const CONTEXTS: bool = cfg!(feature = "texts");

/// A model whose description and weights have been read and agree with each other.
#[derive(Debug, Clone)]
pub struct Model {
    /// The description, as read from `model.json`.
    pub spec: ModelSpec,
    /// Encoder, sample and decoder.
    pub program: Program,
    /// Every parameter that the program names, in f32.
    pub weights: Weights,
}

/// A model without its weights: its description and its program.
#[derive(Debug, Clone)]
pub struct Architecture {
    /// See [`Model::spec`].
    pub spec: ModelSpec,
    /// See [`Model::program`].
    pub program: Program,
}

impl Architecture {
    /// Reads the contents of `model.json`.
    ///
    /// # Errors
    /// Whatever is wrong with it, with the field, what was found and what was expected.
    pub fn read(model_json: &str) -> Result<Self> {
        let spec = ModelSpec::parse(model_json)?;
        let program = Program::of(&spec)?;
        Ok(Self { spec, program })
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

    /// Whether every parameter of the layers is one of f16's values: the description says so,
    /// and no kernel is a sum that is made at load.
    pub fn is_f16(&self) -> bool {
        self.spec.weights.precision != Precision::F32
            && self.params().all(|params| !params.upsampled)
    }

    /// Names and shapes of the tensors in the weights file.
    fn stored(&self) -> Vec<(String, Vec<usize>)> {
        let mut stored = self.spec.prior_tensors();
        for params in self.params() {
            stored.extend(params.stored());
        }
        stored
    }

    /// Names and shapes of the tensors of all layers.
    pub fn params(&self) -> impl Iterator<Item = &Params> {
        self.program.params()
    }
}

impl Model {
    /// Reads a model from the contents of its two files.
    ///
    /// # Errors
    /// Whatever is wrong with either file, with the file's name, the field, what
    /// was found and what was expected.
    pub fn read(model_json: &str, weights: &[u8]) -> Result<Self> {
        Architecture::read(model_json)?.fill(weights)
    }

    /// The model without its weights.
    pub fn architecture(&self) -> Architecture {
        Architecture {
            spec: self.spec.clone(),
            program: self.program.clone(),
        }
    }
}
