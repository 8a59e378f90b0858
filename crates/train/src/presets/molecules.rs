//! The preset for molecules, as SELFIES.

use super::words::words;
use super::{Preset, subject};
use crate::data::batch::Augment;
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
const LONGEST: usize = 48;
const LATENT: usize = 96;

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
    (preset.spec.encoder, preset.spec.decoder) = layers(preset.spec.input);
    preset.spec.latents[0].size = LATENT;
    Preset {
        data: "150,000 drug-like molecules of MOSES, as SELFIES",
        // The decoder reads all tokens before each: with β this low z is needed all the same.
        augment: Augment::None,
        epochs: 7,
        batch: 128,
        learning_rate: 6e-3,
        beta: 0.2,
        regression: 20.0,
        patience: None,
        components: 4,
        ..preset
    }
}

/// Encoder and decoder for texts of `shape` `[V, 1, T]`, T even. The encoder's convolutions read neighbouring tokens,
/// alike at all places, and a linear layer the whole molecule. The decoder plans each place from z, and writes it after
/// reading the tokens before it.
fn layers(shape: ImageShape) -> (Vec<Layer>, Vec<Layer>) {
    // Numbers of a token, of a few neighbours, and of what the latent is read from.
    const READ: [usize; 4] = [24, 64, 96, 32];
    // Tokens before each place, and numbers of what is planned and written there.
    const REACH: usize = 12;
    const PLANNED: usize = 64;
    const WRITTEN: usize = 192;
    let (symbols, length) = (shape.channels, shape.width);
    let each =
        |channels, params: &str| Layer::conv2d(channels, [1, 1, 0], Activation::Silu, params);
    // On an image of one row, this padding leaves the kernel's middle row.
    let near = |channels, stride, params: &str| {
        Layer::conv2d(channels, [3, stride, 1], Activation::Silu, params)
    };
    let encoder = vec![
        each([symbols, READ[0]], "encoder.0"),
        near([READ[0], READ[1]], 1, "encoder.1"),
        near([READ[1], READ[2]], 2, "encoder.2"),
        each([READ[2], READ[3]], "encoder.3"),
        Layer::linear(
            length / 2 * READ[3],
            2 * LATENT,
            Activation::None,
            "encoder.4",
        ),
    ];
    let decoder = vec![
        Layer::linear(LATENT, length * PLANNED, Activation::None, "decoder.0"),
        Layer::reshape([1, length, PLANNED]),
        Layer::Context {
            reach: REACH,
            outputs: PLANNED,
            activation: Activation::Silu,
            params: "decoder.1".into(),
        },
        each([PLANNED, WRITTEN], "decoder.2"),
        Layer::conv2d([WRITTEN, symbols], [1, 1, 0], Activation::None, "decoder.3"),
    ];
    (encoder, decoder)
}
