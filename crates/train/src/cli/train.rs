//! `vaelet train`: from data to a run, and from a run to a model folder.

use super::args::{FEATURES, FeaturesArg, at_least_0, passes, positive, rate, side, subject};
use super::complete::complete;
use super::evaluate::read;
use crate::data::words::Words;
use crate::data::{Source, Split};
use crate::files::atomic;
use crate::network::devices::DeviceName;
use crate::network::{Graphs, growth};
use crate::presets::{self, Preset};
use crate::release::loaded::LoadedModel;
use crate::release::stages::{self, Stage};
use crate::release::{self, folder};
use crate::training::objective::Penalty;
use crate::training::{self, Mode};
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use clap::Args;
use clap::builder::ArgPredicate;
use std::path::{Path, PathBuf};
use vaelet_model::{Model, Subject, Training};

/// What is trained, on what, and how.
#[derive(Args)]
pub(super) struct RunArgs {
    /// Preset; left out with --images, --sounds and --words
    #[arg(value_parser = presets::NAMES, required_unless_present_any = ["images", "sounds", "words"], conflicts_with_all = ["images", "sounds", "words"])]
    model: Option<String>,
    /// Folder with the preset's data set; left out where it is drawn: shapes, shapes-plain
    #[arg(long, conflicts_with_all = ["images", "sounds", "words"])]
    data: Option<PathBuf>,
    /// Folder of your own pictures: PNG, JPEG, WebP, GIF, BMP or TIFF
    #[arg(long, group = "own")]
    images: Option<PathBuf>,
    /// Folder of your own recordings, one word in each: WAV
    #[arg(long, group = "own")]
    sounds: Option<PathBuf>,
    /// CSV file with your own words, names or other short texts in its first column, and their class in the second
    /// if you like
    #[arg(long, group = "own")]
    words: Option<PathBuf>,
    /// Side of the images in the model, in pixels, a multiple of 16
    #[arg(long, default_value_t = 64, requires = "images", value_parser = side)]
    size: usize,
    /// What your images, recordings or texts are, singular and plural, as in "cat,cats"
    #[arg(long, default_value = "picture,pictures", default_value_ifs([("sounds", ArgPredicate::IsPresent, "recording,recordings"), ("words", ArgPredicate::IsPresent, "word,words")]), requires = "own", value_parser = subject)]
    subject: Subject,
    /// Model folder to start from, required by presets whose name ends in -sharp; its learned prior
    /// is trained too
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
    /// Hold out a twentieth of the training images, stop after this many epochs without a better
    /// −ELBO on them, and keep the best epoch [default with --images: 20]
    #[arg(long, value_parser = positive)]
    patience: Option<usize>,
    /// Images in a step [default: the preset's]; GPUs are faster with more
    #[arg(long, value_parser = positive)]
    batch: Option<usize>,
    /// Highest learning rate [default: the preset's]
    #[arg(long, value_parser = rate)]
    learning_rate: Option<f64>,
    /// Weight of the KL term, or of its part that a preset weighs alone; 1 is the ELBO [default: the
    /// preset's]
    #[arg(long, value_parser = at_least_0)]
    beta: Option<f32>,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Devices that share each batch, separated by commas: flex (the CPU), cuda, vulkan, metal, wgpu,
    /// cuda:1, remote=ws://HOST:PORT
    #[arg(long = "device", default_value = "flex", value_delimiter = ',')]
    devices: Vec<DeviceName>,
    /// Also keep the network as it is after these passes over the data, as in 0,0.2,1,5: the page's view Inside shows what
    /// training changed
    #[arg(long, value_delimiter = ',', value_parser = passes)]
    snapshots: Vec<f64>,
    #[command(flatten)]
    features: FeaturesArg,
}

#[derive(Args)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
    /// Continue from the run's last checkpoint
    #[arg(long)]
    pub(super) resume: bool,
    /// Do not train: write the model folder from the run's last checkpoint
    #[arg(long, conflicts_with = "resume")]
    pub(super) release: bool,
}

impl TrainArgs {
    /// What is to be done.
    pub(super) fn mode(&self) -> Mode {
        match (self.resume, self.release) {
            (true, _) => Mode::Resume,
            (_, true) => Mode::Export,
            _ => Mode::Start,
        }
    }
}

/// Trains, or uses the run's last checkpoint, and writes the model folder.
pub(super) fn run(args: &RunArgs, mode: Mode) -> Result<()> {
    let (mut preset, folder) = args.resolve()?;
    let devices = args.devices.iter().map(DeviceName::open);
    let devices = devices.collect::<Result<Vec<_>>>()?;
    let device = devices[0].clone();
    let network = args.features.read(&device)?;
    let mut features = None;
    if preset.adversarial {
        let missing = || {
            format!(
                "training {} needs features, and {FEATURES} does not contain them; run `vaelet data fetch \
                 features`, or name their folder with --features",
                preset.spec.name,
            )
        };
        let found = args.features.read(&device.clone().autodiff())?;
        features = Some(found.with_context(missing)?);
    }
    let begin = args.begin(&preset)?;
    preset.batch = args.batch.unwrap_or(preset.batch);
    preset.learning_rate = args.learning_rate.unwrap_or(preset.learning_rate);
    preset.beta = args.beta.unwrap_or(preset.beta);
    preset.patience = args.patience.or(preset.patience);
    ensure!(
        preset.patience.is_none() || !preset.adversarial,
        "--patience watches −ELBO, which sharpening makes worse; leave --patience out"
    );
    if let Some(begin) = &begin {
        preset.spec.likelihood = begin.spec.likelihood;
    }
    let [encoder, decoder] = preset.spec.chains()?;
    let graphs = Graphs { encoder, decoder };
    // The output folder and both splits are checked first, before hours of training.
    drop(atomic::Next::empty(&args.out)?);
    let part = |split| read(preset.source, &preset.spec, folder, split);
    let (images, test) = (part(Split::Train)?, part(Split::Test)?);
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
        snapshots: args.snapshots.clone(),
    };
    for passes in &settings.snapshots {
        ensure!(
            *passes <= settings.epochs as f64,
            "--snapshots has {passes}, but there are {} passes (--epochs)",
            settings.epochs,
        );
    }
    let trained = training::train(&settings, &graphs, &images)?;

    let mut spec = preset.spec.clone();
    let (data, beta) = objective(&preset);
    spec.training = Some(Training {
        data,
        epochs: before + trained.epochs,
        beta,
        seed: args.seed,
    });
    spec.likelihood = trained.likelihood;
    let mut components = Some(match preset.source {
        // A covariance needs several times as many images as it has rows.
        Source::Folder | Source::Recordings(_) | Source::Words => {
            preset.components.min((images.count() / 400).max(1))
        }
        _ => preset.components,
    });
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
        if !args.snapshots.is_empty() {
            let (run, passes, count) = (&settings.run, &args.snapshots, images.count());
            release::snapshots::write(folder, run, &spec, passes, count, &test, &device)?;
        }
        folder::write(folder, spec, &tensors, &test)?;
        stages::write(folder, &stages)?;
        complete(folder, &device, components, false, &images, &test, network)
    };
    atomic::change(&args.out, write).with_context(|| {
        format!(
            "{} was not changed. The trained network is in {}: `vaelet train --release` with the same options \
             writes the model folder",
            args.out.display(),
            settings.run.display(),
        )
    })
}

/// What a model was trained on, and the weight of the KL term.
fn objective(preset: &Preset) -> (String, f32) {
    let mut data = preset.data.to_owned();
    if preset.regression > 0.0 {
        let weight = preset.regression;
        data += &format!(
            ", with {weight} times the squared error of a linear head that reads its measures from z"
        );
    }
    match preset.penalty {
        Penalty::TotalCorrelation if preset.beta != 1.0 => {
            let beta = preset.beta;
            data += &format!(", with {beta} times the total correlation of the latents");
            (data, 1.0)
        }
        _ => (data, preset.beta),
    }
}

impl RunArgs {
    /// The trained model that training starts from.
    fn begin(&self, preset: &Preset) -> Result<Option<Model>> {
        ensure!(
            self.from.is_some() || !preset.adversarial,
            "a preset that sharpens starts from a trained model: give its folder with --from"
        );
        let Some(folder) = &self.from else {
            return Ok(None);
        };
        let model = LoadedModel::read(folder, Device::flex())?.model;
        let unfit = || format!("training cannot start from {}", folder.display());
        let model = growth::grown(model, &preset.spec).with_context(unfit)?;
        Ok(Some(model))
    }

    /// This call as `training.json` records it.
    fn stage(&self, epochs: usize) -> Stage {
        let out = self.out.display();
        let mut command = match &self.model {
            Some(model) => {
                let data = self.data.as_ref().map_or("", |_| " --data DATA");
                format!("vaelet train {model}{data} --out {out}")
            }
            None if self.sounds.is_some() => format!("vaelet train --sounds DATA --out {out}"),
            None if self.words.is_some() => format!("vaelet train --words DATA --out {out}"),
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
            ("batch", self.batch.map(|images| images.to_string())),
            (
                "learning-rate",
                self.learning_rate.map(|rate| rate.to_string()),
            ),
            ("beta", self.beta.map(|beta| beta.to_string())),
            (
                "snapshots",
                Some(&self.snapshots)
                    .filter(|snapshots| !snapshots.is_empty())
                    .map(|snapshots| {
                        snapshots
                            .iter()
                            .map(f64::to_string)
                            .collect::<Vec<_>>()
                            .join(",")
                    }),
            ),
            ("seed", Some(self.seed.to_string())),
            (
                "subject",
                (self.images.as_ref())
                    .or(self.sounds.as_ref())
                    .or(self.words.as_ref())
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

    /// What to train, and the folder with its data, if it has one.
    fn resolve(&self) -> Result<(Preset, Option<&Path>)> {
        let own = self.images.as_ref().or(self.sounds.as_ref());
        if let Some(folder) = own.or(self.words.as_ref()) {
            let name = self.out.file_name().and_then(|name| name.to_str());
            let name = name.context("--out must end in a folder name that is valid UTF-8")?;
            let subject = self.subject.clone();
            let preset = match (&self.sounds, &self.words) {
                (Some(_), _) => {
                    presets::recordings(name, name, subject, "Trained on its author's recordings")
                }
                (None, Some(table)) => {
                    let survey = Words::open(table)?.survey()?;
                    let credit = "Trained on its author's texts";
                    presets::words(name, name, subject, credit, survey)
                }
                (None, None) => {
                    let credit = "Trained on its author's pictures";
                    presets::pictures(name, name, subject, credit, self.size)
                }
            };
            return Ok((preset, Some(folder)));
        }
        let preset = self.model.as_deref().and_then(presets::preset);
        let preset = preset.context("name a preset, or give a folder of pictures with --images, of recordings with --sounds, or a table of texts with --words")?;
        Ok((preset, self.data.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page adds β times the KL to a loss.
    #[test]
    fn what_weighs_the_total_correlation_is_no_weight_of_the_kl() {
        let of = |name: &str| objective(&presets::preset(name).unwrap());
        let (data, beta) = of("shapes");
        assert!(beta == 1.0 && data.contains("times the total correlation"));
        assert_eq!(of("digits-beta-4").1, 4.0);
        let (data, beta) = of("shapes-plain");
        assert!(beta == 1.0 && !data.contains("times"));
    }
}
