//! z = μ + T · σ · ε between encoder and decoder, and its gradient.

use crate::device::capabilities::SAMPLE_THREADS;
use crate::device::pipeline::Constants;

/// A sample of so many latents, or its gradient.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    latent: usize,
}

impl Sample {
    /// Of vectors of this length.
    pub fn new(latent: usize) -> Self {
        Self { latent }
    }

    /// What the shaders are specialised with.
    pub fn constants(self) -> Constants {
        vec![("LATENT", self.latent as f64)]
    }

    /// Workgroups for a batch.
    pub fn workgroups(self, batch: usize) -> [usize; 3] {
        [(batch * self.latent).div_ceil(SAMPLE_THREADS), 1, 1]
    }

    /// The most items of a dispatch of `most` workgroups.
    pub fn largest_batch(self, most: usize) -> usize {
        most.saturating_mul(SAMPLE_THREADS) / self.latent
    }
}
