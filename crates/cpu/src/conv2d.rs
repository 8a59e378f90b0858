//! Convolution (cross-correlation, as in every deep learning library).

use crate::gemm::add_product;
use vaelet_model::Window;
use vaelet_model::patches::Patches;

/// `out` += conv(x) for x of shape `[N, H, W, C]`, `weight` of `[k, k, C, C']` and
/// `out` of `[N, H', W', C']`. Gathers the patches of one image at a time into
/// `scratch` and multiplies them with the weight.
pub fn conv2d(window: &Window, x: &[f32], weight: &[f32], scratch: &mut Vec<f32>, out: &mut [f32]) {
    let patches = Patches::of_conv(window);
    let input: usize = window.input.iter().product();
    let output: usize = window.output.iter().product();
    for (image, out) in x.chunks_exact(input).zip(out.chunks_exact_mut(output)) {
        scratch.clear();
        scratch.resize(patches.matrix_len(), 0.0);
        patches.for_each_run(|row, pixel, len| {
            scratch[row..row + len].copy_from_slice(&image[pixel..pixel + len]);
        });
        add_product(scratch, weight, out, patches.row_len(), window.output[2]);
    }
}
