//! The trained part of the discriminator: a small head of convolutions on each scale of mixed features, each of
//! which is divided by its spectral norm (Miyato et al. 2018), so that verdicts cannot grow without bound.

use super::SIDES;
use super::mixing::MIXED;
use crate::network::{Affine, product, to_vec};
use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData, activation};
use vaelet_model::{Window, random};

/// What the activation between convolutions makes of negative values.
const LEAK: f64 = 0.2;
/// Channels between convolutions.
const HIDDEN: usize = 64;

/// The convolutions of all heads, in the order of [`layout`].
#[derive(Module, Debug)]
pub struct Heads {
    convolutions: Vec<Affine>,
}

/// The convolutions of each scale's head: 4×4 of stride 2 down to the coarsest side, 3×3, 1×1.
fn layout() -> Vec<Vec<Window>> {
    let head = |mut side: usize| {
        let mut channels = MIXED;
        let mut windows = Vec::new();
        let mut push = |side: usize, kernel: usize, stride: usize, outputs: usize| {
            windows.push(Window {
                input: [side, side, channels],
                output: [side / stride, side / stride, outputs],
                kernel,
                stride,
                padding: usize::from(kernel > 1),
            });
            channels = outputs;
        };
        while side > SIDES[2] {
            push(side, 4, 2, HIDDEN);
            side /= 2;
        }
        push(side, 3, 1, HIDDEN);
        push(side, 1, 1, 1);
        windows
    };
    SIDES.map(head).into()
}

impl Heads {
    /// Heads that know nothing yet, and for each convolution where the search for its matrix's first
    /// left singular vector begins.
    pub fn init(seed: u64, device: &Device) -> (Self, Vec<Vec<f32>>) {
        let windows = layout().into_iter().flatten().zip(seed.wrapping_add(1)..);
        let (convolutions, singular) = windows
            .map(|(window, seed)| {
                let outputs = window.output[2];
                let taps = window.kernel * window.kernel * window.input[2];
                // Verdicts do not depend on this size, but how fast the heads learn does.
                let size = (1.0 / (3 * taps) as f32).sqrt();
                let weight = random::normals(seed, taps * outputs);
                let weight = weight.iter().map(|v| v * size).collect();
                let affine = Affine::new(weight, vec![0.0; outputs], device);
                (affine, random::normals(!seed, outputs))
            })
            .unzip();
        (Self { convolutions }, singular)
    }

    /// One step of power iteration for each matrix.
    ///
    /// # Errors
    /// A device that fails.
    pub fn find_norms(&self, singular: &mut [Vec<f32>]) -> Result<()> {
        for (affine, singular) in self.convolutions.iter().zip(singular) {
            let weight = affine.weight.val().inner();
            let left = row(singular, &weight.device());
            let left = unit(unit(left.matmul(weight.clone().transpose())).matmul(weight));
            *singular = to_vec(left)?;
        }
        Ok(())
    }

    /// The weights, each divided by its largest singular value.
    pub fn normalised(&self, singular: &[Vec<f32>]) -> Vec<Tensor<2>> {
        let pairs = self.convolutions.iter().zip(singular);
        pairs
            .map(|(affine, singular)| {
                let weight = affine.weight.val();
                let left = row(singular, &weight.device());
                let right = unit(left.clone().matmul(weight.clone().detach().transpose()));
                let norm = right.matmul(weight.clone()).matmul(left.transpose());
                weight / norm
            })
            .collect()
    }

    /// What each head says of mixed features, `[N, positions]`: above 0 for data.
    pub fn verdicts(&self, singular: &[Vec<f32>], mixed: &[Tensor<2>]) -> Vec<Tensor<2>> {
        let weights = self.normalised(singular);
        let mut parameters = weights.into_iter().zip(&self.convolutions);
        let heads = layout().into_iter().zip(mixed);
        heads
            .map(|(windows, mixed)| {
                let mut x = mixed.clone();
                let last = windows.len() - 1;
                let steps = windows.into_iter().zip(&mut parameters).enumerate();
                for (i, (window, (weight, affine))) in steps {
                    let [batch, outputs] = [x.dims()[0], window.output[2]];
                    let len: usize = window.output.iter().product();
                    let y = product(window, x, weight);
                    let y = y.reshape([batch * len / outputs, outputs]);
                    let y = y + affine.bias.val().reshape([1, outputs]);
                    x = y.reshape([batch, len]);
                    if i < last {
                        x = activation::leaky_relu(x, LEAK);
                    }
                }
                x
            })
            .collect()
    }
}

fn row(values: &[f32], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [1, values.len()]), device)
}

fn unit(row: Tensor<2>) -> Tensor<2> {
    let norm = row.clone().square().sum_dim(1).sqrt();
    row / (norm + 1e-12)
}
