//! The oracle: a reference implementation of every operation, forward and backward, as plain loops
//! in f64.
//!
//! It is slow, and shares no code with what it is compared to: gradients follow from the definition
//! of each operation, not from the pass that generates a program of gradients.

pub mod activation;
pub mod conv;
pub mod limits;
pub mod linear;
pub mod networks;
pub mod sample;
pub mod training;
pub mod upsample;

use conv::Kind;
use std::collections::BTreeMap;
use vaelet_model::{Activation, Entry, Map, Node, Op, Params, Program};

/// Tensors by their names in the weights file.
pub type Tensors = BTreeMap<String, Vec<f64>>;

/// A program with its weights, which it runs for one item at a time.
pub struct Oracle<'a> {
    /// The program that is run.
    pub program: &'a Program,
    /// Weights and biases.
    pub tensors: &'a Tensors,
    /// The temperature T of [`Op::Sample`].
    pub temperature: f64,
}

/// The gradients of one item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gradients {
    /// With respect to every value, by its index; zeros if no output depends on it.
    pub values: Vec<Vec<f64>>,
    /// With respect to weights and biases.
    pub tensors: Tensors,
}

impl Oracle<'_> {
    /// Runs an entry point for one item. Returns all values by their index; those that it neither
    /// reads nor writes are empty.
    pub fn forward(&self, entry: &Entry, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut values = vec![Vec::new(); self.program.values.len()];
        for (&value, input) in entry.inputs.iter().zip(inputs) {
            values[value].clone_from(input);
        }
        self.run(entry, &mut values);
        values
    }

    /// Runs an entry point on `values`, by index, in which its inputs have been set.
    pub fn run(&self, entry: &Entry, values: &mut [Vec<f64>]) {
        for node in &self.program.nodes[entry.range.clone()] {
            values[node.output] = self.node(node, values);
        }
    }

    fn node(&self, node: &Node, values: &[Vec<f64>]) -> Vec<f64> {
        let input = |i: usize| &values[node.inputs[i]];
        let x = input(0);
        match &node.op {
            Op::Map(map, params) => {
                let mut y = self.map(map, params, x);
                if params.bias > 0 {
                    let bias = &self.tensors[&params.bias_name()];
                    y.iter_mut()
                        .zip(bias.iter().cycle())
                        .for_each(|(y, b)| *y += b);
                }
                y
            }
            Op::Add => x.iter().zip(input(1)).map(|(a, b)| a + b).collect(),
            &Op::Activate(f) => x.iter().map(|&x| activation::forward(f, x)).collect(),
            &Op::Derivative(f) => {
                let derivative = |&value: &f64| match f {
                    Activation::Sigmoid => value * (1.0 - value),
                    Activation::Elu => value.min(0.0) + 1.0,
                    Activation::Softplus => 1.0 - (-value).exp(),
                    // ReLU's result is above 0 exactly if its argument is; the others read theirs.
                    _ => activation::derivative(f, value),
                };
                let pairs = x.iter().zip(input(1));
                pairs
                    .map(|(gradient, value)| gradient * derivative(value))
                    .collect()
            }
            Op::Sample => sample::forward(x, input(1), self.temperature),
            Op::SampleGradient => sample::backward(input(1), input(2), self.temperature, x).0,
        }
    }

    fn map(&self, map: &Map, params: &Params, x: &[f64]) -> Vec<f64> {
        let weight = self.weight(params);
        match map {
            Map::Linear { outputs, .. } => linear::forward(x, &weight, *outputs),
            Map::Conv2d(window) => conv::forward(Kind::Plain, window, x, &weight),
            Map::ConvTranspose2d(window) => conv::forward(Kind::Transposed, window, x, &weight),
        }
    }

    /// The weight in the shape of the map. For an adjoint, inputs and outputs are swapped.
    fn weight(&self, params: &Params) -> Vec<f64> {
        let stored = &self.tensors[&params.weight_name()];
        let weight = match params.upsampled {
            true => upsample::forward(stored),
            false => stored.clone(),
        };
        if !params.adjoint {
            return weight;
        }
        let [inputs, outputs] = [2, 1].map(|from| params.weight[params.weight.len() - from]);
        let mut swapped = vec![0.0; weight.len()];
        for tap in 0..weight.len() / (inputs * outputs) {
            for i in 0..inputs {
                for o in 0..outputs {
                    swapped[(tap * outputs + o) * inputs + i] =
                        weight[(tap * inputs + i) * outputs + o];
                }
            }
        }
        swapped
    }

    /// The gradients of Σ seeds · outputs. `values` is the result of [`Oracle::forward`] for the
    /// same entry point.
    ///
    /// # Panics
    /// If the entry point computes gradients itself: second derivatives are not implemented.
    pub fn backward(&self, entry: &Entry, values: &[Vec<f64>], seeds: &[Vec<f64>]) -> Gradients {
        let mut gradients = Gradients {
            values: self
                .program
                .values
                .iter()
                .map(|v| vec![0.0; v.len()])
                .collect(),
            tensors: Tensors::new(),
        };
        for (&output, seed) in entry.outputs.iter().zip(seeds) {
            add(&mut gradients.values[output], seed);
        }
        for node in self.program.nodes[entry.range.clone()].iter().rev() {
            let gradient = gradients.values[node.output].clone();
            let (value, input) = (node.inputs[0], &values[node.inputs[0]]);
            match &node.op {
                Op::Map(map, params) => {
                    let dx =
                        self.map_backward(map, params, input, &gradient, &mut gradients.tensors);
                    add(&mut gradients.values[value], &dx);
                }
                Op::Add => {
                    for &input in &node.inputs {
                        add(&mut gradients.values[input], &gradient);
                    }
                }
                &Op::Activate(f) => {
                    let pairs = gradient.iter().zip(input);
                    let dx: Vec<f64> = pairs
                        .map(|(g, &x)| g * activation::derivative(f, x))
                        .collect();
                    add(&mut gradients.values[value], &dx);
                }
                Op::Sample => {
                    let noise = &values[node.inputs[1]];
                    let (dp, de) = sample::backward(input, noise, self.temperature, &gradient);
                    add(&mut gradients.values[value], &dp);
                    add(&mut gradients.values[node.inputs[1]], &de);
                }
                Op::Derivative(_) | Op::SampleGradient => {
                    panic!("second derivatives are not implemented")
                }
            }
        }
        gradients
    }

    fn map_backward(
        &self,
        map: &Map,
        params: &Params,
        x: &[f64],
        dy: &[f64],
        tensors: &mut Tensors,
    ) -> Vec<f64> {
        let weight = self.weight(params);
        let dweight = &mut vec![0.0; weight.len()];
        let dx = match map {
            Map::Linear { .. } => linear::backward(x, &weight, dy, dweight),
            Map::Conv2d(window) => conv::backward(Kind::Plain, window, x, &weight, dy, dweight),
            Map::ConvTranspose2d(window) => {
                conv::backward(Kind::Transposed, window, x, &weight, dy, dweight)
            }
        };
        let dweight = match params.upsampled {
            true => upsample::backward(dweight),
            false => dweight.clone(),
        };
        let zeros = vec![0.0; dweight.len()];
        add(
            tensors.entry(params.weight_name()).or_insert(zeros),
            &dweight,
        );
        if params.bias > 0 {
            let zeros = vec![0.0; params.bias];
            let dbias = tensors.entry(params.bias_name()).or_insert(zeros);
            for (o, dy) in dy.iter().enumerate() {
                dbias[o % params.bias] += dy;
            }
        }
        dx
    }
}

fn add(sum: &mut [f64], values: &[f64]) {
    sum.iter_mut()
        .zip(values)
        .for_each(|(sum, value)| *sum += value);
}
