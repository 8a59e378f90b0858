//! The negative ELBO, from the decoder's logits, in nats per image.

use crate::network::{Graphs, Labelled, Network};
use burn::tensor::{Tensor, activation};
use std::f32::consts::TAU;
use vaelet_model::Likelihood;

/// What β weighs beside −log p(x | z).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Penalty {
    /// The whole KL term (Higgins et al. 2017).
    Divergence,
    /// The part of it that is the [`total_correlation`] of the latents; the rest has the weight 1 (Chen
    /// et al. 2018).
    TotalCorrelation,
}

/// β and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// β; at 1 the loss is the negative ELBO whatever it weighs.
    pub beta: f64,
    /// What it weighs.
    pub of: Penalty,
}

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
    /// ln σ² of each image, `[N, latent]`.
    pub log_var: Tensor<2>,
    /// z of each image, `[N, latent]`.
    pub z: Tensor<2>,
}

impl Elbo {
    /// What training minimises, the mean over the images. `warmth` is the share of the KL term that
    /// counts by now.
    pub fn loss(&self, price: Price, warmth: f64) -> Tensor<1> {
        let nats = self.reconstruction.clone().mean();
        let divergence = self.divergence.clone().mean();
        match price.of {
            Penalty::Divergence => nats + divergence * (price.beta * warmth),
            Penalty::TotalCorrelation => {
                let (z, mean, log_var) = (&self.z, &self.mean, &self.log_var);
                let correlation = total_correlation(z.clone(), mean.clone(), log_var.clone());
                nats + (divergence + correlation * (price.beta - 1.0)) * warmth
            }
        }
    }
}

/// Encodes the images of `input`, `[N, H · W · C]` in `[0, 1]`, draws z = μ + σ · `epsilon`, decodes
/// it with the condition of `target` and what is written of it, which is all where it does not say, and compares what comes back with the images of `target`
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
        log_var,
        z,
        kl,
        divergence,
    } = posterior(network, graphs, input, epsilon);
    let latents = Labelled {
        values: z.clone(),
        condition: target.condition,
        // Each symbol is predicted from the right ones before it.
        written: target.written.or_else(|| Some(target.values.clone())),
    };
    let logits = network.decode_logits(graphs, latents);
    Elbo {
        divergence,
        reconstruction: reconstruction(likelihood, logits, target.values),
        kl,
        mean,
        log_var,
        z,
    }
}

/// What is drawn from q(z | x), and how far that is from p(z).
pub struct Posterior {
    /// As in [`Elbo`].
    pub mean: Tensor<2>,
    /// As in [`Elbo`].
    pub log_var: Tensor<2>,
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
        Some(prior) => log_posterior(log_var.clone(), epsilon) - prior.log(z.clone()),
        None => kl.clone().sum_dim(1).squeeze_dim(1),
    };
    Posterior {
        mean,
        log_var,
        z,
        kl,
        divergence,
    }
}

/// KL(q(z) ‖ Π q(zᵢ)) of a batch, `[1]`: how far the latents are from independent of each other, q(z)
/// being the mean of the batch's posteriors. All arguments are `[N, latent]`.
///
/// Its gradients are those of minibatch-weighted sampling (Chen et al. 2018, appendix C.1), which differs
/// from it by a constant.
pub fn total_correlation(z: Tensor<2>, mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<1> {
    let [count, latent] = z.dims();
    let log_var = log_var.unsqueeze_dim::<3>(0);
    let distance = z.unsqueeze_dim::<3>(1) - mean.unsqueeze_dim::<3>(0);
    // log q(zᵢ | x) of each z under each x, `[z, x, latent]`.
    let each = (distance.square() * log_var.clone().neg().exp() + log_var + TAU.ln()) * -0.5;
    let joint = log_sum_exp(each.clone().sum_dim(2)).sum();
    let single = log_sum_exp(each).sum();
    let (count, latent) = (count as f32, latent as f32);
    (joint - single) / count + (latent - 1.0) * count.ln()
}

/// ln Σ exp(v) over the second dimension.
fn log_sum_exp(values: Tensor<3>) -> Tensor<3> {
    let top = values.clone().detach().max_dim(1);
    (values - top.clone()).exp().sum_dim(1).log() + top
}

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
/// Bernoulli: Σ softplus(l) − x · l. Gaussian: Σ (x − sigmoid(l))² / 2σ² + ln σ + ½ ln 2π. Categorical:
/// −Σ x · ln softmax(l), where the channels of each pixel lie side by side.
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
        Likelihood::Categorical { symbols } => {
            let [count, len] = logits.dims();
            let pixels = logits.reshape([count * len / symbols, symbols]);
            let nats = activation::log_softmax(pixels, 1).reshape([count, len]) * images;
            (nats.neg(), 0.0)
        }
    };
    nats.sum_dim(1).squeeze_dim(1) + constant
}

/// ln σ + ½ ln 2π
fn normalizer(sigma: f32) -> f32 {
    sigma.ln() + 0.5 * TAU.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::to_vec;
    use burn::tensor::Device;
    use vaelet_model::{channels_first, latent, random};

    /// Latents that are one number twice have the mutual information of two, all others none. The
    /// posteriors are narrow, so that q(z) is known: see the bound in Chen et al. 2018.
    #[test]
    fn correlated_latents_cost_what_they_know_of_each_other() {
        let device = Device::flex();
        let correlation = |same: bool| -> f32 {
            // A grid of 16 × 16, or its first number twice.
            let place = |i: usize| (i % 16) as f32;
            let values = (0..256).flat_map(|i| [place(i), place(if same { i } else { i / 16 })]);
            let mean = Tensor::<1>::from_floats(&*values.collect::<Vec<f32>>(), &device);
            let mean = mean.reshape([256, 2]);
            let log_var = Tensor::full([256, 2], -8.0, &device);
            total_correlation(mean.clone(), mean, log_var).into_scalar()
        };
        assert!(correlation(false).abs() < 1e-3, "{}", correlation(false));
        let expected = 16f32.ln();
        assert!(
            (correlation(true) - expected).abs() < 1e-3,
            "{}",
            correlation(true)
        );
    }

    /// The trainer's loss and its gradient, and what both runtimes make of the logits, for random shapes; values are
    /// one-hot or shares.
    #[test]
    fn symbols_cost_what_the_oracle_says() {
        let device = Device::flex();
        for seed in 0..12 {
            let sizes = random::uniforms(seed, 3);
            let [count, symbols, columns] = [(0, 3.0), (1, 30.0), (2, 12.0)]
                .map(|(i, most): (usize, f32)| 1 + (sizes[i] * most) as usize);
            let (likelihood, len) = (Likelihood::Categorical { symbols }, symbols * columns);
            let logits: Vec<f32> = random::normals(seed + 100, count * len)
                .into_iter()
                .map(|v| 4.0 * v)
                .collect();
            let mut x = random::uniforms(seed + 200, count * len);
            if seed % 2 == 0 {
                let is_chosen = |i: usize| i % symbols == i / symbols * 7 % symbols;
                x = (0..count * len)
                    .map(|i| u8::from(is_chosen(i)).into())
                    .collect();
            }
            let tensor = |values: &[f32], device: &Device| {
                Tensor::<1>::from_floats(values, device).reshape([count, len])
            };
            let tracked = tensor(&logits, &device.clone().autodiff()).require_grad();
            let images = tensor(&x, &device.clone().autodiff());
            let nats = reconstruction(likelihood, tracked.clone(), images);
            let gradients = nats.clone().sum().backward();
            let slopes = to_vec(tracked.grad(&gradients).unwrap()).unwrap();
            let nats = to_vec(nats.inner()).unwrap();
            for i in 0..count {
                let planes =
                    |values: &[f32]| channels_first(&values[i * len..][..len], symbols, len);
                let [l, x, slopes] = [&logits, &x, &slopes].map(|values| planes(values));
                let [exact_l, exact_x] =
                    [&l, &x].map(|v| v.iter().map(|&v| v.into()).collect::<Vec<f64>>());
                let (expected, gradient) =
                    vaelet_reference::training::reconstruction(likelihood, &exact_l, &exact_x);
                let near = |found: f32, expected: f64| {
                    let difference = (f64::from(found) - expected).abs();
                    assert!(
                        difference <= 1e-4 * (1.0 + expected.abs()),
                        "{found} instead of {expected}"
                    );
                };
                near(nats[i], expected);
                near(latent::reconstruction(likelihood, &x, &l), expected);
                for (&found, &expected) in slopes.iter().zip(&gradient) {
                    near(found, expected);
                }
            }
        }
    }

    #[test]
    fn only_what_beta_weighs_depends_on_it() {
        let device = Device::flex();
        let tensor = |values: [f32; 4]| Tensor::<1>::from_floats(values, &device);
        let pairs = |values: [f32; 4]| tensor(values).reshape([2, 2]);
        let elbo = Elbo {
            reconstruction: tensor([1.0, 2.0, 3.0, 4.0]),
            divergence: tensor([2.0, 2.0, 4.0, 4.0]),
            kl: pairs([0.0; 4]),
            mean: pairs([1.0, 1.0, -1.0, -1.0]),
            log_var: pairs([-8.0; 4]),
            z: pairs([1.0, 1.0, -1.0, -1.0]),
        };
        let loss =
            |beta, of, warmth| -> f32 { elbo.loss(Price { beta, of }, warmth).into_scalar() };
        for of in [Penalty::Divergence, Penalty::TotalCorrelation] {
            assert!((loss(1.0, of, 1.0) - 5.5).abs() < 1e-4);
            assert!((loss(3.0, of, 0.0) - 2.5).abs() < 1e-4);
        }
        assert!((loss(3.0, Penalty::Divergence, 0.5) - 7.0).abs() < 1e-4);
        // Both latents are the same bit: ln 2 nats of total correlation.
        let expected = 2.5 + 0.5 * (3.0 + 2.0 * 2f32.ln());
        let found = loss(3.0, Penalty::TotalCorrelation, 0.5);
        assert!((found - expected).abs() < 1e-3, "{found}");
    }

    #[test]
    fn sigma_is_the_error_it_was_measured_with() {
        let device = Device::flex();
        let logits = Tensor::<2>::zeros([2, 3], &device);
        let images = Tensor::<2>::full([2, 3], 0.7, &device);
        let nats = reconstruction(Likelihood::Gaussian { sigma: 0.5 }, logits, images);
        let nats: f32 = nats.mean().into_scalar();
        assert!((latent::optimal_sigma(0.5, nats, 3) - 0.2).abs() < 1e-5);
    }
}
