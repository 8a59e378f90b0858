//! Builders of layers, and the parameters that training starts from: the networks of the native
//! trainer's presets and of those that are trained in a browser.

use crate::{Activation, ImageShape, Layer, Map, ModelSpec, Params, Schedule, Step};
use crate::{Tensor, Tensors, random};

/// Encoder and decoder.
pub type Layers = [Vec<Layer>; 2];

/// Twice the channels each time, for [`tall`].
pub const WIDE: [usize; 4] = [32, 64, 128, 256];

/// Fully connected networks with one hidden layer of `hidden` units for images of `shape`, as in Kingma
/// and Welling 2014, appendix C.
pub fn mlp(latent: usize, hidden: usize, shape: ImageShape) -> Layers {
    let mut layer = Builder::default();
    let encoder = vec![
        layer.linear(shape.len(), hidden, Activation::Relu),
        layer.linear(hidden, 2 * latent, Activation::None),
    ];
    let mut layer = Builder::decoder();
    let mut decoder = vec![
        layer.linear(latent, hidden, Activation::Relu),
        layer.linear(hidden, shape.len(), Activation::Sigmoid),
    ];
    decoder.push(Layer::reshape([shape.height, shape.width, shape.channels]));
    [encoder, decoder]
}

/// Two convolutions of stride 2 and their transposes, for images whose sides are multiples of 4.
pub fn convolutional(latent: usize, [narrow, wide]: [usize; 2], shape: ImageShape) -> Layers {
    let [height, width] = [shape.height / 4, shape.width / 4];
    let mut layer = Builder::default();
    let encoder = vec![
        layer.conv(shape.channels, narrow, 4, 2),
        layer.conv(narrow, wide, 4, 2),
        layer.linear(height * width * wide, 2 * latent, Activation::None),
    ];
    let mut layer = Builder::decoder();
    let decoder = vec![
        layer.linear(latent, height * width * wide, Activation::Silu),
        Layer::reshape([height, width, wide]),
        layer.conv_transpose(wide, narrow, Activation::Silu),
        layer.conv_transpose(narrow, shape.channels, Activation::Sigmoid),
    ];
    [encoder, decoder]
}

/// For grey images of 28×28: two scales, a residual block at each. Between these and the linear
/// layers, whose weights would be most of the file, there are `few` channels.
pub fn small(latent: usize, [narrow, wide]: [usize; 2], few: usize) -> Layers {
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

/// For images of `side`, a multiple of 16: halved four times, with these numbers of channels, such as
/// [`WIDE`].
pub fn tall(latent: usize, [channels, side]: [usize; 2], [a, b, c, d]: [usize; 4]) -> Layers {
    let low = side / 16;
    let mut layer = Builder::default();
    let mut encoder = Vec::new();
    for pair in [channels, a, b, c, d].windows(2) {
        encoder.push(layer.conv(pair[0], pair[1], 4, 2));
    }
    encoder.push(layer.linear(low * low * d, 2 * latent, Activation::None));
    let mut layer = Builder::decoder();
    let decoder = vec![
        layer.linear(latent, low * low * d, Activation::Silu),
        image(d, low),
        layer.conv_transpose(d, c, Activation::Silu),
        layer.conv_transpose(c, b, Activation::Silu),
        layer.residual(b, Activation::Silu),
        layer.conv_transpose(b, a, Activation::Silu),
        layer.conv_transpose(a, channels, Activation::Sigmoid),
    ];
    [encoder, decoder]
}

/// For grey images of 64×64, the network with which disentanglement is usually compared (Locatello et
/// al. 2019), with fewer channels.
pub fn plain(latent: usize) -> Layers {
    const HIDDEN: usize = 128;
    let mut layer = Builder::default();
    let mut encoder = Vec::new();
    for pair in [1, 8, 16, 32, 64].windows(2) {
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
        layer.conv_transpose(64, 32, Activation::Silu),
        layer.conv_transpose(32, 16, Activation::Silu),
        layer.conv_transpose(16, 8, Activation::Silu),
        layer.conv_transpose(8, 1, Activation::Sigmoid),
    ];
    [encoder, decoder]
}

/// For grey images of 64×64 that have a class. The class is added to the hidden vectors of both
/// networks, and to the decoder's 4×4 image.
pub fn conditional(latent: usize) -> Layers {
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

/// Sizes of [`spelled`].
#[derive(Debug, Clone, Copy)]
pub struct Spelled {
    /// Numbers that the encoder makes of a symbol, alike at all places.
    pub narrow: usize,
    /// Numbers that know the whole text, in both networks.
    pub hidden: usize,
    /// Numbers of each place that the decoder writes from.
    pub place: usize,
    /// Symbols before each place that the decoder reads.
    pub reach: usize,
}

/// For texts of `shape` `[V, 1, T]`, with a class if there `is_condition`. The decoder plans all places at once, from z;
/// then each reads the symbols before it, so that neighbouring symbols agree.
pub fn spelled(latent: usize, shape: ImageShape, sizes: Spelled, is_condition: bool) -> Layers {
    let Spelled {
        narrow,
        hidden,
        place,
        reach,
    } = sizes;
    let flat = shape.width * narrow;
    let joined = |layer: &mut Builder, inputs: usize| -> Vec<Layer> {
        match is_condition {
            true => vec![
                layer.linear(inputs, hidden, Activation::None),
                layer.condition(hidden),
            ],
            false => vec![layer.linear(inputs, hidden, Activation::Silu)],
        }
    };
    let mut layer = Builder::default();
    let mut encoder = vec![layer.pointwise(shape.channels, narrow)];
    encoder.extend(joined(&mut layer, flat));
    encoder.push(layer.residual_vector(hidden));
    encoder.push(layer.linear(hidden, 2 * latent, Activation::None));
    let mut layer = Builder::decoder();
    let mut decoder = joined(&mut layer, latent);
    decoder.extend([
        layer.residual_vector(hidden),
        layer.linear(hidden, shape.width * place, Activation::None),
        Layer::reshape([1, shape.width, place]),
        layer.context(reach.min(shape.width), place),
        layer.residual_pointwise(place),
        Layer::conv2d(
            [place, shape.channels],
            [1, 1, 0],
            Activation::None,
            layer.params(),
        ),
    ]);
    [encoder, decoder]
}

/// The decoder of [`tall`] with a residual block at an eighth, a quarter and a half of the side, and
/// 16 channels at full size, followed by a convolution.
pub fn fine(spec: &ModelSpec) -> Vec<Layer> {
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
        Layer::conv2d(
            [LAST, channels],
            [3, 1, 1],
            Activation::Sigmoid,
            layer.params(),
        ),
    ]
}

/// A classifier of images, or of texts, which have one row: one logit for each attribute.
pub fn classifier(shape: ImageShape, attributes: usize) -> Vec<Layer> {
    const NARROW: usize = 32;
    const HIDDEN: usize = 256;
    if shape.height > 1 {
        return reader(shape, [16, 32, 64, 64], attributes);
    }
    let mut layer = Builder::default();
    vec![
        layer.pointwise(shape.channels, NARROW),
        layer.conv(NARROW, NARROW, 3, 1),
        layer.linear(shape.width * NARROW, HIDDEN, Activation::Silu),
        layer.linear(HIDDEN, attributes, Activation::None),
    ]
}

/// From images whose sides are multiples of 16 to a vector.
pub fn reader(shape: ImageShape, channels: [usize; 4], outputs: usize) -> Vec<Layer> {
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

/// A vector seen as an image of `side`.
pub fn image(channels: usize, side: usize) -> Layer {
    Layer::reshape([side, side, channels])
}

/// Fresh parameters of a chain of layers, in the order of its steps: weights from N(0, 2 / fan-in) (He
/// et al. 2015), smaller where a residual is added or no activation follows, biases zero. Each step's
/// numbers come from a seed of its own, the first one's from `seed` + 1.
pub fn initial(chain: &Schedule, seed: u64) -> Vec<[(String, Tensor); 2]> {
    let mut seed = seed;
    let given = chain
        .entries
        .first()
        .map_or(&[][..], |entry| &entry.inputs[1..]);
    // Only one value of a one-hot vector is not 0. Of a context these are several, but few places need all.
    let reads_condition = |step: &Step| given.contains(&step.input);
    let is_condition = |value: usize| {
        let mut written = chain.steps.iter().filter(|step| step.output == value);
        written.any(reads_condition)
    };
    let mut parameters = |step: &Step, map: &Map, params: &Params| {
        seed = seed.wrapping_add(1);
        let fan_in = match reads_condition(step) {
            true => 1,
            false => fan_in(map),
        };
        let residual = step.add.filter(|&add| !is_condition(add));
        let gain = match (residual, step.activation()) {
            (Some(_), _) => 0.1,
            (None, Activation::None | Activation::Sigmoid) => 1.0,
            (None, _) => 2.0,
        };
        let std = (gain / fan_in as f32).sqrt();
        let [(weight, shape), (bias, bias_shape)] = params.stored();
        let normals = random::normals(seed, shape.iter().product());
        let data = normals.into_iter().map(|v| v * std).collect();
        let zeros = Tensor {
            data: vec![0.0; params.bias],
            shape: bias_shape,
        };
        [(weight, Tensor { shape, data }), (bias, zeros)]
    };
    let maps = chain.steps.iter().filter_map(|step| {
        let (map, params) = step.map()?;
        Some((step, map, params))
    });
    maps.map(|(step, map, params)| parameters(step, map, params))
        .collect()
}

/// Fresh parameters of an encoder and its decoder, by name.
pub fn initial_tensors(chains: &[Schedule; 2], seed: u64) -> Tensors {
    let after = seed.wrapping_add(chains[0].steps.len() as u64);
    let [encoder, decoder] = [(0, seed), (1, after)].map(|(i, seed)| initial(&chains[i], seed));
    let mut tensors = Tensors::new();
    // Collecting would sort first, which are 5 KB in a page's program.
    tensors.extend(encoder.into_iter().chain(decoder).flatten());
    tensors
}

/// Number of products that are summed into one output value.
fn fan_in(map: &Map) -> usize {
    match map {
        Map::Linear { inputs, .. } => *inputs,
        Map::Conv2d(w) => w.kernel * w.kernel * w.input[2],
        Map::ConvTranspose2d(w) => (w.kernel * w.kernel * w.input[2]).div_ceil(w.stride * w.stride),
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
        Layer::linear(inputs, outputs, activation, self.params())
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
        Layer::conv2d(
            [in_channels, out_channels],
            [kernel, stride, 1],
            Activation::Silu,
            self.params(),
        )
    }

    /// A convolution of single pixels that is followed by a SiLU.
    fn pointwise(&mut self, in_channels: usize, out_channels: usize) -> Layer {
        Layer::conv2d(
            [in_channels, out_channels],
            [1, 1, 0],
            Activation::Silu,
            self.params(),
        )
    }

    /// A transposed convolution of kernel 4 that doubles the sides.
    fn conv_transpose(
        &mut self,
        in_channels: usize,
        out_channels: usize,
        activation: Activation,
    ) -> Layer {
        Layer::conv_transpose2d(
            [in_channels, out_channels],
            [4, 2, 1],
            activation,
            self.params(),
        )
    }

    /// Adds the symbols before each place to an image of a text, then a SiLU.
    fn context(&mut self, reach: usize, outputs: usize) -> Layer {
        Layer::Context {
            reach,
            outputs,
            activation: Activation::Silu,
            params: self.params(),
        }
    }

    /// Two convolutions of single pixels and an addition.
    fn residual_pointwise(&mut self, channels: usize) -> Layer {
        let first = self.pointwise(channels, channels);
        let second = Layer::conv2d(
            [channels, channels],
            [1, 1, 0],
            Activation::None,
            self.params(),
        );
        Layer::Residual {
            layers: vec![first, second],
            activation: Activation::Silu,
        }
    }

    /// Two linear layers and an addition.
    fn residual_vector(&mut self, size: usize) -> Layer {
        Layer::Residual {
            layers: vec![
                self.linear(size, size, Activation::Silu),
                self.linear(size, size, Activation::None),
            ],
            activation: Activation::Silu,
        }
    }

    /// Two 3×3 convolutions and an addition (He et al. 2016).
    fn residual(&mut self, channels: usize, activation: Activation) -> Layer {
        let first = self.conv(channels, channels, 3, 1);
        let second = Layer::conv2d(
            [channels, channels],
            [3, 1, 1],
            Activation::None,
            self.params(),
        );
        Layer::Residual {
            layers: vec![first, second],
            activation,
        }
    }
}
