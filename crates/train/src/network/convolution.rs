//! Linear maps as products: with the operations of [`crate::network::ops`] on the CPU, with burn's own
//! convolutions elsewhere.

use super::ops::{col2im, im2col};
use super::tensors::{on_cpu, to_images, to_rows};
use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use vaelet_model::{Map, Patches, Window};

/// What a step gives before bias and activation, with a weight `[kernel² · inputs, outputs]`.
pub fn product(map: &Map, x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let on_cpu = on_cpu(&x);
    match map {
        Map::Linear { .. } => x.matmul(weight),
        Map::Conv2d(w) if on_cpu => convolve(x, weight, w),
        Map::Conv2d(w) => convolve_natively(x, weight, w),
        Map::ConvTranspose2d(w) if on_cpu => convolve_transposed(x, weight, w),
        Map::ConvTranspose2d(w) => convolve_transposed_natively(x, weight, w),
    }
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

pub(super) fn convolve(x: Tensor<2>, weight: Tensor<2>, w: &Window) -> Tensor<2> {
    let batch = x.dims()[0];
    let rows = im2col(x, Patches::of_conv(w));
    rows.matmul(weight)
        .reshape([batch, w.output.iter().product()])
}

pub(super) fn convolve_transposed(x: Tensor<2>, weight: Tensor<2>, w: &Window) -> Tensor<2> {
    let [batch, len] = x.dims();
    let [inputs, outputs, taps] = [w.input[2], w.output[2], w.kernel * w.kernel];
    // [taps, in, out] to [in, taps · out]: each pixel's contribution to its whole patch.
    let weight = weight
        .reshape([taps, inputs, outputs])
        .swap_dims(0, 1)
        .reshape([inputs, taps * outputs]);
    let rows = x.reshape([batch * len / inputs, inputs]).matmul(weight);
    col2im(rows, Patches::of_transpose(w))
}

/// With burn's own convolution, which GPU backends do well.
pub(super) fn convolve_natively(x: Tensor<2>, weight: Tensor<2>, w: &Window) -> Tensor<2> {
    let weight = kernel(weight, w).permute([3, 2, 0, 1]);
    let options = ConvOptions::new([w.stride; 2], [w.padding; 2], [1, 1], 1);
    to_rows(conv2d(to_images(x, w.input), weight, None, options))
}

/// With burn's own transposed convolution, which GPU backends do well.
pub(super) fn convolve_transposed_natively(
    x: Tensor<2>,
    weight: Tensor<2>,
    w: &Window,
) -> Tensor<2> {
    let weight = kernel(weight, w).permute([2, 3, 0, 1]);
    let options = ConvTransposeOptions::new([w.stride; 2], [w.padding; 2], [0, 0], [1, 1], 1);
    to_rows(conv_transpose2d(
        to_images(x, w.input),
        weight,
        None,
        options,
    ))
}

fn kernel(weight: Tensor<2>, w: &Window) -> Tensor<4> {
    weight.reshape([w.kernel, w.kernel, w.input[2], w.output[2]])
}
