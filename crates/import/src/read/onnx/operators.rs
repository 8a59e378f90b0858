//! ONNX operators as nodes of a graph. What is not known becomes [`Op::Unknown`], which is an error
//! only where the asked output needs it.

use super::model::Node;
use crate::graph::{Function, Graph, Op, Order};
use crate::read::constants::{Constant, Numbers, Value};
use crate::read::convolutions::{batch_norm, same, torch_conv};
use crate::values::{Tensor, transpose};
use crate::{Error, Result, Source};
use std::collections::BTreeMap;

pub(super) struct Reader<'a> {
    pub file: &'a str,
    pub source: &'a Source,
    pub files: &'a [Source],
    pub graph: Graph,
    pub values: BTreeMap<String, Value>,
    pub opset: i64,
}

impl Reader<'_> {
    pub fn node(&mut self, node: &Node<'_>) -> Result<()> {
        let inputs: Vec<Value> = node
            .inputs
            .iter()
            .map(|name| match self.values.get(name) {
                Some(value) => Ok(value.clone()),
                None if name.is_empty() => Ok(Value::Missing),
                None => Err(self.wrong(format!("{} reads {name}, which nothing gives", node.op))),
            })
            .collect::<Result<_>>()?;
        let outputs = self.compute(node, &inputs)?;
        for (name, value) in node.outputs.iter().zip(outputs) {
            if !name.is_empty() {
                self.values.insert(name.clone(), value);
            }
        }
        Ok(())
    }

    fn wrong(&self, reason: String) -> Box<Error> {
        Error::unreadable(self.file, reason)
    }

    /// A node that does what nothing here does.
    fn unknown(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>> {
        let name = match node.domain.as_str() {
            "" | "ai.onnx" => node.op.clone(),
            domain => format!("{domain}.{}", node.op),
        };
        let reads: Vec<usize> = inputs.iter().filter_map(Value::computed).collect();
        // What reads something unknown has that operator's name.
        let before = reads
            .iter()
            .find_map(|&value| match &self.graph.nodes[value].op {
                Op::Unknown(name) => Some(name.clone()),
                _ => None,
            });
        let op = Op::Unknown(before.unwrap_or(name));
        let value = self.graph.push_all(op, reads)?;
        Ok(vec![Value::Computed(value); node.outputs.len()])
    }

    fn compute(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Vec<Value>> {
        let foreign = !matches!(node.domain.as_str(), "" | "ai.onnx");
        let first = inputs.first().unwrap_or(&Value::Missing);
        let touched = inputs
            .iter()
            .filter_map(Value::computed)
            .any(|value| matches!(self.graph.nodes[value].op, Op::Unknown(_)));
        if foreign || touched {
            return self.unknown(node, inputs);
        }
        if let Some(constant) = self.constant(node, inputs)? {
            return Ok(vec![Value::Constant(constant)]);
        }
        let Some(x) = inputs.iter().find_map(Value::computed) else {
            return self.unknown(node, inputs);
        };
        let second = inputs.get(1).unwrap_or(&Value::Missing);
        let value = match node.op.as_str() {
            "Identity" | "Dropout" | "Cast" => Some(x),
            "Gelu" if node.text("approximate") == "tanh" => {
                Some(self.function(Function::GeluTanh, x)?)
            }
            "Swish" => match node.float("alpha", 1.0) {
                0.0 => None,
                alpha => {
                    let value = self.graph.scalar(alpha, 0.0, x)?;
                    let value = self.function(Function::Silu, value)?;
                    Some(self.graph.scalar(1.0 / alpha, 0.0, value)?)
                }
            },
            "Elu" => Some(self.function(Function::Elu(node.float("alpha", 1.0)), x)?),
            "Celu" => match node.float("alpha", 1.0) {
                0.0 => None,
                alpha => {
                    let value = self.graph.scalar(1.0 / alpha, 0.0, x)?;
                    let value = self.function(Function::Elu(1.0), value)?;
                    Some(self.graph.scalar(alpha, 0.0, value)?)
                }
            },
            "Selu" => {
                let value = self.function(Function::Elu(node.float("alpha", 1.673_263_2)), x)?;
                Some(
                    self.graph
                        .scalar(node.float("gamma", 1.050_701), 0.0, value)?,
                )
            }
            "Log" => Some(self.graph.logarithm(x)?),
            "Pow" => match second {
                Value::Constant(power) if power.scalar() == Some(3.0) => {
                    let square = self.graph.multiply(x, x)?;
                    Some(self.graph.multiply(x, square)?)
                }
                _ => None,
            },
            "Max" | "Min" => match inputs {
                [Value::Computed(x), Value::Constant(bound)]
                | [Value::Constant(bound), Value::Computed(x)] => {
                    let bound = bound.scalar().map(|bound| match node.op.as_str() {
                        "Max" => Function::Clip(bound, f32::MAX),
                        _ => Function::Clip(f32::MIN, bound),
                    });
                    match bound {
                        Some(function) => Some(self.function(function, *x)?),
                        None => None,
                    }
                }
                _ => None,
            },
            "LeakyRelu" => {
                let slope = node.float("alpha", 0.01);
                Some(self.function(Function::LeakyRelu(vec![slope]), x)?)
            }
            "PRelu" => match second {
                Value::Constant(slope) => {
                    Some(self.function(Function::LeakyRelu(slope.floats()), x)?)
                }
                _ => None,
            },
            "HardSigmoid" => {
                let x = self
                    .graph
                    .scalar(node.float("alpha", 0.2), node.float("beta", 0.5), x)?;
                Some(self.function(Function::Clip(0.0, 1.0), x)?)
            }
            "Clip" => {
                let bound = |i: usize, name: &str, default| match inputs.get(i) {
                    Some(Value::Constant(bound)) => bound.scalar(),
                    _ => Some(node.float(name, default)),
                };
                match (bound(1, "min", f32::MIN), bound(2, "max", f32::MAX)) {
                    (Some(low), Some(high)) => Some(self.function(Function::Clip(low, high), x)?),
                    _ => None,
                }
            }
            "Gemm" => self.gemm(node, x, inputs)?,
            "MatMul" => match (first, second) {
                (Value::Computed(x), Value::Constant(weight)) if weight.shape.len() == 2 => {
                    let bias = vec![0.0; weight.shape[1]];
                    Some(self.linear(*x, weight.tensor(), bias)?)
                }
                _ => None,
            },
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(&node.op, first, second)?,
            "Neg" => Some(self.graph.scalar(-1.0, 0.0, x)?),
            "BatchNormalization" => self.batch_norm(node, x, inputs)?,
            "Conv" | "ConvTranspose" => self.conv(node, x, inputs)?,
            "MaxPool" | "AveragePool" => self.pool(node, x)?,
            "GlobalAveragePool" => match *self.graph.shape(x) {
                [_, h, w] if h == w => Some(self.graph.average(h, Order::ChannelsFirst, x)?),
                _ => None,
            },
            "Resize" | "Upsample" => self.resize(node, x, inputs)?,
            "Pad" => self.pad(node, x, inputs)?,
            "Flatten" if node.int("axis", 1) == 1 => {
                let len = self.graph.shape(x).iter().product();
                Some(self.graph.reshape(x, vec![len])?)
            }
            "Reshape" => match second {
                Value::Constant(target) => Some(self.reshape(x, &target.ints())?),
                _ => None,
            },
            "Squeeze" | "Unsqueeze" => self.squeeze(node, x, inputs)?,
            "Transpose" => self.transpose(node, x)?,
            "Concat" => self.concat(node, inputs)?,
            "Slice" => self.slice(node, x, inputs)?,
            "Split" => return self.split(node, x, inputs),
            name @ ("Relu" | "Sigmoid" | "Tanh" | "Erf" | "Exp" | "Gelu" | "Softplus") => {
                match Function::named(name) {
                    Some(function) => Some(self.function(function, x)?),
                    None => None,
                }
            }
            _ => None,
        };
        match value {
            Some(value) => Ok(vec![Value::Computed(value)]),
            None => self.unknown(node, inputs),
        }
    }

    /// What can be computed without the graph's input.
    fn constant(&self, node: &Node<'_>, inputs: &[Value]) -> Result<Option<Constant>> {
        let list = |i: usize| match inputs.get(i) {
            Some(Value::Constant(constant)) => Some(constant),
            _ => None,
        };
        Ok(match node.op.as_str() {
            "Constant" => match &node.attributes[..] {
                [attribute] => match (attribute.name.as_str(), &attribute.tensor) {
                    ("value", Some(stored)) => Some(stored.constant(self.source, self.files)?),
                    ("value_int", _) => Some(Constant {
                        shape: vec![],
                        numbers: Numbers::Ints(vec![attribute.int]),
                    }),
                    ("value_float", _) => Some(Constant {
                        shape: vec![],
                        numbers: Numbers::Floats(vec![attribute.float]),
                    }),
                    ("value_ints", _) => Some(Constant::list(attribute.ints.clone())),
                    ("value_floats", _) => Some(Constant {
                        shape: vec![attribute.floats.len()],
                        numbers: Numbers::Floats(attribute.floats.clone()),
                    }),
                    _ => None,
                },
                _ => None,
            },
            "Shape" => match inputs.first() {
                Some(&Value::Computed(value)) => {
                    let sides = self.graph.shape(value).iter().map(|&side| side as i64);
                    Some(Constant::list([-1].into_iter().chain(sides).collect()))
                }
                Some(Value::Constant(constant)) => {
                    let sides = constant.shape.iter().map(|&side| side as i64);
                    Some(Constant::list(sides.collect()))
                }
                _ => None,
            },
            "Gather" if node.int("axis", 0) == 0 => match (list(0), list(1)) {
                (Some(from), Some(places)) => {
                    let picked = from.pick(&places.ints());
                    picked.map(|values| Constant {
                        shape: places.shape.clone(),
                        numbers: Numbers::Ints(values),
                    })
                }
                _ => None,
            },
            "Slice" => match (list(0), list(1), list(2)) {
                (Some(from), Some(start), Some(end)) if from.shape.len() == 1 => {
                    let (values, side) = (from.ints(), from.shape[0] as i64);
                    let place = |c: &Constant| {
                        let at = c.ints().first().copied().unwrap_or(0);
                        let at = if at < 0 { at.saturating_add(side) } else { at };
                        at.clamp(0, side) as usize
                    };
                    let (start, end) = (place(start), place(end));
                    Some(Constant::list(values[start.min(end)..end].to_vec()))
                }
                _ => None,
            },
            "Concat" if !inputs.is_empty() => {
                let mut all = Vec::new();
                for i in 0..inputs.len() {
                    match list(i) {
                        Some(part) if part.shape.len() <= 1 => all.extend(part.ints()),
                        _ => return Ok(None),
                    }
                }
                Some(Constant::list(all))
            }
            "Unsqueeze" | "Squeeze" | "Cast" | "Identity" => list(0).map(|constant| {
                let mut constant = constant.clone();
                if node.op == "Unsqueeze" && constant.shape.is_empty() {
                    constant.shape = vec![1];
                }
                if node.op == "Squeeze" && constant.shape == [1] {
                    constant.shape = vec![];
                }
                constant
            }),
            "Transpose" => list(0)
                .filter(|c| c.shape.len() == 2)
                .map(|c| c.transpose(&[1, 0])),
            "Add" | "Sub" | "Mul" | "Div" => match (list(0), list(1)) {
                (Some(a), Some(b)) => {
                    let ints = matches!(
                        (&a.numbers, &b.numbers),
                        (Numbers::Ints(_), Numbers::Ints(_))
                    );
                    a.combine(b, |a, b| match node.op.as_str() {
                        "Add" => a + b,
                        "Sub" => a - b,
                        "Mul" => a * b,
                        // The batch stays what it is.
                        _ if ints => (a / b).trunc(),
                        _ => a / b,
                    })
                }
                _ => None,
            },
            _ => None,
        })
    }

    fn function(&mut self, function: Function, x: usize) -> Result<usize> {
        self.graph.push(Op::Activate(function), x)
    }

    fn linear(&mut self, x: usize, weight: Tensor, bias: Vec<f32>) -> Result<usize> {
        let weight = weight.data;
        self.graph.push(Op::Linear { weight, bias }, x)
    }

    /// `alpha · A · B + beta · C`
    fn gemm(&mut self, node: &Node<'_>, x: usize, inputs: &[Value]) -> Result<Option<usize>> {
        let (Some(Value::Computed(_)), Some(Value::Constant(weight))) =
            (inputs.first(), inputs.get(1))
        else {
            return Ok(None);
        };
        if node.int("transA", 0) != 0 || weight.shape.len() != 2 {
            return Ok(None);
        }
        let mut weight = weight.tensor();
        if node.int("transB", 0) != 0 {
            weight = transpose(&weight, &[1, 0]);
        }
        let alpha = node.float("alpha", 1.0);
        weight.data.iter_mut().for_each(|w| *w *= alpha);
        let mut bias = vec![0.0; weight.shape[1]];
        if let Some(Value::Constant(stored)) = inputs.get(2) {
            let (values, beta) = (stored.floats(), node.float("beta", 1.0));
            if values.len() != bias.len() && values.len() != 1 {
                return Ok(None);
            }
            for (i, bias) in bias.iter_mut().enumerate() {
                *bias = beta * values[i % values.len()];
            }
        }
        self.linear(x, weight, bias).map(Some)
    }

    fn arithmetic(&mut self, op: &str, a: &Value, b: &Value) -> Result<Option<usize>> {
        let (x, constant, swapped) = match (a, b) {
            (&Value::Computed(a), &Value::Computed(b)) => {
                return Ok(Some(match op {
                    "Add" => self.graph.push_all(Op::Add, vec![a, b])?,
                    "Mul" => self.graph.multiply(a, b)?,
                    _ => return Ok(None),
                }));
            }
            (&Value::Computed(x), Value::Constant(c)) => (x, c, false),
            (Value::Constant(c), &Value::Computed(x)) => (x, c, true),
            _ => return Ok(None),
        };
        let values = constant.floats();
        let shape = self.graph.shape(x).to_vec();
        // Factors of one axis: all others of the constant have the length 1.
        let sides = constant.shape.iter().rev();
        let long = sides.enumerate().filter(|(_, side)| **side != 1);
        let (axis, len) = match long.collect::<Vec<_>>()[..] {
            [] => (0, 1),
            [(from_end, &side)] if from_end < shape.len() => (shape.len() - 1 - from_end, side),
            _ => return Ok(None),
        };
        if len != 1 && shape[axis] != len || values.is_empty() {
            return Ok(None);
        }
        let (ones, zeros) = (vec![1.0; len], vec![0.0; len]);
        let negative = |v: &[f32]| v.iter().map(|v| -v).collect::<Vec<_>>();
        let (scale, shift) = match (op, swapped) {
            ("Add", _) => (ones, values),
            ("Sub", false) => (ones, negative(&values)),
            ("Sub", true) => (negative(&ones), values),
            ("Mul", _) => (values, zeros),
            ("Div", false) => (values.iter().map(|v| 1.0 / v).collect(), zeros),
            _ => return Ok(None),
        };
        let op = Op::Affine { axis, scale, shift };
        self.graph.push(op, x).map(Some)
    }

    fn batch_norm(&mut self, node: &Node<'_>, x: usize, inputs: &[Value]) -> Result<Option<usize>> {
        let values = |i: usize| match inputs.get(i) {
            Some(Value::Constant(constant)) => Some(constant.floats()),
            _ => None,
        };
        let (Some(gamma), Some(beta), Some(mean), Some(var)) =
            (values(1), values(2), values(3), values(4))
        else {
            return Ok(None);
        };
        let epsilon = node.float("epsilon", 1e-5);
        let op = batch_norm(0, [&gamma, &beta, &mean, &var], epsilon);
        op.map(|op| self.graph.push(op, x)).transpose()
    }

    fn conv(&mut self, node: &Node<'_>, x: usize, inputs: &[Value]) -> Result<Option<usize>> {
        let Some(Value::Constant(weight)) = inputs.get(1) else {
            return Ok(None);
        };
        let transposed = node.op == "ConvTranspose";
        let input = self.graph.shape(x).to_vec();
        let pair = |name: &str, default: i64| -> Option<[usize; 2]> {
            let values = match node.ints(name) {
                [] => [default; 2],
                &[a, b] => [a, b],
                _ => return None,
            };
            let value = |v: i64| usize::try_from(v).ok().filter(|v| *v <= 4096);
            Some([value(values[0])?, value(values[1])?])
        };
        let (Some(stride), Some(dilation), Some(extra)) = (
            pair("strides", 1),
            pair("dilations", 1),
            pair("output_padding", 0),
        ) else {
            return Ok(None);
        };
        if weight.shape.len() != 4
            || input.len() != 3
            || stride.contains(&0)
            || dilation.contains(&0)
        {
            return Ok(None);
        }
        let groups = node.int("group", 1);
        let bias = match inputs.get(2) {
            Some(Value::Constant(bias)) => bias.floats(),
            Some(Value::Computed(_)) => return Ok(None),
            _ => vec![],
        };
        let Some(mut conv) = torch_conv(
            self.file,
            weight.tensor(),
            bias,
            groups,
            dilation,
            transposed,
        )?
        else {
            return Ok(None);
        };
        conv.stride = stride;
        match (node.text("auto_pad"), node.ints("pads")) {
            ("" | "NOTSET", []) | ("VALID", _) => {}
            ("" | "NOTSET", &[a, b, c, d]) => (conv.before, conv.after) = ([a, b], [c, d]),
            (kind @ ("SAME_UPPER" | "SAME_LOWER"), _) if !transposed => {
                same(&mut conv, [input[1], input[2]]);
                if kind == "SAME_LOWER" {
                    core::mem::swap(&mut conv.before, &mut conv.after);
                }
            }
            _ => return Ok(None),
        }
        if transposed {
            if !node.ints("output_shape").is_empty() {
                return Ok(None);
            }
            for (after, rows) in conv.after.iter_mut().zip(extra) {
                *after -= rows as i64;
            }
        }
        self.graph.conv(conv, x).map(Some)
    }

    fn pool(&mut self, node: &Node<'_>, x: usize) -> Result<Option<usize>> {
        let (kernel, strides) = (node.ints("kernel_shape"), node.ints("strides"));
        let size = kernel.first().copied().unwrap_or(0);
        let square = kernel.len() == 2 && [kernel, strides].concat().iter().all(|&s| s == size);
        let padded = node.ints("pads").iter().any(|&zeros| zeros != 0);
        let plain = matches!(node.text("auto_pad"), "" | "NOTSET" | "VALID") && !padded;
        let Some(size) = usize::try_from(size)
            .ok()
            .filter(|size| (1..=255).contains(size))
        else {
            return Ok(None);
        };
        if !square || strides.len() != 2 || !plain || node.int("ceil_mode", 0) != 0 {
            return Ok(None);
        }
        Ok(Some(match node.op.as_str() {
            "MaxPool" => self.graph.push(Op::MaxPool(size), x)?,
            _ => self.graph.average(size, Order::ChannelsFirst, x)?,
        }))
    }

    /// Nearest neighbours by a whole factor, which all ways of rounding agree on but one.
    fn resize(&mut self, node: &Node<'_>, x: usize, inputs: &[Value]) -> Result<Option<usize>> {
        let shape = self.graph.shape(x).to_vec();
        if shape.len() != 3 || !matches!(node.text("mode"), "" | "nearest") {
            return Ok(None);
        }
        let mode = node.text("coordinate_transformation_mode");
        let rounding = node.text("nearest_mode");
        let exact = match (mode, rounding) {
            ("asymmetric", "floor") => true,
            ("" | "half_pixel" | "pytorch_half_pixel", _) => {
                rounding != "floor" && rounding != "ceil"
            }
            _ => false,
        };
        if node.op == "Resize" && self.opset > 10 && !exact {
            return Ok(None);
        }
        let list = |i: usize| match inputs.get(i) {
            Some(Value::Constant(constant)) if constant.numbers.len() > 0 => Some(constant),
            _ => None,
        };
        let at = match (node.op.as_str(), self.opset) {
            ("Upsample", _) | (_, ..=10) => 1,
            _ => 2,
        };
        let factors: Vec<f32> = match (list(at), list(3)) {
            (Some(scales), _) => scales.floats(),
            (None, Some(sizes)) => {
                let sides = [1].iter().chain(&shape);
                let sizes = sizes.ints().into_iter().zip(sides);
                sizes
                    .map(|(size, &side)| {
                        if size < 0 {
                            1.0
                        } else {
                            size as f32 / side as f32
                        }
                    })
                    .collect()
            }
            _ => node
                .find("scales")
                .map_or(vec![], |scales| scales.floats.clone()),
        };
        Ok(match factors[..] {
            [1.0, 1.0, a, b] if a == b && (1.0..=16.0).contains(&a) && a.fract() == 0.0 => {
                Some(self.graph.push(Op::Upsample(a as usize), x)?)
            }
            _ => None,
        })
    }

    fn pad(&mut self, node: &Node<'_>, x: usize, inputs: &[Value]) -> Result<Option<usize>> {
        let zeros = match inputs.get(1) {
            Some(Value::Constant(zeros)) => zeros.ints(),
            _ => node.ints("pads").to_vec(),
        };
        let with = match inputs.get(2) {
            Some(Value::Constant(value)) => value.scalar(),
            _ => Some(node.float("value", 0.0)),
        };
        let plain = matches!(node.text("mode"), "" | "constant") && with == Some(0.0);
        Ok(match zeros[..] {
            [0, 0, a, b, 0, 0, c, d] if plain && self.graph.shape(x).len() == 3 => {
                Some(self.graph.push(Op::Pad([a, b], [c, d]), x)?)
            }
            _ => None,
        })
    }

    /// A shape whose first axis is the batch: −1, 0, or the number that it was exported with.
    fn reshape(&mut self, x: usize, target: &[i64]) -> Result<usize> {
        let shape = self.graph.shape(x).to_vec();
        let len: usize = shape.iter().product();
        let no_batch = || {
            let what = "a reshape that mixes the items of a batch (Reshape)";
            Error::unsupported(self.file, what, "keep the batch as the first axis")
        };
        let (_, sides) = target.split_first().ok_or_else(no_batch)?;
        let mut known = 1_usize;
        let mut open = None;
        let mut target = Vec::with_capacity(sides.len());
        for (i, &side) in sides.iter().enumerate() {
            let side = match side {
                -1 if open.is_none() => {
                    open = Some(i);
                    1
                }
                0 => shape.get(i).copied().unwrap_or(0),
                _ => usize::try_from(side).map_err(|_| no_batch())?,
            };
            known = known.saturating_mul(side);
            target.push(side);
        }
        if let Some(open) = open {
            target[open] = len.checked_div(known).unwrap_or(0);
        }
        if target
            .iter()
            .fold(1, |n: usize, &side| n.saturating_mul(side))
            != len
        {
            return Err(no_batch());
        }
        self.graph.reshape(x, target)
    }

    fn squeeze(&mut self, node: &Node<'_>, x: usize, inputs: &[Value]) -> Result<Option<usize>> {
        let axes = match inputs.get(1) {
            Some(Value::Constant(axes)) => axes.ints(),
            _ => node.ints("axes").to_vec(),
        };
        let mut shape = self.graph.shape(x).to_vec();
        let adds = node.op == "Unsqueeze";
        let rank = (shape.len() + 1 + if adds { axes.len() } else { 0 }) as i64;
        let mut places = Vec::new();
        for axis in axes {
            let axis = if axis < 0 {
                axis.saturating_add(rank)
            } else {
                axis
            };
            match usize::try_from(axis) {
                Ok(axis) if axis > 0 => places.push(axis - 1),
                _ => return Ok(None),
            }
        }
        // Axes are added from the first on, and removed from the last.
        while let Some(next) = match adds {
            true => places.iter().copied().min(),
            false => places.iter().copied().max(),
        } {
            places.retain(|&place| place != next);
            let place = next;
            match adds {
                true if place <= shape.len() => shape.insert(place, 1),
                false if shape.get(place) == Some(&1) => {
                    shape.remove(place);
                }
                _ => return Ok(None),
            }
        }
        self.graph.reshape(x, shape).map(Some)
    }

    fn transpose(&mut self, node: &Node<'_>, x: usize) -> Result<Option<usize>> {
        let axes = node.ints("perm");
        let Some((0, axes)) = axes.split_first() else {
            return Ok(None);
        };
        let axis = |&axis: &i64| usize::try_from(axis - 1).ok();
        let axes: Option<Vec<usize>> = axes.iter().map(axis).collect();
        axes.map(|axes| self.graph.push(Op::Transpose(axes), x))
            .transpose()
    }

    /// Only a class behind a vector.
    fn concat(&mut self, node: &Node<'_>, inputs: &[Value]) -> Result<Option<usize>> {
        let &[Value::Computed(a), Value::Computed(b)] = inputs else {
            return Ok(None);
        };
        let rank = self.graph.shape(a).len();
        let last = [1, -1].contains(&node.int("axis", 1)) && rank == 1;
        let is_input = matches!(self.graph.nodes[b].op, Op::Input);
        match last && is_input && self.graph.shape(b).len() == 1 {
            true => self.graph.push_all(Op::Append, vec![a, b]).map(Some),
            false => Ok(None),
        }
    }

    fn slice(&mut self, node: &Node<'_>, x: usize, inputs: &[Value]) -> Result<Option<usize>> {
        let list = |i: usize, name: &str| match inputs.get(i) {
            Some(Value::Constant(constant)) => constant.ints(),
            _ => node.ints(name).to_vec(),
        };
        let (starts, ends) = (list(1, "starts"), list(2, "ends"));
        let (axes, steps) = (list(3, "axes"), list(4, "steps"));
        let ([start], [end]) = (&starts[..], &ends[..]) else {
            return Ok(None);
        };
        let axis = axes.first().copied().unwrap_or(0);
        self.part(x, axis, *start, *end, steps.first().copied().unwrap_or(1))
    }

    /// The values from `start` to `end` along an axis that counts the batch.
    fn part(
        &mut self,
        x: usize,
        axis: i64,
        start: i64,
        end: i64,
        step: i64,
    ) -> Result<Option<usize>> {
        let shape = self.graph.shape(x).to_vec();
        let axis = if axis < 0 {
            axis.saturating_add(shape.len() as i64 + 1)
        } else {
            axis
        };
        let Some(axis) = usize::try_from(axis - 1)
            .ok()
            .filter(|axis| *axis < shape.len())
        else {
            return Ok(None);
        };
        let side = shape[axis] as i64;
        let place =
            |at: i64| if at < 0 { at.saturating_add(side) } else { at }.clamp(0, side) as usize;
        let (start, end) = (place(start), place(end));
        match step == 1 && start < end {
            true => self.graph.slice(x, axis, start, end - start).map(Some),
            false => Ok(None),
        }
    }

    fn split(&mut self, node: &Node<'_>, x: usize, inputs: &[Value]) -> Result<Vec<Value>> {
        let shape = self.graph.shape(x).to_vec();
        let axis = node.int("axis", 0);
        let at = if axis < 0 {
            axis.saturating_add(shape.len() as i64 + 1)
        } else {
            axis
        };
        let side = usize::try_from(at - 1)
            .ok()
            .and_then(|at| shape.get(at).copied());
        let (Some(side), parts @ 1..=64) = (side, node.outputs.len()) else {
            return self.unknown(node, inputs);
        };
        let sizes = match (inputs.get(1), node.ints("split")) {
            (Some(Value::Constant(sizes)), _) => sizes.ints(),
            (_, []) => vec![side.div_ceil(parts) as i64; parts],
            (_, sizes) => sizes.to_vec(),
        };
        let (mut start, mut values) = (0_i64, Vec::new());
        for size in sizes.into_iter().take(parts) {
            let end = start.saturating_add(size);
            match self.part(x, axis, start, end.min(side as i64), 1)? {
                Some(value) if start >= 0 => values.push(Value::Computed(value)),
                _ => return self.unknown(node, inputs),
            }
            start = end;
        }
        Ok(values)
    }
}
