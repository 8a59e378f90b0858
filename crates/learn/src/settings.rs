//! What a reader can set, and the description of the model that follows from it.

use crate::{Augmentation, Error, Result};
use vaelet_model::networks::{self, Layers};
use vaelet_model::{
    FORMAT, ImageShape, LatentGroup, Likelihood, ModelSpec, Prior, Subject, WeightsFile,
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
}

impl Settings {
    /// Checks each setting.
    ///
    /// # Errors
    /// [`Error::Setting`] with the name of the first one that is out of its range.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("batch", self.batch as f64, 1.0, 1024.0, "from 1 to 1024"),
            ("learning rate", self.rate.into(), 0.0, 1.0, "from 0 to 1"),
            ("β", self.beta.into(), 0.0, 1e4, "from 0 to 10,000"),
            (
                "free bits",
                self.free.into(),
                0.0,
                100.0,
                "from 0 to 100 nats",
            ),
        ];
        for (name, value, least, most, expected) in ranges {
            if !(least..=most).contains(&value) {
                let found = value.to_string();
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

impl Network {
    fn layers(self, latents: usize, shape: ImageShape) -> Layers {
        match self {
            Self::Mlp => networks::mlp(latents, HIDDEN, shape),
            Self::Convolutional => networks::convolutional(latents, CHANNELS, shape),
        }
    }

    /// The description of a model of this network before training.
    ///
    /// # Errors
    /// [`Error::Setting`] for latents that are none or too many, or sides that the network cannot halve
    /// twice.
    pub fn describe(
        self,
        latents: usize,
        shape: ImageShape,
        likelihood: Likelihood,
        subject: Subject,
    ) -> Result<ModelSpec> {
        if !(1..=256).contains(&latents) {
            let (name, found, expected) = ("latents", latents.to_string(), "from 1 to 256");
            return Err(Error::Setting {
                name,
                found,
                expected,
            });
        }
        if self == Self::Convolutional && !(shape.height % 4 == 0 && shape.width % 4 == 0) {
            let (name, found) = ("side", format!("{}×{}", shape.width, shape.height));
            let expected = "a multiple of 4 for convolutions";
            return Err(Error::Setting {
                name,
                found,
                expected,
            });
        }
        let [encoder, decoder] = self.layers(latents, shape);
        Ok(ModelSpec {
            format: FORMAT.into(),
            name: "trained".into(),
            title: "Trained in the browser".into(),
            subject: Some(subject),
            first: Vec::new(),
            input: shape,
            condition: None,
            likelihood,
            latents: vec![LatentGroup {
                name: "z".into(),
                size: latents,
                prior: Prior::StandardNormal,
                kl: Vec::new(),
            }],
            encoder,
            decoder,
            weights: WeightsFile::describe("weights.safetensors", &[]),
            examples: Vec::new(),
            training: None,
            licence: String::new(),
            credit: String::new(),
        })
    }
}
