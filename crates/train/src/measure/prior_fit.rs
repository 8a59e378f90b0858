//! The learned prior: a mixture of Gaussians over what the encoder gives for the training
//! data (the aggregate posterior, Hoffman and Johnson 2016). N(0, I) has mass between the
//! images' posteriors, where the decoder was not trained; the mixture has less.

use crate::data::Images;
use crate::data::batch;
use crate::network::to_vec;
use crate::release::loaded::LoadedModel;
use anyhow::{Context, Result};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::GaussianMixtureModel;
use linfa_linalg::cholesky::CholeskyInplace;
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use vaelet_model::{LatentGroup, Prior, Tensor, Tensors, latent, random};

/// Images whose posteriors are drawn from.
const IMAGES: usize = 20_000;
/// Images encoded at once.
const BATCH: usize = 250;
/// Seed of binarization and of ε.
const SEED: u64 = 1;

/// One draw from q(z | x) of each of many training images, `[N, latent]`; several of each
/// where there are few.
///
/// # Errors
/// A device that fails.
pub fn draws(release: &LoadedModel, images: &Images) -> Result<Vec<f32>> {
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let chosen = images.spread(IMAGES);
    let mut draws = Vec::new();
    for _ in 0..IMAGES.div_ceil(chosen.len()).min(10) {
        for chosen in chosen.chunks(BATCH) {
            let x = batch::of(release.model.spec.likelihood, images, chosen, &mut rng);
            let x = batch::to_tensor(x, chosen.len(), &release.device);
            let x = release.given(x, &images.classes(chosen));
            let (mean, log_var) = release.network.encode(&release.graphs, x);
            let (mean, log_var) = (to_vec(mean)?, to_vec(log_var)?);
            let epsilon = random::normals(rng.next_u64(), mean.len());
            draws.extend(latent::reparameterize(&mean, &log_var, &epsilon, 1.0));
        }
    }
    Ok(draws)
}

/// Fits `components` Gaussians with full covariance to each of the `groups` in [`draws`];
/// gives the groups their priors and returns the tensors that these name.
///
/// # Errors
/// Latents that no such mixture can be fitted to, for example too few.
pub fn fit(groups: &mut [LatentGroup], components: usize, draws: &[f32]) -> Result<Tensors> {
    let latent: usize = groups.iter().map(|group| group.size).sum();
    let mut tensors = Tensors::new();
    let mut start = 0;
    for group in groups {
        let columns = start..start + group.size;
        let values = draws.chunks_exact(latent).flat_map(|z| &z[columns.clone()]);
        let values: Vec<f64> = values.copied().map(f64::from).collect();
        let params = format!("prior.{}", group.name);
        for (name, tensor) in mixture(values, group.size, components)? {
            tensors.insert(format!("{params}.{name}"), tensor);
        }
        group.prior = Prior::Mixture { components, params };
        start = columns.end;
    }
    Ok(tensors)
}

/// Weight, mean and Cholesky factor of each component.
fn mixture(
    values: Vec<f64>,
    size: usize,
    components: usize,
) -> Result<[(&'static str, Tensor); 3]> {
    let draws = DatasetBase::from(Array2::from_shape_vec((values.len() / size, size), values)?);
    let fitted = GaussianMixtureModel::params(components)
        .tolerance(0.01)
        .max_n_iterations(300)
        .reg_covariance(1e-4)
        .fit(&draws)
        .with_context(|| format!("no mixture of {components} Gaussians fits the latents"))?;
    let mut factors = Vec::with_capacity(components * size * size);
    for covariance in fitted.covariances().outer_iter() {
        let mut factor = covariance.to_owned();
        factor.cholesky_inplace()?;
        factors.extend(factor.iter().map(|&v| v as f32));
    }
    let single = |values: &mut dyn Iterator<Item = &f64>| values.map(|&v| v as f32).collect();
    Ok([
        (
            "weight",
            Tensor {
                shape: vec![components],
                data: single(&mut fitted.weights().iter()),
            },
        ),
        (
            "mean",
            Tensor {
                shape: vec![components, size],
                data: single(&mut fitted.means().iter()),
            },
        ),
        (
            "factor",
            Tensor {
                shape: vec![components, size, size],
                data: factors,
            },
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_heaps_are_found() {
        let mut group = LatentGroup {
            name: "z".into(),
            size: 2,
            prior: Prior::StandardNormal,
            kl: Vec::new(),
        };
        let mut draws = random::normals(1, 6000);
        for (i, z) in draws.chunks_exact_mut(2).enumerate() {
            z[1] += 0.5 * z[0];
            z[0] += if i % 3 == 0 { -8.0 } else { 8.0 };
        }
        let tensors = fit(std::slice::from_mut(&mut group), 2, &draws).unwrap();
        let get = |name: &str| &tensors[&format!("prior.z.{name}")].data;
        let right = usize::from(get("mean")[2] > 0.0);
        assert!((get("weight")[right] - 2.0 / 3.0).abs() < 0.01);
        assert!((get("mean")[2 * right] - 8.0).abs() < 0.1);
        let factor = &get("factor")[4 * right..][..4];
        for (found, expected) in factor.iter().zip([1.0, 0.0, 0.5, 1.0]) {
            assert!((found - expected).abs() < 0.1, "{factor:?}");
        }
    }
}
