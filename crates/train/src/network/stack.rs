//! The parameters of one graph, and what they make of its input.
//!
//! Parameters have the shapes and the layout of the weights file, so export only rounds them. Images
//! are `[N, H · W · C]`, channels innermost.

use super::Labelled;
use super::convolution::{fold, product};
use super::ops::silu;
use super::tensors::on_cpu;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};
use std::collections::BTreeMap;
use vaelet_model::{Activation, Map, Params, Schedule, Step, random};

/// The parameters of one graph.
#[derive(Module, Debug)]
pub struct Stack {
    pub(super) steps: Vec<Affine>,
}

/// The parameters of one step: weight `[kernel² · inputs, outputs]` and bias `[outputs]`.
#[derive(Module, Debug)]
pub struct Affine {
    pub weight: Param<Tensor<2>>,
    pub bias: Param<Tensor<1>>,
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
        // Only one value of a one-hot vector is not 0.
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

    pub(super) fn build(
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
            // Only a condition can be missing; then its layers add their bias only.
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
    /// A step with these parameters.
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
