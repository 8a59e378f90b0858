//! What makes a decoder's pictures sharp: a judge that learns to tell them from the data
//! (Goodfellow et al. 2014), and whose inner features measure how alike two pictures are
//! better than their pixels do (VAE-GAN, Larsen et al. 2016).
//!
//! Only the decoder learns from it. The encoder stays as it was, so a picture keeps its
//! latent, and a model and its sharpened sibling can be compared latent by latent.

use crate::architecture::judge;
use crate::network::Stack;
use anyhow::Result;
use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor, activation};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use vaelet_model::{Graph, Input};

/// Weight of the judge's features, relative to pixels.
const FEATURES: f32 = 1.0;
/// Weight of the judge's verdict.
const VERDICT: f32 = 0.15;
/// Weight of the pull towards the other side's mean verdict (LeCam regularization, Tseng et
/// al. 2021), without which a judge learns a small data set by heart.
const PULL: f32 = 0.1;
/// How slowly the mean verdicts follow.
const MEAN_DECAY: f32 = 0.95;

/// The judge and what it needs to learn.
pub struct Adversary {
    graph: Graph,
    judge: Stack,
    optimizer: ModuleOptimizer,
    means: Means,
}

/// Mean verdicts of the last steps.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Means {
    real: f32,
    made: f32,
}

impl Adversary {
    /// A judge of images of `shape` that knows nothing yet.
    ///
    /// # Errors
    /// A side that is no multiple of 16.
    pub fn new(shape: Input, seed: u64, device: &Device) -> Result<Self> {
        let image = [shape.height, shape.width, shape.channels];
        let graph = Graph::build("judge", image, &judge(shape), [1, 1, 1])?;
        Ok(Self {
            judge: Stack::init(&graph, seed, device),
            optimizer: AdamWConfig::new()
                .with_beta_1(0.5)
                .with_epsilon(1e-8)
                .with_weight_decay(1e-4)
                .init(),
            means: Means {
                real: 0.0,
                made: 0.0,
            },
            graph,
        })
    }

    /// What is added to the mean loss for each value of an image: the distance of
    /// reconstructions from their `images` in features, and the verdict on them and on
    /// `imagined` pictures, all `[N, H · W · C]`.
    pub fn loss(&self, images: Tensor<2>, back: Tensor<2>, imagined: Tensor<2>) -> Tensor<1> {
        let real = self.judge.valid().values(&self.graph, images.inner(), true);
        let made = self.judge.values(&self.graph, back, true);
        let inner = 2..self.graph.output();
        let count = inner.len() as f32;
        let mut distance = Tensor::zeros([1], &made[0].device());
        for i in inner {
            let target = Tensor::from_inner(real[i].clone());
            let spread = (target.clone() - target.clone().mean_dim(0))
                .square()
                .mean();
            let error = (made[i].clone() - target).square().mean();
            distance = distance + error / (spread + 1e-6) / count;
        }
        let verdict = self.judge.run(&self.graph, imagined, true).mean()
            + made[self.graph.output()].clone().mean();
        distance * FEATURES - verdict * (VERDICT / 2.0)
    }

    /// Teaches the judge one batch; the hinge loss of Lim and Ye (2017).
    pub fn learn(&mut self, rate: f64, images: Tensor<2>, back: Tensor<2>, imagined: Tensor<2>) {
        let size = images.dims()[0];
        let all = Tensor::cat(vec![images, back.detach(), imagined.detach()], 0);
        let verdicts = self.judge.run(&self.graph, all, true);
        let count = verdicts.dims()[0];
        let real = verdicts.clone().slice([0..size, 0..1]);
        let made = verdicts.slice([size..count, 0..1]);
        let hinge = activation::relu(real.clone().neg() + 1.0).mean()
            + activation::relu(made.clone() + 1.0).mean();
        let pull = (real.clone() - self.means.made).square().mean()
            + (made.clone() - self.means.real).square().mean();
        let follow = |mean: &mut f32, verdict: Tensor<2>| {
            let now: f32 = verdict.mean().into_scalar();
            *mean = MEAN_DECAY * *mean + (1.0 - MEAN_DECAY) * now;
        };
        follow(&mut self.means.real, real);
        follow(&mut self.means.made, made);
        let gradients = (hinge + pull * PULL).backward();
        let gradients = GradientsParams::from_grads(gradients, &self.judge);
        self.judge = self.optimizer.step(rate, self.judge.clone(), gradients);
    }

    /// Mean verdicts on data and on pictures: apart where the judge can tell.
    pub fn verdicts(&self) -> (f32, f32) {
        (self.means.real, self.means.made)
    }

    /// Writes all it has learned into `folder`.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let judge = self.judge.clone().into_record();
        judge.save(folder.join("judge.bpk"))?;
        self.optimizer.save(folder.join("judge-optimizer.bpk"))?;
        fs::write(folder.join("judge.json"), serde_json::to_vec(&self.means)?)?;
        Ok(())
    }

    /// Reads what [`Adversary::save`] wrote.
    ///
    /// # Errors
    /// Files that are missing or damaged.
    pub fn load(self, folder: &Path) -> Result<Self> {
        let record = ModuleRecord::load(folder.join("judge.bpk"))?;
        Ok(Self {
            judge: self.judge.try_load_record(record)?,
            optimizer: self.optimizer.load(folder.join("judge-optimizer.bpk"))?,
            means: serde_json::from_slice(&fs::read(folder.join("judge.json"))?)?,
            graph: self.graph,
        })
    }
}
