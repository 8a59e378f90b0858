//! A plan with its buffers, whose entry points run as frames. Models and gradients both build on
//! it.

use crate::device::capabilities::{Capabilities, MOST_BATCH_BYTES, MOST_BYTES, at_most};
#[cfg(feature = "gradients")]
use crate::device::checks;
use crate::device::checks::{Checks, Fault, scoped};
use crate::device::pipeline::{storage, uniform};
use crate::device::readback::{Parts, Pending, Pool};
use crate::kernels::build::Kernels;
use crate::kernels::present::Drawing;
use crate::kernels::tiling::Tuning;
use crate::kernels::weights::block_len;
use crate::plan::Plan;
use crate::{Context, Error};
use bytemuck::{Pod, Zeroable};
use std::future::Future;
use std::ops::Range;
use std::rc::Rc;
use vaelet_model::{Entry, EntryPoint, Schedule, Weights};
use wgpu::{Buffer, Device};

/// A schedule on the GPU. Pipelines are built once. Buffers grow to the largest batch so far and
/// are kept. Large batches are split.
pub struct Engine {
    pub context: Rc<Context>,
    pub plan: Plan,
    pub kernels: Kernels,
    half_precision: bool,
    /// Number of items of the largest batch that is not split.
    pub largest_batch: usize,
    weights: Buffer,
    /// Number of steps whose parameters have been written, and their size in bytes.
    uploaded: (usize, u64),
    pub frame: Buffer,
    buffers: Option<Buffers>,
    /// Increases each time the buffers are replaced.
    generation: u64,
    pub pool: Pool,
    checks: Checks,
}

/// How a schedule is compiled.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Values that do not share their buffers with others.
    pub kept: &'a [usize],
    /// Number of threads that keep the device busy.
    pub parallelism: usize,
    /// Whether weights may be f16.
    pub f16: bool,
}

/// The buffers whose size depends on the batch: one for each slot.
struct Buffers {
    capacity: usize,
    slots: Vec<Buffer>,
}

/// `Frame` in the shaders.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Frame {
    batch: u32,
    temperature: f32,
}

/// One run of an entry point for any number of items.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub entry: EntryPoint,
    pub items: usize,
    /// The inputs of the entry point, each with its items concatenated.
    pub inputs: &'a [&'a [f32]],
    pub temperature: f32,
    /// Whether the outputs are read back.
    pub read: bool,
}

impl Engine {
    /// Compiles a schedule for a device. The weights follow by [`Engine::upload_step`], since they
    /// may still be downloading. `also` runs within the same error scopes; its result is returned.
    ///
    /// # Errors
    /// [`Error::TooLarge`], before any GPU object is created.
    pub fn new<T>(
        context: Rc<Context>,
        schedule: Schedule,
        options: Options<'_>,
        also: impl FnOnce(&Device) -> T,
    ) -> Result<(Self, T), Error> {
        let capabilities = &context.capabilities;
        let tuning = Tuning {
            parallelism: options.parallelism,
            most_slices: capabilities.most_slices(),
            half_precision: capabilities.f16 && options.f16,
        };
        let (plan, end) = Plan::new(tuning, schedule, options.kept);
        let weights = end.saturating_mul(block_len(tuning.half_precision));
        let largest_batch = largest_batch(capabilities, &plan, weights)?;

        let device = &context.device;
        let build = || {
            let (mut plan, mut kernels) = (plan, Kernels::new(device));
            plan.build(device, &mut kernels);
            let engine = Self {
                weights: storage(device, "weights", weights),
                uploaded: (0, 0),
                frame: uniform(device, "frame", size_of::<Frame>()),
                half_precision: tuning.half_precision,
                buffers: None,
                generation: 0,
                pool: Pool::default(),
                checks: Checks::default(),
                context: context.clone(),
                largest_batch,
                kernels,
                plan,
            };
            (engine, also(device))
        };
        let ((mut engine, also), errors) = scoped(device, build);
        engine.checks.push(errors);
        Ok((engine, also))
    }

    /// Writes the parameters of the next step. Returns `false` if all had been written before.
    pub fn upload_step(&mut self, weights: &Weights) -> bool {
        let (step, start) = self.uploaded;
        let Some(packed) = self.plan.pack(step, weights) else {
            return false;
        };
        let bytes = packed.bytes(self.half_precision);
        if !bytes.is_empty() {
            let Context { device, queue, .. } = &*self.context;
            let ((), errors) = scoped(device, || queue.write_buffer(&self.weights, start, &bytes));
            self.checks.push(errors);
        }
        self.uploaded = (step + 1, start + bytes.len() as u64);
        true
    }

    /// Writes the parameters of all steps.
    pub fn upload(&mut self, weights: &Weights) {
        self.uploaded = (0, 0);
        while self.upload_step(weights) {}
    }

    /// The entry point with this name.
    ///
    /// # Panics
    /// If the schedule has no such entry point.
    pub fn entry(&self, name: EntryPoint) -> &Entry {
        let found = self.plan.schedule.entry(name);
        found.unwrap_or_else(|| unreachable!("the schedule has no such entry point"))
    }

    /// Size of a value for one item, in f32 values.
    pub fn len(&self, value: usize) -> usize {
        self.plan.layout(value).len()
    }

    /// The buffer of a value; `None` before the first batch or if the value has no slot.
    pub fn buffer(&self, value: usize) -> Option<&Buffer> {
        let slot = self.plan.slots.of[value]?;
        self.buffers.as_ref().map(|buffers| &buffers.slots[slot])
    }

    /// Submits a call. The future resolves with the outputs of its entry point, one vector each.
    pub fn run(
        &mut self,
        call: Call<'_>,
        drawing: Option<Drawing<'_>>,
    ) -> Result<impl Future<Output = Result<Parts, Error>> + use<>, Error> {
        let frames = self.submit(call, drawing)?;
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

    /// The buffer of the parameters.
    #[cfg(feature = "gradients")]
    pub fn weights(&self) -> &Buffer {
        &self.weights
    }

    /// Attributes pending errors to this schedule.
    #[cfg(feature = "gradients")]
    pub fn watch(&mut self, errors: checks::Errors) {
        self.checks.push(errors);
    }

    /// Waits until the GPU has accepted the work of all earlier calls.
    pub fn checked(&mut self) -> impl Future<Output = Result<(), Error>> + use<> {
        self.checks.take()
    }

    /// Returns an error that no future waited for. After a fault it drops the buffers, which may be
    /// invalid, so that the next batch rebuilds them; if the GPU had rejected them, for half the
    /// batch.
    pub fn settle(&mut self) -> Result<(), Error> {
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

    /// Submits a call batch by batch. A batch that creates GPU objects, or uses some that are not
    /// checked yet, runs within error scopes.
    pub fn submit(
        &mut self,
        call: Call<'_>,
        mut drawing: Option<Drawing<'_>>,
    ) -> Result<Vec<Pending>, Error> {
        self.settle()?;
        let mut pending = Vec::new();
        let mut batch = 0..0;
        while batch.end < call.items {
            batch = batch.end..call.items.min(batch.end + self.largest_batch);
            let known = self.checks.are_finished()
                && self
                    .buffers
                    .as_ref()
                    .is_some_and(|b| batch.len() <= b.capacity)
                && (!call.read || self.pool.has(batch.len() * self.read_len(call.entry)))
                && drawing
                    .as_ref()
                    .is_none_or(|drawing| drawing.is_known(self.generation));
            let frame = if known {
                self.frame(&call, &batch, drawing.as_mut())
            } else {
                let context = self.context.clone();
                let (frame, errors) = scoped(&context.device, || {
                    self.reserve(batch.len());
                    self.frame(&call, &batch, drawing.as_mut())
                });
                self.checks.push(errors);
                frame
            };
            pending.extend(frame);
        }
        Ok(pending)
    }

    /// Number of f32 values to read back for one item.
    fn read_len(&self, entry: EntryPoint) -> usize {
        let outputs = self.entry(entry).outputs.iter();
        outputs.map(|&value| self.len(value)).sum()
    }

    /// Submits one frame: one encoder with one compute pass, then the readback and the drawing if
    /// there are any.
    fn frame(
        &mut self,
        call: &Call<'_>,
        batch: &Range<usize>,
        drawing: Option<&mut Drawing<'_>>,
    ) -> Option<Pending> {
        let count = batch.len();
        self.buffers.as_ref()?;
        self.write_frame(count, call.temperature);
        let entry = self.entry(call.entry);
        for (&value, values) in entry.inputs.iter().zip(call.inputs) {
            let len = values.len() / call.items;
            self.write(value, &values[batch.start * len..batch.end * len]);
        }
        let device = &self.context.device;
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        self.plan.dispatch(&mut pass, entry.range.clone(), count);
        drop(pass);
        let mut pending = call.read.then(|| {
            let part = |&value: &usize| Some((self.buffer(value)?, count * self.len(value)));
            let sources: Vec<_> = entry.outputs.iter().filter_map(part).collect();
            self.pool.copy(device, &mut encoder, &sources)
        });
        if let Some(drawing) = drawing
            && let Some(images) = self.buffer(drawing.value())
        {
            let images = (self.generation, images);
            drawing.record(&self.context, images, &mut encoder, call.items, batch);
        }
        self.context.queue.submit([encoder.finish()]);
        if let Some(pending) = &mut pending {
            pending.map(device);
        }
        pending
    }

    /// Writes the uniform buffer that all shaders read.
    pub fn write_frame(&self, batch: usize, temperature: f32) {
        let frame = Frame {
            batch: batch as u32,
            temperature,
        };
        let bytes = bytemuck::bytes_of(&frame);
        self.context.queue.write_buffer(&self.frame, 0, bytes);
    }

    /// Writes a value to its buffer.
    pub fn write(&self, value: usize, values: &[f32]) {
        if let (false, Some(buffer)) = (values.is_empty(), self.buffer(value)) {
            let bytes = bytemuck::cast_slice(values);
            self.context.queue.write_buffer(buffer, 0, bytes);
        }
    }

    /// Ensures that the buffers hold `batch` items. Only a batch larger than all before creates new
    /// buffers and bind groups.
    pub fn reserve(&mut self, batch: usize) {
        if self.buffers.as_ref().is_some_and(|b| batch <= b.capacity) {
            return;
        }
        let device = &self.context.device;
        let sizes = self.plan.slots.sizes.iter();
        let slots: Vec<Buffer> = sizes
            .map(|len| storage(device, "values", batch * len))
            .collect();
        let own = [&self.frame, &self.weights];
        self.plan.bind(device, &mut self.kernels, own, &slots);
        self.buffers = Some(Buffers {
            capacity: batch,
            slots,
        });
        self.generation += 1;
    }

    /// Number of items in a batch, from the values of one of its inputs.
    ///
    /// # Errors
    /// [`Error::Input`] if `values` is empty or not a whole number of items.
    pub fn count(&self, values: &[f32], value: usize) -> Result<usize, Error> {
        let len = self.len(value);
        if values.is_empty() || !values.len().is_multiple_of(len) {
            let found = values.len();
            return Err(Error::Input { found, len });
        }
        Ok(values.len() / len)
    }
}

/// Number of items of the largest batch that is not split: its buffers fit the device's limits and
/// our own, and its workgroups fit one dispatch. `weights` is the size of all parameters in f32
/// values.
///
/// # Errors
/// [`Error::TooLarge`] if even a single item does not fit.
fn largest_batch(capabilities: &Capabilities, plan: &Plan, weights: usize) -> Result<usize, Error> {
    // Lengths come from a model file, so their sums may overflow.
    let bytes = |len: usize| (len as u64).saturating_mul(size_of::<f32>() as u64);
    let entries = plan.schedule.entries.iter();
    let read_back = entries.map(|entry| {
        let outputs = entry.outputs.iter();
        outputs
            .map(|&value| plan.layout(value).len())
            .sum::<usize>()
    });
    let read_back = read_back.max().unwrap_or(0);
    let largest = plan.slots.sizes.iter().copied().fold(read_back, usize::max);
    let all = plan.slots.sizes.iter().sum::<usize>() + read_back;

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
    let dispatched = plan.largest_batch(workgroups);
    if dispatched == 0 {
        return Err(Error::TooLarge {
            what: "workgroups for a layer",
            needed: plan.most_workgroups() as u64,
            limit: workgroups as u64,
        });
    }
    let available = MOST_BATCH_BYTES.min(MOST_BYTES - bytes(weights));
    let fits = (available / bytes(all)).min(limit / bytes(largest)).max(1);
    Ok(dispatched.min(usize::try_from(fits).unwrap_or(usize::MAX)))
}
