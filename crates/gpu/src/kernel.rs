//! Which kernel runs a step, and with how many threads.
//!
//! A step is a matrix product: rows are output pixels (or items), columns are output
//! channels, four of them in a vec4. `choose` is the table of shapes to kernels;
//! `docs/kernels.md` has the measurements behind it.

use crate::layout::{LANES, Layout};
use crate::shaders::{LayerKind, LayerShader, Product};
use crate::weights::Place;
use vaelet_model::{Activation, Op, Step};
use wgpu::{
    BindGroupLayout, BufferBindingType, ComputePipeline, Device, ShaderModule, ShaderStages,
};

/// Values of `override` declarations, by name.
pub type Constants = Vec<(&'static str, f64)>;

/// Threads of a workgroup, slices aside.
const THREADS: usize = 32;
/// Most threads that share one sum.
const MOST_SLICES: usize = 8;
/// Batches up to this one take a linear layer as vectors.
const MOST_VECTORS: usize = 2;
/// Most output channels of `few.wgsl`.
const FEW: usize = 3;

/// A step as a matrix product.
#[derive(Debug, Clone)]
pub struct Geometry {
    op: Op,
    /// Values in a row of the left matrix under one tap.
    pub inputs: usize,
    /// Columns of the product.
    pub outputs: usize,
    /// Kernel positions that a row meets.
    pub taps: usize,
    /// Products with weights of their own: stride² for a transposed convolution.
    pub phases: usize,
    /// Rows that one item has in each phase.
    pub rows: usize,
    /// Whether `few.wgsl` runs it.
    pub few: bool,
}

impl Geometry {
    /// The product of a step that reads `x` and writes `y`.
    pub fn new(step: &Step, x: Layout, y: Layout) -> Self {
        let few = |outputs| !y.is_vectors() && outputs <= FEW && step.add.is_none();
        match &step.op {
            Op::Linear { .. } => Self {
                op: step.op,
                inputs: x.len(),
                outputs: y.len(),
                taps: 1,
                phases: 1,
                rows: 1,
                few: false,
            },
            Op::Conv2d(window) => Self {
                op: step.op,
                inputs: window.input[2],
                outputs: window.output[2],
                taps: window.kernel * window.kernel,
                phases: 1,
                rows: window.output[0] * window.output[1],
                few: few(window.output[2]),
            },
            Op::ConvTranspose2d(window) => {
                let side = window.kernel.div_ceil(window.stride);
                let [height, width, outputs] = window.output;
                Self {
                    op: step.op,
                    inputs: window.input[2],
                    outputs,
                    taps: side * side,
                    phases: window.stride * window.stride,
                    rows: height.div_ceil(window.stride) * width.div_ceil(window.stride),
                    few: few(outputs),
                }
            }
        }
    }

    /// vec4 in a row of the left matrix under one tap.
    pub fn depth(&self) -> usize {
        self.inputs.div_ceil(LANES)
    }

    /// vec4 in a row of the product.
    pub fn columns(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    /// Blocks that the weight takes.
    pub fn weight_blocks(&self) -> usize {
        let rows = self.phases * self.taps * self.depth();
        if self.few {
            (rows * self.outputs).div_ceil(LANES)
        } else {
            rows * self.columns()
        }
    }

    /// The kernel position, row by row, of a phase's tap; `None` outside the kernel.
    pub fn kernel_index(&self, phase: usize, tap: usize) -> Option<usize> {
        let Op::ConvTranspose2d(window) = &self.op else {
            return Some(tap);
        };
        let (stride, kernel) = (window.stride, window.kernel);
        let side = kernel.div_ceil(stride);
        let first = |phase| (phase + window.padding) % stride;
        let ky = first(phase / stride) + stride * (tap / side);
        let kx = first(phase % stride) + stride * (tap % side);
        (ky < kernel && kx < kernel).then_some(ky * kernel + kx)
    }
}

/// How a product is divided among threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    product: Product,
    /// Rows and vec4 of columns that one thread makes.
    rows: usize,
    columns: usize,
    /// Threads in a workgroup: columns, rows, slices of the sum.
    threads: [usize; 3],
}

impl Tiling {
    fn new(
        product: Product,
        [rows, columns]: [usize; 2],
        geometry: &Geometry,
        slices: usize,
    ) -> Self {
        let across = match product {
            Product::Vector => THREADS,
            Product::Few => 1,
            Product::Block => geometry
                .columns()
                .div_ceil(columns)
                .next_power_of_two()
                .min(4),
        };
        let down = match product {
            Product::Vector => 1,
            Product::Few | Product::Block => THREADS / across,
        };
        Self {
            product,
            rows,
            columns,
            threads: [across, down, slices],
        }
    }

    fn constants(&self) -> Constants {
        let [across, down, slices] = self.threads.map(|n| n as f64);
        match self.product {
            Product::Vector => vec![("COLUMN_THREADS", across), ("SLICES", slices)],
            Product::Few => vec![("THREADS", down)],
            Product::Block => vec![
                ("COLUMN_THREADS", across),
                ("ROW_THREADS", down),
                ("SLICES", slices),
                ("TALL", f64::from(u8::from(self.rows > LANES))),
                ("WIDE", f64::from(u8::from(self.columns > 1))),
            ],
        }
    }

    fn workgroups(&self, geometry: &Geometry, batch: usize) -> [u32; 3] {
        let [across, down, _] = self.threads;
        let columns = match self.product {
            Product::Few => 1,
            Product::Block | Product::Vector => geometry.columns(),
        };
        [
            columns.div_ceil(self.columns * across),
            (batch * geometry.rows).div_ceil(self.rows * down),
            geometry.phases,
        ]
        .map(|n| n as u32)
    }
}

/// The tilings of a step, each with the smallest batch that it is for. `parallelism` is
/// the number of threads that fill the GPU.
fn choose(geometry: &Geometry, parallelism: usize) -> Vec<(usize, Tiling)> {
    if geometry.few {
        let tiling = Tiling::new(Product::Few, [2 * LANES, 1], geometry, 1);
        return vec![(1, tiling)];
    }
    let columns = geometry.columns();
    let wide = if columns > 1 { 2 } else { 1 };
    let large = Tiling::new(Product::Block, [2 * LANES, wide], geometry, 1);
    let large_threads = geometry.rows * columns.div_ceil(wide) * geometry.phases;
    let large_from = (2 * LANES * parallelism).div_ceil(large_threads);

    let mut tilings = Vec::new();
    if matches!(geometry.op, Op::Linear { .. }) {
        let slices = slices(geometry, columns, parallelism);
        tilings.push((1, Tiling::new(Product::Vector, [1, 1], geometry, slices)));
    }
    let next = if tilings.is_empty() {
        1
    } else {
        MOST_VECTORS + 1
    };
    if large_from > next {
        let threads = (next * geometry.rows).div_ceil(LANES) * columns * geometry.phases;
        let slices = slices(geometry, threads, parallelism);
        tilings.push((
            next,
            Tiling::new(Product::Block, [LANES, 1], geometry, slices),
        ));
    }
    tilings.push((large_from.max(next), large));
    tilings
}

/// Threads that share a sum where `threads` alone would leave the GPU idle.
fn slices(geometry: &Geometry, threads: usize, parallelism: usize) -> usize {
    let idle = parallelism / threads;
    let worth = geometry.depth() / LANES;
    let slices = idle.min(worth).clamp(1, MOST_SLICES);
    // The power of two below.
    1 << slices.ilog2()
}

/// A step as the GPU runs it.
pub struct Kernel {
    pub geometry: Geometry,
    variants: Vec<Variant>,
}

struct Variant {
    from_batch: usize,
    tiling: Tiling,
    pipeline: ComputePipeline,
}

impl Kernel {
    /// The pipeline for a batch and its workgroups.
    pub fn launch(&self, batch: usize) -> (&ComputePipeline, [u32; 3]) {
        let fits = |variant: &&Variant| variant.from_batch <= batch;
        let variant = self.variants.iter().rev().find(fits);
        let variant = variant.unwrap_or(&self.variants[0]);
        let workgroups = variant.tiling.workgroups(&self.geometry, batch);
        (&variant.pipeline, workgroups)
    }
}

/// Builds kernels: each shader is compiled once and specialised for every step.
pub struct Kernels {
    pub layout: BindGroupLayout,
    pub half_precision: bool,
    parallelism: usize,
    pipeline_layout: wgpu::PipelineLayout,
    modules: Vec<(LayerShader, ShaderModule)>,
}

impl Kernels {
    /// Nothing is compiled yet. `parallelism` is the number of threads that fill the GPU.
    pub fn new(device: &Device, parallelism: usize, half_precision: bool) -> Self {
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
            half_precision,
            parallelism,
            modules: Vec::new(),
        }
    }

    /// f32 that a block of weights takes the room of.
    pub fn block_len(&self) -> usize {
        let values = LANES * LANES;
        if self.half_precision {
            values / 2
        } else {
            values
        }
    }

    /// The kernel of `step`, which reads `x` and `add` and writes `y`.
    pub fn build(
        &mut self,
        device: &Device,
        step: &Step,
        geometry: Geometry,
        place: Place,
        [x, add, y]: [Layout; 3],
    ) -> Kernel {
        let (layer, mut constants) = match &step.op {
            Op::Linear { .. } => (LayerKind::Linear, Vec::new()),
            Op::Conv2d(window) => (LayerKind::Conv2d, window_constants(window)),
            Op::ConvTranspose2d(window) => (LayerKind::ConvTranspose2d, window_constants(window)),
        };
        let linear = layer == LayerKind::Linear;
        let activation = match step.activation {
            Activation::None => 0.0,
            Activation::Relu => 1.0,
            Activation::Silu => 2.0,
            Activation::Sigmoid => 3.0,
        };
        constants.extend([
            ("INPUTS", geometry.inputs as f64),
            ("OUTPUTS", geometry.outputs as f64),
            ("WEIGHT", place.weight as f64),
            ("BIAS", place.bias as f64),
            ("ACTIVATION", activation),
            ("RESIDUAL", f64::from(u8::from(step.add.is_some()))),
        ]);
        constants.extend(x.strides(["X_ITEM", "X_PIXEL", "X_CHANNEL"], linear));
        constants.extend(y.strides(["Y_ITEM", "Y_PIXEL", "Y_CHANNEL"], linear));
        let names = ["RESIDUAL_ITEM", "RESIDUAL_PIXEL", "RESIDUAL_CHANNEL"];
        constants.extend(add.strides(names, linear));

        let mut variants = Vec::new();
        for (from_batch, tiling) in choose(&geometry, self.parallelism) {
            let shader = LayerShader {
                layer,
                product: tiling.product,
                scalar_input: !x.is_vectors(),
                scalar_output: !y.is_vectors(),
                half_precision: self.half_precision,
            };
            let constants = [constants.as_slice(), &tiling.constants()].concat();
            let layout = self.pipeline_layout.clone();
            let module = self.module(device, shader);
            variants.push(Variant {
                from_batch,
                tiling,
                pipeline: pipeline(device, &layout, module, &constants),
            });
        }
        Kernel { geometry, variants }
    }

    fn module(&mut self, device: &Device, shader: LayerShader) -> &ShaderModule {
        let known = self.modules.iter().position(|(known, _)| *known == shader);
        let i = known.unwrap_or_else(|| {
            let module = module(device, "layer", &shader.source());
            self.modules.push((shader, module));
            self.modules.len() - 1
        });
        &self.modules[i].1
    }
}

/// What both convolutions are specialised with.
fn window_constants(window: &vaelet_model::Window) -> Constants {
    [
        ("IN_HEIGHT", window.input[0]),
        ("IN_WIDTH", window.input[1]),
        ("OUT_HEIGHT", window.output[0]),
        ("OUT_WIDTH", window.output[1]),
        ("KERNEL", window.kernel),
        ("STRIDE", window.stride),
        ("PADDING", window.padding),
    ]
    .map(|(name, value)| (name, value as f64))
    .into()
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
