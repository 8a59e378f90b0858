//! A network as the runtimes run it: a straight list of fused steps.
//!
//! [`Graph::build`] walks the layers of `model.json` once, infers and checks every
//! shape, and fuses as it goes: activations belong to the step that produces them,
//! a residual block is one addition inside its last step, and a reshape costs
//! nothing. The graph also says which values may share memory ([`Graph::slots`]).

use crate::limits::{
    MAX_DIM, MAX_LAYERS, MAX_OPERATIONS, MAX_VALUES, MAX_WINDOW, check_amount, check_dim,
};
use crate::spec::{FILE, product};
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
    pub fn operations(&self) -> f64 {
        2.0 * match *self {
            Self::Linear { inputs, outputs } => amount(&[inputs, outputs]),
            Self::Conv2d(window) => self.patches() * amount(&[window.output[2]]),
            Self::ConvTranspose2d(window) => self.patches() * amount(&[window.input[2]]),
        }
    }

    /// Values under the kernel at all its places on one image ([`crate::patches`]).
    fn patches(&self) -> f64 {
        let ([height, width, _], channels, kernel) = match self {
            Self::Linear { .. } => return 0.0,
            Self::Conv2d(window) => (window.output, window.input[2], window.kernel),
            Self::ConvTranspose2d(window) => (window.input, window.output[2], window.kernel),
        };
        amount(&[height, width, kernel, kernel, channels])
    }

    /// The most f32 that a runtime makes of the weights of a step from `x` to `y`: channels are
    /// padded, Winograd's transform makes a side of 3 or 4 one of 4 or 6, and each phase of a
    /// transposed convolution has a kernel of its own on the GPU.
    fn packed(&self, [x, y]: [Shape; 2]) -> f64 {
        let side = match self {
            Self::Linear { .. } => return padded(x, 4) * padded(y, 8),
            Self::Conv2d(Window { kernel: 3, .. }) => 4,
            Self::Conv2d(window) => window.kernel,
            Self::ConvTranspose2d(Window { kernel: 4, .. }) => 6,
            Self::ConvTranspose2d(window) => window.kernel.next_multiple_of(window.stride),
        };
        amount(&[side, side]) * padded([1, 1, x[2]], 4) * padded([1, 1, y[2]], 8)
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
    /// Whether the file holds a kernel of side 3 for the image doubled, of which the
    /// step's kernel of side 4 is made.
    pub upsampled: bool,
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

    /// Names and shapes of the tensors in the weights file.
    pub fn stored(&self) -> [(String, Vec<usize>); 2] {
        let mut weight = self.weight.clone();
        if self.upsampled {
            weight[..2].fill(3);
        }
        [
            (self.weight_name(), weight),
            (self.bias_name(), vec![self.bias]),
        ]
    }
}

impl Graph {
    /// Builds the graph of `layers`, which read `input` and must end at `output`; errors
    /// name them `room[0]` and so on.
    ///
    /// # Errors
    /// [`Error::Field`] that names the layer whose shape does not fit.
    pub fn build(room: &str, input: Shape, layers: &[Layer], output: Shape) -> Result<Self> {
        let mut builder = Builder {
            graph: Self {
                steps: Vec::new(),
                values: vec![Value { shape: input }],
            },
            current: 0,
            shape: input,
            upsample: false,
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

    /// Fails where the graph, which ends with the layer called `field` so far, asks for more
    /// than a machine should give.
    fn check(&self, field: &str) -> Result<()> {
        let (mut values, mut weights, mut operations) = (padded(self.values[0].shape, 4), 0.0, 0.0);
        let mut patches = 0.0;
        for step in &self.steps {
            let shapes = [step.input, step.output].map(|value| self.values[value].shape);
            values += padded(shapes[1], 4);
            weights += step.op.packed(shapes);
            operations += step.op.operations();
            patches = step.op.patches();
        }
        for (what, amount, most) in [
            ("layers", self.steps.len() as f64, MAX_LAYERS as f64),
            ("values up to here", values, MAX_VALUES),
            ("packed weights up to here", weights, MAX_VALUES),
            ("values in its patches", patches, MAX_VALUES),
            ("operations up to here", operations, MAX_OPERATIONS),
        ] {
            check_amount(field, what, amount, most)?;
        }
        Ok(())
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

const AFTER_UPSAMPLE: &str = "after upsample a conv2d of kernel 3, stride 1 and padding 1";

/// The walk over the layers: where it is, and what it has made so far.
struct Builder {
    graph: Graph,
    current: usize,
    shape: Shape,
    /// Whether the layer before was an upsampling.
    upsample: bool,
}

impl Builder {
    fn layers(&mut self, room: &str, layers: &[Layer]) -> Result<()> {
        for (i, layer) in layers.iter().enumerate() {
            let field = format!("{room}[{i}]");
            if self.upsample && !matches!(layer, Layer::Conv2d { .. }) {
                return Err(Error::field(FILE, field, AFTER_UPSAMPLE, "another layer"));
            }
            self.layer(&field, layer)?;
        }
        if self.upsample {
            return Err(Error::field(FILE, room, AFTER_UPSAMPLE, "the end"));
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
                check_dim(&format!("{field}.outputs"), *outputs, MAX_DIM)?;
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
                let sizes = [*in_channels, *out_channels, *kernel, *stride, *padding];
                self.convolve(field, false, sizes, params, *activation)
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
                let sizes = [*in_channels, *out_channels, *kernel, *stride, *padding];
                self.convolve(field, true, sizes, params, *activation)
            }
            Layer::Residual { layers, activation } => self.residual(field, layers, *activation),
            Layer::Reshape {
                channels,
                height,
                width,
            } => {
                for (name, dim) in [("channels", channels), ("height", height), ("width", width)] {
                    check_dim(&format!("{field}.{name}"), *dim, MAX_DIM)?;
                }
                let shape = [*height, *width, *channels];
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
                // Padded channels may be many more values now.
                self.graph.check(field)
            }
            Layer::Upsample {} => {
                self.upsample = true;
                Ok(())
            }
        }
    }

    /// Adds a convolution, or its transpose.
    fn convolve(
        &mut self,
        field: &str,
        transposed: bool,
        sizes: [usize; 5],
        params: &str,
        activation: Activation,
    ) -> Result<()> {
        let [in_channels, out_channels, ..] = sizes;
        if self.upsample && sizes[2..] != [3, 1, 1] {
            return Err(Error::field(FILE, field, AFTER_UPSAMPLE, "another window"));
        }
        // The two layers as one, see `upsample.rs`.
        let folded = [in_channels, out_channels, 4, 2, 1];
        let (transposed, sizes) = match self.upsample {
            true => (true, folded),
            false => (transposed, sizes),
        };
        let window = self.window(field, transposed, sizes)?;
        let weight = vec![window.kernel, window.kernel, in_channels, out_channels];
        let op = match transposed {
            true => Op::ConvTranspose2d(window),
            false => Op::Conv2d(window),
        };
        self.push(field, op, params, weight, activation, window.output)
    }

    /// Checks a convolution's numbers.
    fn window(
        &self,
        field: &str,
        transposed: bool,
        [in_channels, out_channels, kernel, stride, padding]: [usize; 5],
    ) -> Result<Window> {
        for (name, dim, most) in [
            ("out_channels", out_channels, MAX_DIM),
            ("kernel", kernel, MAX_WINDOW),
            ("stride", stride, MAX_WINDOW),
        ] {
            check_dim(&format!("{field}.{name}"), dim, most)?;
        }
        let (zeros, most) = (padding as f64, MAX_WINDOW as f64);
        check_amount(&format!("{field}.padding"), "zeros", zeros, most)?;
        let [height, width, channels] = self.shape;
        self.expect(&format!("{field}.in_channels"), channels, in_channels)?;
        let mut output = [height, width, out_channels];
        for side in &mut output[..2] {
            let found = if transposed {
                let full = (*side - 1) * stride + kernel;
                full.checked_sub(2 * padding)
            } else {
                let steps = (*side + 2 * padding).checked_sub(kernel);
                steps.map(|steps| steps / stride + 1)
            };
            *side = found.filter(|&side| side > 0).ok_or_else(|| {
                let field = format!("{field}.kernel");
                let found = format!("{kernel} on {}", show(self.shape));
                Error::field(FILE, field, "a kernel that fits the image", found)
            })?;
            check_dim(field, *side, MAX_DIM)?;
        }
        Ok(Window {
            input: self.shape,
            output,
            kernel,
            stride,
            padding,
        })
    }

    fn residual(&mut self, field: &str, layers: &[Layer], activation: Activation) -> Result<()> {
        let (input, shape, before) = (self.current, self.shape, self.graph.steps.len());
        let name = format!("{field}.layers");
        self.layers(&name, layers)?;
        let kept = self.graph.values[input].shape == shape;
        if self.shape != shape || !kept {
            let expected = format!("an output of {}", show(shape));
            return Err(Error::field(FILE, name, expected, show(self.shape)));
        }
        let wrong = |expected, found| Err(Error::field(FILE, &name, expected, found));
        let last = match self.graph.steps[before..].last_mut() {
            Some(step) if step.activation == Activation::None && step.add.is_none() => step,
            Some(_) => return wrong("a last layer without activation", "one with its own"),
            None => return wrong("at least one layer", "none"),
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
        self.graph.values.push(Value { shape: output });
        let output_index = self.graph.values.len() - 1;
        self.graph.steps.push(Step {
            op,
            params: Params {
                name: params.into(),
                weight,
                bias: output[2],
                upsampled: std::mem::take(&mut self.upsample),
            },
            input: self.current,
            add: None,
            activation,
            output: output_index,
        });
        self.current = output_index;
        self.shape = output;
        self.graph.check(field)
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

/// Product of sizes that may be too large for a usize.
fn amount(sizes: &[usize]) -> f64 {
    sizes.iter().map(|&size| size as f64).product()
}

/// Values of an image whose channels are padded to a multiple of `lanes`.
fn padded([height, width, channels]: Shape, lanes: usize) -> f64 {
    amount(&[height, width, channels.next_multiple_of(lanes)])
}

fn show([height, width, channels]: Shape) -> String {
    format!("{channels}×{height}×{width}")
}
