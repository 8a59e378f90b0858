//! A model on the GPU: its two plans, its buffers, and the frames made of them.

use crate::capabilities::{
    Capabilities, MOST_BATCH_BYTES, MOST_BYTES, REPARAMETERIZE_THREADS, at_most,
};
use crate::checks::{Checks, Fault, scoped};
use crate::kernel::{Kernels, Tuning, bind_group};
use crate::layout::Layout;
use crate::plan::{Plan, storage};
use crate::present::{Grid, Present, Target};
use crate::readback::{Parts, Pending, Pool, SOURCES};
use crate::reparameterize::Reparameterize;
use crate::weights::block_len;
use crate::{Context, Error};
use bytemuck::{Pod, Zeroable};
use std::future::Future;
use std::ops::Range;
use std::rc::Rc;
use vaelet_model::latent::Posterior;
use vaelet_model::{Input, Model, Outline};
use wgpu::{BindGroup, Buffer, BufferUsages, CommandEncoder, Device, LoadOp, RenderPipeline};

/// A model on the GPU. Pipelines are built once; buffers grow to the largest batch
/// seen and stay. Batches of any size are taken, large ones in parts.
///
/// Errors of the GPU are this model's, and come with its answers: [`Error::OutOfMemory`]
/// and [`Error::Refused`] from the next future that is waited for, or from the next call.
pub struct GpuRuntime {
    pub(crate) context: Rc<Context>,
    input: Input,
    pub(crate) latent: usize,
    /// Items of the largest batch that is not split.
    largest_batch: usize,
    half_precision: bool,
    kernels: Kernels,
    encoder: Plan,
    reparameterize: Reparameterize,
    pub(crate) decoder: Plan,
    present: Present,
    weights: Buffer,
    /// Steps whose parameters have been written, and the bytes that they take.
    uploaded: (usize, u64),
    frame: Buffer,
    grid: Buffer,
    buffers: Option<Buffers>,
    pub(crate) pool: Pool,
    checks: Checks,
}

/// What an autoencoded batch was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// q(z | x).
    pub posterior: Posterior,
    /// The sample that was decoded, `[N, latent]`.
    pub z: Vec<f32>,
    /// The mean of p(x | z), `[N, C, H, W]`.
    pub images: Vec<f32>,
}

/// `Frame` in the shaders.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Frame {
    batch: u32,
    temperature: f32,
}

/// Everything whose size follows the batch.
pub(crate) struct Buffers {
    capacity: usize,
    images: Buffer,
    posterior: Buffer,
    epsilon: Buffer,
    pub(crate) z: Buffer,
    output: Buffer,
    reparameterize: BindGroup,
    present: BindGroup,
}

/// The parts of a frame that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Encode,
    Decode,
    Autoencode,
}

/// One question, of any number of items.
#[derive(Clone, Copy)]
struct Call<'a> {
    part: Part,
    items: usize,
    /// What the part reads; the others are empty.
    images: &'a [f32],
    epsilon: &'a [f32],
    z: &'a [f32],
    temperature: f32,
    /// Where the images are drawn.
    target: Option<&'a Target<'a>>,
    /// Whether numbers come back.
    read: bool,
}

impl GpuRuntime {
    /// Compiles a model for a device.
    ///
    /// # Errors
    /// As [`GpuRuntime::prepare`].
    pub fn new(context: Rc<Context>, model: &Model) -> Result<Self, Error> {
        let parallelism = context.capabilities.parallelism();
        let mut runtime = Self::prepare(context, &model.outline(), parallelism)?;
        runtime.upload(model);
        Ok(runtime)
    }

    /// Builds everything but the weights, which may still be on their way:
    /// [`GpuRuntime::upload`] has to follow. So many threads as `parallelism` keep the
    /// device busy; the number decides between kernels.
    ///
    /// # Errors
    /// [`Error::TooLarge`], before anything is built.
    pub fn prepare(
        context: Rc<Context>,
        outline: &Outline,
        parallelism: usize,
    ) -> Result<Self, Error> {
        let capabilities = &context.capabilities;
        let tuning = Tuning {
            parallelism,
            most_slices: capabilities.most_slices(),
            half_precision: capabilities.f16 && outline.is_f16(),
        };
        let (encoder, end) = Plan::new(tuning, &outline.encoder, Layout::flat, 0);
        let (decoder, end) = Plan::new(tuning, &outline.decoder, Layout::planes, end);
        let weights = end.saturating_mul(block_len(tuning.half_precision));
        let (input, latent) = (outline.spec.input, outline.spec.latent_size());
        let plans = [&encoder, &decoder];
        let largest_batch = largest_batch(capabilities, plans, weights, input.len(), latent)?;

        let device = &context.device;
        let build = || {
            let (mut encoder, mut decoder) = (encoder, decoder);
            let mut kernels = Kernels::new(device);
            encoder.build(device, &mut kernels);
            decoder.build(device, &mut kernels);
            Self {
                reparameterize: Reparameterize::new(device, latent),
                present: Present::new(device, input),
                weights: storage(device, "weights", weights),
                uploaded: (0, 0),
                frame: uniform(device, "frame", size_of::<Frame>()),
                grid: uniform(device, "grid", size_of::<Grid>()),
                half_precision: tuning.half_precision,
                buffers: None,
                pool: Pool::default(),
                checks: Checks::default(),
                context: context.clone(),
                largest_batch,
                input,
                latent,
                kernels,
                encoder,
                decoder,
            }
        };
        let (mut runtime, errors) = scoped(device, build);
        runtime.checks.push(errors);
        Ok(runtime)
    }

    /// Writes the parameters of the model that this was prepared for.
    pub fn upload(&mut self, model: &Model) {
        self.uploaded = (0, 0);
        while self.upload_step(model) {}
    }

    /// Writes those of the next step, for callers with other things to do in between. Whether
    /// there are more.
    pub fn upload_step(&mut self, model: &Model) -> bool {
        let (step, start) = self.uploaded;
        let after = step.checked_sub(self.encoder.kernels.len());
        let packed = match after {
            None => self.encoder.pack(step, model),
            Some(step) => self.decoder.pack(step, model),
        };
        let Some(packed) = packed else {
            return false;
        };
        let bytes = packed.bytes(self.half_precision);
        let Context { device, queue, .. } = &*self.context;
        let ((), errors) = scoped(device, || queue.write_buffer(&self.weights, start, &bytes));
        self.checks.push(errors);
        self.uploaded = (step + 1, start + bytes.len() as u64);
        true
    }

    /// Encodes images; the work is submitted when this returns.
    ///
    /// # Errors
    /// [`Error::Input`] at once, [`Error::Lost`] and the GPU's errors from the future.
    pub fn encode(
        &mut self,
        images: &[f32],
    ) -> Result<impl Future<Output = Result<Posterior, Error>> + use<>, Error> {
        let latent = self.latent;
        let parts = self.run(Call {
            images,
            ..Call::new(Part::Encode, count(images, self.input.len())?)
        })?;
        Ok(async move {
            let [posterior, ..] = parts.await?;
            Ok(Posterior::from_encoder(&posterior, latent))
        })
    }

    /// Decodes latents; the work is submitted when this returns.
    ///
    /// # Errors
    /// [`Error::Input`] at once, [`Error::Lost`] and the GPU's errors from the future.
    pub fn decode(
        &mut self,
        z: &[f32],
    ) -> Result<impl Future<Output = Result<Vec<f32>, Error>> + use<>, Error> {
        let parts = self.run(Call {
            z,
            ..Call::new(Part::Decode, count(z, self.latent)?)
        })?;
        Ok(async move {
            let [.., images] = parts.await?;
            Ok(images)
        })
    }

    /// Decodes latents and draws them: nothing comes back. What the GPU thinks of it is
    /// told by [`GpuRuntime::checked`], or by the next call.
    ///
    /// # Errors
    /// [`Error::Input`], and the GPU's errors about earlier calls.
    pub fn present(&mut self, z: &[f32], target: &Target<'_>) -> Result<(), Error> {
        let call = Call {
            z,
            target: Some(target),
            read: false,
            ..Call::new(Part::Decode, count(z, self.latent)?)
        };
        self.submit(call)?;
        Ok(())
    }

    /// Encodes images, samples z = μ + T · σ · ε, decodes and draws them; the numbers come
    /// later.
    ///
    /// # Errors
    /// [`Error::Input`] at once, [`Error::Lost`] and the GPU's errors from the future.
    pub fn reconstruct(
        &mut self,
        images: &[f32],
        epsilon: &[f32],
        temperature: f32,
        target: &Target<'_>,
    ) -> Result<impl Future<Output = Result<Reconstruction, Error>> + use<>, Error> {
        let latent = self.latent;
        let items = count(images, self.input.len())?;
        if count(epsilon, latent)? != items {
            return Err(Error::Input {
                found: epsilon.len(),
                len: items * latent,
            });
        }
        let parts = self.run(Call {
            images,
            epsilon,
            temperature,
            target: Some(target),
            ..Call::new(Part::Autoencode, items)
        })?;
        Ok(async move {
            let [posterior, z, images] = parts.await?;
            Ok(Reconstruction {
                posterior: Posterior::from_encoder(&posterior, latent),
                z,
                images,
            })
        })
    }

    /// Waits until the GPU has accepted what earlier calls have built and drawn.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] and [`Error::Refused`].
    pub fn checked(&mut self) -> impl Future<Output = Result<(), Error>> + use<> {
        self.checks.take()
    }

    /// Submits a call and gives what it reads: posteriors, latents and images.
    fn run(
        &mut self,
        call: Call<'_>,
    ) -> Result<impl Future<Output = Result<Parts, Error>> + use<>, Error> {
        let frames = self.submit(call)?;
        let checked = self.checked();
        Ok(async move {
            checked.await?;
            let mut all = Parts::default();
            for frame in frames {
                frame.read(&mut all).await?;
            }
            Ok(all)
        })
    }

    /// Tells of an error that nobody has waited for, and makes up for one that has been
    /// told: what may not be whole is built again, with smaller batches where even these
    /// were too much.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        let known = self.checks.poll();
        if let Some(fault) = self.checks.take_fault() {
            if let (Fault::Refused, Some(buffers)) = (fault, &self.buffers) {
                self.largest_batch = (buffers.capacity / 2).max(1);
            }
            self.buffers = None;
            self.pool = Pool::default();
        }
        known
    }

    /// Submits a call batch by batch, within error scopes what builds something, or uses what
    /// is not known to be right.
    fn submit(&mut self, call: Call<'_>) -> Result<Vec<Pending>, Error> {
        self.settle()?;
        let mut pending = Vec::new();
        let mut batch = 0..0;
        while batch.end < call.items {
            batch = batch.end..call.items.min(batch.end + self.largest_batch);
            let known = self.checks.are_through()
                && self
                    .buffers
                    .as_ref()
                    .is_some_and(|b| batch.len() <= b.capacity)
                && (!call.read || self.pool.has(self.reads(&call, batch.len()).iter().sum()))
                && call.target.is_none_or(|t| self.present.has(t.format));
            let frame = if known {
                self.frame(&call, &batch)
            } else {
                let context = self.context.clone();
                let (frame, errors) = scoped(&context.device, || {
                    self.reserve(batch.len());
                    self.frame(&call, &batch)
                });
                self.checks.push(errors);
                frame
            };
            pending.extend(frame);
        }
        Ok(pending)
    }

    /// f32 of the posteriors, latents and images that come back.
    fn reads(&self, call: &Call<'_>, batch: usize) -> [usize; SOURCES] {
        let (encodes, decodes) = (call.part != Part::Decode, call.part != Part::Encode);
        [
            (encodes, 2 * self.latent),
            (encodes && decodes, self.latent),
            (decodes, self.input.len()),
        ]
        .map(|(read, len)| if read && call.read { batch * len } else { 0 })
    }

    /// One frame: one encoder, one compute pass, one render pass, one submit.
    fn frame(&mut self, call: &Call<'_>, batch: &Range<usize>) -> Option<Pending> {
        let count = batch.len();
        self.write_frame(count, call.temperature);
        let reads = self.reads(call, count);
        let (device, buffers) = (&self.context.device, self.buffers.as_ref()?);
        for (buffer, values) in [
            (&buffers.images, call.images),
            (&buffers.epsilon, call.epsilon),
            (&buffers.z, call.z),
        ] {
            let len = values.len() / call.items;
            self.write(buffer, &values[batch.start * len..batch.end * len]);
        }
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        if call.part != Part::Decode {
            self.encoder.dispatch(&mut pass, count);
        }
        if call.part == Part::Autoencode {
            pass.set_pipeline(&self.reparameterize.pipeline);
            pass.set_bind_group(0, &buffers.reparameterize, &[]);
            pass.dispatch_workgroups(self.reparameterize.workgroups(count), 1, 1);
        }
        if call.part != Part::Encode {
            self.decoder.dispatch(&mut pass, count);
        }
        drop(pass);
        let mut pending = call.read.then(|| {
            let sources = [&buffers.posterior, &buffers.z, &buffers.output];
            self.pool.copy(device, &mut encoder, &sources, reads)
        });
        if let Some(target) = call.target {
            let grid = Grid::new(target, call.items, batch);
            let bytes = bytemuck::bytes_of(&grid);
            self.context.queue.write_buffer(&self.grid, 0, bytes);
            let pipeline = self.present.pipeline(device, target.format);
            draw(
                &mut encoder,
                target,
                batch.start == 0,
                pipeline,
                &buffers.present,
            );
        }
        self.context.queue.submit([encoder.finish()]);
        if let Some(pending) = &mut pending {
            pending.map(device);
        }
        pending
    }

    pub(crate) fn write_frame(&self, batch: usize, temperature: f32) {
        let frame = Frame {
            batch: batch as u32,
            temperature,
        };
        let bytes = bytemuck::bytes_of(&frame);
        self.context.queue.write_buffer(&self.frame, 0, bytes);
    }

    pub(crate) fn write(&self, buffer: &Buffer, values: &[f32]) {
        if !values.is_empty() {
            let bytes = bytemuck::cast_slice(values);
            self.context.queue.write_buffer(buffer, 0, bytes);
        }
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn buffers(&self) -> Result<&Buffers, Error> {
        // There are some from the first frame on.
        self.buffers.as_ref().ok_or(Error::OutOfMemory)
    }

    /// Makes the buffers hold `batch` items. A larger batch than ever before costs new
    /// buffers and bind groups; any other costs nothing.
    pub(crate) fn reserve(&mut self, batch: usize) {
        if self.buffers.as_ref().is_some_and(|b| batch <= b.capacity) {
            return;
        }
        let device = &self.context.device;
        let make = |label, len| storage(device, label, batch * len);
        let images = make("images", self.input.len());
        let posterior = make("posterior", 2 * self.latent);
        let epsilon = make("epsilon", self.latent);
        let z = make("z", self.latent);
        let output = make("output", self.input.len());
        let inner: Vec<Buffer> = inner_slots([&self.encoder, &self.decoder])
            .into_iter()
            .map(|len| make("inner", len))
            .collect();

        let (frame, weights, layout) = (&self.frame, &self.weights, &self.kernels.layout);
        self.encoder.bind(
            device,
            layout,
            [frame, weights, &images, &posterior],
            &inner,
        );
        self.decoder
            .bind(device, layout, [frame, weights, &z, &output], &inner);
        self.buffers = Some(Buffers {
            capacity: batch,
            reparameterize: bind_group(
                device,
                &self.reparameterize.layout,
                &[frame, &posterior, &epsilon, &z],
            ),
            present: bind_group(device, &self.present.layout, &[&self.grid, &output]),
            images,
            posterior,
            epsilon,
            z,
            output,
        });
    }
}

impl Call<'_> {
    fn new(part: Part, items: usize) -> Self {
        Self {
            part,
            items,
            images: &[],
            epsilon: &[],
            z: &[],
            temperature: 0.0,
            target: None,
            read: true,
        }
    }
}

/// Draws a batch into its cells; the first clears all of them.
fn draw(
    encoder: &mut CommandEncoder,
    target: &Target<'_>,
    first: bool,
    pipeline: &RenderPipeline,
    images: &BindGroup,
) {
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: target.view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations {
                load: if first {
                    LoadOp::Clear(wgpu::Color::TRANSPARENT)
                } else {
                    LoadOp::Load
                },
                store: wgpu::StoreOp::Store,
            },
        })],
        ..Default::default()
    });
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, images, &[]);
    pass.draw(0..3, 0..1);
}

/// Items in a batch of `len` values each.
fn count(values: &[f32], len: usize) -> Result<usize, Error> {
    if values.is_empty() || !values.len().is_multiple_of(len) {
        let found = values.len();
        return Err(Error::Input { found, len });
    }
    Ok(values.len() / len)
}

/// f32 of each buffer between layers, for one item. Encoder and decoder never run at once,
/// so they share them.
fn inner_slots([encoder, decoder]: [&Plan; 2]) -> Vec<usize> {
    let (a, b) = (encoder.inner_slots(), decoder.inner_slots());
    let largest = |i| a.get(i).max(b.get(i)).copied().unwrap_or(0);
    (0..a.len().max(b.len())).map(largest).collect()
}

/// The items of the largest batch that is not split: its buffers fit the device and our own
/// limits, and its workgroups fit one dispatch. `weights` are all the parameters, in f32.
fn largest_batch(
    capabilities: &Capabilities,
    plans: [&Plan; 2],
    weights: usize,
    image: usize,
    latent: usize,
) -> Result<usize, Error> {
    // Lengths come from a model's file: their sums may be anything.
    let bytes = |len: usize| (len as u64).saturating_mul(size_of::<f32>() as u64);
    let read_back = 3 * latent + image;
    let (mut largest, mut all) = (read_back, 3 * read_back);
    for len in inner_slots(plans) {
        largest = largest.max(len);
        all += len;
    }

    let limit = capabilities.buffer_bytes;
    at_most("bytes of weights", bytes(weights), limit)?;
    at_most(
        "bytes for one value between two layers",
        bytes(largest),
        limit,
    )?;
    let total = bytes(weights).saturating_add(bytes(all));
    at_most("bytes for a model and one image", total, MOST_BYTES)?;

    let workgroups = capabilities.workgroups as usize;
    let dispatched = plans.map(|plan| plan.largest_batch(workgroups));
    let dispatched = dispatched.into_iter().min().unwrap_or(0);
    let sampled = workgroups.saturating_mul(REPARAMETERIZE_THREADS) / latent;
    let dispatched = dispatched.min(sampled);
    if dispatched == 0 {
        return Err(Error::TooLarge {
            what: "workgroups for a layer",
            needed: plans
                .map(Plan::most_workgroups)
                .into_iter()
                .max()
                .unwrap_or(0) as u64,
            limit: workgroups as u64,
        });
    }
    let room = MOST_BATCH_BYTES.min(MOST_BYTES - bytes(weights));
    let fits = (room / bytes(all)).min(limit / bytes(largest)).max(1);
    Ok(dispatched.min(usize::try_from(fits).unwrap_or(usize::MAX)))
}

fn uniform(device: &Device, label: &str, size: usize) -> Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: size as u64,
        usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}
