//! Whole networks of random layers against the oracle: what they compute, the gradients of their
//! inputs and weights, and the identity that makes a gradient an adjoint.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use vaelet_cpu::CpuVjp;
use vaelet_model::{
    Activation, EntryPoint, Op, Program, Tensor, Tensors, Weights, Wrt, channels_first,
    channels_last, random,
};
use vaelet_reference::{Gradients, Oracle, networks};

const BATCH: usize = 3;

/// The oracle's tensors in f32.
fn weights(program: &Program, tensors: &vaelet_reference::Tensors) -> Weights {
    let stored = program.params().flat_map(|params| params.stored());
    let tensors: Tensors = stored
        .map(|(name, shape)| {
            let data = tensors[&name].iter().map(|&v| v as f32).collect();
            (name, Tensor { shape, data })
        })
        .collect();
    Weights::of(tensors, program.params())
}

/// Differences are relative to the largest value.
fn assert_close(what: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-3, |most: f64, v| most.max(v.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= 2e-5 * scale, "{what} {i}: {found}, {expected}");
    }
}

/// Whether an argument of a relu is so near to 0 that f32 may see it on the other side.
fn is_at_a_kink(program: &Program, values: &[Vec<f64>]) -> bool {
    let relus = program
        .nodes
        .iter()
        .filter(|node| node.op == Op::Activate(Activation::Relu));
    let mut arguments = relus.flat_map(|node| &values[node.inputs[0]]);
    arguments.any(|x| x.abs() < 1e-5)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 150, ..Default::default() })]

    #[test]
    fn networks_and_their_gradients_are_the_oracles(seed in any::<u64>()) {
        let program = networks::chain(seed);
        let tensors = networks::tensors(program.params(), seed);
        let oracle = Oracle { program: &program, tensors: &tensors, temperature: 1.0 };
        let entry = program.entry(EntryPoint::Forward).unwrap();
        let [from, to] = [entry.inputs[0], entry.outputs[0]];
        let [x_len, y_len] = [from, to].map(|value| program.values[value].len());
        let [x_channels, y_channels] = [from, to].map(|value| program.values[value].shape[2]);
        let x = random::normals(seed ^ 1, BATCH * x_len);
        let dy = random::normals(seed ^ 2, BATCH * y_len);

        let (mut y, mut dx) = (Vec::new(), Vec::new());
        let mut of_weights = vaelet_reference::Tensors::new();
        for (x, dy) in x.chunks_exact(x_len).zip(dy.chunks_exact(y_len)) {
            let values = oracle.forward(entry, &[wide(x)]);
            prop_assume!(!is_at_a_kink(&program, &values));
            y.extend_from_slice(&values[to]);
            let Gradients { values, tensors } = oracle.backward(entry, &values, &[wide(dy)]);
            dx.extend_from_slice(&values[from]);
            for (name, tensor) in tensors {
                let zeros = vec![0.0; tensor.len()];
                let sum = of_weights.entry(name).or_insert(zeros);
                sum.iter_mut().zip(tensor).for_each(|(sum, value)| *sum += value);
            }
        }

        let weights = weights(&program, &tensors);
        let x = channels_first(&x, x_channels, x_len);
        let dy = channels_first(&dy, y_channels, y_len);
        for wrt in [Wrt::All, Wrt::Inputs, Wrt::Weights] {
            let mut vjp = CpuVjp::of(&program, &weights, EntryPoint::Forward, wrt).unwrap();
            // Nothing is left of a call before.
            vjp.forward(&[&x]);
            vjp.backward(&[&vec![1.0; dy.len()]]);
            vjp.weight_gradients();
            let out = vjp.forward(&[&x]);
            assert_close("y", &channels_last(&out[0], y_channels, y_len), &y);
            let gradients = vjp.backward(&[&dy]);
            if wrt != Wrt::Weights {
                assert_close("dx", &channels_last(&gradients[0], x_channels, x_len), &dx);
            }
            let found = vjp.weight_gradients();
            prop_assert_eq!(found.is_empty(), wrt == Wrt::Inputs);
            for (name, tensor) in &found {
                assert_close(name, &tensor.data, &of_weights[name]);
            }
        }
    }

    /// ⟨y, A x⟩ = ⟨Aᵀ y, x⟩: of a network without biases and activations the gradient is the adjoint.
    #[test]
    fn gradients_of_linear_maps_are_adjoints(seed in any::<u64>()) {
        let mut program = networks::chain(seed);
        for node in &mut program.nodes {
            match &mut node.op {
                Op::Map(_, params) => params.bias = 0,
                Op::Activate(activation) => *activation = Activation::None,
                _ => {}
            }
        }
        let tensors = networks::tensors(program.params(), seed);
        let weights = weights(&program, &tensors);
        let entry = program.entry(EntryPoint::Forward).unwrap();
        let [x, y] = [entry.inputs[0], entry.outputs[0]].map(|value| program.values[value].len());
        let (x, y) = (random::normals(seed ^ 1, x), random::normals(seed ^ 2, y));
        let mut vjp = CpuVjp::of(&program, &weights, EntryPoint::Forward, Wrt::Inputs).unwrap();
        let (ax, aty) = (vjp.forward(&[&x]).remove(0), vjp.backward(&[&y]).remove(0));
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let scale = dot(&ax, &ax).sqrt() * dot(&y, &y).sqrt();
        let (left, right) = (dot(&y, &ax), dot(&aty, &x));
        prop_assert!((left - right).abs() <= 1e-5 * (1.0 + scale), "{} {}", left, right);
    }
}
