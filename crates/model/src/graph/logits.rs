//! The pass that takes the sigmoid off the end of a model's program: a likelihood is computed from logits, because the
//! logarithm of a sigmoid loses digits.

use super::ir::{Entry, EntryPoint, Op, Program};
use crate::Activation;

impl Program {
    /// The program whose only entry point is [`EntryPoint::Autoencode`] or [`EntryPoint::Decode`] up to the logits. The outputs
    /// of the first are the posterior `[N, 2 · latent]` and the logits, of the second the logits. Nothing where the last node is no
    /// sigmoid.
    pub fn with_logits(&self, name: EntryPoint) -> Option<Self> {
        let mut program = self.clone();
        let entry = program.entry(name)?.clone();
        let last = program.nodes.pop()?;
        let is_end = last.op == Op::Activate(Activation::Sigmoid)
            && entry.outputs.last() == Some(&last.output);
        let nodes = program.nodes.len();
        // Callers see the logits as the image that the sigmoid makes of them.
        program.values[last.inputs[0]].is_vector = program.values[last.output].is_vector;
        let outputs = match name {
            EntryPoint::Decode => vec![last.inputs[0]],
            _ => vec![entry.outputs[0], last.inputs[0]],
        };
        program.entries = vec![Entry {
            outputs,
            range: entry.range.start..nodes,
            ..entry
        }];
        is_end.then_some(program)
    }
}
