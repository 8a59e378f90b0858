//! Steps that are taken elsewhere, on a GPU: the run says what each is, hears of its losses, and takes the state back now
//! and then. In between its own parameters are those of the last time.

use crate::{Losses, Result, Run, Trainer};
use vaelet_model::{Likelihood, channels_first};

/// A step for somebody else.
#[derive(Debug, Clone)]
pub struct Errand {
    /// The pictures, `[N, C, H, W]`.
    pub x: Vec<f32>,
    /// ε, `[N, latent]`
    pub epsilon: Vec<f32>,
    /// Learning rate.
    pub rate: f32,
    /// Weight of the KL term.
    pub beta: f32,
    /// Nats that each latent has free.
    pub free: f32,
    /// σ of a Gaussian likelihood; none for a Bernoulli.
    pub sigma: Option<f32>,
    /// Decay of the average of the parameters.
    pub average: f32,
}

impl Run {
    /// The state for somebody who goes on from here: parameters, means and squares of their gradients, and averages, one
    /// after the other in the order of the program's maps, each weight followed by its bias.
    pub fn hand_over(&mut self) -> Vec<f32> {
        self.remember();
        self.trainer.state.values.concat()
    }

    /// The next step after `ahead` others, which have been asked for and not been noted yet. A Gaussian's σ follows from
    /// the losses of all steps before, so that its steps cannot be taken ahead.
    pub fn errand(&mut self, ahead: u32) -> Errand {
        let steps = self.trainer.steps() + ahead;
        let pace = self.pace_after(steps);
        let epsilon = self.batch_after(steps);
        let shape = self.pictures.shape();
        Errand {
            x: channels_first(&self.batch, shape.channels, shape.len()),
            epsilon,
            rate: pace.rate,
            beta: pace.beta,
            free: pace.free,
            sigma: match self.trainer.likelihood() {
                Likelihood::Gaussian { sigma } => Some(sigma),
                _ => None,
            },
            average: Trainer::average(steps + 1),
        }
    }

    /// The next step has been taken, with these losses.
    ///
    /// # Errors
    /// [`crate::Error::Diverged`] if they are no longer numbers; the state is then an earlier one, as after [`Run::adopt`].
    pub fn note(&mut self, reconstruction: f32, kl: &[f32]) -> Result<Losses> {
        let losses = Losses {
            reconstruction,
            kl: kl.iter().sum(),
            verdict: None,
        };
        if !losses.is_finite() {
            return Err(self.go_back());
        }
        self.trainer.count(losses, kl);
        Ok(losses)
    }

    /// Takes back a state that is that of [`Run::hand_over`] after all the steps since then.
    ///
    /// # Errors
    /// [`crate::Error::Diverged`] if a value is no longer a number; the state is then an earlier one.
    pub fn adopt(&mut self, values: &[f32]) -> Result<()> {
        if !values.iter().all(|value| value.is_finite()) {
            return Err(self.go_back());
        }
        let state = &mut self.trainer.state.values;
        let len = state[0].len();
        for (own, values) in state.iter_mut().zip(values.chunks(len)) {
            own.copy_from_slice(values);
        }
        self.trainer.load();
        self.remember();
        Ok(())
    }

    /// Goes back to the last state that was handed over or adopted, because the one elsewhere is lost.
    pub fn give_up(&mut self) {
        self.trainer.state.clone_from(&self.safe[0]);
        self.trainer.load();
    }
}
