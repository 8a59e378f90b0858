//! The presets that `vaelet train` knows: what to build, and how to train it.

use vaelet_model::{
    Activation, FORMAT, Input, LatentGroup, Layer, Likelihood, ModelSpec, Prior, WeightsFile,
};

/// A model's description before training, with the settings that trained it best.
#[derive(Debug, Clone)]
pub struct Preset {
    /// Everything but weights and figures.
    pub spec: ModelSpec,
    /// Passes over the data.
    pub epochs: usize,
    /// Images in a step.
    pub batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Weight of the KL term after warm-up (Higgins et al. 2017); 1 is the ELBO.
    pub beta: f32,
}

/// The names that [`preset`] knows.
pub const NAMES: [&str; 1] = ["digits"];

/// The preset called `name`.
pub fn preset(name: &str) -> Option<Preset> {
    match name {
        "digits" => Some(digits()),
        _ => None,
    }
}

/// Handwritten digits: a residual convolutional VAE with 32 latents.
fn digits() -> Preset {
    const LATENT: usize = 32;
    const WIDE: usize = 64;
    let mut names = Names::default();
    let encoder = vec![
        names.conv(1, 32, 4, 2),
        names.conv(32, WIDE, 4, 2),
        names.residual(WIDE),
        names.linear(7 * 7 * WIDE, 2 * LATENT, Activation::None),
    ];
    let mut names = Names::decoder();
    let decoder = vec![
        names.linear(LATENT, 7 * 7 * WIDE, Activation::Silu),
        Layer::Reshape {
            channels: WIDE,
            height: 7,
            width: 7,
        },
        names.residual(WIDE),
        names.conv_transpose(WIDE, 32, Activation::Silu),
        names.residual(32),
        names.conv_transpose(32, 1, Activation::Sigmoid),
    ];
    Preset {
        spec: ModelSpec {
            format: FORMAT.into(),
            name: "digits".into(),
            title: "Handwritten digits".into(),
            input: Input {
                channels: 1,
                height: 28,
                width: 28,
            },
            likelihood: Likelihood::Bernoulli,
            latents: vec![LatentGroup {
                name: "z".into(),
                size: LATENT,
                prior: Prior::StandardNormal,
                kl: Vec::new(),
            }],
            encoder,
            decoder,
            weights: WeightsFile::describe("weights.safetensors", &[]),
            examples: Vec::new(),
            training: None,
            licence: "MIT OR Apache-2.0".into(),
            credit: "Trained on MNIST (Yann LeCun, Corinna Cortes), CC BY-SA 3.0".into(),
        },
        epochs: 40,
        batch: 128,
        learning_rate: 2e-3,
        beta: 1.0,
    }
}

/// Makes layers and numbers their tensors in the order of use.
struct Names {
    room: &'static str,
    next: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            room: "encoder",
            next: 0,
        }
    }
}

impl Names {
    fn decoder() -> Self {
        Self {
            room: "decoder",
            next: 0,
        }
    }

    fn params(&mut self) -> String {
        self.next += 1;
        format!("{}.{}", self.room, self.next - 1)
    }

    fn linear(&mut self, inputs: usize, outputs: usize, activation: Activation) -> Layer {
        Layer::Linear {
            inputs,
            outputs,
            activation,
            params: self.params(),
        }
    }

    /// A convolution with padding 1 that is followed by a SiLU.
    fn conv(
        &mut self,
        in_channels: usize,
        out_channels: usize,
        kernel: usize,
        stride: usize,
    ) -> Layer {
        Layer::Conv2d {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding: 1,
            activation: Activation::Silu,
            params: self.params(),
        }
    }

    /// Twice the side, kernel 4.
    fn conv_transpose(
        &mut self,
        in_channels: usize,
        out_channels: usize,
        activation: Activation,
    ) -> Layer {
        Layer::ConvTranspose2d {
            in_channels,
            out_channels,
            kernel: 4,
            stride: 2,
            padding: 1,
            activation,
            params: self.params(),
        }
    }

    /// Two 3×3 convolutions and an addition (He et al. 2016).
    fn residual(&mut self, channels: usize) -> Layer {
        let first = self.conv(channels, channels, 3, 1);
        let second = Layer::Conv2d {
            in_channels: channels,
            out_channels: channels,
            kernel: 3,
            stride: 1,
            padding: 1,
            activation: Activation::None,
            params: self.params(),
        };
        Layer::Residual {
            layers: vec![first, second],
            activation: Activation::Silu,
        }
    }
}
