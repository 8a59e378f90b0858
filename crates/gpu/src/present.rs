//! Draws the decoder's output into a texture, most often a canvas, without reading it
//! back.

use crate::kernel::{READ, UNIFORM, bind_group_layout, module, pipeline_layout};
use crate::shaders;
use bytemuck::{Pod, Zeroable};
use std::ops::Range;
use vaelet_model::Input;
use wgpu::{
    BindGroupLayout, BufferBindingType, RenderPipeline, ShaderModule, ShaderStages, TextureFormat,
};

/// Where a grid of images is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The texture.
    pub view: &'a wgpu::TextureView,
    /// Its format.
    pub format: TextureFormat,
    /// Its width and height in pixels.
    pub size: [u32; 2],
    /// Images in one row of the grid.
    pub columns: u32,
}

/// `Grid` in `present.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Grid {
    size: [u32; 2],
    cells: [u32; 2],
    first: u32,
    count: u32,
}

impl Grid {
    /// The cells of `batch` in a grid of `items`.
    pub fn new(target: &Target<'_>, items: usize, batch: &Range<usize>) -> Self {
        let columns = target.columns.max(1);
        Self {
            size: target.size,
            cells: [columns, (items as u32).div_ceil(columns)],
            first: batch.start as u32,
            count: batch.len() as u32,
        }
    }
}

/// The buffers of `present.wgsl`.
pub const BINDINGS: [BufferBindingType; 2] = [UNIFORM, READ];

/// What `present.wgsl` is specialised with.
pub fn constants(input: Input) -> [(&'static str, f64); 3] {
    [
        ("HEIGHT", input.height as f64),
        ("WIDTH", input.width as f64),
        ("CHANNELS", input.channels as f64),
    ]
}

/// One pipeline for each format of a target; in practice one.
pub struct Present {
    pub layout: BindGroupLayout,
    pipeline_layout: wgpu::PipelineLayout,
    module: ShaderModule,
    constants: [(&'static str, f64); 3],
    pipelines: Vec<(TextureFormat, RenderPipeline)>,
}

impl Present {
    pub fn new(device: &wgpu::Device, input: Input) -> Self {
        let layout = bind_group_layout(device, ShaderStages::FRAGMENT, &BINDINGS);
        Self {
            pipeline_layout: pipeline_layout(device, &layout),
            layout,
            module: module(device, "present", shaders::PRESENT),
            constants: constants(input),
            pipelines: Vec::new(),
        }
    }

    /// Whether the pipeline for a format is there.
    pub fn has(&self, format: TextureFormat) -> bool {
        self.pipelines.iter().any(|(known, _)| *known == format)
    }

    /// The pipeline for a format, built the first time it is needed.
    pub fn pipeline(&mut self, device: &wgpu::Device, format: TextureFormat) -> &RenderPipeline {
        let known = self
            .pipelines
            .iter()
            .position(|(known, _)| *known == format);
        let i = known.unwrap_or_else(|| {
            self.pipelines.push((format, self.build(device, format)));
            self.pipelines.len() - 1
        });
        &self.pipelines[i].1
    }

    fn build(&self, device: &wgpu::Device, format: TextureFormat) -> RenderPipeline {
        device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("present"),
            layout: Some(&self.pipeline_layout),
            vertex: wgpu::VertexState {
                module: &self.module,
                entry_point: Some("vertex"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            primitive: Default::default(),
            depth_stencil: None,
            multisample: Default::default(),
            fragment: Some(wgpu::FragmentState {
                module: &self.module,
                entry_point: Some("fragment"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &self.constants,
                    ..Default::default()
                },
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}
