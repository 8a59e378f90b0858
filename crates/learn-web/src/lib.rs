//! The wasm module that trains, which `web/views/train/worker.js` calls in a worker. It is fetched when the
//! view opens, beside the page's first module, which has no gradients.

// This crate is empty on native targets.
#![cfg(target_family = "wasm")]

mod followed;

pub use followed::Followed;

use js_sys::Reflect;
use vaelet_cpu::CpuRuntime;
use vaelet_learn::{
    Augmentation, Design, Error, Judging, Losses, Network, Pace, Pictures, Run, Settings,
};
use vaelet_model::latent::{self, Posterior};
use vaelet_model::{ImageShape, Likelihood, Training, random};
use wasm_bindgen::prelude::*;

/// A run of training.
#[wasm_bindgen]
pub struct Learner {
    run: Run,
    /// Pictures that are not learned from, `[N, C, H, W]`, and the noise that they are measured with.
    held_out: Vec<f32>,
    noise: Vec<f32>,
    /// The averaged weights when they were last asked for.
    runtime: CpuRuntime,
}

/// A JavaScript error with the code of this one.
fn failure(error: impl Into<Error>) -> JsValue {
    let error = error.into();
    let thrown = vaelet_js::error(error.code(), &error.to_string());
    if let Error::Diverged { advice, .. } = error {
        // Setting a property of an `Error` cannot fail.
        let _ = Reflect::set(&thrown, &"advice".into(), &advice.into());
    }
    thrown.into()
}

#[wasm_bindgen]
impl Learner {
    /// A run on pictures `[N, H, W, C]`, the last `held_out` of which are only measured.
    ///
    /// `sides` are channels, height and width. `numbers` are: batch, learning rate, β, steps over which it rises, free
    /// nats, seed, augmentation (0 none, 1 of drawings, 2 of pictures), 1 to draw pixels as 0 or 1, then 1 for the
    /// convolutional network or 0 for the other, latents, 1 for a Gaussian likelihood, and 1 for a judge beside the VAE or 2
    /// for a judge alone. `one` and `many` are what a picture is called.
    ///
    /// # Errors
    /// Too few pictures, pictures that are all alike, or a setting out of its range.
    pub fn start(
        pixels: Vec<u8>,
        held_out: usize,
        sides: &[usize],
        numbers: &[f64],
        one: String,
        many: String,
    ) -> Result<Learner, JsValue> {
        let shape = shape_of(sides);
        let number = |i: usize| numbers.get(i).copied().unwrap_or(0.0);
        let likelihood = match number(10) {
            0.0 => Likelihood::Bernoulli,
            _ => Likelihood::Gaussian { sigma: 0.3 },
        };
        let (pictures, held_out) = split(pixels, held_out, shape)?;
        let design = Design {
            network: network(number(8) != 0.0),
            latents: number(9) as usize,
            shape,
            likelihood,
            one,
            many,
        };
        Self::of(Run::new(design, pictures, settings_of(numbers)), held_out)
    }

    /// The text of `model.json` of a network before it is trained: the convolutional one or the other, for pictures of these
    /// channels, height and width.
    ///
    /// # Errors
    /// A number of latents or a side that the network cannot have.
    pub fn describe(
        convolutional: bool,
        latents: usize,
        sides: &[usize],
    ) -> Result<String, JsValue> {
        let design = Design {
            network: network(convolutional),
            latents,
            shape: shape_of(sides),
            likelihood: Likelihood::Bernoulli,
            one: String::new(),
            many: String::new(),
        };
        let spec = design.describe().map_err(failure)?;
        Ok(spec.to_unchecked_json())
    }

    /// Begins with this tensor of a trained model. Returns `false` if the network has none of this name and length.
    #[wasm_bindgen(js_name = beginWith)]
    pub fn begin_with(&mut self, name: &str, values: &[f32]) -> bool {
        self.run.begin_with(name, values)
    }

    /// A run that goes on from a [`Learner::checkpoint`] with the same pictures.
    ///
    /// # Errors
    /// A checkpoint that is damaged or of another network, or pictures as in [`Learner::start`].
    pub fn restore(
        checkpoint: &[u8],
        pixels: Vec<u8>,
        held_out: usize,
        sides: &[usize],
    ) -> Result<Learner, JsValue> {
        let (pictures, held_out) = split(pixels, held_out, shape_of(sides))?;
        Self::of(Run::restore(checkpoint, pictures), held_out)
    }

    /// Takes `count` steps. Returns the losses of each: −log p(x | z), KL, the judge's and the maker's, in nats per picture; 0
    /// for those that there are none of.
    ///
    /// # Errors
    /// A loss that is no longer a number (code "diverged", with an `advice` for the learning rate).
    pub fn step(&mut self, count: usize) -> Result<Vec<f32>, JsValue> {
        let mut losses = Vec::new();
        for _ in 0..count {
            let found = self.run.step().map_err(failure)?;
            losses.extend(all(found));
        }
        Ok(losses)
    }

    /// Takes one step and shows everything of its first `count` pictures.
    ///
    /// # Errors
    /// As [`Learner::step`].
    pub fn follow(&mut self, count: usize) -> Result<Followed, JsValue> {
        Ok(Followed(self.run.follow(count).map_err(failure)?))
    }

    /// Changes learning rate, β and free nats from the next step on.
    ///
    /// # Errors
    /// A number out of its range.
    #[wasm_bindgen(js_name = setPace)]
    pub fn set_pace(&mut self, rate: f32, beta: f32, free: f32) -> Result<(), JsValue> {
        self.run
            .set_pace(Pace { rate, beta, free })
            .map_err(failure)
    }

    /// Number of steps so far.
    pub fn steps(&self) -> u32 {
        self.run.trainer().steps()
    }

    /// Passes over the pictures so far.
    pub fn epochs(&self) -> f64 {
        self.run.epochs()
    }

    /// β of the next step.
    pub fn beta(&self) -> f32 {
        self.run.pace().beta
    }

    /// KL of each latent to N(0, 1) in the last step, in nats.
    pub fn kl(&self) -> Vec<f32> {
        self.run.trainer().kl().to_vec()
    }

    /// The state for a GPU that goes on from here, as `GpuLearner.setState` takes it.
    #[wasm_bindgen(js_name = handOver)]
    pub fn hand_over(&mut self) -> Vec<f32> {
        self.run.hand_over()
    }

    /// The step after the next `ahead` ones, for a GPU.
    pub fn errand(&mut self, ahead: u32) -> Errand {
        Errand(self.run.errand(ahead))
    }

    /// The GPU has taken the next step, with these losses: −log p(x | z), then the KL of each latent. Returns all losses.
    ///
    /// # Errors
    /// As [`Learner::step`].
    pub fn note(&mut self, losses: &[f32]) -> Result<Vec<f32>, JsValue> {
        let (reconstruction, kl) = losses.split_first().unwrap_or((&f32::NAN, &[]));
        let found = self.run.note(*reconstruction, kl).map_err(failure)?;
        Ok(all(found).into())
    }

    /// Takes the state of the GPU, after all noted steps.
    ///
    /// # Errors
    /// As [`Learner::step`].
    pub fn adopt(&mut self, values: &[f32]) -> Result<(), JsValue> {
        self.run.adopt(values).map_err(failure)
    }

    /// The GPU is lost: goes back to the last state that it was given or that was adopted.
    #[wasm_bindgen(js_name = giveUp)]
    pub fn give_up(&mut self) {
        self.run.give_up();
    }

    /// Takes the averaged weights of now for [`Learner::encode`] and [`Learner::decode`].
    pub fn refresh(&mut self) {
        self.runtime = self.run.runtime();
    }

    /// The posteriors of pictures `[N, C, H, W]`: μ, then log σ² of each.
    pub fn encode(&mut self, pictures: &[f32]) -> Vec<f32> {
        let Posterior { mean, log_var } = self.runtime.encode(pictures);
        let size = self.latents();
        let both = mean.chunks(size).zip(log_var.chunks(size));
        both.flat_map(|(mean, log_var)| [mean, log_var].concat())
            .collect()
    }

    /// Pictures of latents `[N, latent]`.
    pub fn decode(&mut self, z: &[f32]) -> Vec<f32> {
        self.runtime.decode(z)
    }

    /// A few of the pictures, `[count, C, H, W]`, evenly spread.
    pub fn examples(&self, count: usize) -> Vec<f32> {
        self.run.examples(count)
    }

    /// Noise of N(0, I), `[count, latent]`, the same for the same seed.
    pub fn noise(&self, seed: f64, count: usize) -> Vec<f32> {
        random::normals(seed as u64, count * self.latents())
    }

    /// The held-out pictures, `[N, C, H, W]`; none if there are none.
    #[wasm_bindgen(js_name = heldOut)]
    pub fn held_out(&self) -> Vec<f32> {
        self.held_out.clone()
    }

    /// What is decoded of their posteriors for [`Learner::measure`], `[N, latent]`.
    #[wasm_bindgen(js_name = sampled)]
    pub fn sampled(&self, posterior: &[f32]) -> Vec<f32> {
        let Posterior { mean, log_var } = Posterior::from_encoder(posterior, self.latents());
        latent::reparameterize(&mean, &log_var, &self.noise, 1.0)
    }

    /// −ELBO of the held-out pictures in nats per picture, from their posteriors and from what was decoded.
    pub fn measure(&self, posterior: &[f32], y: &[f32]) -> f32 {
        let posterior = Posterior::from_encoder(posterior, self.latents());
        let losses = self.run.measure(&self.held_out, &posterior, y);
        losses.reconstruction + losses.kl
    }

    /// The text of `model.json` of what is trained.
    pub fn description(&self) -> String {
        self.run.trainer().spec().to_unchecked_json()
    }

    /// Everything but the pictures.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.run.checkpoint()
    }

    /// The model's two files with these facts.
    ///
    /// # Errors
    /// A weight that is too large for its type.
    pub fn files(
        &self,
        name: String,
        title: String,
        data: String,
        licence: String,
        credit: String,
    ) -> Result<Files, JsValue> {
        let (epochs, settings) = (self.run.epochs(), *self.run.settings());
        let kl = self.kl();
        let files = self.run.trainer().files(|spec| {
            spec.name = name;
            spec.title = title;
            spec.licence = licence;
            spec.credit = credit;
            spec.training = Some(Training {
                data,
                epochs: epochs.ceil() as usize,
                beta: settings.beta,
                seed: settings.seed,
            });
            for group in &mut spec.latents {
                group.kl.clone_from(&kl);
            }
        });
        let (description, weights) = files.map_err(failure)?;
        Ok(Files {
            description,
            weights,
        })
    }
}

/// A step for the GPU.
#[wasm_bindgen]
pub struct Errand(vaelet_learn::Errand);

#[wasm_bindgen]
impl Errand {
    /// The pictures, `[N, C, H, W]`.
    pub fn x(&self) -> Vec<f32> {
        self.0.x.clone()
    }

    /// ε, `[N, latent]`.
    pub fn epsilon(&self) -> Vec<f32> {
        self.0.epsilon.clone()
    }

    /// Learning rate, β, free nats, σ of a Gaussian likelihood or 0, decay of the average.
    pub fn numbers(&self) -> Vec<f32> {
        let step = &self.0;
        let sigma = step.sigma.unwrap_or(0.0);
        vec![step.rate, step.beta, step.free, sigma, step.average]
    }
}

/// A model's two files.
#[wasm_bindgen]
pub struct Files {
    description: String,
    weights: Vec<u8>,
}

#[wasm_bindgen]
impl Files {
    /// The text of `model.json`.
    pub fn description(&self) -> String {
        self.description.clone()
    }

    /// The contents of `weights.safetensors`.
    pub fn weights(&self) -> Vec<u8> {
        self.weights.clone()
    }
}

fn settings_of(numbers: &[f64]) -> Settings {
    let number = |i: usize| numbers.get(i).copied().unwrap_or(0.0);
    Settings {
        batch: number(0) as usize,
        rate: number(1) as f32,
        beta: number(2) as f32,
        warm_up: number(3) as u32,
        free: number(4) as f32,
        seed: number(5) as u64,
        augmentation: match number(6) {
            0.0 => Augmentation::None,
            1.0 => Augmentation::Drawing,
            _ => Augmentation::Picture,
        },
        binarize: number(7) != 0.0,
        judging: match number(11) {
            0.0 => Judging::None,
            1.0 => Judging::Beside,
            _ => Judging::Alone,
        },
    }
}

/// The losses of a step as a page gets them.
fn all(losses: Losses) -> [f32; 4] {
    let [judge, maker] = losses.verdict.unwrap_or_default();
    [losses.reconstruction, losses.kl, judge, maker]
}

fn network(convolutional: bool) -> Network {
    match convolutional {
        false => Network::Mlp,
        true => Network::Convolutional,
    }
}

fn shape_of(sides: &[usize]) -> ImageShape {
    let side = |i: usize| sides.get(i).copied().unwrap_or(0);
    ImageShape {
        channels: side(0),
        height: side(1),
        width: side(2),
    }
}

/// The pictures that are learned from, and the last ones.
fn split(
    mut pixels: Vec<u8>,
    held_out: usize,
    shape: ImageShape,
) -> Result<(Pictures, Option<Pictures>), JsValue> {
    let rest = pixels.split_off(pixels.len().saturating_sub(held_out * shape.len()));
    let pictures = Pictures::new(pixels, shape).map_err(failure)?;
    Ok((pictures, Pictures::new(rest, shape).ok()))
}

impl Learner {
    fn of(run: vaelet_learn::Result<Run>, held_out: Option<Pictures>) -> Result<Self, JsValue> {
        let run = run.map_err(failure)?;
        let (held_out, noise) = held_out
            .map(|held_out| run.measured(&held_out))
            .unwrap_or_default();
        Ok(Self {
            runtime: run.runtime(),
            run,
            held_out,
            noise,
        })
    }

    /// Number of latents.
    fn latents(&self) -> usize {
        self.run.trainer().kl().len()
    }
}
