//! The commands of `vaelet`, one in each file: their arguments, and what they do with the other modules.

pub mod args;
mod complete;
mod evaluate;
mod export;
mod fetch;
mod import;
mod picture;
mod sample;
mod train;
mod uses;

use anyhow::Result;
use clap::{Parser, Subcommand};
use complete::CompleteArgs;
use evaluate::EvaluateArgs;
use export::ExportArgs;
use fetch::FetchArgs;
use import::ImportArgs;
use picture::PictureArgs;
use sample::SampleArgs;
use std::process::ExitCode;
use train::TrainArgs;
use uses::compress::{self, CompressArgs, DecompressArgs};
use uses::detect::{self, DetectArgs};
use uses::group::{self, GroupArgs};
use uses::measure::{self, MeasureCommand};
use uses::restore::{self, CleanArgs, EnlargeArgs, FillArgs};

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
    /// Write a model for other frameworks: as ONNX, or as a PyTorch state_dict
    Export(ExportArgs),
    /// Make a model of other people's files: PyTorch, safetensors, ONNX, TensorFlow.js, Keras
    Import(ImportArgs),
    /// Measure a model on the test split
    Evaluate(EvaluateArgs),
    /// Measure a trained model and write all that follows from its weights
    Complete(CompleteArgs),
    /// Draw samples from the prior as a picture, or print them where they are texts
    Sample(SampleArgs),
    /// Data sets
    #[command(subcommand)]
    Data(DataCommand),
    /// Score how strange pictures are to a model, and show where
    Detect(DetectArgs),
    /// Take noise from pictures
    Clean(CleanArgs),
    /// Complete pictures of which a part is hidden
    Fill(FillArgs),
    /// Enlarge small pictures
    Enlarge(EnlargeArgs),
    /// Make one file of a folder of pictures
    Compress(CompressArgs),
    /// Make pictures of such a file again
    Decompress(DecompressArgs),
    /// Find groups among pictures, or name them all after a few
    Group(GroupArgs),
    /// Measure what a model is worth in use
    #[command(subcommand)]
    Measure(MeasureCommand),
}

#[derive(Subcommand)]
enum DataCommand {
    /// Download a public data set, or the network that sharpens and measures pictures
    Fetch(FetchArgs),
    /// Write images of MNIST and their classes as one picture, which the page trains on
    Picture(PictureArgs),
}

/// Runs the command that the process was started with.
///
/// # Errors
/// Whatever the command fails with.
pub fn run() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Train(args) => train::run(&args.run, args.mode())?,
        Command::Export(args) => export::run(&args)?,
        Command::Import(args) => import::run(&args)?,
        Command::Evaluate(args) => evaluate::run(args)?,
        Command::Complete(args) => complete::run(args)?,
        Command::Sample(args) => sample::run(args)?,
        Command::Data(DataCommand::Fetch(args)) => fetch::run(args)?,
        Command::Data(DataCommand::Picture(args)) => picture::run(args)?,
        Command::Measure(what) => measure::run(&what)?,
        Command::Detect(args) => return detect::run(&args),
        Command::Clean(args) => return restore::clean(&args),
        Command::Fill(args) => return restore::fill(&args),
        Command::Enlarge(args) => return restore::enlarge(&args),
        Command::Compress(args) => return compress::compress(&args),
        Command::Decompress(args) => return compress::decompress(&args),
        Command::Group(args) => return group::run(&args),
    }
    Ok(ExitCode::SUCCESS)
}
