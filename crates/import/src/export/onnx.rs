//! Encoder and decoder as ONNX graphs of opset 17, images as `[N, C, H, W]`.

use std::collections::BTreeMap;
use vaelet_model::{Activation, EntryPoint, Map, Model, Op, Params, Shape, Window};

/// The encoder, `image` (and `class`, one-hot) to `mean` and `log_var`, and the decoder, `z` (and `class`) to `image`:
/// the contents of a file each.
pub fn onnx(model: &Model) -> [Vec<u8>; 2] {
    [EntryPoint::Encode, EntryPoint::Decode].map(|entry| Writer::new(model).graph(entry))
}

/// How a value lies in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// `[N, C, H, W]`
    Image,
    /// `[N, H · W · C]`
    Flat,
}

struct Writer<'a> {
    model: &'a Model,
    nodes: Vec<u8>,
    tensors: Vec<u8>,
    /// The names of values that are there, by number and form.
    names: BTreeMap<(usize, Form), String>,
    /// Names of constants.
    sizes: BTreeMap<Vec<i64>, String>,
    count: usize,
}

impl<'a> Writer<'a> {
    fn new(model: &'a Model) -> Self {
        Self {
            model,
            nodes: Vec::new(),
            tensors: Vec::new(),
            names: BTreeMap::new(),
            sizes: BTreeMap::new(),
            count: 0,
        }
    }

    fn graph(mut self, name: EntryPoint) -> Vec<u8> {
        let program = &self.model.program;
        let Some(entry) = program.entry(name) else {
            return Vec::new(); // every model has both
        };
        let encodes = name == EntryPoint::Encode;
        let mut inputs = Vec::new();
        for (i, &value) in entry.inputs.iter().enumerate() {
            let [h, w, c] = program.values[value].shape;
            let (name, form, shape) = match (i, encodes) {
                (0, true) => ("image", Form::Image, vec![c, h, w]),
                (0, false) => ("z", Form::Flat, vec![c]),
                // The one-hot symbols before each place.
                (1, false) if self.model.spec.reach() > 0 => {
                    ("context", Form::Image, vec![c, h, w])
                }
                _ => ("class", Form::Flat, vec![c]),
            };
            self.names.insert((value, form), name.into());
            inputs.extend(field(11, &value_info(name, &shape)));
        }
        for node in &program.nodes[entry.range.clone()] {
            self.node(&node.op, &node.inputs, node.output);
        }
        let end = entry.outputs[0];
        let [h, w, c] = program.values[end].shape;
        let mut outputs = Vec::new();
        if encodes {
            let half = self.model.spec.latent_size();
            let (from, sizes) = (self.name(end, Form::Flat), self.list(&[half as i64; 2]));
            let split = operator(
                "Split",
                &[&from, &sizes],
                &["mean", "log_var"],
                &[int("axis", 1)],
            );
            self.nodes.extend(field(1, &split));
            for name in ["mean", "log_var"] {
                outputs.extend(field(12, &value_info(name, &[half])));
            }
        } else {
            let from = self.name(end, Form::Image);
            self.nodes
                .extend(field(1, &operator("Identity", &[&from], &["image"], &[])));
            outputs.extend(field(12, &value_info("image", &[c, h, w])));
        }
        let name = field(2, if encodes { b"encoder" } else { b"decoder" });
        let graph = [self.nodes, name, self.tensors, inputs, outputs].concat();
        // IR version 8 is that of opset 17.
        [
            number(1, 8),
            field(2, b"vaelet"),
            field(7, &graph),
            field(8, &number(2, 17)),
        ]
        .concat()
    }

    fn node(&mut self, op: &Op, inputs: &[usize], output: usize) {
        let shape = |value: usize| self.model.program.values[value].shape;
        match op {
            Op::Map(Map::Linear { .. }, params) => {
                let from = self.name(inputs[0], Form::Flat);
                let weight = self.model.weights.weight(params).into_owned();
                let sizes: Vec<usize> = params.weight.clone();
                let [weight, bias] = self.parameters(params, &sizes, &weight);
                let to = self.fresh(output, Form::Flat);
                self.push("Gemm", &[&from, &weight, &bias], &to, &[]);
            }
            Op::Map(Map::Conv2d(window), params) => {
                self.convolution("Conv", window, params, inputs[0], output)
            }
            Op::Map(Map::ConvTranspose2d(window), params) => {
                self.convolution("ConvTranspose", window, params, inputs[0], output);
            }
            Op::Add => {
                let form = self.form(inputs[0]);
                let [a, b] = [inputs[0], inputs[1]].map(|value| self.name(value, form));
                let to = self.fresh(output, form);
                self.push("Add", &[&a, &b], &to, &[]);
            }
            Op::Activate(activation) => {
                let form = self.form(inputs[0]);
                let from = self.name(inputs[0], form);
                let to = self.fresh(output, form);
                match activation {
                    Activation::None => self.push("Identity", &[&from], &to, &[]),
                    Activation::Relu => self.push("Relu", &[&from], &to, &[]),
                    Activation::Sigmoid => self.push("Sigmoid", &[&from], &to, &[]),
                    Activation::Elu => self.push("Elu", &[&from], &to, &[]),
                    Activation::Softplus => self.push("Softplus", &[&from], &to, &[]),
                    // Opset 17 has none of the others, which are spelled out.
                    Activation::Silu => {
                        let gate = self.step("Sigmoid", &from, None, &to, 0);
                        self.push("Mul", &[&from, &gate], &to, &[]);
                    }
                    Activation::Gelu => {
                        let scaled =
                            self.step("Mul", &from, Some(core::f32::consts::FRAC_1_SQRT_2), &to, 0);
                        let erf = self.step("Erf", &scaled, None, &to, 1);
                        let gate = self.step("Add", &erf, Some(1.0), &to, 2);
                        let half = self.step("Mul", &from, Some(0.5), &to, 3);
                        self.push("Mul", &[&half, &gate], &to, &[]);
                    }
                    Activation::GeluTanh => {
                        let cube = self.step("Pow", &from, Some(3.0), &to, 0);
                        let bent = self.step("Mul", &cube, Some(0.044_715), &to, 1);
                        let sum = format!("{to}.2");
                        self.push("Add", &[&from, &bent], &sum, &[]);
                        let scaled = self.step("Mul", &sum, Some(1.595_769), &to, 3);
                        let gate = self.step("Sigmoid", &scaled, None, &to, 4);
                        self.push("Mul", &[&from, &gate], &to, &[]);
                    }
                    Activation::LogSquare => {
                        let square = format!("{to}.0");
                        self.push("Mul", &[&from, &from], &square, &[]);
                        let bounded = self.step("Max", &square, Some(1e-30), &to, 1);
                        self.push("Log", &[&bounded], &to, &[]);
                    }
                }
            }
            // Samples and gradients are in no entry point that is written.
            Op::Derivative(_) | Op::Sample | Op::SampleGradient => {
                debug_assert!(shape(output)[0] == 0)
            }
        }
    }

    fn convolution(
        &mut self,
        op: &str,
        window: &Window,
        params: &Params,
        input: usize,
        output: usize,
    ) {
        let from = self.name(input, Form::Image);
        let [side, _, inputs, outputs] = [0, 1, 2, 3].map(|axis| params.weight[axis]);
        let stored = self.model.weights.weight(params).into_owned();
        let transposed = op == "ConvTranspose";
        let (rows, columns) = if transposed {
            (inputs, outputs)
        } else {
            (outputs, inputs)
        };
        let mut weight = vec![0.0; stored.len()];
        for tap in 0..side * side {
            for i in 0..inputs {
                for o in 0..outputs {
                    let (row, column) = if transposed { (i, o) } else { (o, i) };
                    weight[(row * columns + column) * side * side + tap] =
                        stored[(tap * inputs + i) * outputs + o];
                }
            }
        }
        let [weight, bias] = self.parameters(params, &[rows, columns, side, side], &weight);
        let to = self.fresh(output, Form::Image);
        let sizes = |value: usize, times: usize| vec![value as i64; times];
        let attributes = [
            ints("kernel_shape", &sizes(side, 2)),
            ints("strides", &sizes(window.stride, 2)),
            ints("pads", &sizes(window.padding, 4)),
        ];
        self.push(op, &[&from, &weight, &bias], &to, &attributes);
        // What a strided transposed convolution leaves out, ONNX computes by the same formula.
    }

    /// A step on the way to the value `to`: an operator of `from`, and of a constant if there is one. Returns its
    /// output's name.
    fn step(
        &mut self,
        op: &str,
        from: &str,
        constant: Option<f32>,
        to: &str,
        number: usize,
    ) -> String {
        let output = format!("{to}.{number}");
        let name = format!("{output}.constant");
        let inputs: &[&str] = match constant {
            Some(constant) => {
                self.tensors
                    .extend(field(5, &tensor(&name, &[], &[constant])));
                &[from, &name]
            }
            None => &[from],
        };
        self.push(op, inputs, &output, &[]);
        output
    }

    /// The names of a map's weight and bias, which become tensors of the graph.
    fn parameters(&mut self, params: &Params, shape: &[usize], weight: &[f32]) -> [String; 2] {
        let names = [params.weight_name(), params.bias_name()];
        let bias = self.model.weights.bias(params).unwrap_or(&[]).to_vec();
        for (name, shape, values) in [
            (&names[0], shape, weight),
            (&names[1], &[bias.len()][..], &bias[..]),
        ] {
            self.tensors.extend(field(5, &tensor(name, shape, values)));
        }
        names
    }

    /// The form that a value has, or has to get.
    fn form(&self, value: usize) -> Form {
        match self.names.contains_key(&(value, Form::Image)) {
            true => Form::Image,
            false => Form::Flat,
        }
    }

    /// A value in this form, turned into it if it has the other.
    fn name(&mut self, value: usize, form: Form) -> String {
        if let Some(name) = self.names.get(&(value, form)) {
            return name.clone();
        }
        let [h, w, c]: Shape = self.model.program.values[value].shape;
        let other = if form == Form::Image {
            Form::Flat
        } else {
            Form::Image
        };
        let from = self.names.get(&(value, other)).cloned().unwrap_or_default();
        let to = self.fresh(value, form);
        let middle = format!("{to}.turned");
        match form {
            Form::Image => {
                let sizes = self.list(&[-1, h as i64, w as i64, c as i64]);
                self.push("Reshape", &[&from, &sizes], &middle, &[]);
                self.push("Transpose", &[&middle], &to, &[ints("perm", &[0, 3, 1, 2])]);
            }
            Form::Flat => {
                self.push(
                    "Transpose",
                    &[&from],
                    &middle,
                    &[ints("perm", &[0, 2, 3, 1])],
                );
                self.push("Flatten", &[&middle], &to, &[int("axis", 1)]);
            }
        }
        to
    }

    fn fresh(&mut self, value: usize, form: Form) -> String {
        self.count += 1;
        let name = format!("v{}", self.count);
        self.names.insert((value, form), name.clone());
        name
    }

    /// A constant list of sizes.
    fn list(&mut self, values: &[i64]) -> String {
        if let Some(name) = self.sizes.get(values) {
            return name.clone();
        }
        let name = format!("sizes{}", self.sizes.len());
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let tensor = [
            number(1, values.len() as u64),
            number(2, 7),
            field(8, name.as_bytes()),
            field(9, &bytes),
        ];
        self.tensors.extend(field(5, &tensor.concat()));
        self.sizes.insert(values.to_vec(), name.clone());
        name
    }

    fn push(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) {
        self.nodes
            .extend(field(1, &operator(op, inputs, &[output], attributes)));
    }
}

/// A `NodeProto`.
fn operator(op: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut node = Vec::new();
    inputs
        .iter()
        .for_each(|name| node.extend(field(1, name.as_bytes())));
    outputs
        .iter()
        .for_each(|name| node.extend(field(2, name.as_bytes())));
    node.extend(field(4, op.as_bytes()));
    attributes
        .iter()
        .for_each(|attribute| node.extend(field(5, attribute)));
    node
}

/// A `TensorProto` of f32.
fn tensor(name: &str, shape: &[usize], values: &[f32]) -> Vec<u8> {
    let mut tensor: Vec<u8> = shape
        .iter()
        .flat_map(|&side| number(1, side as u64))
        .collect();
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    tensor.extend([number(2, 1), field(8, name.as_bytes()), field(9, &bytes)].concat());
    tensor
}

/// A `ValueInfoProto` of f32 whose batch is open.
fn value_info(name: &str, shape: &[usize]) -> Vec<u8> {
    let mut sides = field(1, &field(2, b"batch"));
    shape
        .iter()
        .for_each(|&side| sides.extend(field(1, &number(1, side as u64))));
    let kind = [number(1, 1), field(2, &sides)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &kind))].concat()
}

/// An `AttributeProto` of a number; its type is 2.
fn int(name: &str, value: i64) -> Vec<u8> {
    [
        field(1, name.as_bytes()),
        number(3, value.cast_unsigned()),
        number(20, 2),
    ]
    .concat()
}

/// An `AttributeProto` of a list; its type is 7.
fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    let mut attribute = field(1, name.as_bytes());
    values
        .iter()
        .for_each(|value| attribute.extend(number(8, value.cast_unsigned())));
    attribute.extend(number(20, 7));
    attribute
}

fn field(number: u64, contents: &[u8]) -> Vec<u8> {
    let mut out = varint(number << 3 | 2);
    out.extend(varint(contents.len() as u64));
    out.extend(contents);
    out
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
