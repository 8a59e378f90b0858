//! How far one set of images is from another: the Fréchet distance (Heusel et al. 2017)
//! between Gaussians fitted to features of both, in one of two feature spaces.
//!
//! [`untrained`] features need no download: a fixed random network, whose activations separate
//! images nearly as well as trained ones do for this purpose (Naeem et al. 2020). Three
//! convolutions 3×3 of stride 2 with 16, 32 and 32 channels, weights from N(0, 2 / fan-in)
//! with seeds 1 to 3, each followed by max(x, 0); the features are the means of the last
//! layer's channels over a grid of 4×4, 512 numbers. Grey counts as RGB with three equal
//! channels. They see brightness, layout and stroke before they see fine detail.
//!
//! [`EfficientNet::pooled`](crate::network::efficientnet::EfficientNet::pooled) features, 320 numbers, come
//! from a network that has learned to name what photographs show, and see detail too.
//!
//! Figures compare only with figures of the same features and number of images: the fewer
//! there are, the larger is the distance of even two halves of one data set. Neither is the FID
//! of papers, whose features are those of Inception-v3.

use crate::network::to_vec;
use anyhow::Result;
use burn::tensor::module::{adaptive_avg_pool2d, conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData, activation};
use linfa_linalg::eigh::{EigValshInto, EighInto};
use ndarray::{Array1, Array2, Axis};
use vaelet_model::{ImageShape, random};

const CHANNELS: [usize; 4] = [3, 16, 32, 32];
/// Images looked at at once.
const BATCH: usize = 250;

/// Mean and covariance of the features of some images.
pub struct Features {
    mean: Array1<f64>,
    covariance: Array2<f64>,
}

impl Features {
    /// Of images `[N, C, H, W]` in `[0, 1]`, a batch of which `features` maps to `[N, features]`.
    ///
    /// # Errors
    /// A device that fails.
    pub fn of(
        images: &[f32],
        shape: ImageShape,
        device: &Device,
        features: impl Fn(Tensor<4>) -> Tensor<2>,
    ) -> Result<Self> {
        let mut rows = Vec::new();
        for some in images.chunks(BATCH * shape.len()) {
            let count = some.len() / shape.len();
            let dims = [count, shape.channels, shape.height, shape.width];
            let x = Tensor::<4>::from_data(TensorData::new(some.to_vec(), dims), device);
            rows.extend(to_vec(features(x))?.into_iter().map(f64::from));
        }
        let count = images.len() / shape.len();
        let rows = Array2::from_shape_vec((count, rows.len() / count), rows)?;
        let mean = rows.sum_axis(Axis(0)) / count as f64;
        let centred = rows - &mean;
        let covariance = centred.t().dot(&centred) / (count as f64 - 1.0).max(1.0);
        Ok(Self { mean, covariance })
    }

    /// |m − m′|² + tr(C + C′ − 2 (C C′)^½)
    ///
    /// # Errors
    /// Eigenvalues that do not converge.
    pub fn distance(&self, other: &Self) -> Result<f64> {
        let root = square_root(&self.covariance)?;
        // C^½ C′ C^½ has the eigenvalues of C C′ and is symmetric.
        let product = root.dot(&other.covariance).dot(&root);
        let symmetric = (&product + &product.t()) * 0.5;
        let cross = symmetric.eigvalsh_into()?.mapv(|v| v.max(0.0).sqrt()).sum();
        let means = (&self.mean - &other.mean).mapv(|v| v * v).sum();
        let traces = self.covariance.diag().sum() + other.covariance.diag().sum();
        Ok((means + traces - 2.0 * cross).max(0.0))
    }
}

fn square_root(matrix: &Array2<f64>) -> Result<Array2<f64>> {
    let (values, vectors) = matrix.clone().eigh_into()?;
    let roots = values.mapv(|v| v.max(0.0).sqrt());
    Ok((&vectors * &roots).dot(&vectors.t()))
}

/// The features of a fixed random network, `[N, 512]`, of images `[N, C, H, W]`.
pub fn untrained(images: Tensor<4>) -> Tensor<2> {
    let device = &images.device();
    let channels = images.dims()[1];
    let mut x = images.repeat_dim(1, CHANNELS[0] / channels);
    for (seed, pair) in (1..).zip(CHANNELS.windows(2)) {
        let dims = [pair[1], pair[0], 3, 3];
        let std = (2.0 / (9.0 * pair[0] as f32)).sqrt();
        let weight = random::normals(seed, dims.iter().product());
        let weight = Tensor::from_data(TensorData::new(weight, dims), device) * std;
        let options = ConvOptions::new([2, 2], [1, 1], [1, 1], 1);
        x = activation::relu(conv2d(x, weight, None, options));
    }
    adaptive_avg_pool2d(x, [4, 4]).flatten(1, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape {
        channels: 1,
        height: 16,
        width: 16,
    };

    fn noise(seed: u64, gain: f32) -> Features {
        let images: Vec<f32> = random::normals(seed, 400 * 256)
            .iter()
            .map(|v| 0.5 + gain * v)
            .collect();
        Features::of(&images, SHAPE, &Device::flex(), untrained).unwrap()
    }

    #[test]
    fn like_is_near_and_unlike_is_far() {
        let (a, b, c) = (noise(1, 0.1), noise(2, 0.1), noise(3, 0.3));
        assert!(a.distance(&a).unwrap() < 1e-6);
        let (near, far) = (a.distance(&b).unwrap(), a.distance(&c).unwrap());
        assert!(far > 10.0 * near, "{near} and {far}");
    }

    #[test]
    fn gaussians_with_known_distance() {
        let diagonal = |mean: f64, values: [f64; 2]| Features {
            mean: Array1::from_elem(2, mean),
            covariance: Array2::from_diag(&Array1::from(values.to_vec())),
        };
        let distance = diagonal(0.0, [1.0, 4.0]).distance(&diagonal(1.0, [9.0, 1.0]));
        // Means 2 · 1², deviations (1 − 3)² + (2 − 1)².
        assert!((distance.unwrap() - 7.0).abs() < 1e-9);
    }
}
