//! Transposed convolution.

use crate::gemm::add_product;
use vaelet_model::Window;
use vaelet_model::patches::Patches;

/// `out` += convᵀ(x) for x of shape `[N, H, W, C]` and `out` of `[N, H', W', C']`.
/// `weight` is `[C, k, k, C']` (see [`input_first`]): one product gives what each
/// pixel adds to its whole patch, into `scratch`, and the patches are summed.
pub fn conv_transpose2d(
    window: &Window,
    x: &[f32],
    weight: &[f32],
    scratch: &mut Vec<f32>,
    out: &mut [f32],
) {
    let patches = Patches::of_transpose(window);
    let input: usize = window.input.iter().product();
    let output: usize = window.output.iter().product();
    for (image, out) in x.chunks_exact(input).zip(out.chunks_exact_mut(output)) {
        scratch.clear();
        scratch.resize(patches.matrix_len(), 0.0);
        add_product(image, weight, scratch, window.input[2], patches.row_len());
        patches.for_each_run(|row, pixel, len| {
            for (out, value) in out[pixel..pixel + len].iter_mut().zip(&scratch[row..]) {
                *out += value;
            }
        });
    }
}

/// Reorders a weight from the file's `[k, k, C, C']` to `[C, k, k, C']`.
pub fn input_first(window: &Window, weight: &[f32]) -> Vec<f32> {
    let [inputs, outputs] = [window.input[2], window.output[2]];
    let taps = window.kernel * window.kernel;
    let mut out = Vec::with_capacity(weight.len());
    for input in 0..inputs {
        for tap in 0..taps {
            let start = (tap * inputs + input) * outputs;
            out.extend_from_slice(&weight[start..start + outputs]);
        }
    }
    out
}
