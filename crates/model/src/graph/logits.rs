//! The pass that takes the sigmoid off the end of a model's program: a likelihood is computed from logits, because the
//! logarithm of a sigmoid loses digits.

use super::ir::{Entry, EntryPoint, Op, Program};
use crate::Activation;

impl Program {
    /// The program whose only entry point, [`EntryPoint::Autoencode`], encodes, samples and decodes up to the logits.
    /// Its outputs are the posterior `[N, 2 · latent]` and the logits. Nothing where the last node is no sigmoid.
    pub fn with_logits(&self) -> Option<Self> {
        let mut program = self.clone();
        let entry = program.entry(EntryPoint::Autoencode)?.clone();
        let last = program.nodes.pop()?;
        let is_end =
            last.op == Op::Activate(Activation::Sigmoid) && entry.outputs[2] == last.output;
        let nodes = program.nodes.len();
        // Callers see the logits as the image that the sigmoid makes of them.
        program.values[last.inputs[0]].is_vector = program.values[last.output].is_vector;
        program.entries = vec![Entry {
            outputs: vec![entry.outputs[0], last.inputs[0]],
            range: 0..nodes,
            ..entry
        }];
        is_end.then_some(program)
    }
}
