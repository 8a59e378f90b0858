//! The command `vaelet`: trains, evaluates, samples and exports models.

mod architecture;
mod data;
mod evaluation;
mod fetch;
mod network;
mod objective;
mod ops;
mod picture;
mod release;
mod training;

use anyhow::{Context, Result, bail};
use architecture::Preset;
use burn::tensor::Device;
use clap::{Args, Parser, Subcommand, ValueEnum};
use data::Split;
use network::Graphs;
use release::Release;
use std::path::{Path, PathBuf};
use training::Mode;
use vaelet_model::{Training, latent};

/// Training allocates and frees the same large buffers at every step; this
/// allocator keeps them, where the system's returns them to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
        /// Images on which that bound is measured
        #[arg(long, default_value_t = NLL_IMAGES, value_parser = positive)]
        nll_images: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[arg(long, value_enum, default_value_t = DeviceKind::Flex)]
        device: DeviceKind,
    },
    /// Draw samples from the prior as a picture
    Sample {
        /// Model folder
        model: PathBuf,
        #[arg(long, default_value_t = 64, value_parser = positive)]
        count: usize,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Scale of the prior's standard deviation
        #[arg(long, default_value_t = 1.0)]
        temperature: f32,
        /// The picture, a PNG
        #[arg(long)]
        out: PathBuf,
    },
    /// Data sets
    #[command(subcommand)]
    Data(DataCommand),
}

#[derive(Subcommand)]
enum DataCommand {
    /// Download a public data set
    Fetch {
        #[arg(value_enum)]
        name: DataSet,
        /// Folder to put it in
        #[arg(long, default_value = "data/mnist")]
        out: PathBuf,
        /// Another place to download from
        #[arg(long, default_value = fetch::MNIST_URL)]
        url: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum DataSet {
    Mnist,
}

/// What training and exporting a run have in common.
#[derive(Args)]
struct RunArgs {
    /// Which preset: digits
    #[arg(value_parser = preset)]
    model: Box<Preset>,
    /// Folder with the data set
    #[arg(long)]
    data: PathBuf,
    /// Model folder to write
    #[arg(long)]
    out: PathBuf,
    /// Folder for checkpoints [default: runs/<MODEL>]
    #[arg(long)]
    run: Option<PathBuf>,
    /// Passes over the data
    #[arg(long, value_parser = positive)]
    epochs: Option<usize>,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value_t = DeviceKind::Flex)]
    device: DeviceKind,
}

#[derive(Args)]
struct TrainArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Go on from the run's last checkpoint
    #[arg(long)]
    resume: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeviceKind {
    /// The CPU
    Flex,
    /// A GPU through Vulkan
    Vulkan,
    /// An NVIDIA GPU
    Cuda,
}

/// Defaults of the importance-weighted bound: QUALITY asks for a thousand samples.
const NLL_SAMPLES: usize = 1000;
const NLL_IMAGES: usize = 256;

fn main() -> Result<()> {
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
            device,
        } => {
            let release = Release::read(&model, device.open()?)?;
            let test = data::mnist(&data, Split::Test)?;
            let measured = evaluation::evaluate(&release, &test, nll_samples, nll_images)?;
            if json {
                println!("{}", serde_json::to_string_pretty(&measured)?);
            } else {
                print!("{}", measured.table());
            }
            Ok(())
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
            let z = latent::sample(seed, count, spec.latent_size(), temperature);
            let columns = (count as f64).sqrt().ceil() as usize;
            picture::grid(&release.decode(z)?, spec.input, columns)?
                .save(&out)
                .with_context(|| format!("cannot write {}", out.display()))
        }
        Command::Data(DataCommand::Fetch { name, out, url }) => match name {
            DataSet::Mnist => fetch::mnist(&url, &out),
        },
    }
}

/// Trains, or takes the run as it is, and writes the model folder.
fn release(args: &RunArgs, mode: Mode) -> Result<()> {
    let preset = &*args.model;
    let device = args.device.open()?;
    let (encoder, decoder) = preset.spec.graphs()?;
    let graphs = Graphs { encoder, decoder };
    // Both splits before hours of work, so that a missing file is noticed now.
    let images = data::mnist(&args.data, Split::Train)?;
    let test = data::mnist(&args.data, Split::Test)?;
    let settings = training::Settings {
        preset: preset.clone(),
        epochs: args.epochs.unwrap_or(preset.epochs),
        seed: args.seed,
        run: args
            .run
            .clone()
            .unwrap_or_else(|| Path::new("runs").join(&preset.spec.name)),
        mode,
        device: device.clone(),
    };
    let (network, epochs) = training::train(&settings, &graphs, &images)?;

    let mut spec = preset.spec.clone();
    spec.training = Some(Training {
        data: "MNIST, 60,000 digits".into(),
        epochs,
        beta: preset.beta,
        seed: args.seed,
    });
    release::write(&args.out, spec, &network, &graphs, &test)?;
    eprintln!("measuring {}", args.out.display());
    let release = Release::read(&args.out, device)?;
    let measured = evaluation::evaluate(&release, &test, NLL_SAMPLES, NLL_IMAGES)?;
    release::complete(&args.out, &release, &test, &measured)?;
    print!("{}", measured.table());
    Ok(())
}

impl DeviceKind {
    fn open(self) -> Result<Device> {
        match self {
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(Default::default())),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[allow(
                unreachable_patterns,
                reason = "with every feature on, all are handled above"
            )]
            other => {
                let name = other
                    .to_possible_value()
                    .context("a device without a name")?;
                let name = name.get_name();
                bail!("this build has no {name}; build it with `--features {name}`")
            }
        }
    }
}

fn preset(name: &str) -> Result<Box<Preset>, String> {
    architecture::preset(name).map(Box::new).ok_or_else(|| {
        format!(
            "there is no preset of that name; try {}",
            architecture::NAMES.join(", ")
        )
    })
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number above 0".into()),
        Ok(n) => Ok(n),
    }
}
