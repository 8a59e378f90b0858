//! Builds pipelines: each shader is compiled once and specialised for every step.

use super::shaders::{self, LayerShader};
use crate::GRADIENTS;
use crate::device::pipeline::{
    Constants, READ, UNIFORM, WRITE, bind_group_layout, module, pipeline, pipeline_layout,
};
use wgpu::{
    BindGroupLayout, BufferBindingType, ComputePipeline, Device, PipelineLayout, ShaderModule,
    ShaderStages,
};

/// A compute shader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shader {
    /// A shader of a map, of its gradient, or of an epilogue alone.
    Layer(LayerShader),
    /// `sample.wgsl`
    Sample,
    /// `sample_gradient.wgsl`
    SampleGradient,
}

/// The buffers of a step, as `step.wgsl` binds them: frame, weights, input, residual, output.
pub const BINDINGS: [BufferBindingType; 5] = [UNIFORM, READ, READ, READ, WRITE];
/// The buffers of a gradient step: those of a step and the saved value.
pub const GRADIENT_BINDINGS: [BufferBindingType; 6] = [UNIFORM, READ, READ, READ, WRITE, READ];

/// Builds pipelines for a device.
pub struct Kernels {
    plain: (BindGroupLayout, PipelineLayout),
    /// Created on first use.
    gradient: Option<(BindGroupLayout, PipelineLayout)>,
    modules: Vec<(Shader, ShaderModule)>,
}

impl Shader {
    /// Whether it binds [`GRADIENT_BINDINGS`].
    pub fn reads_saved(self) -> bool {
        match self {
            Self::Layer(shader) => shader.derivative,
            Self::Sample => false,
            Self::SampleGradient => true,
        }
    }

    fn source(self) -> String {
        match self {
            Self::Layer(shader) => shader.source(),
            Self::Sample => shaders::SAMPLE.into(),
            Self::SampleGradient if GRADIENTS => shaders::SAMPLE_GRADIENT.into(),
            Self::SampleGradient => String::new(),
        }
    }
}

fn layouts(device: &Device, bindings: &[BufferBindingType]) -> (BindGroupLayout, PipelineLayout) {
    let layout = bind_group_layout(device, ShaderStages::COMPUTE, bindings);
    let pipeline = pipeline_layout(device, &layout);
    (layout, pipeline)
}

impl Kernels {
    /// A builder that has compiled nothing yet.
    pub fn new(device: &Device) -> Self {
        Self {
            plain: layouts(device, &BINDINGS),
            gradient: None,
            modules: Vec::new(),
        }
    }

    /// The bind group layout of a shader.
    pub fn layout(&mut self, device: &Device, reads_saved: bool) -> &BindGroupLayout {
        &self.layouts(device, reads_saved).0
    }

    fn layouts(&mut self, device: &Device, saved: bool) -> &(BindGroupLayout, PipelineLayout) {
        if !saved || !GRADIENTS {
            return &self.plain;
        }
        let make = || layouts(device, &GRADIENT_BINDINGS);
        self.gradient.get_or_insert_with(make)
    }

    /// Builds a pipeline.
    pub fn build(
        &mut self,
        device: &Device,
        shader: Shader,
        constants: &Constants,
    ) -> ComputePipeline {
        let layout = self.layouts(device, shader.reads_saved()).1.clone();
        let known = self.modules.iter().position(|(known, _)| *known == shader);
        let i = known.unwrap_or_else(|| {
            let module = module(device, "step", &shader.source());
            self.modules.push((shader, module));
            self.modules.len() - 1
        });
        pipeline(device, &layout, &self.modules[i].1, constants)
    }
}
