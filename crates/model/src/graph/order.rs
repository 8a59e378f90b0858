//! The orders of an image's values in a runtime: callers see `[N, C, H, W]`, kernels read
//! `[N, H, W, C]`.

/// `[N, C, H, W]` to `[N, H, W, C]`, the order in which kernels read; `len` is C · H · W.
pub fn channels_last(images: &[f32], channels: usize, len: usize) -> Vec<f32> {
    transpose(images, len, channels, len / channels)
}

/// `[N, H, W, C]` to `[N, C, H, W]`.
pub fn channels_first(images: &[f32], channels: usize, len: usize) -> Vec<f32> {
    transpose(images, len, len / channels, channels)
}

/// Transposes each matrix of `rows` rows in a batch of matrices of `len` values.
fn transpose(values: &[f32], len: usize, rows: usize, columns: usize) -> Vec<f32> {
    if rows == 1 || columns == 1 {
        return values.to_vec();
    }
    let mut out = Vec::with_capacity(values.len());
    for matrix in values.chunks_exact(len) {
        for column in 0..columns {
            out.extend((0..rows).map(|row| matrix[row * columns + column]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_each_others_inverse() {
        let first: Vec<f32> = (0..12).map(|v| v as f32).collect();
        let last = channels_last(&first, 3, 6);
        assert_eq!(last, [0., 2., 4., 1., 3., 5., 6., 8., 10., 7., 9., 11.]);
        assert_eq!(channels_first(&last, 3, 6), first);
    }
}
