//! Which kernel runs a step, and with how many threads.
//!
//! A step is a matrix product: rows are output pixels (or items), columns are output
//! channels, four of them in a vec4. `choose` is the table of shapes to kernels;
//! `docs/kernels.md` has the measurements behind it.

use crate::capabilities::THREADS;
use crate::layout::{LANES, Layout};
use crate::shaders::{LayerKind, LayerShader, Product};
use crate::weights::Place;
use vaelet_model::{Activation, Op, Step};
use wgpu::{
    BindGroupLayout, BufferBindingType, ComputePipeline, Device, ShaderModule, ShaderStages,
};

/// Values of `override` declarations, by name.
pub type Constants = Vec<(&'static str, f64)>;

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
                taps: window.kernel.saturating_mul(window.kernel),
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
                    taps: side.saturating_mul(side),
                    phases: window.stride.saturating_mul(window.stride),
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

    /// Blocks that the weight takes; saturating, because a stride of thousands has millions
    /// of phases.
    pub fn weight_blocks(&self) -> usize {
        let rows = self.phases.saturating_mul(self.taps);
        let rows = rows.saturating_mul(self.depth());
        if self.few {
            rows.saturating_mul(self.outputs).div_ceil(LANES)
        } else {
            rows.saturating_mul(self.columns())
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

    /// Rows and columns that a thread makes, and threads that share a sum.
    #[cfg(not(target_family = "wasm"))]
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.rows, LANES * self.columns, self.threads[2])
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

    fn workgroups(&self, geometry: &Geometry, batch: usize) -> [usize; 3] {
        [
            self.groups_across(geometry),
            (batch * geometry.rows).div_ceil(self.rows_of_group()),
            geometry.phases,
        ]
    }

    fn groups_across(&self, geometry: &Geometry) -> usize {
        match self.product {
            Product::Few => 1,
            Product::Block | Product::Vector => {
                geometry.columns().div_ceil(self.columns * self.threads[0])
            }
        }
    }

    fn rows_of_group(&self) -> usize {
        self.rows * self.threads[1]
    }

    /// The most items of a dispatch of `most` workgroups in each direction.
    fn largest_batch(&self, geometry: &Geometry, most: usize) -> usize {
        if geometry.phases.max(self.groups_across(geometry)) > most {
            return 0;
        }
        most.saturating_mul(self.rows_of_group()) / geometry.rows
    }
}

/// What decides between kernels, beside the step.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Threads that fill the GPU.
    pub parallelism: usize,
    /// Threads that may share one sum.
    pub most_slices: usize,
    /// Whether weights are f16.
    pub half_precision: bool,
}

/// The tilings of a step, each with the smallest batch that it is for.
fn choose(geometry: &Geometry, tuning: Tuning) -> Vec<(usize, Tiling)> {
    if geometry.few {
        let tiling = Tiling::new(Product::Few, [2 * LANES, 1], geometry, 1);
        return vec![(1, tiling)];
    }
    let columns = geometry.columns();
    let wide = if columns > 1 { 2 } else { 1 };
    let large = Tiling::new(Product::Block, [2 * LANES, wide], geometry, 1);
    let large_threads = [columns.div_ceil(wide), geometry.phases]
        .into_iter()
        .fold(geometry.rows, usize::saturating_mul);
    let large_from = (2 * LANES * tuning.parallelism).div_ceil(large_threads);
    let slices = |threads: usize| slices(geometry, threads, tuning);

    let mut tilings = Vec::new();
    if matches!(geometry.op, Op::Linear { .. }) {
        let tiling = Tiling::new(Product::Vector, [1, 1], geometry, slices(columns));
        tilings.push((1, tiling));
    }
    let next = if tilings.is_empty() {
        1
    } else {
        MOST_VECTORS + 1
    };
    if large_from > next {
        let threads = [
            (next * geometry.rows).div_ceil(LANES),
            columns,
            geometry.phases,
        ]
        .into_iter()
        .fold(1, usize::saturating_mul);
        let small = Tiling::new(Product::Block, [LANES, 1], geometry, slices(threads));
        tilings.push((next, small));
    }
    tilings.push((large_from.max(next), large));
    tilings
}

/// Threads that share a sum where `threads` alone would leave the GPU idle.
fn slices(geometry: &Geometry, threads: usize, tuning: Tuning) -> usize {
    let idle = tuning.parallelism / threads;
    let worth = geometry.depth() / LANES;
    let slices = idle.min(worth).clamp(1, tuning.most_slices);
    // The power of two below.
    1 << slices.ilog2()
}

/// A step as the GPU runs it.
pub struct Kernel {
    pub geometry: Geometry,
    /// In the order of their batches.
    pub variants: Vec<Variant>,
}

/// One way to run a step, for batches from a size on.
pub struct Variant {
    from_batch: usize,
    pub tiling: Tiling,
    pub shader: LayerShader,
    /// What the shader is specialised with.
    pub constants: Constants,
}

impl Kernel {
    /// The kernel of `step`, which reads `x` and `add` and writes `y`. Nothing is built.
    pub fn new(
        tuning: Tuning,
        step: &Step,
        geometry: Geometry,
        place: Place,
        [x, add, y]: [Layout; 3],
    ) -> Self {
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

        let tilings = choose(&geometry, tuning);
        let variant = |(from_batch, tiling): (usize, Tiling)| Variant {
            from_batch,
            tiling,
            shader: LayerShader {
                layer,
                product: tiling.product,
                scalar_input: !x.is_vectors(),
                scalar_output: !y.is_vectors(),
                half_precision: tuning.half_precision,
            },
            constants: {
                let mut constants = constants.clone();
                constants.extend(tiling.constants());
                constants
            },
        };
        Self {
            variants: tilings.into_iter().map(variant).collect(),
            geometry,
        }
    }

    /// The variant for a batch, as its place in the list.
    pub fn variant(&self, batch: usize) -> usize {
        let fits = |variant: &Variant| variant.from_batch <= batch;
        self.variants.iter().rposition(fits).unwrap_or(0)
    }

    /// Workgroups of a variant for a batch.
    pub fn workgroups(&self, variant: usize, batch: usize) -> [usize; 3] {
        self.variants[variant]
            .tiling
            .workgroups(&self.geometry, batch)
    }

    /// The batch up to which a dispatch has at most `most` workgroups in each direction.
    pub fn largest_batch(&self, most: usize) -> usize {
        for (i, variant) in self.variants.iter().enumerate() {
            let largest = variant.tiling.largest_batch(&self.geometry, most);
            let next = self.variants.get(i + 1);
            if next.is_none_or(|next| largest < next.from_batch - 1) {
                return largest.max(variant.from_batch - 1);
            }
        }
        0
    }
}

/// Builds kernels: each shader is compiled once and specialised for every step.
pub struct Kernels {
    pub layout: BindGroupLayout,
    pipeline_layout: wgpu::PipelineLayout,
    modules: Vec<(LayerShader, ShaderModule)>,
}

/// The buffers of a layer kernel, as `step.wgsl` binds them.
pub const BINDINGS: [BufferBindingType; 5] = [UNIFORM, READ, READ, READ, WRITE];
/// `var<uniform>`
pub const UNIFORM: BufferBindingType = BufferBindingType::Uniform;
/// `var<storage, read>`
pub const READ: BufferBindingType = BufferBindingType::Storage { read_only: true };
/// `var<storage, read_write>`
pub const WRITE: BufferBindingType = BufferBindingType::Storage { read_only: false };

impl Kernels {
    /// Nothing is compiled yet.
    pub fn new(device: &Device) -> Self {
        let layout = bind_group_layout(device, ShaderStages::COMPUTE, &BINDINGS);
        Self {
            pipeline_layout: pipeline_layout(device, &layout),
            layout,
            modules: Vec::new(),
        }
    }

    /// Builds a variant.
    pub fn build(&mut self, device: &Device, variant: &Variant) -> ComputePipeline {
        let layout = self.pipeline_layout.clone();
        let module = self.module(device, variant.shader);
        pipeline(device, &layout, module, &variant.constants)
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

#[cfg(test)]
mod tests {
    //! What Rust tells the shaders is what they ask for, by name.

    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;
    use crate::{present, reparameterize, shaders};
    use std::collections::BTreeSet;
    use vaelet_model::{Graph, Input, Layer};

    /// Every shader of a layer with one set of constants for it.
    fn variants() -> Vec<Variant> {
        let mut all: Vec<Variant> = Vec::new();
        for half_precision in [false, true] {
            for parallelism in [1, 1 << 16] {
                let tuning = Tuning {
                    parallelism,
                    most_slices: 8,
                    half_precision,
                };
                for step in steps() {
                    for ends in 0..4 {
                        let layout = |end, value| match ends & end {
                            0 => Layout::vectors(value),
                            _ => Layout::planes(value),
                        };
                        let (x, y) = (layout(1, &step.1), layout(2, &step.2));
                        let geometry = Geometry::new(&step.0, x, y);
                        let (place, _) = Place::after(0, &geometry);
                        all.extend(
                            Kernel::new(tuning, &step.0, geometry, place, [x, x, y]).variants,
                        );
                    }
                }
            }
        }
        all
    }

    /// A step of each kind, with few outputs and with many, and what it reads and writes.
    fn steps() -> Vec<(Step, vaelet_model::Value, vaelet_model::Value)> {
        let mut steps = Vec::new();
        for channels in [3, 24] {
            let convolution = |transposed| {
                let (kernel, stride, padding) = (4, 2, 1);
                let (in_channels, out_channels) = (24, channels);
                let (activation, params) = (Activation::Silu, "a".into());
                if transposed {
                    Layer::ConvTranspose2d {
                        in_channels,
                        out_channels,
                        kernel,
                        stride,
                        padding,
                        activation,
                        params,
                    }
                } else {
                    Layer::Conv2d {
                        in_channels,
                        out_channels,
                        kernel,
                        stride,
                        padding,
                        activation,
                        params,
                    }
                }
            };
            let linear = Layer::Linear {
                inputs: 8 * 8 * 24,
                outputs: channels,
                activation: Activation::Relu,
                params: "a".into(),
            };
            let layers = [
                (convolution(false), [4, 4, channels]),
                (convolution(true), [16, 16, channels]),
                (linear, [1, 1, channels]),
            ];
            for (layer, output) in layers {
                let graph = Graph::build("test", [8, 8, 24], &[layer], output).unwrap();
                let [input, output] = [0, graph.output()].map(|i| graph.values[i]);
                steps.push((graph.steps[0].clone(), input, output));
            }
        }
        steps
    }

    fn parse(source: &str) -> naga::Module {
        naga::front::wgsl::parse_str(source).unwrap()
    }

    /// Overrides that have to be set.
    fn asked(module: &naga::Module) -> BTreeSet<&str> {
        let overrides = module.overrides.iter().map(|(_, value)| value);
        let unset = overrides.filter(|value| value.init.is_none());
        unset.map(|value| value.name.as_deref().unwrap()).collect()
    }

    /// How the buffers are bound, by the number of their binding.
    fn bound(module: &naga::Module) -> Vec<BufferBindingType> {
        let variables = module.global_variables.iter();
        let mut bound: Vec<_> = variables
            .filter_map(|(_, variable)| Some((variable.binding?, variable.space)))
            .map(|(place, space)| {
                assert_eq!(place.group, 0);
                let ty = match space {
                    naga::AddressSpace::Uniform => UNIFORM,
                    naga::AddressSpace::Storage { access } => BufferBindingType::Storage {
                        read_only: !access.contains(naga::StorageAccess::STORE),
                    },
                    other => panic!("{other:?} is no buffer"),
                };
                (place.binding, ty)
            })
            .collect();
        bound.sort_by_key(|(binding, _)| *binding);
        let numbers: Vec<u32> = bound.iter().map(|(binding, _)| *binding).collect();
        assert_eq!(numbers, (0..bound.len() as u32).collect::<Vec<_>>());
        bound.into_iter().map(|(_, ty)| ty).collect()
    }

    #[test]
    fn every_override_is_set_and_none_besides() {
        let variants = variants();
        let mut met: Vec<LayerShader> = Vec::new();
        for variant in &variants {
            if !met.contains(&variant.shader) {
                met.push(variant.shader);
            }
            let module = parse(&variant.shader.source());
            let set: Vec<&str> = variant.constants.iter().map(|(name, _)| *name).collect();
            let unique: BTreeSet<&str> = set.iter().copied().collect();
            assert_eq!(set.len(), unique.len(), "set twice: {set:?}");
            assert_eq!(unique, asked(&module), "{:?}", variant.shader);
        }
        for shader in LayerShader::all() {
            assert!(met.contains(&shader), "{shader:?} is never chosen");
        }
        let present = present::constants(Input {
            channels: 1,
            height: 2,
            width: 3,
        });
        let reparameterize = reparameterize::constants(4);
        for (source, constants) in [
            (shaders::PRESENT, present.as_slice()),
            (shaders::REPARAMETERIZE, reparameterize.as_slice()),
        ] {
            let set: BTreeSet<&str> = constants.iter().map(|(name, _)| *name).collect();
            assert_eq!(set, asked(&parse(source)));
        }
    }

    #[test]
    fn buffers_are_bound_as_the_shaders_declare_them() {
        for shader in LayerShader::all() {
            assert_eq!(bound(&parse(&shader.source())), BINDINGS, "{shader:?}");
        }
        assert_eq!(bound(&parse(shaders::PRESENT)), present::BINDINGS);
        let reparameterize = parse(shaders::REPARAMETERIZE);
        assert_eq!(bound(&reparameterize), reparameterize::BINDINGS);
        let threads = reparameterize.entry_points[0].workgroup_size;
        let expected = crate::capabilities::REPARAMETERIZE_THREADS as u32;
        assert_eq!(threads, [expected, 1, 1]);
    }

    /// A dispatch of the largest batch fits, and one item more does not.
    #[test]
    fn the_largest_batch_is_the_largest() {
        for (step, input, output) in steps() {
            let (x, y) = (Layout::vectors(&input), Layout::vectors(&output));
            let geometry = Geometry::new(&step, x, y);
            let (place, _) = Place::after(0, &geometry);
            let tuning = Tuning {
                parallelism: 8192,
                most_slices: 8,
                half_precision: false,
            };
            let kernel = Kernel::new(tuning, &step, geometry, place, [x, x, y]);
            let groups = |batch| {
                let groups = kernel.workgroups(kernel.variant(batch), batch);
                groups.into_iter().max().unwrap()
            };
            for most in [1, 2, 3, 7, 20, 500, 65535] {
                let largest = kernel.largest_batch(most);
                assert!((1..=largest.min(4000)).all(|batch| groups(batch) <= most));
                assert!(groups(largest + 1) > most, "{most}: {largest}");
            }
        }
    }
}
