//! Runs the entry points of a schedule with the kernels of `vaelet-kernels`.

use crate::GRADIENTS;
use std::mem;
use vaelet_kernels::{Conv2d, ConvTranspose2d, Epilogue, Linear, Operands};
use vaelet_model::{
    Entry, EntryPoint, Finish, Kernel, Map, Schedule, Slots, Step, Value, Weights, latent,
};

/// A schedule with one kernel for each step that has been packed, and its buffers, which grow to
/// the largest batch so far and are kept.
pub struct Executor {
    schedule: Schedule,
    kernels: Vec<Packed>,
    slots: Slots,
    memory: Vec<Vec<f32>>,
    pub scratch: Vec<f32>,
}

/// A kernel with its packed parameters.
enum Packed {
    Linear(Linear),
    Conv2d(Conv2d),
    ConvTranspose2d(ConvTranspose2d),
    Identity(Epilogue),
    Sample,
    SampleGradient,
}

impl Executor {
    /// An executor without parameters; call [`Executor::pack`] until it returns `false`. The values
    /// in `kept` do not share their buffers with others.
    pub fn new(schedule: Schedule, kept: &[usize]) -> Self {
        let slots = Slots::new(&schedule, kept, &|value| schedule.values[value].len());
        Self {
            kernels: Vec::new(),
            memory: vec![Vec::new(); slots.sizes.len()],
            slots,
            schedule,
            scratch: Vec::new(),
        }
    }

    /// Packs the parameters of the next step. Returns `false` if all had been packed before.
    pub fn pack(&mut self, weights: &Weights) -> bool {
        let next = self.schedule.steps.get(self.kernels.len());
        let kernel = next.map(|step| Packed::new(weights, step));
        self.kernels.extend(kernel);
        next.is_some()
    }

    /// Packs the parameters of all steps again, after `weights` have changed.
    #[cfg(feature = "gradients")]
    pub fn repack(&mut self, weights: &Weights) {
        for (kernel, step) in self.kernels.iter_mut().zip(&self.schedule.steps) {
            if step.map().is_some() {
                *kernel = Packed::new(weights, step);
            }
        }
    }

    /// Size of all slots for one item, in f32 values.
    pub fn item_len(&self) -> usize {
        self.slots.sizes.iter().sum()
    }

    /// The entry point with this name.
    ///
    /// # Panics
    /// If the schedule has no such entry point.
    pub fn entry(&self, name: EntryPoint) -> &Entry {
        let found = self.schedule.entry(name);
        found.unwrap_or_else(|| unreachable!("the schedule has no such entry point"))
    }

    /// The contents of a value, `[N, H, W, C]`.
    pub fn value(&self, value: usize) -> &[f32] {
        self.slots.of[value].map_or(&[], |slot| &self.memory[slot])
    }

    /// Writes an input of an entry point, `[N, H, W, C]`.
    pub fn write(&mut self, value: usize, values: &[f32]) {
        if let Some(slot) = self.slots.of[value] {
            self.memory[slot].clear();
            self.memory[slot].extend_from_slice(values);
        }
    }

    /// Runs an entry point on a batch whose inputs have been written. Calls `visit` with the value
    /// that each step has computed.
    pub fn run(
        &mut self,
        name: EntryPoint,
        batch: usize,
        temperature: f32,
        visit: &mut dyn FnMut(&Self, usize),
    ) {
        for i in self.entry(name).range.clone() {
            let value = self.schedule.steps[i].output;
            let Some(slot) = self.slots.of[value] else {
                continue;
            };
            let mut out = mem::take(&mut self.memory[slot]);
            let mut scratch = mem::take(&mut self.scratch);
            out.resize(batch * self.schedule.values[value].len(), 0.0);
            self.step(i, temperature, &mut scratch, &mut out);
            self.scratch = scratch;
            self.memory[slot] = out;
            visit(self, value);
        }
    }

    fn step(&self, i: usize, temperature: f32, scratch: &mut Vec<f32>, out: &mut [f32]) {
        let step = &self.schedule.steps[i];
        let x = self.value(step.input);
        let operands = Operands {
            add: step.add.map(|value| self.value(value)),
            saved: match step.finish {
                Finish::Activate(_) => None,
                Finish::Derivative(_, value) => Some(self.value(value)),
            },
        };
        match &self.kernels[i] {
            Packed::Linear(kernel) => kernel.run(x, operands, out),
            Packed::Conv2d(kernel) => kernel.run(x, operands, scratch, out),
            Packed::ConvTranspose2d(kernel) => kernel.run(x, operands, scratch, out),
            Packed::Identity(epilogue) => {
                out.copy_from_slice(x);
                epilogue.apply(operands, out, 0..x.len());
            }
            Packed::Sample => {
                let size = self.schedule.values[step.output].len();
                latent::sample(x, operands.add.unwrap_or(&[]), size, temperature, out);
            }
            Packed::SampleGradient => {
                if let (true, Kernel::SampleGradient(noise)) = (GRADIENTS, &step.kernel) {
                    let size = self.schedule.values[*noise].len();
                    let reads = [operands.add.unwrap_or(&[]), self.value(*noise)];
                    latent::sample_gradient(x, reads, size, temperature, out);
                }
            }
        }
    }

    /// The shape of a value.
    pub fn describe(&self, value: usize) -> Value {
        self.schedule.values[value]
    }
}

impl Packed {
    fn new(weights: &Weights, step: &Step) -> Self {
        let epilogue = |bias: &[f32]| Epilogue::new(bias, step.finish);
        match &step.kernel {
            Kernel::Identity => Self::Identity(epilogue(&[0.0])),
            Kernel::Sample => Self::Sample,
            Kernel::SampleGradient(_) => Self::SampleGradient,
            Kernel::Map(map, params) => {
                let weight = weights.weight(params);
                let epilogue = epilogue(weights.bias(params).unwrap_or(&[0.0]));
                match map {
                    Map::Linear { outputs, .. } => {
                        Self::Linear(Linear::new(&weight, *outputs, epilogue))
                    }
                    Map::Conv2d(window) => Self::Conv2d(Conv2d::new(window, &weight, epilogue)),
                    Map::ConvTranspose2d(window) => {
                        Self::ConvTranspose2d(ConvTranspose2d::new(window, &weight, epilogue))
                    }
                }
            }
        }
    }
}
