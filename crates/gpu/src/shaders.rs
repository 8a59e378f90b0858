//! The WGSL sources, joined as they are compiled. Everything in `shaders/` is plain
//! text that a test validates; nothing is generated.

pub(crate) const REPARAMETERIZE: &str = include_str!("../../../shaders/reparameterize.wgsl");
pub(crate) const PRESENT: &str = include_str!("../../../shaders/present.wgsl");

/// The shaders that stand alone, by the names of their files.
pub const OTHERS: [(&str, &str); 2] = [("reparameterize", REPARAMETERIZE), ("present", PRESENT)];

/// What a layer kernel is joined of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerShader {
    /// Which rows there are and what they read.
    pub layer: LayerKind,
    /// How the product is shared among threads.
    pub product: Product,
    /// The buffers of a network's ends hold single values.
    pub scalar_input: bool,
    /// See `scalar_input`.
    pub scalar_output: bool,
    /// Whether weights are f16.
    pub half_precision: bool,
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
            (
                "alias X = f32;\n",
                include_str!("../../../shaders/load_scalars.wgsl"),
            )
        } else {
            (
                "alias X = vec4<f32>;\n",
                include_str!("../../../shaders/load_vectors.wgsl"),
            )
        };
        let (y, store) = if self.scalar_output {
            (
                "alias Y = f32;\n",
                include_str!("../../../shaders/store_scalars.wgsl"),
            )
        } else {
            (
                "alias Y = vec4<f32>;\n",
                include_str!("../../../shaders/store_vectors.wgsl"),
            )
        };
        let step = include_str!("../../../shaders/step.wgsl");
        let layer = match self.layer {
            LayerKind::Linear => include_str!("../../../shaders/linear.wgsl"),
            LayerKind::Conv2d => include_str!("../../../shaders/conv2d.wgsl"),
            LayerKind::ConvTranspose2d => include_str!("../../../shaders/conv_transpose2d.wgsl"),
        };
        let product = match self.product {
            Product::Block => include_str!("../../../shaders/block.wgsl"),
            Product::Few => include_str!("../../../shaders/few.wgsl"),
            Product::Vector => include_str!("../../../shaders/vector.wgsl"),
        };
        [weight, x, y, step, load, store, layer, product].concat()
    }

    /// Every combination that a model can ask for.
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
}
