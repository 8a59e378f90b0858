//! Square matrices, row by row.

use std::ops::{AddAssign, Mul};

/// Eigenvalues and eigenvectors (in columns) of a symmetric matrix, by Jacobi's rotations.
pub fn eigen(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut vectors: Vec<f64> = (0..n * n)
        .map(|i| f64::from(u8::from(i % (n + 1) == 0)))
        .collect();
    for _ in 0..30 {
        let mut off = 0.0;
        for p in 0..n {
            for q in p + 1..n {
                let apq = a[p * n + q];
                off += apq * apq;
                if apq == 0.0 {
                    continue;
                }
                let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for i in 0..n {
                    let (x, y) = (a[i * n + p], a[i * n + q]);
                    (a[i * n + p], a[i * n + q]) = (c * x - s * y, s * x + c * y);
                }
                for i in 0..n {
                    let (x, y) = (a[p * n + i], a[q * n + i]);
                    (a[p * n + i], a[q * n + i]) = (c * x - s * y, s * x + c * y);
                    let (x, y) = (vectors[i * n + p], vectors[i * n + q]);
                    (vectors[i * n + p], vectors[i * n + q]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
        let trace: f64 = (0..n).map(|i| a[i * n + i].abs()).sum();
        if off.sqrt() <= 1e-12 * trace {
            break;
        }
    }
    ((0..n).map(|i| a[i * n + i]).collect(), vectors)
}

/// a · b
pub fn product<T: Copy + Default + AddAssign + Mul<Output = T>>(
    a: &[T],
    b: &[T],
    n: usize,
) -> Vec<T> {
    let mut out = vec![T::default(); n * n];
    for (a, out) in a.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
        for (a, b) in a.iter().zip(b.chunks_exact(n)) {
            for (out, b) in out.iter_mut().zip(b) {
                *out += *a * *b;
            }
        }
    }
    out
}

/// aᵀ
pub fn transposed<T: Copy>(a: &[T], n: usize) -> Vec<T> {
    (0..n * n).map(|i| a[i % n * n + i / n]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vaelet_model::random;

    #[test]
    fn eigenvectors_are_turned_by_nothing() {
        for n in [1, 2, 7, 20] {
            let half: Vec<f64> = random::normals(3, n * n)
                .into_iter()
                .map(f64::from)
                .collect();
            let a = product(&half, &transposed(&half, n), n);
            let (values, vectors) = eigen(a.clone(), n);
            let image = product(&a, &vectors, n);
            for i in 0..n * n {
                let expected = values[i % n] * vectors[i];
                assert!((image[i] - expected).abs() < 1e-9 * a[0].abs().max(1.0) * n as f64);
            }
            let identity = product(&transposed(&vectors, n), &vectors, n);
            for (i, value) in identity.into_iter().enumerate() {
                let expected = f64::from(u8::from(i % (n + 1) == 0));
                assert!((value - expected).abs() < 1e-9);
            }
        }
    }
}
