//! What frameworks have in common: how convolutions lie in files, what "same" means, and the folding of a
//! batch normalisation.

use crate::graph::{Conv, Op, Order};
use crate::values::Tensor;
use crate::{Error, Result};

/// `γ (x − mean) / √(var + ε) + β` along an axis.
pub(crate) fn batch_norm(
    axis: usize,
    [gamma, beta, mean, var]: [&[f32]; 4],
    epsilon: f32,
) -> Option<Op> {
    let len = mean.len();
    if len == 0 || [gamma, beta, var].iter().any(|values| values.len() != len) {
        return None;
    }
    let factor = |i: usize| f64::from(gamma[i]) / (f64::from(var[i]) + f64::from(epsilon)).sqrt();
    let shift = |i: usize| f64::from(beta[i]) - f64::from(mean[i]) * factor(i);
    Some(Op::Affine {
        axis,
        scale: (0..len).map(|i| factor(i) as f32).collect(),
        shift: (0..len).map(|i| shift(i) as f32).collect(),
    })
}

/// A convolution whose weight lies as PyTorch and ONNX have it: `[out, in / groups, rows, columns]`,
/// its transpose `[in, out / groups, rows, columns]`. Groups and dilation become zeros in the weight.
pub(crate) fn torch_conv(
    file: &str,
    weight: Tensor,
    bias: Vec<f32>,
    groups: i64,
    dilation: [usize; 2],
    transposed: bool,
) -> Result<Option<Conv>> {
    let &[a, b, rows, columns] = &weight.shape[..] else {
        return Ok(None);
    };
    let Some(groups) = usize::try_from(groups)
        .ok()
        .filter(|g| *g > 0 && a.is_multiple_of(*g))
    else {
        return Ok(None);
    };
    let (inputs, outputs) = match transposed {
        true => (a, b.saturating_mul(groups)),
        false => (b.saturating_mul(groups), a),
    };
    let kernel = [(rows, dilation[0]), (columns, dilation[1])].map(|(side, step)| {
        side.saturating_sub(1)
            .saturating_mul(step)
            .saturating_add(1)
    });
    let len = crate::values::count(&[kernel[0], kernel[1], inputs, outputs]);
    let Some(len) = len.filter(|len| *len > 0 && *len <= 1 << 24 && rows > 0 && columns > 0) else {
        return Err(Error::unsupported(
            file,
            "so large a convolution",
            "use fewer channels",
        ));
    };
    let mut full = vec![0.0; len];
    let (own_in, own_out) = (inputs / groups, outputs / groups);
    for i in 0..inputs {
        let group = i / own_in.max(1);
        for o in group * own_out..(group + 1) * own_out {
            let stored = match transposed {
                true => (i * b + o % own_out) * rows * columns,
                false => (o * b + i % own_in) * rows * columns,
            };
            for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                let tap = y * dilation[0] * kernel[1] + x * dilation[1];
                full[(tap * inputs + i) * outputs + o] = weight.data[stored + y * columns + x];
            }
        }
    }
    let bias = if bias.is_empty() {
        vec![0.0; outputs]
    } else {
        bias
    };
    Ok(Some(Conv {
        transposed,
        order: Order::ChannelsFirst,
        weight: full,
        bias,
        kernel,
        channels: [inputs, outputs],
        stride: [1; 2],
        before: [0; 2],
        after: [0; 2],
    }))
}

/// Zeros by which a convolution gives a stride's share of its image, rounded up; what is odd lies
/// behind. For a transposed convolution the zeros of the one that it is the transpose of.
pub(crate) fn same(conv: &mut Conv, image: [usize; 2]) {
    for (axis, side) in image.into_iter().enumerate() {
        let (side, stride) = (side as i64, conv.stride[axis] as i64);
        let (large, small) = match conv.transposed {
            true => (side * stride, side),
            false => (side, (side + stride - 1) / stride),
        };
        let zeros = ((small - 1) * stride + conv.kernel[axis] as i64 - large).max(0);
        conv.before[axis] = zeros / 2;
        conv.after[axis] = zeros - zeros / 2;
        if conv.transposed {
            // Where the kernel is smaller than the stride, rows are added behind.
            let full = (small - 1) * stride + conv.kernel[axis] as i64 - zeros;
            conv.after[axis] -= (large - full).max(0);
        }
    }
}

/// A convolution whose weight lies as TensorFlow has it: `[rows, columns, in, out]`, its transpose
/// `[rows, columns, out, in]`.
pub(crate) fn tensorflow_conv(
    weight: &Tensor,
    bias: Vec<f32>,
    stride: [usize; 2],
    transposed: bool,
) -> Option<Conv> {
    let &[rows, columns, a, b] = &weight.shape[..] else {
        return None;
    };
    let (channels, data) = match transposed {
        true => ([b, a], crate::values::transpose(weight, &[0, 1, 3, 2]).data),
        false => ([a, b], weight.data.clone()),
    };
    let bias = if bias.is_empty() {
        vec![0.0; channels[1]]
    } else {
        bias
    };
    let sides = [rows, columns, a, b, stride[0], stride[1]];
    (!sides.contains(&0) && stride.iter().all(|&side| side <= 4096)).then_some(Conv {
        transposed,
        order: Order::ChannelsLast,
        weight: data,
        bias,
        kernel: [rows, columns],
        channels,
        stride,
        before: [0; 2],
        after: [0; 2],
    })
}
