//! A plan with its memory, and the frames made of its entry points: what a model and its
//! gradients have in common.

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

/// A schedule on the GPU. Pipelines are built once; buffers grow to the largest batch seen and
/// stay. Batches of any size are taken, large ones in parts.
pub struct Engine {
    pub context: Rc<Context>,
    pub plan: Plan,
    pub kernels: Kernels,
    half_precision: bool,
    /// Items of the largest batch that is not split.
    pub largest_batch: usize,
    weights: Buffer,
    /// Steps whose parameters have been written, and the bytes that they take.
    uploaded: (usize, u64),
    pub frame: Buffer,
    buffers: Option<Buffers>,
    /// Goes up when buffers are new.
    generation: u64,
    pub pool: Pool,
    checks: Checks,
}

/// How a schedule is compiled.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Values that do not share their places.
    pub kept: &'a [usize],
    /// Threads that keep the device busy.
    pub parallelism: usize,
    /// Whether weights may be f16.
    pub f16: bool,
}

/// Everything whose size follows the batch: a buffer for each slot.
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

/// One question, of any number of items.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub entry: EntryPoint,
    pub items: usize,
    /// What the entry point reads, items end to end.
    pub inputs: &'a [&'a [f32]],
    pub temperature: f32,
    /// Whether numbers come back.
    pub read: bool,
}

impl Engine {
    /// Compiles a schedule for a device: everything but the weights, which may still be on their
    /// way. What `also` builds is built within the same error scopes.
    ///
    /// # Errors
    /// [`Error::TooLarge`], before anything is built.
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

    /// Writes the parameters of the next step. Whether there are more.
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

    /// Writes all parameters.
    pub fn upload(&mut self, weights: &Weights) {
        self.uploaded = (0, 0);
        while self.upload_step(weights) {}
    }

    /// An entry point.
    ///
    /// # Panics
    /// Where the schedule has none of the name.
    pub fn entry(&self, name: EntryPoint) -> &Entry {
        let found = self.plan.schedule.entry(name);
        found.unwrap_or_else(|| unreachable!("the schedule has no such entry point"))
    }

    /// f32 of a value for one item.
    pub fn len(&self, value: usize) -> usize {
        self.plan.layout(value).len()
    }

    /// The buffer of a value, once there are any.
    pub fn buffer(&self, value: usize) -> Option<&Buffer> {
        let slot = self.plan.slots.of[value]?;
        self.buffers.as_ref().map(|buffers| &buffers.slots[slot])
    }

    /// Submits a call and gives what its entry point writes.
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

    /// The parameters' buffer.
    #[cfg(feature = "gradients")]
    pub fn weights(&self) -> &Buffer {
        &self.weights
    }

    /// Takes errors that may still come as this schedule's.
    #[cfg(feature = "gradients")]
    pub fn watch(&mut self, errors: checks::Errors) {
        self.checks.push(errors);
    }

    /// Waits until the GPU has accepted what earlier calls have built and drawn.
    pub fn checked(&mut self) -> impl Future<Output = Result<(), Error>> + use<> {
        self.checks.take()
    }

    /// Tells of an error that nobody has waited for, and makes up for one that has been
    /// told: what may not be whole is built again, with smaller batches where even these
    /// were too much.
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

    /// Submits a call batch by batch, within error scopes what builds something, or uses what
    /// is not known to be right.
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
            let known = self.checks.are_through()
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

    /// f32 that come back of one item.
    fn read_len(&self, entry: EntryPoint) -> usize {
        let outputs = self.entry(entry).outputs.iter();
        outputs.map(|&value| self.len(value)).sum()
    }

    /// One frame: one encoder, one compute pass, what else there is, one submit.
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

    /// Tells the shaders of a batch.
    pub fn write_frame(&self, batch: usize, temperature: f32) {
        let frame = Frame {
            batch: batch as u32,
            temperature,
        };
        let bytes = bytemuck::bytes_of(&frame);
        self.context.queue.write_buffer(&self.frame, 0, bytes);
    }

    /// Writes a value's buffer.
    pub fn write(&self, value: usize, values: &[f32]) {
        if let (false, Some(buffer)) = (values.is_empty(), self.buffer(value)) {
            let bytes = bytemuck::cast_slice(values);
            self.context.queue.write_buffer(buffer, 0, bytes);
        }
    }

    /// Makes the buffers hold `batch` items. A larger batch than ever before costs new
    /// buffers and bind groups; any other costs nothing.
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

    /// Items in a batch whose first input is this.
    pub fn count(&self, values: &[f32], value: usize) -> Result<usize, Error> {
        let len = self.len(value);
        if values.is_empty() || !values.len().is_multiple_of(len) {
            let found = values.len();
            return Err(Error::Input { found, len });
        }
        Ok(values.len() / len)
    }
}

/// The items of the largest batch that is not split: its buffers fit the device and our own
/// limits, and its workgroups fit one dispatch. `weights` are all the parameters, in f32.
fn largest_batch(capabilities: &Capabilities, plan: &Plan, weights: usize) -> Result<usize, Error> {
    // Lengths come from a model's file: their sums may be anything.
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
    let room = MOST_BATCH_BYTES.min(MOST_BYTES - bytes(weights));
    let fits = (room / bytes(all)).min(limit / bytes(largest)).max(1);
    Ok(dispatched.min(usize::try_from(fits).unwrap_or(usize::MAX)))
}
