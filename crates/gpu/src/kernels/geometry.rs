//! A step as a matrix product: rows are output pixels (or items), columns are output channels,
//! four of them in a vec4.

use super::layout::{LANES, Layout};
use vaelet_model::{Map, Shape};

/// Most output channels of `few.wgsl`.
const FEW: usize = 3;

/// A step as a matrix product.
#[derive(Debug, Clone)]
pub struct Geometry {
    map: Option<Map>,
    /// Values in a row of the left matrix under one tap.
    pub inputs: usize,
    /// Columns of the product.
    pub outputs: usize,
    /// Kernel positions that a row meets.
    pub taps: usize,
    /// Products with weights of their own: stride² for a transposed convolution.
    pub phases: usize,
    /// Rows that one item has in each phase.
    pub rows: usize,
    /// Whether `few.wgsl` runs it.
    pub few: bool,
}

impl Geometry {
    /// The product of a map that reads `x` and writes `y`; `plain` where nothing but a bias and an
    /// activation is at its end.
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

    /// Of a step that computes nothing but its end, for a value of this shape.
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

    /// Whether the map is a fully connected layer.
    pub fn is_linear(&self) -> bool {
        matches!(self.map, Some(Map::Linear { .. }))
    }

    /// Whether there is no map.
    pub fn is_identity(&self) -> bool {
        self.map.is_none()
    }

    /// vec4 in a row of the left matrix under one tap.
    pub fn depth(&self) -> usize {
        self.inputs.div_ceil(LANES)
    }

    /// vec4 in a row of the product.
    pub fn columns(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    /// Blocks that the weight takes; saturating, because a stride of thousands has millions
    /// of phases.
    pub fn weight_blocks(&self) -> usize {
        let rows = self.phases.saturating_mul(self.taps);
        let rows = rows.saturating_mul(self.depth());
        if self.few {
            rows.saturating_mul(self.outputs).div_ceil(LANES)
        } else {
            rows.saturating_mul(self.columns())
        }
    }

    /// The kernel position, row by row, of a phase's tap; `None` outside the kernel.
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
