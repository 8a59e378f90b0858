//! One batch on its way through the network and back, as numbers for a view.

use wasm_bindgen::prelude::*;

/// See [`vaelet_learn::Followed`].
#[wasm_bindgen]
pub struct Followed(pub(crate) vaelet_learn::Followed);

#[wasm_bindgen]
impl Followed {
    /// What was encoded, `[N, C, H, W]`.
    pub fn x(&self) -> Vec<f32> {
        self.0.x.clone()
    }

    /// μ, `[N, latent]`.
    pub fn mean(&self) -> Vec<f32> {
        self.0.posterior.mean.clone()
    }

    /// σ, `[N, latent]`.
    pub fn sigma(&self) -> Vec<f32> {
        let log_var = self.0.posterior.log_var.iter();
        log_var.map(|v| (0.5 * v).exp()).collect()
    }

    /// ε, `[N, latent]`.
    pub fn epsilon(&self) -> Vec<f32> {
        self.0.epsilon.clone()
    }

    /// z = μ + σ ε, `[N, latent]`.
    pub fn z(&self) -> Vec<f32> {
        self.0.z.clone()
    }

    /// The mean of p(x | z), `[N, C, H, W]`.
    pub fn y(&self) -> Vec<f32> {
        self.0.y.clone()
    }

    /// Gradient of the loss with respect to the logits, `[N, C, H, W]`.
    #[wasm_bindgen(js_name = ofLogits)]
    pub fn of_logits(&self) -> Vec<f32> {
        self.0.of_logits.clone()
    }

    /// Mean −log p(x | z) and KL of the batch, in nats.
    pub fn losses(&self) -> Vec<f32> {
        vec![self.0.losses.reconstruction, self.0.losses.kl]
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
