//! The pass that makes kernels of nodes: an addition, an activation or the derivative of one is
//! the end of the step that produces what it reads, while that is still in a register.

use super::ir::{Entry, EntryPoint, Map, Node, Op, Params, Program, Value};
use crate::Activation;

/// A program as the runtimes run it: a straight list of fused steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// Those of the program; the ones that fusing has swallowed are never written.
    pub values: Vec<Value>,
    /// What it can be asked for; their ranges count [`Schedule::steps`].
    pub entries: Vec<Entry>,
}

/// One kernel launch: `output = finish(kernel(input) + bias + add)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is computed.
    pub kernel: Kernel,
    /// Index of the value read.
    pub input: usize,
    /// Index of a value of the output's shape that is added; for a sample, of the noise.
    pub add: Option<usize>,
    /// Applied last.
    pub finish: Finish,
    /// Index of the value written.
    pub output: usize,
}

/// What a step computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kernel {
    /// A linear map with its bias.
    Map(Map, Params),
    /// Nothing: the input itself.
    Identity,
    /// [`Op::Sample`]
    Sample,
    /// [`Op::SampleGradient`], with the posterior as what is added, and this noise.
    SampleGradient(usize),
}

/// The end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// `f(sum)`
    Activate(Activation),
    /// `sum · f′`, where f′ is computed from the value with this index ([`Op::Derivative`]).
    Derivative(Activation, usize),
}

impl Step {
    /// Its linear map and that map's tensors, if it has one.
    pub fn map(&self) -> Option<(&Map, &Params)> {
        match &self.kernel {
            Kernel::Map(map, params) => Some((map, params)),
            _ => None,
        }
    }

    /// The activation at its end.
    pub fn activation(&self) -> Activation {
        match self.finish {
            Finish::Activate(activation) => activation,
            Finish::Derivative(..) => Activation::None,
        }
    }

    /// Indices of the values that it reads.
    pub fn reads(&self) -> impl Iterator<Item = usize> {
        let saved = match self.finish {
            Finish::Activate(_) => None,
            Finish::Derivative(_, value) => Some(value),
        };
        let noise = match self.kernel {
            Kernel::SampleGradient(noise) => Some(noise),
            _ => None,
        };
        [Some(self.input), self.add, saved, noise]
            .into_iter()
            .flatten()
    }

    /// Whether nothing is computed behind the kernel yet.
    fn is_open(&self) -> bool {
        self.finish == Finish::Activate(Activation::None)
            && !matches!(self.kernel, Kernel::Sample | Kernel::SampleGradient(_))
    }
}

impl Schedule {
    /// An entry point, if the program has it.
    pub fn entry(&self, name: EntryPoint) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Fuses a program. Inputs and outputs of its entry points, and the values in `kept`, are
    /// written as they are.
    pub fn new(program: &Program, kept: &[usize]) -> Self {
        let mut uses = vec![0; program.values.len()];
        let inputs = program.nodes.iter().flat_map(|node| &node.inputs);
        let ends = program.entries.iter().flat_map(|entry| &entry.outputs);
        for &value in inputs {
            uses[value] += 1;
        }
        // Somebody besides the next node reads these.
        for &value in ends.chain(kept) {
            uses[value] += 2;
        }
        let mut fusing = Fusing {
            steps: Vec::new(),
            uses,
        };
        for (number, node) in program.nodes.iter().enumerate() {
            let step = fusing.step(node);
            fusing.steps.push((number, step));
        }
        let place = |node: usize| {
            let before = fusing.steps.iter().take_while(|(last, _)| *last < node);
            before.count()
        };
        let entry = |entry: &Entry| Entry {
            range: place(entry.range.start)..place(entry.range.end),
            ..entry.clone()
        };
        Self {
            entries: program.entries.iter().map(entry).collect(),
            values: program.values.clone(),
            steps: fusing.steps.into_iter().map(|(_, step)| step).collect(),
        }
    }
}

/// The steps so far, each with the number of its last node.
struct Fusing {
    steps: Vec<(usize, Step)>,
    uses: Vec<usize>,
}

impl Fusing {
    /// The step that ends with a node.
    fn step(&mut self, node: &Node) -> Step {
        let new = |kernel, input, add| Step {
            kernel,
            input,
            add,
            finish: Finish::Activate(Activation::None),
            output: node.output,
        };
        let mut step = match node.op {
            Op::Map(map, ref params) => {
                return new(Kernel::Map(map, params.clone()), node.inputs[0], None);
            }
            Op::Sample => return new(Kernel::Sample, node.inputs[0], Some(node.inputs[1])),
            Op::SampleGradient => {
                let kernel = Kernel::SampleGradient(node.inputs[2]);
                return new(kernel, node.inputs[0], Some(node.inputs[1]));
            }
            Op::Add => {
                let [a, b] = [node.inputs[0], node.inputs[1]];
                for (sum, other) in [(a, b), (b, a)] {
                    if let Some(step) = self.take(sum, |step| step.add.is_none()) {
                        let (add, output) = (Some(other), node.output);
                        return Step {
                            add,
                            output,
                            ..step
                        };
                    }
                }
                return new(Kernel::Identity, a, Some(b));
            }
            Op::Activate(_) | Op::Derivative(_) => {
                let input = node.inputs[0];
                let open = self.take(input, |_| true);
                open.unwrap_or_else(|| new(Kernel::Identity, input, None))
            }
        };
        step.finish = match node.op {
            Op::Derivative(activation) => Finish::Derivative(activation, node.inputs[1]),
            Op::Activate(activation) => Finish::Activate(activation),
            _ => step.finish,
        };
        step.output = node.output;
        step
    }

    /// Takes the step that writes a value back, where nobody else reads that value and nothing
    /// is at its end yet.
    fn take(&mut self, value: usize, fits: impl Fn(&Step) -> bool) -> Option<Step> {
        let written = |step: &Step| step.output == value && step.is_open() && fits(step);
        let found = self.steps.iter().position(|(_, step)| written(step))?;
        (self.uses[value] == 1).then(|| self.steps.remove(found).1)
    }
}
