//! The matrix product that computes a step: rows are output pixels (for a linear layer, items of
//! the batch), and columns are output channels, grouped by four into vec4.

use super::layout::{LANES, Layout};
use vaelet_model::{Map, Shape};

/// Maximum number of output channels of `few.wgsl`.
const FEW: usize = 3;

/// The dimensions of a step's matrix product.
#[derive(Debug, Clone)]
pub struct Geometry {
    map: Option<Map>,
    /// Input channels: values per row of the left matrix and tap.
    pub inputs: usize,
    /// Output channels: columns of the product.
    pub outputs: usize,
    /// Kernel positions that contribute to a row.
    pub taps: usize,
    /// Products with separate weights: stride² for a transposed convolution, otherwise 1.
    pub phases: usize,
    /// Rows per item and phase.
    pub rows: usize,
    /// Whether `few.wgsl` runs it.
    pub few: bool,
}

impl Geometry {
    /// The product of a map that reads `x` and writes `y`. `plain` states that its epilogue is only
    /// a bias and an activation.
    pub fn new(map: &Map, x: Layout, y: Layout, plain: bool) -> Self {
        let few = |outputs| !y.is_vectors() && outputs <= FEW && plain;
        match map {
            Map::Linear { .. } => Self {
                map: Some(*map),
                inputs: x.len(),
                outputs: y.len(),
                taps: 1,
                phases: 1,
                rows: 1,
                few: false,
            },
            Map::Conv2d(window) => Self {
                map: Some(*map),
                inputs: window.input[2],
                outputs: window.output[2],
                taps: window.kernel.saturating_mul(window.kernel),
                phases: 1,
                rows: window.output[0] * window.output[1],
                few: few(window.output[2]),
            },
            Map::ConvTranspose2d(window) => {
                let side = window.kernel.div_ceil(window.stride);
                let [height, width, outputs] = window.output;
                Self {
                    map: Some(*map),
                    inputs: window.input[2],
                    outputs,
                    taps: side.saturating_mul(side),
                    phases: window.stride.saturating_mul(window.stride),
                    rows: height.div_ceil(window.stride) * width.div_ceil(window.stride),
                    few: few(outputs),
                }
            }
        }
    }

    /// The geometry of a step that is only an epilogue, for a value of this shape.
    pub fn identity([height, width, channels]: Shape) -> Self {
        Self {
            map: None,
            inputs: channels,
            outputs: channels,
            taps: 0,
            phases: 1,
            rows: height * width,
            few: false,
        }
    }

    /// Whether the map is a linear layer.
    pub fn is_linear(&self) -> bool {
        matches!(self.map, Some(Map::Linear { .. }))
    }

    /// Whether there is no map.
    pub fn is_identity(&self) -> bool {
        self.map.is_none()
    }

    /// vec4 per row of the left matrix and tap.
    pub fn depth(&self) -> usize {
        self.inputs.div_ceil(LANES)
    }

    /// vec4 per row of the product.
    pub fn columns(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    /// Number of blocks of the weight. Saturates, because a stride of thousands has millions of
    /// phases.
    pub fn weight_blocks(&self) -> usize {
        let rows = self.phases.saturating_mul(self.taps);
        let rows = rows.saturating_mul(self.depth());
        if self.few {
            rows.saturating_mul(self.outputs).div_ceil(LANES)
        } else {
            rows.saturating_mul(self.columns())
        }
    }

    /// The row-major kernel position of a phase's tap; `None` outside the kernel.
    pub fn kernel_index(&self, phase: usize, tap: usize) -> Option<usize> {
        let Some(Map::ConvTranspose2d(window)) = &self.map else {
            return Some(tap);
        };
        let (stride, kernel) = (window.stride, window.kernel);
        let side = kernel.div_ceil(stride);
        let first = |phase| (phase + window.padding) % stride;
        let ky = first(phase / stride) + stride * (tap / side);
        let kx = first(phase % stride) + stride * (tap % side);
        (ky < kernel && kx < kernel).then_some(ky * kernel + kx)
    }
}
