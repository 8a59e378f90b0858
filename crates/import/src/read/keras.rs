//! Keras' layers, as `.h5`, `.keras` and tfjs layers-models describe them in JSON.

use super::convolutions::{batch_norm, same, tensorflow_conv};
use crate::graph::{Function, Graph, Op, Order};
use crate::values::Tensor;
use crate::{Error, Result};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The weights of each layer by its name: parts like `kernel` and `bias`, or numbers in their order.
pub(crate) type LayerWeights = BTreeMap<String, Vec<(String, Tensor)>>;

/// Reads a `Sequential` or a functional model.
pub(crate) fn read(file: &str, model: &Json, weights: &LayerWeights) -> Result<Graph> {
    let class = model["class_name"].as_str().unwrap_or("");
    let config = &model["config"];
    let sequential = class == "Sequential";
    if !sequential && !matches!(class, "Functional" | "Model") {
        let instead = "save encoder and decoder, each as a functional or sequential model";
        let what = format!("the Keras model class {class}, which is code,");
        return Err(Error::unsupported(file, what, instead));
    }
    let layers = match config {
        Json::Array(layers) => layers,
        _ => config["layers"]
            .as_array()
            .ok_or_else(|| Error::unreadable(file, "its description has no layers"))?,
    };
    let mut reader = Reader {
        file,
        graph: Graph::new(file, Order::ChannelsLast),
        values: BTreeMap::new(),
        weights,
        last: None,
    };
    if sequential && let Some(first) = layers.first() {
        reader.sequential_input(config, first)?;
    }
    for layer in layers {
        reader.layer(layer, sequential)?;
    }
    let Reader {
        mut graph,
        values,
        last,
        ..
    } = reader;
    let outputs = match sequential {
        true => vec![],
        false => histories(&config["output_layers"]),
    };
    for name in &outputs {
        let value = values.get(name);
        let value = value
            .ok_or_else(|| Error::unreadable(file, format!("its output {name} is missing")))?;
        graph.outputs.push((name.clone(), *value));
    }
    if let (true, Some(last)) = (outputs.is_empty(), last) {
        graph.outputs.push(("output".into(), last));
    }
    graph.names = values.into_iter().collect();
    Ok(graph)
}

struct Reader<'a> {
    file: &'a str,
    graph: Graph,
    values: BTreeMap<String, usize>,
    weights: &'a LayerWeights,
    /// The value before the next layer of a sequence.
    last: Option<usize>,
}

impl Reader<'_> {
    fn input(&mut self, name: &str, shape: &Json) -> Result<()> {
        let sides: Option<Vec<usize>> = shape.as_array().and_then(|sides| {
            let side = |side: &Json| usize::try_from(side.as_u64()?).ok();
            sides.get(1..)?.iter().map(side).collect()
        });
        let sides = sides.filter(|sides| !sides.is_empty()).ok_or_else(|| {
            let how = "save it with a fixed height and width";
            Error::ask(self.file, format!("how large its input {name} is"), how)
        })?;
        let value = self.graph.input(name, sides)?;
        self.values.insert(name.into(), value);
        self.last = Some(value);
        Ok(())
    }

    /// The input of a sequence that has no layer for it.
    fn sequential_input(&mut self, config: &Json, first: &Json) -> Result<()> {
        if first["class_name"] == "InputLayer" {
            return Ok(());
        }
        let own = &first["config"];
        let places = [
            &own["batch_input_shape"],
            &own["batch_shape"],
            &config["build_input_shape"],
            &first["build_config"]["input_shape"],
        ];
        let shape = places.into_iter().find(|shape| shape.is_array());
        self.input("input", shape.unwrap_or(&Json::Null))
    }

    fn layer(&mut self, layer: &Json, sequential: bool) -> Result<()> {
        let (class, config) = (layer["class_name"].as_str().unwrap_or(""), &layer["config"]);
        let name = config["name"]
            .as_str()
            .or(layer["name"].as_str())
            .unwrap_or("");
        if class == "InputLayer" {
            let shape = match &config["batch_shape"] {
                Json::Null => &config["batch_input_shape"],
                shape => shape,
            };
            return self.input(name, shape);
        }
        let mut inputs = Vec::new();
        if sequential {
            inputs.extend(self.last);
        } else {
            for from in histories(&layer["inbound_nodes"]) {
                let value = self.values.get(&from).copied();
                inputs.push(value.ok_or_else(|| {
                    Error::unreadable(
                        self.file,
                        format!("{name} reads {from}, which nothing gives"),
                    )
                })?);
            }
        }
        let Some(&x) = inputs.first() else {
            return Err(Error::unreadable(
                self.file,
                format!("{name} reads nothing"),
            ));
        };
        let unknown = |value: &&usize| matches!(self.graph.nodes[**value].op, Op::Unknown(_));
        let value = match inputs.iter().find(unknown) {
            Some(&value) => Some(value),
            None => self.compute(class, name, config, &inputs)?,
        };
        let value = match value {
            Some(value) => value,
            None => {
                let name = match class {
                    "Functional" | "Sequential" | "Model" => format!("{class} inside of a model"),
                    _ => class.to_string(),
                };
                self.graph.push_all(Op::Unknown(name), inputs)?
            }
        };
        let _ = x;
        self.values.insert(name.into(), value);
        self.last = Some(value);
        Ok(())
    }

    fn compute(
        &mut self,
        class: &str,
        name: &str,
        config: &Json,
        inputs: &[usize],
    ) -> Result<Option<usize>> {
        let x = inputs[0];
        let last = config["data_format"]
            .as_str()
            .is_none_or(|format| format == "channels_last");
        if !last {
            return Ok(None);
        }
        let value = match class {
            "Dropout" | "SpatialDropout2D" | "GaussianNoise" | "ActivityRegularization" => Some(x),
            "Dense" => {
                let Some((kernel, bias)) = self.kernel(name, config)? else {
                    return Ok(None);
                };
                let bias =
                    bias.unwrap_or_else(|| vec![0.0; kernel.shape.last().copied().unwrap_or(0)]);
                let weight = kernel.data;
                Some(self.graph.push(Op::Linear { weight, bias }, x)?)
            }
            "Conv2D" | "Conv2DTranspose" | "Convolution2D" => {
                self.convolution(class == "Conv2DTranspose", name, config, x)?
            }
            "BatchNormalization" => self.batch_norm(name, config, x)?,
            "Flatten" => {
                let len = self.graph.shape(x).iter().product();
                Some(self.graph.reshape(x, vec![len])?)
            }
            "Reshape" => {
                let len: usize = self.graph.shape(x).iter().product();
                let Some(sides) = config["target_shape"].as_array() else {
                    return Ok(None);
                };
                let sides: Vec<i64> = sides.iter().filter_map(Json::as_i64).collect();
                let known = sides.iter().filter(|side| **side > 0);
                let known = known.fold(1, |n: usize, &side| n.saturating_mul(side as usize));
                let side = |&side: &i64| if side < 0 { len / known } else { side as usize };
                Some(self.graph.reshape(x, sides.iter().map(side).collect())?)
            }
            "Permute" => {
                let Some(axes) = config["dims"].as_array() else {
                    return Ok(None);
                };
                let axes = axes.iter().map(|axis| axis.as_u64().unwrap_or(99) as usize);
                let axes = axes.map(|axis| axis.wrapping_sub(1)).collect();
                Some(self.graph.push(Op::Transpose(axes), x)?)
            }
            "Activation" => Some(x),
            "ReLU" => {
                let (most, slope) = (
                    config["max_value"].as_f64(),
                    config["negative_slope"].as_f64(),
                );
                if slope.unwrap_or(0.0) != 0.0 || config["threshold"].as_f64().unwrap_or(0.0) != 0.0
                {
                    return Ok(None);
                }
                let function = match most {
                    Some(most) => Function::Clip(0.0, most as f32),
                    None => Function::Relu,
                };
                Some(self.graph.push(Op::Activate(function), x)?)
            }
            "ELU" => {
                let alpha = config["alpha"].as_f64().unwrap_or(1.0);
                let function = Function::Elu(alpha as f32);
                Some(self.graph.push(Op::Activate(function), x)?)
            }
            "LeakyReLU" => {
                let slope = config["negative_slope"]
                    .as_f64()
                    .or(config["alpha"].as_f64());
                let function = Function::LeakyRelu(vec![slope.unwrap_or(0.3) as f32]);
                Some(self.graph.push(Op::Activate(function), x)?)
            }
            "MaxPooling2D" | "AveragePooling2D" => self.pool(class, config, x)?,
            "GlobalAveragePooling2D" => match *self.graph.shape(x) {
                [h, w, c] if h == w => {
                    let value = self.graph.average(h, Order::ChannelsLast, x)?;
                    Some(self.graph.reshape(value, vec![c])?)
                }
                _ => None,
            },
            "UpSampling2D" => {
                let nearest = config["interpolation"]
                    .as_str()
                    .is_none_or(|kind| kind == "nearest");
                match pair(&config["size"]) {
                    Some([a, b]) if a == b && nearest && (1..=16).contains(&a) => {
                        Some(self.graph.push(Op::Upsample(a), x)?)
                    }
                    _ => None,
                }
            }
            "ZeroPadding2D" => {
                let side = |i: usize, j: usize| config["padding"][i][j].as_i64();
                match (side(0, 0), side(0, 1), side(1, 0), side(1, 1)) {
                    (Some(a), Some(c), Some(b), Some(d)) => {
                        Some(self.graph.push(Op::Pad([a, b], [c, d]), x)?)
                    }
                    _ => None,
                }
            }
            "Rescaling" => {
                let (scale, offset) = (config["scale"].as_f64(), config["offset"].as_f64());
                match scale {
                    Some(scale) => Some(self.graph.scalar(
                        scale as f32,
                        offset.unwrap_or(0.0) as f32,
                        x,
                    )?),
                    None => None,
                }
            }
            "Add" => match inputs {
                &[a, b] => Some(self.graph.push_all(Op::Add, vec![a, b])?),
                _ => None,
            },
            "Concatenate" => match inputs {
                &[a, b]
                    if matches!(self.graph.nodes[b].op, Op::Input)
                        && self.graph.shape(a).len() == 1
                        && self.graph.shape(b).len() == 1 =>
                {
                    Some(self.graph.push_all(Op::Append, vec![a, b])?)
                }
                _ => None,
            },
            _ => None,
        };
        match value {
            Some(value) => self.activation(&config["activation"], value),
            None => Ok(None),
        }
    }

    /// Applies an activation by its name.
    fn activation(&mut self, activation: &Json, x: usize) -> Result<Option<usize>> {
        let name = activation.as_str().or(activation["class_name"].as_str());
        let name = name.or(activation["config"].as_str()).unwrap_or("linear");
        let function = match (name, Function::named(name)) {
            ("linear", _) => return Ok(Some(x)),
            ("leaky_relu", _) => Function::LeakyRelu(vec![0.2]),
            (_, Some(function)) => function,
            (other, None) => {
                let name = format!("the activation {other}");
                return self.graph.push_all(Op::Unknown(name), vec![x]).map(Some);
            }
        };
        self.graph.push(Op::Activate(function), x).map(Some)
    }

    /// A part of a layer's weights, by its name or its number.
    fn part(&self, layer: &str, name: &str, number: usize) -> Option<&Tensor> {
        let parts = self.weights.get(layer)?;
        let named = parts.iter().find(|(part, _)| part == name);
        let numbered = || parts.iter().find(|(part, _)| *part == number.to_string());
        named.or_else(numbered).map(|(_, tensor)| tensor)
    }

    /// Kernel and bias, if the layer has one.
    fn kernel(&self, name: &str, config: &Json) -> Result<Option<(Tensor, Option<Vec<f32>>)>> {
        let missing = || {
            Error::unreadable(
                self.file,
                format!("the weights of the layer {name} are missing"),
            )
        };
        let kernel = self.part(name, "kernel", 0).ok_or_else(missing)?.clone();
        let bias = match config["use_bias"].as_bool() {
            Some(false) => None,
            _ => Some(self.part(name, "bias", 1).ok_or_else(missing)?.data.clone()),
        };
        Ok(Some((kernel, bias)))
    }

    fn convolution(
        &mut self,
        transposed: bool,
        name: &str,
        config: &Json,
        x: usize,
    ) -> Result<Option<usize>> {
        let plain = pair(&config["dilation_rate"]).is_none_or(|dilation| dilation == [1; 2])
            && config["groups"].as_u64().is_none_or(|groups| groups == 1)
            && config["output_padding"].is_null();
        let (Some((kernel, bias)), Some(stride), true) =
            (self.kernel(name, config)?, pair(&config["strides"]), plain)
        else {
            return Ok(None);
        };
        let image = self.graph.shape(x).to_vec();
        let conv = tensorflow_conv(&kernel, bias.unwrap_or_default(), stride, transposed);
        let (Some(mut conv), &[h, w, _]) = (conv, &image[..]) else {
            return Ok(None);
        };
        match config["padding"].as_str() {
            Some("same") => same(&mut conv, [h, w]),
            Some("valid") => {
                for axis in 0..2 {
                    // Keras gives every pixel a whole stride.
                    let missing = conv.stride[axis].saturating_sub(conv.kernel[axis]);
                    conv.after[axis] -= if transposed { missing as i64 } else { 0 };
                }
            }
            _ => return Ok(None),
        }
        self.graph.conv(conv, x).map(Some)
    }

    fn batch_norm(&mut self, name: &str, config: &Json, x: usize) -> Result<Option<usize>> {
        let flag = |name: &str| config[name].as_bool() != Some(false);
        let (scaled, centred) = (flag("scale"), flag("center"));
        let before = usize::from(scaled) + usize::from(centred);
        let mean = self.part(name, "moving_mean", before).cloned();
        let var = self.part(name, "moving_variance", before + 1).cloned();
        let (Some(mean), Some(var)) = (mean, var) else {
            return Ok(None);
        };
        let len = mean.data.len();
        let part = |has: bool, name_of: &str, number: usize, other: f32| match has {
            true => self
                .part(name, name_of, number)
                .map(|tensor| tensor.data.clone()),
            false => Some(vec![other; len]),
        };
        let gamma = part(scaled, "gamma", 0, 1.0);
        let beta = part(centred, "beta", usize::from(scaled), 0.0);
        let (Some(gamma), Some(beta)) = (gamma, beta) else {
            return Ok(None);
        };
        let epsilon = config["epsilon"].as_f64().unwrap_or(1e-3) as f32;
        let axis = self.graph.shape(x).len() - 1;
        let op = batch_norm(axis, [&gamma, &beta, &mean.data, &var.data], epsilon);
        op.map(|op| self.graph.push(op, x)).transpose()
    }

    fn pool(&mut self, class: &str, config: &Json, x: usize) -> Result<Option<usize>> {
        let size = pair(&config["pool_size"]);
        let stride = pair(&config["strides"]).or(size);
        let image = self.graph.shape(x).to_vec();
        let (Some([size, columns]), &[h, w, _]) = (size, &image[..]) else {
            return Ok(None);
        };
        let whole = [h, w].iter().all(|side| side.is_multiple_of(size.max(1)));
        let valid = config["padding"].as_str() == Some("valid");
        if size != columns || size == 0 || stride != Some([size; 2]) || !(whole || valid) {
            return Ok(None);
        }
        Ok(Some(match class {
            "MaxPooling2D" => self.graph.push(Op::MaxPool(size), x)?,
            _ => self.graph.average(size, Order::ChannelsLast, x)?,
        }))
    }
}

/// Two numbers, or one for both.
fn pair(json: &Json) -> Option<[usize; 2]> {
    let number = |json: &Json| usize::try_from(json.as_u64()?).ok();
    match json {
        Json::Array(list) if list.len() == 2 => Some([number(&list[0])?, number(&list[1])?]),
        _ => number(json).map(|side| [side; 2]),
    }
}

/// The layers that a description refers to: `["name", 0, 0]`, alone, in lists, or as a
/// `keras_history`.
fn histories(json: &Json) -> Vec<String> {
    let mut found = Vec::new();
    gather(json, &mut found);
    found
}

fn gather(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::Array(list) => match &list[..] {
            [Json::String(name), Json::Number(_), ..] => found.push(name.clone()),
            _ => list.iter().for_each(|json| gather(json, found)),
        },
        Json::Object(fields) => match fields.get("keras_history") {
            Some(history) => gather(history, found),
            None => {
                let fields = fields.iter().filter(|(name, _)| *name != "kwargs");
                fields.for_each(|(_, json)| gather(json, found));
            }
        },
        _ => {}
    }
}
