//! The WGSL sources, concatenated from the files in `shaders/`. These are plain WGSL that a test
//! validates; `build.rs` only strips the comments.

use crate::GRADIENTS;
use vaelet_model::ACTIVATIONS;

/// A file of `shaders/` without its comments.
macro_rules! shader {
    ($name:literal) => {
        include_str!(concat!(env!("OUT_DIR"), "/", $name, ".wgsl"))
    };
}

pub(crate) const SAMPLE: &str = shader!("sample");
pub(crate) const SAMPLE_GRADIENT: &str = shader!("sample_gradient");
pub(crate) const PRESENT: &str = shader!("present");
pub(crate) const RECONSTRUCTION: &str = shader!("reconstruction");
pub(crate) const DIVERGENCE: &str = shader!("divergence");
pub(crate) const ADAM: &str = shader!("adam");
pub(crate) const GATHER: &str = shader!("gather");

/// The complete shaders that consist of one file, by file name.
pub const OTHERS: [(&str, &str); 7] = [
    ("sample", SAMPLE),
    ("sample_gradient", SAMPLE_GRADIENT),
    ("present", PRESENT),
    ("reconstruction", RECONSTRUCTION),
    ("divergence", DIVERGENCE),
    ("adam", ADAM),
    ("gather", GATHER),
];

/// The parts of which a layer's shader consists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerShader {
    /// Defines the rows and what they read.
    pub layer: LayerKind,
    /// Defines how the product is divided among threads.
    pub product: Product,
    /// Whether the input buffer has the host's layout of single values, not vec4.
    pub scalar_input: bool,
    /// Whether the output buffer has the host's layout of single values, not vec4.
    pub scalar_output: bool,
    /// Whether weights are f16.
    pub half_precision: bool,
    /// Whether the epilogue is the derivative of an activation, not an activation.
    pub derivative: bool,
}

/// The file with `source` and `destination`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// `linear.wgsl`
    Linear,
    /// `conv2d.wgsl`
    Conv2d,
    /// `conv_transpose2d.wgsl`
    ConvTranspose2d,
    /// No file, because there is no map.
    Identity,
}

/// The file with `main`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// `block.wgsl`
    Block,
    /// `few.wgsl`
    Few,
    /// `vector.wgsl`
    Vector,
    /// `identity.wgsl`
    Identity,
    /// `weight_gradient.wgsl`
    WeightGradient,
    /// `bias_gradient.wgsl`
    BiasGradient,
}

impl LayerShader {
    /// The complete source.
    pub fn source(self) -> String {
        let weight = if self.half_precision {
            "enable f16;\nalias Weight = f16;\n"
        } else {
            "alias Weight = f32;\n"
        };
        let (x, load) = if self.scalar_input {
            ("alias X = f32;\n", shader!("load_scalars"))
        } else {
            ("alias X = vec4<f32>;\n", shader!("load_vectors"))
        };
        let (y, store) = if self.scalar_output {
            ("alias Y = f32;\n", shader!("store_scalars"))
        } else {
            ("alias Y = vec4<f32>;\n", shader!("store_vectors"))
        };
        let step = shader!("step");
        let epilogue = match self.derivative {
            true if GRADIENTS => shader!("derivative"),
            _ => shader!("activation"),
        };
        let others = match ACTIVATIONS {
            true => shader!("activations"),
            false => shader!("no_activations"),
        };
        let layer = match self.layer {
            LayerKind::Identity => "",
            LayerKind::Linear => shader!("linear"),
            LayerKind::Conv2d => shader!("conv2d"),
            LayerKind::ConvTranspose2d => shader!("conv_transpose2d"),
        };
        let product = match self.product {
            Product::Block => shader!("block"),
            Product::Few => shader!("few"),
            Product::Vector => shader!("vector"),
            Product::Identity if GRADIENTS => shader!("identity"),
            Product::WeightGradient if GRADIENTS => shader!("weight_gradient"),
            Product::BiasGradient if GRADIENTS => shader!("bias_gradient"),
            _ => "",
        };
        [
            weight, x, y, step, others, epilogue, load, store, layer, product,
        ]
        .concat()
    }

    /// Every combination that a model can use.
    pub fn all() -> Vec<Self> {
        use LayerKind::{Conv2d, ConvTranspose2d, Linear};
        let mut all = Vec::new();
        for half_precision in [false, true] {
            for scalar_input in [false, true] {
                let mut push = |layer, product, scalar_output| {
                    all.push(Self {
                        layer,
                        product,
                        scalar_input,
                        scalar_output,
                        half_precision,
                        derivative: false,
                    });
                };
                for scalar_output in [false, true] {
                    push(Linear, Product::Vector, scalar_output);
                    for layer in [Linear, Conv2d, ConvTranspose2d] {
                        push(layer, Product::Block, scalar_output);
                    }
                }
                for layer in [Conv2d, ConvTranspose2d] {
                    push(layer, Product::Few, true);
                }
            }
        }
        all
    }
    /// Every combination that only gradients use.
    pub fn gradients() -> Vec<Self> {
        use LayerKind::{Conv2d, ConvTranspose2d, Identity, Linear};
        let mut all = Vec::new();
        for (scalar_input, scalar_output) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let mut push = |layer, product, half_precision, derivative| {
                all.push(Self {
                    layer,
                    product,
                    scalar_input,
                    scalar_output,
                    half_precision,
                    derivative,
                });
            };
            for half_precision in [false, true] {
                push(Linear, Product::Vector, half_precision, true);
                for layer in [Linear, Conv2d, ConvTranspose2d] {
                    push(layer, Product::Block, half_precision, true);
                }
                push(Identity, Product::Identity, half_precision, false);
                push(Identity, Product::Identity, half_precision, true);
            }
            if !scalar_output {
                push(Identity, Product::BiasGradient, false, false);
                for layer in [Linear, Conv2d, ConvTranspose2d] {
                    push(layer, Product::WeightGradient, false, false);
                }
            }
        }
        all
    }
}
