//! Gradients on the GPU.

use crate::device::capabilities::at_most;
use crate::device::checks::scoped;
use crate::device::pipeline::{Constants, bind_group, storage};
use crate::device::readback::Parts;
use crate::engine::{Call, Engine, Options};
use crate::kernels::build::Shader;
use crate::kernels::gradient::GradientKernel;
use crate::kernels::weights::block_len;
use crate::{Context, Error};
use std::future::Future;
use std::rc::Rc;
use vaelet_model::{EntryPoint, Program, Schedule, Tensors, Weights, Wrt};
use wgpu::{Buffer, ComputePipeline};

/// A pipeline and its workgroups.
type Dispatch = (ComputePipeline, [usize; 3]);

/// The vector-Jacobian product of an entry point of a program: from dL/d outputs to dL/d inputs
/// and to dL/d weights. Images are `[N, C, H, W]` in inputs, outputs and their gradients.
pub struct GpuVjp {
    engine: Engine,
    weights: Vec<(GradientKernel, [Dispatch; 2])>,
    /// Where weight gradients are left, if they are wanted.
    gradients: Option<Buffer>,
    /// Items of the last forward pass.
    items: usize,
    temperature: f32,
}

impl GpuVjp {
    /// Of an entry point. Nothing where the program does not have it. Weights are f32, unless `f16`
    /// says that all of them are f16's values.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn new(
        context: Rc<Context>,
        (program, weights): (&Program, &Weights),
        name: EntryPoint,
        wrt: Wrt,
        f16: bool,
    ) -> Result<Option<Self>, Error> {
        let Some(reversed) = program.reverse(name, wrt) else {
            return Ok(None);
        };
        let kept = reversed.kept();
        let schedule = Schedule::new(&reversed.program, &kept);
        let parallelism = context.capabilities.parallelism();
        let options = Options {
            kept: &kept,
            parallelism,
            f16,
        };
        let (mut engine, ()) = Engine::new(context, schedule, options, |_| ())?;
        engine.upload(weights);
        let mut end = 0;
        let kernels: Vec<GradientKernel> = reversed
            .weights
            .iter()
            .map(|gradient| {
                let layouts =
                    [gradient.input, gradient.delta].map(|value| engine.plan.layout(value));
                let (kernel, after) = GradientKernel::new(gradient, layouts, end);
                end = after;
                kernel
            })
            .collect();
        let context = engine.context.clone();
        let limit = context.capabilities.workgroups as u64;
        for kernel in &kernels {
            for (_, _, workgroups) in kernel.dispatches() {
                let most = workgroups.into_iter().max().unwrap_or(0) as u64;
                at_most("workgroups for a weight's gradient", most, limit)?;
            }
        }
        let (weights, errors) = scoped(&context.device, || {
            let mut build = |(shader, constants, workgroups): (Shader, Constants, [usize; 3])| {
                let pipeline = engine.kernels.build(&context.device, shader, &constants);
                (pipeline, workgroups)
            };
            let built = kernels.into_iter().map(|kernel| {
                let pipelines = kernel.dispatches().map(&mut build);
                (kernel, pipelines)
            });
            built.collect()
        });
        engine.watch(errors);
        let buffer = || storage(&context.device, "gradients", end * block_len(false));
        Ok(Some(Self {
            engine,
            weights,
            gradients: (end > 0).then(buffer),
            items: 0,
            temperature: 1.0,
        }))
    }

    /// The same with the temperature T of [`vaelet_model::Op::Sample`], which is 1 otherwise.
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = temperature;
        self
    }

    /// Runs the entry point on a batch and gives its outputs.
    ///
    /// # Errors
    /// [`Error::Input`] and [`Error::TooLarge`], whose batches are not split, at once; the GPU's
    /// errors from the future.
    pub fn forward(
        &mut self,
        inputs: &[&[f32]],
    ) -> Result<impl Future<Output = Result<Vec<Vec<f32>>, Error>> + use<>, Error> {
        let first = self.engine.entry(EntryPoint::Forward).inputs[0];
        let items = self.engine.count(inputs[0], first)?;
        let most = self.engine.largest_batch as u64;
        at_most("items in a batch with gradients", items as u64, most)?;
        self.items = items;
        self.run(EntryPoint::Forward, inputs)
    }

    /// From the gradients of the outputs of the last [`GpuVjp::forward`] to those of its inputs.
    ///
    /// # Errors
    /// [`Error::Input`] at once, the GPU's errors from the future.
    pub fn backward(
        &mut self,
        gradients: &[&[f32]],
    ) -> Result<impl Future<Output = Result<Vec<Vec<f32>>, Error>> + use<>, Error> {
        self.run(EntryPoint::Backward, gradients)
    }

    fn run(
        &mut self,
        name: EntryPoint,
        inputs: &[&[f32]],
    ) -> Result<impl Future<Output = Result<Parts, Error>> + use<>, Error> {
        let items = self.items;
        for (&value, input) in self.engine.entry(name).inputs.iter().zip(inputs) {
            let len = items * self.engine.len(value);
            if input.len() != len {
                let found = input.len();
                return Err(Error::Input { found, len });
            }
        }
        self.engine.run(
            Call {
                entry: name,
                items,
                inputs,
                temperature: self.temperature,
                read: !self.engine.entry(name).outputs.is_empty(),
            },
            None,
        )
    }

    /// The gradients of weights and biases after [`GpuVjp::backward`], summed over the batch.
    ///
    /// # Errors
    /// The GPU's.
    pub async fn weight_gradients(&mut self) -> Result<Tensors, Error> {
        self.engine.settle()?;
        let mut tensors = Tensors::new();
        let Some(gradients) = &self.gradients else {
            return Ok(tensors);
        };
        let context = self.engine.context.clone();
        let device = &context.device;
        let (frame, weights) = (self.engine.frame.clone(), self.engine.weights().clone());
        let (pending, errors) = scoped(device, || {
            let mut encoder = device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for (kernel, pipelines) in &self.weights {
                let buffer = |value| self.engine.buffer(value).unwrap_or(gradients);
                let x = buffer(kernel.gradient.input).clone();
                let delta = buffer(kernel.gradient.delta).clone();
                // The bias's kernel reads δ alone.
                let inputs = [[&x, &delta], [&delta, &delta]];
                for ((pipeline, workgroups), [x, delta]) in pipelines.iter().zip(inputs) {
                    let layout = self.engine.kernels.layout(device, false);
                    let buffers = [&frame, &weights, x, delta, gradients];
                    let group = bind_group(device, layout, &buffers);
                    let [x, y, z] = workgroups.map(|n| n as u32);
                    pass.set_pipeline(pipeline);
                    pass.set_bind_group(0, &group, &[]);
                    pass.dispatch_workgroups(x, y, z);
                }
            }
            drop(pass);
            let len = gradients.size() as usize / size_of::<f32>();
            let source = [(gradients, len)];
            let mut pending = self.engine.pool.copy(device, &mut encoder, &source);
            context.queue.submit([encoder.finish()]);
            pending.map(device);
            pending
        });
        self.engine.watch(errors);
        self.engine.checked().await?;
        let mut parts = Parts::default();
        pending.read(&mut parts).await?;
        let blocks = parts.into_iter().next().unwrap_or_default();
        for (kernel, _) in &self.weights {
            kernel.read(&blocks, &mut tensors);
        }
        Ok(tensors)
    }
}
