//! The commands that use a model on a folder of pictures.
//!
//! They go on where a picture cannot be read, name it at the end, and then end with the exit code 3.

pub mod compress;
pub mod detect;
pub mod group;
pub mod measure;
pub mod restore;

use crate::data::folder::{self, Pictures};
use crate::files::picture;
use crate::release;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vaelet_model::{ImageShape, Model, channels_first};
use vaelet_uses::Engine;

/// The exit code where something was done, and something could not be.
const PARTLY: u8 = 3;

/// A model and a folder of pictures for it.
struct Work {
    model: Model,
    engine: Engine,
    pictures: Pictures,
    left_out: Vec<(PathBuf, String)>,
}

impl Work {
    /// Reads a model, and pictures at the size that it has.
    fn read(model: &Path, images: &Path) -> Result<Self> {
        let model = release::loaded::read(model)?;
        let input = model.spec.input;
        Self::at(model, images, input)
    }

    /// The same at another size.
    fn at(model: Model, images: &Path, shape: ImageShape) -> Result<Self> {
        let (pictures, left_out) = folder::all(images, shape)?;
        Ok(Self {
            engine: Engine::new(&model)?,
            model,
            pictures,
            left_out,
        })
    }

    /// Calls `each` with every picture, `[C, H, W]` in `[0, 1]`, and its name.
    fn each(
        &mut self,
        mut each: impl FnMut(&mut Engine, &Path, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let progress = progress(self.pictures.len())?;
        for (name, picture) in &self.pictures {
            let values = floats(picture, self.model.spec.input.channels);
            each(&mut self.engine, name, &values).with_context(|| name.display().to_string())?;
            progress.inc(1);
        }
        progress.finish_and_clear();
        Ok(())
    }

    /// Names what could not be read.
    fn end(&self) -> ExitCode {
        for (path, reason) in &self.left_out {
            eprintln!("{}: {reason}", path.display());
        }
        if self.left_out.is_empty() {
            return ExitCode::SUCCESS;
        }
        eprintln!(
            "{} pictures done, {} could not be read",
            self.pictures.len(),
            self.left_out.len()
        );
        ExitCode::from(PARTLY)
    }
}

fn progress(count: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{pos}/{len} {wide_bar} {eta}")?;
    Ok(ProgressBar::new(count as u64).with_style(style))
}

/// Bytes `[H · W · C]` as `[C, H, W]` in `[0, 1]`.
fn floats(picture: &[u8], channels: usize) -> Vec<f32> {
    let values: Vec<f32> = picture.iter().map(|v| f32::from(*v) / 255.0).collect();
    channels_first(&values, channels, values.len())
}

/// Saves a picture `[C, H, W]` as `OUT/NAME-SUFFIX.png`, in the same subfolder as the one it is made of.
fn save(image: &[f32], input: ImageShape, out: &Path, name: &Path, suffix: &str) -> Result<()> {
    let stem = name.file_stem().unwrap_or_default().to_string_lossy();
    let path = out.join(name.with_file_name(format!("{stem}{suffix}.png")));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot write to {}", folder.display()))?;
    }
    picture::save(&picture::grid(image, input, 1)?, &path)
}
