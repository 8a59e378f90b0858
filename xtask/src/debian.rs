//! What Debian's packages can provide: single tools, and a whole toolchain for
//! the web where rustup's server is out of reach. That toolchain is Debian's
//! own rustc with a wasm32 standard library built here from Debian's sources.

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::{shell, tools};

/// The name under which rustup knows the toolchain that is built here.
pub const TOOLCHAIN: &str = "vaelet-web";

const TOOLCHAIN_PACKAGES: [&str; 6] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-clippy",
    "rustfmt-web",
    "lld-22",
];
/// The linker for all platforms that `lld-22` installs; called `rust-lld`, it is rustc's own.
const LLD: &str = "/usr/bin/lld-22";
const WASM: &str = "wasm32-unknown-unknown";

/// Installs packages, or says which ones to install where that takes another hand.
pub fn install(packages: &[&str]) -> Result<()> {
    if shell::find("apt-get").is_none() {
        bail!(
            "install it with this system's package manager (Debian calls it {})",
            packages.join(" ")
        );
    }
    let apt = || -> Result<Command> {
        let mut apt = match (is_root(), shell::find("sudo")) {
            (true, _) => shell::command("apt-get"),
            (false, Some(_)) => {
                let mut sudo = shell::command("sudo");
                sudo.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
                sudo
            }
            (false, None) => bail!("run `apt-get install {}` as root", packages.join(" ")),
        };
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        Ok(apt)
    };
    static UPDATED: OnceLock<()> = OnceLock::new();
    if UPDATED.set(()).is_ok() {
        shell::run(apt()?.args(["update", "-q"]))?;
    }
    shell::run(
        apt()?
            .args(["install", "-y", "-q", "--no-install-recommends"])
            .args(packages),
    )
}

/// Whether packages can be installed here.
pub fn can_install() -> bool {
    shell::find("apt-get").is_some() && (is_root() || shell::find("sudo").is_some())
}

fn is_root() -> bool {
    shell::output(shell::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Makes a toolchain with a wasm32 standard library, for this project's folder only.
///
/// It goes into a folder of its own rather than into Debian's, and rustup is
/// told to use it here, so that a plain `trunk serve` finds it as well.
pub fn install_web_toolchain() -> Result<()> {
    install(&TOOLCHAIN_PACKAGES)?;
    let folder = toolchain_folder().context("set HOME or RUSTUP_HOME")?;
    // Another checkout may have made it; an upgrade of Debian's compiler makes it useless.
    if !tools::compiles_for_web(&mut Command::new(folder.join("bin/rustc"))) {
        assemble(&folder)
            .with_context(|| format!("the toolchain in {} is incomplete", folder.display()))?;
    }
    shell::run(
        shell::command("rustup")
            .args(["toolchain", "link", TOOLCHAIN])
            .arg(&folder),
    )?;
    shell::run(
        shell::command("rustup")
            .args(["override", "set", TOOLCHAIN, "--path"])
            .arg(shell::root()),
    )
}

/// Beside rustup's own toolchains: shared by all checkouts, gone when rustup goes.
pub fn toolchain_folder() -> Option<PathBuf> {
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".rustup")))?;
    Some(home.join("vaelet-web-toolchain"))
}

fn assemble(folder: &Path) -> Result<()> {
    let rustlib = folder.join("lib/rustlib");
    let host = host()?;
    let _ = fs::remove_dir_all(folder); // an interrupted attempt
    fs::create_dir_all(folder.join("bin"))?;
    fs::create_dir_all(rustlib.join(&host).join("bin"))?;
    let debian = Path::new("/usr/lib/rustlib").join(&host).join("lib");
    symlink(debian, rustlib.join(&host).join("lib"))?;
    symlink(LLD, rustlib.join(&host).join("bin/rust-lld"))?;
    for program in ["rustc", "rustdoc"] {
        script(
            &folder.join("bin").join(program),
            &format!("exec /usr/bin/{program} --sysroot \"$here\" \"$@\""),
        )?;
    }
    let clippy = "SYSROOT=\"$here\" exec /usr/bin/cargo-clippy \"$@\"";
    script(&folder.join("bin/cargo-clippy"), clippy)?;
    for program in ["cargo", "cargo-fmt", "rustfmt"] {
        symlink(
            Path::new("/usr/bin").join(program),
            folder.join("bin").join(program),
        )?;
    }
    // Under another name until it is whole.
    let unfinished = rustlib.join(WASM).join("unfinished");
    fs::create_dir_all(&unfinished)?;
    for file in build_std(folder)? {
        let name = file.file_name().context("a library without a name")?;
        fs::copy(&file, unfinished.join(name))?;
    }
    fs::rename(unfinished, rustlib.join(WASM).join("lib"))?;
    Ok(fs::remove_dir_all(folder.join("std"))?)
}

/// A shell script that knows the toolchain's folder as `$here`.
fn script(file: &Path, line: &str) -> Result<()> {
    fs::write(
        file,
        format!("#!/bin/sh\nhere=$(dirname \"$(dirname \"$0\")\")\n{line}\n"),
    )?;
    Ok(fs::set_permissions(
        file,
        fs::Permissions::from_mode(0o755),
    )?)
}

fn host() -> Result<String> {
    let version = shell::output(Command::new("/usr/bin/rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// Builds the standard library for wasm32 and gives its files.
///
/// `-Zbuild-std` is not stable, so Debian's stable compiler is told to take it;
/// the project itself is never built that way.
fn build_std(folder: &Path) -> Result<Vec<PathBuf>> {
    let empty = folder.join("std");
    fs::create_dir_all(empty.join("src"))?;
    let manifest =
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n";
    fs::write(empty.join("Cargo.toml"), manifest)?;
    fs::write(empty.join("src/lib.rs"), "")?;
    let mut build = Command::new("/usr/bin/cargo");
    build.args([
        "build",
        "--release",
        "-Zbuild-std=std,panic_abort",
        "--target",
        WASM,
    ]);
    build
        .current_dir(&empty)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1");
    build
        .env("CARGO_TARGET_DIR", empty.join("target"))
        // The page is optimised as a whole, which needs the library's bitcode.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Cembed-bitcode=yes");
    shell::run(&mut build)?;
    let libraries = fs::read_dir(empty.join("target").join(WASM).join("release/deps"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    let is_std = |file: &PathBuf| {
        let name = file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        name.ends_with(".rlib") && !name.starts_with("libempty-")
    };
    Ok(libraries.into_iter().filter(is_std).collect())
}
