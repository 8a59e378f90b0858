//! Presets for sounds, as log-mel pictures: spoken digits, and recordings of the user's own.

use super::labels::VOICE;
use super::{GAUSSIAN, Preset, spec, subject};
use crate::data::batch::Augment;
use crate::data::{Source, Table};
use crate::training::objective::Penalty;
use vaelet_model::networks::tall;
use vaelet_model::{Data, LogMel, Subject};

/// The pictures of the data set: 0.66 s in 64 frames.
pub const SPEECH: LogMel = LogMel {
    rate: 8000,
    window: 256,
    hop: 80,
    lowest: 50.0,
    highest: 4000.0,
    range: 72.0,
};

/// Values of the column `digit`.
const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Any recordings of single words.
pub fn recordings(name: &str, title: &str, subject: Subject, credit: &str) -> Preset {
    let layers = tall(24, [1, 64], [16, 32, 64, 96]);
    let mut spec = spec(name, title, subject, credit, [1, 64], GAUSSIAN, layers);
    spec.data = Data::Sound(SPEECH);
    Preset {
        spec,
        source: Source::Recordings(SPEECH),
        data: "a folder of recordings, as log-mel pictures of 64×64",
        augment: Augment::Sound,
        epochs: 60,
        batch: 32,
        learning_rate: 1e-3,
        beta: 2.0,
        penalty: Penalty::Divergence,
        patience: Some(20),
        components: 8,
        regression: 0.0,
        adversarial: false,
    }
}

/// Spoken digits. β is above 1, and the prior has a Gaussian for each few dozens of sounds, because a sample has to
/// lie where the decoder has learned to speak: 2,700 sounds of 6 speakers are far apart.
pub(super) fn voices(name: &str) -> Preset {
    let credit =
        "Trained on the Free Spoken Digit Dataset (Zohar Jackson and its speakers), CC BY-SA 4.0";
    let subject = subject("spoken digit", "spoken digits", "Digits that nobody said");
    let mut preset = recordings(name, "Spoken digits", subject, credit);
    preset.spec.licence = "CC-BY-SA-4.0".into();
    Preset {
        source: Source::Sheets(Table {
            rules: VOICE,
            classes: Some(("digit", DIGITS)),
        }),
        data: "2,700 spoken digits of 6 speakers, as log-mel pictures of 64×64",
        epochs: 24,
        patience: None,
        components: 100,
        ..preset
    }
}
