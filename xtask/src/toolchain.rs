//! The compiler of the page's program: cargo with a standard library for wasm32, and with SIMD
//! whatever `RUSTFLAGS` says.

use std::env;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{packages, shell};

/// What the page's program is compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// The name of a rustup toolchain that builds the page where the usual one cannot: whoever has to
/// bring an own compiler for wasm32 links it by `rustup toolchain link vaelet-web FOLDER`.
const LINKED: &str = "vaelet-web";
const SIMD: &str = "-Ctarget-feature=+simd128";
/// How long rustup's server may take before the slower way is the faster one.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// The cargo that compiles for the page.
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

/// Whether some toolchain here can build the page.
pub fn is_there() -> bool {
    compiles(None) || compiles(Some(LINKED))
}

/// Adds the standard library for wasm32.
///
/// # Errors
/// Where there is no rustup, or its server gives nothing.
pub fn install() -> Result<()> {
    if shell::find("rustup").is_none() {
        bail!(
            "install rustup (https://rustup.rs), which adds it with `rustup target add {TARGET}`, or this system's package of it"
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
        "{error:#}; .ci/wasm-std.sh makes a toolchain from Debian's packages instead (2 minutes)"
    );
    shell::run(shell::command("bash").arg(".ci/wasm-std.sh"))
}

/// Whether a toolchain has a standard library for the web that it can read: it refuses one that
/// another version has built. `None` is the toolchain that runs this program.
fn compiles(toolchain: Option<&str>) -> bool {
    let mut rustc = shell::command("rustc");
    if let Some(toolchain) = toolchain {
        rustc.env("RUSTUP_TOOLCHAIN", toolchain);
    }
    rustc.args(["--target", TARGET, "--crate-type", "lib"]);
    rustc.args(["--emit", "metadata", "-o", "-", "-"]);
    shell::output(rustc.stdin(Stdio::null())).is_ok()
}

/// What `CARGO_ENCODED_RUSTFLAGS` has to be where one of these variables is set, for they take the
/// place of the flags in `.cargo/config.toml`, even where they are empty.
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
        // Nothing takes the place of `.cargo/config.toml`, which has the feature.
        assert_eq!(merged(None, None), None);
        let config = include_str!("../../.cargo/config.toml");
        assert!(config.contains("\"target-feature=+simd128\""));
        assert_eq!(merged(None, Some("")).unwrap(), SIMD);
        let debug = merged(None, Some(" -C debuginfo=1  -Dwarnings")).unwrap();
        let words: Vec<&str> = debug.split('\x1f').collect();
        assert_eq!(words, ["-C", "debuginfo=1", "-Dwarnings", SIMD]);
        // cargo reads the plain variable only where the encoded one is not set.
        let path = merged(Some("-L\x1fa folder"), Some("-Dwarnings")).unwrap();
        assert_eq!(
            path.split('\x1f').collect::<Vec<_>>(),
            ["-L", "a folder", SIMD]
        );
        // Features are added up, so another list before it does no harm.
        let relaxed = merged(None, Some("-Ctarget-feature=-simd128")).unwrap();
        assert!(relaxed.ends_with(SIMD));
    }
}
