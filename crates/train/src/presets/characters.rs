//! The preset for pixel-art people.

use super::labels::CHARACTER;
use super::{Preset, pictures, subject};
use crate::data::batch::Augment;
use crate::data::{Source, Table};
use vaelet_model::networks::fine;

/// Pixel-art people.
pub(super) fn characters(name: &str) -> Preset {
    let credit = "Trained on sprites of the Liberated Pixel Cup by Luke Mehl, Johannes Sjölund, Marcel van de Steeg, \
        Manuel Riecke, Thane Brimhall, Matthew Krohn, Lori Angela Nagel, Lanea Zimmerman, Stephen Challener, \
        Daniel Eddeland, Shaun Williams, Joe White, Barbara Rivera, JRConway3, JaidynReiman, Nila122 and \
        neo4cat6, CC BY-SA 3.0 or GPL 3.0";
    let subject = subject("character", "characters", "Characters nobody drew");
    let mut preset = pictures(name, "Pixel-art characters", subject, credit, 64);
    preset.spec.licence = "CC-BY-SA-3.0".into();
    preset.spec.decoder = fine(&preset.spec);
    Preset {
        source: Source::Sheets(Table {
            rules: CHARACTER,
            classes: Some(("direction", &["down", "left", "right", "up"])),
        }),
        data: "16,384 pixel-art characters, 64×64",
        augment: Augment::None,
        epochs: 24,
        patience: None,
        components: 40,
        ..preset
    }
}
