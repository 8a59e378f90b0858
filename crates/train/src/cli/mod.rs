//! The commands of `vaelet`, one in each file: their arguments, and what they do with the other modules.

pub mod args;
mod complete;
mod evaluate;
mod fetch;
mod sample;
mod train;

use crate::training::Mode;
use anyhow::Result;
use clap::{Parser, Subcommand};
use complete::CompleteArgs;
use evaluate::EvaluateArgs;
use fetch::FetchArgs;
use sample::SampleArgs;
use train::{RunArgs, TrainArgs};

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
    Evaluate(EvaluateArgs),
    /// Measure a trained model and write all that follows from its weights
    Complete(CompleteArgs),
    /// Draw samples from the prior as a picture
    Sample(SampleArgs),
    /// Data sets
    #[command(subcommand)]
    Data(DataCommand),
}

#[derive(Subcommand)]
enum DataCommand {
    /// Download a public data set, or the network that pictures are sharpened and measured with
    Fetch(FetchArgs),
}

/// Runs the command that the process was started with.
///
/// # Errors
/// Whatever the command fails with.
pub fn run() -> Result<()> {
    match Cli::parse().command {
        Command::Train(TrainArgs { run, resume: false }) => train::run(&run, Mode::Start),
        Command::Train(TrainArgs { run, resume: true }) => train::run(&run, Mode::Resume),
        Command::Export(run) => train::run(&run, Mode::Export),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Complete(args) => complete::run(args),
        Command::Sample(args) => sample::run(args),
        Command::Data(DataCommand::Fetch(args)) => fetch::run(args),
    }
}
