//! The chain of operators from one value to another.

use crate::graph::{Graph, Op};
use crate::{Error, Result};

/// Deepest nesting of additions.
const MAX_DEPTH: usize = 8;

/// A part of a chain.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// The node with this number, of one input.
    Node(usize),
    /// `x + f(x)`
    Residual(Vec<Piece>),
    /// So many values of a class's one-hot vector behind what there is.
    Class(usize),
}

/// The pieces from value `start` to value `end`.
pub(crate) fn trace(graph: &Graph, start: usize, end: usize) -> Result<Vec<Piece>> {
    walk(graph, start, end, 0)
}

fn walk(graph: &Graph, start: usize, end: usize, depth: usize) -> Result<Vec<Piece>> {
    let unsupported = |what: &str, instead: &str| {
        let error = Error::unsupported(&graph.file, what, instead);
        Err(error)
    };
    let (mut value, mut pieces) = (end, Vec::new());
    while value != start {
        let node = &graph.nodes[value];
        value = match (&node.op, &node.inputs[..]) {
            (Op::Unknown(name), _) => {
                return unsupported(
                    name,
                    "name an output in front of it, or use another operator",
                );
            }
            (Op::Input, _) => {
                return Err(Error::ask(
                    &graph.file,
                    "how its output follows from its first input",
                    "export encoder and decoder as two models, each of one input",
                ));
            }
            (Op::Add, &[a, b]) => {
                if depth >= MAX_DEPTH {
                    return unsupported("so deep a nesting of additions", "use a simpler network");
                }
                let (from, to) = if depends(graph, a, b) {
                    (b, a)
                } else if depends(graph, b, a) {
                    (a, b)
                } else {
                    return unsupported(
                        "an addition of two branches that both have layers",
                        "only x + f(x) is, a residual block whose shortcut is x itself",
                    );
                };
                pieces.push(Piece::Residual(walk(graph, from, to, depth + 1)?));
                from
            }
            (Op::Multiply, _) => {
                let what = "a product of two values (Mul)";
                return unsupported(what, "only SiLU and GELU are spelled with one");
            }
            (Op::Append, &[x, class]) => {
                if !matches!(graph.nodes[class].op, Op::Input) {
                    return unsupported(
                        "Concat of two computed values",
                        "only a class is appended",
                    );
                }
                pieces.push(Piece::Class(graph.nodes[class].shape[0]));
                x
            }
            (_, &[input]) => {
                pieces.push(Piece::Node(value));
                input
            }
            _ => {
                return Err(Error::unreadable(
                    &graph.file,
                    "an operator without an input",
                ));
            }
        };
    }
    pieces.reverse();
    Ok(pieces)
}

/// Whether `value` is computed from `source`.
fn depends(graph: &Graph, value: usize, source: usize) -> bool {
    if source >= value {
        return false;
    }
    let mut needed = vec![false; value + 1];
    needed[value] = true;
    for node in (source + 1..=value).rev() {
        if needed[node] {
            for &input in &graph.nodes[node].inputs {
                needed[input] = true;
            }
        }
    }
    needed[source]
}
