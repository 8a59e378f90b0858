//! A run's checkpoint: everything that it takes to go on, of one and the same epoch, replaced as a
//! whole.

use super::progress::Progress;
use super::run::Run;
use crate::files::atomic::Next;
use crate::network::Network;
use anyhow::{Context, Error, Result};
use burn::module::Module;
use burn::store::ModuleRecord;
use std::fs;
use std::path::Path;

/// Where a run's folder has all that it takes to go on, of one and the same epoch.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// The averaged weights of the epoch that did best on held-out images, in a checkpoint.
pub(super) const BEST: &str = "best.bpk";

/// Where the run is, in a checkpoint.
pub(super) const PROGRESS: &str = "progress.json";

impl Run {
    /// Writes a whole new checkpoint, and only then replaces the last one.
    pub(super) fn save(&self, run: &Path) -> Result<()> {
        let folder = run.join(CHECKPOINT);
        let write = || -> Result<()> {
            let next = Next::empty(&folder)?;
            let file = |name: &str| next.folder().join(name);
            self.network
                .clone()
                .into_record()
                .save(file("network.bpk"))?;
            let averaged = self.averaged.clone().into_record();
            averaged.save(file("averaged.bpk"))?;
            if let Some((best, _)) = self.progress.best() {
                let from = match best + 1 == self.progress.epochs.len() {
                    true => file("averaged.bpk"),
                    false => folder.join(BEST),
                };
                fs::copy(from, file(BEST))?;
            }
            self.optimizer.save(file("optimizer.bpk"))?;
            if let Some(adversary) = &self.adversary {
                adversary.save(next.folder())?;
            }
            fs::write(file(PROGRESS), serde_json::to_vec(&self.progress)?)?;
            next.replace()?;
            Ok(())
        };
        write().with_context(|| {
            let advice = match folder.is_dir() {
                true => {
                    "the previous checkpoint is kept. Free some space and continue with --resume"
                }
                false => "there is no previous checkpoint. Free some space and start again",
            };
            format!("cannot write a checkpoint to {}; {advice}", run.display())
        })
    }

    pub(super) fn load(self, progress: Progress, folder: &Path) -> Result<Self> {
        Ok(Self {
            network: load(self.network, &folder.join("network.bpk"))?,
            averaged: load(self.averaged, &folder.join("averaged.bpk"))?,
            optimizer: self
                .optimizer
                .load(folder.join("optimizer.bpk"))
                .with_context(|| damaged(&folder.join("optimizer.bpk")))?,
            adversary: self
                .adversary
                .map(|adversary| adversary.load(folder))
                .transpose()
                .with_context(|| damaged(&folder.join("discriminator.*")))?,
            progress,
        })
    }

    /// As much of a checkpoint as becomes a model.
    pub(super) fn load_averaged(self, progress: Progress, folder: &Path) -> Result<Self> {
        let averaged = load(self.averaged, &folder.join("averaged.bpk"))?;
        Ok(Self {
            averaged,
            progress,
            ..self
        })
    }
}

impl Progress {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(PROGRESS);
        let json = fs::read(&path).with_context(|| damaged(&path))?;
        serde_json::from_slice(&json).with_context(|| damaged(&path))
    }
}

pub(super) fn load(network: Network, path: &Path) -> Result<Network> {
    let load = || Ok(network.try_load_record(ModuleRecord::load(path)?)?);
    load().map_err(|error: Error| error.context(damaged(path)))
}

fn damaged(path: &Path) -> String {
    format!(
        "{} cannot be used: the checkpoint is damaged, or belongs to another network. Delete its \
         folder and start again, or replace it by the previous one, .checkpoint.last",
        path.display(),
    )
}
