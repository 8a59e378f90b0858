//! Runs a model's graphs with the kernels of this crate.

use crate::conv_transpose2d::input_first;
use crate::{conv_transpose2d, conv2d, linear};
use std::convert::Infallible;
use std::mem;
use vaelet_model::latent::Posterior;
use vaelet_model::runtime::{Runtime, channels_first, channels_last};
use vaelet_model::{Activation, Graph, Model, Op, Step};

/// A model on the CPU. Its buffers grow to the largest batch seen and stay.
pub struct CpuRuntime {
    channels: usize,
    image_len: usize,
    latent: usize,
    encoder: Network,
    decoder: Network,
    scratch: Vec<f32>,
}

/// A graph with its parameters and its memory.
struct Network {
    graph: Graph,
    params: Vec<Params>,
    slot_of: Vec<usize>,
    slots: Vec<Vec<f32>>,
}

struct Params {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl CpuRuntime {
    /// Takes copies of the parameters that it needs.
    pub fn new(model: &Model) -> Self {
        Self {
            channels: model.spec.input.channels,
            image_len: model.spec.input.len(),
            latent: model.spec.latent_size(),
            encoder: Network::new(model, &model.encoder),
            decoder: Network::new(model, &model.decoder),
            scratch: Vec::new(),
        }
    }

    /// [`Runtime::encode`], which on the CPU neither waits nor fails.
    pub fn encode(&mut self, images: &[f32]) -> Posterior {
        let images = channels_last(images, self.channels, self.image_len);
        Posterior::from_encoder(self.encoder.run(&images, &mut self.scratch), self.latent)
    }

    /// [`Runtime::decode`], which on the CPU neither waits nor fails.
    pub fn decode(&mut self, z: &[f32]) -> Vec<f32> {
        let images = self.decoder.run(z, &mut self.scratch);
        channels_first(images, self.channels, self.image_len)
    }
}

impl Runtime for CpuRuntime {
    type Error = Infallible;

    async fn encode(&mut self, images: &[f32]) -> Result<Posterior, Infallible> {
        Ok(self.encode(images))
    }

    async fn decode(&mut self, z: &[f32]) -> Result<Vec<f32>, Infallible> {
        Ok(self.decode(z))
    }
}

impl Network {
    fn new(model: &Model, graph: &Graph) -> Self {
        let (slot_of, sizes) = graph.slots();
        let params = graph.steps.iter().map(|step| {
            let weight = model.weights.get(&step.params.weight_name());
            Params {
                weight: match &step.op {
                    Op::ConvTranspose2d(window) => input_first(window, weight),
                    Op::Linear { .. } | Op::Conv2d(_) => weight.to_vec(),
                },
                bias: model.weights.get(&step.params.bias_name()).to_vec(),
            }
        });
        Self {
            params: params.collect(),
            graph: graph.clone(),
            slot_of,
            slots: vec![Vec::new(); sizes.len()],
        }
    }

    /// Runs a batch, laid end to end, and returns the graph's output.
    fn run(&mut self, input: &[f32], scratch: &mut Vec<f32>) -> &[f32] {
        let batch = input.len() / self.graph.values[0].len;
        self.slots[0].clear();
        self.slots[0].extend_from_slice(input);
        for (step, params) in self.graph.steps.iter().zip(&self.params) {
            let slot = self.slot_of[step.output];
            let mut out = mem::take(&mut self.slots[slot]);
            let add = step
                .add
                .map(|value| self.slots[self.slot_of[value]].as_slice());
            fill(
                &mut out,
                batch * self.graph.values[step.output].len,
                &params.bias,
                add,
            );
            let x = &self.slots[self.slot_of[step.input]];
            params.apply(step, x, scratch, &mut out);
            activate(step.activation, &mut out);
            self.slots[slot] = out;
        }
        &self.slots[self.slot_of[self.graph.output()]]
    }
}

impl Params {
    fn apply(&self, step: &Step, x: &[f32], scratch: &mut Vec<f32>, out: &mut [f32]) {
        match &step.op {
            Op::Linear { outputs, .. } => linear(x, &self.weight, *outputs, out),
            Op::Conv2d(window) => conv2d(window, x, &self.weight, scratch, out),
            Op::ConvTranspose2d(window) => {
                conv_transpose2d(window, x, &self.weight, scratch, out);
            }
        }
    }
}

/// Makes `out` `len` values long: `bias` over and over, plus `add` where there is one.
pub fn fill(out: &mut Vec<f32>, len: usize, bias: &[f32], add: Option<&[f32]>) {
    out.resize(len, 0.0);
    for out in out.chunks_exact_mut(bias.len()) {
        out.copy_from_slice(bias);
    }
    if let Some(add) = add {
        for (out, add) in out.iter_mut().zip(add) {
            *out += add;
        }
    }
}

/// Applies `function` to every value.
pub fn activate(function: Activation, values: &mut [f32]) {
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    match function {
        Activation::None => {}
        Activation::Relu => values.iter_mut().for_each(|v| *v = v.max(0.0)),
        Activation::Silu => values.iter_mut().for_each(|v| *v *= sigmoid(*v)),
        Activation::Sigmoid => values.iter_mut().for_each(|v| *v = sigmoid(*v)),
    }
}
