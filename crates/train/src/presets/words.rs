//! Presets for texts: place names, and words of the user's own.

use super::{Preset, spec, subject};
use crate::data::Source;
use crate::data::batch::Augment;
use crate::data::words::Survey;
use crate::training::objective::Penalty;
use vaelet_model::networks::{Spelled, spelled};
use vaelet_model::{Condition, Data, ImageShape, Likelihood, Spelling, Subject};

/// Countries with at least 300 names, by their codes.
const COUNTRIES: [&str; 70] = [
    "AF", "AL", "AM", "AO", "AR", "AT", "AU", "BE", "BG", "BR", "CA", "CH", "CI", "CL", "CN", "CO",
    "CZ", "DE", "DK", "DZ", "EC", "ES", "FI", "FR", "GB", "GR", "GT", "HK", "HN", "HR", "HU", "ID",
    "IE", "IL", "IN", "IR", "IT", "JP", "KE", "KZ", "MA", "MM", "MX", "MY", "NG", "NL", "NO", "NZ",
    "PA", "PE", "PH", "PK", "PL", "PS", "PT", "RO", "RS", "RU", "SE", "SK", "SY", "TH", "TR", "TZ",
    "UA", "US", "VE", "VN", "YE", "ZA",
];

/// Any short texts, as a table has them.
pub fn words(name: &str, title: &str, subject: Subject, credit: &str, survey: Survey) -> Preset {
    let symbols = survey.spelling.symbols.len();
    let shape = ImageShape {
        channels: symbols,
        height: 1,
        width: survey.longest,
    };
    let sizes = Spelled {
        narrow: 16,
        hidden: 256,
        place: 64,
        reach: 8,
    };
    let layers = spelled(32, shape, sizes, survey.condition.is_some());
    let likelihood = Likelihood::Categorical { symbols };
    let mut spec = spec(
        name,
        title,
        subject,
        credit,
        [symbols, 1],
        likelihood,
        layers,
    );
    spec.input = shape;
    spec.data = Data::Sequence(survey.spelling);
    spec.condition = survey.condition;
    Preset {
        spec,
        source: Source::Words,
        data: "a table of texts",
        augment: Augment::Text,
        epochs: 100,
        batch: 64,
        learning_rate: 2e-3,
        beta: 0.5,
        penalty: Penalty::Divergence,
        patience: Some(10),
        components: 16,
        regression: 0.0,
        adversarial: false,
    }
}

/// Names of places; the country is the condition, so that the latent holds what a name has beside it.
pub(super) fn places(name: &str) -> Preset {
    let credit = "Trained on names of the GeoNames gazetteer (geonames.org), CC BY 4.0";
    let letters = ('a'..='z').chain([' ', '\'', '-', '.']).map(String::from);
    let survey = Survey {
        spelling: Spelling {
            symbols: [String::new()].into_iter().chain(letters).collect(),
            end: 0,
            capitals: true,
            notation: None,
        },
        longest: 24,
        condition: Some(Condition {
            name: "country".into(),
            classes: COUNTRIES.map(String::from).into(),
        }),
    };
    let subject = subject("place name", "place names", "Places that are on no map");
    let mut preset = words(name, "Places", subject, credit, survey);
    preset.spec.licence = "CC-BY-4.0".into();
    let latent = 48;
    let sizes = Spelled {
        narrow: 24,
        hidden: 288,
        place: 64,
        reach: 8,
    };
    let [encoder, decoder] = spelled(latent, preset.spec.input, sizes, true);
    (preset.spec.encoder, preset.spec.decoder) = (encoder, decoder);
    preset.spec.latents[0].size = latent;
    Preset {
        data: "103,842 names of places in 70 countries",
        epochs: 40,
        batch: 128,
        learning_rate: 3e-3,
        beta: 0.5,
        patience: None,
        ..preset
    }
}
