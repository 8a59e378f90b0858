//! TensorFlow's operators as nodes of a graph; sizes that the graph computes are computed here, with −1 for the batch.

use crate::graph::{Function, Graph, MAX_NODES, Op, Order};
use crate::read::constants::{Constant, Numbers, Value};
use crate::read::convolutions::{batch_norm, same, tensorflow_conv};
use crate::{Error, Result};
use serde_json::Value as Json;
use std::collections::BTreeMap;

pub(super) struct Reader<'a> {
    pub file: &'a str,
    pub graph: Graph,
    pub values: BTreeMap<String, Value>,
}

impl Reader<'_> {
    /// Reads all nodes, each after those that it reads.
    pub fn read(&mut self, nodes: &[Json]) -> Result<()> {
        let wrong = |reason: String| Error::unreadable(self.file, reason);
        if nodes.len() > MAX_NODES {
            return Err(wrong(format!("it has more than {MAX_NODES} operators")));
        }
        let mut waiting: Vec<&Json> = nodes.iter().collect();
        let mut read: Vec<String> = Vec::new();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut later = Vec::new();
            for node in waiting {
                let inputs = inputs(node);
                if inputs.iter().all(|name| self.values.contains_key(name)) {
                    self.node(node, &inputs)?;
                    read.extend(inputs);
                } else {
                    later.push(node);
                }
            }
            if later.len() == before {
                let name = later[0]["name"].as_str().unwrap_or("").to_string();
                return Err(Error::unreadable(
                    self.file,
                    format!("{name} reads what nothing gives"),
                ));
            }
            waiting = later;
        }
        for (name, value) in &self.values {
            if let Value::Computed(value) = *value {
                self.graph.names.push((name.clone(), value));
                let is_input = matches!(self.graph.nodes[value].op, Op::Input);
                if !read.contains(name) && !is_input {
                    self.graph.outputs.push((name.clone(), value));
                }
            }
        }
        Ok(())
    }

    fn node(&mut self, node: &Json, names: &[String]) -> Result<()> {
        let name = node["name"].as_str().unwrap_or("").to_string();
        if self.values.contains_key(&name) {
            return Ok(());
        }
        let inputs: Vec<Value> = names.iter().map(|name| self.values[name].clone()).collect();
        let op = node["op"].as_str().unwrap_or("").to_string();
        let value = match self.compute(&op, &name, &node["attr"], &inputs)? {
            Some(value) => value,
            None => {
                let reads: Vec<usize> = inputs.iter().filter_map(Value::computed).collect();
                let before = reads
                    .iter()
                    .find_map(|&value| match &self.graph.nodes[value].op {
                        Op::Unknown(name) => Some(name.clone()),
                        _ => None,
                    });
                let op = Op::Unknown(before.unwrap_or(op));
                Value::Computed(self.graph.push_all(op, reads)?)
            }
        };
        self.values.insert(name, value);
        Ok(())
    }

    fn compute(
        &mut self,
        op: &str,
        name: &str,
        attr: &Json,
        inputs: &[Value],
    ) -> Result<Option<Value>> {
        if op == "Placeholder" {
            let dims = attr["shape"]["shape"]["dim"].as_array();
            let sides: Option<Vec<usize>> = dims.and_then(|dims| {
                let side = |dim: &Json| dim["size"].as_str()?.parse().ok();
                dims.get(1..)?.iter().map(side).collect()
            });
            let sides = sides.filter(|sides| !sides.is_empty()).ok_or_else(|| {
                let how = "convert it with a fixed height and width";
                Error::ask(self.file, format!("how large its input {name} is"), how)
            })?;
            return Ok(Some(Value::Computed(self.graph.input(name, sides)?)));
        }
        let unknown = |value: usize| matches!(self.graph.nodes[value].op, Op::Unknown(_));
        if inputs.iter().filter_map(Value::computed).any(unknown) {
            return Ok(None);
        }
        if let Some(constant) = self.constant(op, inputs) {
            return Ok(Some(Value::Constant(constant)));
        }
        let value = self.operator(op, attr, inputs)?;
        Ok(value.map(Value::Computed))
    }

    fn constant(&self, op: &str, inputs: &[Value]) -> Option<Constant> {
        let at = |i: usize| match inputs.get(i) {
            Some(Value::Constant(constant)) => Some(constant),
            _ => None,
        };
        match op {
            "Shape" => {
                let sides = self.graph.shape(inputs.first()?.computed()?).iter();
                let sides = sides.map(|&side| side as i64);
                Some(Constant::list([-1].into_iter().chain(sides).collect()))
            }
            // One element: begin, end = begin + 1, and a shrinking mask are all that sizes need.
            "StridedSlice" => {
                let (from, begin) = (at(0)?, at(1)?.ints());
                let values = from.pick(&begin)?;
                Some(Constant {
                    shape: vec![],
                    numbers: Numbers::Ints(values),
                })
            }
            "Pack" | "ConcatV2" => {
                let end = inputs.len() - usize::from(op == "ConcatV2");
                let parts: Option<Vec<Vec<i64>>> = (0..end).map(|i| Some(at(i)?.ints())).collect();
                Some(Constant::list(parts?.concat()))
            }
            "Prod" => {
                let product = at(0)?.ints().into_iter().fold(1, i64::saturating_mul);
                Some(Constant {
                    shape: vec![],
                    numbers: Numbers::Ints(vec![product]),
                })
            }
            "Mul" => at(0)?.combine(at(1)?, |a, b| a * b),
            "AddV2" | "Add" => at(0)?.combine(at(1)?, |a, b| a + b),
            "Sub" => at(0)?.combine(at(1)?, |a, b| a - b),
            "Identity" | "Cast" => at(0).cloned(),
            "Rsqrt" => {
                let mut constant = at(0)?.clone();
                constant.numbers =
                    Numbers::Floats(constant.floats().iter().map(|v| 1.0 / v.sqrt()).collect());
                Some(constant)
            }
            _ => None,
        }
    }

    fn operator(&mut self, op: &str, attr: &Json, inputs: &[Value]) -> Result<Option<usize>> {
        let constant = |i: usize| match inputs.get(i) {
            Some(Value::Constant(constant)) => Some(constant.clone()),
            _ => None,
        };
        let Some(x) = inputs.iter().find_map(Value::computed) else {
            return Ok(None);
        };
        let first_is_x = inputs.first().and_then(Value::computed) == Some(x);
        if text(&attr["data_format"]).is_some_and(|format| format != "NHWC") {
            return Ok(None);
        }
        if let Some(function) = function(op, attr) {
            return self.graph.push(Op::Activate(function), x).map(Some);
        }
        Ok(match op {
            "Identity" | "StopGradient" | "Cast" | "Snapshot" => Some(x),
            "MatMul" | "_FusedMatMul" if first_is_x => {
                let Some(weight) = constant(1).filter(|weight| weight.shape.len() == 2) else {
                    return Ok(None);
                };
                if attr["transpose_a"]["b"].as_bool() == Some(true) {
                    return Ok(None);
                }
                let weight = match attr["transpose_b"]["b"].as_bool() {
                    Some(true) => weight.transpose(&[1, 0]),
                    _ => weight,
                };
                let (fused, bias) = (
                    self.fused(attr),
                    self.fused_bias(attr, inputs, weight.shape[1]),
                );
                let Some(bias) = bias else { return Ok(None) };
                let weight = weight.floats();
                let value = self.graph.push(Op::Linear { weight, bias }, x)?;
                self.finish(&fused, attr, value)?
            }
            "Conv2D" | "_FusedConv2D" if first_is_x => {
                let Some(weight) = constant(1).filter(|weight| weight.shape.len() == 4) else {
                    return Ok(None);
                };
                let (fused, bias) = (
                    self.fused(attr),
                    self.fused_bias(attr, inputs, weight.shape[3]),
                );
                let (Some(bias), Some(stride)) = (bias, square(&attr["strides"])) else {
                    return Ok(None);
                };
                let plain = square(&attr["dilations"]).is_none_or(|d| d == [1; 2]);
                let image = self.graph.shape(x).to_vec();
                let conv = tensorflow_conv(&weight.tensor(), bias, stride, false);
                let (Some(mut conv), true, &[h, w, _]) = (conv, plain, &image[..]) else {
                    return Ok(None);
                };
                match text(&attr["padding"]).as_deref() {
                    Some("SAME") => same(&mut conv, [h, w]),
                    Some("VALID") => {}
                    _ => return Ok(None),
                }
                let value = self.graph.conv(conv, x)?;
                self.finish(&fused, attr, value)?
            }
            "Conv2DBackpropInput" => {
                let (Some(sizes), Some(weight)) = (constant(0), constant(1)) else {
                    return Ok(None);
                };
                let stride = square(&attr["strides"]);
                let conv = stride.and_then(|s| tensorflow_conv(&weight.tensor(), vec![], s, true));
                let (Some(mut conv), &[_, h, w, _]) = (conv, &sizes.ints()[..]) else {
                    return Ok(None);
                };
                let image = self.graph.shape(x).to_vec();
                let &[rows, columns, _] = &image[..] else {
                    return Ok(None);
                };
                // The zeros that the convolution back would have.
                for (axis, (small, large)) in [(rows, h), (columns, w)].into_iter().enumerate() {
                    let full =
                        (small as i64 - 1) * conv.stride[axis] as i64 + conv.kernel[axis] as i64;
                    let cut = full.saturating_sub(large);
                    let before = match text(&attr["padding"]).as_deref() {
                        Some("SAME") => cut.max(0) / 2,
                        _ => 0,
                    };
                    (conv.before[axis], conv.after[axis]) = (before, cut.saturating_sub(before));
                }
                Some(self.graph.conv(conv, x)?)
            }
            "BiasAdd" | "AddV2" | "Add" | "Sub" | "Mul" | "RealDiv" => {
                return self.arithmetic(op, x, inputs, first_is_x);
            }
            "FusedBatchNormV3" | "FusedBatchNorm" => {
                let parts: Option<Vec<Vec<f32>>> =
                    (1..5).map(|i| Some(constant(i)?.floats())).collect();
                let Some([gamma, beta, mean, var]) = parts.as_deref() else {
                    return Ok(None);
                };
                let epsilon = attr["epsilon"]["f"].as_f64().unwrap_or(1e-3) as f32;
                let axis = self.graph.shape(x).len() - 1;
                let op = batch_norm(axis, [gamma, beta, mean, var], epsilon);
                op.map(|op| self.graph.push(op, x)).transpose()?
            }
            "MaxPool" | "AvgPool" => {
                let (size, stride) = (square(&attr["ksize"]), square(&attr["strides"]));
                let image = self.graph.shape(x).to_vec();
                let (Some([size, columns]), &[h, w, _]) = (size, &image[..]) else {
                    return Ok(None);
                };
                let whole = [h, w].iter().all(|side| side.is_multiple_of(size.max(1)));
                let valid = text(&attr["padding"]).as_deref() == Some("VALID");
                if size != columns || stride != Some([size; 2]) || size == 0 || !(whole || valid) {
                    return Ok(None);
                }
                Some(match op {
                    "MaxPool" => self.graph.push(Op::MaxPool(size), x)?,
                    _ => self.graph.average(size, Order::ChannelsLast, x)?,
                })
            }
            "ResizeNearestNeighbor" => {
                let image = self.graph.shape(x).to_vec();
                let (Some(sizes), &[h, w, _]) = (constant(1), &image[..]) else {
                    return Ok(None);
                };
                let align = attr["align_corners"]["b"].as_bool() == Some(true);
                match sizes.ints()[..] {
                    [a, b]
                        if !align
                            && (a as usize).is_multiple_of(h)
                            && a as usize / h == b as usize / w =>
                    {
                        let factor = a as usize / h;
                        match (1..=16).contains(&factor) && b as usize == factor * w {
                            true => Some(self.graph.push(Op::Upsample(factor), x)?),
                            false => None,
                        }
                    }
                    _ => None,
                }
            }
            "Reshape" if first_is_x => match constant(1) {
                Some(target) => self.reshape(x, &target.ints())?,
                None => None,
            },
            "Transpose" if first_is_x => match constant(1).map(|axes| axes.ints()).as_deref() {
                Some([0, axes @ ..]) => {
                    let axes = axes
                        .iter()
                        .map(|&axis| usize::try_from(axis - 1).unwrap_or(99));
                    Some(self.graph.push(Op::Transpose(axes.collect()), x)?)
                }
                _ => None,
            },
            "Pad" if first_is_x => match constant(1).map(|zeros| zeros.ints()).as_deref() {
                Some(&[0, 0, a, c, b, d, 0, 0]) => {
                    Some(self.graph.push(Op::Pad([a, b], [c, d]), x)?)
                }
                _ => None,
            },
            "ConcatV2" => match inputs {
                [Value::Computed(a), Value::Computed(b), _]
                    if matches!(self.graph.nodes[*b].op, Op::Input)
                        && self.graph.shape(*a).len() == 1
                        && self.graph.shape(*b).len() == 1 =>
                {
                    Some(self.graph.push_all(Op::Append, vec![*a, *b])?)
                }
                _ => None,
            },
            _ => None,
        })
    }

    fn arithmetic(
        &mut self,
        op: &str,
        x: usize,
        inputs: &[Value],
        first: bool,
    ) -> Result<Option<usize>> {
        let (Some(a), Some(b)) = (inputs.first(), inputs.get(1)) else {
            return Ok(None);
        };
        let constant = match (a, b) {
            (&Value::Computed(a), &Value::Computed(b)) => {
                return Ok(match op {
                    "AddV2" | "Add" => Some(self.graph.push_all(Op::Add, vec![a, b])?),
                    "Mul" => Some(self.graph.multiply(a, b)?),
                    _ => None,
                });
            }
            (Value::Constant(constant), _) | (_, Value::Constant(constant)) => constant,
            _ => return Ok(None),
        };
        let values = constant.floats();
        let axis = self.graph.shape(x).len().saturating_sub(1);
        let side = self.graph.shape(x).get(axis).copied().unwrap_or(1);
        // All but the last axis of the constant have the length 1.
        let flat = constant.shape.last().copied().unwrap_or(1) == values.len();
        if !flat || ![1, side].contains(&values.len()) {
            return Ok(None);
        }
        let (ones, zeros) = (vec![1.0; values.len()], vec![0.0; values.len()]);
        let negative = |v: &[f32]| v.iter().map(|v| -v).collect::<Vec<_>>();
        let (scale, shift) = match (op, first) {
            ("BiasAdd" | "AddV2" | "Add", _) => (ones, values),
            ("Sub", true) => (ones, negative(&values)),
            ("Sub", false) => (negative(&ones), values),
            ("Mul", _) => (values, zeros),
            ("RealDiv", true) => (values.iter().map(|v| 1.0 / v).collect(), zeros),
            _ => return Ok(None),
        };
        self.graph
            .push(Op::Affine { axis, scale, shift }, x)
            .map(Some)
    }

    fn reshape(&mut self, x: usize, target: &[i64]) -> Result<Option<usize>> {
        let len: usize = self.graph.shape(x).iter().product();
        let Some((_, sides)) = target.split_first() else {
            return Ok(None);
        };
        let known = sides.iter().filter(|side| **side >= 0);
        let known = known.fold(1, |n: usize, &side| n.saturating_mul(side as usize));
        let side = |&side: &i64| match side {
            -1 => len / known.max(1),
            _ => side.max(0) as usize,
        };
        let sides: Vec<usize> = sides.iter().map(side).collect();
        match sides
            .iter()
            .fold(1, |n: usize, &side| n.saturating_mul(side))
            == len
        {
            true => self.graph.reshape(x, sides).map(Some),
            false => Ok(None),
        }
    }

    /// What is fused behind an operator.
    fn fused(&self, attr: &Json) -> Vec<String> {
        let list = attr["fused_ops"]["list"]["s"].as_array();
        let names = list.map_or(&[][..], Vec::as_slice).iter();
        names
            .map(|name| decode(name.as_str().unwrap_or("")))
            .collect()
    }

    /// The bias that is fused, or zeros.
    fn fused_bias(&self, attr: &Json, inputs: &[Value], len: usize) -> Option<Vec<f32>> {
        match self.fused(attr).first().map(String::as_str) {
            Some("BiasAdd") => match inputs.get(2) {
                Some(Value::Constant(bias)) => Some(bias.floats()),
                _ => None,
            },
            _ => Some(vec![0.0; len]),
        }
    }

    fn finish(&mut self, fused: &[String], attr: &Json, mut value: usize) -> Result<Option<usize>> {
        for name in fused.iter().filter(|name| *name != "BiasAdd") {
            let Some(function) = function(name, attr) else {
                return Ok(None);
            };
            value = self.graph.push(Op::Activate(function), value)?;
        }
        Ok(Some(value))
    }
}

fn function(op: &str, attr: &Json) -> Option<Function> {
    match op {
        "Relu" | "Relu6" | "Sigmoid" | "Tanh" | "Erf" | "Exp" | "Elu" | "Selu" | "Softplus" => {
            Function::named(op)
        }
        "LeakyRelu" => {
            let slope = ["alpha", "leakyrelu_alpha"].map(|name| attr[name]["f"].as_f64());
            let slope = slope[0].or(slope[1]).unwrap_or(0.2) as f32;
            Some(Function::LeakyRelu(vec![slope]))
        }
        _ => None,
    }
}

/// Names of the inputs without the number of the output; control inputs compute nothing.
fn inputs(node: &Json) -> Vec<String> {
    let list = node["input"].as_array().map_or(&[][..], Vec::as_slice);
    let names = list.iter().filter_map(Json::as_str);
    let names = names.filter(|name| !name.starts_with('^'));
    names
        .map(|name| name.split(':').next().unwrap_or(name).into())
        .collect()
}

/// Rows and columns of `[1, rows, columns, 1]`.
fn square(attr: &Json) -> Option<[usize; 2]> {
    let list = attr["list"]["i"].as_array()?;
    let number = |i: usize| -> Option<usize> {
        let value = list.get(i)?;
        value.as_str().map_or_else(
            || usize::try_from(value.as_u64()?).ok(),
            |text| text.parse().ok(),
        )
    };
    Some([number(1)?, number(2)?])
}

/// A text, which JSON has in base 64.
fn text(attr: &Json) -> Option<String> {
    Some(decode(attr["s"].as_str()?))
}

/// Base 64 (RFC 4648).
fn decode(text: &str) -> String {
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for byte in text.bytes().take(1024) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
