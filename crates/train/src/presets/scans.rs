//! The preset for medical images.

use super::{Preset, pictures, subject};
use crate::data::{Source, Table};
use vaelet_model::networks::{WIDE, tall};

/// Classes of the medical images that `scans` learns; it never sees the others.
pub(super) const SCANS: &[&str] = &["Hand", "CXR", "HeadCT"];

/// Medical images of three kinds, for detecting other kinds.
pub(super) fn scans(name: &str) -> Preset {
    let credit = "Trained on MedNIST (Dr. Bradley J. Erickson, Mayo Clinic; from TCIA, the RSNA Bone \
        Age Challenge and the NIH Chest X-ray data set), CC BY-SA 4.0. Not for diagnosis";
    let mut preset = pictures(
        name,
        "Medical scans",
        subject("scan", "scans", "Scans of no one"),
        credit,
        64,
    );
    preset.spec.input.channels = 1;
    [preset.spec.encoder, preset.spec.decoder] = tall(64, [1, 64], WIDE);
    preset.spec.licence = "CC-BY-SA-4.0".into();
    Preset {
        source: Source::Sheets(Table {
            rules: &[],
            classes: Some(("class", SCANS)),
        }),
        data: "5,517 X-rays of hands and chests and CT scans of heads, 64×64 grey",
        epochs: 40,
        patience: None,
        ..preset
    }
}
