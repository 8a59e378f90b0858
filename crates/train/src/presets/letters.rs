//! The preset for the characters of typefaces.

use super::{Preset, spec, subject};
use crate::data::Source;
use crate::data::batch::Augment;
use crate::training::objective::Penalty;
use vaelet_model::networks::conditional;
use vaelet_model::{Condition, Drawing, Likelihood, Subject};

/// Of each typeface, in the order of its glyphs.
const CHARACTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Characters of typefaces: the latent is the style, the condition the character. The decoder learns to
/// draw another character of the font than the one that the encoder has read.
pub(super) fn letters(name: &str) -> Preset {
    let credit = "Trained on 770 typeface styles of 261 families from Debian's packages, each under the \
        SIL Open Font License, the Apache License 2.0, the GUST Font License, or in the public domain";
    let subject = Subject {
        drawing: Some(Drawing::Ink),
        ..subject("letter", "letters", "Letters of no typeface")
    };
    let layers = conditional(32);
    let likelihood = Likelihood::Bernoulli;
    let mut spec = spec(
        name,
        "Letters",
        subject,
        credit,
        [1, 64],
        likelihood,
        layers,
    );
    spec.condition = Some(Condition {
        name: "character".into(),
        classes: CHARACTERS.chars().map(String::from).collect(),
    });
    Preset {
        spec,
        source: Source::Glyphs(CHARACTERS),
        data: "47,740 glyphs of 770 typeface styles, 64×64 grey",
        augment: Augment::None,
        epochs: 6,
        batch: 32,
        learning_rate: 1.5e-3,
        beta: 1.0,
        penalty: Penalty::Divergence,
        patience: None,
        components: 8,
        regression: 0.0,
        adversarial: false,
    }
}
