//! Runs a model's graphs with the kernels of this crate.

use crate::{Conv2d, ConvTranspose2d, Finish, Linear};
use std::mem;
use vaelet_model::latent::Posterior;
use vaelet_model::runtime::{channels_first, channels_last};
use vaelet_model::{Graph, Model, Op, Step};

/// Most f32 in the buffers of a network. Items that take more run one part of them after the
/// other: 64 MB are no more than a single image may ask for.
const MOST_VALUES: usize = 1 << 24;

/// A model on the CPU. Its buffers grow to the largest batch seen and stay.
pub struct CpuRuntime {
    channels: usize,
    image_len: usize,
    latent: usize,
    encoder: Network,
    decoder: Network,
    scratch: Vec<f32>,
}

/// A graph with its kernels, one for each step that has been packed, and its memory.
struct Network {
    graph: Graph,
    kernels: Vec<Kernel>,
    slot_of: Vec<usize>,
    slots: Vec<Vec<f32>>,
}

/// A kernel with its parameters.
enum Kernel {
    Linear(Linear),
    Conv2d(Conv2d),
    ConvTranspose2d(ConvTranspose2d),
}

impl CpuRuntime {
    /// Takes copies of the parameters that it needs.
    pub fn new(model: &Model) -> Self {
        let mut runtime = Self::unpacked(model);
        while runtime.pack(model) {}
        runtime
    }

    /// A runtime without its parameters, until [`CpuRuntime::pack`] has been called for every layer.
    pub fn unpacked(model: &Model) -> Self {
        Self {
            channels: model.spec.input.channels,
            image_len: model.spec.input.len(),
            latent: model.spec.latent_size(),
            encoder: Network::unpacked(&model.encoder),
            decoder: Network::unpacked(&model.decoder),
            scratch: Vec::new(),
        }
    }

    /// Takes copies of the next layer's parameters, first the decoder's, from the model that
    /// this was made for. Whether there are more.
    pub fn pack(&mut self, model: &Model) -> bool {
        self.decoder.pack(model) || self.encoder.pack(model)
    }

    /// q(z | x) of images `[N, C, H, W]` in `[0, 1]`.
    pub fn encode(&mut self, images: &[f32]) -> Posterior {
        let mut all = Posterior::default();
        for images in images.chunks(self.image_len * self.encoder.largest_batch()) {
            let images = channels_last(images, self.channels, self.image_len);
            let values = self.encoder.run(&images, &mut self.scratch, None);
            let part = Posterior::from_encoder(values, self.latent);
            all.mean.extend(part.mean);
            all.log_var.extend(part.log_var);
        }
        all
    }

    /// What every step of the encoder writes for one image, one after the other: height, width,
    /// channels, then `[H, W, C]` values.
    pub fn trace_encoder(&mut self, image: &[f32]) -> Vec<f32> {
        let image = channels_last(image, self.channels, self.image_len);
        self.encoder.trace(&image, &mut self.scratch)
    }

    /// What every step of the decoder writes for one latent, as [`Self::trace_encoder`] gives it.
    pub fn trace_decoder(&mut self, z: &[f32]) -> Vec<f32> {
        self.decoder.trace(z, &mut self.scratch)
    }

    /// The mean of p(x | z), `[N, C, H, W]` in `[0, 1]`, of latents `[N, latent]`.
    pub fn decode(&mut self, z: &[f32]) -> Vec<f32> {
        let mut all = Vec::new();
        for z in z.chunks(self.latent * self.decoder.largest_batch()) {
            let images = self.decoder.run(z, &mut self.scratch, None);
            all.extend(channels_first(images, self.channels, self.image_len));
        }
        all
    }
}

impl Network {
    fn unpacked(graph: &Graph) -> Self {
        let (slot_of, sizes) = graph.slots();
        Self {
            kernels: Vec::new(),
            graph: graph.clone(),
            slot_of,
            slots: vec![Vec::new(); sizes.len()],
        }
    }

    /// The most items whose values fit [`MOST_VALUES`], but at least one.
    fn largest_batch(&self) -> usize {
        let (_, sizes) = self.graph.slots();
        (MOST_VALUES / sizes.iter().sum::<usize>()).max(1)
    }

    fn pack(&mut self, model: &Model) -> bool {
        let next = self.graph.steps.get(self.kernels.len());
        let kernel = next.map(|step| Kernel::new(model, step));
        self.kernels.extend(kernel);
        next.is_some()
    }

    fn trace(&mut self, input: &[f32], scratch: &mut Vec<f32>) -> Vec<f32> {
        let mut trace = Vec::new();
        self.run(input, scratch, Some(&mut trace));
        trace
    }

    /// Runs a batch, laid end to end, and returns the graph's output; `trace` receives what
    /// the steps write.
    fn run(
        &mut self,
        input: &[f32],
        scratch: &mut Vec<f32>,
        mut trace: Option<&mut Vec<f32>>,
    ) -> &[f32] {
        let batch = input.len() / self.graph.values[0].len();
        self.slots[0].clear();
        self.slots[0].extend_from_slice(input);
        for (step, kernel) in self.graph.steps.iter().zip(&self.kernels) {
            let slot = self.slot_of[step.output];
            let mut out = mem::take(&mut self.slots[slot]);
            out.resize(batch * self.graph.values[step.output].len(), 0.0);
            let value = |value: usize| self.slots[self.slot_of[value]].as_slice();
            let (x, add) = (value(step.input), step.add.map(value));
            match kernel {
                Kernel::Linear(kernel) => kernel.run(x, add, &mut out),
                Kernel::Conv2d(kernel) => kernel.run(x, add, scratch, &mut out),
                Kernel::ConvTranspose2d(kernel) => kernel.run(x, add, scratch, &mut out),
            }
            if let Some(trace) = &mut trace {
                let shape = self.graph.values[step.output].shape;
                trace.extend(shape.map(|side| side as f32));
                trace.extend_from_slice(&out);
            }
            self.slots[slot] = out;
        }
        &self.slots[self.slot_of[self.graph.output()]]
    }
}

impl Kernel {
    fn new(model: &Model, step: &Step) -> Self {
        let weight = model.weights.get(&step.params.weight_name());
        let bias = model.weights.get(&step.params.bias_name());
        let finish = Finish::new(bias, step.activation);
        match &step.op {
            Op::Linear { outputs, .. } => Self::Linear(Linear::new(weight, *outputs, finish)),
            Op::Conv2d(window) => Self::Conv2d(Conv2d::new(window, weight, finish)),
            Op::ConvTranspose2d(window) => {
                Self::ConvTranspose2d(ConvTranspose2d::new(window, weight, finish))
            }
        }
    }
}
