//! Compares networks of random layers with the oracle: their outputs and the gradients of inputs
//! and weights. Also tests that the gradient of a linear network is its adjoint.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use vaelet_cpu::CpuVjp;
use vaelet_model::{
    Activation, EntryPoint, Map, Op, Program, Wrt, channels_first, channels_last, random,
};
use vaelet_reference::conv::{self, Kind};
use vaelet_reference::{Gradients, Oracle, linear, networks};

const BATCH: usize = 3;
/// Differences of smaller values are relative to this. Values inside the network are about 1, so a
/// much smaller output is a difference of larger terms and has lost precision.
const LEAST: f64 = 1e-2;
/// The tolerance for a single kernel in kernels.rs. A wrong result differs by much more.
const TOLERANCE: f64 = 1e-4;

/// Differences are relative to the largest expected value.
fn assert_close(what: &str, found: &[f32], expected: &[f64]) {
    let largest = expected
        .iter()
        .fold(LEAST, |most: f64, v| most.max(v.abs()));
    assert_close_to(what, found, expected, largest);
}

/// Differences are relative to `scale`: for a sum whose terms cancel, the size of the terms.
fn assert_close_to(what: &str, found: &[f32], expected: &[f64], scale: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(
            error <= TOLERANCE * scale,
            "{what} {i}: {found}, {expected}"
        );
    }
}

/// Whether an argument of a ReLU is so near 0 that rounding to f32 may change its sign.
fn is_at_a_kink(program: &Program, values: &[Vec<f64>]) -> bool {
    let relus = program
        .nodes
        .iter()
        .filter(|node| node.op == Op::Activate(Activation::Relu));
    let mut arguments = relus.flat_map(|node| &values[node.inputs[0]]);
    arguments.any(|x| x.abs() < 1e-5)
}

/// For each tensor the size of the terms in the sums that are its gradient: the largest Σ |x δ| for
/// a weight, Σ |δ| for a bias.
fn terms(program: &Program, values: &[Vec<f64>], gradients: &[Vec<f64>]) -> Vec<(String, f64)> {
    let absolute = |values: &[f64]| -> Vec<f64> { values.iter().map(|v| v.abs()).collect() };
    let largest = |sums: &[f64]| sums.iter().copied().fold(0.0, f64::max);
    let mut terms = Vec::new();
    for node in &program.nodes {
        let Op::Map(map, params) = &node.op else {
            continue;
        };
        let (x, delta) = (
            absolute(&values[node.inputs[0]]),
            absolute(&gradients[node.output]),
        );
        let mut sums = vec![0.0; params.weight.iter().product()];
        let zeros = sums.clone();
        match map {
            Map::Linear { .. } => linear::backward(&x, &zeros, &delta, &mut sums),
            Map::Conv2d(w) => conv::backward(Kind::Plain, w, &x, &zeros, &delta, &mut sums),
            Map::ConvTranspose2d(w) => {
                conv::backward(Kind::Transposed, w, &x, &zeros, &delta, &mut sums)
            }
        };
        terms.push((params.weight_name(), largest(&sums)));
        let channels: Vec<f64> = (0..params.bias)
            .map(|o| delta.iter().skip(o).step_by(params.bias).sum())
            .collect();
        terms.push((params.bias_name(), largest(&channels)));
    }
    terms
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 150, ..Default::default() })]

    #[test]
    fn networks_and_their_gradients_equal_the_oracles(seed in any::<u64>()) {
        let program = networks::chain(seed);
        let tensors = networks::tensors(program.params(), seed);
        let oracle = Oracle { program: &program, tensors: &tensors, temperature: 1.0 };
        let entry = program.entry(EntryPoint::Forward).unwrap();
        let [from, to] = [entry.inputs[0], entry.outputs[0]];
        let [x_len, y_len] = [from, to].map(|value| program.values[value].len());
        let [x_channels, y_channels] = [from, to].map(|value| program.values[value].shape[2]);
        let x = random::normals(seed ^ 1, BATCH * x_len);
        // Of a context and a condition any number is as good as a symbol or a class.
        let given = &entry.inputs[1..];
        let sizes_of = |value: usize| (program.values[value].channels(), program.values[value].len());
        let c: Vec<Vec<f32>> = (3..).zip(given).map(|(i, &value)| random::normals(seed ^ i, BATCH * sizes_of(value).1)).collect();
        let dy = random::normals(seed ^ 2, BATCH * y_len);

        let (mut y, mut dx, mut dc) = (Vec::new(), Vec::new(), vec![Vec::new(); given.len()]);
        let mut of_weights = vaelet_reference::Tensors::new();
        let mut sizes = BTreeMap::new();
        for (i, (x, dy)) in x.chunks_exact(x_len).zip(dy.chunks_exact(y_len)).enumerate() {
            let parts = c.iter().map(|c| wide(&c[i * c.len() / BATCH..][..c.len() / BATCH]));
            let inputs: Vec<Vec<f64>> = [wide(x)].into_iter().chain(parts).collect();
            let values = oracle.forward(entry, &inputs);
            prop_assume!(!is_at_a_kink(&program, &values));
            y.extend_from_slice(&values[to]);
            let gradients = oracle.backward(entry, &values, &[wide(dy)]);
            for (name, size) in terms(&program, &values, &gradients.values) {
                *sizes.entry(name).or_insert(LEAST) += size;
            }
            let Gradients { values, tensors } = gradients;
            dx.extend_from_slice(&values[from]);
            for (dc, &value) in dc.iter_mut().zip(given) {
                dc.extend_from_slice(&values[value]);
            }
            for (name, tensor) in tensors {
                let zeros = vec![0.0; tensor.len()];
                let sum = of_weights.entry(name).or_insert(zeros);
                sum.iter_mut().zip(tensor).for_each(|(sum, value)| *sum += value);
            }
        }

        let weights = networks::weights(&program, &tensors);
        let x = channels_first(&x, x_channels, x_len);
        let dy = channels_first(&dy, y_channels, y_len);
        let c: Vec<Vec<f32>> = c.iter().zip(given).map(|(c, &value)| {
            let (channels, len) = sizes_of(value);
            channels_first(c, channels, len)
        }).collect();
        let inputs: Vec<&[f32]> = [x.as_slice()].into_iter().chain(c.iter().map(Vec::as_slice)).collect();
        for wrt in [Wrt::All, Wrt::Inputs, Wrt::Weights] {
            let mut vjp = CpuVjp::of(&program, &weights, EntryPoint::Forward, wrt).unwrap();
            // An earlier call must have no effect.
            vjp.forward(&inputs);
            vjp.backward(&[&vec![1.0; dy.len()]]);
            vjp.weight_gradients();
            let out = vjp.forward(&inputs);
            assert_close("y", &channels_last(&out[0], y_channels, y_len), &y);
            let gradients = vjp.backward(&[&dy]);
            if wrt != Wrt::Weights {
                assert_close("dx", &channels_last(&gradients[0], x_channels, x_len), &dx);
                // A chain need not read its condition, the last.
                for ((found, expected), &value) in gradients[1..].iter().zip(&dc).zip(given) {
                    let (channels, len) = sizes_of(value);
                    assert_close("dc", &channels_last(found, channels, len), expected);
                }
            }
            let found = vjp.weight_gradients();
            prop_assert_eq!(found.is_empty(), wrt == Wrt::Inputs);
            for (name, tensor) in &found {
                assert_close_to(name, &tensor.data, &of_weights[name], sizes[name]);
            }
        }
    }

    /// ⟨y, A x⟩ = ⟨Aᵀ y, x⟩: the gradient of a network without biases and activations is the
    /// adjoint.
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
        let weights = networks::weights(&program, &tensors);
        let entry = program.entry(EntryPoint::Forward).unwrap();
        let len = |&value: &usize| program.values[value].len();
        let x: Vec<_> = entry.inputs.iter().map(|input| random::normals(seed ^ 1, len(input))).collect();
        let x: Vec<&[f32]> = x.iter().map(Vec::as_slice).collect();
        let y = random::normals(seed ^ 2, len(&entry.outputs[0]));
        let mut vjp = CpuVjp::of(&program, &weights, EntryPoint::Forward, Wrt::Inputs).unwrap();
        let (ax, aty) = (vjp.forward(&x).remove(0), vjp.backward(&[&y]));
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let scale = dot(&ax, &ax).sqrt() * dot(&y, &y).sqrt();
        let (left, right) = (dot(&y, &ax), aty.iter().zip(&x).map(|(aty, x)| dot(aty, x)).sum::<f64>());
        prop_assert!((left - right).abs() <= 1e-5 * (1.0 + scale), "{} {}", left, right);
    }
}
