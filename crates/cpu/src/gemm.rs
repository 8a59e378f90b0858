//! The matrix product that all kernels end in.

/// C += A · B, with A of shape `[rows, inner]`, B of `[inner, columns]`, row-major.
pub fn add_product(a: &[f32], b: &[f32], c: &mut [f32], inner: usize, columns: usize) {
    let rows = c.len() / columns;
    assert_eq!(a.len(), rows * inner);
    assert_eq!(b.len(), inner * columns);
    assert_eq!(c.len(), rows * columns);
    // A GEMM first copies B into panels, which for a few rows costs more than the product.
    if rows < 4 {
        for (a, c) in a.chunks_exact(inner).zip(c.chunks_exact_mut(columns)) {
            add_row(a, b, c);
        }
        return;
    }
    // SAFETY: the lengths asserted above are those that the strides imply, and C is
    // borrowed mutably, so it overlaps neither A nor B.
    unsafe {
        matrixmultiply::sgemm(
            rows,
            inner,
            columns,
            1.0,
            a.as_ptr(),
            inner as isize,
            1,
            b.as_ptr(),
            columns as isize,
            1,
            1.0,
            c.as_mut_ptr(),
            columns as isize,
            1,
        );
    }
}

/// c += a · B for one row: B is read once, front to back.
fn add_row(a: &[f32], b: &[f32], c: &mut [f32]) {
    for (&a, b) in a.iter().zip(b.chunks_exact(c.len())) {
        for (c, b) in c.iter_mut().zip(b) {
            *c += a * b;
        }
    }
}
