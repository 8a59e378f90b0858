//! Two operations that burn lacks, and that make its CPU backend train
//! convolutions about three times faster: [`im2col`] gathers the pixels under every
//! position of a kernel into rows, and [`col2im`] is its transpose.
//!
//! With them a convolution is `im2col(x) · W` and a transposed convolution is
//! `col2im(x · W)`, so all arithmetic happens in burn's matrix product, and each
//! is the other's gradient. Images are channels-innermost, as in the runtimes.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor, TensorData};
use rayon::prelude::*;

/// Where a kernel lies on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patches {
    /// Rows and columns of the image.
    pub image: [usize; 2],
    /// Rows and columns of positions.
    pub positions: [usize; 2],
    /// Values in one pixel.
    pub channels: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Pixels between positions.
    pub stride: usize,
    /// Zeros on every side of the image.
    pub padding: usize,
}

/// `[N, H · W · C]` to `[N · positions, kernel² · C]`.
pub fn im2col(x: Tensor<2>, patches: Patches) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::im2col(x.into_dispatch(), patches))
}

/// `[N · positions, kernel² · C]` to `[N, H · W · C]`, adding where positions overlap.
pub fn col2im(x: Tensor<2>, patches: Patches) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::col2im(x.into_dispatch(), patches))
}

impl Patches {
    fn image_len(&self) -> usize {
        self.image[0] * self.image[1] * self.channels
    }

    fn row_len(&self) -> usize {
        self.kernel * self.kernel * self.channels
    }

    fn rows(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// Calls `copy(row_start, image_start, len)` for every run of values that lies
    /// inside the image: one kernel row at one position.
    fn for_each_run(&self, mut copy: impl FnMut(usize, usize, usize)) {
        let [height, width] = self.image;
        let (kernel, channels) = (self.kernel, self.channels);
        for oy in 0..self.positions[0] {
            for ox in 0..self.positions[1] {
                let row = (oy * self.positions[1] + ox) * self.row_len();
                // Kernel columns that fall on the image: ox · stride + kx − padding in 0..width.
                let left = ox * self.stride;
                let first = self.padding.saturating_sub(left);
                let last = kernel.min((width + self.padding).saturating_sub(left));
                if first >= last {
                    continue;
                }
                for ky in 0..kernel {
                    let Some(y) = (oy * self.stride + ky).checked_sub(self.padding) else {
                        continue;
                    };
                    if y < height {
                        let x = left + first - self.padding;
                        copy(
                            row + (ky * kernel + first) * channels,
                            (y * width + x) * channels,
                            (last - first) * channels,
                        );
                    }
                }
            }
        }
    }
}

#[backend_extension(Flex, Autodiff)]
trait PatchOps: Backend {
    fn im2col(x: FloatTensor<Self>, patches: Patches) -> FloatTensor<Self>;
    fn col2im(x: FloatTensor<Self>, patches: Patches) -> FloatTensor<Self>;
}

impl PatchOps for Flex {
    fn im2col(x: FloatTensor<Self>, p: Patches) -> FloatTensor<Self> {
        let batch = x.shape()[0];
        let x = x.to_contiguous();
        let mut out = vec![0.0f32; batch * p.rows() * p.row_len()];
        out.par_chunks_exact_mut(p.rows() * p.row_len())
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
            .zip(x.storage::<f32>().par_chunks_exact(p.rows() * p.row_len()))
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
}

#[derive(Debug)]
struct Im2col;

impl<B: PatchOps> Backward<B, 1> for Im2col {
    type State = Patches;

    fn backward(self, ops: Ops<Patches, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::col2im(grad, ops.state));
    }
}

#[derive(Debug)]
struct Col2im;

impl<B: PatchOps> Backward<B, 1> for Col2im {
    type State = Patches;

    fn backward(self, ops: Ops<Patches, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, |grad| B::im2col(grad, ops.state));
    }
}

impl<B: PatchOps, C: CheckpointStrategy> PatchOps for Autodiff<B, C> {
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
}
