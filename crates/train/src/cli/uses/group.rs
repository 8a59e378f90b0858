//! `vaelet group`: which pictures of a folder belong together.

use super::Work;
use crate::cli::args::positive;
use crate::files::atomic::put;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vaelet_uses::group::Graph;

/// What the command takes.
#[derive(Args)]
pub(in crate::cli) struct GroupArgs {
    /// Model folder
    model: PathBuf,
    /// Folder of pictures
    #[arg(long)]
    images: PathBuf,
    /// The table, a CSV
    #[arg(long)]
    out: PathBuf,
    /// How many groups to find
    #[arg(long, default_value_t = 10, value_parser = positive)]
    groups: usize,
    /// A CSV with the columns file and name for a few of the pictures: all others are named after
    /// these instead
    #[arg(long, conflicts_with = "groups")]
    names: Option<PathBuf>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the command.
///
/// # Errors
/// A folder or table that cannot be read, or a table that cannot be written.
pub(in crate::cli) fn run(args: &GroupArgs) -> Result<ExitCode> {
    let mut work = Work::read(&args.model, &args.images)?;
    let mut latents = Vec::new();
    work.each(|engine, _, picture| {
        latents.extend(engine.encode(picture).mean);
        Ok(())
    })?;
    let graph = Graph::of(&latents, work.engine.latent(), &mut || true)?;
    let files: Vec<String> = work
        .pictures
        .iter()
        .map(|(name, _)| name.display().to_string())
        .collect();
    let mut table = csv::Writer::from_writer(Vec::new());
    match &args.names {
        None => {
            table.write_record(["file", "group"])?;
            let groups = graph.clusters(args.groups, args.seed)?;
            for (file, group) in files.iter().zip(groups) {
                table.write_record([file, &(group + 1).to_string()])?;
            }
        }
        Some(path) => {
            let (known, names) = read(path, &files)?;
            table.write_record(["file", "name", "share"])?;
            let found = graph.spread(&known, names.len())?;
            for (file, (name, share)) in files.iter().zip(found) {
                table.write_record([file, &names[name], &format!("{share:.3}")])?;
            }
        }
    }
    let name = args
        .out
        .file_name()
        .context("--out needs the name of a file")?;
    let folder = args.out.parent().unwrap_or(Path::new(""));
    put(folder, name, &table.into_inner().context("the table")?)?;
    Ok(work.end())
}

/// For each picture that has a name its number and that of the name, and the names.
type Known = (Vec<(usize, usize)>, Vec<String>);

/// Reads which pictures have a name.
fn read(path: &Path, files: &[String]) -> Result<Known> {
    let context = || format!("cannot read {}", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(context)?;
    let headers = reader.headers().with_context(context)?.clone();
    let column = |name: &str| headers.iter().position(|header| header == name);
    let columns = column("file").zip(column("name"));
    let (file, name) =
        columns.with_context(|| format!("{} needs the columns file and name", path.display()))?;
    let places: HashMap<&str, usize> = files
        .iter()
        .enumerate()
        .map(|(i, f)| (f.as_str(), i))
        .collect();
    let (mut known, mut names) = (Vec::new(), Vec::<String>::new());
    for row in reader.records() {
        let row = row.with_context(context)?;
        let place = places.get(&row[file]).with_context(|| {
            format!(
                "{} names {}, which is not among the pictures",
                path.display(),
                &row[file]
            )
        })?;
        let number = names
            .iter()
            .position(|other| other == &row[name])
            .unwrap_or_else(|| {
                names.push(row[name].to_string());
                names.len() - 1
            });
        known.push((*place, number));
    }
    ensure!(!known.is_empty(), "{} names no picture", path.display());
    Ok((known, names))
}
