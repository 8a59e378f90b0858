//! The fully connected layer.

/// `y[o] = Σᵢ x[i] · weight[i, o]` for one item, with a weight `[inputs, outputs]`.
pub fn forward(x: &[f64], weight: &[f64], outputs: usize) -> Vec<f64> {
    let mut y = vec![0.0; outputs];
    for (i, x) in x.iter().enumerate() {
        for o in 0..outputs {
            y[o] += x * weight[i * outputs + o];
        }
    }
    y
}

/// Returns dL/dx from dL/dy for one item, and adds its dL/dweight to `dweight`.
pub fn backward(x: &[f64], weight: &[f64], dy: &[f64], dweight: &mut [f64]) -> Vec<f64> {
    let outputs = dy.len();
    let mut dx = vec![0.0; x.len()];
    for i in 0..x.len() {
        for o in 0..outputs {
            dx[i] += dy[o] * weight[i * outputs + o];
            dweight[i * outputs + o] += x[i] * dy[o];
        }
    }
    dx
}
