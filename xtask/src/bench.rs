//! The speed of the page against its peers: sets up what `bench/run.mjs` needs, and
//! hands its arguments on.

use std::ffi::OsString;
use std::fs;

use anyhow::Result;

use crate::tools::{self, Tool};
use crate::{browsers, page, shell};

/// Builds the page and measures it in Chromium; `arguments` are those of `bench/run.mjs`.
/// With `--native` first, times the GPU runtime's kernels through wgpu instead.
///
/// # Errors
/// Where a tool cannot be installed, the page does not build, or the measurement fails.
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

/// `models` are folders; without any, the reference decoders and all released models.
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
        // The reference decoders, which every engine of the comparison runs.
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
