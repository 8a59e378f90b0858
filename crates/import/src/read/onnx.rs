//! ONNX: a graph of operators, whose weights are inside the file or in `.onnx.data` beside it.
//! Sizes that the graph computes (`Shape`, `Gather`, `Concat`) are computed here; in them −1 is the batch.

mod model;
mod operators;

use super::constants::Value;
use crate::graph::{Graph, Order};
use crate::{Error, Result, Source};
use model::Model;
use operators::Reader;
use std::collections::BTreeMap;

/// Whether a file is one: its name says so, for protocol buffers have no mark.
pub(crate) fn is_one(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".onnx")
}

/// Reads a graph; `files` are all files, `sizes` the image `[C, H, W]` where the graph leaves it open.
pub(crate) fn read(source: &Source, files: &[Source], sizes: Option<[usize; 3]>) -> Result<Graph> {
    let file = &source.name;
    let model = Model::parse(file, &source.bytes)?;
    if model.nodes.is_empty() {
        return Err(Error::unreadable(file, "it has no operators"));
    }
    let mut values = BTreeMap::new();
    for stored in &model.tensors {
        let constant = stored.constant(source, files)?;
        values.insert(stored.name.clone(), Value::Constant(constant));
    }
    let mut graph = Graph::new(file, Order::ChannelsFirst);
    for (name, dims) in &model.inputs {
        if values.contains_key(name) {
            continue;
        }
        let shape = input_shape(file, name, dims, sizes)?;
        let value = graph.input(name, shape)?;
        values.insert(name.clone(), Value::Computed(value));
    }
    let mut reader = Reader {
        file,
        source,
        files,
        graph,
        values,
        opset: model.opset,
    };
    for node in &model.nodes {
        reader.node(node)?;
    }
    let Reader {
        mut graph, values, ..
    } = reader;
    for name in &model.outputs {
        match values.get(name) {
            Some(&Value::Computed(value)) => graph.outputs.push((name.clone(), value)),
            _ => {
                return Err(Error::unreadable(
                    file,
                    format!("nothing computes its output {name}"),
                ));
            }
        }
    }
    let computed = values.into_iter().filter_map(|(name, value)| match value {
        Value::Computed(value) => Some((name, value)),
        _ => None,
    });
    graph.names = computed.collect();
    Ok(graph)
}

/// The shape of one item. A graph may leave height and width open.
fn input_shape(
    file: &str,
    name: &str,
    dims: &[Option<i64>],
    sizes: Option<[usize; 3]>,
) -> Result<Vec<usize>> {
    let Some((_, dims)) = dims.split_first() else {
        let what = format!("the input {name} without a batch");
        return Err(Error::unsupported(
            file,
            what,
            "export it with a batch as first axis",
        ));
    };
    let ask = || {
        Error::ask(
            file,
            format!("how large its input {name} is"),
            "give the image's shape: --shape CHANNELS,HEIGHT,WIDTH",
        )
    };
    let size = |(i, dim): (usize, &Option<i64>)| match dim {
        Some(dim) if *dim > 0 => usize::try_from(*dim).map_err(|_| ask()),
        _ => match (sizes, dims.len()) {
            (Some(sizes), 3) => Ok(sizes[i]),
            _ => Err(ask()),
        },
    };
    dims.iter().enumerate().map(size).collect()
}
