//! Convolution (cross-correlation, as in every deep learning library) and its transpose.

use vaelet_model::Window;

/// Convolution or transposed convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `y[oy, ox, o] += x[oy · stride + ky − padding, …, i] · weight[ky, kx, i, o]`
    Plain,
    /// `y[iy · stride + ky − padding, …, o] += x[iy, ix, i] · weight[ky, kx, i, o]`
    Transposed,
}

/// Calls `visit(x, y, weight)` for every product of one image, with the indices of its input,
/// output and weight. Images are `[H, W, C]`, the weight is `[kernel, kernel, in, out]`. The kernel
/// is applied once for each pixel of the smaller image, and its taps cover pixels of the larger.
fn each(kind: Kind, window: &Window, mut visit: impl FnMut(usize, usize, usize)) {
    let (inputs, outputs) = (window.input[2], window.output[2]);
    let (small, large) = match kind {
        Kind::Plain => (window.output, window.input),
        Kind::Transposed => (window.input, window.output),
    };
    let Window {
        kernel,
        stride,
        padding,
        ..
    } = *window;
    for small_pixel in 0..small[0] * small[1] {
        for tap in 0..kernel * kernel {
            let row = small_pixel / small[1] * stride + tap / kernel;
            let column = small_pixel % small[1] * stride + tap % kernel;
            let inside = (padding..large[0] + padding).contains(&row)
                && (padding..large[1] + padding).contains(&column);
            if !inside {
                continue;
            }
            let pixel = (row - padding) * large[1] + (column - padding);
            let (from, to) = match kind {
                Kind::Plain => (pixel, small_pixel),
                Kind::Transposed => (small_pixel, pixel),
            };
            for i in 0..inputs {
                for o in 0..outputs {
                    let weight = (tap * inputs + i) * outputs + o;
                    visit(from * inputs + i, to * outputs + o, weight);
                }
            }
        }
    }
}

/// Convolves one image `[H, W, C]`; returns `[H', W', C']`.
pub fn forward(kind: Kind, window: &Window, x: &[f64], weight: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; window.output.iter().product()];
    each(kind, window, |i, o, w| out[o] += x[i] * weight[w]);
    out
}

/// Returns dL/dx from dL/dy for one image, and adds its dL/dweight to `dweight`.
pub fn backward(
    kind: Kind,
    window: &Window,
    x: &[f64],
    weight: &[f64],
    dy: &[f64],
    dweight: &mut [f64],
) -> Vec<f64> {
    let mut dx = vec![0.0; x.len()];
    each(kind, window, |i, o, w| {
        dx[i] += dy[o] * weight[w];
        dweight[w] += x[i] * dy[o];
    });
    dx
}
