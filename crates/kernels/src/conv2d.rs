//! Convolution (cross-correlation, as in every deep learning library).

use crate::epilogue::{Epilogue, Operands};
use crate::first_values;
use crate::math::gemm::Packed;
#[cfg(feature = "gradients")]
use crate::math::winograd::FourTapsStrided;
#[cfg(not(feature = "small"))]
use crate::math::winograd::ThreeTaps;
use crate::math::winograd::Winograd;
use vaelet_model::{Patches, Window};

/// A convolution with its packed weight.
pub struct Conv2d {
    window: Window,
    method: Method,
    epilogue: Epilogue,
}

enum Method {
    /// Gathers the patches of an image (im2col) and multiplies them by the weight.
    Patches(Packed),
    #[cfg(not(feature = "small"))]
    ThreeTaps(Winograd<ThreeTaps, 4, 4, 4, 2>),
    /// It takes 1.7 KB of wasm, so the page's first module is built without it.
    #[cfg(feature = "gradients")]
    FourTaps(Winograd<FourTapsStrided, 6, 3, 3, 2>),
}

impl Conv2d {
    /// Packs a weight `[k, k, C, C']`.
    pub fn new(window: &Window, weight: &[f32], epilogue: Epilogue) -> Self {
        let [inputs, outputs] = [window.input[2], window.output[2]];
        let pays = inputs.min(outputs) >= 8;
        Self {
            window: *window,
            method: match (window.kernel, window.stride) {
                #[cfg(not(feature = "small"))]
                (3, 1) if pays => Method::ThreeTaps(Winograd::new(window, weight)),
                #[cfg(feature = "gradients")]
                (4, 2) if pays => Method::FourTaps(Winograd::new(window, weight)),
                _ => Method::Patches(Packed::new(weight, outputs)),
            },
            epilogue,
        }
    }

    /// Writes epilogue(conv(x)) to `out`, for `x` of shape `[N, H, W, C]` and `out` of shape
    /// `[N, H', W', C']`.
    pub fn run(&self, x: &[f32], operands: Operands<'_>, scratch: &mut Vec<f32>, out: &mut [f32]) {
        match &self.method {
            Method::Patches(weight) => self.patches(weight, x, operands, scratch, out),
            #[cfg(not(feature = "small"))]
            Method::ThreeTaps(weight) => weight.run(x, operands, &self.epilogue, scratch, out),
            #[cfg(feature = "gradients")]
            Method::FourTaps(weight) => weight.run(x, operands, &self.epilogue, scratch, out),
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
        let patches = Patches::of_conv(&self.window);
        let input: usize = self.window.input.iter().product();
        let output: usize = self.window.output.iter().product();
        let matrix = first_values(scratch, patches.matrix_len());
        for (i, image) in x.chunks_exact(input).enumerate() {
            matrix.fill(0.0);
            patches.for_each_run(|row, pixel, len| {
                matrix[row..row + len].copy_from_slice(&image[pixel..pixel + len]);
            });
            let range = i * output..(i + 1) * output;
            weight.multiply(matrix, &mut out[range.clone()]);
            self.epilogue.apply(operands, out, range);
        }
    }
}
