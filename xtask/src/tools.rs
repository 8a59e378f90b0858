//! The tools that the page, its tests and its measurements need: whether they are installed, what
//! they are for, and how to install them. The check takes a few milliseconds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::packages::{self, Package};
use crate::{browsers, shell, toolchain};

const MIN_NODE: u32 = 18;

/// The tools for building the page.
pub const FOR_PAGE: [Tool; 3] = [Tool::WasmStd, Tool::Node, Tool::PagePackages];

/// A tool that must be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The standard library for wasm32.
    WasmStd,
    /// Node.js, which runs wasm-opt, the minifier and the browser tests.
    Node,
    /// The packages of wasm-opt and the minifier.
    PagePackages,
    /// The packages of the linter and the type checker.
    ScriptPackages,
    /// The packages of the browser tests.
    TestPackages,
    /// The packages of the other engines in the benchmark, and of its plots.
    BenchPackages,
    /// The browser of the browser tests.
    Chromium,
    /// A browser in which the page is tested without WebGPU.
    Firefox,
    /// Mesa's Vulkan driver for the CPU.
    SoftwareVulkan,
}

/// Installs the missing ones of these tools. Quick and silent if none is missing.
///
/// # Errors
/// If a tool cannot be installed.
pub fn ensure(tools: &[Tool]) -> Result<()> {
    for tool in tools {
        if tool.is_there()? {
            continue;
        }
        let (name, why, usually) = tool.words();
        println!("installing {name}: {why} (usually {usually})");
        let start = Instant::now();
        tool.install()
            .with_context(|| format!("{name} is missing and could not be installed"))?;
        if !tool.is_there()? {
            bail!("{name} was installed but is not found; add its folder to the PATH");
        }
        println!("installed {name} in {:.0} s", start.elapsed().as_secs_f32());
    }
    Ok(())
}

impl Tool {
    /// Its name, what it is for, and how long the installation takes.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Tool::WasmStd => (
                "the standard library for wasm32",
                "the page's Rust code is compiled for it",
                "10 s",
            ),
            Tool::Node => (
                "Node.js 18 or newer with npm",
                "it makes the page small, and runs the browser tests",
                "1 minute",
            ),
            Tool::PagePackages => (
                "the packages of xtask/package-lock.json",
                "they make the page smaller and its wasm module faster",
                "10 s",
            ),
            Tool::ScriptPackages => (
                "the packages of tests/unit/package-lock.json",
                "they find mistakes in scripts and styles",
                "10 s",
            ),
            Tool::TestPackages => (
                "the packages of tests/browser/package-lock.json",
                "they drive the browsers in the tests, and audit the page",
                "20 s",
            ),
            Tool::BenchPackages => (
                "the packages of bench/package-lock.json",
                "the page's speed is compared with theirs",
                "1 minute",
            ),
            Tool::Chromium => (
                "Chromium",
                "the page is tested in it, with software WebGPU",
                "1 minute",
            ),
            Tool::Firefox => (
                "Firefox",
                "the page is tested in it, without WebGPU",
                "1 minute",
            ),
            Tool::SoftwareVulkan => (
                "Mesa's software Vulkan driver",
                "the GPU tests run on it where there is no GPU",
                "1 minute",
            ),
        }
    }

    fn is_there(self) -> Result<bool> {
        Ok(match self {
            Tool::WasmStd => toolchain::is_there(),
            Tool::Node => {
                node_major().is_some_and(|major| major >= MIN_NODE) && shell::find("npm").is_some()
            }
            Tool::PagePackages => has_locked_packages(&page_packages()),
            Tool::ScriptPackages => has_locked_packages(&script_tests()),
            Tool::TestPackages => has_locked_packages(&browser_tests()),
            Tool::BenchPackages => has_locked_packages(&bench()),
            Tool::Chromium => browsers::chromium()?.is_some(),
            Tool::Firefox => browsers::firefox()?.is_some(),
            Tool::SoftwareVulkan => !needs_software_vulkan() || lavapipe().is_some(),
        })
    }

    fn install(self) -> Result<()> {
        match self {
            Tool::WasmStd => toolchain::install(),
            Tool::Node => packages::install(&Package {
                apt: &["nodejs", "npm"],
                macos: "`brew install node`, or https://nodejs.org",
                windows: "`winget install OpenJS.NodeJS.LTS`, or https://nodejs.org",
            }),
            Tool::PagePackages => npm_ci(&page_packages()),
            Tool::ScriptPackages => npm_ci(&script_tests()),
            Tool::TestPackages => npm_ci(&browser_tests()),
            Tool::BenchPackages => npm_ci(&bench()),
            Tool::Chromium => packages::install(&Package {
                apt: &["chromium"],
                macos: "`brew install --cask chromium`",
                windows: "`winget install Hibbiki.Chromium`",
            })
            .context("or set CHROMIUM to the path of a browser"),
            Tool::Firefox => packages::install(&Package {
                apt: &["firefox-esr"],
                macos: "`brew install --cask firefox`",
                windows: "`winget install Mozilla.Firefox`",
            })
            .context("or set FIREFOX to the path of a browser"),
            Tool::SoftwareVulkan => packages::install(&Package {
                apt: &["mesa-vulkan-drivers", "libvulkan1"],
                macos: "Metal is part of the system",
                windows: "Direct3D is part of the system",
            }),
        }
    }
}

/// The npm folder of wasm-opt and the minifier.
pub fn page_packages() -> PathBuf {
    shell::root().join("xtask")
}

/// The folder of the unit tests of scripts.
pub fn script_tests() -> PathBuf {
    shell::root().join("tests/unit")
}

/// The folder of the browser tests.
pub fn browser_tests() -> PathBuf {
    shell::root().join("tests/browser")
}

/// The folder of the measurements.
fn bench() -> PathBuf {
    shell::root().join("bench")
}

/// Whether the GPU tests run on Mesa's software driver: without a GPU, and always in continuous
/// integration, so that results are the same everywhere. macOS and Windows have a software adapter.
pub fn needs_software_vulkan() -> bool {
    cfg!(target_os = "linux") && (env::var_os("CI").is_some() || !has_gpu())
}

/// Whether this machine has a GPU that programs can use. Driver descriptions do not tell, because
/// Mesa's package contains those of all vendors.
fn has_gpu() -> bool {
    let render_node = fs::read_dir("/dev/dri").is_ok_and(|nodes| {
        nodes
            .flatten()
            .any(|node| node.file_name().to_string_lossy().starts_with("renderD"))
    });
    render_node || Path::new("/dev/nvidiactl").exists()
}

/// The driver description of Mesa's software Vulkan driver.
pub fn lavapipe() -> Option<PathBuf> {
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten())
        .map(|entry| entry.path())
        .find(|file| {
            file.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("lvp_icd."))
        })
}

fn node_major() -> Option<u32> {
    shell::find("node")?;
    let version = shell::output(shell::command("node").arg("--version")).ok()?;
    let numbers = version.trim().strip_prefix('v')?;
    numbers.split('.').next()?.parse().ok()
}

fn npm_ci(folder: &Path) -> Result<()> {
    let mut npm = shell::command("npm");
    npm.args(["ci", "--no-audit", "--no-fund"]);
    shell::run(npm.current_dir(folder))
}

/// Whether the packages in a folder were installed after its lock file was last changed.
fn has_locked_packages(folder: &Path) -> bool {
    let written = |file: &str| fs::metadata(folder.join(file)).and_then(|facts| facts.modified());
    let installed = written("node_modules/.package-lock.json");
    installed
        .is_ok_and(|installed| written("package-lock.json").is_ok_and(|locked| locked <= installed))
}
