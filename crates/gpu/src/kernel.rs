//! What the layer kernels share on the Rust side, as `shaders/step.wgsl` and
//! `shaders/tile.wgsl` share it on the other: constants, bindings and workgroups.

use crate::{conv_transpose2d, conv2d, linear, shaders};
use vaelet_model::{Activation, Op, Step, Window};
use wgpu::{
    BindGroupLayout, BufferBindingType, ComputePipeline, Device, ShaderModule, ShaderStages,
};

/// Values of `override` declarations, by name.
pub type Constants = Vec<(&'static str, f64)>;

/// Output channels in one vec4 of weights.
pub const LANES: usize = 4;
/// Threads in a workgroup of `tile.wgsl`.
const TILE_THREADS: usize = 64;
/// Rows that each of them makes.
const ROWS_PER_THREAD: usize = 4;

/// Number of vec4 that hold `outputs` channels.
pub fn columns(outputs: usize) -> usize {
    outputs.div_ceil(LANES)
}

/// A step as the GPU runs it.
pub struct Kernel {
    pub pipeline: ComputePipeline,
    op: Op,
}

impl Kernel {
    /// Workgroups for a batch, in each direction.
    pub fn workgroups(&self, batch: usize) -> [u32; 3] {
        let groups = match &self.op {
            Op::Linear { outputs, .. } => linear::workgroups(*outputs, batch),
            Op::Conv2d(window) => conv2d::workgroups(window, batch),
            Op::ConvTranspose2d(window) => conv_transpose2d::workgroups(window, batch),
        };
        groups.map(|n| n as u32)
    }
}

/// Builds kernels: each shader is compiled once and specialised for every step.
pub struct Kernels {
    pub layout: BindGroupLayout,
    pipeline_layout: wgpu::PipelineLayout,
    linear: ShaderModule,
    conv2d: ShaderModule,
    conv_transpose2d: ShaderModule,
}

impl Kernels {
    pub fn new(device: &Device) -> Self {
        let read = BufferBindingType::Storage { read_only: true };
        let write = BufferBindingType::Storage { read_only: false };
        let layout = bind_group_layout(
            device,
            ShaderStages::COMPUTE,
            &[BufferBindingType::Uniform, read, read, read, write],
        );
        Self {
            pipeline_layout: pipeline_layout(device, &layout),
            layout,
            linear: module(device, "linear", &shaders::linear()),
            conv2d: module(device, "conv2d", &shaders::conv2d()),
            conv_transpose2d: module(device, "conv_transpose2d", &shaders::conv_transpose2d()),
        }
    }

    /// The kernel of `step`, whose weight and bias begin at those vec4 of the buffer.
    pub fn build(&self, device: &Device, step: &Step, weight: usize, bias: usize) -> Kernel {
        let (module, mut constants) = match &step.op {
            Op::Linear { inputs, outputs } => (&self.linear, linear::constants(*inputs, *outputs)),
            Op::Conv2d(window) => (&self.conv2d, window_constants(window)),
            Op::ConvTranspose2d(window) => (&self.conv_transpose2d, window_constants(window)),
        };
        let activation = match step.activation {
            Activation::None => 0.0,
            Activation::Relu => 1.0,
            Activation::Silu => 2.0,
            Activation::Sigmoid => 3.0,
        };
        constants.extend([
            ("WEIGHT", weight as f64),
            ("BIAS", bias as f64),
            ("ACTIVATION", activation),
            ("RESIDUAL", f64::from(u8::from(step.add.is_some()))),
        ]);
        Kernel {
            pipeline: pipeline(device, &self.pipeline_layout, module, &constants),
            op: step.op,
        }
    }
}

/// What both convolutions are specialised with.
fn window_constants(window: &Window) -> Constants {
    let [in_height, in_width, inputs] = window.input;
    let [out_height, out_width, outputs] = window.output;
    [
        ("INPUTS", inputs),
        ("OUTPUTS", outputs),
        ("IN_HEIGHT", in_height),
        ("IN_WIDTH", in_width),
        ("OUT_HEIGHT", out_height),
        ("OUT_WIDTH", out_width),
        ("KERNEL", window.kernel),
        ("STRIDE", window.stride),
        ("PADDING", window.padding),
        ("WIDTH", tile_width(outputs)),
    ]
    .map(|(name, value)| (name, value as f64))
    .into()
}

/// Columns of threads in a tile: as many as there are channels for, eight at most.
fn tile_width(outputs: usize) -> usize {
    columns(outputs).next_power_of_two().min(8)
}

/// Workgroups of `tile.wgsl` for a matrix of `rows` × `outputs`.
pub fn tiles(rows: usize, outputs: usize) -> [usize; 2] {
    let width = tile_width(outputs);
    let tile_rows = ROWS_PER_THREAD * TILE_THREADS / width;
    [columns(outputs).div_ceil(width), rows.div_ceil(tile_rows)]
}

/// A layout with these buffers at bindings 0, 1, 2, ….
pub fn bind_group_layout(
    device: &Device,
    visibility: ShaderStages,
    buffers: &[BufferBindingType],
) -> BindGroupLayout {
    let entries: Vec<_> = (0..)
        .zip(buffers)
        .map(|(binding, &ty)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &entries,
    })
}

/// A pipeline layout with one bind group.
pub fn pipeline_layout(device: &Device, layout: &BindGroupLayout) -> wgpu::PipelineLayout {
    device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    })
}

/// Whole buffers at bindings 0, 1, 2, ….
pub fn bind_group(
    device: &Device,
    layout: &BindGroupLayout,
    buffers: &[&wgpu::Buffer],
) -> wgpu::BindGroup {
    let entries: Vec<_> = (0..)
        .zip(buffers)
        .map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding,
            resource: buffer.as_entire_binding(),
        })
        .collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout,
        entries: &entries,
    })
}

/// Compiles a source.
pub fn module(device: &Device, name: &str, source: &str) -> ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    })
}

/// Specialises a compute shader's `main`.
pub fn pipeline(
    device: &Device,
    layout: &wgpu::PipelineLayout,
    module: &ShaderModule,
    constants: &[(&str, f64)],
) -> ComputePipeline {
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: Some(layout),
        module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants,
            // Every kernel writes its tiles before it reads them.
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}
