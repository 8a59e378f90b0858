//! One batch on its way through the network and back, as numbers for a view.

use wasm_bindgen::prelude::*;

/// See [`vaelet_learn::Followed`].
#[wasm_bindgen]
pub struct Followed(pub(crate) vaelet_learn::Followed);

#[wasm_bindgen]
impl Followed {
    /// By number: x, μ, σ, ε, z, the mean of p(x | z), and the gradient of the loss with respect to the logits. Pictures
    /// are `[N, C, H, W]`, the others `[N, latent]`.
    pub fn part(&self, which: usize) -> Vec<f32> {
        let Followed(step) = self;
        let all = [
            &step.x,
            &step.posterior.mean,
            &step.sigma,
            &step.epsilon,
            &step.z,
            &step.y,
            &step.of_logits,
        ];
        all.get(which).map(|part| part.to_vec()).unwrap_or_default()
    }

    /// All losses of the batch, as `Learner.step` gives them.
    pub fn losses(&self) -> Vec<f32> {
        crate::all(self.0.losses).into()
    }

    /// Names of the weights and biases, separated by spaces.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.gradients.keys().map(String::as_str).collect();
        names.join(" ")
    }

    /// The shape of one.
    pub fn shape(&self, name: &str) -> Vec<usize> {
        let tensor = self.0.gradients.get(name);
        tensor
            .map(|tensor| tensor.shape.clone())
            .unwrap_or_default()
    }

    /// The gradient of one.
    pub fn gradient(&self, name: &str) -> Vec<f32> {
        let tensor = self.0.gradients.get(name);
        tensor.map(|tensor| tensor.data.clone()).unwrap_or_default()
    }

    /// How far each value of one has moved.
    pub fn moved(&self, name: &str) -> Vec<f32> {
        let tensor = self.0.moved.get(name);
        tensor.map(|tensor| tensor.data.clone()).unwrap_or_default()
    }
}
