//! Gradients on the CPU.

use crate::executor::Executor;
use vaelet_kernels::WeightSums;
use vaelet_model::{
    EntryPoint, Model, Program, Schedule, Tensors, Weights, Wrt, channels_first, channels_last,
};

/// The vector-Jacobian product of a program's entry point: computes dL/d inputs and dL/d weights
/// from dL/d outputs. Images are `[N, C, H, W]` in inputs, outputs and their gradients.
pub struct CpuVjp {
    executor: Executor,
    weights: Vec<WeightSums>,
    /// The temperature T of the sampling step.
    temperature: f32,
    batch: usize,
}

impl CpuVjp {
    /// Prepares the entry point `name` of a model and its gradients with respect to `wrt`. Returns
    /// `None` if the model has no such entry point.
    pub fn new(model: &Model, name: EntryPoint, wrt: Wrt) -> Option<Self> {
        Self::of(&model.program, &model.weights, name, wrt)
    }

    /// [`CpuVjp::new`] for any program.
    pub fn of(program: &Program, weights: &Weights, name: EntryPoint, wrt: Wrt) -> Option<Self> {
        let reversed = program.reverse(name, wrt)?;
        let kept = reversed.kept();
        let schedule = Schedule::new(&reversed.program, &kept);
        let mut vjp = Self {
            executor: Executor::new(schedule, &kept),
            weights: reversed.weights.iter().map(WeightSums::new).collect(),
            temperature: 1.0,
            batch: 0,
        };
        while vjp.executor.pack(weights) {}
        Some(vjp)
    }

    /// Sets the temperature T of [`vaelet_model::Op::Sample`]; the default is 1.
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = temperature;
        self
    }

    /// Runs the entry point on a batch and returns its outputs.
    pub fn forward(&mut self, inputs: &[&[f32]]) -> Vec<Vec<f32>> {
        let entry = self.executor.entry(EntryPoint::Forward).clone();
        let first = entry.inputs.first().zip(inputs.first());
        let batch = first.map_or(0, |(&value, input)| {
            input.len() / self.executor.describe(value).len()
        });
        self.batch = batch;
        self.write(&entry.inputs, inputs);
        let name = EntryPoint::Forward;
        self.executor
            .run(name, batch, self.temperature, &mut |_, _| {});
        self.read(&entry.outputs)
    }

    /// Takes dL/d outputs of the last [`CpuVjp::forward`] and returns dL/d inputs.
    pub fn backward(&mut self, gradients: &[&[f32]]) -> Vec<Vec<f32>> {
        let entry = self.executor.entry(EntryPoint::Backward).clone();
        self.write(&entry.inputs, gradients);
        let name = EntryPoint::Backward;
        self.executor
            .run(name, self.batch, self.temperature, &mut |_, _| {});
        self.read(&entry.outputs)
    }

    /// The gradients of weights and biases, summed over the batch, by their names in the weights
    /// file. Call it after [`CpuVjp::backward`].
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

    fn write(&mut self, values: &[usize], inputs: &[&[f32]]) {
        for (&value, input) in values.iter().zip(inputs) {
            let known = self.executor.describe(value);
            let input = channels_last(input, known.channels(), known.len());
            self.executor.write(value, &input);
        }
    }

    fn read(&self, values: &[usize]) -> Vec<Vec<f32>> {
        let read = |&value: &usize| {
            let known = self.executor.describe(value);
            channels_first(self.executor.value(value), known.channels(), known.len())
        };
        values.iter().map(read).collect()
    }
}
