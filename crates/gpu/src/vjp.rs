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
use wgpu::{BindGroup, Buffer, ComputePipeline};

/// A pipeline and its workgroups.
pub(crate) type Dispatch = (ComputePipeline, [usize; 3]);

/// The vector-Jacobian product of a program's entry point: computes dL/d inputs and dL/d weights
/// from dL/d outputs. Images are `[N, C, H, W]` in inputs, outputs and their gradients.
pub struct GpuVjp {
    pub(crate) engine: Engine,
    pub(crate) weights: Vec<(GradientKernel, [Dispatch; 2])>,
    /// The weight gradients; `None` if they are not computed.
    pub(crate) gradients: Option<Buffer>,
    /// Number of items of the last forward pass.
    items: usize,
    temperature: f32,
}

impl GpuVjp {
    /// Compiles the entry point `name` and its gradients with respect to `wrt`. Returns `None` if
    /// the program has no such entry point. `f16` states that every weight is exact in f16;
    /// otherwise they are stored as f32.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if a single item or a weight gradient exceeds a limit of the device.
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
            for (_, _, workgroups) in kernel.dispatches(parallelism) {
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
                let pipelines = kernel.dispatches(parallelism).map(&mut build);
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

    /// Sets the temperature T of [`vaelet_model::Op::Sample`]; the default is 1.
    pub fn with_temperature(mut self, temperature: f32) -> Self {
        self.temperature = temperature;
        self
    }

    /// Runs the entry point on a batch. The future resolves with its outputs.
    ///
    /// # Errors
    /// [`Error::Input`] from the call, and [`Error::TooLarge`] because batches are not split; the
    /// GPU's errors from the future.
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

    /// Takes dL/d outputs of the last [`GpuVjp::forward`]. The future resolves with dL/d inputs.
    ///
    /// # Errors
    /// [`Error::Input`] from the call; the GPU's errors from the future.
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

    /// The gradients of weights and biases, summed over the batch, by their names in the weights
    /// file. Call it after [`GpuVjp::backward`].
    ///
    /// # Errors
    /// The GPU's errors.
    pub async fn weight_gradients(&mut self) -> Result<Tensors, Error> {
        self.engine.settle()?;
        let mut tensors = Tensors::new();
        let Some(gradients) = self.gradients.clone() else {
            return Ok(tensors);
        };
        let context = self.engine.context.clone();
        let device = &context.device;
        let (pending, errors) = scoped(device, || {
            let groups = self.gradient_groups();
            let mut encoder = device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for ((pipeline, workgroups), group) in &groups {
                let [x, y, z] = workgroups.map(|n| n as u32);
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(x, y, z);
            }
            drop(pass);
            let len = gradients.size() as usize / size_of::<f32>();
            let source = [(&gradients, len)];
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

    /// The dispatches that compute all weight gradients, with their bind groups for the current buffers.
    pub(crate) fn gradient_groups(&mut self) -> Vec<(Dispatch, BindGroup)> {
        let Some(gradients) = self.gradients.clone() else {
            return Vec::new();
        };
        let context = self.engine.context.clone();
        let layout = self.engine.kernels.layout(&context.device, false).clone();
        let engine = &self.engine;
        let buffer = |value| engine.buffer(value).unwrap_or(&gradients);
        let groups = self.weights.iter().flat_map(|(kernel, pipelines)| {
            let x = buffer(kernel.gradient.input);
            let delta = buffer(kernel.gradient.delta);
            // The bias kernel reads only δ.
            let inputs = [[x, delta], [delta, delta]];
            let group = |[x, delta]: [&Buffer; 2]| {
                let buffers = [&engine.frame, engine.weights(), x, delta, &gradients];
                bind_group(&context.device, &layout, &buffers)
            };
            pipelines.iter().cloned().zip(inputs.map(group))
        });
        groups.collect()
    }
}
