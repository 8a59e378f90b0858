//! Layers on their way: what has been built, how its values lie, and what is still to be applied.

use super::layout;
use crate::graph::{Graph, Order};
use crate::values::count;
use crate::{Error, Result};
use vaelet_model::Activation;

/// Most values of a vector for which a square matrix is made.
const MAX_SQUARE: usize = 4096;
/// Most weights of one layer.
const MAX_WEIGHTS: usize = 1 << 24;

/// A layer, its tensors with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Built {
    Map(Map),
    Residual(Vec<Built>, Activation),
    /// Height, width, channels.
    Reshape([usize; 3]),
    Upsample,
}

/// A linear map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Map {
    pub kind: MapKind,
    /// Rows and columns of the image that a convolution reads.
    pub reads: [usize; 2],
    /// `[…, in, out]`
    pub weight: Vec<f32>,
    /// `[classes, out]`, where there is a condition.
    pub class: Option<Vec<f32>>,
    pub bias: Vec<f32>,
    pub activation: Activation,
}

/// Kinds of [`Map`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MapKind {
    Linear,
    Conv {
        transposed: bool,
        kernel: usize,
        stride: usize,
        padding: usize,
    },
}

impl MapKind {
    /// One pixel to one pixel.
    pub const POINT: Self = Self::Conv {
        transposed: false,
        kernel: 1,
        stride: 1,
        padding: 0,
    };
}

impl Map {
    pub fn new(kind: MapKind, weight: Vec<f32>, bias: Vec<f32>) -> Self {
        Self {
            kind,
            reads: [1; 2],
            weight,
            class: None,
            bias,
            activation: Activation::None,
        }
    }

    /// `f(w, column)` for every weight, class and bias; the bias last.
    pub fn columns(&mut self, f: impl Fn(&mut f32, usize)) {
        let columns = self.bias.len();
        for values in [
            &mut self.weight,
            self.class.get_or_insert_default(),
            &mut self.bias,
        ] {
            for row in values.chunks_exact_mut(columns) {
                row.iter_mut().enumerate().for_each(|(i, w)| f(w, i));
            }
        }
        self.class = self.class.take().filter(|class| !class.is_empty());
    }

    /// The map whose column `i` is column `from[i]`.
    pub fn select(&mut self, from: &[usize]) {
        let columns = self.bias.len();
        let pick = |values: &[f32]| -> Vec<f32> {
            let rows = values.chunks_exact(columns);
            rows.flat_map(|row| from.iter().map(|&i| row[i])).collect()
        };
        self.weight = pick(&self.weight);
        self.class = self.class.as_deref().map(pick);
        self.bias = pick(&self.bias);
    }
}

/// What has been built so far.
#[derive(Debug, Clone)]
pub(crate) struct Builder<'a> {
    pub graph: &'a Graph,
    pub layers: Vec<Built>,
    /// Height, width and channels as vaelet has them.
    pub sides: [usize; 3],
    /// The shape that the graph sees.
    pub shape: Vec<usize>,
    /// Where each value of that shape lies in vaelet's order; nothing where both agree.
    pub places: Option<Vec<usize>>,
    /// `scale · x + shift` for each channel, not applied yet.
    pub pending: Option<(Vec<f32>, Vec<f32>)>,
    /// Whether no value is below 0.
    pub positive: bool,
    /// Classes of the one-hot vector that the next linear layer reads too.
    pub class: usize,
}

impl<'a> Builder<'a> {
    /// At an image `[H, W, C]` that the graph sees in its own order, or flat in that order.
    pub fn image(graph: &'a Graph, sides: [usize; 3], shape: &[usize]) -> Result<Self> {
        let mut builder = Self::at(graph, sides, shape);
        let full = graph.order.shape(sides);
        if count(shape) != count(&full) {
            return Err(builder.wrong(format!("the input {shape:?} is no image of {full:?}")));
        }
        builder.places = layout::places(graph.order, sides);
        Ok(builder)
    }

    /// At a vector of latents, which the graph sees in this shape.
    pub fn latent(graph: &'a Graph, shape: &[usize]) -> Self {
        let len = shape.iter().product();
        Self::at(graph, [1, 1, len], shape)
    }

    fn at(graph: &'a Graph, sides: [usize; 3], shape: &[usize]) -> Self {
        Self {
            graph,
            layers: Vec::new(),
            sides,
            shape: shape.to_vec(),
            places: None,
            pending: None,
            positive: false,
            class: 0,
        }
    }

    pub fn wrong(&self, reason: String) -> Box<Error> {
        Error::unreadable(&self.graph.file, reason)
    }

    pub fn unsupported(&self, what: &str, instead: &str) -> Box<Error> {
        Error::unsupported(&self.graph.file, what, instead)
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.sides.iter().product()
    }

    /// The last layer, if it is a map without an activation.
    pub fn open(&mut self) -> Option<&mut Map> {
        match self.layers.last_mut() {
            Some(Built::Map(map)) if map.activation == Activation::None => Some(map),
            _ => None,
        }
    }

    /// Fails where a layer has more weights than vaelet runs.
    pub fn check_weights(&self, shape: &[usize]) -> Result<()> {
        match count(shape) {
            Some(weights) if weights <= MAX_WEIGHTS => Ok(()),
            _ => Err(self.unsupported("so large a layer", "use smaller images or fewer channels")),
        }
    }

    /// Adds a map by which each channel stays what it is.
    pub fn push_identity(&mut self) -> Result<()> {
        let ones = vec![1.0; self.sides[2]];
        let zeros = vec![0.0; self.sides[2]];
        self.push_diagonal(&ones, &zeros)
    }

    /// Adds `scale · x + shift` for each channel as a layer.
    pub fn push_diagonal(&mut self, scale: &[f32], shift: &[f32]) -> Result<()> {
        let (len, channels) = (self.len(), self.sides[2]);
        if channels > MAX_SQUARE {
            let what = "an operator on each of so many values by itself";
            return Err(self.unsupported(what, "put it behind the reshape to an image"));
        }
        let mut weight = vec![0.0; channels * channels];
        for (i, factor) in scale.iter().enumerate() {
            weight[i * channels + i] = *factor;
        }
        let kind = match len == channels {
            true => MapKind::Linear,
            false => MapKind::POINT,
        };
        let mut map = Map::new(kind, weight, shift.to_vec());
        map.reads = [self.sides[0], self.sides[1]];
        self.layers.push(Built::Map(map));
        self.positive = false;
        Ok(())
    }

    /// Applies `scale · x + shift` for each channel: to the map before, if that is open, or to
    /// what comes.
    pub fn affine(&mut self, scale: &[f32], shift: &[f32]) -> Result<()> {
        self.positive = false;
        if let Some((before, offset)) = &mut self.pending {
            for (i, (factor, sum)) in before.iter_mut().zip(offset).enumerate() {
                *factor *= scale[i];
                *sum = *sum * scale[i] + shift[i];
            }
        } else if let Some(map) = self.open() {
            map.columns(|w, i| *w *= scale[i]);
            map.bias.iter_mut().zip(shift).for_each(|(b, s)| *b += s);
        } else {
            self.pending = Some((scale.to_vec(), shift.to_vec()));
        }
        Ok(())
    }

    /// Makes a layer of what is pending.
    pub fn settle(&mut self) -> Result<()> {
        if let Some((scale, shift)) = self.pending.take() {
            self.push_diagonal(&scale, &shift)?;
        }
        Ok(())
    }

    /// Settles only a shift, which zeros around an image would not get.
    pub fn settle_shift(&mut self) -> Result<()> {
        let shifted = |(_, shift): &(Vec<f32>, Vec<f32>)| shift.iter().any(|&s| s != 0.0);
        match self.pending.as_ref().is_some_and(shifted) {
            true => self.settle(),
            false => Ok(()),
        }
    }

    /// Sees to it that the values lie as an image in this order does.
    pub fn as_image(&mut self, order: Order) -> Result<()> {
        let Some(sides) = order.sides(&self.shape) else {
            let what = format!("an image operator on the shape {:?}", self.shape);
            return Err(self.unsupported(&what, "images have a height, a width and channels"));
        };
        let target = layout::places(order, sides);
        self.arrange(sides, target)
    }

    /// Sees to it that the values lie in the order of the graph's own shape, as a vector.
    pub fn as_vector(&mut self) -> Result<()> {
        self.arrange([1, 1, self.len()], None)
    }

    /// Moves every value to another place: columns of the linear layer before, or a linear layer.
    fn arrange(&mut self, sides: [usize; 3], target: Option<Vec<usize>>) -> Result<()> {
        if sides == self.sides && target == self.places {
            return Ok(());
        }
        let len = self.len();
        let place = |places: &Option<Vec<usize>>, i: usize| places.as_ref().map_or(i, |p| p[i]);
        // from[new place] = old place
        let mut from = vec![0; len];
        for i in 0..len {
            from[place(&target, i)] = place(&self.places, i);
        }
        let is_linear =
            |layer: &Built| matches!(layer, Built::Map(map) if map.kind == MapKind::Linear);
        let same = from.iter().copied().eq(0..len);
        if !self.layers.last().is_some_and(is_linear) && (!same || sides[..2] != [1, 1]) {
            self.settle()?;
            if !self.layers.last().is_some_and(is_linear) {
                self.push_dense_identity(len)?;
            }
        }
        self.spread_pending(sides[2], &from)?;
        if let (Some(Built::Map(map)), false) = (self.layers.last_mut(), same) {
            map.select(&from);
        }
        if sides[..2] != [1, 1] {
            self.layers.push(Built::Reshape(sides));
        }
        self.sides = sides;
        self.places = target;
        Ok(())
    }

    fn push_dense_identity(&mut self, len: usize) -> Result<()> {
        if len > MAX_SQUARE {
            let what = "a reshape of so many values that no linear layer has written";
            return Err(self.unsupported(what, "put a linear layer before it"));
        }
        let mut weight = vec![0.0; len * len];
        weight.iter_mut().step_by(len + 1).for_each(|w| *w = 1.0);
        let map = Map::new(MapKind::Linear, weight, vec![0.0; len]);
        self.layers.push(Built::Map(map));
        self.sides = [1, 1, len];
        Ok(())
    }

    /// What is pending for each channel, for the channels after a new arrangement.
    fn spread_pending(&mut self, channels: usize, from: &[usize]) -> Result<()> {
        let Some((scale, shift)) = self.pending.take() else {
            return Ok(());
        };
        let old = |i: usize| (scale[from[i] % scale.len()], shift[from[i] % scale.len()]);
        if (0..from.len()).all(|i| old(i) == old(i % channels)) {
            let (scale, shift) = (0..channels).map(old).unzip();
            self.pending = Some((scale, shift));
            return Ok(());
        }
        self.push_diagonal(&scale, &shift)
    }
}
