//! The constants and bindings in Rust match the declarations in the shaders.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::build::{BINDINGS, GRADIENT_BINDINGS, Shader};
use super::geometry::Geometry;
use super::gradient::GradientKernel;
use super::layer::{Kernel, Layouts};
use super::layout::Layout;
use super::present;
use super::sample::Sample;
use super::shaders::{self, LayerShader};
use super::tiling::Tuning;
use super::weights::Offsets;
use crate::device::capabilities::SAMPLE_THREADS;
use crate::device::pipeline::{Constants, UNIFORM};
use std::collections::BTreeSet;
use vaelet_model::{
    Activation, EntryPoint, Finish, ImageShape, Layer, Program, Schedule, Shape, Step, Value, Wrt,
};
use wgpu::BufferBindingType;

/// Every shader of a step, each with the constants it gets.
fn variants() -> Vec<(LayerShader, Constants)> {
    let mut all = Vec::new();
    for half_precision in [false, true] {
        for parallelism in [1, 1 << 16] {
            let tuning = Tuning {
                parallelism,
                most_slices: 8,
                half_precision,
            };
            for (step, shapes) in steps() {
                for scalar in 0..4 {
                    for derivative in [false, true] {
                        let finish = match derivative {
                            true => Finish::Derivative(Activation::Silu, 0),
                            false => step.finish,
                        };
                        let step = Step {
                            finish,
                            ..step.clone()
                        };
                        let kernel = kernel(tuning, &step, shapes, scalar);
                        let each = kernel.variants.into_iter();
                        all.extend(each.map(|variant| (variant.shader, variant.constants)));
                    }
                }
            }
        }
    }
    for kernel in gradients() {
        for (shader, constants, _) in [1, 1 << 16]
            .into_iter()
            .flat_map(|parallelism| kernel.dispatches(parallelism))
        {
            let Shader::Layer(shader) = shader else {
                panic!("{shader:?} is not a layer shader");
            };
            all.push((shader, constants));
        }
    }
    all
}

/// The kernel of a step. Each bit of `scalar` gives one of its operands the host's layout.
fn kernel(tuning: Tuning, step: &Step, shapes: [Shape; 2], scalar: u32) -> Kernel {
    let [x, y] =
        [(1, shapes[0]), (2, shapes[1])].map(|(bit, shape)| layout(scalar & bit != 0, shape));
    let plain = step.add.is_none() && matches!(step.finish, Finish::Activate(_));
    let geometry = match step.map() {
        Some((map, _)) => Geometry::new(map, x, y, plain),
        None => Geometry::identity(shapes[1]),
    };
    let (offsets, _) = Offsets::after(0, &geometry);
    let layouts = Layouts {
        x,
        add: x,
        saved: y,
        y,
    };
    Kernel::new(tuning, step, geometry, offsets, layouts)
}

fn layout(scalar: bool, shape: Shape) -> Layout {
    let value = Value {
        shape,
        is_vector: false,
    };
    match scalar {
        true => Layout::host(&value),
        false => Layout::vectors(&value),
    }
}

/// Layers of each kind, with few and with many outputs, and the shapes of their outputs.
fn layers() -> Vec<(Layer, Shape)> {
    let mut layers = Vec::new();
    for channels in [3, 24] {
        let channels_of = [24, channels];
        let window = [4, 2, 1];
        let down = Layer::conv2d(channels_of, window, Activation::Silu, "a");
        let up = Layer::conv_transpose2d(channels_of, window, Activation::Silu, "a");
        let linear = Layer::linear(8 * 8 * 24, channels, Activation::Relu, "a");
        layers.push((down, [4, 4, channels]));
        layers.push((up, [16, 16, channels]));
        layers.push((linear, [1, 1, channels]));
    }
    layers
}

const INPUT: Shape = [8, 8, 24];

/// The steps of all layers and of their gradients, with the shapes of inputs and outputs.
fn steps() -> Vec<(Step, [Shape; 2])> {
    let mut steps = Vec::new();
    for (layer, output) in layers() {
        let program = Program::chain("test", INPUT, &[layer], Some(output)).unwrap();
        let reversed = program.reverse(EntryPoint::Forward, Wrt::All).unwrap();
        let schedules = [
            (program, vec![]),
            (reversed.program.clone(), reversed.kept()),
        ];
        for (program, kept) in schedules {
            let schedule = Schedule::new(&program, &kept);
            for step in &schedule.steps {
                let shapes = [step.input, step.output].map(|value| schedule.values[value].shape);
                steps.push((step.clone(), shapes));
            }
        }
    }
    steps
}

/// The gradient kernels of all layers.
fn gradients() -> Vec<GradientKernel> {
    let mut kernels = Vec::new();
    for (layer, output) in layers() {
        let program = Program::chain("test", INPUT, &[layer], Some(output)).unwrap();
        let reversed = program.reverse(EntryPoint::Forward, Wrt::Weights).unwrap();
        for gradient in &reversed.weights {
            for scalar in 0..4 {
                let layouts = [(1, INPUT), (2, output)];
                let layouts = layouts.map(|(bit, shape)| layout(scalar & bit != 0, shape));
                kernels.push(GradientKernel::new(gradient, layouts, 0).0);
            }
        }
    }
    kernels
}

fn parse(source: &str) -> naga::Module {
    naga::front::wgsl::parse_str(source).unwrap()
}

/// Names of the overrides without a default.
fn required_overrides(module: &naga::Module) -> BTreeSet<&str> {
    let overrides = module.overrides.iter().map(|(_, value)| value);
    let unset = overrides.filter(|value| value.init.is_none());
    unset.map(|value| value.name.as_deref().unwrap()).collect()
}

/// The buffers that a shader declares, sorted by their binding.
fn bindings(module: &naga::Module) -> Vec<(u32, BufferBindingType)> {
    let variables = module.global_variables.iter();
    let mut bindings: Vec<_> = variables
        .filter_map(|(_, variable)| Some((variable.binding?, variable.space)))
        .map(|(binding, space)| {
            assert_eq!(binding.group, 0);
            let ty = match space {
                naga::AddressSpace::Uniform => UNIFORM,
                naga::AddressSpace::Storage { access } => BufferBindingType::Storage {
                    read_only: !access.contains(naga::StorageAccess::STORE),
                },
                other => panic!("{other:?} is not a buffer"),
            };
            (binding.binding, ty)
        })
        .collect();
    bindings.sort_by_key(|(binding, _)| *binding);
    bindings
}

#[test]
fn exactly_the_required_overrides_are_set() {
    let mut seen: Vec<LayerShader> = Vec::new();
    for (shader, constants) in variants() {
        let set: Vec<&str> = constants.iter().map(|(name, _)| *name).collect();
        let unique: BTreeSet<&str> = set.iter().copied().collect();
        assert_eq!(set.len(), unique.len(), "set twice: {set:?}");
        if seen.contains(&shader) {
            continue;
        }
        seen.push(shader);
        assert_eq!(
            unique,
            required_overrides(&parse(&shader.source())),
            "{shader:?}"
        );
    }
    for shader in LayerShader::all()
        .into_iter()
        .chain(LayerShader::gradients())
    {
        assert!(seen.contains(&shader), "{shader:?} is never chosen");
    }
    let present = present::constants(ImageShape {
        channels: 1,
        height: 2,
        width: 3,
    });
    let sample = Sample::new(4).constants();
    for (source, constants) in [
        (shaders::PRESENT, present.as_slice()),
        (shaders::SAMPLE, &sample),
        (shaders::SAMPLE_GRADIENT, &sample),
    ] {
        let set: BTreeSet<&str> = constants.iter().map(|(name, _)| *name).collect();
        assert_eq!(set, required_overrides(&parse(source)));
    }
}

#[test]
fn buffers_are_bound_as_the_shaders_declare_them() {
    for shader in LayerShader::all()
        .into_iter()
        .chain(LayerShader::gradients())
    {
        let expected: &[_] = match shader.derivative {
            true => &GRADIENT_BINDINGS,
            false => &BINDINGS,
        };
        let expected: Vec<_> = (0..).zip(expected.iter().copied()).collect();
        assert_eq!(bindings(&parse(&shader.source())), expected, "{shader:?}");
    }
    let present: Vec<_> = (0..).zip(present::BINDINGS).collect();
    assert_eq!(bindings(&parse(shaders::PRESENT)), present);
    for (source, expected) in [
        (shaders::SAMPLE, BINDINGS.as_slice()),
        (shaders::SAMPLE_GRADIENT, &GRADIENT_BINDINGS),
    ] {
        let module = parse(source);
        // The sampling shaders read no weights.
        let all = (0..).zip(expected.iter().copied());
        let expected: Vec<_> = all.filter(|(binding, _)| *binding != 1).collect();
        assert_eq!(bindings(&module), expected);
        let threads = module.entry_points[0].workgroup_size;
        assert_eq!(threads, [SAMPLE_THREADS as u32, 1, 1]);
    }
}

/// A dispatch of `largest_batch` items fits, and one with one more item does not.
#[test]
fn larger_batches_exceed_the_limit() {
    for (step, shapes) in steps() {
        let tuning = Tuning {
            parallelism: 8192,
            most_slices: 8,
            half_precision: false,
        };
        let kernel = kernel(tuning, &step, shapes, 0);
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
