//! The gradients of a step: of the negative ELBO over a batch that devices share, or of the loss that
//! sharpens a decoder.

use crate::data::Images;
use crate::data::batch;
use crate::network::{Graphs, Labelled, Network};
use crate::training::adversary::Adversary;
use crate::training::objective::{Price, elbo, posterior, reconstruction};
use anyhow::Result;
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor, activation};
use rand_pcg::Pcg64Mcg;
use vaelet_model::{Likelihood, latent};

/// A batch.
pub struct Batch {
    /// What is encoded.
    pub input: Rows,
    /// The target of the decoder; if none, it is the input.
    pub target: Option<Rows>,
    /// `[N, latent]`
    pub epsilon: Vec<f32>,
    /// What was measured of each image, in standard deviations from the mean, `[N, measures]`, and the weight of the
    /// squared error with which the network's head reads it from z.
    pub measured: Option<(Vec<f32>, f64)>,
    /// N.
    pub count: usize,
}

/// Images of a batch.
pub struct Rows {
    /// `[N, H · W · C]`
    pub images: Vec<f32>,
    /// Their classes, `[N, classes]`; empty where the model has no condition.
    pub condition: Vec<f32>,
    /// What the decoder may read of them, `[N, T · V]`; empty where that is all.
    pub written: Vec<f32>,
}

impl Rows {
    /// The `chosen` images, whose values are given, of a model with so many `classes`.
    pub fn new(values: Vec<f32>, images: &Images, chosen: &[usize], classes: usize) -> Self {
        Self {
            images: values,
            condition: latent::one_hot(&images.classes(chosen), chosen.len(), classes),
            written: Vec::new(),
        }
    }
}

/// The result of a step.
pub struct Step {
    /// For the optimizer.
    pub gradients: GradientsParams,
    /// Mean −log p(x | z) and mean KL(q(z | x) ‖ p(z)), in nats, `[2]`: on the device, so that nobody
    /// has to wait for it before the next step.
    pub losses: Tensor<1>,
}

impl Batch {
    /// ImageShape, target and ε of part `i` of `parts`, as equal as they can be, on `device`.
    pub fn part(&self, i: usize, parts: usize, device: &Device) -> (Labelled, Labelled, Tensor<2>) {
        let tensor = |values: &[f32]| self.rows(values, i, parts, device);
        let labelled = |rows: &Rows| Labelled {
            values: tensor(&rows.images),
            condition: (!rows.condition.is_empty()).then(|| tensor(&rows.condition)),
            written: (!rows.written.is_empty()).then(|| tensor(&rows.written)),
        };
        let input = labelled(&self.input);
        let target = self.target.as_ref().map_or_else(|| input.clone(), labelled);
        (input, target, tensor(&self.epsilon))
    }

    /// The part of `[N, …]` values.
    fn rows(&self, values: &[f32], i: usize, parts: usize, device: &Device) -> Tensor<2> {
        let (start, end) = (i * self.count / parts, (i + 1) * self.count / parts);
        let len = values.len() / self.count;
        let values = values[start * len..end * len].to_vec();
        batch::to_tensor(values, end - start, device)
    }
}

/// Gradients of what training minimises, each of the `devices` doing its share; the parameters live on
/// the first. `warmth` is the share of the KL term that counts by now.
pub fn learn(
    network: &Network,
    graphs: &Graphs,
    likelihood: Likelihood,
    (price, warmth): (Price, f64),
    batch: &Batch,
    devices: &[Device],
) -> Step {
    let mut sum = GradientsAccumulator::new();
    let mut losses: Option<Tensor<1>> = None;
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
            let (input, target, epsilon) = batch.part(i, devices.len(), &device);
            let share = input.values.dims()[0] as f32 / batch.count as f32;
            let elbo = elbo(&copy, graphs, likelihood, input, target, epsilon);
            let mut loss = elbo.loss(price, warmth);
            if let Some((measured, weight)) = &batch.measured {
                let measured = batch.rows(measured, i, devices.len(), &device);
                loss = loss + copy.misread(elbo.z, measured) * *weight;
            }
            let gradients = GradientsParams::from_grads((loss * share).backward(), &copy);
            let means = vec![elbo.reconstruction.mean(), elbo.divergence.mean()];
            (gradients, Tensor::cat(means, 0).inner() * share)
        })
        .collect();
    for (gradients, part) in shares {
        sum.accumulate(network, gradients.to_device(&devices[0], network));
        let part = part.to_device(&devices[0]);
        losses = Some(match losses {
            Some(losses) => losses + part,
            None => part,
        });
    }
    Step {
        gradients: sum.grads(),
        losses: losses.unwrap_or_else(|| unreachable!("there is a device")),
    }
}

/// Gradients of a decoder's distance from the images and of what the discriminator says, which learns
/// first. Beside images and ε it takes latents imagined from the prior, `[M, latent]`. The batch is whole, on the device of the network.
///
/// # Errors
/// A device that fails.
pub fn sharpen(
    network: &Network,
    graphs: &Graphs,
    likelihood: Likelihood,
    adversary: &mut Adversary,
    rate: f64,
    [images, epsilon, imagined]: [Tensor<2>; 3],
    rng: &mut Pcg64Mcg,
) -> Result<Step> {
    // Without gradients: what is tracked and never asked for is never freed.
    let (plain, epsilon) = (network.valid(), epsilon.inner());
    let drawn = posterior(&plain, graphs, images.clone().inner().into(), epsilon);
    let back = network.decode_logits(graphs, Tensor::from_inner(drawn.z).into());
    let nats = reconstruction(likelihood, back.clone().detach(), images.clone()).mean();
    let back = activation::sigmoid(back);
    let imagined = network.decode(graphs, imagined.into());
    let loss = adversary.loss(rate, images, back, imagined, rng)?;
    Ok(Step {
        gradients: GradientsParams::from_grads(loss.backward(), network),
        losses: Tensor::cat(vec![nats.inner(), drawn.divergence.mean()], 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::efficientnet::EfficientNet;
    use crate::presets::{pictures, preset};
    use crate::training::objective::Penalty;
    use rand::SeedableRng;
    use vaelet_model::random;

    #[test]
    fn devices_that_share_a_batch_find_the_gradients_of_one() {
        let spec = preset("digits-beta-1").unwrap().spec;
        let [encoder, decoder] = spec.chains().unwrap();
        let graphs = Graphs { encoder, decoder };
        let device = Device::flex();
        let network = Network::init(&graphs, 1, &device.clone().autodiff());
        let network = network.with_head([spec.latent_size(), 2], &device.clone().autodiff());
        let count = 5;
        let batch = Batch {
            input: Rows {
                images: random::uniforms(2, count * spec.input.len()),
                condition: Vec::new(),
                written: Vec::new(),
            },
            target: None,
            epsilon: random::normals(3, count * spec.latent_size()),
            measured: Some((random::normals(4, 2 * count), 3.0)),
            count,
        };
        let learned = |devices: &[Device]| {
            let price = Price {
                beta: 1.0,
                of: Penalty::Divergence,
            };
            let goal = (price, 1.0);
            let step = learn(&network, &graphs, spec.likelihood, goal, &batch, devices);
            let nats: f32 = step.losses.sum().into_scalar();
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
        let spec = pictures(
            "any",
            "Any",
            crate::cli::args::subject("dot,dots").unwrap(),
            "",
            16,
        )
        .spec;
        let [encoder, decoder] = spec.chains().unwrap();
        let graphs = Graphs { encoder, decoder };
        let device = Device::flex().autodiff();
        let network = Network::init(&graphs, 1, &device);
        let features = EfficientNet::tiny(&device);
        let mut adversary = Adversary::new(spec.input, features, 2, &device);
        let tensor = |values: Vec<f32>, count| batch::to_tensor(values, count, &device);
        let inputs = [
            tensor(random::uniforms(3, 2 * spec.input.len()), 2),
            tensor(random::normals(4, 2 * spec.latent_size()), 2),
            tensor(random::normals(6, spec.latent_size()), 1),
        ];
        let (likelihood, mut rng) = (spec.likelihood, Pcg64Mcg::seed_from_u64(5));
        let learner = &mut adversary;
        let step = sharpen(
            &network, &graphs, likelihood, learner, 1e-3, inputs, &mut rng,
        );
        let step = step.unwrap();
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
