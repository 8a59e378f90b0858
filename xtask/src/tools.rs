//! The tools that the page, its tests and its measurements need. Each knows whether it is there,
//! what it is for, and how it is installed; asking costs a few milliseconds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{debian, shell};

const TRUNK_VERSION: &str = "0.21.14";
/// The first wasm-opt that reads `table.fill`, which wasm-bindgen writes; Debian's is older.
const MIN_WASM_OPT: u32 = 119;
/// Binaryen's own build of it for Node.
const BINARYEN_VERSION: &str = "132.0.0";
const MIN_NODE: u32 = 18;
const WASM: &str = "wasm32-unknown-unknown";
/// How long rustup's server may take before the slower way is the faster one.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// What building the page takes.
pub const FOR_WEB: [Tool; 4] = [Tool::WasmStd, Tool::WasmBindgen, Tool::WasmOpt, Tool::Trunk];

/// Something that must be on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The standard library for wasm32.
    WasmStd,
    /// The bundler and development server.
    Trunk,
    /// The command that writes the JavaScript glue.
    WasmBindgen,
    /// Binaryen's optimiser.
    WasmOpt,
    /// The runner of the browser tests.
    Node,
    /// The packages of the browser tests.
    NodePackages,
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
        let name = tool.name()?;
        println!("installing {name}: {}", tool.why());
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
    fn name(self) -> Result<String> {
        Ok(match self {
            Tool::WasmStd => format!("the standard library for {WASM}"),
            Tool::Trunk => format!("trunk {TRUNK_VERSION}"),
            Tool::WasmBindgen => format!("wasm-bindgen {}", wasm_bindgen_version()?),
            Tool::WasmOpt => format!("wasm-opt {MIN_WASM_OPT} or newer"),
            Tool::Node => format!("Node.js {MIN_NODE} or newer with npm"),
            Tool::NodePackages => "the packages of tests/browser/package-lock.json".to_owned(),
            Tool::BenchPackages => "the packages of bench/package-lock.json".to_owned(),
            Tool::Chromium => "Chromium".to_owned(),
            Tool::Firefox => "Firefox".to_owned(),
            Tool::SoftwareVulkan => "Mesa's software Vulkan driver".to_owned(),
        })
    }

    /// Ends the sentence "installing …: ".
    fn why(self) -> &'static str {
        match self {
            Tool::WasmStd => "the page's Rust code is compiled for it",
            Tool::Trunk => "it builds and serves the page",
            Tool::WasmBindgen => {
                "it writes the JavaScript around the wasm, and must match the locked crate"
            }
            Tool::WasmOpt => "it makes the wasm smaller and faster",
            Tool::Node => "it runs the browser tests",
            Tool::NodePackages => "they drive the browsers in the tests, and audit the page",
            Tool::BenchPackages => "the page's speed is compared with theirs",
            Tool::Chromium => "the page is tested in it, with WebGPU in software",
            Tool::Firefox => "the page is tested in it, without WebGPU",
            Tool::SoftwareVulkan => "the GPU tests run on it where there is no GPU",
        }
    }

    fn is_there(self) -> Result<bool> {
        Ok(match self {
            Tool::WasmStd => compiles_for_web(&mut shell::command("rustc")),
            Tool::Trunk => has_version("trunk", TRUNK_VERSION),
            Tool::WasmBindgen => has_version("wasm-bindgen", &wasm_bindgen_version()?),
            Tool::WasmOpt => wasm_opt_version().is_some_and(|version| version >= MIN_WASM_OPT),
            Tool::Node => {
                node_major().is_some_and(|major| major >= MIN_NODE) && shell::find("npm").is_some()
            }
            Tool::NodePackages => has_locked_packages(&browser_tests()),
            Tool::BenchPackages => has_locked_packages(&bench()),
            Tool::Chromium => chromium()?.is_some(),
            Tool::Firefox => firefox()?.is_some(),
            Tool::SoftwareVulkan => lavapipe().is_some(),
        })
    }

    fn install(self) -> Result<()> {
        match self {
            Tool::WasmStd => install_wasm_std(),
            Tool::Trunk => cargo_install("trunk", TRUNK_VERSION),
            Tool::WasmBindgen => cargo_install("wasm-bindgen-cli", &wasm_bindgen_version()?),
            Tool::WasmOpt => install_wasm_opt(),
            Tool::Node => debian::install(&["nodejs", "npm"]),
            Tool::NodePackages => npm_ci(&browser_tests()),
            Tool::BenchPackages => npm_ci(&bench()),
            Tool::Chromium => {
                debian::install(&["chromium"]).context("without it, name a browser in CHROMIUM")
            }
            Tool::Firefox => {
                debian::install(&["firefox-esr"]).context("without it, name a browser in FIREFOX")
            }
            Tool::SoftwareVulkan => debian::install(&["mesa-vulkan-drivers", "libvulkan1"]),
        }
    }
}

/// The folder of the browser tests.
pub fn browser_tests() -> PathBuf {
    shell::root().join("tests/browser")
}

/// The folder of the measurements.
fn bench() -> PathBuf {
    shell::root().join("bench")
}

/// The browser of the tests: the one that `CHROMIUM` names, or the first on the path.
///
/// # Errors
/// Where `CHROMIUM` names no file.
pub fn chromium() -> Result<Option<PathBuf>> {
    browser(
        "CHROMIUM",
        &["chromium", "chromium-browser", "google-chrome"],
    )
}

/// The other browser of the tests: the one that `FIREFOX` names, or the first on the path.
///
/// # Errors
/// Where `FIREFOX` names no file.
pub fn firefox() -> Result<Option<PathBuf>> {
    browser("FIREFOX", &["firefox", "firefox-esr"])
}

fn browser(variable: &str, programs: &[&str]) -> Result<Option<PathBuf>> {
    if let Some(named) = env::var_os(variable).map(PathBuf::from) {
        if !named.is_file() {
            bail!("{variable} names {}, which is no file", named.display());
        }
        return Ok(Some(named));
    }
    Ok(programs.iter().find_map(|program| shell::find(program)))
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

fn has_version(program: &str, version: &str) -> bool {
    let printed = shell::find(program)
        .and_then(|_| shell::output(shell::command(program).arg("--version")).ok());
    printed.is_some_and(|line| line.split_whitespace().nth(1) == Some(version))
}

fn cargo_install(package: &str, version: &str) -> Result<()> {
    let package = format!("{package}@{version}");
    if shell::find("cargo-binstall").is_some()
        && shell::run(shell::native_cargo().args(["binstall", "--no-confirm", &package])).is_ok()
    {
        return Ok(());
    }
    let locked = shell::run(shell::native_cargo().args(["install", "--locked", &package]));
    // A lock file may name a crate version that has been withdrawn since.
    locked.or_else(|_| shell::run(shell::native_cargo().args(["install", &package])))
}

/// Whether this rustc has a standard library for the web that it can read: it
/// refuses one that another version has built.
pub fn compiles_for_web(rustc: &mut Command) -> bool {
    rustc.args(["--target", WASM, "--crate-type", "lib"]);
    rustc.args(["--emit", "metadata", "-o", "-", "-"]);
    shell::output(rustc.stdin(Stdio::null())).is_ok()
}

fn install_wasm_std() -> Result<()> {
    if shell::find("rustup").is_none() {
        bail!(
            "install rustup, which adds it with `rustup target add {WASM}`, or use this system's package of it"
        );
    }
    let mut rustup = shell::command("rustup");
    rustup.args(["target", "add", WASM]);
    if !debian::can_install() {
        return shell::run(&mut rustup)
            .context("check the connection to rustup's server and try again");
    }
    let Err(error) = shell::run_within(&mut rustup, RUSTUP_LIMIT) else {
        return Ok(());
    };
    println!("{error:#}; building it with Debian's compiler instead, which takes a minute or two");
    debian::install_web_toolchain()
}

/// The version in Cargo.lock: the command line tool reads no other crate's output.
fn wasm_bindgen_version() -> Result<String> {
    let file = shell::root().join("Cargo.lock");
    let lock =
        fs::read_to_string(&file).with_context(|| format!("{} is not readable", file.display()))?;
    let entry = "name = \"wasm-bindgen\"\nversion = \"";
    let version = lock
        .split_once(entry)
        .and_then(|(_, rest)| rest.split_once('"'));
    Ok(version
        .context("Cargo.lock names no wasm-bindgen")?
        .0
        .to_owned())
}

/// Into cargo's folder of programs, so that a plain `trunk serve` finds it as well.
fn install_wasm_opt() -> Result<()> {
    ensure(&[Tool::Node])?;
    let home = shell::cargo_home().context("set HOME or CARGO_HOME")?;
    let package = format!("binaryen@{BINARYEN_VERSION}");
    let mut npm = shell::command("npm");
    npm.args(["install", "--global", "--no-audit", "--no-fund", "--prefix"]);
    shell::run(npm.arg(home).arg(package))
}

fn wasm_opt_version() -> Option<u32> {
    let file = fs::canonicalize(shell::find("wasm-opt")?).ok()?;
    // The build for Node takes long to start; the package around it says the same at once.
    let package = file.parent()?.parent()?.join("package.json");
    if let Some(version) = json_string(&package, "version") {
        return version.split('.').next()?.parse().ok();
    }
    let printed = shell::output(shell::command("wasm-opt").arg("--version")).ok()?;
    printed.split_whitespace().nth(2)?.parse().ok()
}

fn node_major() -> Option<u32> {
    let version = shell::find("node")
        .and_then(|_| shell::output(shell::command("node").arg("--version")).ok())?;
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
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

/// The first string of this name in a JSON file: enough for npm's manifests.
fn json_string(file: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let (_, rest) = text.split_once(&format!("\"{name}\": \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}
