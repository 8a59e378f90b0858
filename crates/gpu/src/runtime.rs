//! A model on the GPU: its two plans, its buffers, and the frames made of them.

use crate::kernel::{Kernels, bind_group};
use crate::layout::Layout;
use crate::plan::{Plan, storage};
use crate::present::{Grid, Present, Target};
use crate::readback::{Pending, Pool};
use crate::reparameterize::Reparameterize;
use crate::weights::PackedWeights;
use crate::{Context, Error};
use bytemuck::{Pod, Zeroable};
use std::future::Future;
use std::rc::Rc;
use vaelet_model::latent::Posterior;
use vaelet_model::runtime::Runtime;
use vaelet_model::{Input, Model, Outline};
use wgpu::{BindGroup, Buffer, BufferUsages, CommandEncoder, Device};

/// A model on the GPU. Pipelines are built once; buffers grow to the largest batch
/// seen and stay.
pub struct GpuRuntime {
    pub(crate) context: Rc<Context>,
    input: Input,
    pub(crate) latent: usize,
    largest_batch: usize,
    kernels: Kernels,
    encoder: Plan,
    reparameterize: Reparameterize,
    pub(crate) decoder: Plan,
    present: Present,
    weights: Buffer,
    frame: Buffer,
    grid: Buffer,
    buffers: Option<Buffers>,
    pub(crate) pool: Pool,
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

impl GpuRuntime {
    /// Compiles a model for a device.
    pub fn new(context: Rc<Context>, model: &Model) -> Self {
        let parallelism = context.parallelism();
        let mut runtime = Self::prepare(context, &model.outline(), parallelism);
        runtime.upload(model);
        runtime
    }

    /// Builds everything but the weights, which may still be on their way:
    /// [`GpuRuntime::upload`] has to follow. So many threads as `parallelism` keep the
    /// device busy; the number decides between kernels.
    pub fn prepare(context: Rc<Context>, outline: &Outline, parallelism: usize) -> Self {
        let device = &context.device;
        let half_precision = context.has_f16() && outline.is_f16();
        let mut kernels = Kernels::new(device, parallelism, half_precision);
        let (encoder, end) = Plan::new(device, &mut kernels, &outline.encoder, Layout::flat, 0);
        let (decoder, end) = Plan::new(device, &mut kernels, &outline.decoder, Layout::planes, end);
        let weights = storage(device, "weights", kernels.block_len() * end);
        let (input, latent) = (outline.spec.input, outline.spec.latent_size());
        Self {
            largest_batch: largest_batch(device, [&encoder, &decoder], input.len().max(2 * latent)),
            reparameterize: Reparameterize::new(device, latent),
            present: Present::new(device, input),
            frame: uniform(device, "frame", size_of::<Frame>()),
            grid: uniform(device, "grid", size_of::<Grid>()),
            buffers: None,
            pool: Pool::default(),
            input,
            latent,
            kernels,
            encoder,
            decoder,
            weights,
            context,
        }
    }

    /// Writes the parameters of the model that this was prepared for.
    pub fn upload(&mut self, model: &Model) {
        let mut packed = PackedWeights::default();
        self.encoder.pack(model, &mut packed);
        self.decoder.pack(model, &mut packed);
        let bytes = packed.bytes(self.kernels.half_precision);
        self.context.queue.write_buffer(&self.weights, 0, &bytes);
    }

    /// Encodes a batch; the work is submitted when this returns.
    ///
    /// # Errors
    /// [`Error::Batch`] at once, [`Error::Lost`] from the future.
    pub fn encode(
        &mut self,
        images: &[f32],
    ) -> Result<impl Future<Output = Result<Posterior, Error>> + use<>, Error> {
        let batch = images.len() / self.input.len();
        let latent = self.latent;
        let mut encoder = self.begin(Part::Encode, batch, 0.0)?;
        let buffers = self.buffers()?;
        self.write(&buffers.images, images);
        let sources = [(&buffers.posterior, 2 * latent * batch)];
        let pending = self.pool.copy(&self.context.device, &mut encoder, &sources);
        let parts = self.submit(encoder, pending);
        Ok(async move { Ok(Posterior::from_encoder(&parts.await?[0], latent)) })
    }

    /// Decodes a batch; the work is submitted when this returns.
    ///
    /// # Errors
    /// [`Error::Batch`] at once, [`Error::Lost`] from the future.
    pub fn decode(
        &mut self,
        z: &[f32],
    ) -> Result<impl Future<Output = Result<Vec<f32>, Error>> + use<>, Error> {
        let batch = z.len() / self.latent;
        let input = self.input;
        let mut encoder = self.begin(Part::Decode, batch, 0.0)?;
        let buffers = self.buffers()?;
        self.write(&buffers.z, z);
        let sources = [(&buffers.output, input.len() * batch)];
        let pending = self.pool.copy(&self.context.device, &mut encoder, &sources);
        let parts = self.submit(encoder, pending);
        Ok(async move { Ok(parts.await?.swap_remove(0)) })
    }

    /// Decodes a batch and draws it: one submit, nothing comes back.
    ///
    /// # Errors
    /// [`Error::Batch`].
    pub fn present(&mut self, z: &[f32], target: &Target<'_>) -> Result<(), Error> {
        let batch = z.len() / self.latent;
        let mut encoder = self.begin(Part::Decode, batch, 0.0)?;
        self.write(&self.buffers()?.z, z);
        self.draw(&mut encoder, batch, target)?;
        self.context.queue.submit([encoder.finish()]);
        Ok(())
    }

    /// Encodes a batch, samples z = μ + T · σ · ε, decodes and draws it, all in one
    /// submit; the numbers come later.
    ///
    /// # Errors
    /// [`Error::Batch`] at once, [`Error::Lost`] from the future.
    pub fn reconstruct(
        &mut self,
        images: &[f32],
        epsilon: &[f32],
        temperature: f32,
        target: &Target<'_>,
    ) -> Result<impl Future<Output = Result<Reconstruction, Error>> + use<>, Error> {
        let (input, latent) = (self.input, self.latent);
        let batch = images.len() / input.len();
        let mut encoder = self.begin(Part::Autoencode, batch, temperature)?;
        let buffers = self.buffers()?;
        self.write(&buffers.images, images);
        self.write(&buffers.epsilon, epsilon);
        let sources = [
            (&buffers.posterior, 2 * latent * batch),
            (&buffers.z, latent * batch),
            (&buffers.output, input.len() * batch),
        ];
        let pending = self.pool.copy(&self.context.device, &mut encoder, &sources);
        self.draw(&mut encoder, batch, target)?;
        let parts = self.submit(encoder, pending);
        Ok(async move {
            let mut parts = parts.await?;
            let images = parts.swap_remove(2);
            Ok(Reconstruction {
                posterior: Posterior::from_encoder(&parts[0], latent),
                z: parts.swap_remove(1),
                images,
            })
        })
    }

    pub(crate) fn write_frame(&self, batch: usize, temperature: f32) {
        let frame = Frame {
            batch: batch as u32,
            temperature,
        };
        let bytes = bytemuck::bytes_of(&frame);
        self.context.queue.write_buffer(&self.frame, 0, bytes);
    }

    /// Makes room for a batch and records its compute pass. What is written into the
    /// buffers after this and before the submit is what the pass reads.
    fn begin(
        &mut self,
        part: Part,
        batch: usize,
        temperature: f32,
    ) -> Result<CommandEncoder, Error> {
        self.reserve(batch)?;
        self.write_frame(batch, temperature);
        let mut encoder = self
            .context
            .device
            .create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        if part != Part::Decode {
            self.encoder.dispatch(&mut pass, batch);
        }
        if part == Part::Autoencode {
            pass.set_pipeline(&self.reparameterize.pipeline);
            pass.set_bind_group(0, &self.buffers()?.reparameterize, &[]);
            pass.dispatch_workgroups(self.reparameterize.workgroups(batch), 1, 1);
        }
        if part != Part::Encode {
            self.decoder.dispatch(&mut pass, batch);
        }
        drop(pass);
        Ok(encoder)
    }

    fn draw(
        &mut self,
        encoder: &mut CommandEncoder,
        batch: usize,
        target: &Target<'_>,
    ) -> Result<(), Error> {
        let grid = Grid::new(target, batch);
        self.context
            .queue
            .write_buffer(&self.grid, 0, bytemuck::bytes_of(&grid));
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target.view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        pass.set_pipeline(self.present.pipeline(&self.context.device, target.format));
        pass.set_bind_group(0, &self.buffers()?.present, &[]);
        pass.draw(0..3, 0..1);
        Ok(())
    }

    fn submit(
        &self,
        encoder: CommandEncoder,
        pending: Pending,
    ) -> impl Future<Output = Result<Vec<Vec<f32>>, Error>> + use<> {
        self.context.queue.submit([encoder.finish()]);
        pending.read(&self.context.device)
    }

    pub(crate) fn write(&self, buffer: &Buffer, values: &[f32]) {
        self.context
            .queue
            .write_buffer(buffer, 0, bytemuck::cast_slice(values));
    }

    pub(crate) fn buffers(&self) -> Result<&Buffers, Error> {
        self.buffers.as_ref().ok_or(Error::Batch {
            found: 0,
            largest: self.largest_batch,
        })
    }

    /// Makes the buffers hold `batch` items. A larger batch than ever before costs new
    /// buffers and bind groups; any other costs nothing.
    pub(crate) fn reserve(&mut self, batch: usize) -> Result<(), Error> {
        if batch == 0 || batch > self.largest_batch {
            return Err(Error::Batch {
                found: batch,
                largest: self.largest_batch,
            });
        }
        if self.buffers.as_ref().is_some_and(|b| batch <= b.capacity) {
            return Ok(());
        }
        let device = &self.context.device;
        let make = |label, len| storage(device, label, batch * len);
        let images = make("images", self.input.len());
        let posterior = make("posterior", 2 * self.latent);
        let epsilon = make("epsilon", self.latent);
        let z = make("z", self.latent);
        let output = make("output", self.input.len());
        // Encoder and decoder never run at once, so they share what is in between.
        let (a, b) = (self.encoder.inner_slots(), self.decoder.inner_slots());
        let inner: Vec<Buffer> = (0..a.len().max(b.len()))
            .map(|i| make("inner", *a.get(i).max(b.get(i)).unwrap_or(&0)))
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
        Ok(())
    }
}

impl Runtime for GpuRuntime {
    type Error = Error;

    async fn encode(&mut self, images: &[f32]) -> Result<Posterior, Error> {
        let mut all = Posterior::default();
        for images in images.chunks(self.largest_batch * self.input.len()) {
            let part = GpuRuntime::encode(self, images)?.await?;
            all.mean.extend(part.mean);
            all.log_var.extend(part.log_var);
        }
        Ok(all)
    }

    async fn decode(&mut self, z: &[f32]) -> Result<Vec<f32>, Error> {
        let mut all = Vec::new();
        for z in z.chunks(self.largest_batch * self.latent) {
            all.extend(GpuRuntime::decode(self, z)?.await?);
        }
        Ok(all)
    }
}

/// The most items whose values fit one binding and whose workgroups fit one dispatch.
fn largest_batch(device: &Device, plans: [&Plan; 2], item: usize) -> usize {
    let limits = device.limits();
    let inner = plans.iter().flat_map(|plan| plan.inner_slots());
    let largest = inner.fold(item, |largest, &len| largest.max(len));
    let binding = usize::try_from(limits.max_storage_buffer_binding_size).unwrap_or(usize::MAX);
    let workgroups = limits.max_compute_workgroups_per_dimension;
    plans
        .iter()
        .map(|plan| plan.largest_batch(workgroups))
        .fold(binding / size_of::<f32>() / largest, usize::min)
}

fn uniform(device: &Device, label: &str, size: usize) -> Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: size as u64,
        usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}
