//! The sampling z = μ + T · exp(½ log σ²) · ε.

/// Samples z from a posterior (all μ, then all log σ²) and noise ε, for one item.
pub fn forward(posterior: &[f64], noise: &[f64], temperature: f64) -> Vec<f64> {
    let (mean, log_var) = posterior.split_at(noise.len());
    (0..noise.len())
        .map(|i| mean[i] + temperature * (0.5 * log_var[i]).exp() * noise[i])
        .collect()
}

/// Returns dL/d posterior and dL/dε from dL/dz.
pub fn backward(
    posterior: &[f64],
    noise: &[f64],
    temperature: f64,
    dz: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let deviation = |i: usize| temperature * (0.5 * posterior[noise.len() + i]).exp();
    let of_log_var = |i: usize| dz[i] * 0.5 * deviation(i) * noise[i];
    let count = noise.len();
    let mut dposterior = dz.to_vec();
    dposterior.extend((0..count).map(of_log_var));
    (
        dposterior,
        (0..count).map(|i| dz[i] * deviation(i)).collect(),
    )
}
