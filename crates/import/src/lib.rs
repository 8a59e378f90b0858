//! Other people's models as vaelet's: PyTorch and safetensors files, ONNX, TensorFlow.js and Keras.
//!
//! Every file is read into a graph of operators; a file of tensors alone needs a description of its layers, given
//! ([`like`]) or guessed. The graph becomes layers of `model.json` with the same results: normalisations are folded,
//! any zeros around an image become zeros in a larger kernel, flattening in another order becomes another order of
//! weights, and activations that vaelet does not have are made of those it has.
//!
//! Files are untrusted: nothing in them is executed, what they ask for in memory and time is limited, and everything
//! that cannot be imported is refused by its name ([`Error`]).

mod error;
pub mod export;
mod graph;
mod guess;
pub mod like;
mod lower;
mod read;
mod spelled;
mod values;

pub use error::{Error, Result};
pub use lower::Second;

use graph::{Function, Graph, Op, Order};
use like::Halves;
use lower::{Builder, emit, posterior, trace};
use std::collections::BTreeSet;
use vaelet_model::{
    Activation, Condition, Convolution, Data, Drawing, FORMAT, ImageShape, LatentGroup, Layer,
    Likelihood, Model, ModelSpec, Precision, Prior, Subject, Tensor, Tensors, WeightsFile,
    write_tensors,
};

/// Name of the weights file.
pub const WEIGHTS: &str = "weights.safetensors";
/// Most bytes of all files together.
pub const MAX_BYTES: usize = 1 << 29;
/// σ of a Gaussian likelihood where nobody says another.
const SIGMA: f32 = 0.1;

/// A file as it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name, behind that of its folder and a slash where two files have the same.
    pub name: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

impl Source {
    /// The file called `name` in the same folder; in any, where only one is called so.
    fn beside<'a>(&self, files: &'a [Self], name: &str) -> Option<&'a Self> {
        let folder = self.name.rfind('/').map_or("", |end| &self.name[..=end]);
        let full = format!("{folder}{name}");
        let last = |file: &Self| file.name.rsplit('/').next() == Some(name);
        let mut alike = files.iter().filter(|file| last(file));
        let only = alike.next().filter(|_| alike.next().is_none());
        files.iter().find(|file| file.name == full).or(only)
    }
}

/// What the files do not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The model's name: small letters, digits and dashes.
    pub name: String,
    /// The model's name for people; `name` where empty.
    pub title: String,
    /// Channels, height and width of an image.
    pub shape: Option<[usize; 3]>,
    /// The values that the network has for black and white, `[0, 1]` where nothing is said and no tanh ends it.
    pub range: Option<[f32; 2]>,
    /// The activation of hidden layers, for files of tensors alone; ReLU where nothing is said.
    pub activation: Option<String>,
    /// The activation at the end, for files of tensors alone; a sigmoid where nothing is said.
    pub last: Option<String>,
    /// What the encoder's second output is.
    pub second: Option<Second>,
    /// Whether the log-variances come before the means.
    pub second_first: bool,
    /// Size of the latent, where an encoder has one output of twice that.
    pub latent: Option<usize>,
    /// Outputs by their names in the graph: of the encoder mean and second, of a decoder the image.
    pub outputs: Vec<String>,
    /// The description of a file of tensors, see [`like`], and its file's name.
    pub like: Option<(String, String)>,
    /// Whether a guess that cannot be checked is taken.
    pub guess: bool,
    /// Names of the classes of a conditional model.
    pub classes: Vec<String>,
    /// Whether the images are photographs rather than ink on paper; matters for grey images of 28×28.
    pub photographs: bool,
    /// Licence of the weights.
    pub licence: String,
    /// Whom to credit.
    pub credit: String,
}

/// A model folder's two files.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// `model.json`
    pub description: String,
    /// [`WEIGHTS`]
    pub weights: Vec<u8>,
    /// What was assumed or left out, a sentence each.
    pub notes: Vec<String>,
}

/// Makes a model of files.
///
/// # Errors
/// [`Error`], with what is wrong or missing and what to do.
pub fn import(files: &[Source], options: &Options) -> Result<Imported> {
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    if bytes > MAX_BYTES {
        let name = files.first().map_or("", |file| &file.name);
        return Err(Error::unsupported(
            name,
            "more than 512 MiB",
            "use a smaller model",
        ));
    }
    let mut notes = Vec::new();
    let halves = read(files, options, &mut notes)?;
    Importer { options, notes }.finish(halves)
}

/// Files, with those that are inside of zip files instead of these. Only zip files that hold a `model.json` are
/// opened: PyTorch's are zip files too.
///
/// # Errors
/// A damaged zip file.
pub fn unpack(files: Vec<Source>) -> Result<Vec<Source>> {
    let mut all = Vec::new();
    let mut total = 0_usize;
    for file in files {
        let zip = match read::zip::Zip::is_one(&file.bytes) {
            true => Some(read::zip::Zip::open(&file.name, &file.bytes)?),
            false => None,
        };
        let zip = zip.filter(|zip| zip.names().any(|name| name.ends_with("model.json")));
        let Some(zip) = zip else {
            all.push(file);
            continue;
        };
        for name in zip.names().filter(|name| !name.ends_with('/')) {
            let bytes = zip.read(name)?.into_owned();
            total = total.saturating_add(bytes.len());
            if total > MAX_BYTES {
                return Err(Error::unsupported(
                    &file.name,
                    "more than 512 MiB",
                    "use a smaller model",
                ));
            }
            let name = name.to_string();
            all.push(Source { name, bytes });
        }
    }
    Ok(all)
}

/// The halves in all files.
fn read(files: &[Source], options: &Options, notes: &mut Vec<String>) -> Result<Halves> {
    let mut halves = Halves {
        encoder: None,
        decoder: None,
        second: options.second,
        image: options.shape.unwrap_or([0; 3]),
    };
    let mut unread = Vec::new();
    for source in files {
        let (name, bytes) = (&source.name, &source.bytes);
        let graph = if read::torch::is_one(bytes) {
            let tensors = read::torch::read(name, bytes)?;
            let found = of_tensors(name, &tensors, None, options, notes)?;
            add_halves(&mut halves, found, name)?;
            continue;
        } else if name.ends_with(".safetensors") {
            let (tensors, like) = read::tensors::safetensors(name, bytes)?;
            let found = of_tensors(name, &tensors, like.as_deref(), options, notes)?;
            add_halves(&mut halves, found, name)?;
            continue;
        } else if read::onnx::is_one(name) {
            read::onnx::read(source, files, options.shape)?
        } else if read::tfjs::is_one(source) {
            read::tfjs::read(source, files)?
        } else if let Some(graph) = keras(source)? {
            graph
        } else {
            unread.push(name.as_str());
            continue;
        };
        let half = match is_encoder(&graph) {
            true => &mut halves.encoder,
            false => &mut halves.decoder,
        };
        if half.is_some() {
            let what = "two networks of the same direction";
            let instead = "give one encoder and one decoder";
            return Err(Error::unsupported(name, what, instead));
        }
        *half = Some(graph);
    }
    if halves.encoder.is_none() && halves.decoder.is_none() {
        let name = unread.first().copied().unwrap_or("nothing");
        let reason = "it is neither a PyTorch, safetensors, ONNX, TensorFlow.js nor Keras file";
        return Err(Error::unreadable(name, reason));
    }
    Ok(halves)
}

#[cfg(feature = "hdf5")]
fn keras(source: &Source) -> Result<Option<Graph>> {
    let (name, bytes) = (&source.name, &source.bytes);
    if read::hdf5::is_hdf5(bytes) {
        return read::hdf5::read_h5(name, bytes).map(Some);
    }
    match read::hdf5::is_keras(name, bytes) {
        true => read::hdf5::read_keras(name, bytes).map(Some),
        false => Ok(None),
    }
}

#[cfg(not(feature = "hdf5"))]
fn keras(source: &Source) -> Result<Option<Graph>> {
    let known = [".h5", ".hdf5", ".keras"];
    match known
        .iter()
        .any(|end| source.name.to_ascii_lowercase().ends_with(end))
    {
        true => {
            let instead =
                "import it with the command, `vaelet import`, or convert it for TensorFlow.js";
            Err(Error::unsupported(
                &source.name,
                "a Keras file in a page",
                instead,
            ))
        }
        false => Ok(None),
    }
}

/// Halves of a file of tensors alone.
fn of_tensors(
    file: &str,
    tensors: &read::tensors::Named,
    described: Option<&str>,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<Halves> {
    if let Some((name, json)) = &options.like {
        return like::build(file, tensors, name, json);
    }
    if let Some(json) = described {
        return like::build(file, tensors, file, json);
    }
    // Wrappers of the network put their name before all others.
    let guess = guess::guess(file, tensors, options)?;
    let json = guess.like.to_string();
    if let (Some(what), false) = (guess.unsure, options.guess) {
        let like = serde_json::to_string_pretty(&guess.like).unwrap_or(json);
        return Err(Box::new(Error::Confirm {
            file: file.into(),
            what,
            like,
        }));
    }
    notes.extend(guess.notes);
    like::build(file, tensors, "the guessed description", &json)
}

fn add_halves(halves: &mut Halves, found: Halves, file: &str) -> Result<()> {
    for (half, found) in [
        (&mut halves.encoder, found.encoder),
        (&mut halves.decoder, found.decoder),
    ] {
        if found.is_some() && half.is_some() {
            let what = "two networks of the same direction";
            return Err(Error::unsupported(
                file,
                what,
                "give one encoder and one decoder",
            ));
        }
        if found.is_some() {
            *half = found;
        }
    }
    halves.second = halves.second.or(found.second);
    halves.image = found.image;
    Ok(())
}

/// Whether a graph reads images rather than latents.
fn is_encoder(graph: &Graph) -> bool {
    let file = graph.file.to_ascii_lowercase();
    match (file.contains("enc"), file.contains("dec")) {
        (true, false) => return true,
        (false, true) => return false,
        _ => {}
    }
    let len = |value: &(String, usize)| graph.shape(value.1).iter().product::<usize>();
    let input = graph.inputs.first().map_or(0, len);
    let output = graph.outputs.iter().map(len).max().unwrap_or(0);
    input > output
}

/// The shape that an image of so many values most likely has: square, grey or in colour.
fn image_of(len: usize) -> Option<[usize; 3]> {
    [1, 3].into_iter().find_map(|channels| {
        let side = (len / channels).isqrt();
        (channels * side * side == len && side >= 8).then_some([channels, side, side])
    })
}

struct Importer<'a> {
    options: &'a Options,
    notes: Vec<String>,
}

impl Importer<'_> {
    fn finish(mut self, halves: Halves) -> Result<Imported> {
        let mut tensors = Tensors::new();
        let options = self.options;
        let decoder = halves.decoder.as_ref();
        let latent = decoder.and_then(|graph| {
            let (_, value) = graph.inputs.first()?;
            Some(graph.shape(*value).iter().product::<usize>())
        });
        let both = decoder.is_some() && halves.encoder.is_some();
        // The image is known where an encoder reads one that is not flat, or a decoder writes one.
        let mut image = options.shape;
        for graph in [&halves.encoder, &halves.decoder].into_iter().flatten() {
            let ends = match is_same(Some(graph), decoder) {
                true => &graph.outputs,
                false => &graph.inputs,
            };
            let shapes = ends.iter().map(|(_, value)| graph.shape(*value));
            for shape in shapes {
                let order = graph.order;
                let found = order
                    .sides(shape)
                    .filter(|sides| [1, 3].contains(&sides[2]));
                let turned = || {
                    Order::ChannelsLast
                        .sides(shape)
                        .filter(|s| [1, 3].contains(&s[2]))
                };
                image = image.or(found.or_else(turned).map(|[h, w, c]| [c, h, w]));
            }
        }
        if image.is_none() && halves.image != [0; 3] {
            image = Some(halves.image);
        }
        if image.is_none() {
            let flat = |value: usize, graph: &Graph| image_of(graph.shape(value).iter().product());
            image = match (&halves.encoder, decoder) {
                (Some(graph), _) => graph
                    .inputs
                    .first()
                    .and_then(|(_, value)| flat(*value, graph)),
                (None, Some(graph)) => graph
                    .outputs
                    .first()
                    .and_then(|(_, value)| flat(*value, graph)),
                _ => None,
            };
        }
        let mut decoded = None;
        if let Some(graph) = decoder {
            let (layers, sides) = self.decoder(graph, image, both, &mut tensors)?;
            image = Some([sides[2], sides[0], sides[1]]);
            decoded = Some(layers);
        }
        let file = [&halves.encoder, &halves.decoder]
            .into_iter()
            .flatten()
            .next();
        let file = file.map_or(String::new(), |graph| graph.file.clone());
        let [channels, height, width] = image.ok_or_else(|| {
            let how = "give the image's shape: --shape CHANNELS,HEIGHT,WIDTH";
            Error::ask(&file, "how large its images are", how)
        })?;
        let input = ImageShape {
            channels,
            height,
            width,
        };
        if ![1, 3].contains(&channels) {
            let what = format!("images of {channels} channels");
            return Err(Error::unsupported(
                &file,
                what,
                "use grey images or images in colour",
            ));
        }
        let range = self.range(decoder);
        let (mut encoded, mut size) = (None, latent);
        if let Some(graph) = &halves.encoder {
            let sides = [height, width, channels];
            let (layers, found) =
                self.encoder(graph, halves.second, sides, latent, range, &mut tensors)?;
            if latent.is_some_and(|latent| latent != found) {
                let reason = format!(
                    "it gives {found} latents, and the decoder reads {}",
                    latent.unwrap_or(0)
                );
                return Err(Error::unreadable(&graph.file, reason));
            }
            encoded = Some(layers);
            size = Some(found);
        }
        let size = size.unwrap_or(0);
        let lacks = match (&encoded, &decoded) {
            (None, _) => Some("encoder".to_string()),
            (_, None) => Some("decoder".to_string()),
            _ => None,
        };
        if let Some(lacks) = &lacks {
            self.notes.push(format!(
                "it has no {lacks}: views that need one cannot show it"
            ));
        }
        let encoder = encoded.unwrap_or_else(|| no_encoder(input, size, &mut tensors));
        let decoder = decoded.unwrap_or_else(|| no_decoder(input, size, &mut tensors));
        let likelihood = match ends_with_sigmoid(&decoder) {
            true => Likelihood::Bernoulli,
            false => {
                self.notes.push(format!(
                    "assumed: a Gaussian likelihood of σ = {SIGMA}, for the decoder does not end in a sigmoid"
                ));
                Likelihood::Gaussian { sigma: SIGMA }
            }
        };
        self.assemble(input, likelihood, size, encoder, decoder, lacks, &tensors)
    }

    /// The values of black and white.
    fn range(&self, decoder: Option<&Graph>) -> [f32; 2] {
        let tanh = decoder.is_some_and(|graph| {
            let output = self.image_output(graph).ok();
            output.is_some_and(|value| ends_in_tanh(graph, value))
        });
        let default = if tanh { [-1.0, 1.0] } else { [0.0, 1.0] };
        self.options.range.unwrap_or(default)
    }

    /// The output of a decoder that is the image.
    fn image_output(&self, graph: &Graph) -> Result<usize> {
        for name in &self.options.outputs {
            let known = graph.names.iter().chain(&graph.outputs);
            if let Some((_, value)) = known.into_iter().find(|(known, _)| known == name) {
                return Ok(*value);
            }
        }
        let shapes: BTreeSet<&[usize]> = graph
            .outputs
            .iter()
            .map(|(_, value)| graph.shape(*value))
            .collect();
        if shapes.len() > 1 {
            let names: Vec<&str> = graph
                .outputs
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            let what = format!("which of its outputs is the image: {}", names.join(", "));
            return Err(Error::ask(&graph.file, what, "name one: --output NAME"));
        }
        let (_, value) = graph
            .outputs
            .first()
            .ok_or_else(|| Error::unreadable(&graph.file, "it has no output"))?;
        if let Op::Unknown(name) = &graph.nodes[*value].op {
            return Err(Error::unsupported(
                &graph.file,
                name,
                &before_unknown(graph),
            ));
        }
        Ok(*value)
    }

    fn decoder(
        &mut self,
        graph: &Graph,
        image: Option<[usize; 3]>,
        both: bool,
        tensors: &mut Tensors,
    ) -> Result<(Vec<Layer>, [usize; 3])> {
        let output = self.image_output(graph)?;
        let (_, start) = graph
            .inputs
            .first()
            .ok_or_else(|| Error::unreadable(&graph.file, "it has no input"))?;
        let pieces = trace(graph, *start, output)?;
        let mut builder = Builder::latent(graph, graph.shape(*start));
        builder.chain(&pieces)?;
        let [low, high] = self.range(Some(graph));
        if [low, high] != [0.0, 1.0] {
            let channels = builder.sides[2];
            let scale = 1.0 / (high - low);
            builder.affine(&vec![scale; channels], &vec![-low * scale; channels])?;
            if self.options.range.is_none() {
                self.notes.push(
                    "assumed: the decoder ends in tanh, so black is −1 and white is 1".into(),
                );
            }
        }
        // The graph's own order, the other one, or a flat image.
        let shape = builder.shape.clone();
        let known = |order: Order| {
            let sides = order
                .sides(&shape)
                .filter(|sides| [1, 3].contains(&sides[2]));
            sides.filter(|sides| image.is_none_or(|image| image == [sides[2], sides[0], sides[1]]))
        };
        let both_orders = [graph.order, Order::ChannelsFirst, Order::ChannelsLast];
        let order = both_orders
            .into_iter()
            .find(|order| known(*order).is_some());
        let order = match (order, image) {
            (Some(order), _) => order,
            (None, Some([c, h, w])) if shape.iter().product::<usize>() == c * h * w => {
                builder.shape = graph.order.shape([h, w, c]);
                graph.order
            }
            _ => {
                let what = format!("an image of the shape {shape:?}");
                let _ = both;
                let instead =
                    "an image has 1 or 3 channels; give its shape with --shape if it is flat";
                return Err(Error::unsupported(&graph.file, what, instead));
            }
        };
        builder.as_image(order)?;
        builder.settle()?;
        let sides = builder.sides;
        Ok((emit("decoder", builder.layers, tensors), sides))
    }

    fn encoder(
        &mut self,
        graph: &Graph,
        second: Option<Second>,
        sides: [usize; 3],
        latent: Option<usize>,
        [low, high]: [f32; 2],
        tensors: &mut Tensors,
    ) -> Result<(Vec<Layer>, usize)> {
        let wrong = |reason: &str| Error::unreadable(&graph.file, reason);
        let (_, start) = graph
            .inputs
            .first()
            .ok_or_else(|| wrong("it has no input"))?;
        let mut graph = graph.clone();
        let (mean, other) = self.heads(&mut graph, latent)?;
        let mut builder = Builder::image(&graph, sides, graph.shape(*start))?;
        if [low, high] != [0.0, 1.0] {
            builder.affine(&vec![high - low; sides[2]], &vec![low; sides[2]])?;
        }
        let mean = trace(&graph, *start, mean)?;
        let kind = second.unwrap_or(Second::LogVar);
        let other = other
            .map(|value| trace(&graph, *start, value))
            .transpose()?;
        match (&other, kind) {
            (None, _) => self
                .notes
                .push("it has no variance: σ is taken as 0.001, as of an autoencoder".into()),
            (Some(other), Second::LogVar) if second.is_none() && is_positive(&graph, other) => {
                let what = "what its second output is, which is never below 0";
                let how = "say --second sigma, or name an output in front of it: --output MEAN --output LOG_VAR";
                return Err(Error::ask(&graph.file, what, how));
            }
            _ => {}
        }
        posterior(
            builder,
            &mean,
            other.as_deref().map(|other| (other, kind)),
            tensors,
        )
    }

    /// The values of an encoder's mean and second output.
    fn heads(
        &mut self,
        graph: &mut Graph,
        latent: Option<usize>,
    ) -> Result<(usize, Option<usize>)> {
        let options = self.options;
        let find = |graph: &Graph, name: &str| {
            let mut known = graph.names.iter().chain(&graph.outputs);
            known
                .find(|(known, _)| known == name)
                .map(|(_, value)| *value)
        };
        let asked: Vec<usize> = options
            .outputs
            .iter()
            .filter_map(|name| find(graph, name))
            .collect();
        let known = |graph: &Graph, value: usize| !matches!(graph.nodes[value].op, Op::Unknown(_));
        let named = |graph: &Graph, names: &[(String, usize)], parts: &[&str]| {
            let mut names = names.iter().filter(|(_, value)| known(graph, *value));
            names
                .find(|(name, value)| {
                    let name = name.to_ascii_lowercase().replace(['_', '-', '.'], "");
                    graph.shape(*value).len() == 1 && parts.iter().any(|part| name.contains(part))
                })
                .map(|(_, value)| *value)
        };
        let mut found = match asked[..] {
            [mean, second, ..] => vec![mean, second],
            [mean] => vec![mean],
            [] => {
                let mut outputs: Vec<usize> =
                    graph.outputs.iter().map(|(_, value)| *value).collect();
                outputs.retain(|value| known(graph, *value));
                outputs.dedup();
                let all: Vec<(String, usize)> =
                    graph.outputs.iter().chain(&graph.names).cloned().collect();
                let seconds = ["logvar", "logv", "logstd", "logsigma", "sigma", "variance"];
                let second = named(graph, &all, &seconds);
                let mean = named(graph, &all, &["mean", "mu"]);
                match (mean, second) {
                    (Some(mean), Some(second))
                        if mean != second && graph.shape(mean) == graph.shape(second) =>
                    {
                        vec![mean, second]
                    }
                    _ => outputs,
                }
            }
        };
        if found.is_empty() {
            let (_, value) = graph.outputs.first().cloned().unwrap_or_default();
            return Err(match graph.nodes.get(value).map(|node| &node.op) {
                Some(Op::Unknown(name)) => {
                    Error::unsupported(&graph.file, name, &before_unknown(graph))
                }
                _ => Error::unreadable(&graph.file, "it has no output"),
            });
        }
        found.truncate(2);
        if let [only] = found[..] {
            let shape = graph.shape(only).to_vec();
            let len: usize = shape.iter().product();
            let halves = latent
                .or(options.latent)
                .is_some_and(|latent| 2 * latent == len);
            if halves {
                let axis = if shape.len() == 1 {
                    0
                } else {
                    graph.order.channels()
                };
                let half = shape[axis] / 2;
                let first = graph.slice(only, axis, 0, half)?;
                let second = graph.slice(only, axis, half, half)?;
                found = vec![first, second];
            } else if let (Op::Slice { axis: 0, start }, [parent]) =
                (&graph.nodes[only].op, &graph.nodes[only].inputs[..])
                && graph.shape(*parent) == [2 * len]
            {
                let (other, parent) = (if *start == 0 { len } else { 0 }, *parent);
                let second = graph.slice(parent, 0, other, len)?;
                self.notes.push(
                    "assumed: the half of the last layer that no output shows is the log variance"
                        .into(),
                );
                found.push(second);
            }
        }
        if options.second_first {
            found.reverse();
        }
        Ok((found[0], found.get(1).copied()))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a description")]
    fn assemble(
        self,
        input: ImageShape,
        likelihood: Likelihood,
        latent: usize,
        encoder: Vec<Layer>,
        decoder: Vec<Layer>,
        lacks: Option<String>,
        tensors: &Tensors,
    ) -> Result<Imported> {
        let options = self.options;
        let classes = encoder
            .iter()
            .chain(&decoder)
            .find_map(|layer| match layer {
                Layer::Condition { params, .. } => tensors
                    .get(&format!("{params}.weight"))
                    .map(|tensor| tensor.shape[0]),
                _ => None,
            });
        let name = |i: usize| {
            options
                .classes
                .get(i)
                .cloned()
                .unwrap_or_else(|| i.to_string())
        };
        let condition = classes.map(|classes| Condition {
            name: "class".into(),
            classes: (0..classes).map(name).collect(),
        });
        let weights = write_tensors(WEIGHTS, tensors, Precision::F32)?;
        let grey = [input.channels, input.height, input.width] == [1, 28, 28];
        let drawing = (grey && !options.photographs && lacks.is_none()).then_some(Drawing::Mnist);
        let title = if options.title.is_empty() {
            &options.name
        } else {
            &options.title
        };
        let spec = ModelSpec {
            format: FORMAT.into(),
            name: options.name.clone(),
            title: title.clone(),
            subject: Some(Subject {
                one: "picture".into(),
                many: "pictures".into(),
                unseen: None,
                drawing,
            }),
            first: vec![],
            lacks,
            input,
            data: Data::Image,
            condition,
            likelihood,
            latents: vec![LatentGroup {
                name: "z".into(),
                size: latent,
                prior: Prior::StandardNormal,
                kl: vec![],
            }],
            encoder,
            decoder,
            weights: WeightsFile::describe(WEIGHTS, &weights),
            examples: vec![],
            training: None,
            licence: options.licence.clone(),
            credit: options.credit.clone(),
        };
        let description = spec.to_json()?;
        // What is written is what a reader takes.
        Model::read(&description, &weights)?;
        Ok(Imported {
            description,
            weights,
            notes: self.notes,
        })
    }
}

fn is_same(a: Option<&Graph>, b: Option<&Graph>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if core::ptr::eq(a, b))
}

/// What to do about an output that follows from an unknown operator: the values before it.
fn before_unknown(graph: &Graph) -> String {
    let mut names = BTreeSet::new();
    for node in &graph.nodes {
        if matches!(node.op, Op::Unknown(_)) {
            for input in &node.inputs {
                if !matches!(graph.nodes[*input].op, Op::Unknown(_) | Op::Input) {
                    let known = graph.names.iter().filter(|(_, value)| value == input);
                    names.extend(known.map(|(name, _)| name.as_str()));
                }
            }
        }
    }
    let names: Vec<&str> = names.into_iter().take(6).collect();
    match names.is_empty() {
        true => "use another operator".into(),
        false => format!(
            "name an output in front of it with --output: {}",
            names.join(", ")
        ),
    }
}

/// Whether what a chain ends in has no values below 0, so that it is no logarithm.
fn is_positive(graph: &Graph, pieces: &[lower::Piece]) -> bool {
    matches!(pieces.last(), Some(&lower::Piece::Node(node))
        if matches!(graph.nodes[node].op, Op::Activate(Function::Exp | Function::Softplus)))
}

fn ends_in_tanh(graph: &Graph, mut value: usize) -> bool {
    loop {
        match (&graph.nodes[value].op, &graph.nodes[value].inputs[..]) {
            (Op::Activate(Function::Tanh), _) => return true,
            (Op::Reshape | Op::Transpose(_), &[input]) => value = input,
            _ => return false,
        }
    }
}

fn ends_with_sigmoid(layers: &[Layer]) -> bool {
    match layers.last() {
        Some(
            Layer::Linear { activation, .. }
            | Layer::Conv2d(Convolution { activation, .. })
            | Layer::ConvTranspose2d(Convolution { activation, .. })
            | Layer::Residual { activation, .. }
            | Layer::Condition { activation, .. }
            | Layer::Context { activation, .. },
        ) => *activation == Activation::Sigmoid,
        Some(Layer::Reshape { .. }) => ends_with_sigmoid(&layers[..layers.len() - 1]),
        _ => false,
    }
}

fn zeros(name: &str, shape: Vec<usize>, tensors: &mut Tensors) -> String {
    let bias = vec![shape.last().copied().unwrap_or(0)];
    for (part, shape) in [("weight", shape), ("bias", bias)] {
        let data = vec![0.0; shape.iter().product()];
        tensors.insert(format!("{name}.{part}"), Tensor { shape, data });
    }
    name.into()
}

/// In place of an encoder: the posterior of every image is N(0, I).
fn no_encoder(input: ImageShape, latent: usize, tensors: &mut Tensors) -> Vec<Layer> {
    const STRIDE: usize = 255;
    let sides = [input.height, input.width].map(|side| (side - 1) / STRIDE + 1);
    let inputs = sides[0] * sides[1];
    vec![
        Layer::Conv2d(Convolution {
            in_channels: input.channels,
            out_channels: 1,
            kernel: 1,
            stride: STRIDE,
            padding: 0,
            activation: Activation::None,
            params: zeros("encoder.0", vec![1, 1, input.channels, 1], tensors),
        }),
        Layer::Linear {
            inputs,
            outputs: 2 * latent,
            activation: Activation::None,
            params: zeros("encoder.1", vec![inputs, 2 * latent], tensors),
        },
    ]
}

/// In place of a decoder: every latent is a grey image.
fn no_decoder(input: ImageShape, latent: usize, tensors: &mut Tensors) -> Vec<Layer> {
    let ImageShape {
        channels,
        height,
        width,
    } = input;
    vec![
        Layer::Linear {
            inputs: latent,
            outputs: 1,
            activation: Activation::None,
            params: zeros("decoder.0", vec![latent, 1], tensors),
        },
        Layer::Linear {
            inputs: 1,
            outputs: input.len(),
            activation: Activation::Sigmoid,
            params: zeros("decoder.1", vec![1, input.len()], tensors),
        },
        Layer::Reshape {
            channels,
            height,
            width,
        },
    ]
}
