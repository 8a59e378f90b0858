//! The kernel of a step: the shader of a map with its epilogue, or of an epilogue alone.

use super::geometry::Geometry;
use super::layout::Layout;
use super::shaders::{LayerKind, LayerShader};
use super::tiling::{Tiling, Tuning, choose};
use super::weights::Offsets;
use crate::GRADIENTS;
use crate::device::pipeline::Constants;
use vaelet_model::{Activation, Finish, Map, Step};

/// A map with its epilogue, or an epilogue alone, as the GPU runs it.
pub struct Kernel {
    pub geometry: Geometry,
    /// Sorted by `from_batch`.
    pub variants: Vec<Variant>,
}

/// One way to run a step, for batches of at least `from_batch` items.
pub struct Variant {
    from_batch: usize,
    pub tiling: Tiling,
    pub shader: LayerShader,
    /// The values of the shader's overrides.
    pub constants: Constants,
}

/// The layouts of the values that a step reads and writes. `add` and `saved` are ignored if the
/// step has no such operand.
#[derive(Clone, Copy)]
pub struct Layouts {
    pub x: Layout,
    pub add: Layout,
    pub saved: Layout,
    pub y: Layout,
}

impl Kernel {
    /// Chooses the variants of a step whose parameters start at `offsets`. Builds no pipelines.
    pub fn new(
        tuning: Tuning,
        step: &Step,
        geometry: Geometry,
        offsets: Offsets,
        layouts: Layouts,
    ) -> Self {
        let Layouts { x, add, saved, y } = layouts;
        let (layer, mut constants) = kind(step.map().map(|(map, _)| map));
        if layer == LayerKind::Identity {
            constants.push(("PIXELS", geometry.rows as f64));
        }
        let linear = layer == LayerKind::Linear;
        let (activation, derivative) = match step.finish {
            Finish::Activate(activation) => (activation, false),
            Finish::Derivative(activation, _) => (activation, GRADIENTS),
        };
        constants.extend(operands(&geometry, offsets, [x, y, add], linear));
        constants.extend([
            ("ACTIVATION", number(activation)),
            ("RESIDUAL", f64::from(u8::from(step.add.is_some()))),
        ]);
        if derivative {
            let names = ["SAVED_ITEM", "SAVED_PIXEL", "SAVED_CHANNEL"];
            constants.extend(saved.strides(names, linear));
        }
        let tilings = choose(&geometry, tuning);
        let variant = |(from_batch, tiling): (usize, Tiling)| Variant {
            from_batch,
            tiling,
            shader: LayerShader {
                layer,
                product: tiling.product,
                scalar_input: !x.is_vectors(),
                scalar_output: !y.is_vectors(),
                half_precision: tuning.half_precision,
                derivative,
            },
            constants: {
                let mut constants = constants.clone();
                constants.extend(tiling.constants());
                constants
            },
        };
        Self {
            variants: tilings.into_iter().map(variant).collect(),
            geometry,
        }
    }

    /// Whether it reads a value that was saved for a derivative.
    pub fn is_derivative(&self) -> bool {
        self.variants
            .iter()
            .any(|variant| variant.shader.derivative)
    }

    /// Index of the variant for a batch.
    pub fn variant(&self, batch: usize) -> usize {
        let fits = |variant: &Variant| variant.from_batch <= batch;
        self.variants.iter().rposition(fits).unwrap_or(0)
    }

    /// Number of workgroups of a variant for a batch, per dimension.
    pub fn workgroups(&self, variant: usize, batch: usize) -> [usize; 3] {
        self.variants[variant]
            .tiling
            .workgroups(&self.geometry, batch)
    }

    /// The largest batch up to which every dispatch has at most `most` workgroups per dimension.
    pub fn largest_batch(&self, most: usize) -> usize {
        for (i, variant) in self.variants.iter().enumerate() {
            let largest = variant.tiling.largest_batch(&self.geometry, most);
            let next = self.variants.get(i + 1);
            if next.is_none_or(|next| largest < next.from_batch - 1) {
                return largest.max(variant.from_batch - 1);
            }
        }
        0
    }
}

/// The shader file of a map and its constants.
pub fn kind(map: Option<&Map>) -> (LayerKind, Constants) {
    match map {
        None => (LayerKind::Identity, Vec::new()),
        Some(Map::Linear { .. }) => (LayerKind::Linear, Vec::new()),
        Some(Map::Conv2d(window)) => (LayerKind::Conv2d, window_constants(window)),
        Some(Map::ConvTranspose2d(window)) => {
            (LayerKind::ConvTranspose2d, window_constants(window))
        }
    }
}

/// The constants of `step.wgsl` that describe the operands: input, output and residual.
pub fn operands(
    geometry: &Geometry,
    offsets: Offsets,
    [x, y, add]: [Layout; 3],
    linear: bool,
) -> Constants {
    let mut constants = vec![
        ("INPUTS", geometry.inputs as f64),
        ("OUTPUTS", geometry.outputs as f64),
        ("WEIGHT", offsets.weight as f64),
        ("BIAS", offsets.bias as f64),
    ];
    constants.extend(x.strides(["X_ITEM", "X_PIXEL", "X_CHANNEL"], linear));
    constants.extend(y.strides(["Y_ITEM", "Y_PIXEL", "Y_CHANNEL"], linear));
    let names = ["RESIDUAL_ITEM", "RESIDUAL_PIXEL", "RESIDUAL_CHANNEL"];
    constants.extend(add.strides(names, linear));
    constants
}

/// The number of an activation in `step.wgsl`.
fn number(activation: Activation) -> f64 {
    f64::from(activation as u8)
}

/// The constants that both convolutions have.
fn window_constants(window: &vaelet_model::Window) -> Constants {
    [
        ("IN_HEIGHT", window.input[0]),
        ("IN_WIDTH", window.input[1]),
        ("OUT_HEIGHT", window.output[0]),
        ("OUT_WIDTH", window.output[1]),
        ("KERNEL", window.kernel),
        ("STRIDE", window.stride),
        ("PADDING", window.padding),
    ]
    .map(|(name, value)| (name, value as f64))
    .into()
}
