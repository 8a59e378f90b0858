//! What makes a decoder's pictures sharp: the features of EfficientNet-Lite0, a network that
//! does not learn here. They measure how alike two pictures are better than pixels do, and a
//! discriminator learns in them to tell pictures from data (projected GAN, Sauer et al. 2021): features of
//! three scales, randomly mixed, and on each of them a small head. A discriminator that sees pixels
//! learns a few thousand images by heart, and draws grids.
//!
//! Only the decoder learns from it. The encoder stays as it was, so a picture keeps its
//! latent, and a model and its sharpened sibling can be compared latent by latent.

mod grid;
mod heads;
mod mixing;
mod view;

use crate::network::efficientnet::{EfficientNet, Maps, SIDE, prepare};
use anyhow::{Context, Result};
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor, activation};
use grid::Grid;
use heads::Heads;
use mixing::Mixing;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use vaelet_model::ImageShape;
use view::View;

/// The blocks of EfficientNet-Lite0 whose outputs count: strides 4, 8 and 16.
const BLOCKS: [usize; 3] = [2, 4, 10];
/// Sides of these outputs.
const SIDES: [usize; 3] = [SIDE / 4, SIDE / 8, SIDE / 16];
/// Weight of the mean squared error of pixels in `[0, 1]`.
const PIXELS: f32 = 600.0;
/// Weight of the distance in features.
const FEATURES: f32 = 4.0;
/// Weight of the verdict.
const VERDICT: f32 = 0.25;
/// Weight of what repeats in pictures more than in data.
const REPEATS: f32 = 0.3;
/// How slowly the mean verdicts follow.
const MEAN_DECAY: f32 = 0.95;

/// The discriminator and its optimizer.
pub struct Adversary {
    shape: ImageShape,
    features: EfficientNet,
    grid: Grid,
    mixing: Mixing,
    heads: Heads,
    optimizer: ModuleOptimizer,
    state: State,
}

/// What changes from step to step beside parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    /// Mean verdicts of the last steps on data and on pictures.
    real: f32,
    made: f32,
    /// For each convolution of the heads an estimate of its matrix's first left singular vector.
    singular: Vec<Vec<f32>>,
}

impl Adversary {
    /// A discriminator of images of `shape` with random parameters. Tensors of `features` are on the `device`.
    pub fn new(shape: ImageShape, features: EfficientNet, seed: u64, device: &Device) -> Self {
        let (heads, singular) = Heads::init(seed, device);
        let state = State {
            real: 0.0,
            made: 0.0,
            singular,
        };
        Self {
            shape,
            grid: Grid::new(shape, device),
            mixing: Mixing::new(&features, seed, device),
            features,
            heads,
            optimizer: AdamConfig::new()
                .with_beta_1(0.0)
                .with_beta_2(0.99)
                .with_epsilon(1e-8)
                .init(),
            state,
        }
    }

    /// Teaches the discriminator at this `rate` to tell `images` from pictures, those `back` from the
    /// images' latents and `imagined` ones, all `[N, H · W · C]`. Gives what is to become small: the
    /// distance of `back` from `images`, in pixels and in features, and how little the discriminator takes
    /// pictures for data.
    ///
    /// # Errors
    /// A device that fails.
    pub fn loss(
        &mut self,
        rate: f64,
        images: Tensor<2>,
        back: Tensor<2>,
        imagined: Tensor<2>,
        rng: &mut Pcg64Mcg,
    ) -> Result<Tensor<1>> {
        let (count, others) = (images.dims()[0], imagined.dims()[0]);
        let device = &images.device();
        let error = (back.clone() - images.clone()).square().mean();
        let all = Tensor::cat(vec![back.clone(), imagined.clone()], 0);
        let repeats = self.grid.excess(images.clone(), all);
        // Images and what comes back of them are seen alike, so that they can be compared.
        let view = View::random(self.shape, count, rng, device);
        let another = View::random(self.shape, others, rng, device);
        let pictures = Tensor::cat(vec![view.of(back), another.of(imagined)], 0);
        let real = self.see(view.of(images));
        let made = self.see(pictures);
        let distance = distance(&real, &made);

        let real = self.mixing.of(&real);
        let made = self.mixing.of(&made);
        let unmoved: Vec<_> = made.iter().map(|scale| scale.clone().detach()).collect();
        self.learn(rate, &real, &unmoved, count)?;
        let heads = self.heads.clone().no_grad();
        let verdicts = heads.verdicts(&self.state.singular, &made).into_iter();
        let verdict = sum(verdicts.map(|verdict| halves(verdict, count)));
        Ok(error * PIXELS + repeats * REPEATS + distance * FEATURES - verdict * VERDICT)
    }

    fn see(&self, values: Tensor<2>) -> Vec<Maps> {
        let ImageShape {
            height,
            width,
            channels,
        } = self.shape;
        let shape = [height, width, channels];
        let all = self
            .features
            .blocks(prepare(Maps { values, shape }), BLOCKS[2] + 1);
        BLOCKS.map(|i| all[i].clone()).into()
    }

    /// One step on the hinge loss (Lim and Ye 2017) of features mixed from data and from
    /// pictures, the first `back` of which came back from latents of data.
    ///
    /// # Errors
    /// A device that fails.
    fn learn(
        &mut self,
        rate: f64,
        real: &[Tensor<2>],
        made: &[Tensor<2>],
        back: usize,
    ) -> Result<()> {
        let singular = &mut self.state.singular;
        self.heads.find_norms(singular)?;
        let real = self.heads.verdicts(singular, real);
        let made = self.heads.verdicts(singular, made);
        let mean = |verdicts: &[Tensor<2>]| {
            let means = verdicts
                .iter()
                .map(|verdict| verdict.clone().detach().mean());
            sum(means).into_scalar::<f32>() / verdicts.len() as f32
        };
        let follow = |mean: &mut f32, now: f32| {
            *mean = MEAN_DECAY * *mean + (1.0 - MEAN_DECAY) * now;
        };
        follow(&mut self.state.real, mean(&real));
        follow(&mut self.state.made, mean(&made));
        let hinges = real.into_iter().zip(made).map(|(real, made)| {
            activation::relu(real.neg() + 1.0).mean() + halves(activation::relu(made + 1.0), back)
        });
        let gradients = sum(hinges).backward();
        let gradients = GradientsParams::from_grads(gradients, &self.heads);
        self.heads = self.optimizer.step(rate, self.heads.clone(), gradients);
        Ok(())
    }

    /// Mean logits of data and of pictures; they differ if the discriminator can tell them apart.
    pub fn verdicts(&self) -> (f32, f32) {
        (self.state.real, self.state.made)
    }

    /// Writes all it has learned into `folder`. What is fixed follows from the seed.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let heads = self.heads.clone().into_record();
        heads.save(folder.join("discriminator.bpk"))?;
        self.optimizer
            .save(folder.join("discriminator-optimizer.bpk"))?;
        fs::write(
            folder.join("discriminator.json"),
            serde_json::to_vec(&self.state)?,
        )?;
        Ok(())
    }

    /// Reads what [`Adversary::save`] wrote.
    ///
    /// # Errors
    /// Files that are missing or damaged.
    pub fn load(self, folder: &Path) -> Result<Self> {
        let record = ModuleRecord::load(folder.join("discriminator.bpk"))?;
        let state: State = serde_json::from_slice(&fs::read(folder.join("discriminator.json"))?)?;
        let lengths = |state: &State| state.singular.iter().map(Vec::len).collect::<Vec<_>>();
        (lengths(&state) == lengths(&self.state))
            .then_some(())
            .context("discriminator.json belongs to another discriminator")?;
        Ok(Self {
            heads: self.heads.try_load_record(record)?,
            optimizer: self
                .optimizer
                .load(folder.join("discriminator-optimizer.bpk"))?,
            state,
            ..self
        })
    }
}

/// The mean over the first `count` rows and that over the others count alike.
fn halves(values: Tensor<2>, count: usize) -> Tensor<1> {
    let [all, len] = values.dims();
    let first = values.clone().slice([0..count, 0..len]).mean();
    (first + values.slice([count..all, 0..len]).mean()) * 0.5
}

fn sum(mut values: impl Iterator<Item = Tensor<1>>) -> Tensor<1> {
    let first = values.next();
    first.map_or_else(
        || Tensor::zeros([1], &Device::flex()),
        |first| values.fold(first, |a, b| a + b),
    )
}

/// Mean squared distance of features that have length 1 at each pixel (Zhang et al. 2018, without
/// learned weights). Pictures beyond those of the data do not count.
fn distance(data: &[Maps], pictures: &[Maps]) -> Tensor<1> {
    let each = data.iter().zip(pictures).map(|(data, pictures)| {
        let count = data.values.dims()[0];
        let [height, width, channels] = data.shape;
        let pixels = count * height * width;
        let unit = |values: Tensor<2>| {
            let values = values.reshape([pixels, channels]);
            let squares = values.clone().square().sum_dim(1);
            values / (squares + 1e-6).sqrt()
        };
        let len = height * width * channels;
        let pictures = pictures.values.clone().slice([0..count, 0..len]);
        let difference = unit(pictures) - unit(data.values.clone());
        difference.square().sum() / pixels as f32
    });
    sum(each) / BLOCKS.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::to_vec;
    use ndarray::Array2;
    use rand::SeedableRng;
    use vaelet_model::random;

    const SHAPE: ImageShape = ImageShape {
        channels: 3,
        height: 32,
        width: 32,
    };

    fn adversary(device: &Device) -> Adversary {
        Adversary::new(SHAPE, EfficientNet::tiny(device), 1, device)
    }

    fn images(seed: u64, count: usize, device: &Device) -> Tensor<2> {
        crate::data::batch::to_tensor(random::uniforms(seed, count * SHAPE.len()), count, device)
    }

    /// One step: its loss, and the loss's gradient by the pictures.
    fn step(adversary: &mut Adversary, seed: u64, device: &Device) -> Vec<f32> {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let back = images(seed, 2, device).require_grad();
        let imagined = images(seed + 1, 1, device).require_grad();
        let data = images(seed + 2, 2, device);
        let loss = adversary.loss(1e-2, data, back.clone(), imagined.clone(), &mut rng);
        let loss = loss.unwrap();
        let gradients = loss.backward();
        let gradient = |tensor: &Tensor<2>| to_vec(tensor.grad(&gradients).unwrap()).unwrap();
        let mut found = vec![loss.into_scalar()];
        found.extend(gradient(&back));
        let others = gradient(&imagined);
        assert!(others.iter().any(|&v| v != 0.0));
        found.extend(others);
        found
    }

    #[test]
    fn a_discriminator_that_is_resumed_takes_the_next_step_alike() {
        let device = Device::flex().autodiff();
        let dir = tempfile::tempdir().unwrap();
        let mut whole = adversary(&device);
        step(&mut whole, 1, &device);
        whole.save(dir.path()).unwrap();
        let mut resumed = adversary(&device).load(dir.path()).unwrap();
        for seed in [10, 20] {
            let expected = step(&mut whole, seed, &device);
            assert_eq!(step(&mut resumed, seed, &device), expected);
        }
        assert_ne!(
            step(&mut adversary(&device), 10, &device),
            step(&mut whole, 10, &device)
        );
    }

    /// The largest singular value of each matrix, by many steps of power iteration in f64.
    #[test]
    fn matrices_of_the_heads_have_norm_one() {
        let device = Device::flex().autodiff();
        let mut adversary = adversary(&device);
        for seed in 0..12 {
            step(&mut adversary, seed, &device);
        }
        for _ in 0..30 {
            let Adversary { heads, state, .. } = &mut adversary;
            heads.find_norms(&mut state.singular).unwrap();
        }
        for weight in adversary.heads.normalised(&adversary.state.singular) {
            let [rows, columns] = weight.dims();
            let values = to_vec(weight).unwrap().into_iter().map(f64::from).collect();
            let matrix = Array2::from_shape_vec((rows, columns), values).unwrap();
            let square = matrix.t().dot(&matrix);
            let mut vector = Array2::<f64>::ones((columns, 1));
            let mut norm = 0.0;
            for _ in 0..300 {
                let next = square.dot(&vector);
                norm = next.mapv(|v| v * v).sum().sqrt();
                vector = next / norm;
            }
            let norm = norm.sqrt();
            assert!((norm - 1.0).abs() < 0.03, "{norm}");
        }
    }

    #[test]
    fn a_discriminator_learns_to_tell_pictures_from_data() {
        let device = Device::flex().autodiff();
        let mut adversary = adversary(&device);
        for seed in 0..25 {
            let mut rng = Pcg64Mcg::seed_from_u64(seed);
            // Data is noise, and pictures are even.
            let data = images(seed, 4, &device);
            let back = images(seed + 100, 4, &device)
                .mean_dim(1)
                .repeat_dim(1, SHAPE.len());
            let imagined = back.clone().slice([0..2, 0..SHAPE.len()]);
            adversary
                .loss(2e-3, data, back, imagined, &mut rng)
                .unwrap();
        }
        let (real, made) = adversary.verdicts();
        assert!(real > made + 0.1, "{real} and {made}");
    }
}
