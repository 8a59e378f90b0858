//! The preset for molecules, as SELFIES.

use super::words::words;
use super::{Preset, subject};
use crate::data::words::Survey;
use vaelet_model::{Activation, ImageShape, Layer, Notation, Spelling};

/// The tokens of the data set, the most frequent first.
const TOKENS: [&str; 26] = [
    "[C]",
    "[=C]",
    "[Ring1]",
    "[N]",
    "[Branch1]",
    "[=Branch1]",
    "[=O]",
    "[O]",
    "[=N]",
    "[Branch2]",
    "[Ring2]",
    "[S]",
    "[#Branch1]",
    "[F]",
    "[=Branch2]",
    "[#Branch2]",
    "[#C]",
    "[=Ring1]",
    "[P]",
    "[Cl]",
    "[NH1]",
    "[#N]",
    "[Br]",
    "[=Ring2]",
    "[=S]",
    "[H]",
];
/// Most tokens of a molecule; few in the data set have more.
const LONGEST: usize = 49;
const LATENT: usize = 120;

/// Drug-like molecules. β is below 1, because a molecule of which one token comes back wrong is another one.
pub(super) fn molecules(name: &str) -> Preset {
    let credit = "Trained on molecules of MOSES (Insilico Medicine; refined from ZINC), MIT";
    let symbols = [String::new()].into_iter().chain(TOKENS.map(Into::into));
    let survey = Survey {
        spelling: Spelling {
            symbols: symbols.collect(),
            end: 0,
            capitals: false,
            notation: Some(Notation::Selfies),
        },
        longest: LONGEST,
        condition: None,
    };
    let subject = subject("molecule", "molecules", "Molecules that nobody made");
    let mut preset = words(name, "Molecules", subject, credit, survey);
    (preset.spec.encoder, preset.spec.decoder) = patches(preset.spec.input);
    preset.spec.latents[0].size = LATENT;
    Preset {
        data: "150,000 drug-like molecules of MOSES, as SELFIES",
        epochs: 6,
        batch: 256,
        learning_rate: 8e-3,
        beta: 0.1,
        regression: 10.0,
        patience: None,
        components: 4,
        ..preset
    }
}

/// Encoder and decoder for texts of `shape` `[V, 1, T]`, T one more than a multiple of 3. Three neighbouring tokens together
/// are some numbers, alike at all places, and one linear layer on either side of the latent knows the whole molecule.
/// So few weights learn to spell long texts.
fn patches(shape: ImageShape) -> (Vec<Layer>, Vec<Layer>) {
    const PATCH: usize = 3;
    // Numbers of a token, and of a patch within a network and on either side of the latent.
    const TOKEN: usize = 16;
    const WIDE: usize = 128;
    const READ: usize = 16;
    const WRITTEN: usize = 24;
    let (symbols, parts) = (shape.channels, shape.width.div_ceil(PATCH));
    let each =
        |channels, params: &str| Layer::conv2d(channels, [1, 1, 0], Activation::Silu, params);
    // On an image of one row, this padding leaves the kernel's middle row.
    let window = [PATCH, PATCH, PATCH / 2];
    let encoder = vec![
        each([symbols, TOKEN], "encoder.0"),
        Layer::conv2d([TOKEN, WIDE], window, Activation::Silu, "encoder.1"),
        each([WIDE, READ], "encoder.2"),
        Layer::linear(parts * READ, 2 * LATENT, Activation::None, "encoder.3"),
    ];
    let decoder = vec![
        Layer::linear(LATENT, parts * WRITTEN, Activation::Silu, "decoder.0"),
        Layer::reshape([1, parts, WRITTEN]),
        each([WRITTEN, WIDE], "decoder.1"),
        Layer::conv_transpose2d([WIDE, symbols], window, Activation::None, "decoder.2"),
    ];
    (encoder, decoder)
}
