//! Pictures made whole: cleaned, filled in, enlarged, or explained by a latent.

use crate::{Failure, Uses};
use vaelet_uses::{Answer, Inference, Observation, Plan};
use wasm_bindgen::prelude::*;

/// An observation that is being explained.
#[wasm_bindgen]
pub struct Restoring {
    observation: Observation,
    inference: Inference,
}

#[wasm_bindgen]
impl Restoring {
    /// Starts with values `[C, H / scale, W / scale]`, of which those count that are marked in `seen`,
    /// `[H / scale, W / scale]`, all where it is empty. `noise` is the standard deviation of theirs,
    /// `specks` the share of them that was replaced by 0 or 1, `jpeg` the quality with which they were
    /// saved as JPEG, or 0.
    /// `count` answers are looked for, in `climb` steps upwards and then `walk` steps.
    ///
    /// # Errors
    /// An observation that does not fit the model.
    #[allow(
        clippy::too_many_arguments,
        reason = "JavaScript has no other way to pass them"
    )]
    pub fn start(
        uses: &mut Uses,
        values: &[f32],
        seen: &[u8],
        noise: f32,
        specks: f32,
        jpeg: u8,
        scale: usize,
        count: usize,
        climb: usize,
        walk: usize,
        seed: f64,
    ) -> Result<Restoring, JsValue> {
        let observation = Observation {
            seen: seen.iter().map(|seen| *seen != 0).collect(),
            scale,
            specks,
            jpeg,
            ..Observation::noisy(values, noise)
        };
        let plan = Plan {
            count,
            climb,
            walk,
            seed: seed as u64,
        };
        let inference = Inference::start(&mut uses.0, &observation, plan);
        Ok(Self {
            inference: inference.map_err(Failure::from)?,
            observation,
        })
    }

    /// One step of inference. Whether there are more.
    pub fn step(&mut self, uses: &mut Uses) -> bool {
        self.inference.step(&mut uses.0)
    }

    /// The answers so far. `how` is what is made of the pictures: `clean` gives back what stands out
    /// of the noise, `keep` what was seen, `fit` the means of a small picture; anything else nothing.
    pub fn finish(self, uses: &Uses, how: &str) -> Answers {
        let mut answers = self.inference.answers(&uses.0);
        for answer in &mut answers {
            match how {
                "clean" => answer.picture = uses.0.cleaned(&self.observation, &answer.picture),
                "keep" => self.observation.keep(&mut answer.picture),
                "fit" => uses.0.fit(&self.observation, &mut answer.picture),
                _ => {}
            }
        }
        Answers(answers)
    }
}

/// Latents that explain an observation, the most likely first.
#[wasm_bindgen]
pub struct Answers(Vec<Answer>);

#[wasm_bindgen]
impl Answers {
    /// `[N, latent]`
    pub fn latents(&self) -> Vec<f32> {
        self.0.iter().flat_map(|a| a.z.iter().copied()).collect()
    }

    /// `[N, C, H, W]`
    pub fn pictures(&self) -> Vec<f32> {
        let values = self.0.iter().flat_map(|a| a.picture.iter().copied());
        values.collect()
    }

    /// log p(observation | z) of each, then log p(z) of each, in nats.
    pub fn nats(&self) -> Vec<f64> {
        let likelihoods = self.0.iter().map(|a| a.log_likelihood);
        likelihoods
            .chain(self.0.iter().map(|a| a.log_prior))
            .collect()
    }
}
