//! The one thing that every file is read into: operators in the order in which they run, each
//! with the shape of what it writes for one item of a batch.

use crate::values::count;
use crate::{Error, Result};

/// Most operators of one file.
pub(crate) const MAX_NODES: usize = 4096;

/// How a framework orders the values of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// `[C, H, W]`: PyTorch, ONNX.
    ChannelsFirst,
    /// `[H, W, C]`: TensorFlow, Keras.
    ChannelsLast,
}

impl Order {
    /// Height, width and channels of a shape in this order.
    pub(crate) fn sides(self, shape: &[usize]) -> Option<[usize; 3]> {
        match (self, shape) {
            (Self::ChannelsFirst, &[c, h, w]) | (Self::ChannelsLast, &[h, w, c]) => Some([h, w, c]),
            _ => None,
        }
    }

    /// The shape in this order.
    pub(crate) fn shape(self, [h, w, c]: [usize; 3]) -> Vec<usize> {
        match self {
            Self::ChannelsFirst => vec![c, h, w],
            Self::ChannelsLast => vec![h, w, c],
        }
    }

    /// The axis of the channels.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::ChannelsFirst => 0,
            Self::ChannelsLast => 2,
        }
    }
}

/// A network. Node `i` writes value `i` and reads values before it.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    /// Where it is from.
    pub file: String,
    /// How its images are ordered.
    pub order: Order,
    pub nodes: Vec<Node>,
    /// Names of values that a caller may ask for.
    pub names: Vec<(String, usize)>,
    pub inputs: Vec<(String, usize)>,
    pub outputs: Vec<(String, usize)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub op: Op,
    pub inputs: Vec<usize>,
    /// Without the batch.
    pub shape: Vec<usize>,
}

/// What a node computes.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Input,
    /// `x W + b` over the last axis, W of shape `[inputs, outputs]`.
    Linear {
        weight: Vec<f32>,
        bias: Vec<f32>,
    },
    Conv(Box<Conv>),
    /// `scale · x + shift`, each of one value or of one for each place along the axis.
    Affine {
        axis: usize,
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    Activate(Function),
    /// The largest value of each square of this side.
    MaxPool(usize),
    /// Each pixel becomes a square of this side.
    Upsample(usize),
    /// The same values in the node's shape.
    Reshape,
    Transpose(Vec<usize>),
    /// Part of an axis, from this place on.
    Slice {
        axis: usize,
        start: usize,
    },
    /// Zeros around an image, before and after rows and columns; only a convolution reads it.
    Pad([i64; 2], [i64; 2]),
    Add,
    /// Of two values, which spelled-out activations do.
    Multiply,
    /// The values of the second input behind those of the first.
    Append,
    /// What vaelet does not know, or what reads something that it does not know: the operator.
    Unknown(String),
}

/// An activation of another framework.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Function {
    Relu,
    Silu,
    Sigmoid,
    Tanh,
    /// `x · Φ(x)`
    Gelu,
    /// GELU's approximation with tanh
    GeluTanh,
    /// x above 0, `α (exp(x) − 1)` below
    Elu(f32),
    /// ELU of a given α, times a given factor (Klambauer et al. 2017)
    Selu,
    Softplus,
    /// `ln x²`
    LogSquare,
    /// A part of what is spelled out, as the next.
    Exp,
    Erf,
    /// One slope below 0, or one for each channel.
    LeakyRelu(Vec<f32>),
    /// `min(max(x, low), high)`
    Clip(f32, f32),
}

impl Function {
    /// The function that frameworks and descriptions call so, where all mean the same.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "relu" => Self::Relu,
            "relu6" => Self::Clip(0.0, 6.0),
            "silu" | "swish" => Self::Silu,
            "sigmoid" => Self::Sigmoid,
            "tanh" => Self::Tanh,
            "gelu" => Self::Gelu,
            "gelu_tanh" => Self::GeluTanh,
            "elu" => Self::Elu(1.0),
            "selu" => Self::Selu,
            "softplus" => Self::Softplus,
            "log_square" => Self::LogSquare,
            "exp" | "exponential" => Self::Exp,
            "erf" => Self::Erf,
            _ => return None,
        })
    }
}

/// A convolution or its transpose.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    pub transposed: bool,
    pub order: Order,
    /// `[kernel rows, kernel columns, in, out]`
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub kernel: [usize; 2],
    /// Read and written.
    pub channels: [usize; 2],
    pub stride: [usize; 2],
    /// Zeros before and after rows and columns of the larger image; negative where an output
    /// padding adds rows.
    pub before: [i64; 2],
    pub after: [i64; 2],
}

impl Conv {
    /// Rows and columns written for an image of this size.
    pub(crate) fn output(&self, side: usize, axis: usize) -> Option<usize> {
        let (kernel, stride) = (self.kernel[axis] as i64, self.stride[axis] as i64);
        let zeros = self.before[axis].checked_add(self.after[axis])?;
        let side = side as i64;
        let output = match self.transposed {
            true => ((side - 1).checked_mul(stride)?)
                .checked_add(kernel)?
                .checked_sub(zeros)?,
            false => {
                let room = side.checked_add(zeros)?.checked_sub(kernel)?;
                match room < 0 {
                    true => return None,
                    false => room / stride + 1,
                }
            }
        };
        usize::try_from(output)
            .ok()
            .filter(|side| (1..=65_536).contains(side))
    }
}

impl Graph {
    pub(crate) fn new(file: &str, order: Order) -> Self {
        Self {
            file: file.into(),
            order,
            nodes: Vec::new(),
            names: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Adds an input.
    pub(crate) fn input(&mut self, name: &str, shape: Vec<usize>) -> Result<usize> {
        let value = self.raw(Op::Input, vec![], shape)?;
        self.inputs.push((name.into(), value));
        Ok(value)
    }

    /// Adds a node; what reads something unknown is unknown too.
    pub(crate) fn push(&mut self, op: Op, input: usize) -> Result<usize> {
        self.push_all(op, vec![input])
    }

    /// Adds a node of several inputs.
    pub(crate) fn push_all(&mut self, op: Op, inputs: Vec<usize>) -> Result<usize> {
        for &input in &inputs {
            if let Op::Unknown(name) = &self.nodes[input].op {
                let name = name.clone();
                return self.raw(Op::Unknown(name), inputs, vec![]);
            }
        }
        let shape = self.shape_of(&op, &inputs)?;
        self.raw(op, inputs, shape)
    }

    /// Gives a value another shape of as many values.
    pub(crate) fn reshape(&mut self, input: usize, shape: Vec<usize>) -> Result<usize> {
        if matches!(self.nodes[input].op, Op::Unknown(_)) {
            return Ok(input);
        }
        let found = &self.nodes[input].shape;
        if count(found) != count(&shape) {
            let reason = format!("{found:?} does not have as many values as {shape:?}");
            return Err(Error::unreadable(&self.file, reason));
        }
        self.raw(Op::Reshape, vec![input], shape)
    }

    /// The shape of a value.
    pub(crate) fn shape(&self, value: usize) -> &[usize] {
        &self.nodes[value].shape
    }

    fn raw(&mut self, op: Op, inputs: Vec<usize>, shape: Vec<usize>) -> Result<usize> {
        if self.nodes.len() >= MAX_NODES {
            let what = format!("a network of more than {MAX_NODES} operators");
            return Err(Error::unsupported(&self.file, what, "use a smaller one"));
        }
        if count(&shape).is_none() || shape.contains(&0) {
            let reason = format!("a value has the shape {shape:?}");
            return Err(Error::unreadable(&self.file, reason));
        }
        self.nodes.push(Node { op, inputs, shape });
        Ok(self.nodes.len() - 1)
    }

    fn shape_of(&self, op: &Op, inputs: &[usize]) -> Result<Vec<usize>> {
        let wrong = |reason: String| Err(Error::unreadable(&self.file, reason));
        let mut shape = match inputs.first() {
            Some(&input) => self.nodes[input].shape.clone(),
            None => vec![],
        };
        match op {
            Op::Linear { weight, bias } => {
                let Some(last) = shape.last_mut() else {
                    return wrong("a linear layer reads a single number".into());
                };
                if bias.is_empty() || weight.len() != last.saturating_mul(bias.len()) {
                    return wrong(format!(
                        "a linear layer of {} weights and {} biases reads {last} values",
                        weight.len(),
                        bias.len(),
                    ));
                }
                *last = bias.len();
            }
            Op::Conv(conv) => {
                let Some([h, w, c]) = conv.order.sides(&shape) else {
                    return wrong(format!("a convolution reads the shape {shape:?}"));
                };
                let [inputs, outputs] = conv.channels;
                let [rows, columns] = conv.kernel;
                let weights = count(&[rows, columns, inputs, outputs]);
                if c != inputs || weights != Some(conv.weight.len()) || conv.bias.len() != outputs {
                    return wrong(format!(
                        "a convolution of {inputs} to {outputs} channels reads the shape {shape:?}"
                    ));
                }
                let (Some(h), Some(w)) = (conv.output(h, 0), conv.output(w, 1)) else {
                    return wrong(format!("a kernel does not fit the shape {shape:?}"));
                };
                shape = conv.order.shape([h, w, outputs]);
            }
            Op::Affine { axis, scale, shift } => {
                let side = shape.get(*axis).copied().unwrap_or(1);
                if [scale, shift].iter().any(|v| ![1, side].contains(&v.len())) {
                    return wrong(format!("{} factors for {side} channels", scale.len()));
                }
            }
            &Op::MaxPool(size) | &Op::Upsample(size) => {
                let Some([h, w, c]) = self.order.sides(&shape) else {
                    return wrong(format!("pooling of the shape {shape:?}"));
                };
                let sides = match op {
                    Op::MaxPool(_) => [h / size, w / size, c],
                    _ => [h.saturating_mul(size), w.saturating_mul(size), c],
                };
                shape = self.order.shape(sides);
            }
            Op::Transpose(axes) => {
                if axes.len() != shape.len() || !(0..shape.len()).all(|axis| axes.contains(&axis)) {
                    return wrong(format!("a transposition by {axes:?} of {shape:?}"));
                }
                shape = axes.iter().map(|&axis| shape[axis]).collect();
            }
            Op::Pad(before, after) => {
                let Some(mut sides) = self.order.sides(&shape) else {
                    return wrong(format!("padding of the shape {shape:?}"));
                };
                for axis in 0..2 {
                    let side = (sides[axis] as i64)
                        .saturating_add(before[axis])
                        .saturating_add(after[axis]);
                    sides[axis] = usize::try_from(side).unwrap_or(0);
                }
                shape = self.order.shape(sides);
            }
            Op::Add | Op::Multiply => {
                let other = self.nodes[inputs[1]].shape.clone();
                if shape != other {
                    let op = format!("an operator of the shapes {shape:?} and {other:?}");
                    let instead = "only equal shapes are added";
                    return Err(Error::unsupported(&self.file, op, instead));
                }
            }
            Op::Append => match (&mut shape[..], &self.nodes[inputs[1]].shape[..]) {
                ([a], &[b]) => *a += b,
                _ => {
                    let instead = "only a class behind a vector is";
                    return Err(Error::unsupported(&self.file, "Concat", instead));
                }
            },
            Op::Input | Op::Activate(_) | Op::Reshape | Op::Slice { .. } | Op::Unknown(_) => {}
        }
        Ok(shape)
    }

    /// Part of an axis.
    pub(crate) fn slice(
        &mut self,
        input: usize,
        axis: usize,
        start: usize,
        len: usize,
    ) -> Result<usize> {
        let mut shape = self.nodes[input].shape.clone();
        match shape.get_mut(axis) {
            Some(side) if start.checked_add(len).is_some_and(|end| end <= *side) => *side = len,
            _ => {
                return Err(Error::unreadable(
                    &self.file,
                    "a slice outside of its value",
                ));
            }
        }
        self.raw(Op::Slice { axis, start }, vec![input], shape)
    }

    /// Adds a convolution; padding before it becomes its own.
    pub(crate) fn conv(&mut self, mut conv: Conv, mut input: usize) -> Result<usize> {
        if let (Op::Pad(before, after), false) = (&self.nodes[input].op, conv.transposed) {
            for axis in 0..2 {
                conv.before[axis] = conv.before[axis].saturating_add(before[axis]);
                conv.after[axis] = conv.after[axis].saturating_add(after[axis]);
            }
            input = self.nodes[input].inputs[0];
        }
        self.push(Op::Conv(Box::new(conv)), input)
    }

    /// `scale · x + shift`, the same for every value.
    pub(crate) fn scalar(&mut self, scale: f32, shift: f32, input: usize) -> Result<usize> {
        let op = Op::Affine {
            axis: 0,
            scale: vec![scale],
            shift: vec![shift],
        };
        self.push(op, input)
    }

    /// The mean of squares of this side.
    pub(crate) fn average(&mut self, size: usize, order: Order, input: usize) -> Result<usize> {
        if matches!(self.nodes[input].op, Op::Unknown(_)) {
            return Ok(input);
        }
        let channels = order.sides(self.shape(input)).map_or(0, |sides| sides[2]);
        let share = 1.0 / (size * size) as f32;
        let conv = diagonal(&self.file, size, channels, share, order, false)?;
        self.conv(conv, input)
    }
}

/// A kernel that leaves channels apart: with stride `size` the sum of each square times `factor`;
/// its transpose spreads a pixel over one.
pub(crate) fn diagonal(
    file: &str,
    size: usize,
    channels: usize,
    factor: f32,
    order: Order,
    transposed: bool,
) -> Result<Conv> {
    let too_large = || Error::unsupported(file, "so large a pooling", "use smaller images");
    let len = count(&[size, size, channels, channels]).ok_or_else(too_large)?;
    let mut weight = vec![0.0; len];
    for tap in weight.chunks_exact_mut((channels * channels).max(1)) {
        tap.iter_mut()
            .step_by(channels + 1)
            .for_each(|w| *w = factor);
    }
    Ok(Conv {
        transposed,
        order,
        weight,
        bias: vec![0.0; channels],
        kernel: [size; 2],
        channels: [channels; 2],
        stride: [size; 2],
        before: [0; 2],
        after: [0; 2],
    })
}
