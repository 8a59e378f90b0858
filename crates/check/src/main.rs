//! `vaelet-check` compares this machine's GPU with its CPU, for every kernel and every model, and
//! times both. A failure is reported and the check continues, so that users with an unusual GPU can
//! send a complete report. It is the native version of the page's `#/check`. It is a separate
//! command because the trainer takes minutes to build.

mod cases;
mod compare;

use anyhow::{Context as _, Result, ensure};
use cases::Case;
use clap::Parser;
use compare::Comparison;
use pollster::block_on;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use vaelet_gpu::{Context, Error, all_variants};
use vaelet_model::{Model, Precision};

/// Number of images of a released model that are compared.
const PICTURES: usize = 5;

/// Compare this machine's GPU with its CPU on every kernel and every model
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Folder that contains model folders
    #[arg(long, default_value = "models")]
    models: PathBuf,
}

fn main() -> Result<()> {
    let Cli { models } = Cli::parse();
    let mut gpu = Gpu::new()?;
    println!("{}\n", describe(&gpu.context));
    println!(
        "{:<56}{:>12}{:>12}{:>12}",
        "", "difference", "GPU ms", "CPU ms"
    );
    let mut report = Report::default();
    for case in cases::all()? {
        for precision in &case.precisions {
            report.add(
                format!("{} ({})", case.name, cases::name(*precision)),
                gpu.item(|context| kernels(context, &case, *precision)),
            );
        }
    }
    for folder in folders(&models)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        report.add(name, gpu.item(|context| released(context, &folder)));
    }
    println!("\n{}", report.verdict());
    ensure!(report.wrong.is_empty(), "the GPU differs from the CPU");
    Ok(())
}

fn kernels(context: &Rc<Context>, case: &Case, precision: Precision) -> Result<Comparison> {
    let model = case.model(precision)?;
    let mut comparison = Comparison::new(context, &model, &model)?;
    for &batch in &case.batches {
        comparison.compare(batch, false)?;
    }
    comparison.time()?;
    Ok(comparison)
}

fn released(context: &Rc<Context>, folder: &Path) -> Result<Comparison> {
    let description = fs::read_to_string(folder.join("model.json"))?;
    let file = vaelet_model::Architecture::read(&description)?
        .spec
        .weights
        .file;
    let model = Model::read(&description, &fs::read(folder.join(file))?)?;
    let mut comparison = Comparison::new(context, &model, &model)?;
    comparison.compare(1, true)?;
    comparison.compare(PICTURES, true)?;
    comparison.time()?;
    Ok(comparison)
}

/// The folders below `models` that contain a model, sorted.
fn folders(models: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(models).with_context(|| format!("{}", models.display()))?;
    let mut folders = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    folders.retain(|folder| folder.join("model.json").is_file());
    folders.sort();
    Ok(folders)
}

/// The device, which is requested again after it was lost.
struct Gpu {
    context: Rc<Context>,
}

impl Gpu {
    fn new() -> Result<Self> {
        let context = block_on(Context::new())
            .context("no GPU found; install mesa-vulkan-drivers for a software GPU")?;
        Ok(Self {
            context: Rc::new(context),
        })
    }

    fn item(
        &mut self,
        check: impl FnOnce(&Rc<Context>) -> Result<Comparison>,
    ) -> Result<Comparison> {
        let result = check(&self.context);
        if let Err(e) = &result
            && matches!(e.downcast_ref(), Some(Error::Lost(_)))
        {
            *self = Self::new()?;
        }
        result
    }
}

#[derive(Default)]
struct Report {
    right: usize,
    wrong: Vec<String>,
}

impl Report {
    fn add(&mut self, name: impl Display, result: Result<Comparison>) {
        let name = name.to_string();
        let line = match &result {
            Ok(found) => format!(
                "{:>12.1e}{:>12.3}{:>12.3}{}",
                found.largest,
                found.gpu_ms,
                found.cpu_ms,
                if found.is_right() { "" } else { "  DIFFERS" }
            ),
            Err(e) => format!("  FAILED: {e:#}"),
        };
        println!("{name:<56}{line}");
        if result.is_ok_and(|found| found.is_right()) {
            self.right += 1;
        } else {
            self.wrong.push(name);
        }
    }

    fn verdict(&self) -> String {
        let all = self.right + self.wrong.len();
        if self.wrong.is_empty() {
            return format!(
                "This GPU gives the right pictures: {all} of {all} agree with the CPU."
            );
        }
        format!(
            "This GPU is wrong in {} of {all}: {}.",
            self.wrong.len(),
            self.wrong.join("; ")
        )
    }
}

/// The properties of the device for the report.
fn describe(context: &Context) -> String {
    let info = context.adapter.get_info();
    let capabilities = &context.capabilities;
    let kernels = all_variants(capabilities.f16).len();
    format!(
        "vaelet {} on {} ({:?}, {:?}, driver {} {})\n{kernels} kernels; {capabilities:#?}",
        env!("CARGO_PKG_VERSION"),
        info.name,
        info.device_type,
        info.backend,
        info.driver,
        info.driver_info,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;
    use std::collections::BTreeSet;
    use vaelet_gpu::variants;

    /// Number of threads that keep a software GPU and a hardware GPU busy.
    const PARALLELISM: [usize; 2] = [16, 8192];

    /// Names of the kernels that the cases run on a device.
    fn covered(
        cases: &[Case],
        parallelism: usize,
        half_precision: bool,
    ) -> Result<BTreeSet<String>> {
        let mut covered = BTreeSet::new();
        for case in cases {
            for precision in &case.precisions {
                let half_precision = half_precision && *precision != Precision::F32;
                let architecture = case.model(*precision)?.architecture();
                for batch in &case.batches {
                    covered.extend(variants(&architecture, parallelism, half_precision, *batch));
                }
            }
        }
        Ok(covered)
    }

    #[test]
    fn every_kernel_is_covered() {
        let cases = cases::all().unwrap();
        for parallelism in PARALLELISM {
            for half_precision in [false, true] {
                let covered = covered(&cases, parallelism, half_precision).unwrap();
                let all = all_variants(half_precision);
                let missing: Vec<_> = all.difference(&covered).collect();
                assert!(missing.is_empty(), "{parallelism}: {missing:#?}");
                let unknown: Vec<_> = covered.difference(&all).collect();
                assert!(unknown.is_empty(), "{parallelism}: {unknown:#?}");
            }
        }
    }

    fn gpu() -> Option<Gpu> {
        match Gpu::new() {
            Ok(gpu) => Some(gpu),
            Err(e) if std::env::var_os("VAELET_REQUIRE_GPU").is_some() => panic!("{e:#}"),
            Err(e) => {
                eprintln!("NOT TESTED: {e:#}.");
                None
            }
        }
    }

    #[test]
    fn the_gpu_agrees_with_the_cpu() {
        let Some(mut gpu) = gpu() else { return };
        let mut report = Report::default();
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        for folder in folders(&models).unwrap() {
            let item = gpu.item(|context| released(context, &folder));
            report.add(folder.display(), item);
        }
        for case in cases::all().unwrap() {
            for precision in &case.precisions {
                let item = gpu.item(|context| kernels(context, &case, *precision));
                report.add(&case.name, item);
            }
        }
        assert!(
            report
                .verdict()
                .starts_with("This GPU gives the right pictures: ")
        );
    }

    /// A changed bias on the GPU is found in both networks of every case.
    #[test]
    fn a_wrong_weight_is_found() {
        let Some(gpu) = gpu() else { return };
        for case in cases::all().unwrap() {
            let right = case.model(Precision::F32).unwrap();
            for part in ["encoder", "decoder"] {
                let wrong = case.wrong_model(part).unwrap();
                let mut comparison = Comparison::new(&gpu.context, &wrong, &right).unwrap();
                comparison.compare(2, false).unwrap();
                assert!(!comparison.is_right(), "{} {part}", case.name);
            }
        }
    }

    #[test]
    fn failures_are_reported_and_counted() {
        let mut report = Report::default();
        let right = Comparison::of(1e-6);
        let wrong = Comparison::of(0.5);
        report.add("right", Ok(right));
        report.add("wrong", Ok(wrong));
        report.add("infinite", Ok(Comparison::of(f32::INFINITY)));
        report.add("failed", Err(Error::OutOfMemory.into()));
        assert_eq!(
            report.verdict(),
            "This GPU is wrong in 3 of 4: wrong; infinite; failed."
        );
    }
}
