//! The trainer on the runtimes' own kernels takes burn's steps: from one seed and with the same batches.

use super::objective::Penalty;
use super::objective::Price;
use super::step::{Batch, Rows, learn};
use crate::network::{Graphs, Network};
use crate::presets::preset;
use burn::optim::AdamConfig;
use burn::tensor::Device;
use vaelet_learn::{Pace, Trainer};
use vaelet_model::networks::{convolutional, mlp};
use vaelet_model::{Likelihood, ModelSpec, random};

/// Losses of 20 steps on pictures like digits, by both trainers, for a network of each kind.
#[test]
fn twenty_steps_are_burns() {
    let digits = preset("digits-map").unwrap().spec;
    let shape = digits.input;
    let gaussian = Likelihood::Gaussian { sigma: 0.3 };
    for (layers, likelihood) in [
        (mlp(3, 60, shape), Likelihood::Bernoulli),
        (convolutional(3, [8, 16], shape), Likelihood::Bernoulli),
        (convolutional(2, [8, 8], shape), gaussian),
    ] {
        let [encoder, decoder] = layers;
        let mut spec = ModelSpec {
            encoder,
            decoder,
            likelihood,
            ..digits.clone()
        };
        let latent = match &spec.decoder[0] {
            vaelet_model::Layer::Linear { inputs, .. } => *inputs,
            _ => unreachable!("decoders start with a linear layer"),
        };
        spec.latents[0].size = latent;
        let [encoder, decoder] = spec.chains().unwrap();
        let graphs = Graphs { encoder, decoder };
        let device = Device::flex();
        let mut network = Network::init(&graphs, 7, &device.clone().autodiff());
        let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
        let mut trainer = Trainer::new(spec.clone(), 7).unwrap();
        let (count, rate, beta) = (16, 2e-3, 0.8);
        for step in 0..20 {
            // Strokes at places that differ, on paper.
            let place = random::uniforms(step, count);
            let images: Vec<f32> = (0..count * shape.len())
                .map(|i| {
                    let (image, x) = (i / shape.len(), i % shape.width);
                    let centre = 4.0 + 20.0 * place[image];
                    f32::from((x as f32 - centre).abs() < 2.0)
                })
                .collect();
            let epsilon = random::normals(100 + step, count * latent);
            let likelihood = trainer.likelihood();
            let batch = Batch {
                input: Rows {
                    images: images.clone(),
                    condition: Vec::new(),
                    written: Vec::new(),
                },
                target: None,
                epsilon: epsilon.clone(),
                measured: None,
                count,
            };
            let price = Price {
                beta,
                of: Penalty::Divergence,
            };
            let devices = [device.clone()];
            let found = learn(
                &network,
                &graphs,
                likelihood,
                (price, 1.0),
                &batch,
                &devices,
            );
            let losses = crate::network::to_vec(found.losses).unwrap();
            network = optimizer.step(rate, network, found.gradients);
            let pace = Pace {
                rate: rate as f32,
                beta: beta as f32,
                free: 0.0,
            };
            let own = trainer.step(&images, &epsilon, pace);
            for (own, burn) in [(own.reconstruction, losses[0]), (own.kl, losses[1])] {
                let tolerance = 1e-4 * (losses[0].abs() + losses[1]);
                assert!((own - burn).abs() < tolerance, "step {step}: {own} {burn}");
            }
        }
    }
}
