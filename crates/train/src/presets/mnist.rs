//! Presets for MNIST and for data sets in its format.

use super::{GAUSSIAN, Preset, spec, subject};
use crate::data::Source;
use crate::data::batch::Augment;
use crate::training::objective::Penalty;
use vaelet_model::networks::{Layers, small};
use vaelet_model::{Drawing, Likelihood, Subject};

pub(super) const MNIST: &str = "Trained on MNIST (Yann LeCun, Corinna Cortes), CC BY-SA 3.0";

/// What digits are called; faces and clothes below.
pub(super) fn digit() -> Subject {
    Subject {
        drawing: Some(Drawing::Mnist),
        ..subject("digit", "digits", "Digits no one ever wrote")
    }
}

pub(super) fn clothes() -> Subject {
    subject("piece of clothing", "clothes", "Clothes that never existed")
}

/// The page's default digits; a small file for phones.
pub(super) fn handwritten(name: &str) -> Preset {
    Preset {
        components: 24,
        ..digits(name, "Handwritten digits", small(32, [32, 64], 12))
    }
}

/// Digits with two latents, for the map.
pub(super) fn digits_map(name: &str) -> Preset {
    digits(name, "Digits, 2 numbers", small(2, [32, 64], 64))
}

/// A smaller network for the same, of which several snapshots are a small download.
pub(super) fn digits_snapshots(name: &str) -> Preset {
    Preset {
        epochs: 20,
        ..digits(name, "Digits, 2 numbers, smaller", small(2, [8, 16], 16))
    }
}

/// A residual convolutional VAE.
fn digits(name: &str, title: &str, layers: Layers) -> Preset {
    Preset {
        spec: spec(
            name,
            title,
            digit(),
            MNIST,
            [1, 28],
            Likelihood::Bernoulli,
            layers,
        ),
        source: Source::Idx,
        data: "MNIST, 60,000 digits",
        augment: Augment::None,
        epochs: 40,
        batch: 128,
        learning_rate: 2e-3,
        beta: 1.0,
        penalty: Penalty::Divergence,
        patience: None,
        components: 32,
        regression: 0.0,
        adversarial: false,
    }
}

/// A family that differs only in β: from no price on the KL at 0 to posterior collapse at 16.
pub(super) fn beta(name: &str, title: &str, beta: f32) -> Preset {
    Preset {
        epochs: 12,
        beta,
        ..digits(name, title, small(10, [16, 32], 32))
    }
}

/// Clothes, with a Gaussian likelihood whose σ is learned.
pub(super) fn fashion(name: &str) -> Preset {
    let credit = "Trained on Fashion-MNIST (Zalando SE), MIT";
    let title = "Fashion";
    let layers = small(32, [32, 64], 64);
    let shape = [1, 28];
    Preset {
        spec: spec(
            name,
            title,
            clothes(),
            credit,
            shape,
            GAUSSIAN,
            layers.clone(),
        ),
        data: "Fashion-MNIST, 60,000 pieces of clothing",
        epochs: 20,
        ..digits(name, title, layers)
    }
}
