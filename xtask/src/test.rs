//! All tests of the project, as steps from cheap to dear. The first step that
//! fails ends the run, and each step asks only for the tools that it needs.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::tools::{self, Tool};
use crate::{shell, web};

/// A part of the tests that can be run by itself.
pub struct Step {
    /// What it is called on the command line.
    pub name: &'static str,
    needs: &'static [Tool],
    run: fn() -> Result<()>,
}

/// All steps, cheap first.
pub const STEPS: [Step; 6] = [
    Step {
        name: "fmt",
        needs: &[],
        run: fmt,
    },
    Step {
        name: "clippy",
        needs: &[Tool::WasmStd],
        run: clippy,
    },
    Step {
        name: "native",
        needs: &[Tool::SoftwareVulkan],
        run: native,
    },
    Step {
        name: "web",
        needs: &tools::FOR_WEB,
        run: web::build,
    },
    Step {
        name: "browser",
        needs: &[
            Tool::Node,
            Tool::NodePackages,
            Tool::Chromium,
            Tool::Firefox,
        ],
        run: browser,
    },
    Step {
        name: "package",
        needs: &[Tool::Node, Tool::NodePackages, Tool::Chromium],
        run: package,
    },
];

/// Runs the steps of these names, or all.
///
/// # Errors
/// Where a name is unknown, a tool cannot be installed, or a step fails.
pub fn run(names: &[String]) -> Result<()> {
    if let Some(name) = names
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != **name))
    {
        bail!(
            "there is no step `{name}`; the steps are {}",
            STEPS.map(|step| step.name).join(", ")
        );
    }
    let chosen = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let mut steps: Vec<&Step> = STEPS.iter().filter(|step| chosen(step.name)).collect();
    let of_page = |step: &&Step| ["browser", "package"].contains(&step.name);
    if !chosen("web")
        && let Some(first) = steps.iter().position(of_page)
    {
        // Quick where nothing changed, and nobody tests a stale page.
        steps.extend(STEPS.iter().find(|step| step.name == "web"));
        steps[first..].rotate_right(1);
    }
    let mut times = Vec::new();
    for step in steps {
        tools::ensure(step.needs)?;
        println!("── {} ──", step.name);
        let start = Instant::now();
        (step.run)().with_context(|| format!("step `{}` failed", step.name))?;
        let seconds = start.elapsed().as_secs_f32();
        println!("── {} passed in {seconds:.1} s ──", step.name);
        times.push(format!("{} {seconds:.1} s", step.name));
    }
    println!("all steps passed: {}", times.join(", "));
    Ok(())
}

fn fmt() -> Result<()> {
    shell::run(shell::native_cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    shell::run(shell::native_cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    let web = [
        "clippy",
        "-p",
        "vaelet-web",
        "--target",
        "wasm32-unknown-unknown",
        "--",
        "-D",
        "warnings",
    ];
    shell::run(shell::command("cargo").args(web))
}

/// In CI a GPU test that finds no adapter fails, so there is always the software one.
fn native() -> Result<()> {
    let mut cargo = shell::native_cargo();
    cargo.args(["test", "--workspace"]);
    let ci = env::var_os("CI").is_some();
    if let Some(driver) = tools::lavapipe().filter(|_| ci || !has_gpu()) {
        cargo
            .env("VK_DRIVER_FILES", &driver)
            .env("VK_ICD_FILENAMES", &driver);
    }
    if ci {
        cargo.env("VAELET_REQUIRE_GPU", "1");
    }
    shell::run(&mut cargo)
}

/// Whether this machine offers a GPU to programs. Driver descriptions say nothing
/// about it: Mesa's package brings those of all vendors.
fn has_gpu() -> bool {
    let render_node = fs::read_dir("/dev/dri").is_ok_and(|nodes| {
        nodes
            .flatten()
            .any(|node| node.file_name().to_string_lossy().starts_with("renderD"))
    });
    render_node || Path::new("/dev/nvidiactl").exists()
}

fn browser() -> Result<()> {
    let mut node = node()?;
    if let Some(firefox) = tools::firefox()? {
        node.env("FIREFOX", firefox);
    }
    // One file at a time: two browsers on two cores would only make each other late.
    shell::run(
        node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
            .current_dir(tools::browser_tests()),
    )
}

/// The npm package, in a project that installs it.
fn package() -> Result<()> {
    shell::run(node()?.arg("tests/package/run.mjs"))
}

fn node() -> Result<Command> {
    let mut node = shell::command("node");
    if let Some(chromium) = tools::chromium()? {
        node.env("CHROMIUM", chromium);
    }
    Ok(node)
}
