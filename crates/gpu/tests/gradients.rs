//! Gradients on the GPU equal those on the CPU, for random networks and for a whole model with its
//! sampling step.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{context, model};
use pollster::block_on;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::rc::Rc;
use vaelet_cpu::CpuVjp;
use vaelet_gpu::{Context, GpuVjp};
use vaelet_model::{Activation, EntryPoint, ImageShape, Layer, Program, Weights, Wrt, random};
use vaelet_reference::networks;

const BATCH: usize = 3;

/// The difference is relative to the largest expected value.
fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-3, |most: f32, v| most.max(v.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(
            error <= 1e-3 * scale,
            "{what} {i}: {found}, expected {expected}"
        );
    }
}

/// Compares both runtimes on the same inputs and gradients of outputs.
fn check(
    context: &Rc<Context>,
    (program, weights): (&Program, &Weights),
    name: EntryPoint,
    wrt: Wrt,
    seed: u64,
) {
    let entry = program.entry(name).unwrap();
    let random = |values: &[usize], seed: u64| -> Vec<Vec<f32>> {
        let lens = values
            .iter()
            .map(|&value| BATCH * program.values[value].len());
        (seed..)
            .zip(lens)
            .map(|(seed, len)| random::normals(seed, len))
            .collect()
    };
    let (inputs, seeds) = (
        random(&entry.inputs, seed ^ 1),
        random(&entry.outputs, seed ^ 2),
    );
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let seeds: Vec<&[f32]> = seeds.iter().map(Vec::as_slice).collect();

    let mut cpu = CpuVjp::of(program, weights, name, wrt)
        .unwrap()
        .with_temperature(0.7);
    let gpu = GpuVjp::new(context.clone(), (program, weights), name, wrt, false);
    let mut gpu = gpu.unwrap().unwrap().with_temperature(0.7);
    for _ in 0..2 {
        let expected = cpu.forward(&inputs);
        let found = block_on(gpu.forward(&inputs).unwrap()).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert_close("output", found, expected);
        }
        let expected = cpu.backward(&seeds);
        let found = block_on(gpu.backward(&seeds).unwrap()).unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_close("gradient", found, expected);
        }
        let expected = cpu.weight_gradients();
        let found = block_on(gpu.weight_gradients()).unwrap();
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>()
        );
        for (name, tensor) in &found {
            assert_eq!(tensor.shape, expected[name].shape);
            assert_close(name, &tensor.data, &expected[name].data);
        }
    }
}

/// Replaces ReLU: rounding near 0 may change the sign of its argument, and then gradients differ.
fn smooth(mut program: Program) -> Program {
    for node in &mut program.nodes {
        if let vaelet_model::Op::Activate(activation @ Activation::Relu) = &mut node.op {
            *activation = Activation::Silu;
        }
    }
    program
}

#[test]
fn gradients_equal_the_cpus() {
    let Some(context) = context() else { return };
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 8,
        failure_persistence: None,
        ..Default::default()
    });
    let result = runner.run(&any::<u64>(), |seed| {
        let program = smooth(networks::chain(seed));
        let tensors = networks::tensors(program.params(), seed);
        let weights = networks::weights(&program, &tensors);
        let wrt = [Wrt::All, Wrt::Inputs, Wrt::Weights][seed as usize % 3];
        check(
            &context,
            (&program, &weights),
            EntryPoint::Forward,
            wrt,
            seed,
        );
        Ok(())
    });
    result.unwrap_or_else(|e| panic!("{e}"));
}

/// Its last weight has 400 rows of 196 blocks, more than a GPU dispatches in one dimension.
#[test]
fn a_large_weight_has_a_gradient() {
    let Some(context) = context() else { return };
    let input = ImageShape {
        channels: 1,
        height: 28,
        width: 28,
    };
    let encoder = vec![Layer::linear(784, 4, Activation::None, "e")];
    let decoder = vec![
        Layer::linear(2, 400, Activation::Silu, "d.0"),
        Layer::linear(400, 784, Activation::Sigmoid, "d.1"),
        Layer::reshape([28, 28, 1]),
    ];
    let model = model(input, 2, encoder, decoder, 7);
    let network = (&model.program, &model.weights);
    check(&context, network, EntryPoint::Decode, Wrt::Weights, 8);
}

/// For every entry point of a model.
#[test]
fn gradients_pass_through_the_sampling_step() {
    let Some(context) = context() else { return };
    let input = ImageShape {
        channels: 3,
        height: 4,
        width: 5,
    };
    let encoder = vec![
        Layer::linear(60, 9, Activation::Silu, "e.0"),
        Layer::linear(9, 6, Activation::None, "e.1"),
    ];
    let decoder = vec![
        Layer::linear(3, 60, Activation::Sigmoid, "d"),
        Layer::reshape([4, 5, 3]),
    ];
    let model = model(input, 3, encoder, decoder, 6);
    for name in [
        EntryPoint::Encode,
        EntryPoint::Decode,
        EntryPoint::Autoencode,
    ] {
        check(
            &context,
            (&model.program, &model.weights),
            name,
            Wrt::All,
            5,
        );
    }
}
