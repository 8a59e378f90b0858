//! The end of an encoder: means and log-variances, which graphs have as two outputs, as halves of
//! one, or not at all.

use super::builder::{Builder, Built, Map, MapKind};
use super::{Piece, emit};
use crate::graph::{Function, Graph, Op};
use crate::{Error, Result};
use vaelet_model::{Activation, Layer, Tensors};

/// log σ² of an encoder that has no variance: σ = 0.001.
const NO_VARIANCE: f32 = -13.815_511;

/// What the second head of an encoder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// log σ²
    LogVar,
    /// log σ
    LogStd,
    /// σ itself; only its size counts.
    Sigma,
}

/// The layers of an encoder that starts as `builder` and has these chains to means and to the
/// second head, if it has one.
pub(crate) fn posterior(
    builder: Builder<'_>,
    mean: &[Piece],
    second: Option<(&[Piece], Second)>,
    tensors: &mut Tensors,
) -> Result<(Vec<Layer>, usize)> {
    let graph = builder.graph;
    let (second, tail) = match second {
        Some((pieces, Second::Sigma)) => {
            let (head, tail) = pieces.split_at(pieces.len() - tail(graph, pieces));
            match tail {
                // σ = exp(what is before)
                [Piece::Node(node)] if is_exp(graph, *node) => (Some((head, Second::LogStd)), None),
                _ => (Some((head, Second::Sigma)), Some(tail)),
            }
        }
        second => (second, None),
    };
    let shared = match second {
        Some((second, _)) => shared(graph, mean, second),
        None => mean.len(),
    };
    let mut trunk = builder;
    trunk.chain(&mean[..shared])?;
    let start = trunk.layers.len();
    let mut heads = vec![(trunk.clone(), &mean[shared..])];
    if let Some((second, _)) = second {
        heads.push((trunk.clone(), &second[shared..]));
    }
    let mut ends = Vec::new();
    let mut latent = 0;
    for (i, (mut head, rest)) in heads.into_iter().enumerate() {
        head.chain(rest)?;
        head.finish_vector(start, second.is_none())?;
        latent = head.len();
        ends.push(head.layers.split_off(start.min(head.layers.len())));
        if i > 0 && trunk.layers != head.layers {
            let what = "heads for mean and variance that read different values";
            let instead = "let both read what the same layer gives";
            return Err(Error::unsupported(&graph.file, what, instead));
        }
        trunk.layers = head.layers;
    }
    let mut layers = trunk.layers;
    match (second, ends.pop(), ends.pop()) {
        (Some((_, kind)), Some(mut second), Some(mean)) => {
            if let (Second::LogStd, Some(Built::Map(map))) = (kind, second.last_mut()) {
                map.columns(|w, _| *w *= 2.0);
            }
            if map_sizes(&mean) != map_sizes(&second) {
                let what = "heads for mean and variance of different layers";
                let instead = "give both the same layers";
                return Err(Error::unsupported(&graph.file, what, instead));
            }
            for (i, (a, b)) in mean.into_iter().zip(second).enumerate() {
                layers.push(beside(a, b, i > 0));
            }
            if let Some(tail) = tail {
                push_logarithm(graph, &mut layers, latent, tail)?;
            }
        }
        (_, Some(mean), _) => {
            layers.extend(mean);
            if let Some(Built::Map(map)) = layers.last_mut() {
                widen(map, latent, NO_VARIANCE);
            }
        }
        _ => {}
    }
    Ok((emit("encoder", layers, tensors), latent))
}

/// How many pieces both heads have in common, which end before a map: each head needs one.
fn shared(graph: &Graph, a: &[Piece], b: &[Piece]) -> usize {
    let equal = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let is_map = |piece: &Piece| match piece {
        Piece::Node(node) => matches!(graph.nodes[*node].op, Op::Linear { .. } | Op::Conv(_)),
        _ => false,
    };
    let has_map = |pieces: &[Piece]| pieces.iter().any(is_map);
    if has_map(&a[equal..]) && has_map(&b[equal..]) {
        return equal;
    }
    a[..equal].iter().rposition(is_map).unwrap_or(0)
}

/// The sizes of a head's layers, if each is a linear map.
fn map_sizes(layers: &[Built]) -> Option<Vec<(usize, usize, Activation)>> {
    let size = |layer: &Built| match layer {
        Built::Map(map) if map.kind == MapKind::Linear => {
            Some((map.weight.len(), map.bias.len(), map.activation))
        }
        _ => None,
    };
    layers
        .iter()
        .map(size)
        .collect::<Option<Vec<_>>>()
        .filter(|sizes| !sizes.is_empty())
}

/// Two linear maps as one: of the same values, or each of its own half of them.
fn beside(a: Built, b: Built, apart: bool) -> Built {
    let (Built::Map(a), Built::Map(b)) = (a, b) else {
        // `map_sizes` has seen that both are maps.
        return Built::Upsample;
    };
    let columns = a.bias.len();
    let zeros = vec![0.0; columns];
    let rows = |a: &[f32], b: &[f32], apart: bool| -> Vec<f32> {
        let (a, b) = (a.chunks_exact(columns), b.chunks_exact(columns));
        match apart {
            false => a.zip(b).flat_map(|(a, b)| [a, b].concat()).collect(),
            true => {
                let upper = a.flat_map(|a| [a, &zeros[..]].concat());
                let lower = b.flat_map(|b| [&zeros[..], b].concat());
                upper.chain(lower).collect()
            }
        }
    };
    let weight = rows(&a.weight, &b.weight, apart);
    let class = match (&a.class, &b.class) {
        (Some(a), Some(b)) => Some(rows(a, b, false)),
        _ => None,
    };
    let bias = [&a.bias[..], &b.bias[..]].concat();
    let mut map = Map::new(MapKind::Linear, weight, bias).with(a.activation);
    map.class = class;
    Built::Map(map)
}

/// Gives a map so many more columns, which are constant.
fn widen(map: &mut Map, more: usize, constant: f32) {
    let columns = map.bias.len();
    for values in [Some(&mut map.weight), map.class.as_mut()]
        .into_iter()
        .flatten()
    {
        let rows = values.chunks_exact(columns);
        *values = rows
            .flat_map(|row| [row, &vec![0.0; more]].concat())
            .collect();
    }
    map.bias.extend(vec![constant; more]);
}

/// How many pieces at the end compute σ from what a map has written, each value by itself.
fn tail(graph: &Graph, pieces: &[Piece]) -> usize {
    let is_one = |piece: &&Piece| match piece {
        Piece::Node(node) => match &graph.nodes[*node].op {
            Op::Activate(function) => !matches!(function, Function::LeakyRelu(_)),
            Op::Affine { scale, shift, .. } => scale.len() == 1 && shift.len() == 1,
            _ => false,
        },
        _ => false,
    };
    pieces.iter().rev().take_while(is_one).count()
}

fn is_exp(graph: &Graph, node: usize) -> bool {
    matches!(graph.nodes[node].op, Op::Activate(Function::Exp))
}

/// Behind the means and what σ is computed of, `tail` and the logarithm of σ². A layer has one activation for all it
/// writes, so that the logarithm is the branch of a residual block, which writes it behind both.
fn push_logarithm(
    graph: &Graph,
    layers: &mut Vec<Built>,
    latent: usize,
    tail: &[Piece],
) -> Result<()> {
    if let Some(Built::Map(map)) = layers.last_mut() {
        widen(map, latent, 0.0);
    }
    let [mean, sigma, log_var] = [0, latent, 2 * latent];
    let mut branch = Builder::latent(graph, &[latent]);
    branch.layers = vec![Built::Map(selection(
        3 * latent,
        latent,
        &[(sigma, 0)],
        latent,
    ))];
    branch.chain(tail)?;
    branch.settle()?;
    branch.end_with(Activation::LogSquare)?;
    let mut branch = branch.layers;
    branch.push(Built::Map(selection(
        latent,
        3 * latent,
        &[(0, log_var)],
        latent,
    )));
    layers.push(Built::Residual(branch, Activation::None));
    let both = [(mean, 0), (log_var, latent)];
    layers.push(Built::Map(selection(3 * latent, 2 * latent, &both, latent)));
    Ok(())
}

/// A linear map by which so many values from one place stay as they are at another, for each pair of places.
fn selection(rows: usize, columns: usize, places: &[(usize, usize)], count: usize) -> Map {
    let mut weight = vec![0.0; rows * columns];
    for (from, to) in places {
        for i in 0..count {
            weight[(from + i) * columns + to + i] = 1.0;
        }
    }
    Map::new(MapKind::Linear, weight, vec![0.0; columns])
}

impl Builder<'_> {
    /// Sees to it that the last layer, behind the first `start`, is a linear one without an
    /// activation that writes a vector in the graph's order.
    fn finish_vector(&mut self, start: usize, alone: bool) -> Result<()> {
        self.densify()?;
        self.as_vector()?;
        self.settle()?;
        let is_linear = self.open().is_some_and(|map| map.kind == MapKind::Linear);
        if !is_linear || (!alone && self.layers.len() == start) {
            self.push_identity()?;
        }
        Ok(())
    }

    /// Makes a linear layer of a last convolution that writes an image: latents are a vector.
    fn densify(&mut self) -> Result<()> {
        let Some(&Built::Map(Map {
            kind:
                MapKind::Conv {
                    transposed: false,
                    kernel,
                    stride,
                    padding,
                },
            ..
        })) = self.layers.last()
        else {
            return Ok(());
        };
        let Some(Built::Map(map)) = self.layers.pop() else {
            return Ok(());
        };
        let [h, w, outputs] = self.sides;
        let inputs = map.weight.len() / (kernel * kernel * outputs);
        let before = map.reads;
        self.check_weights(&[before[0], before[1], inputs, h, w, outputs])?;
        let (columns, rows) = (h * w * outputs, before[0] * before[1] * inputs);
        let mut weight = vec![0.0; rows * columns];
        for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
            for (ky, kx) in (0..kernel).flat_map(|ky| (0..kernel).map(move |kx| (ky, kx))) {
                let place = |at: usize, k: usize, side: usize| {
                    (at * stride + k).checked_sub(padding).filter(|&i| i < side)
                };
                let (Some(iy), Some(ix)) = (place(y, ky, before[0]), place(x, kx, before[1]))
                else {
                    continue;
                };
                for i in 0..inputs {
                    let row = ((iy * before[1] + ix) * inputs + i) * columns;
                    let tap = ((ky * kernel + kx) * inputs + i) * outputs;
                    weight[row + (y * w + x) * outputs..][..outputs]
                        .copy_from_slice(&map.weight[tap..][..outputs]);
                }
            }
        }
        let bias = map.bias.repeat(h * w);
        let pending = self.pending.take();
        self.pending = pending.map(|(scale, shift)| (scale.repeat(h * w), shift.repeat(h * w)));
        self.sides = [1, 1, columns];
        let map = Map::new(MapKind::Linear, weight, bias).with(map.activation);
        self.layers.push(Built::Map(map));
        Ok(())
    }
}
