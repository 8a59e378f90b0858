//! All tests of the project, as steps from cheap to dear. The first step that
//! fails ends the run, and each step asks only for the tools that it needs.

use std::env;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::tools::{self, Tool};
use crate::{browsers, page, shell, toolchain};

/// A part of the tests that can be run by itself.
pub struct Step {
    /// What it is called on the command line.
    pub name: &'static str,
    needs: &'static [Tool],
    run: fn() -> Result<()>,
}

/// All steps, cheap first.
pub const STEPS: [Step; 7] = [
    Step {
        name: "fmt",
        needs: &[],
        run: fmt,
    },
    Step {
        name: "scripts",
        needs: &[Tool::Node, Tool::ScriptPackages],
        run: scripts,
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
        needs: &tools::FOR_PAGE,
        run: web,
    },
    Step {
        name: "browser",
        needs: &[
            Tool::Node,
            Tool::TestPackages,
            Tool::Chromium,
            Tool::Firefox,
        ],
        run: browser,
    },
    Step {
        name: "package",
        needs: &[Tool::Node, Tool::TestPackages, Tool::Chromium],
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
    shell::run(shell::command("cargo").args(["fmt", "--all", "--check"]))
}

/// What a linter says of all scripts and styles, whether the page's modules fit their types and the
/// published ones, and what those do that need no page.
fn scripts() -> Result<()> {
    let folder = tools::script_tests();
    let mut biome = shell::command("node");
    biome.arg(folder.join("node_modules/@biomejs/biome/bin/biome"));
    biome.args(["lint", "--error-on-warnings"]);
    shell::run(biome.args(SCRIPTS))?;
    let mut typescript = shell::command("node");
    typescript.arg(folder.join("node_modules/typescript/bin/tsc"));
    shell::run(typescript.arg("--project").arg(&folder))?;
    let mut node = shell::command("node");
    node.args(["--test", "--test-reporter=spec"]);
    shell::run(node.current_dir(folder))
}

/// Folders that hold scripts and styles.
const SCRIPTS: [&str; 7] = [
    "web",
    "npm",
    "xtask",
    "bench",
    "tests/unit",
    "tests/browser",
    "tests/package",
];

fn clippy() -> Result<()> {
    shell::run(shell::command("cargo").args([
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
        toolchain::TARGET,
        "--",
        "-D",
        "warnings",
    ];
    shell::run(toolchain::cargo().args(web))
}

/// The page, by xtask and, where Trunk is installed, by Trunk.
fn web() -> Result<()> {
    page::build()?;
    if shell::find("trunk").is_none() {
        println!("trunk is not installed: not tried whether it builds the same page");
        return Ok(());
    }
    page::compare_with_trunk()
}

/// In CI a GPU test that finds no adapter fails, so there is always the software one.
fn native() -> Result<()> {
    // As it was built to run this.
    let of_xtask = ["test", "-p", "xtask", "--profile", "xtask"];
    shell::run(shell::command("cargo").args(of_xtask))?;
    let mut cargo = shell::command("cargo");
    cargo.args(["test", "--workspace", "--exclude", "xtask"]);
    if let Some(driver) = tools::lavapipe().filter(|_| tools::needs_software_vulkan()) {
        cargo
            .env("VK_DRIVER_FILES", &driver)
            .env("VK_ICD_FILENAMES", &driver);
    }
    if env::var_os("CI").is_some() {
        cargo.env("VAELET_REQUIRE_GPU", "1");
    }
    shell::run(&mut cargo)
}

fn browser() -> Result<()> {
    let mut node = node()?;
    if let Some(firefox) = browsers::firefox()? {
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
    if let Some(chromium) = browsers::chromium()? {
        node.env("CHROMIUM", chromium);
    }
    Ok(node)
}
