//! Every kernel equals its CPU counterpart over random shapes. Each test runs models of one layer
//! between an image and a latent vector on both runtimes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{conditional, context, grid, model, model_of, read_texture, texture, writing};
use pollster::block_on;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::rc::Rc;
use vaelet_cpu::CpuRuntime;
use vaelet_gpu::{Context, GpuRuntime, Target, wgpu};
use vaelet_model::latent::{self, reparameterize};
use vaelet_model::{Activation, ImageShape, Layer, Model, Precision, random};

/// Runs a property test. Compiling a pipeline for a software adapter is slow, so there are only a
/// few dozen cases, which differ on every run.
fn check<S: Strategy>(strategy: S, test: impl Fn(&Rc<Context>, S::Value)) {
    let Some(context) = context() else { return };
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..Default::default()
    });
    let result = runner.run(&strategy, |value| {
        test(&context, value);
        Ok(())
    });
    result.unwrap_or_else(|e| panic!("{e}"));
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let tolerance = 1e-4 * (1.0 + expected.abs());
        assert!(
            (found - expected).abs() <= tolerance,
            "{i}: {found}, expected {expected}"
        );
    }
}

/// Compares encoder and decoder of `model` on both runtimes.
fn assert_same(context: &Rc<Context>, model: &Model, batch: usize, seed: u64) {
    // These select large blocks, small blocks, and small blocks with shared sums.
    let parallelism = [1, 256, 65536][(seed % 3) as usize];
    let mut gpu = GpuRuntime::prepare(context.clone(), &model.architecture(), parallelism).unwrap();
    gpu.upload(model);
    let mut cpu = CpuRuntime::new(model);
    let images = random::normals(seed, batch * model.spec.input.len());
    let z = random::normals(seed ^ 1, batch * model.spec.latent_size());
    let found = block_on(gpu.encode(&images).unwrap()).unwrap();
    let expected = cpu.encode(&images);
    assert_close(&found.mean, &expected.mean);
    assert_close(&found.log_var, &expected.log_var);
    assert_close(&block_on(gpu.decode(&z).unwrap()).unwrap(), &cpu.decode(&z));
}

fn input() -> impl Strategy<Value = ImageShape> {
    (
        prop::sample::select(vec![1usize, 3]),
        1usize..13,
        1usize..13,
    )
        .prop_map(|(channels, height, width)| ImageShape {
            channels,
            height,
            width,
        })
}

fn activation() -> impl Strategy<Value = Activation> {
    prop::sample::select(Activation::BOUNDED_SLOPE.to_vec())
}

#[test]
fn linear_equals_the_cpu() {
    let strategy = (input(), 1usize..90, activation(), 1usize..20, any::<u64>());
    check(
        strategy,
        |context, (input, latent, activation, batch, seed)| {
            let encoder = vec![Layer::linear(input.len(), 2 * latent, activation, "e")];
            let decoder = vec![
                Layer::linear(latent, input.len(), activation, "d"),
                Layer::reshape([input.height, input.width, input.channels]),
            ];
            let model = model(input, latent, encoder, decoder, seed);
            assert_same(context, &model, batch, seed);
        },
    );
}

/// Kernel, stride, padding and output channels.
fn window() -> impl Strategy<Value = (usize, usize, usize, usize)> {
    (1usize..6, 1usize..4, 0usize..3, 1usize..40)
}

#[test]
fn conv2d_equals_the_cpu() {
    let strategy = (
        input(),
        window(),
        activation(),
        any::<bool>(),
        1usize..6,
        any::<u64>(),
    );
    check(
        strategy,
        |context,
         (input, (kernel, stride, padding, channels), activation, residual, batch, seed)| {
            let (height, width) = (input.height, input.width);
            if height.min(width) + 2 * padding < kernel {
                return;
            }
            let side = |s: usize| (s + 2 * padding - kernel) / stride + 1;
            let mut encoder = vec![Layer::conv2d(
                [input.channels, channels],
                [kernel, stride, padding],
                activation,
                "e.0",
            )];
            if residual {
                encoder.push(Layer::Residual {
                    layers: vec![
                        Layer::conv2d([channels; 2], [3, 1, 1], activation, "e.1"),
                        Layer::conv2d([channels; 2], [3, 1, 1], Activation::None, "e.2"),
                    ],
                    activation,
                });
            }
            encoder.push(Layer::linear(
                side(height) * side(width) * channels,
                4,
                Activation::None,
                "e.3",
            ));
            let decoder = vec![
                Layer::linear(2, input.len(), Activation::None, "d"),
                Layer::reshape([height, width, input.channels]),
            ];
            assert_same(
                context,
                &model(input, 2, encoder, decoder, seed),
                batch,
                seed,
            );
        },
    );
}

#[test]
fn conv_transpose2d_equals_the_cpu() {
    let strategy = (
        (1usize..7, 1usize..7),
        1usize..20,
        window(),
        activation(),
        1usize..6,
        any::<u64>(),
    );
    check(
        strategy,
        |context, ((height, width), channels, (kernel, stride, padding, out), activation, batch, seed)| {
            let side = |s: usize| ((s - 1) * stride + kernel).checked_sub(2 * padding);
            let (Some(tall @ 1..), Some(wide @ 1..)) = (side(height), side(width)) else {
                return;
            };
            // An image has one or three channels; a fourth makes the last vec4 partial.
            let out_channels = if out % 2 == 0 { 1 } else { 3 };
            let input = ImageShape {
                channels: out_channels,
                height: tall,
                width: wide,
            };
            let decoder = vec![
                Layer::linear(2, height * width * channels, Activation::None, "d.0"),
                Layer::reshape([height, width, channels]),
                Layer::conv_transpose2d([channels, out_channels], [kernel, stride, padding], activation, "d.1"),
            ];
            let encoder = vec![Layer::linear(input.len(), 4, Activation::None, "e")];
            assert_same(context, &model(input, 2, encoder, decoder, seed), batch, seed);
        },
    );
}

/// The largest kernels, strides and paddings that a description allows.
#[test]
fn the_largest_windows_equal_the_cpu() {
    let Some(context) = context() else { return };
    for (side, sizes) in [(7, [255, 255, 124]), (1, [1, 255, 0])] {
        let input = ImageShape {
            channels: 1,
            height: side,
            width: side,
        };
        let encoder = vec![Layer::conv2d([1, 4], sizes, Activation::None, "w")];
        let decoder = vec![
            Layer::linear(2, 4, Activation::None, "d"),
            Layer::reshape([1, 1, 4]),
            Layer::conv_transpose2d([4, 1], sizes, Activation::None, "wt"),
        ];
        let model = model(input, 2, encoder, decoder, 6);
        assert_same(&context, &model, 3, 0);
    }
}

/// A model whose decoder copies each latent to a pixel.
fn pixels(input: ImageShape, seed: u64) -> Model {
    let len = input.len();
    let encoder = vec![Layer::linear(len, 2 * len, Activation::None, "e")];
    let decoder = vec![
        Layer::linear(len, len, Activation::Sigmoid, "d"),
        Layer::reshape([input.height, input.width, input.channels]),
    ];
    model(input, len, encoder, decoder, seed)
}

#[test]
fn reparameterize_and_present_equal_the_cpu() {
    let strategy = (
        input(),
        1usize..10,
        1u32..5,
        (1u32..90, 1u32..90),
        0f32..2.0,
        any::<u64>(),
    );
    check(
        strategy,
        |context, (input, batch, columns, (width, height), temperature, seed)| {
            let model = pixels(input, seed);
            let mut gpu = GpuRuntime::new(context.clone(), &model).unwrap();
            let mut cpu = CpuRuntime::new(&model);
            let images = random::normals(seed, batch * input.len());
            let epsilon = random::normals(seed ^ 1, batch * model.spec.latent_size());

            let texture = texture(context, [width, height]);
            let target = Target {
                view: &texture.create_view(&Default::default()),
                format: wgpu::TextureFormat::Rgba8Unorm,
                size: [width, height],
                columns,
            };
            let found = gpu
                .reconstruct(&images, [&[], &[]], &epsilon, temperature, &target)
                .unwrap();
            let found = block_on(found).unwrap();

            let posterior = cpu.encode(&images);
            assert_close(&found.posterior.mean, &posterior.mean);
            let z = reparameterize(&posterior.mean, &posterior.log_var, &epsilon, temperature);
            assert_close(&found.z, &z);
            let decoded = cpu.decode(&z);
            assert_close(&found.images, &decoded);

            let expected = grid(&decoded, input, [width, height], columns);
            for (i, (a, b)) in read_texture(context, &texture)
                .iter()
                .zip(&expected)
                .enumerate()
            {
                assert!(
                    a.abs_diff(*b) <= 1,
                    "byte {i} of {width}×{height}: {a}, expected {b}"
                );
            }
        },
    );
}

/// Pre-activations and log σ² at which exp overflows or underflows give finite results, equal on
/// both runtimes, in small and in large batches.
#[test]
fn extreme_exponents_give_finite_and_equal_results() {
    let Some(context) = context() else { return };
    let input = ImageShape {
        channels: 1,
        height: 1,
        width: 1,
    };
    let extremes = [
        -3e38, -1e30, -1e4, -200.0, -90.0, -80.0, 0.0, 80.0, 90.0, 200.0, 1e4, 1e30, 3e38f32,
    ];
    for activation in Activation::BOUNDED_SLOPE {
        let encoder = vec![Layer::linear(1, 2, Activation::None, "e")];
        let decoder = vec![
            Layer::linear(1, 1, activation, "d"),
            Layer::reshape([1, 1, 1]),
        ];
        // μ = 10⁻³⁸ x and log σ² = 2 x, infinite for the last x. The decoder only activates.
        let model = model_of(input, 1, encoder, decoder, Precision::F32, |i, len, _| {
            [&[1e-38, 2.0][..], &[0.0, 0.0], &[1.0], &[0.0]][i][..len].to_vec()
        });
        let mut cpu = CpuRuntime::new(&model);
        let mut gpu = GpuRuntime::new(context.clone(), &model).unwrap();
        for batch in [1, extremes.len()] {
            for z in extremes.chunks(batch) {
                let found = block_on(gpu.decode(z).unwrap()).unwrap();
                assert!(found.iter().all(|v| v.is_finite()), "{z:?}: {found:?}");
                assert_close(&found, &cpu.decode(z));
            }
        }
        let texture = texture(&context, [4, 4]);
        let target = Target {
            view: &texture.create_view(&Default::default()),
            format: texture.format(),
            size: [4, 4],
            columns: 4,
        };
        for (temperature, epsilon) in [(1.0, 1.5), (0.0, 1.5), (2.0, -3.0)] {
            let epsilon = [epsilon; 13];
            let found = gpu.reconstruct(&extremes, [&[], &[]], &epsilon, temperature, &target);
            let found = block_on(found.unwrap()).unwrap();
            let posterior = cpu.encode(&extremes);
            let z = reparameterize(&posterior.mean, &posterior.log_var, &epsilon, temperature);
            assert!(z.iter().all(|v| v.is_finite()), "{z:?}");
            assert_close(&found.z, &z);
        }
    }
}

/// f32 weights beyond the range of f16 are not rounded, even if the adapter supports f16.
#[test]
fn f32_weights_are_not_rounded_to_f16() {
    let Some(context) = context() else { return };
    let input = ImageShape {
        channels: 1,
        height: 1,
        width: 4,
    };
    let encoder = vec![Layer::linear(4, 2, Activation::None, "e")];
    let decoder = vec![
        Layer::linear(1, 4, Activation::None, "d"),
        Layer::reshape([1, 4, 1]),
    ];
    let wide = [1e6, 1e-9, 1.000_01, -3e-6];
    let model = model_of(input, 1, encoder, decoder, Precision::F32, |i, len, _| {
        if i == 2 {
            wide.to_vec()
        } else {
            vec![0.0; len]
        }
    });
    let mut gpu = GpuRuntime::new(context, &model).unwrap();
    for (found, expected) in block_on(gpu.decode(&[1.0]).unwrap())
        .unwrap()
        .iter()
        .zip(wide)
    {
        assert!(
            (found - expected).abs() <= 1e-6 * expected.abs(),
            "{found}, {expected}"
        );
    }
}

#[test]
fn batches_of_any_size_follow_one_another() {
    let Some(context) = context() else { return };
    let input = ImageShape {
        channels: 3,
        height: 5,
        width: 4,
    };
    let model = pixels(input, 1);
    let mut gpu = GpuRuntime::new(context.clone(), &model).unwrap();
    let mut cpu = CpuRuntime::new(&model);
    for (seed, batch) in [(1, 1), (2, 64), (3, 3), (4, 256)] {
        let z = random::normals(seed, batch * model.spec.latent_size());
        assert_close(&block_on(gpu.decode(&z).unwrap()).unwrap(), &cpu.decode(&z));
    }
}

#[test]
fn extreme_inputs_stay_finite() {
    let Some(context) = context() else { return };
    let input = ImageShape {
        channels: 1,
        height: 4,
        width: 4,
    };
    for activation in Activation::BOUNDED_SLOPE
        .into_iter()
        .chain([Activation::LogSquare])
    {
        let encoder = vec![Layer::linear(16, 2, Activation::None, "e")];
        let decoder = vec![
            Layer::linear(1, 16, activation, "d"),
            Layer::reshape([4, 4, 1]),
        ];
        let model = model(input, 1, encoder, decoder, 2);
        let mut gpu = GpuRuntime::new(context.clone(), &model).unwrap();
        for z in [-1e4, -200.0, 200.0, 1e4] {
            let found = block_on(gpu.decode(&[z]).unwrap()).unwrap();
            assert!(found.iter().all(|v| v.is_finite()), "{activation:?} of {z}");
            assert_close(&found, &CpuRuntime::new(&model).decode(&[z]));
        }
    }
}

/// Compares a conditional model's entry points with classes, without, and with unknown classes.
#[test]
fn conditional_models_equal_the_cpu() {
    let Some(context) = context() else { return };
    let condition = |outputs, params: &str| Layer::Condition {
        outputs,
        activation: Activation::Silu,
        params: params.into(),
    };
    let input = ImageShape {
        channels: 3,
        height: 4,
        width: 5,
    };
    let encoder = vec![
        Layer::linear(60, 9, Activation::None, "e.0"),
        condition(9, "e.1"),
        Layer::linear(9, 6, Activation::None, "e.2"),
    ];
    let decoder = vec![
        condition(3, "d.0"),
        Layer::linear(3, 60, Activation::None, "d.1"),
        condition(60, "d.2"),
        Layer::reshape([4, 5, 3]),
    ];
    let classes = vec!["a".into(), "b".into(), "c".into()];
    let model = conditional(input, 3, classes, [encoder, decoder], 5);
    let (mut gpu, mut cpu) = (
        GpuRuntime::new(context, &model).unwrap(),
        CpuRuntime::new(&model),
    );
    let (images, z) = (random::normals(1, 4 * 60), random::normals(2, 4 * 3));
    let mut seen = Vec::new();
    for given in [&[0, 1, 2, 1][..], &[2, 2, 2, 2], &[], &[1], &[9, 0, 1, 2]] {
        let found = block_on(gpu.encode_given(&images, given).unwrap()).unwrap();
        assert_close(&found.mean, &cpu.encode_given(&images, given).mean);
        let decoded = cpu.decode_given(&z, given);
        let found = block_on(gpu.decode_given(&z, given).unwrap()).unwrap();
        assert_close(&found, &decoded);
        assert!(!seen.contains(&decoded), "a class changes nothing");
        seen.push(decoded);
    }
    assert_eq!(cpu.decode(&z), seen[2]);
}

/// Decoders that read what is written equal the CPU's for texts, parts of texts, none, and unknown symbols; both write
/// the same texts.
#[test]
fn decoders_that_read_their_text_equal_the_cpu() {
    let Some(context) = context() else { return };
    let (symbols, columns, latent) = (5, 7, 3);
    let input = ImageShape {
        channels: symbols,
        height: 1,
        width: columns,
    };
    let read = |reach, outputs, params: &str| Layer::Context {
        reach,
        outputs,
        activation: Activation::Silu,
        params: params.into(),
    };
    let encoder = vec![
        Layer::linear(35, 9, Activation::None, "e.0"),
        Layer::linear(9, 6, Activation::None, "e.1"),
    ];
    let decoder = vec![
        Layer::linear(latent, 7 * 6, Activation::Silu, "d.0"),
        Layer::reshape([1, columns, 6]),
        read(3, 6, "d.1"),
        Layer::conv2d([6, symbols], [1, 1, 0], Activation::None, "d.2"),
        read(3, symbols, "d.3"),
        Layer::conv2d([symbols, symbols], [1, 1, 0], Activation::None, "d.4"),
    ];
    for classes in [Vec::new(), vec!["a".into(), "b".into()]] {
        let mut decoder = decoder.clone();
        if !classes.is_empty() {
            decoder.insert(
                0,
                Layer::Condition {
                    outputs: latent,
                    activation: Activation::Silu,
                    params: "d.c".into(),
                },
            );
        }
        let model = writing(input, latent, classes, [encoder.clone(), decoder], 5);
        let (mut gpu, mut cpu) = (
            GpuRuntime::new(context.clone(), &model).unwrap(),
            CpuRuntime::new(&model),
        );
        let (count, given) = (4, [0, 1, 1, 0]);
        let z = random::normals(2, count * latent);
        let mut seen = Vec::new();
        let text: Vec<usize> = (0..count * columns).map(|i| i * i % symbols).collect();
        for written in [&text[..], &text[..9], &[], &[99; 28], &[1; 28]] {
            let expected = cpu.decode_written(&z, &given, written);
            let found = block_on(gpu.decode_written(&z, &given, written).unwrap()).unwrap();
            assert_close(&found, &expected);
            seen.push(expected);
        }
        assert_eq!(seen[2], seen[3], "what is no symbol is nothing written");
        assert!(seen[0] != seen[1] && seen[1] != seen[2]);
        let chosen = |logits: &[f32]| latent::likeliest(logits, symbols, columns);
        let start = vec![latent::UNWRITTEN; count * columns];
        let texts = latent::settle(start.clone(), columns, |written| {
            Ok::<_, ()>(chosen(&cpu.decode_written(&z, &given, written)))
        });
        let found = latent::settle(start, columns, |written| {
            let logits = gpu.decode_written(&z, &given, written)?;
            Ok::<_, vaelet_gpu::Error>(chosen(&block_on(logits)?))
        });
        assert_eq!(found.unwrap(), texts.unwrap());
    }
}
