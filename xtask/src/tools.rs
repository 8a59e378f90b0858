//! The tools that the page, its tests and its measurements need. Each knows whether it is there,
//! what it is for, and how it is installed; asking costs a few milliseconds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::packages::{self, Package};
use crate::{browsers, shell, toolchain};

const MIN_NODE: u32 = 18;

/// What building the page takes.
pub const FOR_PAGE: [Tool; 3] = [Tool::WasmStd, Tool::Node, Tool::PagePackages];

/// Something that must be on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The standard library for wasm32.
    WasmStd,
    /// The runner of wasm-opt, the minifier and the browser tests.
    Node,
    /// wasm-opt and the minifier.
    PagePackages,
    /// What looks at scripts and styles.
    ScriptPackages,
    /// The packages of the browser tests.
    TestPackages,
    /// The peers that the page is measured against, and what draws the results.
    BenchPackages,
    /// The browser of the browser tests.
    Chromium,
    /// A browser without WebGPU, in which everything has to work as well.
    Firefox,
    /// A Vulkan driver that runs on the CPU.
    SoftwareVulkan,
}

/// Installs those of these tools that are missing; quick and silent where none is.
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
            bail!("{name} was installed, but is still not found; is its folder on the PATH?");
        }
        println!("installed {name} in {:.0} s", start.elapsed().as_secs_f32());
    }
    Ok(())
}

impl Tool {
    /// Its name, what it is for, and how long it takes.
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
                "they make the page smaller and its program faster",
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
                "the page is tested in it, with WebGPU in software",
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
            .context("without it, name a browser in CHROMIUM"),
            Tool::Firefox => packages::install(&Package {
                apt: &["firefox-esr"],
                macos: "`brew install --cask firefox`",
                windows: "`winget install Mozilla.Firefox`",
            })
            .context("without it, name a browser in FIREFOX"),
            Tool::SoftwareVulkan => packages::install(&Package {
                apt: &["mesa-vulkan-drivers", "libvulkan1"],
                macos: "Metal is part of the system",
                windows: "Direct3D is part of the system",
            }),
        }
    }
}

/// The folder of wasm-opt and the minifier.
pub fn page_packages() -> PathBuf {
    shell::root().join("xtask")
}

/// The folder of the tests of scripts that need no browser.
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

/// Whether the GPU tests have to run on the CPU. In continuous integration they do even beside a
/// GPU, so that they say the same everywhere; macOS and Windows bring an adapter of their own.
pub fn needs_software_vulkan() -> bool {
    cfg!(target_os = "linux") && (env::var_os("CI").is_some() || !has_gpu())
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

/// The driver description of Mesa's software Vulkan.
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

/// Whether npm has installed into a folder since its lock file was written.
fn has_locked_packages(folder: &Path) -> bool {
    let written = |file: &str| fs::metadata(folder.join(file)).and_then(|facts| facts.modified());
    let installed = written("node_modules/.package-lock.json");
    installed
        .is_ok_and(|installed| written("package-lock.json").is_ok_and(|locked| locked <= installed))
}
