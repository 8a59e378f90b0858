//! The parameters of one graph, and what they make of its input.
//!
//! Parameters have the shapes and the layout of the weights file, so export only rounds them. Images
//! are `[N, H · W · C]`, channels innermost.

use super::Labelled;
use super::convolution::{affine, fold};
use super::ops::silu;
use super::tensors::on_cpu;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};
use std::collections::BTreeMap;
use vaelet_model::{Activation, Map, Params, Schedule, Step, networks};

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

impl Stack {
    /// Fresh parameters, [`networks::initial`].
    pub fn init(graph: &Schedule, seed: u64, device: &Device) -> Self {
        let parameters = networks::initial(graph, seed).into_iter();
        let steps =
            parameters.map(|[(_, weight), (_, bias)]| Affine::new(weight.data, bias.data, device));
        Self {
            steps: steps.collect(),
        }
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

    /// The chain's output, `[N, H · W · C]`, or what it is before the last activation. A context is the second input
    /// of a chain that reads one, a condition the last.
    pub fn run(
        &self,
        graph: &Schedule,
        input: Labelled,
        context: Option<Tensor<2>>,
        last_activation: bool,
    ) -> Tensor<2> {
        let mut values = BTreeMap::new();
        let inputs = &graph.entries[0].inputs;
        values.insert(inputs[0], input.values);
        let given = &inputs[1..];
        let last = given.last().zip(input.condition);
        values.extend(last.map(|(&value, condition)| (value, condition)));
        let first = given.first().zip(context);
        values.extend(first.map(|(&value, context)| (value, context)));
        let last = graph.steps.len() - 1;
        for (i, (step, affine)) in graph.steps.iter().zip(&self.steps).enumerate() {
            let Some((map, params)) = step.map() else {
                unreachable!("every step of a chain of layers has a map");
            };
            // Only a context or a condition can be missing; then its layers add their bias only.
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
        Activation::Gelu => activation::gelu(x),
        Activation::GeluTanh => activation::gelu_approximate(x),
        Activation::Elu => activation::elu(x, 1.0),
        Activation::Softplus => activation::softplus(x, 1.0),
        Activation::LogSquare => (x.clone() * x).clamp_min(1e-30).log(),
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
        affine(map, x, weight, self.bias.val())
    }
}
