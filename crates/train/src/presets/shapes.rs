//! The preset for shapes whose factors are known.

use super::{Preset, spec, subject};
use crate::data::Source;
use crate::data::batch::Augment;
use crate::training::objective::Penalty;
use vaelet_model::Likelihood;
use vaelet_model::networks::plain;

/// The weight of the total correlation at which latents follow single factors.
pub(super) const BETA: f32 = 6.0;

/// Shapes on black: with a higher `beta` latents are more independent of each other (Chen et al. 2018).
pub(super) fn shapes(name: &str, title: &str, beta: f32) -> Preset {
    let layers = plain(10);
    let credit = "Factors and grid of dSprites (Matthey, Higgins, Hassabis and Lerchner 2017), drawn by this \
        project";
    Preset {
        spec: spec(
            name,
            title,
            subject("shape", "shapes", "Shapes between the shapes"),
            credit,
            [1, 64],
            Likelihood::Bernoulli,
            layers,
        ),
        source: Source::Shapes,
        data: "732,280 of the 737,280 images of the grid of dSprites, 64×64",
        augment: Augment::None,
        epochs: 1,
        batch: 64,
        learning_rate: 1e-3,
        beta,
        penalty: Penalty::TotalCorrelation,
        patience: None,
        components: 16,
        regression: 0.0,
        adversarial: false,
    }
}
