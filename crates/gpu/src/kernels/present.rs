//! Draws the decoder's output into a texture, usually a canvas, without reading it back.

use super::shaders;
use crate::Context;
use crate::device::pipeline::{
    READ, UNIFORM, bind_group, bind_group_layout, module, pipeline_layout, uniform,
};
use bytemuck::{Pod, Zeroable};
use std::ops::Range;
use vaelet_model::ImageShape;
use wgpu::{
    BindGroup, BindGroupLayout, Buffer, BufferBindingType, CommandEncoder, LoadOp, RenderPipeline,
    ShaderModule, ShaderStages, TextureFormat,
};

/// The texture into which a grid of images is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The texture.
    pub view: &'a wgpu::TextureView,
    /// Its format.
    pub format: TextureFormat,
    /// Its width and height in pixels.
    pub size: [u32; 2],
    /// Images per row of the grid.
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
    /// The cells of the images `batch` in a grid of `items` images.
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

/// The values of the overrides of `present.wgsl`.
pub fn constants(input: ImageShape) -> [(&'static str, f64); 3] {
    [
        ("HEIGHT", input.height as f64),
        ("WIDTH", input.width as f64),
        ("CHANNELS", input.channels as f64),
    ]
}

/// Draws a value. It has one pipeline per texture format; in practice there is one format.
pub struct Present {
    value: usize,
    grid: Buffer,
    /// The bind group of the value's buffer, with the generation of the buffer.
    images: Option<(u64, BindGroup)>,
    layout: BindGroupLayout,
    pipeline_layout: wgpu::PipelineLayout,
    module: ShaderModule,
    constants: [(&'static str, f64); 3],
    pipelines: Vec<(TextureFormat, RenderPipeline)>,
}

impl Present {
    /// `value` holds images of shape `input`.
    pub fn new(device: &wgpu::Device, input: ImageShape, value: usize) -> Self {
        let layout = bind_group_layout(device, ShaderStages::FRAGMENT, &BINDINGS);
        Self {
            value,
            grid: uniform(device, "grid", size_of::<Grid>()),
            images: None,
            pipeline_layout: pipeline_layout(device, &layout),
            layout,
            module: module(device, "present", shaders::PRESENT),
            constants: constants(input),
            pipelines: Vec::new(),
        }
    }

    /// A drawing into `target`.
    pub fn drawing<'a>(&'a mut self, target: &'a Target<'a>) -> Drawing<'a> {
        Drawing {
            present: self,
            target,
        }
    }

    /// Whether the pipeline for a format has been built.
    fn has(&self, format: TextureFormat) -> bool {
        self.pipelines.iter().any(|(known, _)| *known == format)
    }

    /// Builds the pipeline for a format on first use.
    fn prepare(&mut self, device: &wgpu::Device, format: TextureFormat) {
        if !self.has(format) {
            self.pipelines.push((format, self.build(device, format)));
        }
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

/// Draws images into a target after the pass that computes them.
pub struct Drawing<'a> {
    present: &'a mut Present,
    target: &'a Target<'a>,
}

impl Drawing<'_> {
    /// The value that is drawn.
    pub fn value(&self) -> usize {
        self.present.value
    }

    /// Whether pipeline and bind group exist for buffers of this generation.
    pub fn is_known(&self, generation: u64) -> bool {
        self.is_bound(generation) && self.present.has(self.target.format)
    }

    /// Records the drawing of a batch into its cells of the grid of `items` images. The first batch
    /// clears the whole target. `images` is the value's buffer with its generation.
    pub fn record(
        &mut self,
        Context { device, queue, .. }: &Context,
        (generation, images): (u64, &Buffer),
        encoder: &mut CommandEncoder,
        items: usize,
        batch: &Range<usize>,
    ) {
        let target = self.target;
        let grid = Grid::new(target, items, batch);
        queue.write_buffer(&self.present.grid, 0, bytemuck::bytes_of(&grid));
        if !self.is_bound(generation) {
            let buffers = [&self.present.grid, images];
            let group = bind_group(device, &self.present.layout, &buffers);
            self.present.images = Some((generation, group));
        }
        self.present.prepare(device, target.format);
        let Some((_, images)) = &self.present.images else {
            return;
        };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target.view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: if batch.start == 0 {
                        LoadOp::Clear(wgpu::Color::TRANSPARENT)
                    } else {
                        LoadOp::Load
                    },
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        let formats = &self.present.pipelines;
        let pipeline = formats.iter().find(|(known, _)| *known == target.format);
        if let Some((_, pipeline)) = pipeline {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, images, &[]);
            pass.draw(0..3, 0..1);
        }
    }

    fn is_bound(&self, generation: u64) -> bool {
        let bound = self.present.images.as_ref();
        bound.is_some_and(|(known, _)| *known == generation)
    }
}
