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

    /// Packs the weights again after they have changed.
    pub fn set_weights(&mut self, weights: &Weights) {
        self.executor.repack(weights);
    }

    /// Runs the entry point on a batch and returns its outputs.
    pub fn forward(&mut self, inputs: &[&[f32]]) -> Vec<Vec<f32>> {
        let values = self.executor.entry(EntryPoint::Forward).inputs.clone();
        self.run(EntryPoint::Forward, &self.last(&values, inputs));
        self.read(EntryPoint::Forward)
    }

    /// Takes dL/d outputs of the last [`CpuVjp::forward`] and returns dL/d inputs.
    pub fn backward(&mut self, gradients: &[&[f32]]) -> Vec<Vec<f32>> {
        let values = self.executor.entry(EntryPoint::Backward).inputs.clone();
        self.run(EntryPoint::Backward, &self.last(&values, gradients));
        self.read(EntryPoint::Backward)
    }

    /// Runs an entry point, [`EntryPoint::Forward`] or then [`EntryPoint::Backward`], on a batch of
    /// inputs, `[N, H, W, C]`. Its outputs are read with [`CpuVjp::output`].
    pub fn run<T: AsRef<[f32]>>(&mut self, name: EntryPoint, inputs: &[T]) {
        for (i, input) in inputs.iter().enumerate() {
            let value = self.executor.entry(name).inputs[i];
            let input = input.as_ref();
            if (name, i) == (EntryPoint::Forward, 0) {
                self.batch = input.len() / self.executor.describe(value).len();
            }
            self.executor.write(value, input);
        }
        self.executor
            .run(name, self.batch, self.temperature, &mut |_, _| {});
    }

    /// The last values of output `i` of an entry point, `[N, H, W, C]`.
    pub fn output(&self, name: EntryPoint, i: usize) -> &[f32] {
        self.executor.value(self.executor.entry(name).outputs[i])
    }

    /// The gradients of each map's weight and bias, summed over the batch. Call it after
    /// [`CpuVjp::backward`].
    pub fn sum_weights(&mut self) -> &[WeightSums] {
        let mut scratch = std::mem::take(&mut self.executor.scratch);
        for sums in &mut self.weights {
            sums.clear();
            let [x, delta] = [sums.gradient().input, sums.gradient().delta];
            let [x, delta] = [x, delta].map(|value| self.executor.value(value));
            sums.add(x, delta, &mut scratch);
        }
        self.executor.scratch = scratch;
        &self.weights
    }

    /// The gradients of weights and biases, summed over the batch, by their names in the weights
    /// file. Call it after [`CpuVjp::backward`].
    pub fn weight_gradients(&mut self) -> Tensors {
        let mut tensors = Tensors::new();
        for sums in self.sum_weights() {
            sums.write(&mut tensors);
        }
        tensors
    }

    /// Images `[N, C, H, W]` as kernels read them.
    fn last(&self, values: &[usize], inputs: &[&[f32]]) -> Vec<Vec<f32>> {
        let last = |(&value, input): (&usize, &&[f32])| {
            let known = self.executor.describe(value);
            channels_last(input, known.channels(), known.len())
        };
        values.iter().zip(inputs).map(last).collect()
    }

    fn read(&self, name: EntryPoint) -> Vec<Vec<f32>> {
        let read = |&value: &usize| {
            let known = self.executor.describe(value);
            channels_first(self.executor.value(value), known.channels(), known.len())
        };
        self.executor.entry(name).outputs.iter().map(read).collect()
    }
}
