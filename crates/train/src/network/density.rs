//! The learned prior's density, differentiable: with it the mixture can be trained along
//! with encoder and decoder, and counts as p(z) when a model is measured.

use super::tensors::{to_vec, towards};
use anyhow::{Context, Result, ensure};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};
use linfa_linalg::triangular::{SolveTriangularInplace, UPLO};
use ndarray::{Array2, ArrayView2};
use std::f32::consts::TAU;
use vaelet_model::{Model, Prior, Tensors};

/// Σ πₖ N(z; mₖ, (Wₖ Wₖᵀ)⁻¹)
#[derive(Module, Debug)]
pub struct Density {
    /// ln πₖ and a constant, `[K]`
    logit: Param<Tensor<1>>,
    /// m, `[K, L]`
    mean: Param<Tensor<2>>,
    /// W, `[K, L, L]`: upper triangular, with the logarithm of its diagonal in the diagonal;
    /// what lies below means nothing
    whitening: Param<Tensor<3>>,
}

/// Name of the prior's tensors in the weights file.
const PARAMS: &str = "prior.z";

impl Density {
    /// The mixture that is the prior of `model`'s only latent group; none where all groups have
    /// N(0, I).
    ///
    /// # Errors
    /// A covariance without an inverse, or several groups, one of which has a mixture: without
    /// it figures would be those of another prior.
    pub fn of(model: &Model, device: &Device) -> Result<Option<Self>> {
        let groups = model.spec.latents.as_slice();
        let [group] = groups else {
            ensure!(
                groups
                    .iter()
                    .all(|group| group.prior == Prior::StandardNormal),
                "{} has a learned prior over {} latent groups; only one group can be trained or measured with one",
                model.spec.name,
                groups.len(),
            );
            return Ok(None);
        };
        let Prior::Mixture { components, params } = &group.prior else {
            return Ok(None);
        };
        let (count, size) = (*components, group.size);
        let get = |name: &str| model.weights.get(&format!("{params}.{name}"));
        let logit: Vec<f32> = get("weight").iter().map(|w| w.max(1e-8).ln()).collect();
        let mut whitening: Vec<f32> = Vec::with_capacity(count * size * size);
        for factor in get("factor").chunks_exact(size * size) {
            // F⁻ᵀ, so that (z − m) W is white.
            let mut inverse = inverse(factor, size)?.reversed_axes();
            inverse.diag_mut().mapv_inplace(f32::ln);
            whitening.extend(inverse.iter());
        }
        let logit = TensorData::new(logit, [count]);
        let mean = TensorData::new(get("mean").to_vec(), [count, size]);
        let whitening = TensorData::new(whitening, [count, size, size]);
        Ok(Some(Self {
            logit: Param::from_data(logit, device),
            mean: Param::from_data(mean, device),
            whitening: Param::from_data(whitening, device),
        }))
    }

    /// ln p(z) of each of `z`, `[N, L]`, as `[N]`.
    pub fn log(&self, z: Tensor<2>) -> Tensor<1> {
        let (whitening, mean) = (self.whitening.val(), self.mean.val());
        let [components, size] = mean.dims();
        let eye = Tensor::<2>::eye(size, &z.device()).unsqueeze::<3>();
        let diagonal = whitening.clone() * eye.clone();
        let scale: Tensor<1> = diagonal.clone().sum_dims_squeeze(&[1, 2]);
        let whitening = whitening.triu(1) + diagonal.exp() * eye;
        let centred = z.unsqueeze::<3>() - mean.reshape([components, 1, size]);
        let distance = centred
            .matmul(whitening)
            .square()
            .sum_dim(2)
            .squeeze_dim::<2>(2);
        let scale = scale + activation::log_softmax(self.logit.val(), 0);
        let each = scale.reshape([components, 1]) - distance * 0.5;
        let largest = each.clone().detach().max_dim(0);
        let sum = (each - largest.clone()).exp().sum_dim(0).log() + largest;
        sum.squeeze_dim::<1>(0) - 0.5 * size as f32 * TAU.ln()
    }

    /// The prior as a model's description names it.
    pub fn spec(&self) -> Prior {
        Prior::Mixture {
            components: self.mean.val().dims()[0],
            params: PARAMS.into(),
        }
    }

    /// Weights, means and Cholesky factors of the covariances, as the runtimes read them.
    ///
    /// # Errors
    /// A device that fails.
    pub fn to_tensors(&self) -> Result<Tensors> {
        let [count, size] = self.mean.val().dims();
        let mut factors = Vec::with_capacity(count * size * size);
        for whitening in to_vec(self.whitening.val())?.chunks_exact(size * size) {
            let mut lower = ArrayView2::from_shape((size, size), whitening)?
                .t()
                .to_owned();
            lower.diag_mut().mapv_inplace(f32::exp);
            let lower: Vec<f32> = lower.iter().copied().collect();
            factors.extend(inverse(&lower, size)?.iter());
        }
        let weight = to_vec(activation::softmax(self.logit.val(), 0))?;
        Ok([
            ("weight", vec![count], weight),
            ("mean", vec![count, size], to_vec(self.mean.val())?),
            ("factor", vec![count, size, size], factors),
        ]
        .map(|(name, shape, data)| {
            (
                format!("{PARAMS}.{name}"),
                vaelet_model::Tensor { shape, data },
            )
        })
        .into())
    }

    /// As [`crate::network::Network::average`].
    pub fn average(self, other: &Self, decay: f64) -> Self {
        Self {
            logit: towards(self.logit, &other.logit, decay),
            mean: towards(self.mean, &other.mean, decay),
            whitening: towards(self.whitening, &other.whitening, decay),
        }
    }
}

/// The inverse of a lower triangular matrix `[size, size]`, whose upper half is not read.
fn inverse(lower: &[f32], size: usize) -> Result<Array2<f32>> {
    let mut lower = ArrayView2::from_shape((size, size), lower)?.to_owned();
    for ((row, column), value) in lower.indexed_iter_mut() {
        if column > row {
            *value = 0.0;
        }
    }
    let mut inverse = Array2::eye(size);
    lower
        .solve_triangular_inplace(&mut inverse, UPLO::Lower)
        .context("a component of the prior has no width in some direction")?;
    Ok(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_density_of_one_wide_gaussian_is_known() {
        let device = Device::flex();
        // One component: F = [[2, 0], [1, 0.5]], m = (1, −1).
        let factor = [2.0, 0.0, 1.0, 0.5];
        let mut whitening = inverse(&factor, 2).unwrap().reversed_axes();
        whitening.diag_mut().mapv_inplace(f32::ln);
        let whitening: Vec<f32> = whitening.iter().copied().collect();
        let density = Density {
            logit: Param::from_data(TensorData::new(vec![0.3f32], [1]), &device),
            mean: Param::from_data(TensorData::new(vec![1.0f32, -1.0], [1, 2]), &device),
            whitening: Param::from_data(TensorData::new(whitening, [1, 2, 2]), &device),
        };
        // z = m + F (1, 2), whose density is that of (1, 2) over |F| = 1.
        let z = Tensor::<2>::from_data(TensorData::new(vec![3.0f32, 1.0], [1, 2]), &device);
        let log: f32 = density.log(z).into_scalar();
        assert!((log - (-2.5 - TAU.ln())).abs() < 1e-5, "{log}");
        let tensors = density.to_tensors().unwrap();
        assert_eq!(tensors["prior.z.weight"].data, [1.0]);
        for (found, expected) in tensors["prior.z.factor"].data.iter().zip(factor) {
            assert!((found - expected).abs() < 1e-5);
        }
    }
}
