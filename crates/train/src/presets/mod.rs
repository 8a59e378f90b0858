//! The presets that `vaelet train` knows: what to build, and how to train it.

mod characters;
mod faces;
mod labels;
mod letters;
mod mnist;
mod molecules;
mod scans;
mod shapes;
mod voices;
mod words;

use crate::data::Source;
use crate::data::batch::Augment;
use crate::training::objective::Penalty;
use characters::characters;
use faces::{avatars, faces_map, portraits};
use letters::letters;
use mnist::{beta, digits_map, digits_snapshots, fashion, handwritten};
use molecules::molecules;
use scans::scans;
use shapes::{BETA, shapes};
use vaelet_model::networks::{Layers, WIDE, fine, tall};
use vaelet_model::{
    Data, FORMAT, ImageShape, LatentGroup, Layer, Likelihood, ModelSpec, Prior, Subject,
    WeightsFile,
};
#[cfg(test)]
pub use voices::SPEECH;
pub use voices::recordings;
use voices::voices;
use words::places;
pub use words::words;

/// A model's description before training, with the settings that trained it best.
#[derive(Debug, Clone)]
pub struct Preset {
    /// Everything but weights and figures.
    pub spec: ModelSpec,
    /// The layout of its data set.
    pub source: Source,
    /// What the data is, for the model's card.
    pub data: &'static str,
    /// How images are changed at each pass.
    pub augment: Augment,
    /// Passes over the data.
    pub epochs: usize,
    /// Images in a step.
    pub batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Weight of the `penalty` after warm-up; 1 is the ELBO.
    pub beta: f32,
    /// What `beta` weighs.
    pub penalty: Penalty,
    /// Weight of the squared error with which a linear head reads the images' measures from z, in their standard
    /// deviations, so that each grows along one direction; 0 without such a head.
    pub regression: f64,
    /// Epochs without a better −ELBO on held-out images after which training stops; if none, no
    /// images are held out.
    pub patience: Option<usize>,
    /// Gaussians of the learned prior.
    pub components: usize,
    /// Whether the decoder of a trained model is sharpened: see [`crate::training::adversary`].
    pub adversarial: bool,
}

/// The presets of [`preset`].
pub const NAMES: [&str; 21] = [
    "digits",
    "digits-map",
    "digits-snapshots",
    "digits-beta-0",
    "digits-beta-1",
    "digits-beta-4",
    "digits-beta-16",
    "fashion",
    "faces-map",
    "portraits",
    "portraits-sharp",
    "avatars",
    "avatars-sharp",
    "scans",
    "characters",
    "letters",
    "shapes",
    "shapes-plain",
    "voices",
    "places",
    "molecules",
];

/// The preset called `name`.
pub fn preset(name: &str) -> Option<Preset> {
    Some(match name {
        "digits" => handwritten(name),
        "digits-map" => digits_map(name),
        "digits-snapshots" => digits_snapshots(name),
        "digits-beta-0" => beta(name, "Digits, β = 0", 0.0),
        "digits-beta-1" => beta(name, "Digits, β = 1", 1.0),
        "digits-beta-4" => beta(name, "Digits, β = 4", 4.0),
        "digits-beta-16" => beta(name, "Digits, β = 16", 16.0),
        "fashion" => fashion(name),
        "faces-map" => faces_map(name),
        "portraits" => portraits(name, "Portraits"),
        "portraits-sharp" => sharpened(portraits(name, "Portraits, sharper"), 12),
        "avatars" => avatars(name, "Avatars"),
        "avatars-sharp" => sharpened(avatars(name, "Avatars, sharpened"), 4),
        "scans" => scans(name),
        "characters" => characters(name),
        "letters" => letters(name),
        "shapes" => shapes(name, "Shapes", BETA),
        "shapes-plain" => shapes(name, "Shapes, β = 1", 1.0),
        "voices" => voices(name),
        "places" => places(name),
        "molecules" => molecules(name),
        _ => return None,
    })
}

/// Any pictures, in colour.
pub fn pictures(name: &str, title: &str, subject: Subject, credit: &str, side: usize) -> Preset {
    let layers = tall(64, [3, side], WIDE);
    Preset {
        spec: spec(name, title, subject, credit, [3, side], GAUSSIAN, layers),
        source: Source::Folder,
        data: "a folder of pictures",
        augment: Augment::Picture,
        epochs: 60,
        batch: 32,
        learning_rate: 1e-3,
        beta: 1.0,
        penalty: Penalty::Divergence,
        patience: Some(20),
        components: 8,
        regression: 0.0,
        adversarial: false,
    }
}

/// A preset that starts from a trained model and has a larger decoder: see
/// [`crate::network::growth`].
pub fn sharpened(mut preset: Preset, epochs: usize) -> Preset {
    preset.spec.decoder = fine(&preset.spec);
    Preset {
        adversarial: true,
        epochs,
        batch: 16,
        learning_rate: 2e-4,
        ..preset
    }
}

/// σ is the initial value; training estimates it.
const GAUSSIAN: Likelihood = Likelihood::Gaussian { sigma: 0.3 };

/// The page's views whose default model this is.
fn first(name: &str) -> &'static [&'static str] {
    match name {
        "portraits-sharp" => &["sample", "morph", "edit"],
        "digits" => &["draw", "use"],
        "digits-map" => &["map"],
        "digits-beta-1" => &["inside"],
        _ => &[],
    }
}

fn spec(
    name: &str,
    title: &str,
    subject: Subject,
    credit: &str,
    [channels, side]: [usize; 2],
    likelihood: Likelihood,
    [encoder, decoder]: Layers,
) -> ModelSpec {
    let size = match &decoder[0] {
        Layer::Linear { inputs, .. } => *inputs,
        _ => unreachable!("decoders start with a linear layer"),
    };
    ModelSpec {
        format: FORMAT.into(),
        name: name.into(),
        title: title.into(),
        subject: Some(subject),
        lacks: None,
        first: first(name).iter().map(|view| (*view).to_owned()).collect(),
        input: ImageShape {
            channels,
            height: side,
            width: side,
        },
        data: Data::Image,
        condition: None,
        likelihood,
        latents: vec![LatentGroup {
            name: "z".into(),
            size,
            prior: Prior::StandardNormal,
            kl: Vec::new(),
        }],
        encoder,
        decoder,
        weights: WeightsFile::describe("weights.safetensors", &[]),
        examples: Vec::new(),
        training: None,
        licence: "MIT OR Apache-2.0".into(),
        credit: credit.into(),
    }
}

fn subject(one: &str, many: &str, unseen: &str) -> Subject {
    Subject {
        one: one.into(),
        many: many.into(),
        unseen: Some(unseen.into()),
        drawing: None,
    }
}
