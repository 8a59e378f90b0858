//! The input of the discriminator: features of all scales, mixed at random, so that it cannot go by the
//! few channels that tell pictures from data most easily (Sauer et al. 2021, section 3.2).

use super::{BLOCKS, SIDES};
use crate::network::efficientnet::{EfficientNet, Maps};
use crate::network::product;
use burn::tensor::{Device, Tensor, TensorData};
use vaelet_model::{Window, random};

/// Channels that each scale is mixed into.
pub const MIXED: usize = 64;

/// Fixed random projections of features, from fine to coarse: 1×1, plus what the coarser scale
/// gives, 3×3.
pub struct Mixing {
    /// `[channels, mixed]`
    narrow: Vec<Tensor<2>>,
    /// `[9 · mixed, mixed]`
    wide: Vec<Tensor<2>>,
    /// Twice the side of each scale but the finest, bilinearly: `[1, 4 · side², side²]`.
    enlarge: Vec<Tensor<3>>,
}

impl Mixing {
    /// Projections that follow from the `seed`.
    pub fn new(features: &EfficientNet, seed: u64, device: &Device) -> Self {
        let mut seeds = (0..).map(|i| seed.wrapping_add(1 << 32).wrapping_add(i));
        // N(0, 2 / fan-in) (He et al. 2015).
        let mut random = |inputs: usize| {
            let values = random::normals(seeds.next().unwrap_or(seed), inputs * MIXED);
            let values = values.iter().map(|v| v * (2.0 / inputs as f32).sqrt());
            let data = TensorData::new(values.collect::<Vec<_>>(), [inputs, MIXED]);
            Tensor::from_data(data, device)
        };
        let enlarge = |&side: &usize| {
            let data = TensorData::new(enlargement(side), [1, 4 * side * side, side * side]);
            Tensor::from_data(data, device)
        };
        Self {
            narrow: BLOCKS.map(|i| random(features.channels(i))).into(),
            wide: BLOCKS.map(|_| random(9 * MIXED)).into(),
            enlarge: SIDES[1..].iter().map(enlarge).collect(),
        }
    }

    /// `[N, side² · mixed]` of each scale.
    pub fn of(&self, features: &[Maps]) -> Vec<Tensor<2>> {
        let mut mixed: Vec<Tensor<2>> = Vec::new();
        for (i, Maps { values, shape }) in features.iter().enumerate().rev() {
            let [batch, side] = [values.dims()[0], SIDES[i]];
            let pixels = side * side;
            let x = values.clone().reshape([batch * pixels, shape[2]]);
            let mut x = x.matmul(self.narrow[i].clone());
            if let Some(coarser) = mixed.last() {
                let coarser = coarser.clone().reshape([batch, pixels / 4, MIXED]);
                let enlarge = self.enlarge[i].clone();
                let enlarge = enlarge.expand([batch, pixels, pixels / 4]);
                x = x + enlarge.matmul(coarser).reshape([batch * pixels, MIXED]);
            }
            let window = Window {
                input: [side, side, MIXED],
                output: [side, side, MIXED],
                kernel: 3,
                stride: 1,
                padding: 1,
            };
            let x = x.reshape([batch, pixels * MIXED]);
            mixed.push(product(window, x, self.wide[i].clone()) * 0.5);
        }
        mixed.reverse();
        mixed
    }
}

/// The matrix `[4 · side², side²]` that doubles both sides of an image, with half-pixel centres.
fn enlargement(side: usize) -> Vec<f32> {
    // Along one side: each pixel is ¾ of the one that it lies in, and ¼ of the next.
    let share = |to: usize, from: usize| {
        let near = to / 2;
        let far = match to % 2 {
            0 => near.saturating_sub(1),
            _ => (near + 1).min(side - 1),
        };
        0.75 * f32::from(u8::from(from == near)) + 0.25 * f32::from(u8::from(from == far))
    };
    let mut matrix = Vec::with_capacity(4 * side.pow(4));
    for (y, x) in (0..2 * side).flat_map(|y| (0..2 * side).map(move |x| (y, x))) {
        for (v, u) in (0..side).flat_map(|v| (0..side).map(move |u| (v, u))) {
            matrix.push(share(y, v) * share(x, u));
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_twice_the_side_is_bilinear() {
        let row: Vec<f32> = vec![0.0, 1.0, 0.0, 1.0];
        let matrix = enlargement(2);
        let found: Vec<f32> = matrix
            .chunks_exact(4)
            .take(4)
            .map(|weights| weights.iter().zip(&row).map(|(a, b)| a * b).sum())
            .collect();
        assert_eq!(found, [0.0, 0.25, 0.75, 1.0]);
    }
}
