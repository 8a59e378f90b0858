//! The toolchain for the page's wasm module: cargo with a standard library for wasm32, and with
//! SIMD enabled regardless of `RUSTFLAGS`.

use std::env;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{packages, shell};

/// The target of the page's wasm module.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Name of a rustup toolchain that is used if the default one cannot compile for wasm32. Users can
/// provide one with `rustup toolchain link vaelet-web FOLDER`.
const LINKED: &str = "vaelet-web";
const SIMD: &str = "-Ctarget-feature=+simd128";
/// Time limit for rustup's server.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// A command that runs the cargo that can compile for wasm32.
pub fn cargo() -> Command {
    let mut cargo = shell::command("cargo");
    if !compiles(None) && compiles(Some(LINKED)) {
        cargo.env("RUSTUP_TOOLCHAIN", LINKED);
    }
    let [encoded, plain] = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"].map(|name| env::var(name).ok());
    if let Some(flags) = with_simd(encoded, plain) {
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
    }
    cargo
}

/// Whether a toolchain on this machine can build the page.
pub fn is_there() -> bool {
    compiles(None) || compiles(Some(LINKED))
}

/// Installs the standard library for wasm32.
///
/// # Errors
/// If there is no rustup, or the download fails.
pub fn install() -> Result<()> {
    if shell::find("rustup").is_none() {
        bail!(
            "install rustup (https://rustup.rs), which adds it with `rustup target add {TARGET}`, or install this system's package of it"
        );
    }
    let mut rustup = shell::command("rustup");
    rustup.args(["target", "add", TARGET]);
    let Err(error) = shell::run_within(&mut rustup, RUSTUP_LIMIT) else {
        return Ok(());
    };
    if !packages::can_install() {
        return Err(error).context("check the connection to rustup's server and try again");
    }
    println!(
        "{error:#}; .ci/wasm-std.sh builds a toolchain from Debian's packages instead (2 minutes)"
    );
    shell::run(shell::command("bash").arg(".ci/wasm-std.sh"))
}

/// Whether a toolchain has a standard library for wasm32 that was built by the same version, which
/// it requires. `None` is the toolchain that runs this program.
fn compiles(toolchain: Option<&str>) -> bool {
    let mut rustc = shell::command("rustc");
    if let Some(toolchain) = toolchain {
        rustc.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    rustc.args(["--target", TARGET, "--crate-type", "lib"]);
    rustc.args(["--emit", "metadata", "-o", "-", "-"]);
    shell::output(rustc.stdin(Stdio::null())).is_ok()
}

/// The value for `CARGO_ENCODED_RUSTFLAGS` if one of these variables is set. They replace the flags
/// in `.cargo/config.toml`, even if they are empty, so this adds the flag for SIMD.
fn with_simd(encoded: Option<String>, plain: Option<String>) -> Option<String> {
    let words = |flags: &str, separator: char| -> Vec<String> {
        let words = flags.split(separator).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let mut flags = match (encoded, plain) {
        (Some(encoded), _) => words(&encoded, '\x1f'),
        (None, Some(plain)) => words(&plain, ' '),
        (None, None) => return None,
    };
    flags.push(SIMD.to_owned());
    Some(flags.join("\x1f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_environment_keep_simd() {
        let merged = |encoded: Option<&str>, plain: Option<&str>| {
            with_simd(encoded.map(str::to_owned), plain.map(str::to_owned))
        };
        // Nothing replaces the flags in `.cargo/config.toml`, which enable SIMD.
        assert_eq!(merged(None, None), None);
        let config = include_str!("../../.cargo/config.toml");
        assert!(config.contains("\"target-feature=+simd128\""));
        assert_eq!(merged(None, Some("")).unwrap(), SIMD);
        let debug = merged(None, Some(" -C debuginfo=1  -Dwarnings")).unwrap();
        let words: Vec<&str> = debug.split('\x1f').collect();
        assert_eq!(words, ["-C", "debuginfo=1", "-Dwarnings", SIMD]);
        // cargo reads the plain variable only if the encoded one is not set.
        let path = merged(Some("-L\x1fa folder"), Some("-Dwarnings")).unwrap();
        assert_eq!(
            path.split('\x1f').collect::<Vec<_>>(),
            ["-L", "a folder", SIMD]
        );
        // The last flag for a feature wins.
        let relaxed = merged(None, Some("-Ctarget-feature=-simd128")).unwrap();
        assert!(relaxed.ends_with(SIMD));
    }
}
