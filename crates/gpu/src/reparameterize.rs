//! z = μ + T · σ · ε, between encoder and decoder in one pass.

use crate::capabilities::REPARAMETERIZE_THREADS;
use crate::kernel::{READ, UNIFORM, WRITE, bind_group_layout, module, pipeline, pipeline_layout};
use crate::shaders;
use wgpu::{BindGroupLayout, BufferBindingType, ComputePipeline, Device, ShaderStages};

/// The buffers of `reparameterize.wgsl`.
pub const BINDINGS: [BufferBindingType; 4] = [UNIFORM, READ, READ, WRITE];

/// What `reparameterize.wgsl` is specialised with.
pub fn constants(latent: usize) -> [(&'static str, f64); 1] {
    [("LATENT", latent as f64)]
}

/// The pipeline; it reads posterior and ε and writes z.
pub struct Reparameterize {
    pub pipeline: ComputePipeline,
    pub layout: BindGroupLayout,
    latent: usize,
}

impl Reparameterize {
    pub fn new(device: &Device, latent: usize) -> Self {
        let layout = bind_group_layout(device, ShaderStages::COMPUTE, &BINDINGS);
        let module = module(device, "reparameterize", shaders::REPARAMETERIZE);
        Self {
            pipeline: pipeline(
                device,
                &pipeline_layout(device, &layout),
                &module,
                &constants(latent),
            ),
            layout,
            latent,
        }
    }

    /// Workgroups for a batch.
    pub fn workgroups(&self, batch: usize) -> u32 {
        (batch * self.latent).div_ceil(REPARAMETERIZE_THREADS) as u32
    }
}
