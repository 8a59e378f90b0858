//! Packs parameters for the kernels: blocks of four inputs × four outputs, in the order of use,
//! padded with zeros.

use super::geometry::Geometry;
use super::layout::{LANES, Layout};
use half::f16;
use std::iter::repeat_n;
use vaelet_model::{Map, Step, Weights};

/// Number of values in a block.
const BLOCK: usize = LANES * LANES;

/// Size of a block, in f32 values.
pub fn block_len(half_precision: bool) -> usize {
    if half_precision { BLOCK / 2 } else { BLOCK }
}

/// The packed parameters of a step.
#[derive(Default)]
pub struct PackedWeights {
    blocks: Vec<f32>,
}

/// Where a step's parameters start, in blocks.
#[derive(Debug, Clone, Copy)]
pub struct Offsets {
    pub weight: usize,
    pub bias: usize,
}

impl Offsets {
    /// The offsets of parameters that start at block `start`, and the block after them.
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

/// Index in a map's weight of the factor for input `row` and output `column` of a tap; `None` for
/// padding.
fn index(
    map: &Map,
    geometry: &Geometry,
    [x, y]: [Layout; 2],
    [phase, tap]: [usize; 2],
    [row, column]: [usize; 2],
) -> Option<usize> {
    match map {
        Map::Linear { outputs, .. } => {
            let (row, column) = (x.element(row)?, y.element(column)?);
            Some(row * outputs + column)
        }
        Map::Conv2d(window) | Map::ConvTranspose2d(window) => {
            let [inputs, outputs] = [window.input[2], window.output[2]];
            let position = geometry.kernel_index(phase, tap)?;
            let index = (position * inputs + row) * outputs + column;
            (row < inputs && column < outputs).then_some(index)
        }
    }
}

/// Index in a map's bias of the value for a column; `None` for padding.
fn bias_index(map: &Map, y: Layout, column: usize) -> Option<usize> {
    match map {
        Map::Linear { .. } => y.element(column),
        Map::Conv2d(window) | Map::ConvTranspose2d(window) => {
            (column < window.output[2]).then_some(column)
        }
    }
}

/// Unpacks weight and bias, of lengths `weight_len` and `bias_len`, from blocks that start at
/// `offsets`. The geometry must not be `few`, which has another block format.
#[cfg(feature = "gradients")]
pub fn unpack(
    blocks: &[f32],
    map: &Map,
    geometry: &Geometry,
    offsets: Offsets,
    layouts: [Layout; 2],
    [weight_len, bias_len]: [usize; 2],
) -> [Vec<f32>; 2] {
    let (mut weight, mut bias) = (vec![0.0; weight_len], vec![0.0; bias_len]);
    let mut values = blocks[BLOCK * offsets.weight..].chunks_exact(BLOCK);
    for at in 0..geometry.phases * geometry.taps {
        let at = [at / geometry.taps, at % geometry.taps];
        for block in 0..geometry.depth() * geometry.columns() {
            let (k, column) = (block / geometry.columns(), block % geometry.columns());
            for (i, value) in values.next().unwrap_or(&[]).iter().enumerate() {
                let cell = [LANES * k + i / LANES, LANES * column + i % LANES];
                let inside = cell[0] < geometry.inputs && cell[1] < geometry.outputs;
                let index = index(map, geometry, layouts, at, cell).filter(|_| inside);
                if let Some(index) = index {
                    weight[index] = *value;
                }
            }
        }
    }
    let values = &blocks[BLOCK * offsets.bias..];
    for (column, value) in values.iter().enumerate().take(geometry.outputs) {
        if let Some(index) = bias_index(map, layouts[1], column) {
            bias[index] = *value;
        }
    }
    [weight, bias]
}

impl PackedWeights {
    /// Packs the parameters of a step. A step without a map has only a bias of zeros.
    pub fn of(weights: &Weights, step: &Step, geometry: &Geometry, x: Layout, y: Layout) -> Self {
        let mut packed = Self::default();
        let Some((map, params)) = step.map() else {
            packed.push_bias(geometry.outputs, |_| 0.0);
            return packed;
        };
        let weight = weights.weight(params);
        for phase in 0..geometry.phases {
            for tap in 0..geometry.taps {
                packed.push_tap(geometry, |row, column| {
                    let index = index(map, geometry, [x, y], [phase, tap], [row, column]);
                    index.map_or(0.0, |index| weight[index])
                });
            }
        }
        // The narrower blocks of `few.wgsl` may end inside a block of four × four.
        let whole = packed.blocks.len().next_multiple_of(BLOCK);
        packed.blocks.resize(whole, 0.0);
        let bias = weights.bias(params).unwrap_or(&[]);
        packed.push_bias(geometry.outputs, |column| {
            let index = bias_index(map, y, column);
            index
                .and_then(|index| bias.get(index))
                .map_or(0.0, |bias| *bias)
        });
        packed
    }

    /// Appends one tap: `[depth, columns]` blocks, or for `few.wgsl` `[depth, outputs]` vec4.
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

    /// The contents of the storage buffer, in bytes.
    pub fn bytes(&self, half_precision: bool) -> Vec<u8> {
        if half_precision {
            let halves: Vec<f16> = self.blocks.iter().map(|&v| f16::from_f32(v)).collect();
            bytemuck::cast_slice(&halves).to_vec()
        } else {
            bytemuck::cast_slice(&self.blocks).to_vec()
        }
    }
}
