//! The pass that writes the program of a program's gradients.
//!
//! The gradient of a linear map is its adjoint, which is a map that the runtimes have: of a linear
//! layer one with the weight transposed, of a convolution a transposed convolution, and the other
//! way round. What is new is an activation's derivative, at the end of the step that it multiplies,
//! and one product a map for the gradient of its weight ([`WeightGradient`]).

use super::ir::{Entry, EntryPoint, Map, Node, Op, Params, Program};

/// What gradients are taken with respect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrt {
    /// The entry's inputs.
    Inputs,
    /// The weights and biases of its maps.
    Weights,
    /// Both.
    All,
}

/// A program with the gradients of one of its entry points: [`EntryPoint::Forward`] is that entry,
/// [`EntryPoint::Backward`] reads a gradient for each of its outputs and gives one for each of its
/// inputs, or nothing under [`Wrt::Weights`].
#[derive(Debug, Clone, PartialEq)]
pub struct Reversed {
    /// Both entry points.
    pub program: Program,
    /// In the order in which what they read is computed.
    pub weights: Vec<WeightGradient>,
}

/// The gradient of a map's weight and bias, summed over a batch: for a linear layer `xᵀ · δ`, of
/// shape [`Params::weight`], and the sum of δ. Both values have to be kept until it is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightGradient {
    /// The map.
    pub map: Map,
    /// Its tensors.
    pub params: Params,
    /// Index of the value that the map has read.
    pub input: usize,
    /// Index of δ, the gradient with respect to what the map has written.
    pub delta: usize,
}

impl Program {
    /// Writes the gradients of an entry point; nothing where the program does not have it.
    pub fn reverse(&self, name: EntryPoint, wrt: Wrt) -> Option<Reversed> {
        let entry = self.entry(name)?;
        let mut reverse = Reverse {
            gradients: vec![None; self.values.len()],
            needed: self.needed(entry, wrt),
            program: Self {
                nodes: self.nodes[entry.range.clone()].to_vec(),
                values: self.values.clone(),
                entries: Vec::new(),
            },
            weights: Vec::new(),
            of_weights: wrt != Wrt::Inputs,
        };
        let forward = reverse.program.nodes.clone();
        let mut seeds = Vec::new();
        for &output in &entry.outputs {
            let seed = reverse.program.value(self.values[output].shape);
            reverse.program.values[seed] = self.values[output];
            reverse.accumulate(output, seed);
            seeds.push(seed);
        }
        for node in forward.iter().rev() {
            reverse.node(node);
        }
        let gradient = |&input: &usize| reverse.gradients[input];
        let gradients = match wrt {
            Wrt::Weights => Vec::new(),
            Wrt::Inputs | Wrt::All => entry.inputs.iter().filter_map(gradient).collect(),
        };
        let count = reverse.program.nodes.len();
        reverse.program.entries = vec![
            Entry {
                name: EntryPoint::Forward,
                range: 0..forward.len(),
                ..entry.clone()
            },
            Entry {
                name: EntryPoint::Backward,
                inputs: seeds,
                outputs: gradients,
                range: forward.len()..count,
            },
        ];
        Some(Reversed {
            program: reverse.program,
            weights: reverse.weights,
        })
    }

    /// For each value whether its gradient is needed.
    fn needed(&self, entry: &Entry, wrt: Wrt) -> Vec<bool> {
        let mut needed = vec![false; self.values.len()];
        if wrt != Wrt::Weights {
            for &input in &entry.inputs {
                needed[input] = true;
            }
        }
        for node in &self.nodes[entry.range.clone()] {
            let learns = wrt != Wrt::Inputs && matches!(node.op, Op::Map(..));
            needed[node.output] = learns || node.inputs.iter().any(|&input| needed[input]);
        }
        needed
    }
}

impl Reversed {
    /// Values that must not share their places with others: those that weight gradients read.
    pub fn kept(&self) -> Vec<usize> {
        let reads = self.weights.iter();
        reads
            .flat_map(|weight| [weight.input, weight.delta])
            .collect()
    }
}

/// The program so far, and the gradient of each value.
struct Reverse {
    program: Program,
    gradients: Vec<Option<usize>>,
    needed: Vec<bool>,
    weights: Vec<WeightGradient>,
    of_weights: bool,
}

impl Reverse {
    /// Adds the gradients of what a node reads.
    fn node(&mut self, node: &Node) {
        let Some(gradient) = self.gradients[node.output] else {
            return;
        };
        let input = node.inputs[0];
        let shape = self.program.values[input].shape;
        match &node.op {
            Op::Map(map, params) => {
                if self.of_weights {
                    self.weights.push(WeightGradient {
                        map: *map,
                        params: params.clone(),
                        input,
                        delta: gradient,
                    });
                }
                if self.needed[input] {
                    let op = Op::Map(map.adjoint(), params.adjoint());
                    let adjoint = self.program.push(op, vec![gradient], shape);
                    self.accumulate(input, adjoint);
                }
            }
            Op::Add => {
                for &input in &node.inputs {
                    if self.needed[input] {
                        self.accumulate(input, gradient);
                    }
                }
            }
            &Op::Activate(activation) if self.needed[input] => {
                let from = match activation.differs_by_argument() {
                    true => input,
                    false => node.output,
                };
                let op = Op::Derivative(activation);
                let product = self.program.push(op, vec![gradient, from], shape);
                self.accumulate(input, product);
            }
            Op::Sample if self.needed[input] => {
                let inputs = vec![gradient, input, node.inputs[1]];
                let posterior = self.program.push(Op::SampleGradient, inputs, shape);
                self.accumulate(input, posterior);
            }
            // Gradients of gradients are nowhere asked for.
            _ => {}
        }
    }

    /// Adds to the gradient of a value.
    fn accumulate(&mut self, value: usize, gradient: usize) {
        let sum = match self.gradients[value] {
            None => gradient,
            Some(before) => {
                let shape = self.program.values[value].shape;
                self.program.push(Op::Add, vec![gradient, before], shape)
            }
        };
        self.gradients[value] = Some(sum);
    }
}
