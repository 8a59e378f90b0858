//! Operations that make burn's CPU backend train convolutions fast, as an extension of it.
//!
//! [`convolve`] and [`silu`], and their gradients, are the runtimes' own kernels. [`relu6`] and [`depthwise`] are what a
//! frozen EfficientNet is made of beside products: their parameters get no gradient. Images are channels-innermost, as in
//! the runtimes.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::flex::FlexTensor;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::{Shape, Slice, Tensor, TensorData};
use rayon::prelude::*;
use std::ops::Range;
use vaelet_kernels::{Conv2d, ConvTranspose2d, Epilogue, Operands, WeightSums};
use vaelet_model::{Activation, Finish, Map, Params, Patches, WeightGradient, Window};

/// A x + `bias` of images `[N, H · W · C]`, where A is a convolution or the transpose of one, with a weight
/// `[kernel² · C, C']` and a bias `[C']`.
pub fn convolve(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, map: Map) -> Tensor<2> {
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolve(x, weight, bias.into_dispatch(), map))
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
    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        map: Map,
    ) -> FloatTensor<Self>;
    fn convolve_inputs(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        map: Map,
    ) -> FloatTensor<Self>;
    /// The gradient of the weight, and in a last row that of the bias.
    fn convolve_weights(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        map: Map,
    ) -> FloatTensor<Self>;
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

    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        map: Map,
    ) -> FloatTensor<Self> {
        run(&x, &weight, bias.to_contiguous().storage(), &map)
    }

    fn convolve_inputs(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        map: Map,
    ) -> FloatTensor<Self> {
        run(&grad, &turned(weight, &map), &[0.0], &map.adjoint())
    }

    fn convolve_weights(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        map: Map,
    ) -> FloatTensor<Self> {
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        let [read, written] = image_lens(&map);
        let gradient = weight_gradient(map);
        let parts: Vec<Vec<f32>> = x
            .storage::<f32>()
            .par_chunks(IMAGES * read)
            .zip(grad.storage::<f32>().par_chunks(IMAGES * written))
            .map_init(Vec::new, |scratch, (x, grad)| {
                let mut sums = WeightSums::new(&gradient);
                sums.add(x, grad, scratch);
                let (weight, bias) = sums.sums();
                [&weight, bias].concat()
            })
            .collect();
        let outputs = gradient.params.bias;
        let rows = gradient.params.weight[..3].iter().product::<usize>() + 1;
        let mut sum = vec![0.0f32; rows * outputs];
        // In the order of images, so that the result does not depend on the number of threads.
        for part in parts {
            sum.iter_mut()
                .zip(part)
                .for_each(|(sum, part)| *sum += part);
        }
        FlexTensor::from_data(TensorData::new(sum, Shape::new([rows, outputs])))
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

/// Images that one task works on.
const IMAGES: usize = 8;

/// A convolution or the transpose of one, with its packed weight.
enum Kernel {
    Conv2d(Conv2d),
    ConvTranspose2d(ConvTranspose2d),
}

impl Kernel {
    fn new(map: &Map, weight: &[f32], bias: &[f32]) -> Self {
        let epilogue = Epilogue::new(bias, Finish::Activate(Activation::None));
        match map {
            Map::Conv2d(window) => Self::Conv2d(Conv2d::new(window, weight, epilogue)),
            Map::ConvTranspose2d(window) => {
                Self::ConvTranspose2d(ConvTranspose2d::new(window, weight, epilogue))
            }
            Map::Linear { .. } => unreachable!("{NO_IMAGES}"),
        }
    }

    fn run(&self, x: &[f32], scratch: &mut Vec<f32>, out: &mut [f32]) {
        match self {
            Self::Conv2d(kernel) => kernel.run(x, Operands::default(), scratch, out),
            Self::ConvTranspose2d(kernel) => kernel.run(x, Operands::default(), scratch, out),
        }
    }
}

/// A x + `bias`.
fn run(x: &FlexTensor, weight: &FlexTensor, bias: &[f32], map: &Map) -> FlexTensor {
    let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
    let [read, written] = image_lens(map);
    let kernel = Kernel::new(map, weight.storage(), bias);
    let batch = x.shape()[0];
    let mut out = vec![0.0f32; batch * written];
    out.par_chunks_mut(IMAGES * written)
        .zip(x.storage::<f32>().par_chunks(IMAGES * read))
        .for_each_init(Vec::new, |scratch, (out, x)| kernel.run(x, scratch, out));
    FlexTensor::from_data(TensorData::new(out, Shape::new([batch, written])))
}

const NO_IMAGES: &str = "a linear layer reads no image";

fn window(map: &Map) -> &Window {
    match map {
        Map::Conv2d(window) | Map::ConvTranspose2d(window) => window,
        Map::Linear { .. } => unreachable!("{NO_IMAGES}"),
    }
}

/// Values of an image that is read, and of one that is written.
fn image_lens(map: &Map) -> [usize; 2] {
    let window = window(map);
    [window.input, window.output].map(|shape| shape.iter().product())
}

fn weight_gradient(map: Map) -> WeightGradient {
    let Window {
        input,
        output,
        kernel,
        ..
    } = *window(&map);
    WeightGradient {
        map,
        params: Params {
            name: String::new(),
            weight: vec![kernel, kernel, input[2], output[2]],
            bias: output[2],
            upsampled: false,
            adjoint: false,
        },
        input: 0,
        delta: 0,
    }
}

/// The weight of the adjoint map: `[kernel² · C', C]` of `[kernel² · C, C']`.
fn turned(weight: FlexTensor, map: &Map) -> FlexTensor {
    let [inputs, outputs] = [window(map).input[2], window(map).output[2]];
    let taps = window(map).kernel.pow(2);
    let weight = Flex::float_reshape(weight, Shape::new([taps, inputs, outputs]));
    let weight = Flex::float_swap_dims(weight, 1, 2);
    Flex::float_reshape(weight, Shape::new([taps * outputs, inputs]))
}

#[derive(Debug)]
struct Convolve;

impl<B: CpuOps> Backward<B, 3> for Convolve {
    type State = (FloatTensor<B>, FloatTensor<B>, Map);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [of_x, of_weight, of_bias] = ops.parents;
        let (x, weight, map) = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        if let Some(node) = of_x {
            let gradient = B::convolve_inputs(grad.clone(), weight, map);
            grads.register::<B>(node.id, gradient);
        }
        if of_weight.is_none() && of_bias.is_none() {
            return;
        }
        let both = B::convolve_weights(x, grad, map);
        let [rows, outputs] = both.shape().dims();
        let part = |rows: Range<usize>| {
            let whole = [rows, 0..outputs].map(Slice::from);
            B::float_slice(both.clone(), &whole)
        };
        if let Some(node) = of_weight {
            grads.register::<B>(node.id, part(0..rows - 1));
        }
        if let Some(node) = of_bias {
            let bias = B::float_reshape(part(rows - 1..rows), Shape::new([outputs]));
            grads.register::<B>(node.id, bias);
        }
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

    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        map: Map,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let bias = bias.into_primitive();
        match Convolve.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(op) => {
                let y = B::convolve(x.clone(), weight.clone(), bias, map);
                op.finish((x, weight, map), y)
            }
            OpsKind::UnTracked(op) => op.finish(B::convolve(x, weight, bias, map)),
        }
    }

    fn convolve_inputs(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        map: Map,
    ) -> FloatTensor<Self> {
        let (grad, weight) = (grad.into_primitive(), weight.into_primitive());
        Self::from_inner(B::convolve_inputs(grad, weight, map))
    }

    fn convolve_weights(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        map: Map,
    ) -> FloatTensor<Self> {
        let (x, grad) = (x.into_primitive(), grad.into_primitive());
        Self::from_inner(B::convolve_weights(x, grad, map))
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
    use crate::network::convolution::{biased, natively};
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

    /// Convolutions, their transposes and the gradients of both are burn's own.
    #[test]
    fn convolutions_and_their_gradients_are_burns() {
        // The last three are what the kernels compute by Winograd's transform.
        for (kernel, stride, padding, channels) in [
            (4, 2, 1, [3, 5]),
            (5, 3, 2, [3, 5]),
            (1, 1, 0, [4, 7]),
            (3, 1, 1, [9, 10]),
            (4, 2, 1, [8, 12]),
            (4, 2, 1, [16, 8]),
        ] {
            let side = |s: usize| (s + 2 * padding - kernel) / stride + 1;
            let [large, small] = [[10, 12, channels[0]], [side(10), side(12), channels[1]]];
            let conv = Map::Conv2d(Window {
                input: large,
                output: small,
                kernel,
                stride,
                padding,
            });
            // Of sides that the stride does not divide, the transpose leaves the last out.
            let full = |s: usize| (s - 1) * stride + kernel - 2 * padding;
            let transposed = Map::ConvTranspose2d(Window {
                input: small,
                output: [full(small[0]), full(small[1]), channels[0]],
                kernel,
                stride,
                padding,
            });
            for map in [conv, transposed] {
                let [read, written] = image_lens(&map);
                let w = window(&map);
                // More images than one task takes.
                let x = tensor(1, [IMAGES + 3, read]);
                let weight = tensor(2, [kernel * kernel * w.input[2], w.output[2]]);
                let bias = tensor(4, [1, w.output[2]]).reshape([w.output[2]]).detach();
                let bias: Tensor<1> = bias.require_grad();
                let direction = tensor(3, [IMAGES + 3, written]);
                let results = [true, false].map(|ours| {
                    let y = match ours {
                        true => convolve(x.clone(), weight.clone(), bias.clone(), map),
                        false => biased(natively(&map, x.clone(), weight.clone()), bias.clone()),
                    };
                    let grads = (y.clone() * direction.clone()).sum().backward();
                    let of = |of: &Tensor<2>| {
                        Tensor::from_inner(of.grad(&grads).expect("both are tracked"))
                    };
                    let of_bias =
                        Tensor::<1>::from_inner(bias.grad(&grads).expect("it is tracked"));
                    [y.clone(), of(&x), of(&weight), of_bias.unsqueeze()]
                });
                for (a, b) in results[0].iter().zip(&results[1]) {
                    assert_eq!(a.dims(), b.dims());
                    let scale: f32 = b.clone().abs().max().into_scalar();
                    assert_close(a.clone() / scale, b.clone() / scale);
                }
            }
        }
    }
}
