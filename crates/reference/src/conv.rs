//! Convolution (cross-correlation, as in every deep learning library) and its transpose.

use vaelet_model::Window;

/// Calls `visit(x, y, weight)` with the places of every product of a convolution of one image:
/// `y[oy, ox, o] += x[oy · stride + ky − padding, …, i] · weight[ky, kx, i, o]`. Images are
/// `[H, W, C]`, the weight `[kernel, kernel, in, out]`.
fn products(window: &Window, mut visit: impl FnMut(usize, usize, usize)) {
    let ([height, width, inputs], [rows, columns, outputs]) = (window.input, window.output);
    let Window {
        kernel,
        stride,
        padding,
        ..
    } = *window;
    for oy in 0..rows {
        for ox in 0..columns {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let (y, x) = (oy * stride + ky, ox * stride + kx);
                    let inside = (padding..height + padding).contains(&y)
                        && (padding..width + padding).contains(&x);
                    if !inside {
                        continue;
                    }
                    let pixel = (y - padding) * width + (x - padding);
                    for i in 0..inputs {
                        for o in 0..outputs {
                            visit(
                                pixel * inputs + i,
                                (oy * columns + ox) * outputs + o,
                                ((ky * kernel + kx) * inputs + i) * outputs + o,
                            );
                        }
                    }
                }
            }
        }
    }
}

/// The same of a transposed convolution:
/// `y[iy · stride + ky − padding, …, o] += x[iy, ix, i] · weight[ky, kx, i, o]`.
fn transposed_products(window: &Window, mut visit: impl FnMut(usize, usize, usize)) {
    let ([rows, columns, inputs], [height, width, outputs]) = (window.input, window.output);
    let Window {
        kernel,
        stride,
        padding,
        ..
    } = *window;
    for iy in 0..rows {
        for ix in 0..columns {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let (y, x) = (iy * stride + ky, ix * stride + kx);
                    let inside = (padding..height + padding).contains(&y)
                        && (padding..width + padding).contains(&x);
                    if !inside {
                        continue;
                    }
                    let pixel = (y - padding) * width + (x - padding);
                    for i in 0..inputs {
                        for o in 0..outputs {
                            visit(
                                (iy * columns + ix) * inputs + i,
                                pixel * outputs + o,
                                ((ky * kernel + kx) * inputs + i) * outputs + o,
                            );
                        }
                    }
                }
            }
        }
    }
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A convolution.
    Plain,
    /// A transposed convolution.
    Transposed,
}

fn each(kind: Kind, window: &Window, visit: impl FnMut(usize, usize, usize)) {
    match kind {
        Kind::Plain => products(window, visit),
        Kind::Transposed => transposed_products(window, visit),
    }
}

/// Convolves one image.
pub fn forward(kind: Kind, window: &Window, x: &[f64], weight: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; window.output.iter().product()];
    each(kind, window, |i, o, w| out[o] += x[i] * weight[w]);
    out
}

/// Of dL/dy: dL/dx, and what the image adds to dL/dweight.
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
