//! Random networks with random weights, for tests of everything that runs programs.

use crate::Tensors;
use vaelet_model::{Activation, Layer, Params, Program, Shape, Tensor, Weights, random};

/// A chain of one to five random layers or blocks with small shapes. One in three chains has a
/// condition as its last input. One in four is of texts, of one row, and ends in layers that read a context, its input
/// before that.
pub fn chain(seed: u64) -> Program {
    let mut choice = Choice {
        numbers: random::uniforms(seed, 512).into_iter(),
    };
    let mut input = [choice.of(5..10), choice.of(5..10), choice.of(1..6)];
    let classes = [0, 0, choice.of(1..5)][choice.of(0..3)];
    let text = (choice.of(0..4) == 0).then(|| [choice.of(1..9), choice.of(1..7), choice.of(1..4)]);
    if let Some([width, ..]) = text {
        input = [1, width, input[2]];
    }
    let (mut layers, mut program) = (Vec::new(), None);
    let mut remaining = choice.of(1..6);
    for number in 0.. {
        let shape = program.as_ref().map_or(input, output_shape);
        let mut longer: Vec<Layer> = layers.clone();
        longer.extend(choice.layers(shape, number, classes));
        // A layer that does not fit the image is left out. A linear layer always fits.
        let built = |layers: &[Layer], context| {
            Program::conditional_chain("random", input, (context, classes), layers, None)
        };
        if let Ok(fits) = built(&longer, None) {
            (layers, program) = (longer, Some(fits));
        }
        if let (1, Some([width, symbols, reach]), Some(program)) = (remaining, text, &mut program) {
            layers.extend(choice.places(output_shape(program), width, reach.min(width)));
            let context = [1, width, reach.min(width) * symbols];
            match built(&layers, Some(context)) {
                Ok(fits) => *program = fits,
                Err(error) => unreachable!("every place is read by itself: {error}"),
            }
        }
        remaining = remaining.saturating_sub(1);
        if let (0, Some(program)) = (remaining, &program) {
            return program.clone();
        }
    }
    unreachable!("a linear layer is chosen eventually, and always fits")
}

/// The output shape of a chain.
fn output_shape(program: &Program) -> Shape {
    program.values[program.entries[0].outputs[0]].shape
}

/// Normal weights, scaled so that the size of values stays about the same, and normal biases.
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

/// Converts the oracle's tensors to weights for the runtimes.
pub fn weights(program: &Program, tensors: &Tensors) -> Weights {
    let stored = program.params().flat_map(|params| params.stored());
    let narrow = stored.map(|(name, shape)| {
        let data = tensors[&name].iter().map(|&v| v as f32).collect();
        (name, Tensor { shape, data })
    });
    Weights::of(narrow.collect(), program.params())
}

/// Random choices.
struct Choice {
    numbers: std::vec::IntoIter<f32>,
}

impl Choice {
    fn of(&mut self, range: std::ops::Range<usize>) -> usize {
        let number = self.numbers.next().unwrap_or(0.0);
        range.start + (number * (range.end - range.start) as f32) as usize
    }

    fn activation(&mut self) -> Activation {
        Activation::BOUNDED_SLOPE[self.of(0..Activation::BOUNDED_SLOPE.len())]
    }

    fn layers(&mut self, shape: Shape, number: usize, classes: usize) -> Vec<Layer> {
        // A chain that has a condition reads it in many layers.
        let kinds = if classes > 0 && self.of(0..3) == 0 {
            1
        } else {
            7
        };
        vec![match self.of(0..kinds) {
            0 if classes > 0 => {
                let linear = self.linear(shape, number);
                let Layer::Linear { outputs, .. } = linear else {
                    return vec![linear];
                };
                let condition = Layer::Condition {
                    outputs,
                    activation: self.activation(),
                    params: format!("e{number}"),
                };
                let reshape = Layer::reshape([1, 1, outputs]);
                return vec![linear, condition, reshape];
            }
            0 => self.linear(shape, number),
            1 | 2 => {
                let window = self.window(false);
                self.conv(shape, number, window, false)
            }
            3 | 4 => {
                let window = self.window(true);
                self.conv(shape, number, window, true)
            }
            5 => {
                let conv = self.conv(shape, number, [3, 1, 1], false);
                return vec![Layer::Upsample {}, conv];
            }
            _ => {
                let inner = |layer: &mut Self, part: usize| {
                    Layer::conv2d(
                        [shape[2], shape[2]],
                        [3, 1, 1],
                        if part == 0 {
                            layer.activation()
                        } else {
                            Activation::None
                        },
                        format!("r{number}.{part}"),
                    )
                };
                Layer::Residual {
                    layers: vec![inner(self, 0), inner(self, 1)],
                    activation: self.activation(),
                }
            }
        }]
    }

    /// From any shape to a text of this width, and layers that read what is before each place.
    fn places(&mut self, shape: Shape, width: usize, reach: usize) -> Vec<Layer> {
        let [channels, more] = [self.of(1..6), self.of(1..6)];
        let context = |layer: &mut Self, outputs, name: &str| Layer::Context {
            reach,
            outputs,
            activation: layer.activation(),
            params: name.into(),
        };
        let inputs = shape.iter().product();
        let mut layers = vec![
            Layer::linear(inputs, width * channels, self.activation(), "p0"),
            Layer::reshape([1, width, channels]),
            context(self, channels, "p1"),
            Layer::conv2d([channels, more], [1, 1, 0], self.activation(), "p2"),
        ];
        if self.of(0..2) == 0 {
            layers.push(context(self, more, "p3"));
        }
        if self.of(0..2) == 0 {
            let inner = Layer::conv2d([more, more], [1, 1, 0], Activation::None, "p4");
            layers.push(Layer::Residual {
                layers: vec![inner],
                activation: self.activation(),
            });
        }
        layers
    }

    fn linear(&mut self, shape: Shape, number: usize) -> Layer {
        Layer::linear(
            shape.iter().product(),
            self.of(1..20),
            self.activation(),
            format!("l{number}"),
        )
    }

    /// Kernel, stride and padding. A third of them have a fast kernel.
    fn window(&mut self, transposed: bool) -> [usize; 3] {
        match (self.of(0..3), transposed) {
            (0, true) => [4, 2, 1],
            (0, false) => [3, 1, 1],
            _ => [self.of(1..5), self.of(1..4), self.of(0..3)],
        }
    }

    fn conv(&mut self, shape: Shape, number: usize, window: [usize; 3], transposed: bool) -> Layer {
        let channels = [shape[2], self.of(1..12)];
        let (activation, params) = (self.activation(), format!("c{number}"));
        if transposed {
            Layer::conv_transpose2d(channels, window, activation, params)
        } else {
            Layer::conv2d(channels, window, activation, params)
        }
    }
}
