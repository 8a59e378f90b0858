//! Training on the GPU: gradients, the loss and Adam in one submit, with all state in buffers. A step reads back
//! nothing but its losses; what is shown meanwhile is computed here too, with the averaged parameters.

use crate::device::capabilities::at_most;
use crate::device::checks::scoped;
use crate::device::pipeline::{
    Constants, READ, UNIFORM, WRITE, bind_group, bind_group_layout, module, pipeline,
    pipeline_layout, storage, uniform,
};
use crate::device::readback::Parts;
use crate::engine::{Call, Engine, Options};
use crate::kernels::shaders;
use crate::plan::Plan;
use crate::vjp::Dispatch;
use crate::{Context, Error, GpuVjp};
use bytemuck::{Pod, Zeroable};
use std::future::Future;
use std::rc::Rc;
use vaelet_model::{EntryPoint, Program, Schedule, Tensor, Tensors, Weights, Wrt};
use wgpu::{BindGroup, Buffer, BufferBindingType, ComputePipeline, ShaderStages};

/// Workgroups that share the sum of the reconstruction loss.
const GROUPS: usize = 64;
/// Workgroups of the loops over all parameters.
const PARAMETER_GROUPS: u32 = 256;
/// Whole numbers from here on are not all f32.
const EXACT: u64 = 1 << 24;

/// The weights of a step's losses, and how far it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GpuPace {
    /// Learning rate.
    pub rate: f32,
    /// Weight of the KL term.
    pub beta: f32,
    /// Nats that each latent has free.
    pub free: f32,
    /// σ of a Gaussian likelihood; none for a Bernoulli.
    pub sigma: Option<f32>,
    /// Decay of the average of the parameters.
    pub average: f32,
}

/// A model that learns on the GPU. Its state is a list of values: all parameters in the order of
/// [`Program::params`], each weight followed by its bias.
pub struct GpuTrainer {
    vjp: GpuVjp,
    /// The model with the averaged parameters.
    shown: Engine,
    /// Parameters, mean and square of their gradients, average.
    state: [Buffer; 4],
    /// Sums of the reconstruction loss, then the KL of each latent.
    losses: Buffer,
    pace: Buffer,
    /// Reconstruction, divergence, Adam, gather.
    own: [Own; 4],
    /// Where the gradient of each parameter is.
    places: Buffer,
    /// Which parameter each packed weight is, of the gradients' engine and of `shown`.
    packed: [Buffer; 2],
    /// For the batch that the buffers are of.
    bound: Option<Bound>,
    latents: usize,
    image: usize,
    steps: u32,
}

/// A kernel of this module.
struct Own {
    pipeline: ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

/// The bind groups for a batch.
struct Bound {
    batch: usize,
    own: [BindGroup; 4],
    gradients: Vec<(Dispatch, BindGroup)>,
}

/// `Pace` in the shaders.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Numbers {
    rate: f32,
    beta: f32,
    free: f32,
    inverse_variance: f32,
    mean_scale: f32,
    square_scale: f32,
    average: f32,
    padding: f32,
}

/// The losses of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuLosses {
    /// Mean −log p(x | z), in nats.
    pub reconstruction: f32,
    /// Mean KL of each latent to N(0, 1), in nats.
    pub kl: Vec<f32>,
}

impl GpuTrainer {
    /// Compiles everything for a model's program, with zeros as its state. Returns `None` if the program cannot be
    /// trained: it does not end in a sigmoid, or has an upsampling.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if a batch of one, or the parameters, exceed a limit.
    pub fn new(context: Rc<Context>, program: &Program) -> Result<Option<Self>, Error> {
        let Some(training) = program.with_logits(EntryPoint::Autoencode) else {
            return Ok(None);
        };
        let mut numbers = Tensors::new();
        let mut names = Vec::new();
        let mut count = 0;
        for params in program.params() {
            if params.upsampled {
                return Ok(None);
            }
            // The number of each parameter, from 1 on.
            for (name, shape) in params.stored() {
                let len = shape.iter().product::<usize>();
                let data = (count + 1..=count + len).map(|v| v as f32).collect();
                count += len;
                names.push(name.clone());
                numbers.insert(name, Tensor { shape, data });
            }
        }
        at_most("parameters", count as u64, EXACT - 1)?;
        let numbers = Weights::of(numbers, program.params());
        let made = GpuVjp::new(
            context.clone(),
            (&training, &numbers),
            EntryPoint::Autoencode,
            Wrt::Weights,
            false,
        )?;
        let Some(vjp) = made else { return Ok(None) };
        let options = Options {
            kept: &[],
            parallelism: context.capabilities.parallelism(),
            f16: false,
        };
        let schedule = Schedule::new(program, &[]);
        let (mut shown, ()) = Engine::new(context.clone(), schedule, options, |_| ())?;
        let entry = vjp.engine.entry(EntryPoint::Forward).clone();
        let [latents, image] = [
            vjp.engine.len(entry.outputs[0]) / 2,
            vjp.engine.len(entry.outputs[1]),
        ];
        let packed = [&vjp.engine.plan, &shown.plan].map(|plan| places_of(plan, &numbers));
        // The other way round, where the gradient of each is.
        let len = vjp.gradients.as_ref().map_or(0, |b| b.size() / 4);
        at_most("gradients", len, EXACT)?;
        let places: Vec<f32> = (0..len).map(|v| v as f32).collect();
        let mut found = Tensors::new();
        for (kernel, _) in &vjp.weights {
            kernel.read(&places, &mut found);
        }
        let of = names.iter().filter_map(|name| found.get(name));
        let gradients: Vec<u32> = of.flat_map(|t| t.data.iter().map(|v| *v as u32)).collect();

        let device = &context.device;
        let ((state, places, packed, losses, pace, own), errors) = scoped(device, || {
            let filled = |places: &[u32]| {
                let buffer = storage(device, "places", places.len());
                let bytes = bytemuck::cast_slice(places);
                context.queue.write_buffer(&buffer, 0, bytes);
                buffer
            };
            let own = |source: &str, buffers: &[BufferBindingType], constants: Constants| {
                let layout = bind_group_layout(device, ShaderStages::COMPUTE, buffers);
                let module = module(device, "training", source);
                let full = pipeline_layout(device, &layout);
                let pipeline = pipeline(device, &full, &module, &constants);
                Own { pipeline, layout }
            };
            let loss = [UNIFORM, UNIFORM, READ, READ, WRITE, WRITE];
            let groups = ("GROUPS", GROUPS as f64);
            (
                [(); 4].map(|()| storage(device, "state", count)),
                filled(&gradients),
                packed.map(|places| filled(&places)),
                storage(device, "losses", GROUPS + latents),
                uniform(device, "pace", size_of::<Numbers>()),
                [
                    own(
                        shaders::RECONSTRUCTION,
                        &loss,
                        vec![("LEN", image as f64), groups],
                    ),
                    own(
                        shaders::DIVERGENCE,
                        &loss,
                        vec![("LATENT", latents as f64), groups],
                    ),
                    own(
                        shaders::ADAM,
                        &[UNIFORM, READ, READ, WRITE, WRITE, WRITE, WRITE],
                        Vec::new(),
                    ),
                    own(shaders::GATHER, &[READ, READ, WRITE], Vec::new()),
                ],
            )
        });
        shown.watch(errors);
        Ok(Some(Self {
            vjp,
            shown,
            state,
            losses,
            pace,
            own,
            places,
            packed,
            bound: None,
            latents,
            image,
            steps: 0,
        }))
    }

    /// Submits a step on pictures `[N, C, H, W]` in `[0, 1]` with noise `[N, latent]`. The future resolves with its losses.
    ///
    /// # Errors
    /// [`Error::Input`] and [`Error::TooLarge`] from the call; the GPU's errors from the future.
    pub fn step(
        &mut self,
        x: &[f32],
        epsilon: &[f32],
        pace: GpuPace,
    ) -> Result<impl Future<Output = Result<GpuLosses, Error>> + use<>, Error> {
        let engine = &mut self.vjp.engine;
        engine.settle()?;
        let entry = engine.entry(EntryPoint::Forward).clone();
        let batch = engine.count(x, entry.inputs[0])?;
        at_most(
            "items in a batch with gradients",
            batch as u64,
            engine.largest_batch as u64,
        )?;
        if epsilon.len() != batch * self.latents {
            let (found, len) = (epsilon.len(), batch * self.latents);
            return Err(Error::Input { found, len });
        }
        self.steps += 1;
        let correction = |beta: f64| (1.0 / (1.0 - beta.powi(self.steps as i32))) as f32;
        let numbers = Numbers {
            rate: pace.rate,
            beta: pace.beta,
            free: pace.free,
            inverse_variance: pace.sigma.map_or(0.0, |sigma| 1.0 / (sigma * sigma)),
            mean_scale: correction(0.9),
            square_scale: correction(0.999),
            average: pace.average,
            padding: 0.0,
        };
        let context = engine.context.clone();
        let device = &context.device;
        let (mut pending, errors) = scoped(device, || {
            self.bind(batch);
            let engine = &self.vjp.engine;
            engine.write_frame(batch, 1.0);
            engine.write(entry.inputs[0], x);
            engine.write(entry.inputs[1], epsilon);
            context
                .queue
                .write_buffer(&self.pace, 0, bytemuck::bytes_of(&numbers));
            let mut encoder = device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            if let Some(bound) = &self.bound {
                engine.plan.dispatch(&mut pass, entry.range.clone(), batch);
                run(&mut pass, &self.own[0], &bound.own[0], GROUPS as u32);
                run(&mut pass, &self.own[1], &bound.own[1], self.latents as u32);
                let backward = engine.entry(EntryPoint::Backward).range.clone();
                engine.plan.dispatch(&mut pass, backward, batch);
                for ((pipeline, workgroups), group) in &bound.gradients {
                    let [x, y, z] = workgroups.map(|n| n as u32);
                    pass.set_pipeline(pipeline);
                    pass.set_bind_group(0, group, &[]);
                    pass.dispatch_workgroups(x, y, z);
                }
                run(&mut pass, &self.own[2], &bound.own[2], PARAMETER_GROUPS);
                run(&mut pass, &self.own[3], &bound.own[3], PARAMETER_GROUPS);
            }
            drop(pass);
            let source = [(&self.losses, GROUPS + self.latents)];
            let pending = engine.pool.copy(device, &mut encoder, &source);
            context.queue.submit([encoder.finish()]);
            pending
        });
        pending.map(device);
        self.vjp.engine.watch(errors);
        let checked = self.vjp.engine.checked();
        let constant = match pace.sigma {
            Some(sigma) => self.image as f32 * (sigma.ln() + 0.5 * std::f32::consts::TAU.ln()),
            None => 0.0,
        };
        Ok(async move {
            checked.await?;
            let mut parts = Parts::default();
            pending.read(&mut parts).await?;
            let values = parts.into_iter().next().unwrap_or_default();
            let (sums, kl) = values.split_at(GROUPS.min(values.len()));
            let nats: f64 = sums.iter().copied().map(f64::from).sum();
            Ok(GpuLosses {
                reconstruction: (nats / batch as f64) as f32 + constant,
                kl: kl.to_vec(),
            })
        })
    }

    /// Makes buffers and bind groups for a batch, unless they are there.
    fn bind(&mut self, batch: usize) {
        if self
            .bound
            .as_ref()
            .is_some_and(|bound| bound.batch == batch)
        {
            return;
        }
        self.vjp.engine.reserve(batch);
        let gradients = self.vjp.gradient_groups();
        let engine = &self.vjp.engine;
        let device = &engine.context.device;
        let forward = engine.entry(EntryPoint::Forward);
        let seeds = &engine.entry(EntryPoint::Backward).inputs;
        let value = |value: usize| engine.buffer(value).unwrap_or(&self.losses);
        let x = value(forward.inputs[0]);
        let [posterior, logits] = [0, 1].map(|i| value(forward.outputs[i]));
        let (frame, pace, losses) = (&engine.frame, &self.pace, &self.losses);
        let [parameters, means, squares, averages] = &self.state;
        let places = &self.places;
        let packed_gradients = self.vjp.gradients.as_ref().unwrap_or(losses);
        let group =
            |i: usize, buffers: &[&Buffer]| bind_group(device, &self.own[i].layout, buffers);
        let own = [
            group(0, &[frame, pace, logits, x, value(seeds[1]), losses]),
            group(
                1,
                &[frame, pace, posterior, posterior, value(seeds[0]), losses],
            ),
            group(
                2,
                &[
                    pace,
                    packed_gradients,
                    places,
                    parameters,
                    means,
                    squares,
                    averages,
                ],
            ),
            group(3, &[parameters, &self.packed[0], engine.weights()]),
        ];
        self.bound = Some(Bound {
            batch,
            own,
            gradients,
        });
    }

    /// Sets the state: parameters, the means and squares of their gradients, and the averages, one after the other,
    /// and the number of steps that have led to it.
    ///
    /// # Errors
    /// [`Error::Input`] for another number of values.
    pub fn set_state(&mut self, values: &[f32], steps: u32) -> Result<(), Error> {
        let context = self.vjp.engine.context.clone();
        let len = self.state[0].size() as usize / 4;
        if values.len() != 4 * len {
            let found = values.len();
            return Err(Error::Input { found, len });
        }
        for (buffer, values) in self.state.iter().zip(values.chunks_exact(len)) {
            let bytes = bytemuck::cast_slice(values);
            context.queue.write_buffer(buffer, 0, bytes);
        }
        self.steps = steps;
        self.gather(0, 0);
        Ok(())
    }

    /// Reads the state back, as [`GpuTrainer::set_state`] takes it.
    ///
    /// # Errors
    /// The GPU's errors, from the future.
    pub fn state(&mut self) -> impl Future<Output = Result<Vec<f32>, Error>> + use<> {
        let engine = &mut self.vjp.engine;
        let context = engine.context.clone();
        let device = &context.device;
        let sources = self.state.each_ref().map(|b| (b, b.size() as usize / 4));
        let (pending, errors) = scoped(device, || {
            let mut encoder = device.create_command_encoder(&Default::default());
            let mut pending = engine.pool.copy(device, &mut encoder, &sources);
            context.queue.submit([encoder.finish()]);
            pending.map(device);
            pending
        });
        engine.watch(errors);
        let checked = engine.checked();
        async move {
            checked.await?;
            let mut parts = Parts::default();
            pending.read(&mut parts).await?;
            Ok(parts.concat())
        }
    }

    /// Takes the averaged parameters of now for [`GpuTrainer::show`].
    pub fn refresh(&mut self) {
        self.gather(3, 1);
    }

    /// Runs [`EntryPoint::Encode`] on images `[N, C, H, W]`, or [`EntryPoint::Decode`] on latents `[N, latent]`, with the
    /// averaged parameters. The future resolves with posteriors `[N, 2 · latent]` or images.
    ///
    /// # Errors
    /// [`Error::Input`] from the call; the GPU's errors from the future.
    pub fn show(
        &mut self,
        entry: EntryPoint,
        values: &[f32],
    ) -> Result<impl Future<Output = Result<Vec<f32>, Error>> + use<>, Error> {
        let items = self
            .shown
            .count(values, self.shown.entry(entry).inputs[0])?;
        let call = Call {
            entry,
            items,
            inputs: &[values],
            temperature: 0.0,
            read: true,
        };
        let parts = self.shown.run(call, None)?;
        Ok(async move { Ok(parts.await?.into_iter().next().unwrap_or_default()) })
    }

    /// Puts part `of` of the state where the kernels of an engine read it: the gradients' or that of the averages.
    fn gather(&mut self, of: usize, engine: usize) {
        let context = self.shown.context.clone();
        let device = &context.device;
        let weights = [&self.vjp.engine, &self.shown][engine].weights();
        let ((), errors) = scoped(device, || {
            let buffers = [&self.state[of], &self.packed[engine], weights];
            let group = bind_group(device, &self.own[3].layout, &buffers);
            let mut encoder = device.create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            run(&mut pass, &self.own[3], &group, PARAMETER_GROUPS);
            drop(pass);
            context.queue.submit([encoder.finish()]);
        });
        self.shown.watch(errors);
    }
}

/// Records a kernel of this module.
fn run(pass: &mut wgpu::ComputePass<'_>, own: &Own, group: &BindGroup, workgroups: u32) {
    pass.set_pipeline(&own.pipeline);
    pass.set_bind_group(0, group, &[]);
    pass.dispatch_workgroups(workgroups, 1, 1);
}

/// The number of the parameter that each packed weight of a plan is; 0 for padding.
fn places_of(plan: &Plan, numbers: &Weights) -> Vec<u32> {
    let steps = (0..).map_while(|step| plan.pack(step, numbers));
    let values = steps.flat_map(|blocks| bytemuck::pod_collect_to_vec(&blocks.bytes(false)));
    values.map(|number: f32| number as u32).collect()
}
