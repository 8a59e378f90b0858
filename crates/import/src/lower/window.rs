//! Any rectangular kernel with any zeros around the image as a square one with equal zeros on
//! all sides: it gets rows and columns of zeros, so the numbers stay exactly the same.

use crate::graph::Conv;
use vaelet_model::limits::MAX_WINDOW;

/// Side of a square kernel, its stride and its padding, and where the original's first row and
/// column lie in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Square {
    pub side: usize,
    pub stride: usize,
    pub padding: usize,
    pub offset: [usize; 2],
}

/// The smallest square window that gives `output` rows and columns of an image of `input`.
pub(crate) fn fit(conv: &Conv, input: [usize; 2], output: [usize; 2]) -> Option<Square> {
    // Along a side of which there is only one place, the stride does not matter.
    let small = match conv.transposed {
        true => input,
        false => output,
    };
    let stride = match (conv.stride, small) {
        ([a, b], _) if a == b => a,
        ([_, b], [1, _]) => b,
        ([a, _], [_, 1]) => a,
        _ => return None,
    };
    (0..=MAX_WINDOW).find_map(|padding| {
        let mut offset = [0; 2];
        // The least side that holds the kernel, and what a side has to be.
        let (mut least, mut most) = (1, MAX_WINDOW);
        for axis in 0..2 {
            let shift = padding as i64 - conv.before[axis];
            offset[axis] = usize::try_from(shift).ok()?;
            least = least.max(offset[axis].checked_add(conv.kernel[axis])?);
            let (from, to) = (input[axis], output[axis]);
            let (low, high) = match conv.transposed {
                // (from − 1) · stride + side − 2 · padding = to
                true => {
                    let side = (to + 2 * padding).checked_sub((from - 1).checked_mul(stride)?)?;
                    (side, side)
                }
                // (from + 2 · padding − side) / stride + 1 = to, rounded down
                false => {
                    let side = (from + 2 * padding).checked_sub((to - 1).checked_mul(stride)?)?;
                    ((side + 1).saturating_sub(stride), side)
                }
            };
            least = least.max(low);
            most = most.min(high);
        }
        (least <= most).then_some(Square {
            side: least,
            stride,
            padding,
            offset,
        })
    })
}

/// The kernel `[side, side, in, out]` of a window that [`fit`] has found.
pub(crate) fn spread(conv: &Conv, square: Square) -> Vec<f32> {
    let [rows, columns] = conv.kernel;
    let tap = conv.channels[0] * conv.channels[1];
    let mut weight = vec![0.0; square.side * square.side * tap];
    for row in 0..rows {
        for column in 0..columns {
            let [y, x] = [row + square.offset[0], column + square.offset[1]];
            weight[(y * square.side + x) * tap..][..tap]
                .copy_from_slice(&conv.weight[(row * columns + column) * tap..][..tap]);
        }
    }
    weight
}
