//! `vaelet import`: other people's models as model folders.

use crate::files::atomic::{Next, put};
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use std::fs;
use std::path::{Path, PathBuf};
use vaelet_import::{MAX_BYTES, Options, Second, Source, WEIGHTS, import};

/// Arguments of the command.
#[derive(Args)]
pub(super) struct ImportArgs {
    /// PyTorch (.pt, .pth), safetensors, ONNX, Keras (.h5, .keras) or TensorFlow.js (model.json): one file, or one of
    /// the encoder and one of the decoder. Weights beside them are found by themselves
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Folder of the model, which must not exist yet
    #[arg(long)]
    out: PathBuf,
    /// Name for people [default: the folder's]
    #[arg(long)]
    title: Option<String>,
    /// Shape of an image: channels, height, width
    #[arg(long, value_name = "C,H,W", value_parser = shape)]
    shape: Option<[usize; 3]>,
    /// What the network has for black and white [default: 0,1; -1,1 where it ends in tanh]
    #[arg(long, value_name = "BLACK,WHITE", allow_hyphen_values = true, value_parser = range)]
    range: Option<[f32; 2]>,
    /// Activation of hidden layers, for files of tensors alone
    #[arg(long, value_parser = ["relu", "silu", "tanh", "gelu", "gelu_tanh", "elu", "selu", "softplus", "sigmoid", "leaky_relu"])]
    activation: Option<String>,
    /// Activation at the end, for files of tensors alone
    #[arg(long, value_parser = ["sigmoid", "tanh", "none"])]
    last: Option<String>,
    /// What the encoder gives beside the mean: log σ², log σ or σ itself
    #[arg(long)]
    second: Option<SecondArg>,
    /// The log-variances come before the means
    #[arg(long)]
    second_first: bool,
    /// Size of the latent, where the encoder has one output of twice that
    #[arg(long)]
    latent: Option<usize>,
    /// Output by its name in the graph; of an encoder mean and second
    #[arg(long = "output", value_name = "NAME")]
    outputs: Vec<String>,
    /// Description of the layers, for files of tensors alone (docs/import.md)
    #[arg(long, value_name = "FILE.json")]
    like: Option<PathBuf>,
    /// Take a guess that cannot be checked
    #[arg(long)]
    guess: bool,
    /// Names of the classes of a conditional model
    #[arg(long, value_delimiter = ',')]
    classes: Vec<String>,
    /// Grey images of 28×28 are photographs, not drawn in ink
    #[arg(long)]
    photographs: bool,
    /// Licence of the weights
    #[arg(long, default_value = "not stated")]
    licence: String,
    /// Whom to credit
    #[arg(long, default_value = "imported")]
    credit: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum SecondArg {
    LogVar,
    LogStd,
    Sigma,
}

/// Runs the command.
///
/// # Errors
/// Files that cannot be read or imported, each with what to do; then nothing is written.
pub(super) fn run(args: &ImportArgs) -> Result<()> {
    let out = &args.out;
    ensure!(
        !out.exists(),
        "{} exists already; give another folder, or remove it",
        out.display()
    );
    let name = out
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.with_context(|| format!("{} has no name", out.display()))?;
    let sources = sources(&args.files)?;
    let like = match &args.like {
        Some(file) => {
            let text = fs::read_to_string(file);
            let text = text.with_context(|| format!("cannot read {}", file.display()))?;
            Some((file.display().to_string(), text))
        }
        None => None,
    };
    let options = Options {
        title: args.title.clone().unwrap_or_default(),
        name,
        shape: args.shape,
        range: args.range,
        activation: args.activation.clone(),
        last: args.last.clone(),
        second: args.second.map(|second| match second {
            SecondArg::LogVar => Second::LogVar,
            SecondArg::LogStd => Second::LogStd,
            SecondArg::Sigma => Second::Sigma,
        }),
        second_first: args.second_first,
        latent: args.latent,
        outputs: args.outputs.clone(),
        like,
        guess: args.guess,
        classes: args.classes.clone(),
        photographs: args.photographs,
        licence: args.licence.clone(),
        credit: args.credit.clone(),
    };
    let imported = import(&sources, &options)?;
    let next = Next::empty(out)?;
    put(next.folder(), "model.json", imported.description.as_bytes())?;
    put(next.folder(), WEIGHTS, &imported.weights)?;
    next.replace()?;
    for note in &imported.notes {
        println!("{note}");
    }
    println!(
        "{}: {} KB of weights",
        out.display(),
        imported.weights.len() / 1024
    );
    Ok(())
}

/// The files and what belongs to them.
fn sources(files: &[PathBuf]) -> Result<Vec<Source>> {
    let mut all: Vec<PathBuf> = Vec::new();
    for file in files {
        let file = match file.is_dir() {
            true => file.join("model.json"),
            false => file.clone(),
        };
        let ending = file
            .extension()
            .map(|ending| ending.to_string_lossy().to_lowercase());
        let weights: &[&str] = match ending.as_deref() {
            Some("onnx") => &[".data", ".bin", ".weights"],
            Some("json") => &[".bin"],
            _ => &[],
        };
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let beside = match weights.is_empty() {
            true => vec![],
            false => fs::read_dir(folder.unwrap_or(Path::new(".")))
                .with_context(|| format!("cannot read the folder of {}", file.display()))?
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| {
                    let name = path.to_string_lossy();
                    path.is_file() && weights.iter().any(|ending| name.ends_with(ending))
                })
                .collect(),
        };
        for path in [file].into_iter().chain(beside) {
            if !all.contains(&path) {
                all.push(path);
            }
        }
    }
    let mut total = 0;
    let mut sources = Vec::new();
    for path in all {
        let size = fs::metadata(&path);
        let size = size
            .with_context(|| format!("cannot read {}", path.display()))?
            .len();
        total += size;
        if total > MAX_BYTES as u64 {
            bail!("{}: more than 512 MiB; use a smaller model", path.display());
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = last(&path);
        let name = match path.parent().map(last).filter(|folder| !folder.is_empty()) {
            Some(folder) => format!("{folder}/{name}"),
            None => name,
        };
        sources.push(Source { name, bytes });
    }
    Ok(sources)
}

/// The last part of a path.
fn last(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_default()
}

fn shape(text: &str) -> Result<[usize; 3], String> {
    let numbers: Option<Vec<usize>> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect();
    let shape = numbers.and_then(|numbers| <[usize; 3]>::try_from(numbers).ok());
    shape
        .filter(|shape| shape.iter().all(|side| (1..=4096).contains(side)))
        .ok_or_else(|| "expected channels, height and width, as in 3,64,64".into())
}

fn range(text: &str) -> Result<[f32; 2], String> {
    let numbers: Option<Vec<f32>> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect();
    let range = numbers.and_then(|numbers| <[f32; 2]>::try_from(numbers).ok());
    range
        .filter(|[black, white]| black.is_finite() && white.is_finite() && black != white)
        .ok_or_else(|| "expected two numbers, as in -1,1".into())
}
