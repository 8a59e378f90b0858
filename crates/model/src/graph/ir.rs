//! A network as a program: nodes that read values and write one each, in the order in which
//! they run, and the entry points that it can be asked for.
//!
//! Nothing is fused here, and nothing has a place in memory. A program is what the layers of
//! `model.json` are read into ([`super::layers`]) and what the gradients of one are written as
//! ([`super::reverse`]); runtimes run the [`super::Schedule`] that is made of it.

use super::upsample;
use crate::Activation;
use crate::format::description::product;
use std::ops::Range;

/// Height, width and channels of a value; a vector is `[1, 1, C]`.
pub type Shape = [usize; 3];

/// Nodes, what they read and write, and where they may be entered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Program {
    /// In the order in which they run.
    pub nodes: Vec<Node>,
    /// Everything that is read or written.
    pub values: Vec<Value>,
    /// What it can be asked for; their ranges count [`Program::nodes`].
    pub entries: Vec<Entry>,
}

/// One operation: `output = op(inputs)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// Indices of the values read.
    pub inputs: Vec<usize>,
    /// Index of the value written.
    pub output: usize,
}

/// Something that is read or written: one image or vector for each item of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// As its readers see it.
    pub shape: Shape,
    /// Whether callers see a vector, whatever shape it was computed in: a posterior may be what a
    /// convolution writes.
    pub is_vector: bool,
}

impl Value {
    /// Number of f32 for one item.
    #[expect(clippy::len_without_is_empty, reason = "a value is never empty")]
    pub fn len(&self) -> usize {
        product(&self.shape)
    }

    /// Channels as callers count them: `[N, C, H, W]`.
    pub fn channels(&self) -> usize {
        if self.is_vector {
            self.len()
        } else {
            self.shape[2]
        }
    }
}

/// A part of a program that can be run for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is asked.
    pub name: EntryPoint,
    /// Values that the caller gives.
    pub inputs: Vec<usize>,
    /// Values that the caller gets.
    pub outputs: Vec<usize>,
    /// What runs.
    pub range: Range<usize>,
}

/// What a program can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryPoint {
    /// Image to posterior: all means, then all log-variances.
    Encode,
    /// Latent to the mean of p(x | z).
    Decode,
    /// Image and standard normal noise to posterior, latent and mean of p(x | z).
    Autoencode,
    /// Of a chain of layers by itself: from its input to its output.
    Forward,
    /// Gradients of what [`EntryPoint::Forward`] has computed: from dL/d output to dL/d input,
    /// as [`super::reverse()`] writes them.
    Backward,
}

/// The operations.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// `map(x) + bias`
    Map(Map, Params),
    /// `a + b`
    Add,
    /// `f(x)`
    Activate(Activation),
    /// `g · f′`, of a gradient g and of what f′ is computed from: f's argument or what f gave
    /// ([`Activation::differs_by_argument`]).
    Derivative(Activation),
    /// `μ + T · exp(½ log σ²) · ε`, of a posterior (all μ, then all log σ²) and of noise.
    Sample,
    /// The gradient of [`Op::Sample`] with respect to the posterior: `g, then ½ T σ ε g`, of the
    /// gradient g, the posterior and the noise.
    SampleGradient,
}

/// A linear map with a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Map {
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

/// Names and shapes of a map's tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Prefix in the weights file.
    pub name: String,
    /// `[inputs, outputs]` or `[kernel, kernel, in, out]` of the layer.
    pub weight: Vec<usize>,
    /// Number of biases; 0 where there is none.
    pub bias: usize,
    /// Whether the file holds a kernel of side 3 for the image doubled, of which the
    /// map's kernel of side 4 is made.
    pub upsampled: bool,
    /// Whether the map is the adjoint of the layer's: inputs and outputs of the weight change
    /// places.
    pub adjoint: bool,
}

impl Program {
    /// An entry point of the program, if it has it.
    pub fn entry(&self, name: EntryPoint) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Names and shapes of the tensors of all maps.
    pub fn params(&self) -> impl Iterator<Item = &Params> {
        self.nodes.iter().filter_map(|node| match &node.op {
            Op::Map(_, params) => Some(params),
            _ => None,
        })
    }

    /// Floating-point operations of all maps for one item.
    pub fn operations(&self) -> f64 {
        let maps = self.nodes.iter().filter_map(|node| match &node.op {
            Op::Map(map, _) => Some(map.operations()),
            _ => None,
        });
        maps.sum()
    }

    /// Adds a value.
    pub(crate) fn value(&mut self, shape: Shape) -> usize {
        let is_vector = shape[..2] == [1, 1];
        self.values.push(Value { shape, is_vector });
        self.values.len() - 1
    }

    /// Adds a node that writes a value of its own.
    pub(crate) fn push(&mut self, op: Op, inputs: Vec<usize>, shape: Shape) -> usize {
        let output = self.value(shape);
        self.nodes.push(Node { op, inputs, output });
        output
    }
}

impl Map {
    /// The map for which ⟨y, A x⟩ = ⟨Aᵀ y, x⟩, with the same weight ([`Params::adjoint`]).
    pub fn adjoint(&self) -> Self {
        let turned = |window: &Window| Window {
            input: window.output,
            output: window.input,
            ..*window
        };
        match self {
            &Self::Linear { inputs, outputs } => Self::Linear {
                inputs: outputs,
                outputs: inputs,
            },
            Self::Conv2d(window) => Self::ConvTranspose2d(turned(window)),
            Self::ConvTranspose2d(window) => Self::Conv2d(turned(window)),
        }
    }

    /// Floating-point operations for one item: two for each weight that a value meets,
    /// as if no value lay outside the image.
    pub fn operations(&self) -> f64 {
        2.0 * match *self {
            Self::Linear { inputs, outputs } => amount(&[inputs, outputs]),
            Self::Conv2d(window) => self.patches() * amount(&[window.output[2]]),
            Self::ConvTranspose2d(window) => self.patches() * amount(&[window.input[2]]),
        }
    }

    /// Values under the kernel at all its places on one image ([`super::Patches`]).
    pub(super) fn patches(&self) -> f64 {
        let ([height, width, _], channels, kernel) = match self {
            Self::Linear { .. } => return 0.0,
            Self::Conv2d(window) => (window.output, window.input[2], window.kernel),
            Self::ConvTranspose2d(window) => (window.input, window.output[2], window.kernel),
        };
        amount(&[height, width, kernel, kernel, channels])
    }

    /// The most f32 that a runtime makes of the weights of a map from `x` to `y`: channels are
    /// padded, Winograd's transform makes a side of 3 or 4 one of 4 or 6, and each phase of a
    /// transposed convolution has a kernel of its own on the GPU.
    pub(super) fn packed(&self, [x, y]: [Shape; 2]) -> f64 {
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

    /// The gradient of the weight in the file, from that of the map's weight.
    pub fn gradient_in_file(&self, gradient: Vec<f32>) -> Vec<f32> {
        if self.upsampled {
            upsample::fold_adjoint(&gradient)
        } else {
            gradient
        }
    }

    /// The weight in the file, from the map's.
    pub fn in_file(&self, weight: &[f32]) -> Vec<f32> {
        if self.upsampled {
            upsample::unfold(weight)
        } else {
            weight.to_vec()
        }
    }

    /// Those of the layer's adjoint.
    pub(super) fn adjoint(&self) -> Self {
        Self {
            bias: 0,
            adjoint: !self.adjoint,
            ..self.clone()
        }
    }
}

/// Product of sizes that may be too large for a usize.
fn amount(sizes: &[usize]) -> f64 {
    sizes.iter().map(|&size| size as f64).product()
}

/// Values of an image whose channels are padded to a multiple of `lanes`.
pub(super) fn padded([height, width, channels]: Shape, lanes: usize) -> f64 {
    amount(&[height, width, channels.next_multiple_of(lanes)])
}
