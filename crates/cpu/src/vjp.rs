//! Gradients on the CPU.

use crate::executor::Executor;
use vaelet_kernels::WeightSums;
use vaelet_model::{
    EntryPoint, Model, Program, Schedule, Tensors, Weights, Wrt, channels_first, channels_last,
};

/// The vector-Jacobian product of an entry point of a model: from dL/d outputs to dL/d inputs
/// and to dL/d weights. Images are `[N, C, H, W]` in inputs, outputs and their gradients.
pub struct CpuVjp {
    executor: Executor,
    weights: Vec<WeightSums>,
    /// Of the noise of a sample.
    temperature: f32,
    /// For each output whether it is a vector, whatever shape it was computed in.
    flat: Vec<bool>,
    batch: usize,
}

impl CpuVjp {
    /// Of an entry point; takes copies of the parameters that it needs. Nothing where the model
    /// does not have the entry point.
    pub fn new(model: &Model, name: EntryPoint, wrt: Wrt) -> Option<Self> {
        Self::of(&model.program, &model.weights, name, wrt)
    }

    /// Of any program.
    pub fn of(program: &Program, weights: &Weights, name: EntryPoint, wrt: Wrt) -> Option<Self> {
        let reversed = program.reverse(name, wrt)?;
        let posterior = program
            .entry(EntryPoint::Encode)
            .map(|entry| entry.outputs[0]);
        let outputs = program.entry(name).map(|entry| entry.outputs.as_slice());
        let outputs = outputs.unwrap_or(&[]).iter();
        let kept = reversed.kept();
        let schedule = Schedule::new(&reversed.program, &kept);
        let mut vjp = Self {
            executor: Executor::new(schedule, &kept),
            weights: reversed.weights.iter().map(WeightSums::new).collect(),
            temperature: 1.0,
            flat: outputs.map(|&output| Some(output) == posterior).collect(),
            batch: 0,
        };
        while vjp.executor.pack(weights) {}
        Some(vjp)
    }

    /// The same with the temperature T of [`vaelet_model::Op::Sample`], which is 1 otherwise.
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = temperature;
        self
    }

    /// Runs the entry point on a batch and returns its outputs.
    pub fn forward(&mut self, inputs: &[&[f32]]) -> Vec<Vec<f32>> {
        let entry = self.executor.entry(EntryPoint::Forward).clone();
        let first = entry.inputs.first().zip(inputs.first());
        let batch = first.map_or(0, |(&value, input)| input.len() / self.len(value));
        self.batch = batch;
        self.write(&entry.inputs, inputs, &[]);
        let name = EntryPoint::Forward;
        self.executor
            .run(name, batch, self.temperature, &mut |_, _| {});
        let flat = &self.flat;
        self.read(&entry.outputs, flat)
    }

    /// From the gradients of the outputs of the last [`CpuVjp::forward`] to those of its inputs.
    pub fn backward(&mut self, gradients: &[&[f32]]) -> Vec<Vec<f32>> {
        let entry = self.executor.entry(EntryPoint::Backward).clone();
        let flat = std::mem::take(&mut self.flat);
        self.write(&entry.inputs, gradients, &flat);
        self.flat = flat;
        let name = EntryPoint::Backward;
        self.executor
            .run(name, self.batch, self.temperature, &mut |_, _| {});
        self.read(&entry.outputs, &[])
    }

    /// The gradients of weights and biases after [`CpuVjp::backward`], summed over the batch.
    pub fn weight_gradients(&mut self) -> Tensors {
        let mut tensors = Tensors::new();
        let mut scratch = std::mem::take(&mut self.executor.scratch);
        for sums in &mut self.weights {
            sums.clear();
            let [x, delta] = [sums.gradient().input, sums.gradient().delta];
            let [x, delta] = [x, delta].map(|value| self.executor.value(value));
            sums.add(x, delta, &mut scratch);
            sums.write(&mut tensors);
        }
        self.executor.scratch = scratch;
        tensors
    }

    fn len(&self, value: usize) -> usize {
        self.executor.shape(value).iter().product()
    }

    /// Channels as callers count them.
    fn channels(&self, value: usize, place: usize, flat: &[bool]) -> usize {
        match flat.get(place) {
            Some(true) => self.len(value),
            _ => self.executor.shape(value)[2],
        }
    }

    fn write(&mut self, values: &[usize], inputs: &[&[f32]], flat: &[bool]) {
        for (place, (&value, input)) in values.iter().zip(inputs).enumerate() {
            let channels = self.channels(value, place, flat);
            let len = self.len(value);
            self.executor
                .write(value, &channels_last(input, channels, len));
        }
    }

    fn read(&self, values: &[usize], flat: &[bool]) -> Vec<Vec<f32>> {
        let values = values.iter().enumerate().map(|(place, &value)| {
            let channels = self.channels(value, place, flat);
            channels_first(self.executor.value(value), channels, self.len(value))
        });
        values.collect()
    }
}
