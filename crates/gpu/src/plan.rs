//! A graph compiled for the GPU: pipelines once, buffers and bind groups for the
//! largest batch seen.

use crate::kernel::{Kernel, Kernels, LANES, bind_group, columns};
use crate::readback::bytes;
use vaelet_model::{Graph, Model, Step};
use wgpu::{BindGroup, Buffer, BufferUsages, ComputePass, Device};

/// All parameters of a model as the kernels read them: rows of output channels in
/// vec4, the last of each row padded with zeros, in the order of use.
#[derive(Default)]
pub struct PackedWeights {
    values: Vec<f32>,
}

impl PackedWeights {
    /// Appends rows of `outputs` values; returns where they begin, in vec4.
    fn push(&mut self, rows: &[f32], outputs: usize) -> usize {
        let start = self.values.len() / LANES;
        for row in rows.chunks_exact(outputs) {
            self.values.extend_from_slice(row);
            let padded = self.values.len() + columns(outputs) * LANES - outputs;
            self.values.resize(padded, 0.0);
        }
        start
    }

    /// The bytes of the storage buffer.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.values)
    }
}

/// A graph's kernels and the places of its values.
pub struct Plan {
    graph: Graph,
    kernels: Vec<Kernel>,
    slot_of: Vec<usize>,
    slot_sizes: Vec<usize>,
    bind_groups: Vec<BindGroup>,
}

impl Plan {
    /// Builds the pipelines and appends the parameters to `weights`.
    pub fn new(
        device: &Device,
        kernels: &Kernels,
        model: &Model,
        graph: &Graph,
        weights: &mut PackedWeights,
    ) -> Self {
        let build = |step: &Step| {
            let outputs = step.params.bias;
            let weight = weights.push(model.weights.get(&step.params.weight_name()), outputs);
            let bias = weights.push(model.weights.get(&step.params.bias_name()), outputs);
            kernels.build(device, step, weight, bias)
        };
        let built = graph.steps.iter().map(build).collect();
        let (slot_of, slot_sizes) = graph.slots();
        Self {
            graph: graph.clone(),
            kernels: built,
            slot_of,
            slot_sizes,
            bind_groups: Vec::new(),
        }
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
        for (kernel, bind_group) in self.kernels.iter().zip(&self.bind_groups) {
            pass.set_pipeline(&kernel.pipeline);
            pass.set_bind_group(0, bind_group, &[]);
            let [x, y, z] = kernel.workgroups(batch);
            pass.dispatch_workgroups(x, y, z);
        }
    }

    /// The most items whose workgroups fit one dispatch.
    pub fn largest_batch(&self, workgroups: u32) -> usize {
        let fits = |batch: usize| {
            let groups = self
                .kernels
                .iter()
                .flat_map(|kernel| kernel.workgroups(batch));
            groups.max().is_none_or(|most| most <= workgroups)
        };
        // Workgroups grow with the batch, so the last power of two that fits will do.
        (0..12)
            .map(|power| 1 << power)
            .take_while(|&batch| fits(batch))
            .last()
            .unwrap_or(0)
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
