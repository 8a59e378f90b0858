//! Numbers as other people's files store them, widened to f32.

use half::{bf16, f16};

/// Most values in all tensors of the files together: a weight file of vaelet's own at f32.
pub(crate) const MAX_VALUES: usize = 1 << 26;

pub(crate) use vaelet_model::Tensor;

/// A type of stored numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    F16,
    Bf16,
    F64,
    I8,
    U8,
    I16,
    I32,
    I64,
    Bool,
}

impl Kind {
    /// Bytes of one value.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    /// Little-endian values; bytes that do not fill one are left out.
    pub(crate) fn widen(self, bytes: &[u8]) -> Vec<f32> {
        fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            let (chunks, _) = bytes.as_chunks::<N>();
            chunks.iter().map(|chunk| value(*chunk)).collect()
        }
        match self {
            Self::F32 => each(bytes, f32::from_le_bytes),
            Self::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Self::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
            Self::I8 => each(bytes, |b| f32::from(i8::from_le_bytes(b))),
            Self::U8 | Self::Bool => each(bytes, |b| f32::from(u8::from_le_bytes(b))),
            Self::I16 => each(bytes, |b| f32::from(i16::from_le_bytes(b))),
            Self::I32 => each(bytes, |b| i32::from_le_bytes(b) as f32),
            Self::I64 => each(bytes, |b| i64::from_le_bytes(b) as f32),
        }
    }
}

/// Number of values of a shape; nothing where that is more than [`MAX_VALUES`].
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    let product = |n: usize, &dim: &usize| n.checked_mul(dim);
    let count = shape.iter().try_fold(1, product)?;
    (count <= MAX_VALUES).then_some(count)
}

/// A tensor whose axis `i` is axis `axes[i]` of `tensor`.
pub(crate) fn transpose(tensor: &Tensor, axes: &[usize]) -> Tensor {
    let strides = strides(&tensor.shape);
    let shape: Vec<usize> = axes.iter().map(|&axis| tensor.shape[axis]).collect();
    let steps: Vec<usize> = axes.iter().map(|&axis| strides[axis]).collect();
    let data = indices(&shape, &steps)
        .into_iter()
        .map(|i| tensor.data[i])
        .collect();
    Tensor { shape, data }
}

/// Steps between neighbours along each axis, row-major.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The offset of each element of a view of this shape and these steps, in row-major order.
pub(crate) fn indices(shape: &[usize], steps: &[usize]) -> Vec<usize> {
    let mut all = vec![0];
    for (&side, &step) in shape.iter().zip(steps) {
        let mut next = Vec::with_capacity(all.len() * side);
        for start in all {
            next.extend((0..side).map(|i| start + i * step));
        }
        all = next;
    }
    all
}
