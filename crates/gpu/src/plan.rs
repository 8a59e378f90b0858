//! A graph compiled for the GPU: pipelines once, buffers and bind groups for the
//! largest batch seen.

use crate::kernel::{Geometry, Kernel, Kernels, Tuning, bind_group};
use crate::layout::Layout;
use crate::readback::bytes;
use crate::weights::{PackedWeights, Place};
use vaelet_model::{Graph, Model, Step};
use wgpu::{BindGroup, Buffer, BufferUsages, ComputePass, ComputePipeline, Device};

/// A graph's kernels and the places of its values.
pub struct Plan {
    graph: Graph,
    layouts: Vec<Layout>,
    pub kernels: Vec<Kernel>,
    slot_of: Vec<usize>,
    slot_sizes: Vec<usize>,
    /// For each step those of its variants.
    pipelines: Vec<Vec<ComputePipeline>>,
    bind_groups: Vec<BindGroup>,
}

impl Plan {
    /// Plans a graph; nothing is built. Its parameters begin `start` blocks into the
    /// model's weights; its output is laid out as `output` says. Returns where they end.
    pub fn new(
        tuning: Tuning,
        graph: &Graph,
        output: impl Fn(&vaelet_model::Value) -> Layout,
        start: usize,
    ) -> (Self, usize) {
        let mut layouts: Vec<_> = graph.values.iter().map(Layout::vectors).collect();
        layouts[0] = Layout::planes(&graph.values[0]);
        layouts[graph.output()] = output(&graph.values[graph.output()]);

        let mut end = start;
        let kernel = |step: &Step| {
            let (x, y) = (layouts[step.input], layouts[step.output]);
            let geometry = Geometry::new(step, x, y);
            let place;
            (place, end) = Place::after(end, &geometry);
            // Where nothing is added its strides do not matter.
            let add = layouts[step.add.unwrap_or(step.input)];
            Kernel::new(tuning, step, geometry, place, [x, add, y])
        };
        let kernels = graph.steps.iter().map(kernel).collect();
        let (slot_of, mut slot_sizes) = graph.slots();
        for (layout, &slot) in layouts.iter().zip(&slot_of) {
            slot_sizes[slot] = slot_sizes[slot].max(layout.len());
        }
        let plan = Self {
            graph: graph.clone(),
            layouts,
            kernels,
            slot_of,
            slot_sizes,
            pipelines: Vec::new(),
            bind_groups: Vec::new(),
        };
        (plan, end)
    }

    /// Builds the pipelines.
    pub fn build(&mut self, device: &Device, kernels: &mut Kernels) {
        let build = |kernel: &Kernel| {
            let variants = kernel.variants.iter();
            variants
                .map(|variant| kernels.build(device, variant))
                .collect()
        };
        self.pipelines = self.kernels.iter().map(build).collect();
    }

    /// The parameters of the step with this number, if there is one.
    pub fn pack(&self, step: usize, model: &Model) -> Option<PackedWeights> {
        let kernel = self.kernels.get(step)?;
        let step = &self.graph.steps[step];
        let (x, y) = (self.layouts[step.input], self.layouts[step.output]);
        Some(PackedWeights::of(model, step, &kernel.geometry, x, y))
    }

    /// f32 that one item needs in each slot that is neither input nor output.
    pub fn inner_slots(&self) -> &[usize] {
        &self.slot_sizes[2..]
    }

    /// Binds the plan to its buffers: `frame` and `weights` are the whole model's,
    /// `inner` has at least [`Plan::inner_slots`] buffers of at least their sizes.
    pub fn bind(
        &mut self,
        device: &Device,
        layout: &wgpu::BindGroupLayout,
        [frame, weights, input, output]: [&Buffer; 4],
        inner: &[Buffer],
    ) {
        let buffer = |value: usize| match self.slot_of[value] {
            0 => input,
            1 => output,
            slot => &inner[slot - 2],
        };
        let bind = |step: &Step| {
            let x = buffer(step.input);
            // Where nothing is added something has to be bound all the same.
            let add = step.add.map_or(x, buffer);
            bind_group(
                device,
                layout,
                &[frame, weights, x, add, buffer(step.output)],
            )
        };
        self.bind_groups = self.graph.steps.iter().map(bind).collect();
    }

    /// Records one dispatch for each step.
    pub fn dispatch(&self, pass: &mut ComputePass<'_>, batch: usize) {
        for step in 0..self.kernels.len() {
            self.dispatch_step(pass, step, batch);
        }
    }

    /// Records the dispatch of one step.
    pub fn dispatch_step(&self, pass: &mut ComputePass<'_>, step: usize, batch: usize) {
        let kernel = &self.kernels[step];
        let variant = kernel.variant(batch);
        let [x, y, z] = kernel.workgroups(variant, batch).map(|n| n as u32);
        pass.set_pipeline(&self.pipelines[step][variant]);
        pass.set_bind_group(0, &self.bind_groups[step], &[]);
        pass.dispatch_workgroups(x, y, z);
    }

    /// Workgroups of the largest dispatch for one item, in its longest direction.
    pub fn most_workgroups(&self) -> usize {
        let each = self
            .kernels
            .iter()
            .flat_map(|k| k.workgroups(k.variant(1), 1));
        each.max().unwrap_or(0)
    }

    /// The most items whose dispatches have at most `most` workgroups in each direction.
    pub fn largest_batch(&self, most: usize) -> usize {
        let each = self.kernels.iter().map(|kernel| kernel.largest_batch(most));
        each.min().unwrap_or(usize::MAX)
    }
}

/// A storage buffer of `len` f32 that can be written and read back.
pub fn storage(device: &Device, label: &str, len: usize) -> Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: bytes(len),
        usage: BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    })
}
