//! Built layers as the layers of `model.json`, and their tensors by name.

use super::builder::{Built, Map, MapKind};
use vaelet_model::{Activation, Convolution, Layer, Tensor, Tensors};

/// The layers of a chain; tensors are named `<chain>.0`, `<chain>.1` and so on.
pub(crate) fn emit(chain: &str, built: Vec<Built>, tensors: &mut Tensors) -> Vec<Layer> {
    let mut emitter = Emitter {
        chain,
        number: 0,
        tensors,
    };
    emitter.layers(built)
}

struct Emitter<'a> {
    chain: &'a str,
    number: usize,
    tensors: &'a mut Tensors,
}

impl Emitter<'_> {
    fn layers(&mut self, built: Vec<Built>) -> Vec<Layer> {
        let mut layers = Vec::with_capacity(built.len());
        for built in built {
            match built {
                Built::Map(map) => self.map(map, &mut layers),
                Built::Residual(inner, activation) => {
                    let layer = Layer::Residual {
                        layers: self.layers(inner),
                        activation,
                    };
                    layers.push(layer);
                }
                Built::Reshape([height, width, channels]) => layers.push(Layer::Reshape {
                    channels,
                    height,
                    width,
                }),
                Built::Upsample => layers.push(Layer::Upsample {}),
            }
        }
        layers
    }

    fn map(&mut self, map: Map, layers: &mut Vec<Layer>) {
        let outputs = map.bias.len();
        let Map {
            kind,
            weight,
            class,
            bias,
            activation,
            ..
        } = map;
        match kind {
            MapKind::Linear => {
                let inputs = weight.len() / outputs;
                let own = match class {
                    Some(_) => Activation::None,
                    None => activation,
                };
                let params = self.tensors(vec![inputs, outputs], weight, bias);
                layers.push(Layer::Linear {
                    inputs,
                    outputs,
                    activation: own,
                    params,
                });
            }
            MapKind::Conv {
                transposed,
                kernel,
                stride,
                padding,
            } => {
                let in_channels = weight.len() / (kernel * kernel * outputs);
                let shape = vec![kernel, kernel, in_channels, outputs];
                let convolution = Convolution {
                    in_channels,
                    out_channels: outputs,
                    kernel,
                    stride,
                    padding,
                    activation,
                    params: self.tensors(shape, weight, bias),
                };
                layers.push(match transposed {
                    true => Layer::ConvTranspose2d(convolution),
                    false => Layer::Conv2d(convolution),
                });
            }
        }
        if let Some(class) = class {
            let shape = vec![class.len() / outputs, outputs];
            let params = self.tensors(shape, class, vec![0.0; outputs]);
            layers.push(Layer::Condition {
                outputs,
                activation,
                params,
            });
        }
    }

    fn tensors(&mut self, shape: Vec<usize>, weight: Vec<f32>, bias: Vec<f32>) -> String {
        let name = format!("{}.{}", self.chain, self.number);
        self.number += 1;
        let shapes = [("weight", shape, weight), ("bias", vec![bias.len()], bias)];
        for (part, shape, data) in shapes {
            let tensor = Tensor { shape, data };
            self.tensors.insert(format!("{name}.{part}"), tensor);
        }
        name
    }
}
