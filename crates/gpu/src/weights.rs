//! Parameters as the kernels read them: blocks of four inputs × four outputs, in the
//! order of use, padded with zeros.

use crate::kernel::Geometry;
use crate::layout::{LANES, Layout};
use half::f16;
use std::iter::repeat_n;
use vaelet_model::{Model, Op, Step};

/// Values of a block.
const BLOCK: usize = LANES * LANES;

/// f32 that a block takes the room of.
pub fn block_len(half_precision: bool) -> usize {
    if half_precision { BLOCK / 2 } else { BLOCK }
}

/// The parameters of a step.
#[derive(Default)]
pub struct PackedWeights {
    blocks: Vec<f32>,
}

/// Where a step's parameters begin, in blocks.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub weight: usize,
    pub bias: usize,
}

impl Place {
    /// The place of a step's parameters from block `start` on, and where they end.
    pub fn after(start: usize, geometry: &Geometry) -> (Self, usize) {
        let bias = start.saturating_add(geometry.weight_blocks());
        let end = bias.saturating_add(geometry.columns().div_ceil(LANES));
        (
            Self {
                weight: start,
                bias,
            },
            end,
        )
    }
}

impl PackedWeights {
    /// Packs the parameters of a step.
    pub fn of(model: &Model, step: &Step, geometry: &Geometry, x: Layout, y: Layout) -> Self {
        let mut packed = Self::default();
        let weight = model.weights.get(&step.params.weight_name());
        let bias = model.weights.get(&step.params.bias_name());
        match &step.op {
            Op::Linear { outputs, .. } => {
                let value = |row, column| match (x.element(row), y.element(column)) {
                    (Some(row), Some(column)) => weight[row * outputs + column],
                    _ => 0.0,
                };
                packed.push_tap(geometry, value);
                let len = geometry.outputs;
                packed.push_bias(len, |column| y.element(column).map_or(0.0, |i| bias[i]));
            }
            Op::Conv2d(window) | Op::ConvTranspose2d(window) => {
                let [inputs, outputs] = [window.input[2], window.output[2]];
                for phase in 0..geometry.phases {
                    for tap in 0..geometry.taps {
                        let place = geometry.kernel_index(phase, tap);
                        packed.push_tap(geometry, |row, column| match place {
                            Some(place) if row < inputs && column < outputs => {
                                weight[(place * inputs + row) * outputs + column]
                            }
                            _ => 0.0,
                        });
                    }
                }
                // Narrow blocks of `few.wgsl` may end within one of four.
                packed
                    .blocks
                    .resize(packed.blocks.len().next_multiple_of(BLOCK), 0.0);
                packed.push_bias(outputs, |column| bias[column]);
            }
        }
        packed
    }

    /// Appends one tap: blocks of `[depth, columns]`, or, where outputs are few, their vec4.
    fn push_tap(&mut self, geometry: &Geometry, value: impl Fn(usize, usize) -> f32) {
        for k in 0..geometry.depth() {
            if geometry.few {
                for column in 0..geometry.outputs {
                    let lanes = (0..LANES).map(|i| value(LANES * k + i, column));
                    self.blocks.extend(lanes);
                }
                continue;
            }
            for column in 0..geometry.columns() {
                for i in 0..BLOCK {
                    let (row, column) = (LANES * k + i / LANES, LANES * column + i % LANES);
                    let inside = row < geometry.inputs && column < geometry.outputs;
                    self.blocks
                        .push(if inside { value(row, column) } else { 0.0 });
                }
            }
        }
    }

    fn push_bias(&mut self, outputs: usize, value: impl Fn(usize) -> f32) {
        self.blocks.extend((0..outputs).map(value));
        let padding = self.blocks.len().next_multiple_of(BLOCK) - self.blocks.len();
        self.blocks.extend(repeat_n(0.0, padding));
    }

    /// The bytes of the storage buffer.
    pub fn bytes(&self, half_precision: bool) -> Vec<u8> {
        if half_precision {
            let halves: Vec<f16> = self.blocks.iter().map(|&v| f16::from_f32(v)).collect();
            bytemuck::cast_slice(&halves).to_vec()
        } else {
            bytemuck::cast_slice(&self.blocks).to_vec()
        }
    }
}
