//! Creates pipelines from a shader module, constants, and buffers at bindings 0, 1, 2, ….

use wgpu::{
    BindGroupLayout, Buffer, BufferBindingType, BufferUsages, ComputePipeline, Device,
    ShaderModule, ShaderStages,
};

/// Values of `override` declarations, by name.
pub type Constants = Vec<(&'static str, f64)>;

/// `var<uniform>`
pub const UNIFORM: BufferBindingType = BufferBindingType::Uniform;
/// `var<storage, read>`
pub const READ: BufferBindingType = BufferBindingType::Storage { read_only: true };
/// `var<storage, read_write>`
pub const WRITE: BufferBindingType = BufferBindingType::Storage { read_only: false };

/// A bind group layout with these buffers at bindings 0, 1, 2, ….
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

/// A bind group with whole buffers at bindings 0, 1, 2, ….
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

/// Compiles a WGSL source.
pub fn module(device: &Device, name: &str, source: &str) -> ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    })
}

/// A pipeline for a compute shader's `main`, specialised by `constants`.
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
            // Every kernel writes workgroup memory before it reads it.
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}

/// A storage buffer of `len` f32 that can be written and read back.
pub fn storage(device: &Device, label: &str, len: usize) -> Buffer {
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
    buffer(device, label, bytes(len), usage)
}

/// A uniform buffer of `size` bytes.
pub fn uniform(device: &Device, label: &str, size: usize) -> Buffer {
    let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
    buffer(device, label, size as u64, usage)
}

fn buffer(device: &Device, label: &str, size: u64, usage: BufferUsages) -> Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size,
        usage,
        mapped_at_creation: false,
    })
}

/// Bytes of `len` f32.
pub fn bytes(len: usize) -> u64 {
    (len * size_of::<f32>()) as u64
}
