//! The sampling z = μ + T · σ · ε between encoder and decoder, and its gradient.

use crate::device::capabilities::SAMPLE_THREADS;
use crate::device::pipeline::Constants;

/// The kernel that samples z, or computes the gradient of that.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    latent: usize,
}

impl Sample {
    /// For z of `latent` values per item.
    pub fn new(latent: usize) -> Self {
        Self { latent }
    }

    /// The values of the shader's overrides.
    pub fn constants(self) -> Constants {
        vec![("LATENT", self.latent as f64)]
    }

    /// Number of workgroups for a batch, per dimension.
    pub fn workgroups(self, batch: usize) -> [usize; 3] {
        [(batch * self.latent).div_ceil(SAMPLE_THREADS), 1, 1]
    }

    /// The largest batch of a dispatch with at most `most` workgroups.
    pub fn largest_batch(self, most: usize) -> usize {
        most.saturating_mul(SAMPLE_THREADS) / self.latent
    }
}
