//! Operations that make burn's CPU backend train convolutions about three times faster, as an
//! extension of it.
//!
//! [`im2col`] gathers the pixels under every position of a kernel into rows, and
//! [`col2im`] is its transpose. With them a convolution is `im2col(x) · W` and a
//! transposed convolution is `col2im(x · W)`, so all arithmetic happens in burn's
//! matrix product, and each is the other's gradient. [`silu`] does in one pass what
//! takes burn five. [`relu6`] and [`depthwise`] are what a frozen EfficientNet is made of beside
//! products: their parameters get no gradient. Images are channels-innermost, as in the runtimes.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::{Shape, Tensor, TensorData};
use rayon::prelude::*;
use vaelet_kernels::{Epilogue, Operands};
use vaelet_model::{Activation, Finish, Patches};

/// `[N, H · W · C]` to `[N · positions, kernel² · C]`.
pub fn im2col(x: Tensor<2>, patches: Patches) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::im2col(x.into_dispatch(), patches))
}

/// `[N · positions, kernel² · C]` to `[N, H · W · C]`, adding where positions overlap.
pub fn col2im(x: Tensor<2>, patches: Patches) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::col2im(x.into_dispatch(), patches))
}

/// x · sigmoid(x) of every value (Elfwing et al. 2018).
pub fn silu(x: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::silu(x.into_dispatch()))
}

/// min(max(x + `bias`, 0), 6) of rows `[N, H · W · C]`, with a bias `[C]` for each channel. Only `x` gets
/// a gradient.
pub fn relu6(x: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    let (x, bias) = (x.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::relu6(x, bias))
}

/// A filter of its own for each channel: `[N, H · W · C]` to `[N, positions · C]`, with filters
/// `[kernel², C]`. Only `x` gets a gradient.
pub fn depthwise(x: Tensor<2>, filters: Tensor<2>, patches: Patches) -> Tensor<2> {
    let (x, filters) = (x.into_dispatch(), filters.into_dispatch());
    Tensor::from_dispatch(Dispatch::depthwise(x, filters, patches))
}

#[backend_extension(Flex, Autodiff)]
trait CpuOps: Backend {
    fn relu6(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
    fn relu6_backward(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self>;
    fn depthwise(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        patches: Patches,
    ) -> FloatTensor<Self>;
    fn depthwise_backward(
        grad: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        patches: Patches,
    ) -> FloatTensor<Self>;
    fn im2col(x: FloatTensor<Self>, patches: Patches) -> FloatTensor<Self>;
    fn col2im(x: FloatTensor<Self>, patches: Patches) -> FloatTensor<Self>;
    fn silu(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn silu_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl CpuOps for Flex {
    fn relu6(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, bias) = (x.to_contiguous(), bias.to_contiguous());
        let bias = bias.storage::<f32>();
        let mut out = x.storage::<f32>().to_vec();
        out.par_chunks_mut(whole_rows(bias.len())).for_each(|rows| {
            for row in rows.chunks_exact_mut(bias.len()) {
                for (v, b) in row.iter_mut().zip(bias) {
                    *v = (*v + b).clamp(0.0, 6.0);
                }
            }
        });
        FlexTensor::from_data(TensorData::new(out, x.shape()))
    }

    fn relu6_backward(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let (y, grad) = (y.to_contiguous(), grad.to_contiguous());
        let mut out = grad.storage::<f32>().to_vec();
        out.par_chunks_mut(CHUNK)
            .zip(y.storage::<f32>().par_chunks(CHUNK))
            .for_each(|(out, y)| {
                for (out, &y) in out.iter_mut().zip(y) {
                    *out = if y > 0.0 && y < 6.0 { *out } else { 0.0 };
                }
            });
        FlexTensor::from_data(TensorData::new(out, y.shape()))
    }

    fn depthwise(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        p: Patches,
    ) -> FloatTensor<Self> {
        let batch = x.shape()[0];
        let (x, filters) = (x.to_contiguous(), filters.to_contiguous());
        let filters = filters.storage::<f32>();
        let channels = p.image[2];
        let mut out = vec![0.0f32; batch * p.rows() * channels];
        out.par_chunks_exact_mut(p.rows() * channels)
            .zip(x.storage::<f32>().par_chunks_exact(p.image_len()))
            .for_each(|(out, image)| {
                p.for_each_run(|run, pixel, len| {
                    let (row, taps) = (run / p.row_len() * channels, run % p.row_len());
                    let out = &mut out[row..row + channels];
                    let taps = filters[taps..taps + len].chunks_exact(channels);
                    let pixels = image[pixel..pixel + len].chunks_exact(channels);
                    for (pixel, tap) in pixels.zip(taps) {
                        for ((out, value), weight) in out.iter_mut().zip(pixel).zip(tap) {
                            *out += value * weight;
                        }
                    }
                });
            });
        let shape = Shape::new([batch, p.rows() * channels]);
        FlexTensor::from_data(TensorData::new(out, shape))
    }

    fn depthwise_backward(
        grad: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        p: Patches,
    ) -> FloatTensor<Self> {
        let batch = grad.shape()[0];
        let (grad, filters) = (grad.to_contiguous(), filters.to_contiguous());
        let filters = filters.storage::<f32>();
        let channels = p.image[2];
        let mut out = vec![0.0f32; batch * p.image_len()];
        out.par_chunks_exact_mut(p.image_len())
            .zip(grad.storage::<f32>().par_chunks_exact(p.rows() * channels))
            .for_each(|(image, grad)| {
                p.for_each_run(|run, pixel, len| {
                    let (row, taps) = (run / p.row_len() * channels, run % p.row_len());
                    let grad = &grad[row..row + channels];
                    let taps = filters[taps..taps + len].chunks_exact(channels);
                    let pixels = image[pixel..pixel + len].chunks_exact_mut(channels);
                    for (pixel, tap) in pixels.zip(taps) {
                        for ((value, grad), weight) in pixel.iter_mut().zip(grad).zip(tap) {
                            *value += grad * weight;
                        }
                    }
                });
            });
        FlexTensor::from_data(TensorData::new(out, Shape::new([batch, p.image_len()])))
    }

    fn im2col(x: FloatTensor<Self>, p: Patches) -> FloatTensor<Self> {
        let batch = x.shape()[0];
        let x = x.to_contiguous();
        let mut out = vec![0.0f32; batch * p.matrix_len()];
        out.par_chunks_exact_mut(p.matrix_len())
            .zip(x.storage::<f32>().par_chunks_exact(p.image_len()))
            .for_each(|(rows, image)| {
                p.for_each_run(|row, pixel, len| {
                    rows[row..row + len].copy_from_slice(&image[pixel..pixel + len]);
                });
            });
        let shape = Shape::new([batch * p.rows(), p.row_len()]);
        FlexTensor::from_data(TensorData::new(out, shape))
    }

    fn col2im(x: FloatTensor<Self>, p: Patches) -> FloatTensor<Self> {
        let batch = x.shape()[0] / p.rows();
        let x = x.to_contiguous();
        let mut out = vec![0.0f32; batch * p.image_len()];
        out.par_chunks_exact_mut(p.image_len())
            .zip(x.storage::<f32>().par_chunks_exact(p.matrix_len()))
            .for_each(|(image, rows)| {
                p.for_each_run(|row, pixel, len| {
                    for (pixel, value) in image[pixel..pixel + len].iter_mut().zip(&rows[row..]) {
                        *pixel += value;
                    }
                });
            });
        let shape = Shape::new([batch, p.image_len()]);
        FlexTensor::from_data(TensorData::new(out, shape))
    }

    fn silu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let kernel = Epilogue::new(&[0.0], Finish::Activate(Activation::Silu));
        let mut out = x.storage::<f32>().to_vec();
        out.par_chunks_mut(CHUNK)
            .for_each(|out| kernel.apply(Operands::default(), out, 0..out.len()));
        FlexTensor::from_data(TensorData::new(out, x.shape()))
    }

    fn silu_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        let kernel = Epilogue::new(&[0.0], Finish::Derivative(Activation::Silu, 0));
        let mut out = grad.storage::<f32>().to_vec();
        out.par_chunks_mut(CHUNK)
            .zip(x.storage::<f32>().par_chunks(CHUNK))
            .for_each(|(out, x)| {
                let saved = Operands {
                    saved: Some(x),
                    ..Operands::default()
                };
                kernel.apply(saved, out, 0..out.len());
            });
        FlexTensor::from_data(TensorData::new(out, x.shape()))
    }
}

/// Values that one task of [`silu`] works on: they fit the first-level cache.
const CHUNK: usize = 4096;

/// As many of them as are whole rows of `len`.
fn whole_rows(len: usize) -> usize {
    (CHUNK / len).max(1) * len
}

#[derive(Debug)]
struct Im2col;

impl<B: CpuOps> Backward<B, 1> for Im2col {
    type State = Patches;

    fn backward(self, ops: Ops<Patches, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::col2im(grad, ops.state)
        });
    }
}

#[derive(Debug)]
struct Col2im;

impl<B: CpuOps> Backward<B, 1> for Col2im {
    type State = Patches;

    fn backward(self, ops: Ops<Patches, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::im2col(grad, ops.state)
        });
    }
}

#[derive(Debug)]
struct Silu;

impl<B: CpuOps> Backward<B, 1> for Silu {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::silu_backward(ops.state, grad)
        });
    }
}

#[derive(Debug)]
struct Relu6;

impl<B: CpuOps> Backward<B, 1> for Relu6 {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::relu6_backward(ops.state, grad)
        });
    }
}

#[derive(Debug)]
struct Depthwise;

impl<B: CpuOps> Backward<B, 1> for Depthwise {
    type State = (FloatTensor<B>, Patches);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::depthwise_backward(grad, ops.state.0, ops.state.1)
        });
    }
}

impl<B: CpuOps, C: CheckpointStrategy> CpuOps for Autodiff<B, C> {
    fn relu6(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let bias = bias.into_primitive();
        match Relu6.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(op) => {
                let y = B::relu6(x.into_primitive(), bias);
                op.finish(y.clone(), y)
            }
            OpsKind::UnTracked(op) => op.finish(B::relu6(x.into_primitive(), bias)),
        }
    }

    fn relu6_backward(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(B::relu6_backward(y.into_primitive(), grad.into_primitive()))
    }

    fn depthwise(
        x: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        patches: Patches,
    ) -> FloatTensor<Self> {
        let filters = filters.into_primitive();
        match Depthwise
            .prepare::<C>([x.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(op) => {
                let y = B::depthwise(x.into_primitive(), filters.clone(), patches);
                op.finish((filters, patches), y)
            }
            OpsKind::UnTracked(op) => op.finish(B::depthwise(x.into_primitive(), filters, patches)),
        }
    }

    fn depthwise_backward(
        grad: FloatTensor<Self>,
        filters: FloatTensor<Self>,
        patches: Patches,
    ) -> FloatTensor<Self> {
        let (grad, filters) = (grad.into_primitive(), filters.into_primitive());
        Self::from_inner(B::depthwise_backward(grad, filters, patches))
    }

    fn im2col(x: FloatTensor<Self>, patches: Patches) -> FloatTensor<Self> {
        match Im2col.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(op) => op.finish(patches, B::im2col(x.into_primitive(), patches)),
            OpsKind::UnTracked(op) => op.finish(B::im2col(x.into_primitive(), patches)),
        }
    }

    fn col2im(x: FloatTensor<Self>, patches: Patches) -> FloatTensor<Self> {
        match Col2im.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(op) => op.finish(patches, B::col2im(x.into_primitive(), patches)),
            OpsKind::UnTracked(op) => op.finish(B::col2im(x.into_primitive(), patches)),
        }
    }
    fn silu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match Silu.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(op) => {
                let x = x.into_primitive();
                op.finish(x.clone(), B::silu(x))
            }
            OpsKind::UnTracked(op) => op.finish(B::silu(x.into_primitive())),
        }
    }

    fn silu_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        // A gradient of a gradient is never asked for; burn has first derivatives only.
        Self::from_inner(B::silu_backward(x.into_primitive(), grad.into_primitive()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, activation};
    use vaelet_model::random;

    fn tensor(seed: u64, shape: [usize; 2]) -> Tensor<2> {
        let values = random::normals(seed, shape[0] * shape[1]);
        let data = TensorData::new(values.iter().map(|v| 4.0 * v).collect::<Vec<_>>(), shape);
        Tensor::from_data(data, &Device::flex().autodiff()).require_grad()
    }

    fn assert_close(a: Tensor<2>, b: Tensor<2>) {
        let largest: f32 = (a - b).abs().max().into_scalar();
        assert!(largest < 1e-5, "{largest}");
    }

    #[test]
    fn silu_and_its_gradient_are_burns() {
        let (x, weight) = (tensor(1, [7, 1000]), tensor(2, [7, 1000]));
        assert_close(silu(x.clone()), activation::silu(x.clone()));
        let gradient = |y: Tensor<2>| {
            let grads = (y * weight.clone()).sum().backward();
            x.grad(&grads).expect("x is tracked")
        };
        assert_close(
            gradient(silu(x.clone())),
            gradient(activation::silu(x.clone())),
        );
    }

    /// ⟨im2col(a), b⟩ = ⟨a, col2im(b)⟩, and each is the other's gradient.
    #[test]
    fn im2col_and_col2im_are_each_others_transpose() {
        for (kernel, stride, padding) in [(3, 1, 1), (4, 2, 1), (2, 3, 0), (5, 1, 2)] {
            let side = |s: usize| (s + 2 * padding - kernel) / stride + 1;
            let patches = Patches {
                image: [7, 9, 3],
                positions: [side(7), side(9)],
                kernel,
                stride,
                padding,
            };
            let a = tensor(1, [2, patches.image_len()]);
            let b = tensor(2, [2 * patches.rows(), patches.row_len()]);
            let left = (im2col(a.clone(), patches) * b.clone()).sum();
            let right = (a.clone() * col2im(b.clone(), patches)).sum();
            let values = [
                left.clone().into_scalar::<f32>(),
                right.into_scalar::<f32>(),
            ];
            assert!(
                (values[0] - values[1]).abs() < 1e-3 * values[0].abs().max(1.0),
                "{values:?}"
            );
            let grads = left.backward();
            assert_close(
                Tensor::from_inner(a.grad(&grads).expect("a is tracked")),
                col2im(b.clone(), patches),
            );
        }
    }
}
