//! Running other programs from the project's root, with cargo's own folder of
//! installed programs on their path. A program that fails becomes an error
//! that names the command.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::debian;

/// The folder of the workspace.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The folder in whose `bin` `cargo install` puts programs.
pub fn cargo_home() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// The search path of every program started from here. Cargo's programs are often, but
/// not always, on the path already.
fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let bin = cargo_home().map(|home| home.join("bin"));
    let bin = bin.filter(|bin| !env::split_paths(&path).any(|dir| dir == *bin));
    let extended = env::join_paths(env::split_paths(&path).chain(bin));
    extended.unwrap_or(path)
}

/// The file that a program's name stands for, where there is one.
pub fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path())
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// A program to be run in the project's root.
///
/// Cargo's proxies pass on which toolchain started this program. Where a toolchain
/// for the web was made, that is taken out, so that the choice made for the
/// project's folder counts.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| program.into()));
    command.current_dir(root()).env("PATH", search_path());
    if debian::toolchain_folder().is_some_and(|folder| folder.exists()) {
        command.env_remove("RUSTUP_TOOLCHAIN");
    }
    command
}

/// The native cargo: the reader's own toolchain even where the web build needs another.
pub fn native_cargo() -> Command {
    let mut cargo = command("cargo");
    if let Some(toolchain) = native_toolchain() {
        cargo.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    cargo
}

/// The toolchain that runs this program, unless it is the one for the web alone.
fn native_toolchain() -> Option<&'static str> {
    static TOOLCHAIN: OnceLock<Option<String>> = OnceLock::new();
    let find = || match env::var("RUSTUP_TOOLCHAIN") {
        Ok(name) if name != debian::TOOLCHAIN => Some(name),
        Ok(_) => {
            let default = output(command("rustup").arg("default")).ok()?;
            Some(default.split_whitespace().next()?.to_owned())
        }
        Err(_) => None,
    };
    TOOLCHAIN.get_or_init(find).as_deref()
}

/// Runs a command to its end, its output shown as it comes.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("`{}` did not start", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Like [`run`], but ends the command after a time that is too long to wait.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = command
        .spawn()
        .with_context(|| format!("`{}` did not start", shown(command)))?;
    match wait_within(&mut child, limit)? {
        Some(true) => Ok(()),
        Some(false) => bail!("`{}` failed", shown(command)),
        None => bail!(
            "`{}` took longer than {} s",
            shown(command),
            limit.as_secs()
        ),
    }
}

/// Whether the child ended well; `None` where it had to be stopped.
fn wait_within(child: &mut Child, limit: Duration) -> Result<Option<bool>> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        thread::sleep(Duration::from_millis(100));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// What a command prints on its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::null())
        .output()
        .with_context(|| format!("`{}` did not start", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command as one would type it, without the folder of its program.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
