//! Random networks with random weights, for tests of whatever runs programs.

use crate::Tensors;
use vaelet_model::{Activation, Layer, Params, Program, Shape, random};

/// A chain of one to five layers of every kind, with small odd shapes.
pub fn chain(seed: u64) -> Program {
    let mut choice = Choice {
        numbers: random::uniforms(seed, 512).into_iter(),
    };
    let input = [choice.of(5..10), choice.of(5..10), choice.of(1..6)];
    let mut layers = Vec::new();
    let mut shape = input;
    for _ in 0..choice.of(1..6) {
        // What does not fit the image any more is left out.
        let mut longer = layers.clone();
        longer.extend(choice.layers(shape, layers.len()));
        if let Some(end) = shape_of(input, &longer) {
            (layers, shape) = (longer, end);
        }
    }
    if layers.is_empty() {
        layers.push(choice.linear(shape, 0));
        shape = [1, 1, outputs(&layers[0])];
    }
    #[expect(clippy::expect_used, reason = "it was built before")]
    Program::chain("random", input, &layers, shape).expect("a network that fits")
}

/// Standard normal weights, scaled so that values stay about as large as they are, and biases.
pub fn tensors<'a>(params: impl Iterator<Item = &'a Params>, seed: u64) -> Tensors {
    let mut tensors = Tensors::new();
    for (i, params) in params.enumerate() {
        for (part, (name, shape)) in params.stored().into_iter().enumerate() {
            let len: usize = shape.iter().product();
            let fan_in = (len / params.bias.max(1)).max(1);
            let scale = if part == 0 {
                (1.0 / fan_in as f64).sqrt()
            } else {
                0.5
            };
            let seed = seed.wrapping_add((2 * i + part) as u64);
            let values = random::normals(seed, len).into_iter();
            tensors.insert(name, values.map(|v| f64::from(v) * scale).collect());
        }
    }
    tensors
}

/// The shape that layers end with, if they fit.
fn shape_of(input: Shape, layers: &[Layer]) -> Option<Shape> {
    let mut end = input;
    for layer in layers {
        end = after(end, layer)?;
    }
    Program::chain("random", input, layers, end)
        .ok()
        .map(|_| end)
}

fn after([height, width, channels]: Shape, layer: &Layer) -> Option<Shape> {
    let side = |side: usize, kernel: usize, stride: usize, padding: usize, transposed: bool| {
        let side = if transposed {
            ((side - 1) * stride + kernel).checked_sub(2 * padding)?
        } else {
            (side + 2 * padding).checked_sub(kernel)? / stride + 1
        };
        (side > 0).then_some(side)
    };
    match layer {
        Layer::Linear { outputs, .. } => Some([1, 1, *outputs]),
        Layer::Upsample {} => Some([2 * height, 2 * width, channels]),
        Layer::Conv2d {
            out_channels,
            kernel,
            stride,
            padding,
            ..
        } => Some([
            side(height, *kernel, *stride, *padding, false)?,
            side(width, *kernel, *stride, *padding, false)?,
            *out_channels,
        ]),
        Layer::ConvTranspose2d {
            out_channels,
            kernel,
            stride,
            padding,
            ..
        } => Some([
            side(height, *kernel, *stride, *padding, true)?,
            side(width, *kernel, *stride, *padding, true)?,
            *out_channels,
        ]),
        _ => Some([height, width, channels]),
    }
}

fn outputs(layer: &Layer) -> usize {
    match layer {
        Layer::Linear { outputs, .. } => *outputs,
        _ => 0,
    }
}

/// Numbers to choose by.
struct Choice {
    numbers: std::vec::IntoIter<f32>,
}

impl Choice {
    fn of(&mut self, range: std::ops::Range<usize>) -> usize {
        let number = self.numbers.next().unwrap_or(0.0);
        range.start + (number * (range.end - range.start) as f32) as usize
    }

    fn activation(&mut self) -> Activation {
        [
            Activation::None,
            Activation::Relu,
            Activation::Silu,
            Activation::Sigmoid,
        ][self.of(0..4)]
    }

    fn layers(&mut self, shape: Shape, number: usize) -> Vec<Layer> {
        vec![match self.of(0..7) {
            0 => self.linear(shape, number),
            1 | 2 => self.conv(shape, number, false),
            3 | 4 => self.conv(shape, number, true),
            5 => {
                let conv = Layer::Conv2d {
                    in_channels: shape[2],
                    out_channels: self.of(1..12),
                    kernel: 3,
                    stride: 1,
                    padding: 1,
                    activation: self.activation(),
                    params: format!("u{number}"),
                };
                return vec![Layer::Upsample {}, conv];
            }
            _ => {
                let inner = |layer: &mut Self, part: usize| Layer::Conv2d {
                    in_channels: shape[2],
                    out_channels: shape[2],
                    kernel: 3,
                    stride: 1,
                    padding: 1,
                    activation: if part == 0 {
                        layer.activation()
                    } else {
                        Activation::None
                    },
                    params: format!("r{number}.{part}"),
                };
                Layer::Residual {
                    layers: vec![inner(self, 0), inner(self, 1)],
                    activation: self.activation(),
                }
            }
        }]
    }

    fn linear(&mut self, shape: Shape, number: usize) -> Layer {
        Layer::Linear {
            inputs: shape.iter().product(),
            outputs: self.of(1..20),
            activation: self.activation(),
            params: format!("l{number}"),
        }
    }

    /// Every third has the numbers for which there are fast kernels.
    fn conv(&mut self, shape: Shape, number: usize, transposed: bool) -> Layer {
        let fast = self.of(0..3) == 0;
        let [kernel, stride, padding] = match (fast, transposed) {
            (true, true) => [4, 2, 1],
            (true, false) => [3, 1, 1],
            (false, _) => [self.of(1..5), self.of(1..4), self.of(0..3)],
        };
        let out_channels = if fast { self.of(8..12) } else { self.of(1..10) };
        let (in_channels, activation) = (shape[2], self.activation());
        let params = format!("c{number}");
        if transposed {
            return Layer::ConvTranspose2d {
                in_channels,
                out_channels,
                kernel,
                stride,
                padding,
                activation,
                params,
            };
        }
        Layer::Conv2d {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            activation,
            params,
        }
    }
}
