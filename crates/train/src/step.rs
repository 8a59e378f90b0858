//! One step's gradients: of the negative ELBO, over a batch that devices share, or of what
//! makes a decoder's pictures sharp.

use crate::adversary::Adversary;
use crate::batch;
use crate::network::{Graphs, Network};
use crate::objective::{Encoder, elbo};
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor, activation};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use vaelet_model::Likelihood;

/// What a step takes.
pub struct Batch {
    /// `[N, H · W · C]`
    pub images: Vec<f32>,
    /// `[N, latent]`
    pub epsilon: Vec<f32>,
    /// N.
    pub count: usize,
}

/// What a step gives.
pub struct Step {
    /// For the optimizer.
    pub gradients: GradientsParams,
    /// Mean −log p(x | z), in nats.
    pub reconstruction: f32,
    /// Mean KL(q(z | x) ‖ p(z)), in nats.
    pub divergence: f32,
}

impl Batch {
    /// Part `i` of `parts`, as equal as they can be, as tensors on `device`.
    pub fn part(&self, i: usize, parts: usize, device: &Device) -> [Tensor<2>; 2] {
        let (start, end) = (i * self.count / parts, (i + 1) * self.count / parts);
        [&self.images, &self.epsilon].map(|values| {
            let len = values.len() / self.count;
            let values = values[start * len..end * len].to_vec();
            batch::to_tensor(values, end - start, device)
        })
    }
}

/// Gradients of −log p(x | z) + `beta` · KL, each of the `devices` doing its share; the
/// parameters live on the first.
pub fn learn(
    network: &Network,
    graphs: &Graphs,
    likelihood: Likelihood,
    beta: f64,
    batch: &Batch,
    devices: &[Device],
) -> Step {
    // All devices have their work before the first result is waited for.
    let shares: Vec<_> = devices
        .iter()
        .enumerate()
        .map(|(i, device)| {
            let device = device.clone().autodiff();
            let copy = match i {
                0 => network.clone(),
                _ => network.clone().fork(&device),
            };
            let [images, epsilon] = batch.part(i, devices.len(), &device);
            let elbo = elbo(&copy, graphs, Encoder::Learns, likelihood, images, epsilon);
            let count = batch.count as f32;
            let (nats, divergence) = (
                elbo.reconstruction.sum() / count,
                elbo.divergence.sum() / count,
            );
            let loss = nats.clone() + divergence.clone() * beta;
            let gradients = GradientsParams::from_grads(loss.backward(), &copy);
            (gradients, nats, divergence)
        })
        .collect();
    let mut sum = GradientsAccumulator::new();
    let (mut reconstruction, mut total) = (0.0, 0.0);
    for (gradients, nats, divergence) in shares {
        sum.accumulate(network, gradients.to_device(&devices[0], network));
        reconstruction += nats.into_scalar::<f32>();
        total += divergence.into_scalar::<f32>();
    }
    Step {
        gradients: sum.grads(),
        reconstruction,
        divergence: total,
    }
}

/// Gradients of the distance in pixels and of what the judge says; the judge learns first.
/// The batch is whole, on the device of the network.
pub fn sharpen(
    network: &Network,
    graphs: &Graphs,
    likelihood: Likelihood,
    adversary: &mut Adversary,
    rate: f64,
    [images, epsilon]: [Tensor<2>; 2],
    rng: &mut Pcg64Mcg,
) -> Step {
    let len = images.dims()[1] as f32;
    let elbo = elbo(
        network,
        graphs,
        Encoder::Stays,
        likelihood,
        images.clone(),
        epsilon,
    );
    let imagined = network.decode(graphs, between(elbo.z, rng));
    let back = activation::sigmoid(elbo.logits);
    adversary.learn(rate, images.clone(), back.clone(), imagined.clone());
    let nats = elbo.reconstruction.mean();
    let loss = nats.clone() / len + adversary.loss(images, back, imagined);
    Step {
        gradients: GradientsParams::from_grads(loss.backward(), network),
        reconstruction: nats.into_scalar(),
        divergence: elbo.divergence.mean().into_scalar(),
    }
}

/// Latents that no image has, yet distributed as those of `z`, `[N, latent]`: each is mixed
/// with its neighbour's, around the mean of all, in shares whose squares add up to one.
fn between(z: Tensor<2>, rng: &mut Pcg64Mcg) -> Tensor<2> {
    let [count, latent] = z.dims();
    let shares = (0..count).map(|_| rng.random::<f32>()).collect();
    let share = batch::to_tensor(shares, count, &z.device());
    let mean = z.clone().mean_dim(0);
    let one = z - mean.clone();
    let last = one.clone().slice([count - 1..count, 0..latent]);
    let rest = one.clone().slice([0..count - 1, 0..latent]);
    let other = Tensor::cat(vec![last, rest], 0);
    one * share.clone().sqrt() + other * (share.neg() + 1.0).sqrt() + mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{pictures, preset};
    use rand::SeedableRng;
    use vaelet_model::random;

    #[test]
    fn devices_that_share_a_batch_find_the_gradients_of_one() {
        let spec = preset("digits-beta-1").unwrap().spec;
        let (encoder, decoder) = spec.graphs().unwrap();
        let graphs = Graphs { encoder, decoder };
        let device = Device::flex();
        let network = Network::init(&graphs, 1, &device.clone().autodiff());
        let count = 5;
        let batch = Batch {
            images: random::uniforms(2, count * spec.input.len()),
            epsilon: random::normals(3, count * spec.latent_size()),
            count,
        };
        let learned = |devices: &[Device]| {
            let step = learn(&network, &graphs, spec.likelihood, 1.0, &batch, devices);
            let nats = step.reconstruction + step.divergence;
            // One step of plain gradient descent shows all gradients at once.
            let mut optimizer = burn::optim::SgdConfig::new().init();
            let moved = optimizer.step(1e-3, network.clone(), step.gradients);
            let tensors = moved.to_tensors(&graphs).unwrap();
            let values: Vec<f32> = tensors.into_values().flat_map(|t| t.data).collect();
            (nats, values)
        };
        let (alone, shared) = (
            learned(std::slice::from_ref(&device)),
            learned(&[device.clone(), device]),
        );
        assert!((alone.0 - shared.0).abs() < 1e-3 * alone.0.abs());
        let differences = alone.1.iter().zip(&shared.1).map(|(a, b)| (a - b).abs());
        assert!(differences.fold(0.0, f32::max) < 1e-4);
    }

    #[test]
    fn sharpening_moves_the_decoder_and_leaves_the_encoder() {
        let spec = pictures("any", "Any", crate::subject("dot,dots").unwrap(), "", 16).spec;
        let (encoder, decoder) = spec.graphs().unwrap();
        let graphs = Graphs { encoder, decoder };
        let device = Device::flex().autodiff();
        let network = Network::init(&graphs, 1, &device);
        let mut adversary = Adversary::new(spec.input, 2, &device).unwrap();
        let tensor = |values: Vec<f32>| batch::to_tensor(values, 4, &device);
        let inputs = [
            tensor(random::uniforms(3, 4 * spec.input.len())),
            tensor(random::normals(4, 4 * spec.latent_size())),
        ];
        let (likelihood, mut rng) = (spec.likelihood, Pcg64Mcg::seed_from_u64(5));
        let learner = &mut adversary;
        let step = sharpen(
            &network, &graphs, likelihood, learner, 1e-3, inputs, &mut rng,
        );
        let mut optimizer = burn::optim::SgdConfig::new().init();
        let moved = optimizer.step(1.0, network.clone(), step.gradients);
        let (before, after) = (
            network.to_tensors(&graphs).unwrap(),
            moved.to_tensors(&graphs).unwrap(),
        );
        for (name, tensor) in &before {
            let stays = tensor.data == after[name].data;
            assert_eq!(stays, name.starts_with("encoder"), "{name}");
        }
    }
}
