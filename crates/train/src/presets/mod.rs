//! The presets that `vaelet train` knows: what to build, and how to train it.

use crate::data::attributes::{Column, Rule};
use crate::data::{Source, Table};
use vaelet_model::{
    Activation, Drawing, FORMAT, Input, LatentGroup, Layer, Likelihood, ModelSpec, Prior, Subject,
    WeightsFile,
};

/// A model's description before training, with the settings that trained it best.
#[derive(Debug, Clone)]
pub struct Preset {
    /// Everything but weights and figures.
    pub spec: ModelSpec,
    /// How its data lies in its folder.
    pub source: Source,
    /// What the data is, for the model's card.
    pub data: &'static str,
    /// Whether images are mirrored, shifted and lit anew at each pass; only mirrored where a judge
    /// takes them for what pictures should be like.
    pub augment: bool,
    /// Passes over the data.
    pub epochs: usize,
    /// Images in a step.
    pub batch: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Weight of the KL term after warm-up (Higgins et al. 2017); 1 is the ELBO.
    pub beta: f32,
    /// Epochs without a better −ELBO on held-out images after which training stops; no images
    /// are held out where there is no such number.
    pub patience: Option<usize>,
    /// Gaussians of the learned prior.
    pub components: usize,
    /// Whether the decoder of a trained model is sharpened: see [`crate::training::adversary`].
    pub adversarial: bool,
}

/// The presets of [`preset`].
pub const NAMES: [&str; 14] = [
    "digits",
    "digits-map",
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
];

const MNIST: &str = "Trained on MNIST (Yann LeCun, Corinna Cortes), CC BY-SA 3.0";
const PORTRAITS: &str = "Trained on portraits of members of the US Congress (public domain, US GPO) \
    and of the UK Parliament (CC BY 3.0), and on the Face Research Lab London Set \
    (DeBruine and Jones 2017, CC BY 4.0)";

/// What digits are called; faces and clothes below.
fn digit() -> Subject {
    Subject {
        drawing: Some(Drawing::Mnist),
        ..subject("digit", "digits", "Digits nobody wrote")
    }
}

fn face() -> Subject {
    subject("face", "faces", "Faces that never existed")
}

fn clothes() -> Subject {
    subject("piece of clothing", "clothes", "Clothes nobody made")
}

fn subject(one: &str, many: &str, unseen: &str) -> Subject {
    Subject {
        one: one.into(),
        many: many.into(),
        unseen: Some(unseen.into()),
        drawing: None,
    }
}

/// Of the portraits: the London Set has everyone both smiling and not.
const PORTRAIT: &[Rule] = &[
    Rule {
        name: "smile",
        certain: Column::Words("expression", &["smiling"], &["neutral"]),
        guess: Some(Column::Number("smile_score", 0.2, 0.9)),
        hidden: None,
    },
    certain("turn", Column::Number("yaw", -0.1, 0.1)),
    certain("youth", Column::Number("birth_year", 1947.0, 1964.0)),
];

/// Of the avatars, each of which was drawn from its labels.
const AVATAR: &[Rule] = &[
    certain(
        "smile",
        Column::Words("mouth", &["smile"], &["sad", "serious", "concerned"]),
    ),
    certain(
        "glasses",
        Column::Words(
            "accessories",
            &[
                "round",
                "prescription01",
                "prescription02",
                "wayfarers",
                "sunglasses",
            ],
            &[""],
        ),
    ),
    certain(
        "beard",
        Column::Words(
            "facialHair",
            &["beardLight", "beardMedium", "beardMajestic"],
            &[""],
        ),
    ),
    certain(
        "long hair",
        Column::Words(
            "top",
            &[
                "straight01",
                "straight02",
                "longButNotTooLong",
                "bob",
                "curly",
            ],
            &[
                "shortFlat",
                "shortRound",
                "theCaesar",
                "theCaesarAndSidePart",
                "sides",
            ],
        ),
    ),
    Rule {
        hidden: Some(("top", &["", "hat", "hijab", "turban", "winterHat02"])),
        ..certain(
            "fair hair",
            Column::Words(
                "hairColor",
                &["#e8e1e1", "#ecdcbf", "#d6b370"],
                &["#2c1b18", "#4a312c", "#724133"],
            ),
        )
    },
    certain(
        "dark skin",
        Column::Words(
            "skinColor",
            &["#614335", "#ae5d29"],
            &["#ffdbb4", "#edb98a"],
        ),
    ),
    certain(
        "warm background",
        Column::Words(
            "primaryBackgroundColor",
            &["#ffdfbf", "#ffd5dc"],
            &["#b6e3f4", "#d1d4f9"],
        ),
    ),
];

/// Of the pixel-art people, each of whom was put together from these.
const CHARACTER: &[Rule] = &[
    certain(
        "facing away",
        Column::Words("direction", &["up"], &["down"]),
    ),
    certain(
        "facing right",
        Column::Words("direction", &["right"], &["left"]),
    ),
    certain(
        "green skin",
        Column::Words("skin", &["orc"], &["light", "tanned", "tanned2"]),
    ),
    certain(
        "dark skin",
        Column::Words("skin", &["dark", "dark2"], &["light", "tanned", "tanned2"]),
    ),
    Rule {
        hidden: Some((
            "hat",
            &[
                "chain hood",
                "metal helm",
                "cloth hood",
                "golden helm",
                "leather cap",
                "chainhat",
            ],
        )),
        ..certain(
            "fair hair",
            Column::Words(
                "hair_color",
                &["blonde", "gold", "white-blonde", "white"],
                &["black", "raven", "brunette", "brown"],
            ),
        )
    },
    certain(
        "armour",
        Column::Words(
            "torso",
            &["chain mail", "plate chest", "gold chest"],
            &[
                "white longsleeve",
                "teal longsleeve",
                "brown longsleeve",
                "maroon longsleeve",
            ],
        ),
    ),
    certain(
        "robe",
        Column::Words(
            "legs",
            &["robe skirt"],
            &["white pants", "teal pants", "red pants", "magenta pants"],
        ),
    ),
];

/// Classes of the medical images that `scans` learns; it never sees the others.
const SCANS: &[&str] = &["Hand", "CXR", "HeadCT"];

const fn sheets(rules: &'static [Rule]) -> Table {
    Table {
        rules,
        classes: None,
    }
}

const fn certain(name: &'static str, certain: Column) -> Rule {
    Rule {
        name,
        certain,
        guess: None,
        hidden: None,
    }
}

/// The preset called `name`.
pub fn preset(name: &str) -> Option<Preset> {
    Some(match name {
        "digits" => digits(name, "Handwritten digits", 32),
        "digits-map" => digits(name, "Digits on a map", 2),
        "digits-beta-0" => beta(name, "Digits, plain autoencoder", 0.0),
        "digits-beta-1" => beta(name, "Digits, β = 1", 1.0),
        "digits-beta-4" => beta(name, "Digits, β = 4", 4.0),
        "digits-beta-16" => beta(name, "Digits, β = 16", 16.0),
        "fashion" => fashion(name),
        "faces-map" => faces_map(name),
        "portraits" => portraits(name, "Portraits"),
        "portraits-sharp" => sharpened(portraits(name, "Portraits, sharpened"), 12),
        "avatars" => avatars(name, "Avatars"),
        "avatars-sharp" => sharpened(avatars(name, "Avatars, sharpened"), 4),
        "scans" => scans(name),
        "characters" => characters(name),
        _ => return None,
    })
}

/// Handwritten digits: a residual convolutional VAE.
fn digits(name: &str, title: &str, latent: usize) -> Preset {
    Preset {
        spec: spec(
            name,
            title,
            digit(),
            MNIST,
            [1, 28],
            Likelihood::Bernoulli,
            small(latent, [32, 64]),
        ),
        source: Source::Idx,
        data: "MNIST, 60,000 digits",
        augment: false,
        epochs: 40,
        batch: 128,
        learning_rate: 2e-3,
        beta: 1.0,
        patience: None,
        components: 32,
        adversarial: false,
    }
}

/// One of a family that differs in nothing but β: the plain autoencoder at 0, collapse at
/// the other end.
fn beta(name: &str, title: &str, beta: f32) -> Preset {
    Preset {
        spec: spec(
            name,
            title,
            digit(),
            MNIST,
            [1, 28],
            Likelihood::Bernoulli,
            small(10, [16, 32]),
        ),
        epochs: 12,
        beta,
        ..digits(name, title, 10)
    }
}

/// Clothes, as sharp as a Gaussian with its own σ makes them.
fn fashion(name: &str) -> Preset {
    let credit = "Trained on Fashion-MNIST (Zalando SE), MIT";
    let layers = small(32, [32, 64]);
    Preset {
        spec: spec(
            name,
            "Fashion",
            clothes(),
            credit,
            [1, 28],
            GAUSSIAN,
            layers,
        ),
        data: "Fashion-MNIST, 60,000 pieces of clothing",
        epochs: 20,
        ..digits(name, "Fashion", 32)
    }
}

/// The worked example of many an introduction: a grey face of 28×28, two latents.
fn faces_map(name: &str) -> Preset {
    let layers = small(2, [16, 32]);
    Preset {
        spec: spec(
            name,
            "Faces on a map",
            face(),
            PORTRAITS,
            [1, 28],
            GAUSSIAN,
            layers,
        ),
        source: Source::Sheets(sheets(&[])),
        data: "2,117 portraits, 28×28 grey",
        augment: true,
        epochs: 150,
        batch: 32,
        learning_rate: 1e-3,
        beta: 1.0,
        patience: None,
        components: 4,
        adversarial: false,
    }
}

/// Real faces.
fn portraits(name: &str, title: &str) -> Preset {
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
fn avatars(name: &str, title: &str) -> Preset {
    let credit = "Art by Pablo Stanley, free for personal and commercial use";
    Preset {
        source: Source::Sheets(sheets(AVATAR)),
        data: "24,576 drawn faces, 64×64",
        augment: false,
        epochs: 5,
        patience: None,
        ..pictures(name, title, face(), credit, 64)
    }
}

/// Medical pictures of three kinds, for detecting others.
fn scans(name: &str) -> Preset {
    let credit = "Trained on MedNIST (Dr. Bradley J. Erickson, Mayo Clinic; from TCIA, the RSNA Bone \
        Age Challenge and the NIH Chest X-ray data set), CC BY-SA 4.0. Not for diagnosis";
    let mut preset = pictures(
        name,
        "Medical scans",
        subject("scan", "scans", "Scans of nobody"),
        credit,
        64,
    );
    preset.spec.input.channels = 1;
    [preset.spec.encoder, preset.spec.decoder] = tall(64, [1, 64]);
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

/// Pixel-art people.
fn characters(name: &str) -> Preset {
    let credit = "Trained on sprites of the Liberated Pixel Cup by the artists of its AUTHORS.txt, \
        CC BY-SA 3.0 or GPL 3.0";
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
        augment: false,
        epochs: 24,
        patience: None,
        components: 40,
        ..preset
    }
}

/// A preset that goes on from a trained model, with a decoder that has more to draw with: see
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

/// Any pictures, in colour.
pub fn pictures(name: &str, title: &str, subject: Subject, credit: &str, side: usize) -> Preset {
    let layers = tall(64, [3, side]);
    Preset {
        spec: spec(name, title, subject, credit, [3, side], GAUSSIAN, layers),
        source: Source::Folder,
        data: "a folder of pictures",
        augment: true,
        epochs: 60,
        batch: 32,
        learning_rate: 1e-3,
        beta: 1.0,
        patience: Some(20),
        components: 8,
        adversarial: false,
    }
}

/// σ here is where training starts; the model has its own in the end.
const GAUSSIAN: Likelihood = Likelihood::Gaussian { sigma: 0.3 };

/// The views that a released model is what the page opens with.
fn first(name: &str) -> &'static [&'static str] {
    match name {
        "portraits-sharp" => &["sample", "morph", "edit"],
        "digits" => &["draw"],
        "digits-map" => &["map"],
        "digits-beta-1" => &["inside"],
        _ => &[],
    }
}

/// Encoder and decoder.
type Layers = [Vec<Layer>; 2];

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
        first: first(name).iter().map(|view| (*view).to_owned()).collect(),
        input: Input {
            channels,
            height: side,
            width: side,
        },
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

/// For grey images of 28×28: two scales, a residual block at each.
fn small(latent: usize, [narrow, wide]: [usize; 2]) -> Layers {
    let mut names = Names::default();
    let encoder = vec![
        names.conv(1, narrow, 4, 2),
        names.conv(narrow, wide, 4, 2),
        names.residual(wide, Activation::Silu),
        names.linear(7 * 7 * wide, 2 * latent, Activation::None),
    ];
    let mut names = Names::decoder();
    let decoder = vec![
        names.linear(latent, 7 * 7 * wide, Activation::Silu),
        image(wide, 7),
        names.residual(wide, Activation::Silu),
        names.conv_transpose(wide, narrow, Activation::Silu),
        names.residual(narrow, Activation::Silu),
        names.conv_transpose(narrow, 1, Activation::Sigmoid),
    ];
    [encoder, decoder]
}

/// For images of `side`, a multiple of 16: halved four times, twice the channels each time.
fn tall(latent: usize, [channels, side]: [usize; 2]) -> Layers {
    let low = side / 16;
    let mut names = Names::default();
    let mut encoder = Vec::new();
    for pair in [channels, 32, 64, 128, 256].windows(2) {
        encoder.push(names.conv(pair[0], pair[1], 4, 2));
    }
    encoder.push(names.linear(low * low * 256, 2 * latent, Activation::None));
    let mut names = Names::decoder();
    let decoder = vec![
        names.linear(latent, low * low * 256, Activation::Silu),
        image(256, low),
        names.conv_transpose(256, 128, Activation::Silu),
        names.conv_transpose(128, 64, Activation::Silu),
        names.residual(64, Activation::Silu),
        names.conv_transpose(64, 32, Activation::Silu),
        names.conv_transpose(32, channels, Activation::Sigmoid),
    ];
    [encoder, decoder]
}

/// The decoder of [`tall`] with a residual block at an eighth, a quarter and a half of the side, and
/// 16 channels at full size, of which a convolution makes the picture.
fn fine(spec: &ModelSpec) -> Vec<Layer> {
    const LAST: usize = 16;
    let Input {
        channels, height, ..
    } = spec.input;
    let low = height / 16;
    let mut names = Names::decoder();
    vec![
        names.linear(spec.latent_size(), low * low * 256, Activation::Silu),
        image(256, low),
        names.conv_transpose(256, 128, Activation::Silu),
        names.residual(128, Activation::None),
        names.conv_transpose(128, 64, Activation::Silu),
        names.residual(64, Activation::Silu),
        names.conv_transpose(64, 32, Activation::Silu),
        names.residual(32, Activation::None),
        names.conv_transpose(32, LAST, Activation::Silu),
        Layer::Conv2d {
            in_channels: LAST,
            out_channels: channels,
            kernel: 3,
            stride: 1,
            padding: 1,
            activation: Activation::Sigmoid,
            params: names.params(),
        },
    ]
}

/// Tells which of so many attributes a picture has: a logit for each.
pub fn classifier(shape: Input, attributes: usize) -> Vec<Layer> {
    reader(shape, [16, 32, 64, 64], attributes)
}

/// From pictures whose sides are multiples of 16 to numbers.
fn reader(shape: Input, channels: [usize; 4], outputs: usize) -> Vec<Layer> {
    let mut names = Names::default();
    let mut layers = Vec::new();
    let mut inputs = shape.channels;
    for outputs in channels {
        layers.push(names.conv(inputs, outputs, 4, 2));
        inputs = outputs;
    }
    let inputs = shape.height / 16 * (shape.width / 16) * inputs;
    layers.push(names.linear(inputs, outputs, Activation::None));
    layers
}

fn image(channels: usize, side: usize) -> Layer {
    Layer::Reshape {
        channels,
        height: side,
        width: side,
    }
}

/// Makes layers and numbers their tensors in the order of use.
struct Names {
    room: &'static str,
    next: usize,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            room: "encoder",
            next: 0,
        }
    }
}

impl Names {
    fn decoder() -> Self {
        Self {
            room: "decoder",
            next: 0,
        }
    }

    fn params(&mut self) -> String {
        self.next += 1;
        format!("{}.{}", self.room, self.next - 1)
    }

    fn linear(&mut self, inputs: usize, outputs: usize, activation: Activation) -> Layer {
        Layer::Linear {
            inputs,
            outputs,
            activation,
            params: self.params(),
        }
    }

    /// A convolution with padding 1 that is followed by a SiLU.
    fn conv(
        &mut self,
        in_channels: usize,
        out_channels: usize,
        kernel: usize,
        stride: usize,
    ) -> Layer {
        Layer::Conv2d {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding: 1,
            activation: Activation::Silu,
            params: self.params(),
        }
    }

    /// Twice the side, kernel 4.
    fn conv_transpose(
        &mut self,
        in_channels: usize,
        out_channels: usize,
        activation: Activation,
    ) -> Layer {
        Layer::ConvTranspose2d {
            in_channels,
            out_channels,
            kernel: 4,
            stride: 2,
            padding: 1,
            activation,
            params: self.params(),
        }
    }

    /// Two 3×3 convolutions and an addition (He et al. 2016).
    fn residual(&mut self, channels: usize, activation: Activation) -> Layer {
        let first = self.conv(channels, channels, 3, 1);
        let second = Layer::Conv2d {
            in_channels: channels,
            out_channels: channels,
            kernel: 3,
            stride: 1,
            padding: 1,
            activation: Activation::None,
            params: self.params(),
        };
        Layer::Residual {
            layers: vec![first, second],
            activation,
        }
    }
}
