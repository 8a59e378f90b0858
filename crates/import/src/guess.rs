//! A description for a file of tensors alone: names and shapes say most of it. What they do not
//! say is guessed by habit, and told.

use crate::lower::Second;
use crate::read::tensors::Named;
use crate::{Error, Options, Result, image_of};
use serde_json::{Value as Json, json};

/// A guess, and how sure it is.
pub(crate) struct Guess {
    /// In the format of [`crate::like`].
    pub like: Json,
    /// What the file does not say and a wrong guess would not be noticed of.
    pub unsure: Option<String>,
    /// What was assumed.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Linear {
        inputs: usize,
        outputs: usize,
    },
    /// Of `[a, b, kernel, kernel]`.
    Conv {
        a: usize,
        b: usize,
        kernel: usize,
    },
    BatchNorm,
}

#[derive(Debug, Clone)]
struct Module {
    name: String,
    kind: Kind,
}

/// Guesses a description of the tensors of a file.
pub(crate) fn guess(file: &str, tensors: &Named, options: &Options) -> Result<Guess> {
    let modules = modules(file, tensors)?;
    let (first, second) = heads(&modules).ok_or_else(|| {
        let what = "where its latent is";
        Error::ask(file, what, "describe the layers with --like FILE.json")
    })?;
    let Kind::Linear {
        outputs: latent,
        inputs,
    } = modules[first].kind
    else {
        let what = "how large the image is whose convolution gives the latent";
        return Err(Error::ask(
            file,
            what,
            "describe the layers with --like FILE.json",
        ));
    };
    let kind = match options.second.or_else(|| by_name(&modules[second].name)) {
        Some(Second::LogVar) => "log_var",
        Some(Second::LogStd) => "log_std",
        Some(Second::Sigma) => "sigma",
        None => {
            let what = format!("what {} is", modules[second].name);
            let how = "say --second log-var (log σ²), log-std (log σ) or sigma (σ itself)";
            return Err(Error::ask(file, what, how));
        }
    };
    let (encoder, decoder) = (&modules[..first], &modules[second + 1..]);
    let convolutional = modules
        .iter()
        .any(|module| matches!(module.kind, Kind::Conv { .. }));
    let image = shape(file, encoder, decoder, inputs, options)?;
    let activation = options.activation.clone().unwrap_or_else(|| "relu".into());
    let last = options.last.clone().unwrap_or_else(|| "sigmoid".into());
    let mut notes = Vec::new();
    if options.activation.is_none() {
        notes.push("assumed: ReLU behind every hidden layer (--activation says otherwise)".into());
    }
    if options.last.is_none() {
        notes.push("assumed: a sigmoid at the end (--last says otherwise)".into());
    }
    let mut chain = Chain {
        image,
        sides: image,
        len: image.iter().product(),
        activation: &activation,
        classes: 0,
    };
    let encoder = chain.encoder(file, encoder, inputs)?;
    let classes = chain.classes;
    let mut chain = Chain {
        image,
        sides: [latent, 1, 1],
        len: latent,
        activation: &activation,
        classes: 0,
    };
    let mut decoder = chain.decoder(file, decoder)?;
    if let Some(end) = decoder.last_mut().filter(|end| end.is_string()) {
        *end = json!(last);
    }
    if last == "none" || last == "linear" {
        decoder.pop();
    }
    if classes > 0 {
        notes.push(format!(
            "assumed: a one-hot class of {classes} behind the image and the latent"
        ));
    }
    let like = json!({
        "image": image,
        "encoder": encoder,
        "mean": [{"linear": modules[first].name}],
        kind: [{"linear": modules[second].name}],
        "decoder": decoder,
    });
    let unsure = "the strides of its convolutions, how their borders are padded, or what stands between them";
    Ok(Guess {
        like,
        unsure: convolutional.then(|| unsure.into()),
        notes,
    })
}

/// Layers with weights, in the order of the file.
fn modules(file: &str, tensors: &Named) -> Result<Vec<Module>> {
    let mut modules = Vec::new();
    for (name, tensor) in tensors {
        let Some((module, part)) = name.rsplit_once('.') else {
            continue;
        };
        let refuse = |what: &str, instead: &str| {
            let what = format!("{what} ({module})");
            Err(Error::unsupported(file, what, instead))
        };
        if part.starts_with("weight_ih") || part.starts_with("weight_hh") {
            return refuse("LSTM or GRU", "use linear layers and convolutions");
        }
        if part.starts_with("in_proj") {
            return refuse("attention", "use linear layers and convolutions");
        }
        if part != "weight" {
            continue;
        }
        let has = |part: &str| {
            let wanted = format!("{module}.{part}");
            tensors.iter().any(|(name, _)| *name == wanted)
        };
        let kind = match tensor.shape[..] {
            [outputs, inputs] => Kind::Linear { inputs, outputs },
            [a, b, rows, columns] if rows == columns => Kind::Conv { a, b, kernel: rows },
            [_] if has("running_mean") => Kind::BatchNorm,
            [_] => {
                return refuse(
                    "GroupNorm or LayerNorm",
                    "train with BatchNorm or without one",
                );
            }
            [_, _, _] => return refuse("a convolution along one axis (Conv1d)", "use Conv2d"),
            _ => {
                return refuse(
                    "a layer of another kind",
                    "use linear layers and convolutions",
                );
            }
        };
        modules.push(Module {
            name: module.into(),
            kind,
        });
    }
    if modules.is_empty() {
        let what = "a file without layers";
        return Err(Error::unsupported(file, what, "save model.state_dict()"));
    }
    Ok(modules)
}

/// The two layers that give mean and variance: neighbours of one shape, by their names or because
/// what follows reads as many values as they give.
fn heads(modules: &[Module]) -> Option<(usize, usize)> {
    let pair = |i: &usize| {
        let (a, b) = (&modules[*i], &modules[i + 1]);
        a.kind == b.kind && matches!(a.kind, Kind::Linear { .. })
    };
    let pairs: Vec<usize> = (0..modules.len().saturating_sub(1)).filter(pair).collect();
    let named = pairs.iter().find(|&&i| {
        let [a, b] = [&modules[i].name, &modules[i + 1].name].map(|name| name.to_ascii_lowercase());
        (a.contains("mu") || a.contains("mean"))
            && ["var", "sigma", "std", "logv"]
                .iter()
                .any(|part| b.contains(part))
    });
    let structural = pairs.iter().find(|&&i| {
        let Kind::Linear { inputs, outputs } = modules[i].kind else {
            return false;
        };
        let next = modules[i + 2..]
            .iter()
            .find_map(|module| match module.kind {
                Kind::Linear { inputs, .. } => Some(inputs),
                _ => None,
            });
        inputs > outputs && next.is_some_and(|next| next >= outputs && next < outputs + 1000)
    });
    let &i = named.or(structural)?;
    Some((i, i + 1))
}

/// What a second head is by its name; nothing where that leaves it open.
fn by_name(name: &str) -> Option<Second> {
    let name = name.to_ascii_lowercase().replace(['_', '.'], "");
    if ["logvar", "logv", "lnvar"]
        .iter()
        .any(|part| name.contains(part))
    {
        Some(Second::LogVar)
    } else if ["logstd", "logsd"].iter().any(|part| name.contains(part)) {
        Some(Second::LogStd)
    } else {
        None
    }
}

/// Channels, height and width of an image.
fn shape(
    file: &str,
    encoder: &[Module],
    decoder: &[Module],
    inputs: usize,
    options: &Options,
) -> Result<[usize; 3]> {
    if let Some(shape) = options.shape {
        return Ok(shape);
    }
    let ask = || {
        let how = "give the image's shape: --shape CHANNELS,HEIGHT,WIDTH";
        Error::ask(file, "how large its images are", how)
    };
    let linear = |module: Option<&Module>| match module.map(|module| module.kind) {
        Some(Kind::Linear { inputs, outputs }) => Some([inputs, outputs]),
        _ => None,
    };
    let ends = decoder
        .iter()
        .rev()
        .find(|module| module.kind != Kind::BatchNorm);
    match encoder.first().map(|module| module.kind) {
        Some(Kind::Conv { b, .. }) => {
            // The size at which the last image has as many values as the linear layer reads.
            let sizes = [28, 32, 64, 96, 128, 48, 256];
            let found = sizes.into_iter().find(|&side| {
                let mut chain = Chain {
                    image: [b, side, side],
                    sides: [b, side, side],
                    len: b * side * side,
                    activation: "relu",
                    classes: 0,
                };
                chain.encoder(file, encoder, inputs).is_ok()
            });
            found.map(|side| [b, side, side]).ok_or_else(ask)
        }
        _ => {
            let end = linear(ends).map(|[_, outputs]| outputs);
            let start = linear(encoder.first()).map_or(inputs, |[inputs, _]| inputs);
            // With a class behind it, the input is longer than an image.
            image_of(start).or_else(|| image_of(end?)).ok_or_else(ask)
        }
    }
}

/// Where a chain of modules is.
struct Chain<'a> {
    image: [usize; 3],
    /// Channels, height, width.
    sides: [usize; 3],
    len: usize,
    activation: &'a str,
    classes: usize,
}

impl Chain<'_> {
    /// The steps of an encoder up to its heads, which read `inputs` values.
    fn encoder(&mut self, file: &str, modules: &[Module], inputs: usize) -> Result<Vec<Json>> {
        let next = modules.iter().find_map(|module| match module.kind {
            Kind::Linear { inputs, .. } => Some(inputs),
            _ => None,
        });
        let target = next.unwrap_or(inputs);
        let convolutions: Vec<usize> = modules
            .iter()
            .filter_map(|module| match module.kind {
                Kind::Conv { kernel, .. } => Some(kernel),
                _ => None,
            })
            .collect();
        // All of stride 2, or the last ones of stride 1.
        let fits = (0..=convolutions.len()).rev().find(|&halving| {
            let mut sides = [self.image[1], self.image[2]];
            for (i, &kernel) in convolutions.iter().enumerate() {
                let stride = if i < halving { 2 } else { 1 };
                for side in &mut sides {
                    let padding = (kernel - 1) / 2;
                    match (*side + 2 * padding).checked_sub(kernel) {
                        Some(steps) => *side = steps / stride + 1,
                        None => return false,
                    }
                }
            }
            let channels = modules.iter().rev().find_map(|module| match module.kind {
                Kind::Conv { a, .. } => Some(a),
                _ => None,
            });
            channels.is_none_or(|channels| channels * sides[0] * sides[1] == target)
        });
        let halving = fits.ok_or_else(|| {
            let what = "the strides of its convolutions";
            Error::ask(
                file,
                what,
                "describe the layers with --like FILE.json, or give --shape",
            )
        })?;
        let (mut steps, mut number) = (Vec::new(), 0);
        for (i, module) in modules.iter().enumerate() {
            match module.kind {
                Kind::Conv { a, kernel, .. } => {
                    let stride = if number < halving { 2 } else { 1 };
                    number += 1;
                    let padding = (kernel - 1) / 2;
                    for side in &mut self.sides[1..] {
                        *side =
                            (*side + 2 * padding - kernel.min(*side + 2 * padding)) / stride + 1;
                    }
                    self.sides[0] = a;
                    self.len = self.sides.iter().product();
                    steps.push(json!({"conv": module.name, "stride": stride, "padding": padding}));
                }
                Kind::Linear { inputs, outputs } => {
                    self.linear(file, module, inputs, outputs, &mut steps)?;
                }
                Kind::BatchNorm => steps.push(json!({"batch_norm": module.name})),
            }
            if !matches!(
                modules.get(i + 1).map(|next| next.kind),
                Some(Kind::BatchNorm)
            ) {
                steps.push(json!(self.activation));
            }
        }
        if self.len != inputs {
            let what = format!("what stands between {} and {inputs} values", self.len);
            return Err(Error::ask(
                file,
                what,
                "describe the layers with --like FILE.json",
            ));
        }
        Ok(steps)
    }

    fn linear(
        &mut self,
        file: &str,
        module: &Module,
        inputs: usize,
        outputs: usize,
        steps: &mut Vec<Json>,
    ) -> Result<()> {
        if inputs > self.len
            && inputs - self.len < 1000
            && (self.classes == 0 || self.classes == inputs - self.len)
        {
            self.classes = inputs - self.len;
            steps.push(json!("class"));
        } else if inputs != self.len {
            let what = format!(
                "what stands between {} values and {}, which reads {inputs}",
                self.len, module.name
            );
            return Err(Error::ask(
                file,
                what,
                "describe the layers with --like FILE.json",
            ));
        }
        steps.push(json!({"linear": module.name}));
        self.len = outputs;
        self.sides = [outputs, 1, 1];
        Ok(())
    }

    /// The steps of a decoder.
    fn decoder(&mut self, file: &str, modules: &[Module]) -> Result<Vec<Json>> {
        let mut steps = Vec::new();
        let total = modules
            .iter()
            .filter(|module| matches!(module.kind, Kind::Conv { .. }))
            .count();
        let mut number = 0;
        for (i, module) in modules.iter().enumerate() {
            match module.kind {
                Kind::Linear { inputs, outputs } => {
                    self.linear(file, module, inputs, outputs, &mut steps)?;
                }
                Kind::BatchNorm => steps.push(json!({"batch_norm": module.name})),
                Kind::Conv { a, b, kernel } => {
                    if number == 0 {
                        let side = (1..=256)
                            .find(|side| self.len == side * side * a)
                            .map(|side| (a, side))
                            .or_else(|| {
                                (1..=256)
                                    .find(|side| self.len == side * side * b)
                                    .map(|side| (b, side))
                            });
                        let Some((channels, side)) = side else {
                            let what = format!("the shape that {} reads", module.name);
                            return Err(Error::ask(
                                file,
                                what,
                                "describe the layers with --like FILE.json",
                            ));
                        };
                        self.sides = [channels, side, side];
                        steps.push(json!({"reshape": self.sides}));
                    }
                    number += 1;
                    // A transposed one lies as [in, out, …]; where both are equal, it is taken as one while the
                    // image has to grow.
                    let grows = self.sides[1] < self.image[1];
                    let transposed = a == self.sides[0] && (b != a || grows);
                    let padding = (kernel - 1) / 2;
                    if transposed {
                        let left = total - number + 1;
                        let stride = if grows && (self.sides[1] << left) >= self.image[1] {
                            2
                        } else {
                            1
                        };
                        let full = (self.sides[1] - 1) * stride + kernel;
                        let extra =
                            usize::from(stride == 2 && full < self.sides[1] * 2 + 2 * padding);
                        let padding = if stride == 2 && kernel == 2 {
                            0
                        } else {
                            padding
                        };
                        for side in &mut self.sides[1..] {
                            *side = ((*side - 1) * stride + kernel + extra)
                                .saturating_sub(2 * padding)
                                .max(1);
                        }
                        self.sides[0] = b;
                        steps.push(json!({
                            "conv_transpose": module.name, "stride": stride, "padding": padding,
                            "output_padding": extra,
                        }));
                    } else {
                        self.sides[0] = a;
                        steps.push(json!({"conv": module.name, "stride": 1, "padding": padding}));
                    }
                    self.len = self.sides.iter().product();
                }
            }
            if !matches!(
                modules.get(i + 1).map(|next| next.kind),
                Some(Kind::BatchNorm)
            ) {
                steps.push(json!(self.activation));
            }
        }
        let pixels: usize = self.image.iter().product();
        if self.len != pixels {
            let what = format!(
                "a decoder that gives {} values for an image of {pixels}",
                self.len
            );
            let instead = "only one number for each value of an image is; if the strides differ, describe the \
                           layers with --like FILE.json";
            return Err(Error::unsupported(file, what, instead));
        }
        Ok(steps)
    }
}
