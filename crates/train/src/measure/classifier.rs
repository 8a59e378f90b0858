//! Classifiers, which are trained on the labels of the training split when a model is measured: that of
//! attributes decides whether an edit had its effect. A quarter of its images are reconstructions, so
//! that it knows both images and what the decoder makes of them.

use crate::data::Images;
use crate::data::attributes::Attribute;
use crate::data::batch;
use crate::network::{Stack, to_vec};
use crate::release::loaded::LoadedModel;
use anyhow::Result;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor, activation};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use vaelet_model::networks::classifier;
use vaelet_model::{Program, Schedule};

/// Images in a step.
pub const BATCH: usize = 64;
/// Reconstructions in a batch.
const BACK: usize = BATCH / 4;
/// Of the classifier that judges edits.
pub const JUDGE: u64 = 11;

/// How a classifier is trained.
pub struct Training {
    /// Steps of [`BATCH`] images.
    pub steps: usize,
    /// Highest learning rate; it falls to 0 in a straight line.
    pub learning_rate: f64,
    /// Decay of the weights (AdamW).
    pub weight_decay: f32,
    /// Seed of weights and order.
    pub seed: u64,
}

/// Some logits for each image.
pub struct Classifier {
    graph: Schedule,
    stack: Stack,
    outputs: usize,
}

impl Classifier {
    /// Learns the attributes of `images`, the training split of `release`, from a seed of its own: one
    /// logit for each, above 0 where an image has it.
    ///
    /// # Errors
    /// Images whose sides are not multiples of 16, or a device that fails.
    pub fn train(release: &LoadedModel, images: &Images, seed: u64) -> Result<Self> {
        let training = Training {
            steps: 800,
            learning_rate: 1e-3,
            weight_decay: 1e-4,
            seed,
        };
        let len = images.shape.len();
        Self::fit(
            release,
            images,
            images.attributes.len(),
            training,
            |chosen, read| {
                let x = release.batch(images, chosen);
                let device = release.device.clone().autodiff();
                let (codes, share) = targets(&images.attributes, chosen, &device);
                let (some, rest) = (
                    x.clone().slice([0..BACK, 0..len]),
                    x.slice([BACK..BATCH, 0..len]),
                );
                let classes = images.classes(&chosen[..BACK]);
                let some = release.given(some, &classes);
                let (mean, _) = release.network.encode(&release.graphs, some);
                let mean = release.given(mean, &classes);
                let back = release.network.decode(&release.graphs, mean);
                let logits = read(Tensor::cat(vec![back, rest], 0));
                // −log sigmoid(code · logit), where the code is known.
                (activation::softplus(codes.neg() * logits, 1.0) * share).sum()
            },
        )
    }

    /// Learns by the `loss` of the chosen images, for which it may ask once what is read from images
    /// `[N, H · W · C]`.
    ///
    /// # Errors
    /// Images whose sides are not multiples of 16.
    pub fn fit(
        release: &LoadedModel,
        images: &Images,
        outputs: usize,
        training: Training,
        loss: impl Fn(&[usize], &dyn Fn(Tensor<2>) -> Tensor<2>) -> Tensor<1>,
    ) -> Result<Self> {
        let shape = images.shape;
        let program = Program::chain(
            "classifier",
            [shape.height, shape.width, shape.channels],
            &classifier(shape, outputs),
            Some([1, 1, outputs]),
        )?;
        let graph = Schedule::new(&program, &[]);
        let device = release.device.clone().autodiff();
        let mut stack = Stack::init(&graph, training.seed, &device);
        let mut optimizer = AdamWConfig::new()
            .with_weight_decay(training.weight_decay)
            .init();
        let mut rng = Pcg64Mcg::seed_from_u64(training.seed);
        for step in 0..training.steps {
            let chosen: Vec<usize> = (0..BATCH)
                .map(|_| rng.random_range(0..images.count()))
                .collect();
            let loss = loss(&chosen, &|x| {
                stack.run(&graph, Tensor::from_inner(x).into(), None, true)
            });
            let gradients = GradientsParams::from_grads(loss.backward(), &stack);
            let rest = 1.0 - step as f64 / training.steps as f64;
            stack = optimizer.step(training.learning_rate * rest, stack, gradients);
        }
        Ok(Self {
            graph,
            // Reading with gradients would keep every picture ever read.
            stack: stack.valid(),
            outputs,
        })
    }

    /// The same on a device that keeps gradients, with parameters that do not change.
    pub fn differentiable(self, device: &Device) -> Self {
        Self {
            stack: self.stack.fork(device).no_grad(),
            ..self
        }
    }

    /// Logits of pictures `[N, H · W · C]`, `[N, outputs]`.
    pub fn logits(&self, pictures: Tensor<2>) -> Tensor<2> {
        self.stack.run(&self.graph, pictures.into(), None, true)
    }

    /// Logits of pictures `[N, H · W · C]`, a row for each.
    ///
    /// # Errors
    /// A device that fails.
    pub fn read(&self, pictures: Tensor<2>) -> Result<Vec<Vec<f32>>> {
        let logits = to_vec(self.logits(pictures))?;
        Ok(logits
            .chunks_exact(self.outputs)
            .map(<[f32]>::to_vec)
            .collect())
    }
}

/// Signs of the chosen images' codes, and each code's share in the loss, `[N, attributes]`.
fn targets(attributes: &[Attribute], chosen: &[usize], device: &Device) -> (Tensor<2>, Tensor<2>) {
    let codes = chosen
        .iter()
        .flat_map(|&i| attributes.iter().map(move |attribute| attribute.codes[i]));
    let codes: Vec<f32> = codes.collect();
    let total: f32 = codes.iter().map(|code| code.abs()).sum();
    let share = codes
        .iter()
        .map(|code| code.abs() / total.max(1.0))
        .collect();
    let signs = codes
        .iter()
        .map(|code| if *code > 0.0 { 1.0 } else { -1.0 })
        .collect();
    let tensor = |values| batch::to_tensor(values, chosen.len(), device);
    (tensor(signs), tensor(share))
}
