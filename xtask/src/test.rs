//! All tests of the project, as steps, the quickest first. The run stops at the first step that
//! fails. Each step installs only the tools that it needs.

use std::env;
use std::fs;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::program::PROGRAMS;
use crate::tools::{self, Tool};
use crate::{browsers, page, shell, toolchain};

/// A part of the tests that can be run separately.
pub struct Step {
    /// Its name on the command line.
    pub name: &'static str,
    needs: &'static [Tool],
    run: fn() -> Result<()>,
}

/// All steps, the quickest first.
pub const STEPS: [Step; 8] = [
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
    Step {
        name: NOTEBOOK,
        needs: &[Tool::Node, Tool::TestPackages, Tool::Chromium],
        run: notebook,
    },
];

/// A job of its own, because it installs JupyterLab: only runs where it is named.
const NOTEBOOK: &str = "notebook";

/// Runs the steps with these names, or all but the notebook's if there are none.
///
/// # Errors
/// If a name is unknown, a tool cannot be installed, or a step fails.
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
    let chosen = |name: &str| match names {
        [] => name != NOTEBOOK,
        names => names.iter().any(|chosen| chosen == name),
    };
    let mut steps: Vec<&Step> = STEPS.iter().filter(|step| chosen(step.name)).collect();
    let of_page = |step: &&Step| ["browser", "package", NOTEBOOK].contains(&step.name);
    if !chosen("web")
        && let Some(first) = steps.iter().position(of_page)
    {
        // The tests must not run on an old page. Without changes this is quick.
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

/// Lints all scripts and styles, checks the types of the page's modules and the published types,
/// and runs the unit tests of modules that need no page.
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

/// Folders with scripts and styles.
const SCRIPTS: [&str; 9] = [
    "web",
    "npm",
    "xtask",
    "bench",
    "tests/unit",
    "tests/browser",
    "tests/package",
    "tests/notebook",
    "python/src",
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
    for program in &PROGRAMS {
        let mut cargo = toolchain::cargo();
        cargo.args(["clippy", "-p", program.package]);
        cargo.args(["--features", &program.features.join(",")]);
        cargo.args(["--target", toolchain::TARGET]);
        shell::run(cargo.args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// Builds the page, and if Trunk is installed compares it with Trunk's.
fn web() -> Result<()> {
    page::build()?;
    if shell::find("trunk").is_none() {
        println!("SKIPPED: Trunk is not installed, so its page was not compared");
        return Ok(());
    }
    page::compare_with_trunk()
}

/// Runs the native tests. In CI a GPU test without an adapter fails, so they get the software one.
fn native() -> Result<()> {
    // The profile with which this program was built.
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
    // One file at a time, because two browsers on two cores would cause timeouts.
    shell::run(
        node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
            .current_dir(tools::browser_tests()),
    )
}

/// Tests the npm package in a project that installs it.
fn package() -> Result<()> {
    shell::run(node()?.arg("tests/package/run.mjs"))
}

/// Builds the Python package, and tests it by itself and in JupyterLab. Python's packages are in `target/notebook`.
fn notebook() -> Result<()> {
    let venv = shell::root().join("target/notebook");
    let python = venv.join(match cfg!(windows) {
        true => "Scripts/python.exe",
        false => "bin/python",
    });
    if !python.exists() {
        let system = ["python3", "python"]
            .into_iter()
            .find(|name| shell::find(name).is_some())
            .context("Python 3.10 or newer is missing; install it with its module venv")?;
        println!(
            "installing JupyterLab into {}: the package is tried in it (usually 1 minute)",
            venv.display()
        );
        shell::run(shell::command(system).args(["-m", "venv"]).arg(&venv))?;
    }
    let python = python.to_string_lossy().into_owned();
    let run = |arguments: &[&str]| shell::run(shell::command(&python).args(arguments));
    run(&[
        "-m",
        "pip",
        "install",
        "--quiet",
        "--requirement",
        "python/tests/requirements.txt",
    ])?;
    let wheels = "target/wheel";
    let _ = fs::remove_dir_all(shell::root().join(wheels));
    run(&[
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        wheels,
        "python",
    ])?;
    run(&[
        "-m",
        "pip",
        "install",
        "--quiet",
        "--force-reinstall",
        "--no-deps",
        "--no-index",
        "--find-links",
        wheels,
        "vaelet",
    ])?;
    run(&[
        "-m",
        "unittest",
        "discover",
        "--start-directory",
        "python/tests",
    ])?;
    let test = "tests/notebook/notebook.test.mjs";
    shell::run(
        node()?
            .args(["--test", "--test-reporter=spec", test])
            .env("VAELET_PYTHON", &python),
    )
}

fn node() -> Result<Command> {
    let mut node = shell::command("node");
    if let Some(chromium) = browsers::chromium()? {
        node.env("CHROMIUM", chromium);
    }
    Ok(node)
}
