//! The description of a network whose file has only tensors.
//!
//! ```json
//! {
//!   "image": [1, 28, 28],
//!   "encoder": [{"linear": "fc1"}, "relu"],
//!   "mean": [{"linear": "fc21"}],
//!   "log_var": [{"linear": "fc22"}],
//!   "decoder": [{"linear": "fc3"}, "relu", {"linear": "fc4"}, "sigmoid"]
//! }
//! ```
//!
//! Steps are `relu`, `silu`, `sigmoid`, `tanh`, `gelu`, `gelu_tanh`, `elu`, `selu`, `softplus`, `flatten`, `class` (one-hot, behind what there is), or objects:
//! `linear`, `conv` and `conv_transpose` (with `stride`, `padding`, `output_padding`, `dilation`, `groups`),
//! `batch_norm` (with `epsilon`), `residual` (a list), `reshape`, `max_pool`, `average_pool`, `upsample`, `leaky_relu`
//! (its slope), `clip` (two numbers) and `scale`. Names are those of the modules. `latent` is the latent's shape,
//! where the decoder does not begin with a linear layer; `log_std` instead of `log_var` is log σ, `sigma` is σ itself.

use crate::graph::{Function, Graph, Op, Order};
use crate::lower::Second;
use crate::read::convolutions::{batch_norm, torch_conv};
use crate::read::tensors::Named;
use crate::values::{Tensor, transpose};
use crate::{Error, Result};
use serde_json::Value as Json;

/// Both halves of a model, as far as there are any.
pub(crate) struct Halves {
    pub encoder: Option<Graph>,
    pub decoder: Option<Graph>,
    /// What the encoder's second output is.
    pub second: Option<Second>,
    /// Channels, height, width.
    pub image: [usize; 3],
}

/// Builds both halves of a network from its tensors and its description, which `like` names.
pub(crate) fn build(file: &str, tensors: &Named, like: &str, json: &str) -> Result<Halves> {
    let json: Json =
        serde_json::from_str(json).map_err(|e| Error::unreadable(like, format!("as JSON: {e}")))?;
    let image = sizes(&json["image"]).and_then(|sizes| <[usize; 3]>::try_from(sizes).ok());
    let image = image.ok_or_else(|| {
        let how = "write \"image\": [channels, height, width]";
        Error::ask(like, "the shape of an image", how)
    })?;
    let new = || Maker {
        file,
        like,
        tensors,
        graph: Graph::new(file, Order::ChannelsFirst),
        last: 0,
        class: None,
        append: false,
    };
    let mut second = None;
    let encoder = match json["encoder"].is_array() {
        true => {
            let mut maker = new();
            maker.last = maker.graph.input("image", image.to_vec())?;
            maker.steps(&json["encoder"])?;
            let trunk = maker.last;
            maker.steps(&json["mean"])?;
            maker.graph.outputs.push(("mean".into(), maker.last));
            for (name, kind) in [
                ("log_var", Second::LogVar),
                ("log_std", Second::LogStd),
                ("sigma", Second::Sigma),
            ] {
                if json[name].is_array() {
                    maker.last = trunk;
                    maker.steps(&json[name])?;
                    maker.graph.outputs.push((name.into(), maker.last));
                    second = Some(kind);
                }
            }
            Some(maker.graph)
        }
        false => None,
    };
    let decoder = match json["decoder"].is_array() {
        true => {
            let mut maker = new();
            let mean = encoder.as_ref().and_then(|graph| {
                let (_, value) = graph.outputs.first()?;
                Some(graph.shape(*value).to_vec())
            });
            let latent = sizes(&json["latent"]).or(mean);
            let latent = latent.ok_or_else(|| {
                Error::ask(like, "the size of the latent", "write \"latent\": [size]")
            })?;
            maker.last = maker.graph.input("z", latent)?;
            maker.steps(&json["decoder"])?;
            maker.graph.outputs.push(("image".into(), maker.last));
            Some(maker.graph)
        }
        false => None,
    };
    if encoder.is_none() && decoder.is_none() {
        return Err(Error::ask(
            like,
            "any layers",
            "write \"encoder\" and \"decoder\" as lists",
        ));
    }
    Ok(Halves {
        encoder,
        decoder,
        second,
        image,
    })
}

fn sizes(json: &Json) -> Option<Vec<usize>> {
    let side = |side: &Json| usize::try_from(side.as_u64()?).ok();
    json.as_array()?.iter().map(side).collect()
}

struct Maker<'a> {
    file: &'a str,
    like: &'a str,
    tensors: &'a Named,
    graph: Graph,
    last: usize,
    /// The input of the class, once it is there.
    class: Option<usize>,
    /// Whether the next linear layer reads the class too.
    append: bool,
}

impl Maker<'_> {
    fn steps(&mut self, json: &Json) -> Result<()> {
        let steps = json.as_array().map_or(&[][..], Vec::as_slice);
        for step in steps {
            self.step(step)?;
        }
        Ok(())
    }

    fn wrong(&self, step: &Json) -> Box<Error> {
        let text: String = step.to_string().chars().take(100).collect();
        let instead = "the steps are those of vaelet's documentation of `--like`";
        Error::unsupported(self.like, format!("the step {text}"), instead)
    }

    fn step(&mut self, step: &Json) -> Result<()> {
        if let Some(name) = step.as_str() {
            let function = match (name, Function::named(name)) {
                ("leaky_relu", _) => Function::LeakyRelu(vec![0.01]),
                ("flatten", _) => return self.flatten(),
                ("class", _) => {
                    self.append = true;
                    return Ok(());
                }
                (_, Some(function)) => function,
                _ => return Err(self.wrong(step)),
            };
            self.last = self.graph.push(Op::Activate(function), self.last)?;
            return Ok(());
        }
        let Some((kind, value)) = step.as_object().and_then(|fields| {
            let kinds = fields.iter();
            let options = [
                "stride",
                "padding",
                "output_padding",
                "dilation",
                "groups",
                "epsilon",
            ];
            kinds
                .into_iter()
                .find(|(kind, _)| !options.contains(&kind.as_str()))
        }) else {
            return Err(self.wrong(step));
        };
        let wrong = self.wrong(step);
        let size = usize::try_from(value.as_u64().unwrap_or(0)).unwrap_or(0);
        let size_fits = (1..=16).contains(&size);
        self.last = match (kind.as_str(), value) {
            ("linear", Json::String(name)) => self.linear(name)?,
            ("conv" | "conv_transpose", Json::String(name)) => {
                self.conv(name, kind == "conv_transpose", step)?
            }
            ("batch_norm", Json::String(name)) => self.batch_norm(name, step)?,
            ("residual", Json::Array(_)) => {
                let before = self.last;
                self.steps(value)?;
                self.graph.push_all(Op::Add, vec![before, self.last])?
            }
            ("reshape", _) => {
                let shape = sizes(value).ok_or(wrong)?;
                self.graph.reshape(self.last, shape)?
            }
            ("max_pool", _) if size_fits => self.graph.push(Op::MaxPool(size), self.last)?,
            ("average_pool", _) if size_fits => {
                self.graph.average(size, Order::ChannelsFirst, self.last)?
            }
            ("upsample", _) if size_fits => self.graph.push(Op::Upsample(size), self.last)?,
            ("leaky_relu", _) => {
                let slope = value.as_f64().ok_or(wrong)? as f32;
                let function = Function::LeakyRelu(vec![slope]);
                self.graph.push(Op::Activate(function), self.last)?
            }
            ("clip", _) => match (value[0].as_f64(), value[1].as_f64()) {
                (Some(low), Some(high)) => {
                    let function = Function::Clip(low as f32, high as f32);
                    self.graph.push(Op::Activate(function), self.last)?
                }
                _ => return Err(wrong),
            },
            ("scale", _) => {
                let factor = value.as_f64().ok_or(wrong)? as f32;
                self.graph.scalar(factor, 0.0, self.last)?
            }
            _ => return Err(wrong),
        };
        Ok(())
    }

    fn flatten(&mut self) -> Result<()> {
        let len = self.graph.shape(self.last).iter().product();
        self.last = self.graph.reshape(self.last, vec![len])?;
        Ok(())
    }

    fn find(&self, module: &str, part: &str) -> Option<&Tensor> {
        let name = format!("{module}.{part}");
        let found = self.tensors.iter().find(|(known, _)| *known == name);
        found.map(|(_, tensor)| tensor)
    }

    fn weight(&self, module: &str) -> Result<Tensor> {
        let weight = self.find(module, "weight").cloned();
        weight.ok_or_else(|| {
            Error::unreadable(self.file, format!("it has no tensor {module}.weight"))
        })
    }

    fn linear(&mut self, name: &str) -> Result<usize> {
        let weight = self.weight(name)?;
        let &[outputs, inputs] = &weight.shape[..] else {
            let reason = format!(
                "{name}.weight has the shape {:?}, not that of a linear layer",
                weight.shape
            );
            return Err(Error::unreadable(self.file, reason));
        };
        if self.graph.shape(self.last).len() > 1 {
            self.flatten()?;
        }
        if core::mem::take(&mut self.append) {
            let len = self.graph.shape(self.last)[0];
            let classes = inputs.checked_sub(len).filter(|&classes| classes > 0);
            let classes = classes.ok_or_else(|| {
                Error::unreadable(self.file, format!("{name} has no room for a class"))
            })?;
            let class = match self.class {
                Some(class) => class,
                None => self.graph.input("class", vec![classes])?,
            };
            self.class = Some(class);
            self.last = self.graph.push_all(Op::Append, vec![self.last, class])?;
        }
        let bias = match self.find(name, "bias") {
            Some(bias) => bias.data.clone(),
            None => vec![0.0; outputs],
        };
        let weight = transpose(&weight, &[1, 0]).data;
        self.graph.push(Op::Linear { weight, bias }, self.last)
    }

    fn conv(&mut self, name: &str, transposed: bool, step: &Json) -> Result<usize> {
        let option = |option: &str, default: u64| match &step[option] {
            Json::Null => Some([default as usize; 2]),
            Json::Array(_) => sizes(&step[option]).and_then(|v| <[usize; 2]>::try_from(v).ok()),
            other => other.as_u64().map(|side| [side as usize; 2]),
        };
        let options = (
            option("stride", 1),
            option("padding", 0),
            option("output_padding", 0),
            option("dilation", 1),
        );
        let (Some(stride), Some(padding), Some(extra), Some(dilation)) = options else {
            return Err(self.wrong(step));
        };
        let sides = [stride, padding, extra, dilation].concat();
        if sides.iter().any(|&side| side > 4096) || stride.contains(&0) || dilation.contains(&0) {
            return Err(self.wrong(step));
        }
        let weight = self.weight(name)?;
        let bias = self
            .find(name, "bias")
            .map_or(vec![], |bias| bias.data.clone());
        let groups = step["groups"].as_i64().unwrap_or(1);
        let conv = torch_conv(self.file, weight, bias, groups, dilation, transposed)?;
        let mut conv = conv.ok_or_else(|| {
            Error::unreadable(
                self.file,
                format!("{name}.weight is not that of a convolution"),
            )
        })?;
        conv.stride = stride;
        conv.before = padding.map(|zeros| zeros as i64);
        conv.after = conv.before;
        if transposed {
            for (after, rows) in conv.after.iter_mut().zip(extra) {
                *after -= rows as i64;
            }
        }
        self.graph.conv(conv, self.last)
    }

    fn batch_norm(&mut self, name: &str, step: &Json) -> Result<usize> {
        let part = |part: &str| self.find(name, part).map(|tensor| tensor.data.clone());
        let mean = part("running_mean").unwrap_or_default();
        let gamma = part("weight").unwrap_or_else(|| vec![1.0; mean.len()]);
        let beta = part("bias").unwrap_or_else(|| vec![0.0; mean.len()]);
        let var = part("running_var").unwrap_or_default();
        let epsilon = step["epsilon"].as_f64().unwrap_or(1e-5) as f32;
        let op = batch_norm(0, [&gamma, &beta, &mean, &var], epsilon);
        let op = op.ok_or_else(|| {
            Error::unreadable(self.file, format!("{name} has no running statistics"))
        })?;
        self.graph.push(op, self.last)
    }
}
