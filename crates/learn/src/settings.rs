//! What a reader can set, and the description of the model that follows from it.

use crate::error::short;
use crate::{Augmentation, Error, Judging, Result};
use vaelet_model::networks;
use vaelet_model::{
    Data, Drawing, FORMAT, ImageShape, LatentGroup, Likelihood, ModelSpec, Precision, Prior,
    Subject, WeightsFile, sha256_hex,
};

/// Which network is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Fully connected, with one hidden layer of 400 units.
    Mlp,
    /// Two convolutions of 16 and 32 channels, and their transposes.
    Convolutional,
}

/// Hidden units of [`Network::Mlp`].
const HIDDEN: usize = 400;
/// Channels of [`Network::Convolutional`].
const CHANNELS: [usize; 2] = [16, 32];

/// The settings of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Pictures in a step.
    pub batch: usize,
    /// Learning rate after its rise.
    pub rate: f32,
    /// Weight of the KL term after its rise (Higgins et al. 2017).
    pub beta: f32,
    /// Steps over which β rises from 0.
    pub warm_up: u32,
    /// Nats that each latent has free.
    pub free: f32,
    /// Seed of everything random.
    pub seed: u64,
    /// How each picture is changed at each pass.
    pub augmentation: Augmentation,
    /// Whether pixels are drawn as 0 or 1 with their grey value as probability.
    pub binarize: bool,
    /// Who judges what the decoder makes.
    pub judging: Judging,
}

impl Settings {
    /// Checks each setting.
    ///
    /// # Errors
    /// [`Error::Setting`] with the name of the first one that is out of its range.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("batch", self.batch as f32, 1.0, 1024.0, "from 1 to 1024"),
            ("learning rate", self.rate, 0.0, 1.0, "from 0 to 1"),
            ("β", self.beta, 0.0, 1e4, "from 0 to 10,000"),
            ("free bits", self.free, 0.0, 100.0, "from 0 to 100 nats"),
        ];
        for (name, value, least, most, expected) in ranges {
            if !(least..=most).contains(&value) {
                let found = short(&value);
                return Err(Error::Setting {
                    name,
                    found,
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// The network, what it reads, and what its pictures are called.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// Which network.
    pub network: Network,
    /// Number of latents.
    pub latents: usize,
    /// Shape of a picture.
    pub shape: ImageShape,
    /// p(x | z); the σ of a Gaussian is where it starts.
    pub likelihood: Likelihood,
    /// What a picture is called.
    pub one: String,
    /// And several.
    pub many: String,
}

/// The shape of a normalised drawing.
const DRAWING: ImageShape = ImageShape {
    channels: 1,
    height: 28,
    width: 28,
};

impl Design {
    /// The description of a model before training. Grey pictures of 28×28 can be drawn by hand.
    ///
    /// # Errors
    /// [`Error::Setting`] for latents that are none or too many, or sides that the network cannot halve
    /// twice.
    pub fn describe(&self) -> Result<ModelSpec> {
        let (latents, shape) = (self.latents, self.shape);
        if !(1..=256).contains(&latents) {
            let (name, found, expected) = ("latents", latents.to_string(), "from 1 to 256");
            return Err(Error::Setting {
                name,
                found,
                expected,
            });
        }
        let halves = shape.height.is_multiple_of(4) && shape.width.is_multiple_of(4);
        let [encoder, decoder] = match self.network {
            Network::Mlp => networks::mlp(latents, HIDDEN, shape),
            Network::Convolutional if halves => networks::convolutional(latents, CHANNELS, shape),
            Network::Convolutional => {
                let (name, found) = ("side", shape.height.to_string());
                let expected = "a multiple of 4 for convolutions";
                return Err(Error::Setting {
                    name,
                    found,
                    expected,
                });
            }
        };
        Ok(ModelSpec {
            format: FORMAT.into(),
            name: "trained".into(),
            title: "Trained in the browser".into(),
            subject: Some(Subject {
                one: self.one.clone(),
                many: self.many.clone(),
                unseen: None,
                drawing: (shape == DRAWING).then_some(Drawing::Mnist),
            }),
            lacks: None,
            first: Vec::new(),
            input: shape,
            data: Data::Image,
            condition: None,
            likelihood: self.likelihood,
            latents: vec![LatentGroup {
                name: "z".into(),
                size: latents,
                prior: Prior::StandardNormal,
                kl: Vec::new(),
            }],
            encoder,
            decoder,
            weights: weights_file(&[]),
            examples: Vec::new(),
            training: None,
            licence: String::new(),
            credit: String::new(),
        })
    }
}

/// What a description says of these weights. They are f16, so nothing has to be read in them.
pub fn weights_file(contents: &[u8]) -> WeightsFile {
    WeightsFile {
        file: "weights.safetensors".into(),
        bytes: contents.len(),
        sha256: sha256_hex(contents),
        precision: Precision::F16,
    }
}
