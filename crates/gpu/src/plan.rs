//! A schedule compiled for the GPU: its pipelines, and the bind groups for the current buffers.

use crate::GRADIENTS;
use crate::device::pipeline::{Constants, bind_group};
use crate::kernels::build::{Kernels, Shader};
use crate::kernels::geometry::Geometry;
use crate::kernels::layer::{Kernel, Layouts, Variant};
use crate::kernels::layout::Layout;
use crate::kernels::sample::Sample;
use crate::kernels::tiling::Tuning;
use crate::kernels::weights::{Offsets, PackedWeights};
use std::ops::Range;
use vaelet_model::{self as model, CONDITIONS, Finish, Map, Schedule, Slots, Step, Weights};
use wgpu::{BindGroup, Buffer, ComputePass, ComputePipeline, Device};

/// The kernels of a schedule and the slots of its values.
pub struct Plan {
    pub schedule: Schedule,
    layouts: Vec<Layout>,
    pub launches: Vec<Launch>,
    /// The slot of each value, and the size of each slot for one item, in f32 values.
    pub slots: Slots,
    /// For each step, one pipeline per variant.
    pipelines: Vec<Vec<ComputePipeline>>,
    bind_groups: Vec<BindGroup>,
}

/// The kernel that runs a step.
pub enum Launch {
    /// A map with its epilogue, or an epilogue alone.
    Layer(Kernel),
    /// The sampling of z.
    Sample(Sample),
    /// The gradient of the sampling.
    SampleGradient(Sample),
}

impl Launch {
    /// Index of the variant for a batch.
    fn variant(&self, batch: usize) -> usize {
        match self {
            Self::Layer(kernel) => kernel.variant(batch),
            Self::Sample(_) | Self::SampleGradient(_) => 0,
        }
    }

    fn workgroups(&self, batch: usize) -> [usize; 3] {
        match self {
            Self::Layer(kernel) => kernel.workgroups(kernel.variant(batch), batch),
            Self::Sample(sample) | Self::SampleGradient(sample) => sample.workgroups(batch),
        }
    }

    fn largest_batch(&self, most: usize) -> usize {
        match self {
            Self::Layer(kernel) => kernel.largest_batch(most),
            Self::Sample(sample) | Self::SampleGradient(sample) => sample.largest_batch(most),
        }
    }

    /// Whether it reads a buffer that was saved for a derivative.
    fn reads_saved(&self) -> bool {
        match self {
            Self::Layer(kernel) => kernel.is_derivative(),
            Self::Sample(_) => false,
            Self::SampleGradient(_) => GRADIENTS,
        }
    }
}

impl Plan {
    /// Plans a schedule without building pipelines. The values in `kept` do not share their slots.
    /// Returns the plan and the number of blocks of all parameters.
    pub fn new(tuning: Tuning, schedule: Schedule, kept: &[usize]) -> (Self, usize) {
        let mut layouts: Vec<_> = schedule.values.iter().map(Layout::vectors).collect();
        let entries = schedule.entries.iter();
        for &end in entries.flat_map(|entry| entry.inputs.iter().chain(&entry.outputs)) {
            layouts[end] = Layout::host(&schedule.values[end]);
        }
        // The sampling kernels read and write vectors without padding.
        let samples = schedule.steps.iter().filter(|step| {
            matches!(
                step.kernel,
                model::Kernel::Sample | model::Kernel::SampleGradient(_)
            )
        });
        for value in samples.flat_map(|step| step.reads().chain([step.output])) {
            layouts[value] = Layout::host(&schedule.values[value]);
        }
        // A linear layer adds element by element, whatever image they are of.
        for step in schedule.steps.iter().filter(|_| CONDITIONS) {
            if let (model::Kernel::Map(Map::Linear { .. }, _), Some(add)) = (&step.kernel, step.add)
                && layouts[add].is_vectors()
            {
                layouts[add] = layouts[step.output];
            }
        }
        let mut end = 0;
        let launch = |step: &Step| match step.kernel {
            model::Kernel::Sample => Launch::Sample(Sample::new(layouts[step.output].len())),
            model::Kernel::SampleGradient(noise) if GRADIENTS => {
                Launch::SampleGradient(Sample::new(layouts[noise].len()))
            }
            _ => {
                let (kernel, after) = layer(tuning, step, &layouts, end);
                end = after;
                Launch::Layer(kernel)
            }
        };
        let launches = schedule.steps.iter().map(launch).collect();
        let slots = Slots::new(&schedule, kept, &|value| layouts[value].len());
        let plan = Self {
            schedule,
            layouts,
            launches,
            slots,
            pipelines: Vec::new(),
            bind_groups: Vec::new(),
        };
        (plan, end)
    }

    /// The layout of a value in its buffer.
    pub fn layout(&self, value: usize) -> Layout {
        self.layouts[value]
    }

    /// Builds the pipelines.
    pub fn build(&mut self, device: &Device, kernels: &mut Kernels) {
        let mut build = |shader, constants: &Constants| kernels.build(device, shader, constants);
        let build = |launch: &Launch| match launch {
            Launch::Layer(kernel) => {
                let variants = kernel.variants.iter();
                let pipeline = |v: &Variant| build(Shader::Layer(v.shader), &v.constants);
                variants.map(pipeline).collect()
            }
            Launch::Sample(sample) => vec![build(Shader::Sample, &sample.constants())],
            Launch::SampleGradient(sample) => {
                vec![build(Shader::SampleGradient, &sample.constants())]
            }
        };
        self.pipelines = self.launches.iter().map(build).collect();
    }

    /// The packed parameters of the step with this index; `None` past the last step.
    pub fn pack(&self, step: usize, weights: &Weights) -> Option<PackedWeights> {
        let launch = self.launches.get(step)?;
        let step = &self.schedule.steps[step];
        let (x, y) = (self.layouts[step.input], self.layouts[step.output]);
        Some(match launch {
            Launch::Layer(kernel) => PackedWeights::of(weights, step, &kernel.geometry, x, y),
            Launch::Sample(_) | Launch::SampleGradient(_) => PackedWeights::default(),
        })
    }

    /// Creates the bind groups for the uniform buffer of the frame, the buffer of the weights, and
    /// the buffers of all slots.
    pub fn bind(
        &mut self,
        device: &Device,
        kernels: &mut Kernels,
        [frame, weights]: [&Buffer; 2],
        slots: &[Buffer],
    ) {
        let buffer = |value: usize| &slots[self.slots.of[value].unwrap_or(0)];
        let bind = |(step, launch): (&Step, &Launch)| {
            let x = buffer(step.input);
            // WebGPU needs a buffer at every binding, even if the kernel does not read it.
            let add = step.add.map_or(x, buffer);
            let mut buffers = vec![frame, weights, x, add, buffer(step.output)];
            let saved = match (&step.kernel, step.finish) {
                _ if !GRADIENTS => None,
                (model::Kernel::SampleGradient(noise), _) => Some(*noise),
                (_, Finish::Derivative(_, saved)) => Some(saved),
                _ => None,
            };
            buffers.extend(saved.map(buffer));
            let layout = kernels.layout(device, launch.reads_saved());
            bind_group(device, layout, &buffers)
        };
        let steps = self.schedule.steps.iter().zip(&self.launches);
        self.bind_groups = steps.map(bind).collect();
    }

    /// Records one dispatch for each step of a range.
    pub fn dispatch(&self, pass: &mut ComputePass<'_>, steps: Range<usize>, batch: usize) {
        for step in steps {
            let launch = &self.launches[step];
            let [x, y, z] = launch.workgroups(batch).map(|n| n as u32);
            pass.set_pipeline(&self.pipelines[step][launch.variant(batch)]);
            pass.set_bind_group(0, &self.bind_groups[step], &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }

    /// The largest number of workgroups in any dimension of any dispatch, for one item.
    pub fn most_workgroups(&self) -> usize {
        let each = self.launches.iter().flat_map(|launch| launch.workgroups(1));
        each.max().unwrap_or(0)
    }

    /// The largest batch whose dispatches have at most `most` workgroups per dimension.
    pub fn largest_batch(&self, most: usize) -> usize {
        let each = self
            .launches
            .iter()
            .map(|launch| launch.largest_batch(most));
        each.min().unwrap_or(usize::MAX)
    }
}

/// The kernel of a step whose parameters start at block `start`, and the block after them.
fn layer(tuning: Tuning, step: &Step, layouts: &[Layout], start: usize) -> (Kernel, usize) {
    let (x, y) = (layouts[step.input], layouts[step.output]);
    let plain = step.add.is_none() && matches!(step.finish, Finish::Activate(_));
    let geometry = match step.map() {
        Some((map, _)) => Geometry::new(map, x, y, plain),
        None => Geometry::identity(y.shape()),
    };
    let (offsets, end) = Offsets::after(start, &geometry);
    let layouts = Layouts {
        x,
        // Strides of operands that do not exist are never used.
        add: layouts[step.add.unwrap_or(step.input)],
        saved: match step.finish {
            Finish::Derivative(_, value) => layouts[value],
            Finish::Activate(_) => x,
        },
        y,
    };
    (Kernel::new(tuning, step, geometry, offsets, layouts), end)
}
