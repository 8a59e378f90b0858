//! Presets for MNIST and for data sets in its format.

use super::layers::small;
use super::{GAUSSIAN, Preset, spec, subject};
use crate::data::Source;
use vaelet_model::{Drawing, Likelihood, Subject};

pub(super) const MNIST: &str = "Trained on MNIST (Yann LeCun, Corinna Cortes), CC BY-SA 3.0";

/// What digits are called; faces and clothes below.
pub(super) fn digit() -> Subject {
    Subject {
        drawing: Some(Drawing::Mnist),
        ..subject("digit", "digits", "Digits nobody wrote")
    }
}

pub(super) fn clothes() -> Subject {
    subject("piece of clothing", "clothes", "Clothes nobody made")
}

/// Handwritten digits: a residual convolutional VAE.
pub(super) fn digits(name: &str, title: &str, latent: usize) -> Preset {
    Preset {
        spec: spec(
            name,
            title,
            digit(),
            MNIST,
            [1, 28],
            Likelihood::Bernoulli,
            small(latent, [32, 64]),
        ),
        source: Source::Idx,
        data: "MNIST, 60,000 digits",
        augment: false,
        epochs: 40,
        batch: 128,
        learning_rate: 2e-3,
        beta: 1.0,
        patience: None,
        components: 32,
        adversarial: false,
    }
}

/// One of a family that differs in nothing but β: the plain autoencoder at 0, collapse at
/// the other end.
pub(super) fn beta(name: &str, title: &str, beta: f32) -> Preset {
    Preset {
        spec: spec(
            name,
            title,
            digit(),
            MNIST,
            [1, 28],
            Likelihood::Bernoulli,
            small(10, [16, 32]),
        ),
        epochs: 12,
        beta,
        ..digits(name, title, 10)
    }
}

/// Clothes, as sharp as a Gaussian with its own σ makes them.
pub(super) fn fashion(name: &str) -> Preset {
    let credit = "Trained on Fashion-MNIST (Zalando SE), MIT";
    let layers = small(32, [32, 64]);
    Preset {
        spec: spec(
            name,
            "Fashion",
            clothes(),
            credit,
            [1, 28],
            GAUSSIAN,
            layers,
        ),
        data: "Fashion-MNIST, 60,000 pieces of clothing",
        epochs: 20,
        ..digits(name, "Fashion", 32)
    }
}
