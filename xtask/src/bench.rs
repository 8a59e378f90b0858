//! Compares the speed of the page with other engines: installs the tools that `bench/run.mjs` needs
//! and runs it.

use std::ffi::OsString;
use std::fs;

use anyhow::Result;

use crate::tools::{self, Tool};
use crate::{browsers, page, shell};

/// Builds the page and measures it in Chromium. `arguments` are passed to `bench/run.mjs`.
/// If the first is `--native`, it times the GPU runtime's kernels through wgpu instead.
///
/// # Errors
/// If a tool cannot be installed, the page does not build, or the measurement fails.
pub fn run(arguments: &[OsString]) -> Result<()> {
    if arguments.first().is_some_and(|first| first == "--native") {
        return native(&arguments[1..]);
    }
    tools::ensure(&[Tool::Node, Tool::BenchPackages, Tool::Chromium])?;
    if !arguments
        .iter()
        .any(|word| word == "--help" || word == "-h")
    {
        page::build()?;
    }
    let mut node = shell::command("node");
    if let Some(chromium) = browsers::chromium()? {
        node.env("CHROMIUM", chromium);
    }
    shell::run(node.arg("bench/run.mjs").args(arguments))
}

/// Measures the models in these folders, or without any the reference decoders and all released
/// models.
fn native(models: &[OsString]) -> Result<()> {
    tools::ensure(&[Tool::Node, Tool::BenchPackages, Tool::SoftwareVulkan])?;
    let mut cargo = shell::command("cargo");
    cargo.args([
        "run",
        "--release",
        "-p",
        "vaelet-bench",
        "--",
        "bench/results/native.json",
    ]);
    if models.is_empty() {
        // This writes the reference decoders, which every compared engine runs.
        let prepare = "await (await import('./bench/prepare.mjs')).prepareModels()";
        shell::run(shell::command("node").args(["--input-type=module", "--eval", prepare]))?;
        for name in ["mlp", "conv28", "conv64"] {
            cargo.arg(format!("target/bench/models/{name}"));
        }
        for folder in fs::read_dir("models")? {
            cargo.arg(folder?.path());
        }
    }
    shell::run(cargo.args(models))
}
