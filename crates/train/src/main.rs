//! The command `vaelet`: trains, evaluates, samples and exports models.

mod architecture;
mod data;
mod network;
mod objective;
mod ops;
mod training;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Training allocates and frees the same large buffers at every step; this
/// allocator keeps them, where the system's returns them to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "vaelet", version, about = "Train and release variational autoencoders for the web")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a model and export it
    Train {
        model: String,
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        out: PathBuf,
        #[arg(long)]
        epochs: Option<usize>,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long)]
        resume: bool,
    },
}

fn main() -> Result<()> {
    let Command::Train { model, data, out, epochs, seed, resume } = Cli::parse().command;
    let preset = architecture::preset(&model).context("unknown")?;
    let (encoder, decoder) = preset.spec.graphs()?;
    let graphs = network::Graphs { encoder, decoder };
    let images = data::mnist(&data, data::Split::Train)?;
    let settings = training::Settings { epochs: epochs.unwrap_or(preset.epochs), preset, seed, run: out, resume, device: burn::tensor::Device::flex() };
    training::train(&settings, &graphs, &images)?;
    Ok(())
}
