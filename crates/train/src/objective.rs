//! The negative ELBO, from the decoder's logits, in nats per image.

use crate::network::{Graphs, Network};
use burn::tensor::{Tensor, activation};

/// One estimate of the two halves of the loss, and what they were made of.
pub struct Elbo {
    /// −log p(x | z) of each image, `[N]`.
    pub reconstruction: Tensor<1>,
    /// KL(q(z | x) ‖ p(z)) of each variable of each image, `[N, latent]`.
    pub kl: Tensor<2>,
    /// μ of each image, `[N, latent]`.
    pub mean: Tensor<2>,
}

/// Encodes `images`, `[N, H · W · C]` in `[0, 1]`, draws z = μ + σ · `epsilon`, and
/// compares what comes back (Kingma and Welling 2014, equation 10, one sample).
pub fn elbo(network: &Network, graphs: &Graphs, images: Tensor<2>, epsilon: Tensor<2>) -> Elbo {
    let (mean, log_var) = network.encode(graphs, images.clone());
    let z = mean.clone() + (log_var.clone() * 0.5).exp() * epsilon;
    let logits = network.decode_logits(graphs, z);
    let variance = log_var.clone().exp();
    let kl = (mean.clone().square() + variance - log_var - 1.0) * 0.5;
    Elbo {
        reconstruction: bernoulli(logits, images),
        kl,
        mean,
    }
}

/// −log p(x | z) of each image for Bernoulli pixels, `[N]`: Σ softplus(l) − x · l.
pub fn bernoulli(logits: Tensor<2>, images: Tensor<2>) -> Tensor<1> {
    let nats = activation::softplus(logits.clone(), 1.0) - logits * images;
    nats.sum_dim(1).squeeze_dim(1)
}
