//! Transposed convolution.

use crate::epilogue::{Epilogue, Operands};
use crate::first_values;
use crate::math::gemm::Packed;
use crate::math::lanes::add_to;
use crate::math::winograd::{FourTapsTransposed, Winograd};
use vaelet_model::{Patches, Window};

/// A transposed convolution with its packed weight.
pub struct ConvTranspose2d {
    window: Window,
    method: Method,
    epilogue: Epilogue,
}

enum Method {
    /// A product with the weight as `[C, k, k, C']` yields a patch for each input pixel; the
    /// patches are summed in the output (col2im).
    Patches(Packed),
    Winograd(Winograd<FourTapsTransposed, 4, 5, 6, 4>),
}

impl ConvTranspose2d {
    /// Packs a weight `[k, k, C, C']`.
    pub fn new(window: &Window, weight: &[f32], epilogue: Epilogue) -> Self {
        let four_taps = (window.kernel, window.stride, window.padding) == (4, 2, 1);
        Self {
            window: *window,
            method: if four_taps && window.input[2].min(window.output[2]) >= 8 {
                Method::Winograd(Winograd::new(window, weight))
            } else {
                let columns = window.kernel * window.kernel * window.output[2];
                Method::Patches(Packed::new(&input_first(window, weight), columns))
            },
            epilogue,
        }
    }

    /// Writes epilogue(convᵀ(x)) to `out`, for `x` of shape `[N, H, W, C]` and `out` of shape
    /// `[N, H', W', C']`.
    pub fn run(&self, x: &[f32], operands: Operands<'_>, scratch: &mut Vec<f32>, out: &mut [f32]) {
        match &self.method {
            Method::Patches(weight) => self.patches(weight, x, operands, scratch, out),
            Method::Winograd(weight) => weight.run(x, operands, &self.epilogue, scratch, out),
        }
    }

    fn patches(
        &self,
        weight: &Packed,
        x: &[f32],
        operands: Operands<'_>,
        scratch: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        let patches = Patches::of_transpose(&self.window);
        let input: usize = self.window.input.iter().product();
        let output: usize = self.window.output.iter().product();
        let matrix = first_values(scratch, patches.matrix_len());
        for (i, image) in x.chunks_exact(input).enumerate() {
            weight.multiply(image, matrix);
            let range = i * output..(i + 1) * output;
            let sums = &mut out[range.clone()];
            sums.fill(0.0);
            patches.for_each_run(|row, pixel, len| {
                add_to(&mut sums[pixel..pixel + len], &matrix[row..row + len]);
            });
            self.epilogue.apply(operands, out, range);
        }
    }
}

/// Reorders a weight from the file's `[k, k, C, C']` to `[C, k, k, C']`.
fn input_first(window: &Window, weight: &[f32]) -> Vec<f32> {
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
