//! A network as the runtimes run it: a straight list of fused steps.
//!
//! [`Graph::build`] walks the layers of `model.json` once, infers and checks every
//! shape, and fuses as it goes: activations belong to the step that produces them,
//! a residual block is one addition inside its last step, and a reshape costs
//! nothing. The graph also says which values may share memory ([`Graph::slots`]).

use crate::spec::{FILE, check_dim, check_len, product};
use crate::{Activation, Error, Layer, Result};

/// Height, width and channels of a value; a vector is `[1, 1, C]`.
pub type Shape = [usize; 3];

/// An encoder or a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// Everything that is read or written; `values[0]` is the input.
    pub values: Vec<Value>,
}

/// Something a step reads or writes: one image or vector for each item of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// As the step that writes it sees it, or the reshape after that.
    pub shape: Shape,
}

impl Value {
    /// Number of f32 for one item.
    #[expect(clippy::len_without_is_empty, reason = "a value is never empty")]
    pub fn len(&self) -> usize {
        len(self.shape)
    }
}

/// One kernel launch: `output = activation(op(input) + bias + add)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is computed.
    pub op: Op,
    /// Its weight and bias.
    pub params: Params,
    /// Index of the value read.
    pub input: usize,
    /// Index of a value of the output's shape that is added before the activation.
    pub add: Option<usize>,
    /// Applied last.
    pub activation: Activation,
    /// Index of the value written.
    pub output: usize,
}

/// The kernels there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `[N, inputs]` to `[N, outputs]`.
    Linear {
        /// Values read.
        inputs: usize,
        /// Values written.
        outputs: usize,
    },
    /// `[N, H, W, C]` to `[N, H', W', C']`.
    Conv2d(Window),
    /// `[N, H, W, C]` to `[N, H', W', C']`.
    ConvTranspose2d(Window),
}

impl Op {
    /// Floating-point operations for one item: two for each weight that a value meets,
    /// as if no value lay outside the image.
    pub fn operations(&self) -> usize {
        let products = |window: &Window, image: Shape| {
            image[0] * image[1] * window.kernel * window.kernel * window.input[2] * window.output[2]
        };
        2 * match self {
            Self::Linear { inputs, outputs } => inputs * outputs,
            Self::Conv2d(window) => products(window, window.output),
            Self::ConvTranspose2d(window) => products(window, window.input),
        }
    }
}

/// The geometry of a convolution or of its transpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Rows, columns and channels read.
    pub input: Shape,
    /// Rows, columns and channels written.
    pub output: Shape,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step on the larger of the two images.
    pub stride: usize,
    /// Zeros around the larger of the two images.
    pub padding: usize,
}

/// Names and shapes of a step's tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Prefix in the weights file.
    pub name: String,
    /// `[inputs, outputs]` or `[kernel, kernel, in, out]`.
    pub weight: Vec<usize>,
    /// Number of biases.
    pub bias: usize,
}

impl Params {
    /// Name of the weight tensor.
    pub fn weight_name(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// Name of the bias tensor.
    pub fn bias_name(&self) -> String {
        format!("{}.bias", self.name)
    }
}

impl Graph {
    /// Builds the graph of `layers`, which read `input` and must end at `output`.
    ///
    /// # Errors
    /// [`Error::Field`] that names the layer whose shape does not fit.
    pub(crate) fn build(room: &str, input: Shape, layers: &[Layer], output: Shape) -> Result<Self> {
        let mut builder = Builder {
            graph: Self {
                steps: Vec::new(),
                values: vec![Value { shape: input }],
            },
            current: 0,
            shape: input,
        };
        builder.layers(room, layers)?;
        // A vector has no height or width of its own, so it may stand for any image of its length.
        let fits =
            builder.shape == output || (output[..2] == [1, 1] && len(builder.shape) == output[2]);
        if !fits {
            return Err(Error::field(
                FILE,
                room,
                format!("an output of {}", show(output)),
                show(builder.shape),
            ));
        }
        if builder.graph.steps.is_empty() {
            return Err(Error::field(FILE, room, "at least one layer", "none"));
        }
        Ok(builder.graph)
    }

    /// Index of the value that the graph ends with.
    pub fn output(&self) -> usize {
        self.steps.last().map_or(0, |step| step.output)
    }

    /// Gives each value a slot, so that values alive at the same time never share
    /// one: a small register allocation. Returns each value's slot and each slot's
    /// length (f32 for one item). Input and output have slots of their own, 0 and 1.
    pub fn slots(&self) -> (Vec<usize>, Vec<usize>) {
        let mut last_use = vec![0; self.values.len()];
        for (i, step) in self.steps.iter().enumerate() {
            last_use[step.input] = i;
            if let Some(add) = step.add {
                last_use[add] = i;
            }
        }
        let output = self.output();
        let mut slot_of = vec![0; self.values.len()];
        slot_of[output] = 1;
        let mut sizes = vec![self.values[0].len(), self.values[output].len()];
        // For each slot from 2 on, the step after which it is free again.
        let mut busy_until: Vec<usize> = Vec::new();
        for (i, step) in self.steps.iter().enumerate() {
            let value = step.output;
            if value == output {
                continue;
            }
            let free = busy_until.iter().position(|&until| until < i);
            let slot = free.unwrap_or_else(|| {
                busy_until.push(0);
                sizes.push(0);
                busy_until.len() - 1
            });
            busy_until[slot] = last_use[value];
            slot_of[value] = slot + 2;
            sizes[slot + 2] = sizes[slot + 2].max(self.values[value].len());
        }
        (slot_of, sizes)
    }
}

/// The walk over the layers: where it is, and what it has made so far.
struct Builder {
    graph: Graph,
    current: usize,
    shape: Shape,
}

impl Builder {
    fn layers(&mut self, room: &str, layers: &[Layer]) -> Result<()> {
        for (i, layer) in layers.iter().enumerate() {
            self.layer(&format!("{room}[{i}]"), layer)?;
        }
        Ok(())
    }

    fn layer(&mut self, field: &str, layer: &Layer) -> Result<()> {
        match layer {
            Layer::Linear {
                inputs,
                outputs,
                activation,
                params,
            } => {
                check_dim(&format!("{field}.outputs"), *outputs)?;
                self.expect(&format!("{field}.inputs"), len(self.shape), *inputs)?;
                let op = Op::Linear {
                    inputs: *inputs,
                    outputs: *outputs,
                };
                let weight = vec![*inputs, *outputs];
                self.push(field, op, params, weight, *activation, [1, 1, *outputs])
            }
            Layer::Conv2d {
                in_channels,
                out_channels,
                kernel,
                stride,
                padding,
                activation,
                params,
            } => {
                let window = self.window(
                    field,
                    [*in_channels, *out_channels, *kernel, *stride, *padding],
                    |side| Some((side + 2 * padding).checked_sub(*kernel)? / stride + 1),
                )?;
                self.convolve(field, Op::Conv2d(window), window, params, *activation)
            }
            Layer::ConvTranspose2d {
                in_channels,
                out_channels,
                kernel,
                stride,
                padding,
                activation,
                params,
            } => {
                let window = self.window(
                    field,
                    [*in_channels, *out_channels, *kernel, *stride, *padding],
                    |side| {
                        let full = (side - 1).saturating_mul(*stride).saturating_add(*kernel);
                        full.checked_sub(2 * padding)
                    },
                )?;
                self.convolve(
                    field,
                    Op::ConvTranspose2d(window),
                    window,
                    params,
                    *activation,
                )
            }
            Layer::Residual { layers, activation } => self.residual(field, layers, *activation),
            Layer::Reshape {
                channels,
                height,
                width,
            } => {
                for (name, dim) in [("channels", channels), ("height", height), ("width", width)] {
                    check_dim(&format!("{field}.{name}"), *dim)?;
                }
                let shape = [*height, *width, *channels];
                check_len(field, len(shape))?;
                self.expect(field, len(self.shape), len(shape))?;
                // A runtime may pad channels, so only a linear layer can write any shape.
                let after_linear = self.graph.steps.last().is_some_and(|step| {
                    step.output == self.current
                        && step.add.is_none()
                        && matches!(step.op, Op::Linear { .. })
                });
                if !after_linear {
                    let found = "another place";
                    return Err(Error::field(FILE, field, "a linear layer before it", found));
                }
                self.graph.values[self.current].shape = shape;
                self.shape = shape;
                Ok(())
            }
        }
    }

    /// Checks a convolution's numbers; `output_side` gives the output's side for an
    /// input's, or `None` where nothing is left.
    fn window(
        &self,
        field: &str,
        [in_channels, out_channels, kernel, stride, padding]: [usize; 5],
        output_side: impl Fn(usize) -> Option<usize>,
    ) -> Result<Window> {
        for (name, dim) in [
            ("out_channels", out_channels),
            ("kernel", kernel),
            ("stride", stride),
            ("padding", padding.saturating_add(1)),
        ] {
            check_dim(&format!("{field}.{name}"), dim)?;
        }
        let [height, width, channels] = self.shape;
        self.expect(&format!("{field}.in_channels"), channels, in_channels)?;
        let side = |side| {
            output_side(side).filter(|&s| s > 0).ok_or_else(|| {
                let found = format!("{kernel} on {}", show(self.shape));
                Error::field(
                    FILE,
                    format!("{field}.kernel"),
                    "a kernel that fits the image",
                    found,
                )
            })
        };
        let output = [side(height)?, side(width)?, out_channels];
        check_dim(field, output[0])?;
        check_dim(field, output[1])?;
        Ok(Window {
            input: self.shape,
            output,
            kernel,
            stride,
            padding,
        })
    }

    fn convolve(
        &mut self,
        field: &str,
        op: Op,
        window: Window,
        params: &str,
        activation: Activation,
    ) -> Result<()> {
        let weight = vec![
            window.kernel,
            window.kernel,
            window.input[2],
            window.output[2],
        ];
        self.push(field, op, params, weight, activation, window.output)
    }

    fn residual(&mut self, field: &str, layers: &[Layer], activation: Activation) -> Result<()> {
        let (input, shape, before) = (self.current, self.shape, self.graph.steps.len());
        self.layers(&format!("{field}.layers"), layers)?;
        let kept = self.graph.values[input].shape == shape;
        if self.shape != shape || !kept {
            return Err(Error::field(
                FILE,
                format!("{field}.layers"),
                format!("an output of {}", show(shape)),
                show(self.shape),
            ));
        }
        let last = match self.graph.steps[before..].last_mut() {
            Some(step) if step.activation == Activation::None && step.add.is_none() => step,
            Some(_) => {
                return Err(Error::field(
                    FILE,
                    format!("{field}.layers"),
                    "a last layer without activation",
                    "one with its own",
                ));
            }
            None => {
                return Err(Error::field(
                    FILE,
                    format!("{field}.layers"),
                    "at least one layer",
                    "none",
                ));
            }
        };
        last.add = Some(input);
        last.activation = activation;
        Ok(())
    }

    fn push(
        &mut self,
        field: &str,
        op: Op,
        params: &str,
        weight: Vec<usize>,
        activation: Activation,
        output: Shape,
    ) -> Result<()> {
        check_len(field, len(output))?;
        check_len(field, product(&weight))?;
        self.graph.values.push(Value { shape: output });
        let output_index = self.graph.values.len() - 1;
        self.graph.steps.push(Step {
            op,
            params: Params {
                name: params.into(),
                weight,
                bias: output[2],
            },
            input: self.current,
            add: None,
            activation,
            output: output_index,
        });
        self.current = output_index;
        self.shape = output;
        Ok(())
    }

    fn expect(&self, field: &str, expected: usize, found: usize) -> Result<()> {
        if expected == found {
            Ok(())
        } else {
            Err(Error::field(FILE, field, expected, found))
        }
    }
}

fn len(shape: Shape) -> usize {
    product(&shape)
}

fn show([height, width, channels]: Shape) -> String {
    format!("{channels}×{height}×{width}")
}
