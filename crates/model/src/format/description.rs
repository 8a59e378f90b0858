//! `model.json`: everything a runtime or a page needs to know of a model.
//!
//! The format is versioned by [`FORMAT`]. What may grow without a new version is a
//! tagged enum or a list: new kinds of layer, likelihood and prior, more latent
//! groups, more optional facts.

use super::data::Data;
use super::json::{Field, Value};
use super::limits::{MAX_BYTES, MAX_DIM, MAX_VALUES, check_amount, check_dim};
use crate::{CONDITIONS, CONTEXTS, Error, Precision, Program, Result, Schedule, Shape, sha256_hex};

/// The format that this crate reads and writes.
pub const FORMAT: &str = "vaelet/1";

/// The name that errors use for the description.
pub(crate) const FILE: &str = "model.json";

/// The contents of `model.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// Always [`FORMAT`].
    pub format: String,
    /// Folder name, for URLs and commands.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What its pictures are called; pictures where it does not say.
    pub subject: Option<Subject>,
    /// Views of the page that open with this model where the reader names none. Of several such
    /// models the first by name counts; views that a page does not have are no error.
    pub first: Vec<String>,
    /// "encoder" or "decoder", where the model has none of its own: the layers of that half are
    /// constant then, and views that need it do not show the model.
    pub lacks: Option<String>,
    /// What the encoder reads and the decoder writes.
    pub input: ImageShape,
    /// What the values of an image stand for. Of a page's programs only that which makes use of it reads
    /// and checks it.
    pub data: Data,
    /// What is known of an image beside its latent; encoder and decoder may read it.
    pub condition: Option<Condition>,
    /// p(x | z): how the decoder's output is to be read.
    pub likelihood: Likelihood,
    /// The latent vector is these groups, one after another. The encoder gives all
    /// means and then all log-variances; the decoder reads all of z.
    pub latents: Vec<LatentGroup>,
    /// Image to `2 · latent` values.
    pub encoder: Vec<Layer>,
    /// Latent to image.
    pub decoder: Vec<Layer>,
    /// The file that holds the parameters.
    pub weights: WeightsFile,
    /// A handful of images to start from.
    pub examples: Vec<Example>,
    /// How the model came to be.
    pub training: Option<Training>,
    /// Licence of the weights.
    pub licence: String,
    /// Whom to credit for the data.
    pub credit: String,
}

/// The class that every image has, and that a caller gives along with an image or a latent: a
/// conditional VAE (Sohn et al. 2015). Networks read it as a one-hot vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What the classes are: "character".
    pub name: String,
    /// The name of each class.
    pub classes: Vec<String>,
}

/// What one calls a model's pictures, and whether a reader can draw one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// One of them: "digit".
    pub one: String,
    /// Several: "digits".
    pub many: String,
    /// The heading above samples, "Digits no one ever wrote"; where it is missing, the
    /// plural with "that never existed".
    pub unseen: Option<String>,
    /// What makes an input of a reader's drawing. If it is there, pictures are shown as ink on paper.
    pub drawing: Option<Drawing>,
}

/// How a drawing is normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// As MNIST's digits were ([`crate::drawing`]): for grey images of 28×28, 1 is ink.
    Mnist,
    /// Nobody can draw an input.
    Ink,
}

/// Shape of one image, which the encoder reads and the decoder writes; values are in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// 1 for grey, 3 for RGB; any number of symbols where the likelihood is categorical.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

impl ImageShape {
    /// Values in one image.
    pub fn len(&self) -> usize {
        product(&[self.channels, self.height, self.width])
    }

    /// Whether an image would hold nothing; never so in a checked model.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// p(x | z), per value of the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Likelihood {
    /// The decoder, which ends in a sigmoid, gives the probability that a pixel is 1. For grey
    /// values x between 0 and 1, −log p(x | z) is the cross-entropy −Σ x ln y + (1 − x) ln(1 − y):
    /// its mean over pixels drawn as 1 with probability x.
    Bernoulli,
    /// The decoder gives the mean; `sigma` is the standard deviation, in units of `[0, 1]`.
    Gaussian {
        /// Standard deviation.
        sigma: f32,
    },
    /// Each pixel is one of the channels: the decoder, which ends without an activation, gives logits, and
    /// their softmax over the channels is p(x | z). Values x that are shares of several have the
    /// cross-entropy −Σ x ln softmax(y), as under a Bernoulli.
    #[cfg(feature = "texts")]
    Categorical {
        /// How many channels there are: those of `input`.
        symbols: usize,
    },
}

impl Likelihood {
    /// How many symbols the decoder gives logits of, if it does.
    pub fn symbols(self) -> Option<usize> {
        #[cfg(feature = "texts")]
        if let Self::Categorical { symbols } = self {
            return Some(symbols);
        }
        None
    }

    /// Whether the decoder gives logits of symbols.
    pub fn is_categorical(self) -> bool {
        self.symbols().is_some()
    }
}

/// One group of latent variables.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentGroup {
    /// Name for people and errors.
    pub name: String,
    /// Number of variables.
    pub size: usize,
    /// p(z) of this group.
    pub prior: Prior,
    /// Mean KL of each variable to N(0, 1) over the test set, in nats; empty where not measured.
    pub kl: Vec<f32>,
}

/// Where a group's samples come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prior {
    /// N(0, I).
    StandardNormal,
    /// Gaussians with full covariance, fitted to the posteriors of the training data.
    /// Tensors `<params>.weight` `[K]`, `<params>.mean` `[K, L]` and `<params>.factor`
    /// `[K, L, L]`, the lower Cholesky factor of each covariance.
    Mixture {
        /// K.
        components: usize,
        /// Name of the tensors.
        params: String,
    },
}

/// One layer. Images between layers are stored channels-innermost, `[N, H, W, C]`,
/// so flattening one gives the order h, w, c.
///
/// `params` names the layer's tensors in the weights file: `<params>.weight` and
/// `<params>.bias`.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// y = act(x W + b), W of shape `[inputs, outputs]`. Flattens its input.
    Linear {
        /// Values read for each image.
        inputs: usize,
        /// Values written for each image.
        outputs: usize,
        /// Applied to the result.
        activation: Activation,
        /// Name of the tensors.
        params: String,
    },
    /// Cross-correlation.
    Conv2d(Convolution),
    /// The transpose of a [`Layer::Conv2d`] that reads `out` and writes `in` channels; `padding` rows
    /// and columns are cut from every side of its result.
    ConvTranspose2d(Convolution),
    /// y = act(x + f(x)), where f is `layers` and keeps the shape.
    Residual {
        /// f; its last layer has no activation of its own.
        layers: Vec<Layer>,
        /// Applied to the sum.
        activation: Activation,
    },
    /// The same values seen as an image.
    Reshape {
        /// Channels of the image.
        channels: usize,
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
    },
    /// y = act(x + W[class] + b), W of shape `[classes, outputs]`: the class of the model's
    /// [`Condition`] is added to a vector of `outputs` values.
    Condition {
        /// Values read and written for each image.
        outputs: usize,
        /// Applied to the sum.
        activation: Activation,
        /// Name of the tensors.
        params: String,
    },
    /// y[t] = act(x[t] + Σⱼ W[0, 0, j · V + s[t − 1 − j]] + b), W of shape `[1, 1, reach · V, outputs]`: at each place t of
    /// a text of V symbols the `reach` symbols s before it are added to an image `[outputs, 1, T]`, the nearest
    /// first; before the text there are none. So p(x | z) is a product over places, each given the symbols before
    /// it, and every layer after this one reads each place by itself. Only decoders of a categorical likelihood have one.
    Context {
        /// How many symbols before each place are read.
        reach: usize,
        /// Channels read and written.
        outputs: usize,
        /// Applied to the sum.
        activation: Activation,
        /// Name of the tensors.
        params: String,
    },
    /// Each pixel becomes 2×2 pixels; a [`Layer::Conv2d`] of kernel 3, stride 1 and
    /// padding 1 must follow, with which it is one step.
    Upsample {},
}

impl Layer {
    /// A [`Layer::Linear`].
    pub fn linear(
        inputs: usize,
        outputs: usize,
        activation: Activation,
        params: impl Into<String>,
    ) -> Self {
        Self::Linear {
            inputs,
            outputs,
            activation,
            params: params.into(),
        }
    }

    /// A [`Layer::Conv2d`] of these channels read and written, and `[kernel, stride, padding]`.
    pub fn conv2d(
        channels: [usize; 2],
        window: [usize; 3],
        activation: Activation,
        params: impl Into<String>,
    ) -> Self {
        Self::Conv2d(Convolution::new(channels, window, activation, params))
    }

    /// A [`Layer::ConvTranspose2d`]; the arguments are those of [`Layer::conv2d`].
    pub fn conv_transpose2d(
        channels: [usize; 2],
        window: [usize; 3],
        activation: Activation,
        params: impl Into<String>,
    ) -> Self {
        Self::ConvTranspose2d(Convolution::new(channels, window, activation, params))
    }

    /// A [`Layer::Reshape`].
    pub fn reshape([height, width, channels]: [usize; 3]) -> Self {
        Self::Reshape {
            channels,
            height,
            width,
        }
    }
}

/// The numbers of a convolution or of its transpose, W of shape `[kernel, kernel, in, out]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    /// Channels read.
    pub in_channels: usize,
    /// Channels written.
    pub out_channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Step on the larger of the two images.
    pub stride: usize,
    /// Zeros on every side of the larger of the two images.
    pub padding: usize,
    /// Applied to the result.
    pub activation: Activation,
    /// Name of the tensors.
    pub params: String,
}

impl Convolution {
    fn new(
        [in_channels, out_channels]: [usize; 2],
        [kernel, stride, padding]: [usize; 3],
        activation: Activation,
        params: impl Into<String>,
    ) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            activation,
            params: params.into(),
        }
    }
}

/// A function applied to every value of a layer's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// x
    #[default]
    None,
    /// max(x, 0)
    Relu,
    /// x · sigmoid(x)
    Silu,
    /// 1 / (1 + exp(−x))
    Sigmoid,
    /// x · Φ(x), with the normal distribution function Φ (Hendrycks & Gimpel 2016)
    Gelu,
    /// Its approximation x · sigmoid(√(8/π) · (x + 0.044715 x³)), which is often written with tanh
    GeluTanh,
    /// x above 0, exp(x) − 1 below (Clevert et al. 2015, α = 1)
    Elu,
    /// ln(1 + exp(x))
    Softplus,
    /// ln(max(x², 10⁻³⁰)): log σ² of networks that give σ
    LogSquare,
}

impl Activation {
    /// All but the logarithm: where sums differ by little, what these make of them differs by little.
    pub const BOUNDED_SLOPE: [Self; 8] = [
        Self::None,
        Self::Relu,
        Self::Silu,
        Self::Sigmoid,
        Self::Gelu,
        Self::GeluTanh,
        Self::Elu,
        Self::Softplus,
    ];

    /// Whether its derivative is computed from its argument; that of the others is, with less memory, from
    /// its result.
    pub fn differs_by_argument(self) -> bool {
        matches!(
            self,
            Self::Silu | Self::Gelu | Self::GeluTanh | Self::LogSquare
        )
    }
}

/// The file that holds the parameters, so that a cut or foreign file is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightsFile {
    /// File name, beside `model.json`.
    pub file: String,
    /// Its length.
    pub bytes: usize,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Its widest type. [`Precision::I8`] and [`Precision::F16`] promise that every value is
    /// one of f16's, so that a GPU may keep it as such; [`Precision::F32`] promises nothing, and
    /// is what files without this field are read as.
    pub precision: Precision,
}

impl WeightsFile {
    /// Describes `contents`, to be stored as `file`.
    pub fn describe(file: &str, contents: &[u8]) -> Self {
        Self {
            file: file.into(),
            bytes: contents.len(),
            sha256: sha256_hex(contents),
            precision: Precision::of(file, contents),
        }
    }
}

/// An image that ships with the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What it shows.
    pub label: String,
    /// `[C, H, W]`, each value in 0–255.
    pub pixels: Vec<u8>,
}

/// How a model came to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// The data it was trained on.
    pub data: String,
    /// Passes over the data.
    pub epochs: usize,
    /// Weight of the KL term in the loss.
    pub beta: f32,
    /// Seed of everything random.
    pub seed: u64,
}

impl ModelSpec {
    /// Reads `model.json` and checks everything that does not need the weights.
    ///
    /// # Errors
    /// [`Error::Syntax`] where it is not JSON of this shape, [`Error::Field`] where
    /// a field cannot be used.
    pub fn parse(json: &str) -> Result<Self> {
        let value = Value::parse(FILE, json)?;
        let spec = Self::read(&Field::root(FILE, &value))?;
        spec.check()?;
        Ok(spec)
    }

    /// The description as JSON, ready to be written.
    ///
    /// # Errors
    /// [`Error::Field`] where it would not be read back.
    #[cfg(feature = "write")]
    pub fn to_json(&self) -> Result<String> {
        self.check()?;
        Ok(self.to_unchecked_json())
    }

    /// The same for a description that has been read, or made, and whose facts alone have changed since. Checks are 1 KB
    /// of a page's program.
    #[cfg(feature = "write")]
    pub fn to_unchecked_json(&self) -> String {
        super::write::json(self)
    }

    /// Number of latent variables in all groups.
    pub fn latent_size(&self) -> usize {
        self.latents
            .iter()
            .fold(0, |n: usize, group| n.saturating_add(group.size))
    }

    /// Number of classes of the condition; 0 where there is none.
    pub fn classes(&self) -> usize {
        let condition = self.condition.as_ref().filter(|_| CONDITIONS);
        condition.map_or(0, |condition| condition.classes.len())
    }

    /// How many symbols before each place the decoder reads ([`Layer::Context`]); 0 where it reads none.
    pub fn reach(&self) -> usize {
        fn of(layers: &[Layer]) -> Option<usize> {
            layers.iter().find_map(|layer| match layer {
                Layer::Context { reach, .. } => Some(*reach),
                Layer::Residual { layers, .. } => of(layers),
                _ => None,
            })
        }
        match CONTEXTS && self.likelihood.is_categorical() && self.input.height == 1 {
            true => of(&self.decoder).unwrap_or(0),
            false => 0,
        }
    }

    /// What [`Layer::Context`] reads, `[1, T, reach · V]`: see [`crate::latent::context`].
    pub(crate) fn context(&self) -> Option<Shape> {
        let (
            ImageShape {
                channels, width, ..
            },
            reach,
        ) = (self.input, self.reach());
        (reach > 0).then(|| [1, width, reach.saturating_mul(channels)])
    }

    /// Names and shapes of the priors' tensors in the weights file.
    pub fn prior_tensors(&self) -> Vec<(String, Vec<usize>)> {
        let groups = self.latents.iter();
        groups
            .flat_map(|group| group.prior.stored(group.size))
            .collect()
    }

    /// Encoder and decoder, each by itself, with every shape inferred and checked.
    ///
    /// # Errors
    /// [`Error::Field`] that names the layer where shapes do not fit.
    pub fn chains(&self) -> Result<[Schedule; 2]> {
        let image = [self.input.height, self.input.width, self.input.channels];
        let latent = [1, 1, self.latent_size()];
        let classes = self.classes();
        let posterior = [1, 1, 2 * latent[2]];
        let chain = |field, input, context, layers, output| {
            Program::conditional_chain(field, input, (context, classes), layers, Some(output))
        };
        let encoder = chain("encoder", image, None, &self.encoder, posterior)?;
        let decoder = chain("decoder", latent, self.context(), &self.decoder, image)?;
        Ok([encoder, decoder].map(|program| Schedule::new(&program, &[])))
    }

    fn check(&self) -> Result<()> {
        let ImageShape {
            channels,
            height,
            width,
        } = self.input;
        if let Some(symbols) = self.likelihood.symbols() {
            check_dim("likelihood.symbols", symbols, MAX_DIM)?;
            if channels != symbols {
                return Err(Error::field(FILE, "input.channels", symbols, channels));
            }
        } else if ![1, 3].contains(&channels) {
            return Err(Error::field(FILE, "input.channels", "1 or 3", channels));
        }
        check_dim("input.height", height, MAX_DIM)?;
        check_dim("input.width", width, MAX_DIM)?;
        let values = [channels, height, width].map(|side| side as f64);
        check_amount("input", "values", values.iter().product(), MAX_VALUES)?;
        if Data::IS_READ {
            self.data.check(self.input)?;
            #[cfg(feature = "texts")]
            if matches!(self.data, Data::Sequence(_)) != self.likelihood.is_categorical() {
                return Err(Error::field(
                    FILE,
                    "likelihood",
                    "categorical for sequences, and for these only",
                    "another",
                ));
            }
        }
        if self.subject.as_ref().and_then(|subject| subject.drawing) == Some(Drawing::Mnist)
            && [channels, height, width] != [1, 28, 28]
        {
            let found = format!("{channels}×{height}×{width}");
            return Err(Error::field(
                FILE,
                "input",
                "1×28×28 for mnist drawings",
                found,
            ));
        }
        if let (true, Some(condition)) = (CONDITIONS, &self.condition) {
            check_dim("condition.classes", condition.classes.len(), MAX_DIM)?;
        }
        if self.latents.is_empty() {
            return Err(Error::field(FILE, "latents", "at least one group", "none"));
        }
        let mut priors = 0.0;
        for (i, group) in self.latents.iter().enumerate() {
            check_dim(&format!("latents[{i}].size"), group.size, MAX_DIM)?;
            if let Prior::Mixture { components, .. } = &group.prior {
                let field = format!("latents[{i}].prior.components");
                check_dim(&field, *components, MAX_DIM)?;
                priors += *components as f64 * (group.size as f64).powi(2);
                check_amount(&field, "values in all priors", priors, MAX_VALUES)?;
            }
            if !group.kl.is_empty() && group.kl.len() != group.size {
                return Err(Error::field(
                    FILE,
                    format!("latents[{i}].kl"),
                    format!("{} values", group.size),
                    group.kl.len(),
                ));
            }
        }
        check_dim("latents", self.latent_size(), MAX_DIM)?;
        if let Likelihood::Gaussian { sigma } = self.likelihood
            && !(sigma.is_finite() && sigma > 0.0)
        {
            return Err(Error::field(
                FILE,
                "likelihood.sigma",
                "a number above 0",
                "another",
            ));
        }
        if self.weights.file.is_empty() || self.weights.file.contains(['/', '\\']) {
            return Err(Error::field(
                FILE,
                "weights.file",
                "the name of a file in the same folder",
                &self.weights.file,
            ));
        }
        for (i, example) in self.examples.iter().enumerate() {
            if example.pixels.len() != self.input.len() {
                return Err(Error::field(
                    FILE,
                    format!("examples[{i}].pixels"),
                    format!("{} values", self.input.len()),
                    example.pixels.len(),
                ));
            }
        }
        Program::of(self)?;
        let bytes = self.weights.bytes as f64;
        check_amount("weights.bytes", "bytes", bytes, MAX_BYTES)
    }
}

/// Number of values of a shape. Saturating: an absurd shape is too large all the same.
pub(crate) fn product(shape: &[usize]) -> usize {
    shape.iter().fold(1, |n: usize, &dim| n.saturating_mul(dim))
}
