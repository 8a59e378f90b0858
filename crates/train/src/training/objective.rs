//! The negative ELBO, from the decoder's logits, in nats per image.

use crate::network::{Graphs, Labelled, Network};
use burn::tensor::{Tensor, activation};
use std::f32::consts::TAU;
use vaelet_model::Likelihood;

/// One estimate of the two halves of the loss, and what they were made of.
pub struct Elbo {
    /// −log p(x | z) of each image, `[N]`.
    pub reconstruction: Tensor<1>,
    /// KL(q(z | x) ‖ p(z)) of each image, `[N]`; one sample's estimate where p(z) is learned.
    pub divergence: Tensor<1>,
    /// KL(q(z | x) ‖ N(0, I)) of each variable of each image, `[N, latent]`.
    pub kl: Tensor<2>,
    /// μ of each image, `[N, latent]`.
    pub mean: Tensor<2>,
    /// z of each image, `[N, latent]`.
    pub z: Tensor<2>,
}

/// Encodes the images of `input`, `[N, H · W · C]` in `[0, 1]`, draws z = μ + σ · `epsilon`, decodes
/// it with the condition of `target`, and compares what comes back with the images of `target`
/// (Kingma and Welling 2014, equation 10, one sample). An autoencoder has its input as its target.
pub fn elbo(
    network: &Network,
    graphs: &Graphs,
    likelihood: Likelihood,
    input: Labelled,
    target: Labelled,
    epsilon: Tensor<2>,
) -> Elbo {
    let Posterior {
        mean,
        z,
        kl,
        divergence,
    } = posterior(network, graphs, input, epsilon);
    let latents = Labelled {
        values: z.clone(),
        condition: target.condition,
    };
    let logits = network.decode_logits(graphs, latents);
    Elbo {
        divergence,
        reconstruction: reconstruction(likelihood, logits, target.values),
        kl,
        mean,
        z,
    }
}

/// What is drawn from q(z | x), and how far that is from p(z).
pub struct Posterior {
    /// As in [`Elbo`].
    pub mean: Tensor<2>,
    /// As in [`Elbo`].
    pub z: Tensor<2>,
    /// As in [`Elbo`].
    pub kl: Tensor<2>,
    /// As in [`Elbo`].
    pub divergence: Tensor<1>,
}

/// The half of [`elbo`] before the decoder.
pub fn posterior(
    network: &Network,
    graphs: &Graphs,
    input: Labelled,
    epsilon: Tensor<2>,
) -> Posterior {
    let (mean, log_var) = network.encode(graphs, input);
    let z = mean.clone() + (log_var.clone() * 0.5).exp() * epsilon.clone();
    let variance = log_var.clone().exp();
    let kl = (mean.clone().square() + variance - log_var.clone() - 1.0) * 0.5;
    let divergence = match network.prior() {
        Some(prior) => log_posterior(log_var, epsilon) - prior.log(z.clone()),
        None => kl.clone().sum_dim(1).squeeze_dim(1),
    };
    Posterior {
        mean,
        z,
        kl,
        divergence,
    }
}

/// Standard deviation of what is lost by rounding to 8 bits: 1 / (255 √12).
const ROUNDING: f32 = 0.001_132;

/// log q(z | x) of z = μ + σ · `epsilon`, `[N]`.
pub fn log_posterior(log_var: Tensor<2>, epsilon: Tensor<2>) -> Tensor<1> {
    let each = (epsilon.square() + log_var + TAU.ln()) * -0.5;
    each.sum_dim(1).squeeze_dim(1)
}

/// log N(z; 0, I), `[N]`.
pub fn log_normal(z: Tensor<2>) -> Tensor<1> {
    ((z.square() + TAU.ln()) * -0.5).sum_dim(1).squeeze_dim(1)
}

/// −log p(x | z) of each image, `[N]`.
///
/// Bernoulli: Σ softplus(l) − x · l. Gaussian: Σ (x − sigmoid(l))² / 2σ² + ln σ + ½ ln 2π.
pub fn reconstruction(likelihood: Likelihood, logits: Tensor<2>, images: Tensor<2>) -> Tensor<1> {
    let len = images.dims()[1] as f32;
    let (nats, constant) = match likelihood {
        Likelihood::Bernoulli => {
            let nats = activation::softplus(logits.clone(), 1.0) - logits * images;
            (nats, 0.0)
        }
        Likelihood::Gaussian { sigma } => {
            let nats = (activation::sigmoid(logits) - images).square() / (2.0 * sigma * sigma);
            (nats, len * normalizer(sigma))
        }
    };
    nats.sum_dim(1).squeeze_dim(1) + constant
}

/// The σ that would have given the images of a batch the highest likelihood, from their
/// mean −log p(x | z) under `sigma`: their root mean square error (Rybkin et al. 2021), but not
/// less than that of rounding to 8 bits. Images that are all alike would make it 0.
pub fn optimal_sigma(sigma: f32, nats: f32, len: usize) -> f32 {
    let squares = 2.0 * sigma * sigma * (nats / len as f32 - normalizer(sigma));
    squares.sqrt().max(ROUNDING)
}

/// ln σ + ½ ln 2π
fn normalizer(sigma: f32) -> f32 {
    sigma.ln() + 0.5 * TAU.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn sigma_is_the_error_it_was_measured_with() {
        let device = Device::flex();
        let logits = Tensor::<2>::zeros([2, 3], &device);
        let images = Tensor::<2>::full([2, 3], 0.7, &device);
        let nats = reconstruction(Likelihood::Gaussian { sigma: 0.5 }, logits, images);
        let nats: f32 = nats.mean().into_scalar();
        assert!((optimal_sigma(0.5, nats, 3) - 0.2).abs() < 1e-5);
    }
}
