//! Presets for faces: portraits and drawn avatars.

use super::labels::{AVATAR, PORTRAIT, sheets};
use super::{GAUSSIAN, Preset, pictures, spec, subject};
use crate::data::Source;
use crate::data::batch::Augment;
use crate::training::objective::Penalty;
use vaelet_model::Subject;
use vaelet_model::networks::small;

pub(super) const PORTRAITS: &str = "Trained on portraits of members of the US Congress (public domain, US GPO) \
    and of the UK Parliament (CC BY 3.0), and on the Face Research Lab London Set \
    (DeBruine and Jones 2017, CC BY 4.0)";

pub(super) fn face() -> Subject {
    subject("face", "faces", "Faces that never existed")
}

/// The worked example of many introductions to VAEs: a grey face of 28×28, two latents.
pub(super) fn faces_map(name: &str) -> Preset {
    let layers = small(2, [16, 32], 32);
    Preset {
        spec: spec(
            name,
            "Faces, 2 numbers",
            face(),
            PORTRAITS,
            [1, 28],
            GAUSSIAN,
            layers,
        ),
        source: Source::Sheets(sheets(&[])),
        data: "2,117 portraits, 28×28 grey",
        augment: Augment::Picture,
        epochs: 150,
        batch: 32,
        learning_rate: 1e-3,
        beta: 1.0,
        penalty: Penalty::Divergence,
        patience: None,
        components: 4,
        regression: 0.0,
        adversarial: false,
    }
}

/// Real faces.
pub(super) fn portraits(name: &str, title: &str) -> Preset {
    Preset {
        source: Source::Sheets(sheets(PORTRAIT)),
        data: "2,117 portraits, 64×64",
        epochs: 48,
        patience: None,
        components: 2,
        ..pictures(name, title, face(), PORTRAITS, 64)
    }
}

/// Drawn faces.
pub(super) fn avatars(name: &str, title: &str) -> Preset {
    let credit = "Art by Pablo Stanley, free for personal and commercial use";
    Preset {
        source: Source::Sheets(sheets(AVATAR)),
        data: "24,576 drawn faces, 64×64",
        augment: Augment::None,
        epochs: 5,
        patience: None,
        ..pictures(name, title, face(), credit, 64)
    }
}
