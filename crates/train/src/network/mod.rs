//! A model's graphs as a burn module: the network that is trained, and the oracle
//! that both runtimes are tested against.
//!
//! Parameters have the shapes and the layout of the weights file, so export only
//! rounds them. Images are `[N, H · W · C]`, channels innermost.

pub mod density;
pub mod devices;
pub mod efficientnet;
pub mod growth;
pub mod ops;
pub mod pretrained;

use crate::network::density::Density;
use crate::network::ops::{col2im, im2col, silu};
use anyhow::{Context as _, Result};
use burn::module::{Module, Param};
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Gradients, Tensor, TensorData, activation};
use std::collections::BTreeMap;
use vaelet_model::{
    Activation, Map, Model, Params, Patches, Schedule, Step, Tensors, Window, random,
};

/// Encoder and decoder of one model, and its learned prior.
#[derive(Module, Debug)]
pub struct Network {
    encoder: Stack,
    decoder: Stack,
    prior: Option<Density>,
}

/// The parameters of one graph.
#[derive(Module, Debug)]
pub struct Stack {
    steps: Vec<Affine>,
}

/// The parameters of one step: weight `[kernel² · inputs, outputs]` and bias `[outputs]`.
#[derive(Module, Debug)]
pub struct Affine {
    pub weight: Param<Tensor<2>>,
    pub bias: Param<Tensor<1>>,
}

/// What an encoder or a decoder reads.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// Images `[N, H · W · C]`, or latents.
    pub values: Tensor<2>,
    /// The class of each, `[N, classes]`; none where the model has no condition.
    pub condition: Option<Tensor<2>>,
}

impl From<Tensor<2>> for Labelled {
    fn from(values: Tensor<2>) -> Self {
        Self {
            values,
            condition: None,
        }
    }
}

/// The two graphs that a [`Network`] holds the parameters of.
#[derive(Debug, Clone)]
pub struct Graphs {
    /// Images to `[N, 2 · latent]`.
    pub encoder: Schedule,
    /// `[N, latent]` to images.
    pub decoder: Schedule,
}

impl Graphs {
    fn params(&self) -> impl Iterator<Item = &Params> {
        let steps = self.encoder.steps.iter().chain(&self.decoder.steps);
        steps.filter_map(|step| Some(step.map()?.1))
    }
}

impl Network {
    /// Fresh parameters.
    pub fn init(graphs: &Graphs, seed: u64, device: &Device) -> Self {
        let after = seed.wrapping_add(graphs.encoder.steps.len() as u64);
        Self {
            encoder: Stack::init(&graphs.encoder, seed, device),
            decoder: Stack::init(&graphs.decoder, after, device),
            prior: None,
        }
    }

    /// The parameters of a released model.
    ///
    /// # Errors
    /// A learned prior whose covariance has no inverse.
    pub fn of(model: &Model, device: &Device) -> Result<Self> {
        let stack = |graph: &Schedule| {
            Stack::build(graph, device, |_, params| {
                let weight = params.in_file(&model.weights.weight(params));
                (weight, model.weights.get(&params.bias_name()).to_vec())
            })
        };
        let [encoder, decoder] = model.spec.chains()?;
        Ok(Self {
            encoder: stack(&encoder),
            decoder: stack(&decoder),
            prior: Density::of(model, device)?,
        })
    }

    /// p(z), where it is more than N(0, I).
    pub fn prior(&self) -> Option<&Density> {
        self.prior.as_ref()
    }

    /// The same with N(0, I) as p(z).
    pub fn without_prior(self) -> Self {
        Self {
            prior: None,
            ..self
        }
    }

    /// All parameters under their names and with their shapes in the weights file.
    pub fn to_tensors(&self, graphs: &Graphs) -> Result<Tensors> {
        let mut tensors = self.collect(graphs, |affine| {
            Ok([to_vec(affine.weight.val())?, to_vec(affine.bias.val())?])
        })?;
        if let Some(prior) = &self.prior {
            tensors.extend(prior.to_tensors()?);
        }
        Ok(tensors)
    }

    /// The gradients of all weights and biases, named and shaped as they are.
    ///
    /// # Errors
    /// A parameter without a gradient, or a device that fails.
    pub fn gradients(&self, graphs: &Graphs, gradients: &Gradients) -> Result<Tensors> {
        self.collect(graphs, |affine| {
            let weight = affine.weight.val().grad(gradients);
            let bias = affine.bias.val().grad(gradients);
            let (weight, bias) = weight.zip(bias).context("a parameter without a gradient")?;
            Ok([to_vec(weight)?, to_vec(bias)?])
        })
    }

    fn collect(
        &self,
        graphs: &Graphs,
        values: impl Fn(&Affine) -> Result<[Vec<f32>; 2]>,
    ) -> Result<Tensors> {
        let mut tensors = Tensors::new();
        for (affine, params) in self.affines().zip(graphs.params()) {
            for ((name, shape), data) in params.stored().into_iter().zip(values(affine)?) {
                tensors.insert(name, vaelet_model::Tensor { shape, data });
            }
        }
        Ok(tensors)
    }

    /// Moves towards `other` by the share `1 − decay`: an exponential moving average
    /// of weights along training (Polyak and Juditsky 1992).
    pub fn average(self, other: &Self, decay: f64) -> Self {
        let mix = |stack: Stack, other: &Stack| {
            let pairs = stack.steps.into_iter().zip(&other.steps);
            let steps = pairs
                .map(|(a, b)| Affine {
                    weight: towards(a.weight, &b.weight, decay),
                    bias: towards(a.bias, &b.bias, decay),
                })
                .collect();
            Stack { steps }
        };
        Self {
            encoder: mix(self.encoder, &other.encoder),
            decoder: mix(self.decoder, &other.decoder),
            prior: self
                .prior
                .zip(other.prior.as_ref())
                .map(|(a, b)| a.average(b, decay)),
        }
    }

    /// Mean and log-variance of q(z | x, c), each `[N, latent]`.
    pub fn encode(&self, graphs: &Graphs, input: Labelled) -> (Tensor<2>, Tensor<2>) {
        let posterior = self.encoder.run(&graphs.encoder, input, true);
        let [batch, width] = posterior.dims();
        let mean = posterior.clone().slice([0..batch, 0..width / 2]);
        let log_var = posterior.slice([0..batch, width / 2..width]);
        (mean, log_var)
    }

    /// Images in `[0, 1]` of latents `[N, latent]`.
    pub fn decode(&self, graphs: &Graphs, z: Labelled) -> Tensor<2> {
        self.decoder.run(&graphs.decoder, z, true)
    }

    /// What the decoder gives before its last activation: for a Bernoulli likelihood
    /// the logits, from which the loss is exact.
    pub fn decode_logits(&self, graphs: &Graphs, z: Labelled) -> Tensor<2> {
        self.decoder.run(&graphs.decoder, z, false)
    }

    fn affines(&self) -> impl Iterator<Item = &Affine> {
        self.encoder.steps.iter().chain(&self.decoder.steps)
    }
}

/// `decay` · a + (1 − `decay`) · b, where b is being trained and a is not.
pub fn towards<const D: usize>(
    a: Param<Tensor<D>>,
    b: &Param<Tensor<D>>,
    decay: f64,
) -> Param<Tensor<D>> {
    a.map(|a| a * decay + b.val().inner() * (1.0 - decay))
}

/// A tensor's values on the host.
pub fn to_vec<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .into_data()
        .try_into_vec()
        .map_err(|e| anyhow::anyhow!("reading a tensor back: {e:?}"))
}

/// Number of products that are summed into one output value.
fn fan_in(map: &Map) -> usize {
    match map {
        Map::Linear { inputs, .. } => *inputs,
        Map::Conv2d(w) => w.kernel * w.kernel * w.input[2],
        Map::ConvTranspose2d(w) => (w.kernel * w.kernel * w.input[2]).div_ceil(w.stride * w.stride),
    }
}

impl Stack {
    /// Fresh parameters: weights from N(0, 2 / fan-in) (He et al. 2015), smaller where a
    /// residual is added or no activation follows, biases zero.
    pub fn init(graph: &Schedule, seed: u64, device: &Device) -> Self {
        let mut seed = seed;
        let condition = graph.entries.first().and_then(|entry| entry.inputs.get(1));
        // One value of a one-hot vector counts.
        let reads_condition = |step: &Step| Some(&step.input) == condition;
        let is_condition = |value: usize| {
            let mut written = graph.steps.iter().filter(|step| step.output == value);
            written.any(reads_condition)
        };
        Self::build(graph, device, |step, params| {
            seed = seed.wrapping_add(1);
            let fan_in = match step.map() {
                Some((map, _)) if !reads_condition(step) => fan_in(map),
                _ => 1,
            };
            let residual = step.add.filter(|&add| !is_condition(add));
            let gain = match (residual, step.activation()) {
                (Some(_), _) => 0.1,
                (None, Activation::Relu | Activation::Silu) => 2.0,
                (None, Activation::None | Activation::Sigmoid) => 1.0,
            };
            let std = (gain / fan_in as f32).sqrt();
            let [(_, weight), _] = params.stored();
            let len = weight.iter().product();
            let weight = random::normals(seed, len).iter().map(|v| v * std).collect();
            (weight, vec![0.0; params.bias])
        })
    }

    fn build(
        graph: &Schedule,
        device: &Device,
        mut values: impl FnMut(&Step, &Params) -> (Vec<f32>, Vec<f32>),
    ) -> Self {
        let affine = |step: &Step| {
            let (_, params) = step.map()?;
            let (weight, bias) = values(step, params);
            Some(Affine::new(weight, bias, device))
        };
        Self {
            steps: graph.steps.iter().filter_map(affine).collect(),
        }
    }

    /// The chain's output, `[N, H · W · C]`, or what it is before the last activation.
    pub fn run(&self, graph: &Schedule, input: Labelled, last_activation: bool) -> Tensor<2> {
        let mut values = BTreeMap::new();
        let given = [Some(input.values), input.condition];
        let inputs = graph.entries.iter().flat_map(|entry| &entry.inputs);
        for (&value, given) in inputs.zip(given) {
            values.extend(given.map(|given| (value, given)));
        }
        let last = graph.steps.len() - 1;
        for (i, (step, affine)) in graph.steps.iter().zip(&self.steps).enumerate() {
            let Some((map, params)) = step.map() else {
                unreachable!("every step of a chain of layers has a map");
            };
            // Only a condition can be missing, and adds nothing but its bias then.
            let mut y = match values.get(&step.input) {
                Some(x) => affine.forward(map, params, x.clone()),
                None => affine.bias.val().unsqueeze(),
            };
            if let Some(add) = step.add.and_then(|add| values.get(&add)) {
                y = y + add.clone();
            }
            if i < last || last_activation {
                y = activate(y, step.activation());
            }
            values.insert(step.output, y);
        }
        let output = graph.steps[last].output;
        values
            .remove(&output)
            .unwrap_or_else(|| unreachable!("the last step has written it"))
    }
}

/// Whether the operations of [`crate::network::ops`] are there for this tensor.
pub fn on_cpu(x: &Tensor<2>) -> bool {
    x.device().inner() == Device::flex()
}

fn activate(x: Tensor<2>, function: Activation) -> Tensor<2> {
    match function {
        Activation::None => x,
        Activation::Relu => activation::relu(x),
        Activation::Silu if on_cpu(&x) => silu(x),
        Activation::Silu => activation::silu(x),
        Activation::Sigmoid => activation::sigmoid(x),
    }
}

impl Affine {
    /// With these values.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>, device: &Device) -> Self {
        let outputs = bias.len();
        let shape = [weight.len() / outputs, outputs];
        Self {
            weight: Param::from_data(TensorData::new(weight, shape), device),
            bias: Param::from_data(TensorData::new(bias, [outputs]), device),
        }
    }

    fn forward(&self, map: &Map, params: &Params, x: Tensor<2>) -> Tensor<2> {
        let weight = match params.upsampled {
            true => fold(self.weight.val()),
            false => self.weight.val(),
        };
        let bias = self.bias.val();
        let outputs = bias.dims()[0];
        let y = product(map, x, weight);
        let [batch, len] = y.dims();
        (y.reshape([batch * len / outputs, outputs]) + bias.reshape([1, outputs]))
            .reshape([batch, len])
    }
}

/// What a step gives before bias and activation, with a weight `[kernel² · inputs, outputs]`.
pub fn product(map: &Map, x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let on_cpu = on_cpu(&x);
    match map {
        Map::Linear { .. } => x.matmul(weight),
        Map::Conv2d(w) if on_cpu => convolve(x, weight, w),
        Map::Conv2d(w) => convolve_natively(x, weight, w),
        Map::ConvTranspose2d(w) if on_cpu => convolve_transposed(x, weight, w),
        Map::ConvTranspose2d(w) => convolve_transposed_natively(x, weight, w),
    }
}

/// `[3, 3, in, out]` to `[4, 4, in, out]`: the convolution of an image doubled as a transposed
/// one, whose kernel along a side is [w₂, w₁ + w₂, w₀ + w₁, w₀].
fn fold(weight: Tensor<2>) -> Tensor<2> {
    let [rows, outputs] = weight.dims();
    let len = rows / 9 * outputs;
    let side = |w: Tensor<3>| {
        let [w0, w1, w2] = [0, 1, 2].map(|i| w.clone().slice_dim(1, i..i + 1));
        Tensor::cat(vec![w2.clone(), w1.clone() + w2, w0.clone() + w1, w0], 1)
    };
    let columns = side(weight.reshape([3, 3, len]));
    let rows = side(columns.reshape([1, 3, 4 * len]));
    rows.reshape([16 * len / outputs, outputs])
}

fn convolve(x: Tensor<2>, weight: Tensor<2>, w: &Window) -> Tensor<2> {
    let batch = x.dims()[0];
    let rows = im2col(x, Patches::of_conv(w));
    rows.matmul(weight)
        .reshape([batch, w.output.iter().product()])
}

fn convolve_transposed(x: Tensor<2>, weight: Tensor<2>, w: &Window) -> Tensor<2> {
    let [batch, len] = x.dims();
    let [inputs, outputs, taps] = [w.input[2], w.output[2], w.kernel * w.kernel];
    // [taps, in, out] to [in, taps · out]: each pixel's contribution to its whole patch.
    let weight = weight
        .reshape([taps, inputs, outputs])
        .swap_dims(0, 1)
        .reshape([inputs, taps * outputs]);
    let rows = x.reshape([batch * len / inputs, inputs]).matmul(weight);
    col2im(rows, Patches::of_transpose(w))
}

/// With burn's own convolution, which GPU backends do well.
fn convolve_natively(x: Tensor<2>, weight: Tensor<2>, w: &Window) -> Tensor<2> {
    let weight = kernel(weight, w).permute([3, 2, 0, 1]);
    let options = ConvOptions::new([w.stride; 2], [w.padding; 2], [1, 1], 1);
    to_rows(conv2d(to_images(x, w.input), weight, None, options))
}

/// With burn's own transposed convolution, which GPU backends do well.
fn convolve_transposed_natively(x: Tensor<2>, weight: Tensor<2>, w: &Window) -> Tensor<2> {
    let weight = kernel(weight, w).permute([2, 3, 0, 1]);
    let options = ConvTransposeOptions::new([w.stride; 2], [w.padding; 2], [0, 0], [1, 1], 1);
    to_rows(conv_transpose2d(
        to_images(x, w.input),
        weight,
        None,
        options,
    ))
}

fn kernel(weight: Tensor<2>, w: &Window) -> Tensor<4> {
    weight.reshape([w.kernel, w.kernel, w.input[2], w.output[2]])
}

/// `[N, H · W · C]` to `[N, C, H, W]`.
pub fn to_images(x: Tensor<2>, [height, width, channels]: [usize; 3]) -> Tensor<4> {
    let batch = x.dims()[0];
    x.reshape([batch, height, width, channels])
        .permute([0, 3, 1, 2])
}

/// `[N, C, H, W]` to `[N, H · W · C]`.
pub fn to_rows(x: Tensor<4>) -> Tensor<2> {
    x.permute([0, 2, 3, 1]).flatten(1, 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::growth::tests::untrained;
    use crate::presets::pictures;
    use vaelet_model::Layer;

    /// The operations of [`crate::network::ops`] give what burn's own convolutions give.
    #[test]
    fn convolutions_are_burns() {
        let device = Device::flex();
        let random = |seed, shape: [usize; 2]| {
            let values = random::normals(seed, shape[0] * shape[1]);
            Tensor::<2>::from_data(TensorData::new(values, shape), &device)
        };
        for (kernel, stride, padding) in [(4, 2, 1), (3, 1, 1), (5, 3, 2), (1, 1, 0)] {
            let side = |s: usize| (s + 2 * padding - kernel) / stride + 1;
            let w = Window {
                input: [9, 11, 3],
                output: [side(9), side(11), 5],
                kernel,
                stride,
                padding,
            };
            let x = random(1, [2, 9 * 11 * 3]);
            let weight = random(2, [kernel * kernel * 3, 5]);
            assert_close(
                convolve(x.clone(), weight.clone(), &w),
                convolve_natively(x, weight, &w),
            );

            let side = |s: usize| (s - 1) * stride + kernel - 2 * padding;
            let w = Window {
                input: [4, 3, 6],
                output: [side(4), side(3), 5],
                ..w
            };
            let x = random(3, [2, 4 * 3 * 6]);
            let weight = random(4, [kernel * kernel * 6, 5]);
            let ours = convolve_transposed(x.clone(), weight.clone(), &w);
            assert_close(ours, convolve_transposed_natively(x, weight, &w));
        }
    }

    /// What is trained with an upsampling is exported with the kernel that its reader expects, and
    /// gives the same pictures again.
    #[test]
    fn an_upsampling_is_exported_as_it_is_read() {
        let mut spec = pictures(
            "any",
            "Any",
            crate::cli::args::subject("dot,dots").unwrap(),
            "",
            16,
        )
        .spec;
        let conv = |in_channels, out_channels, activation, params: &str| Layer::Conv2d {
            in_channels,
            out_channels,
            kernel: 3,
            stride: 1,
            padding: 1,
            activation,
            params: params.into(),
        };
        spec.decoder = vec![
            Layer::Linear {
                inputs: 64,
                outputs: 4 * 4 * 6,
                activation: Activation::Silu,
                params: "decoder.0".into(),
            },
            Layer::Reshape {
                channels: 6,
                height: 4,
                width: 4,
            },
            Layer::Upsample {},
            conv(6, 5, Activation::Silu, "decoder.1"),
            Layer::Upsample {},
            conv(5, 3, Activation::Sigmoid, "decoder.2"),
        ];
        let model = untrained(&spec);
        let [encoder, decoder] = spec.chains().unwrap();
        let graphs = Graphs { encoder, decoder };
        let device = Device::flex();
        // As `untrained` has made it.
        let trained = Network::init(&graphs, 1, &device);
        let read = Network::of(&model, &device).unwrap();
        let z = TensorData::new(random::normals(2, 2 * 64), [2, 64]);
        let z = Tensor::<2>::from_data(z, &device);
        assert_close(
            trained.decode(&graphs, z.clone().into()),
            read.decode(&graphs, z.into()),
        );
        let weight = &trained.to_tensors(&graphs).unwrap()["decoder.1.weight"];
        assert_eq!(weight.shape, [3, 3, 6, 5]);
    }

    fn assert_close(a: Tensor<2>, b: Tensor<2>) {
        assert_eq!(a.dims(), b.dims());
        let largest: f32 = (a - b).abs().max().into_scalar();
        assert!(largest < 1e-4, "{largest}");
    }
}
