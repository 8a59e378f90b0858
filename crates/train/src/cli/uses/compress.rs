//! `vaelet compress` and `vaelet decompress`: folders of pictures as one file `.vae`.

use super::{Work, floats, progress, save};
use crate::files::atomic::put;
use crate::release;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vaelet_model::Likelihood;
use vaelet_uses::Engine;
use vaelet_uses::compress::{Codec, Contents, read, write};

/// What `compress` takes.
#[derive(Args)]
pub(in crate::cli) struct CompressArgs {
    /// Model folder
    model: PathBuf,
    /// Folder of pictures
    #[arg(long)]
    images: PathBuf,
    /// The file, by custom with the ending .vae
    #[arg(long)]
    out: PathBuf,
    /// Bytes of each picture, which comes back with a loss. Without it pictures are black and white,
    /// which they are made at half grey, and come back bit by bit; that needs a model of such pictures
    #[arg(long, value_parser = clap::value_parser!(u16).range(4..=1024))]
    bytes: Option<u16>,
}

/// What `decompress` takes.
#[derive(Args)]
pub(in crate::cli) struct DecompressArgs {
    /// Folder of the model that the file was made with
    model: PathBuf,
    /// The file
    file: PathBuf,
    /// Folder for the pictures, in the order of their names: 0000.png and so on
    #[arg(long)]
    out: PathBuf,
}

/// Runs `compress`.
///
/// # Errors
/// A folder that cannot be read, a file that cannot be written, or a model that cannot do it.
pub(in crate::cli) fn compress(args: &CompressArgs) -> Result<ExitCode> {
    let mut work = Work::read(&args.model, &args.images)?;
    let input = work.model.spec.input;
    let count = work.pictures.len();
    let message = match args.bytes {
        Some(bytes) => {
            let mut codec = Codec::new(&mut work.engine);
            let mut message = Vec::new();
            work.each(|engine, _, picture| {
                message.extend(engine.squeeze(&mut codec, picture, bytes.into())?);
                Ok(())
            })?;
            message
        }
        None => {
            ensure!(
                work.model.spec.likelihood == Likelihood::Bernoulli,
                "{} is not a model of black and white pictures; give --bytes to compress with a loss",
                args.model.display()
            );
            let each = work
                .pictures
                .iter()
                .flat_map(|(_, p)| floats(p, input.channels));
            let pictures: Vec<f32> = each.map(|v| f32::from(u8::from(v >= 0.5))).collect();
            let progress = progress(count)?;
            let packed = work.engine.pack(&pictures, &mut || {
                progress.inc(1);
                true
            })?;
            progress.finish_and_clear();
            packed
                .words
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect()
        }
    };
    let contents = Contents {
        lossless: args.bytes.is_none(),
        count,
        message,
    };
    let file = write(&work.engine, &contents)?;
    let name = args
        .out
        .file_name()
        .context("--out needs the name of a file")?;
    put(args.out.parent().unwrap_or(Path::new("")), name, &file)?;
    eprintln!(
        "{count} pictures in {} bytes, {:.3} bits a pixel",
        file.len(),
        8.0 * file.len() as f64 / (count * input.height * input.width) as f64
    );
    Ok(work.end())
}

/// Runs `decompress`.
///
/// # Errors
/// A file that is damaged or was made with another model, or a folder that cannot be written.
pub(in crate::cli) fn decompress(args: &DecompressArgs) -> Result<ExitCode> {
    let model = release::loaded::read(&args.model)?;
    let input = model.spec.input;
    let mut engine = Engine::new(&model)?;
    let path = args.file.display();
    let file = fs::read(&args.file).with_context(|| format!("cannot read {path}"))?;
    let contents = read(&engine, &file).with_context(|| path.to_string())?;
    let progress = progress(contents.count)?;
    let name = |i: usize| PathBuf::from(format!("{i:04}"));
    if contents.lossless {
        let pictures = engine.unpack(&contents.words(), contents.count, &mut || {
            progress.inc(1);
            true
        });
        let pictures = pictures.with_context(|| path.to_string())?;
        for (i, picture) in pictures.chunks_exact(input.len()).enumerate() {
            save(picture, input, &args.out, &name(i), "")?;
        }
    } else if let Some(bytes) = contents.message.len().checked_div(contents.count) {
        let mut codec = Codec::new(&mut engine);
        for (i, code) in contents.message.chunks_exact(bytes).enumerate() {
            let picture = engine.expand(&mut codec, code);
            save(&picture, input, &args.out, &name(i), "")?;
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(ExitCode::SUCCESS)
}
