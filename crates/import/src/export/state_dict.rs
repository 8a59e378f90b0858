//! A safetensors file of a PyTorch state_dict; its metadata has the layers, as [`crate::like`] describes them, so that
//! the file can be imported again and a module be written after it.

use crate::read::tensors::LIKE;
use crate::{Error, Result};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use vaelet_model::{Activation, Convolution, Layer, ModelSpec, Tensor, Tensors};

/// The contents of the file, of a description and the `tensors` of its weights file.
///
/// # Errors
/// A tensor that is missing, or a flattening whose order PyTorch does not have.
pub fn state_dict(spec: &ModelSpec, tensors: &Tensors) -> Result<Vec<u8>> {
    let mut writer = Writer {
        spec,
        tensors,
        stored: BTreeMap::new(),
    };
    let image = spec.input;
    let sides = [image.height, image.width, image.channels];
    let mut encoder = writer.chain(&spec.encoder, &mut Some(sides))?;
    // The two halves of the last layer.
    let last = encoder
        .pop()
        .and_then(|last| last["linear"].as_str().map(str::to_string));
    let last = last.ok_or_else(|| writer.wrong("its encoder does not end in a linear layer"))?;
    let latent = spec.latent_size();
    for (part, range) in [("mean", 0..latent), ("log_var", latent..2 * latent)] {
        for tensor in ["weight", "bias"] {
            let name = format!("{last}.{tensor}");
            let whole = writer.stored.get(&name).cloned();
            let whole =
                whole.ok_or_else(|| writer.wrong("its encoder's last layer has no weights"))?;
            let row = whole.data.len() / whole.shape[0].max(1);
            let half = Tensor {
                shape: [&[latent], &whole.shape[1..]].concat(),
                data: whole.data[range.start * row..range.end * row].to_vec(),
            };
            writer.stored.insert(format!("{part}.{tensor}"), half);
        }
    }
    for tensor in ["weight", "bias"] {
        writer.stored.remove(&format!("{last}.{tensor}"));
    }
    let decoder = writer.chain(&spec.decoder, &mut None)?;
    let like = json!({
        "image": [image.channels, image.height, image.width],
        "encoder": encoder,
        "mean": [{"linear": "mean"}],
        "log_var": [{"linear": "log_var"}],
        "decoder": decoder,
    });
    let bytes: BTreeMap<&String, (Vec<usize>, Vec<u8>)> = writer
        .stored
        .iter()
        .map(|(name, tensor)| {
            let bytes = tensor
                .data
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            (name, (tensor.shape.clone(), bytes))
        })
        .collect();
    let syntax = |e: safetensors::SafeTensorError| Error::unreadable(&spec.name, e.to_string());
    let views: Vec<(&String, TensorView<'_>)> = bytes
        .iter()
        .map(|(name, (shape, bytes))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(syntax)?;
            Ok((*name, view))
        })
        .collect::<Result<_>>()?;
    let metadata = [(LIKE.to_string(), like.to_string())];
    safetensors::serialize(views, Some(metadata.into_iter().collect())).map_err(syntax)
}

struct Writer<'a> {
    spec: &'a ModelSpec,
    tensors: &'a Tensors,
    stored: BTreeMap<String, Tensor>,
}

impl Writer<'_> {
    fn wrong(&self, reason: &str) -> Box<Error> {
        Error::unreadable(&self.spec.name, reason)
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        let tensor = self.tensors.get(name);
        tensor.ok_or_else(|| self.wrong(&format!("its tensor {name} is missing")))
    }

    /// The steps of a chain. `image` is height, width and channels of what the next layer reads, where that is an image.
    fn chain(&mut self, layers: &[Layer], image: &mut Option<[usize; 3]>) -> Result<Vec<Json>> {
        let mut steps = Vec::new();
        for (i, layer) in layers.iter().enumerate() {
            match layer {
                Layer::Linear {
                    inputs,
                    outputs,
                    activation,
                    params,
                } => {
                    let to = match layers.get(i + 1) {
                        Some(&Layer::Reshape {
                            channels,
                            height,
                            width,
                        }) => Some([height, width, channels]),
                        _ => None,
                    };
                    self.linear(params, [*inputs, *outputs], *image, to)?;
                    steps.push(json!({"linear": params}));
                    steps.extend(step_of(*activation));
                    *image = None;
                }
                Layer::Conv2d(convolution) => {
                    self.convolution("conv", convolution, image, &mut steps)?
                }
                Layer::ConvTranspose2d(convolution) => {
                    self.convolution("conv_transpose", convolution, image, &mut steps)?;
                }
                Layer::Residual { layers, activation } => {
                    let inner = self.chain(layers, image)?;
                    steps.push(json!({"residual": inner}));
                    steps.extend(step_of(*activation));
                }
                &Layer::Reshape {
                    channels,
                    height,
                    width,
                } => {
                    steps.push(json!({"reshape": [channels, height, width]}));
                    *image = Some([height, width, channels]);
                }
                Layer::Upsample {} => {
                    steps.push(json!({"upsample": 2}));
                    if let Some([height, width, _]) = image {
                        (*height, *width) = (2 * *height, 2 * *width);
                    }
                }
                Layer::Condition { .. } | Layer::Context { .. } => {
                    let what = "a model that reads a class, or its own text, as a state_dict";
                    return Err(Error::unsupported(
                        &self.spec.name,
                        what,
                        "export it as ONNX",
                    ));
                }
            }
        }
        Ok(steps)
    }

    /// `[outputs, inputs]`; rows and columns that are values of an image come in the order C, H, W.
    fn linear(
        &mut self,
        params: &str,
        [inputs, outputs]: [usize; 2],
        from: Option<[usize; 3]>,
        to: Option<[usize; 3]>,
    ) -> Result<()> {
        let weight = self.tensor(&format!("{params}.weight"))?.data.clone();
        let bias = self.tensor(&format!("{params}.bias"))?.data.clone();
        // The place in vaelet's order of value `i` in PyTorch's.
        let place = |sides: Option<[usize; 3]>, i: usize| match sides {
            Some([h, w, c]) => i % (h * w) * c + i / (h * w),
            None => i,
        };
        let mut turned = Vec::with_capacity(weight.len());
        for o in 0..outputs {
            turned.extend((0..inputs).map(|i| weight[place(from, i) * outputs + place(to, o)]));
        }
        let bias = (0..outputs).map(|o| bias[place(to, o)]).collect();
        self.store(params, vec![outputs, inputs], turned, bias);
        Ok(())
    }

    fn convolution(
        &mut self,
        kind: &str,
        convolution: &Convolution,
        image: &mut Option<[usize; 3]>,
        steps: &mut Vec<Json>,
    ) -> Result<()> {
        let &Convolution {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            activation,
            ref params,
        } = convolution;
        let weight = self.tensor(&format!("{params}.weight"))?.clone();
        let bias = self.tensor(&format!("{params}.bias"))?.data.clone();
        let transposed = kind == "conv_transpose";
        let axes: &[usize] = if transposed {
            &[2, 3, 0, 1]
        } else {
            &[3, 2, 0, 1]
        };
        let turned = crate::values::transpose(&weight, axes);
        self.store(params, turned.shape, turned.data, bias);
        steps.push(json!({kind: params, "stride": stride, "padding": padding}));
        steps.extend(step_of(activation));
        if let Some([height, width, channels]) = image {
            for side in [height, width] {
                *side = match transposed {
                    true => (*side - 1) * stride + kernel - 2 * padding,
                    false => (*side + 2 * padding - kernel) / stride + 1,
                };
            }
            debug_assert_eq!(*channels, in_channels);
            *channels = out_channels;
        }
        Ok(())
    }

    fn store(&mut self, params: &str, shape: Vec<usize>, weight: Vec<f32>, bias: Vec<f32>) {
        let parts = [("weight", shape, weight), ("bias", vec![bias.len()], bias)];
        for (part, shape, data) in parts {
            self.stored
                .insert(format!("{params}.{part}"), Tensor { shape, data });
        }
    }
}

fn step_of(activation: Activation) -> Option<Json> {
    match activation {
        Activation::None => None,
        Activation::Relu => Some(json!("relu")),
        Activation::Silu => Some(json!("silu")),
        Activation::Sigmoid => Some(json!("sigmoid")),
        Activation::Gelu => Some(json!("gelu")),
        Activation::GeluTanh => Some(json!("gelu_tanh")),
        Activation::Elu => Some(json!("elu")),
        Activation::Softplus => Some(json!("softplus")),
        Activation::LogSquare => Some(json!("log_square")),
    }
}
