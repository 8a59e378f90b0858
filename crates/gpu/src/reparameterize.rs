//! z = μ + T · σ · ε, between encoder and decoder in one pass.

use crate::kernel::{bind_group_layout, module, pipeline, pipeline_layout};
use crate::shaders;
use wgpu::{BindGroupLayout, BufferBindingType, ComputePipeline, Device, ShaderStages};

/// Items of one workgroup.
const WORKGROUP: usize = 64;

/// The pipeline; it reads posterior and ε and writes z.
pub struct Reparameterize {
    pub pipeline: ComputePipeline,
    pub layout: BindGroupLayout,
    latent: usize,
}

impl Reparameterize {
    pub fn new(device: &Device, latent: usize) -> Self {
        let read = BufferBindingType::Storage { read_only: true };
        let write = BufferBindingType::Storage { read_only: false };
        let buffers = [BufferBindingType::Uniform, read, read, write];
        let layout = bind_group_layout(device, ShaderStages::COMPUTE, &buffers);
        let module = module(device, "reparameterize", shaders::REPARAMETERIZE);
        let constants = [("LATENT", latent as f64)];
        Self {
            pipeline: pipeline(
                device,
                &pipeline_layout(device, &layout),
                &module,
                &constants,
            ),
            layout,
            latent,
        }
    }

    /// Workgroups for a batch.
    pub fn workgroups(&self, batch: usize) -> u32 {
        (batch * self.latent).div_ceil(WORKGROUP) as u32
    }
}
