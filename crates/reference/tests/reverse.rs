//! The gradients that the reverse pass generates equal those from the definition of each operation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use vaelet_model::{EntryPoint, Program, Wrt, random};
use vaelet_reference::{Oracle, networks};

fn normals(seed: u64, len: usize) -> Vec<f64> {
    random::normals(seed, len)
        .into_iter()
        .map(f64::from)
        .collect()
}

/// The largest difference, relative to the largest expected value.
fn difference(expected: &[f64], found: &[f64]) -> f64 {
    assert_eq!(expected.len(), found.len());
    let scale = expected.iter().fold(1e-6, |most: f64, v| most.max(v.abs()));
    let pairs = expected.iter().zip(found);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / scale
}

/// Compares a program's generated gradients, run by the oracle, with the oracle's own gradients.
fn check(program: &Program, name: EntryPoint, seed: u64) {
    let tensors = networks::tensors(program.params(), seed);
    let temperature = 0.7;
    let oracle = Oracle {
        program,
        tensors: &tensors,
        temperature,
    };
    let entry = program.entry(name).unwrap();
    let of = |values: &[usize], seed: u64| -> Vec<Vec<f64>> {
        let lens = values.iter().map(|&value| program.values[value].len());
        (seed..)
            .zip(lens)
            .map(|(seed, len)| normals(seed, len))
            .collect()
    };
    let (inputs, seeds) = (of(&entry.inputs, seed ^ 1), of(&entry.outputs, seed ^ 2));
    let values = oracle.forward(entry, &inputs);
    let expected = oracle.backward(entry, &values, &seeds);

    let reversed = program.reverse(name, Wrt::All).unwrap();
    let gradients = Oracle {
        program: &reversed.program,
        ..oracle
    };
    let [forward, backward] = [EntryPoint::Forward, EntryPoint::Backward]
        .map(|name| reversed.program.entry(name).unwrap());
    let mut values = gradients.forward(forward, &inputs);
    for (&seed, value) in backward.inputs.iter().zip(seeds) {
        values[seed] = value;
    }
    gradients.run(backward, &mut values);
    for (&input, &gradient) in entry.inputs.iter().zip(&backward.outputs) {
        assert!(difference(&expected.values[input], &values[gradient]) < 1e-9);
    }
    // The weight gradient of each map is computed from its input x and its output's gradient δ.
    let maps = program.nodes[entry.range.clone()].iter().rev();
    let maps: Vec<_> = maps
        .filter(|node| matches!(node.op, vaelet_model::Op::Map(..)))
        .collect();
    assert_eq!(maps.len(), reversed.weights.len());
    for (node, weight) in maps.iter().zip(&reversed.weights) {
        assert_eq!(node.inputs[0], weight.input);
        let delta = &values[weight.delta];
        assert!(difference(&expected.values[node.output], delta) < 1e-9);
    }
}

/// Checks the oracle itself by finite differences of Σ seeds · outputs.
fn check_oracle(program: &Program, seed: u64) {
    let tensors = networks::tensors(program.params(), seed);
    let oracle = Oracle {
        program,
        tensors: &tensors,
        temperature: 1.0,
    };
    let entry = program.entry(EntryPoint::Forward).unwrap();
    let [input, condition] = [0, 1].map(|i| {
        let len = entry
            .inputs
            .get(i)
            .map_or(0, |&value| program.values[value].len());
        normals(seed ^ (1 + 4 * i as u64), len)
    });
    let seeds = vec![normals(seed ^ 2, program.values[entry.outputs[0]].len())];
    let sum = |input: &[f64]| -> f64 {
        let values = oracle.forward(entry, &[input.to_vec(), condition.clone()]);
        values[entry.outputs[0]]
            .iter()
            .zip(&seeds[0])
            .map(|(a, b)| a * b)
            .sum()
    };
    let values = oracle.forward(entry, &[input.clone(), condition.clone()]);
    let gradient = &oracle.backward(entry, &values, &seeds).values[entry.inputs[0]];
    let direction = normals(seed ^ 3, input.len());
    let moved = |by: f64| -> Vec<f64> {
        input
            .iter()
            .zip(&direction)
            .map(|(x, d)| x + by * d)
            .collect()
    };
    let h = 1e-6;
    let expected = (sum(&moved(h)) - sum(&moved(-h))) / (2.0 * h);
    let found: f64 = gradient.iter().zip(&direction).map(|(a, b)| a * b).sum();
    // A ReLU whose argument is within h of 0 causes a small error.
    assert!(
        (expected - found).abs() <= 1e-3 * (1.0 + found.abs()),
        "{expected} {found}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn generated_gradients_equal_the_oracles(seed in any::<u64>()) {
        check(&networks::chain(seed), EntryPoint::Forward, seed);
        check_oracle(&networks::chain(seed), seed);
    }
}
