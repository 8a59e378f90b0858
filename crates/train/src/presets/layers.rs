//! Builders of layers: the encoders and decoders that presets are made of.

use vaelet_model::{Activation, Convolution, ImageShape, Layer, ModelSpec};

/// Encoder and decoder.
pub(super) type Layers = [Vec<Layer>; 2];

/// For grey images of 28×28: two scales, a residual block at each. Between these and the linear
/// layers, whose weights would be most of the file, there are `few` channels.
pub(super) fn small(latent: usize, [narrow, wide]: [usize; 2], few: usize) -> Layers {
    let mut layer = Builder::default();
    let mut encoder = vec![
        layer.conv(1, narrow, 4, 2),
        layer.conv(narrow, wide, 4, 2),
        layer.residual(wide, Activation::Silu),
    ];
    encoder.extend((few < wide).then(|| layer.pointwise(wide, few)));
    encoder.push(layer.linear(7 * 7 * few, 2 * latent, Activation::None));
    let mut layer = Builder::decoder();
    let mut decoder = vec![
        layer.linear(latent, 7 * 7 * few, Activation::Silu),
        image(few, 7),
    ];
    decoder.extend((few < wide).then(|| layer.pointwise(few, wide)));
    decoder.extend([
        layer.residual(wide, Activation::Silu),
        layer.conv_transpose(wide, narrow, Activation::Silu),
        layer.residual(narrow, Activation::Silu),
        layer.conv_transpose(narrow, 1, Activation::Sigmoid),
    ]);
    [encoder, decoder]
}

/// For images of `side`, a multiple of 16: halved four times, twice the channels each time.
pub(super) fn tall(latent: usize, [channels, side]: [usize; 2]) -> Layers {
    let low = side / 16;
    let mut layer = Builder::default();
    let mut encoder = Vec::new();
    for pair in [channels, 32, 64, 128, 256].windows(2) {
        encoder.push(layer.conv(pair[0], pair[1], 4, 2));
    }
    encoder.push(layer.linear(low * low * 256, 2 * latent, Activation::None));
    let mut layer = Builder::decoder();
    let decoder = vec![
        layer.linear(latent, low * low * 256, Activation::Silu),
        image(256, low),
        layer.conv_transpose(256, 128, Activation::Silu),
        layer.conv_transpose(128, 64, Activation::Silu),
        layer.residual(64, Activation::Silu),
        layer.conv_transpose(64, 32, Activation::Silu),
        layer.conv_transpose(32, channels, Activation::Sigmoid),
    ];
    [encoder, decoder]
}

/// For grey images of 64×64, the network with which disentanglement is usually compared (Locatello et
/// al. 2019), with fewer channels.
pub(super) fn plain(latent: usize) -> Layers {
    const HIDDEN: usize = 256;
    let mut layer = Builder::default();
    let mut encoder = Vec::new();
    for pair in [1, 16, 32, 64, 64].windows(2) {
        encoder.push(layer.conv(pair[0], pair[1], 4, 2));
    }
    encoder.extend([
        layer.linear(4 * 4 * 64, HIDDEN, Activation::Silu),
        layer.linear(HIDDEN, 2 * latent, Activation::None),
    ]);
    let mut layer = Builder::decoder();
    let decoder = vec![
        layer.linear(latent, HIDDEN, Activation::Silu),
        layer.linear(HIDDEN, 4 * 4 * 64, Activation::Silu),
        image(64, 4),
        layer.conv_transpose(64, 64, Activation::Silu),
        layer.conv_transpose(64, 32, Activation::Silu),
        layer.conv_transpose(32, 16, Activation::Silu),
        layer.conv_transpose(16, 1, Activation::Sigmoid),
    ];
    [encoder, decoder]
}

/// For grey images of 64×64 that have a class. The class is added to the hidden vectors of both
/// networks, and to the decoder's 4×4 image.
pub(super) fn conditional(latent: usize) -> Layers {
    const HIDDEN: usize = 256;
    let mut layer = Builder::default();
    let mut encoder = Vec::new();
    for pair in [1, 24, 48, 96, 128].windows(2) {
        encoder.push(layer.conv(pair[0], pair[1], 4, 2));
    }
    encoder.extend([
        layer.linear(4 * 4 * 128, HIDDEN, Activation::None),
        layer.condition(HIDDEN),
        layer.linear(HIDDEN, 2 * latent, Activation::None),
    ]);
    let mut layer = Builder::decoder();
    let decoder = vec![
        layer.linear(latent, HIDDEN, Activation::None),
        layer.condition(HIDDEN),
        layer.linear(HIDDEN, 4 * 4 * 192, Activation::None),
        layer.condition(4 * 4 * 192),
        image(192, 4),
        layer.conv_transpose(192, 128, Activation::Silu),
        layer.conv_transpose(128, 64, Activation::Silu),
        layer.conv(64, 64, 3, 1),
        layer.conv_transpose(64, 48, Activation::Silu),
        layer.conv_transpose(48, 1, Activation::Sigmoid),
    ];
    [encoder, decoder]
}

/// The decoder of [`tall`] with a residual block at an eighth, a quarter and a half of the side, and
/// 16 channels at full size, followed by a convolution.
pub(super) fn fine(spec: &ModelSpec) -> Vec<Layer> {
    const LAST: usize = 16;
    let ImageShape {
        channels, height, ..
    } = spec.input;
    let low = height / 16;
    let mut layer = Builder::decoder();
    vec![
        layer.linear(spec.latent_size(), low * low * 256, Activation::Silu),
        image(256, low),
        layer.conv_transpose(256, 128, Activation::Silu),
        layer.residual(128, Activation::None),
        layer.conv_transpose(128, 64, Activation::Silu),
        layer.residual(64, Activation::Silu),
        layer.conv_transpose(64, 32, Activation::Silu),
        layer.residual(32, Activation::None),
        layer.conv_transpose(32, LAST, Activation::Silu),
        Layer::Conv2d(Convolution {
            in_channels: LAST,
            out_channels: channels,
            kernel: 3,
            stride: 1,
            padding: 1,
            activation: Activation::Sigmoid,
            params: layer.params(),
        }),
    ]
}

/// A classifier of images: one logit for each attribute.
pub fn classifier(shape: ImageShape, attributes: usize) -> Vec<Layer> {
    reader(shape, [16, 32, 64, 64], attributes)
}

/// From images whose sides are multiples of 16 to a vector.
pub(super) fn reader(shape: ImageShape, channels: [usize; 4], outputs: usize) -> Vec<Layer> {
    let mut layer = Builder::default();
    let mut layers = Vec::new();
    let mut inputs = shape.channels;
    for outputs in channels {
        layers.push(layer.conv(inputs, outputs, 4, 2));
        inputs = outputs;
    }
    let inputs = shape.height / 16 * (shape.width / 16) * inputs;
    layers.push(layer.linear(inputs, outputs, Activation::None));
    layers
}

pub(super) fn image(channels: usize, side: usize) -> Layer {
    Layer::Reshape {
        channels,
        height: side,
        width: side,
    }
}

/// Builds layers, and numbers their tensors in the order of use.
struct Builder {
    chain: &'static str,
    next: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            chain: "encoder",
            next: 0,
        }
    }
}

impl Builder {
    fn decoder() -> Self {
        Self {
            chain: "decoder",
            next: 0,
        }
    }

    fn params(&mut self) -> String {
        self.next += 1;
        format!("{}.{}", self.chain, self.next - 1)
    }

    fn linear(&mut self, inputs: usize, outputs: usize, activation: Activation) -> Layer {
        Layer::Linear {
            inputs,
            outputs,
            activation,
            params: self.params(),
        }
    }

    /// Adds the class to a vector, then a SiLU.
    fn condition(&mut self, outputs: usize) -> Layer {
        Layer::Condition {
            outputs,
            activation: Activation::Silu,
            params: self.params(),
        }
    }

    /// A convolution with padding 1, then a SiLU.
    fn conv(
        &mut self,
        in_channels: usize,
        out_channels: usize,
        kernel: usize,
        stride: usize,
    ) -> Layer {
        Layer::Conv2d(Convolution {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding: 1,
            activation: Activation::Silu,
            params: self.params(),
        })
    }

    /// A convolution of single pixels that is followed by a SiLU.
    fn pointwise(&mut self, in_channels: usize, out_channels: usize) -> Layer {
        Layer::Conv2d(Convolution {
            in_channels,
            out_channels,
            kernel: 1,
            stride: 1,
            padding: 0,
            activation: Activation::Silu,
            params: self.params(),
        })
    }

    /// A transposed convolution of kernel 4 that doubles the sides.
    fn conv_transpose(
        &mut self,
        in_channels: usize,
        out_channels: usize,
        activation: Activation,
    ) -> Layer {
        Layer::ConvTranspose2d(Convolution {
            in_channels,
            out_channels,
            kernel: 4,
            stride: 2,
            padding: 1,
            activation,
            params: self.params(),
        })
    }

    /// Two 3×3 convolutions and an addition (He et al. 2016).
    fn residual(&mut self, channels: usize, activation: Activation) -> Layer {
        let first = self.conv(channels, channels, 3, 1);
        let second = Layer::Conv2d(Convolution {
            in_channels: channels,
            out_channels: channels,
            kernel: 3,
            stride: 1,
            padding: 1,
            activation: Activation::None,
            params: self.params(),
        });
        Layer::Residual {
            layers: vec![first, second],
            activation,
        }
    }
}
