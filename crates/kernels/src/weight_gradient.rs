//! Gradients of a map's weight and bias: the product Xᵀ · δ over the rows of a batch, and the sums
//! of δ's columns.

use crate::first_values;
use crate::math::lanes::add_to;
use crate::math::transposed::multiply_transposed;
use std::borrow::Cow;
use vaelet_model::{Map, Patches, Tensor, Tensors, WeightGradient};

/// The gradients of one map, summed over the batches added so far.
pub struct WeightSums {
    gradient: WeightGradient,
    /// `[in, k, k, out]` for a transposed convolution, otherwise the shape in the weights file.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl WeightSums {
    /// Sums that are zero.
    pub fn new(gradient: &WeightGradient) -> Self {
        let (weight, bias) = (&gradient.params.weight, gradient.params.bias);
        Self {
            weight: vec![0.0; weight.iter().product()],
            bias: vec![0.0; bias],
            gradient: gradient.clone(),
        }
    }

    /// The gradient that is computed.
    pub fn gradient(&self) -> &WeightGradient {
        &self.gradient
    }

    /// Resets the sums to zero.
    pub fn clear(&mut self) {
        self.weight.fill(0.0);
        self.bias.fill(0.0);
    }

    /// Adds a batch: `x` is the map's input, `delta` the gradient of its output, both `[N, H, W,
    /// C]`.
    pub fn add(&mut self, x: &[f32], delta: &[f32], scratch: &mut Vec<f32>) {
        match &self.gradient.map {
            &Map::Linear { inputs, outputs } => {
                multiply_transposed(x, inputs, delta, outputs, &mut self.weight);
            }
            Map::Conv2d(window) => {
                let patches = Patches::of_conv(window);
                let (image, written) = (patches.image_len(), window.output.iter().product());
                let matrix = first_values(scratch, patches.matrix_len());
                for (x, delta) in x.chunks_exact(image).zip(delta.chunks_exact(written)) {
                    gather(&patches, x, matrix);
                    let (rows, outputs) = (patches.row_len(), window.output[2]);
                    multiply_transposed(matrix, rows, delta, outputs, &mut self.weight);
                }
            }
            Map::ConvTranspose2d(window) => {
                let patches = Patches::of_transpose(window);
                let (image, read) = (patches.image_len(), window.input.iter().product());
                let matrix = first_values(scratch, patches.matrix_len());
                for (x, delta) in x.chunks_exact(read).zip(delta.chunks_exact(image)) {
                    gather(&patches, delta, matrix);
                    let (inputs, columns) = (window.input[2], patches.row_len());
                    multiply_transposed(x, inputs, matrix, columns, &mut self.weight);
                }
            }
        }
        if !self.bias.is_empty() {
            for delta in delta.chunks_exact(self.bias.len()) {
                add_to(&mut self.bias, delta);
            }
        }
    }

    /// The gradient of the weight, as a map's weight lies in the file, and that of the bias.
    pub fn sums(&self) -> (Cow<'_, [f32]>, &[f32]) {
        let params = &self.gradient.params;
        let weight = match self.gradient.map {
            Map::ConvTranspose2d(_) => taps_first(&self.weight, &params.weight).into(),
            _ => Cow::Borrowed(&self.weight[..]),
        };
        match params.upsampled {
            true => (
                params.gradient_in_file(weight.into_owned()).into(),
                &self.bias,
            ),
            false => (weight, &self.bias),
        }
    }

    /// Inserts both tensors, with names and shapes of the weights file.
    pub fn write(&self, tensors: &mut Tensors) {
        let params = &self.gradient.params;
        let [(weight_name, shape), (bias_name, bias_shape)] = params.stored();
        let data = self.sums().0.into_owned();
        tensors.insert(weight_name, Tensor { shape, data });
        if params.bias > 0 {
            let data = self.bias.clone();
            tensors.insert(
                bias_name,
                Tensor {
                    shape: bias_shape,
                    data,
                },
            );
        }
    }
}

/// Gathers the patches of an image into a matrix (im2col).
fn gather(patches: &Patches, image: &[f32], matrix: &mut [f32]) {
    matrix.fill(0.0);
    patches.for_each_run(|row, pixel, len| {
        matrix[row..row + len].copy_from_slice(&image[pixel..pixel + len]);
    });
}

/// Reorders `[in, k, k, out]` to `shape`, which is `[k, k, in, out]`.
fn taps_first(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let [.., inputs, outputs] = *shape else {
        return values.to_vec();
    };
    let taps = values.len() / (inputs * outputs);
    let mut out = Vec::with_capacity(values.len());
    for tap in 0..taps {
        for input in 0..inputs {
            out.extend_from_slice(&values[(input * taps + tap) * outputs..][..outputs]);
        }
    }
    out
}
