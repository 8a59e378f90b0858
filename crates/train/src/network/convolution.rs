//! Linear maps: with the kernels of the runtimes on the CPU, with burn's own convolutions elsewhere.

use super::ops;
use super::tensors::{on_cpu, to_images, to_rows};
use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use vaelet_model::{Map, Window};

/// A step before its activation, with a weight `[kernel² · inputs, outputs]` and a bias `[outputs]`.
pub fn affine(map: &Map, x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    match map {
        Map::Conv2d(_) | Map::ConvTranspose2d(_) if on_cpu(&x) => {
            ops::convolve(x, weight, bias, *map)
        }
        _ => biased(natively(map, x, weight), bias),
    }
}

/// A convolution without a bias.
pub fn product(window: Window, x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let map = Map::Conv2d(window);
    if !on_cpu(&x) {
        return natively(&map, x, weight);
    }
    let zeros = Tensor::zeros([window.output[2]], &x.device());
    ops::convolve(x, weight, zeros, map)
}

/// A bias added to all channels of `[N, H · W · C]`.
pub(super) fn biased(y: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let [batch, len] = y.dims();
    let outputs = bias.dims()[0];
    (y.reshape([batch * len / outputs, outputs]) + bias.reshape([1, outputs])).reshape([batch, len])
}

/// `[3, 3, in, out]` to `[4, 4, in, out]`: the convolution of an image doubled as a transposed
/// one, whose kernel along a side is [w₂, w₁ + w₂, w₀ + w₁, w₀].
pub(super) fn fold(weight: Tensor<2>) -> Tensor<2> {
    let [rows, outputs] = weight.dims();
    let len = rows / 9 * outputs;
    let side = |w: Tensor<3>| {
        let [w0, w1, w2] = [0, 1, 2].map(|i| w.clone().slice_dim(1, i..i + 1));
        Tensor::cat(vec![w2.clone(), w1.clone() + w2, w0.clone() + w1, w0], 1)
    };
    let columns = side(weight.reshape([3, 3, len]));
    let rows = side(columns.reshape([1, 3, 4 * len]));
    rows.reshape([16 * len / outputs, outputs])
}

/// With burn's own operations, which GPU backends do well.
pub(super) fn natively(map: &Map, x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let kernel = |w: &Window, order| {
        let shape = [w.kernel, w.kernel, w.input[2], w.output[2]];
        weight.clone().reshape(shape).permute(order)
    };
    match map {
        Map::Linear { .. } => x.matmul(weight),
        Map::Conv2d(w) => {
            let options = ConvOptions::new([w.stride; 2], [w.padding; 2], [1, 1], 1);
            let weight = kernel(w, [3, 2, 0, 1]);
            to_rows(conv2d(to_images(x, w.input), weight, None, options))
        }
        Map::ConvTranspose2d(w) => {
            let options =
                ConvTransposeOptions::new([w.stride; 2], [w.padding; 2], [0, 0], [1, 1], 1);
            let (x, weight) = (to_images(x, w.input), kernel(w, [2, 3, 0, 1]));
            to_rows(conv_transpose2d(x, weight, None, options))
        }
    }
}
