//! The page: built and served by Trunk, always with optimised wasm, because a
//! debug build of the runtime is uselessly slow. The size of what a reader
//! downloads has a budget.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::slim::slim;
use crate::{shell, tools};

/// What the wasm and its glue may weigh together, in bytes after gzip.
const BUDGET: usize = 120 * 1024;

const WASM: &str = "vaelet-web_bg.wasm";
const GLUE: &str = "vaelet-web.js";

/// Where `serve` listens unless told otherwise.
pub const DEFAULT_PORT: u16 = 8080;

/// Builds the page, serves it on this machine, and rebuilds it when a file changes.
///
/// # Errors
/// Where a tool cannot be installed, or Trunk ends with an error.
pub fn serve(port: u16) -> Result<()> {
    tools::ensure(&tools::FOR_WEB)?;
    println!("building the page; it will be at http://127.0.0.1:{port}/");
    shell::run(trunk("serve").args(["--address", "127.0.0.1", "--port", &port.to_string()]))
}

/// Builds the page into `dist/`, prints what it weighs, and fails above the budget.
///
/// # Errors
/// Where a tool cannot be installed, the build fails, or the page is too heavy.
pub fn build() -> Result<()> {
    tools::ensure(&tools::FOR_WEB)?;
    shell::run(&mut trunk("build"))?;
    let program = [WASM, GLUE].map(|file| shell::root().join("dist").join(file));
    let [wasm, glue] = &program;
    let (wasm, glue) = slim(&fs::read(wasm)?, &fs::read_to_string(glue)?)?;
    for (path, bytes) in program.iter().zip([&wasm[..], glue.as_bytes()]) {
        fs::write(path, bytes)?;
    }
    check_budget([(WASM, &wasm), (GLUE, glue.as_bytes())])?;
    report_page()
}

fn trunk(verb: &str) -> Command {
    let mut trunk = shell::command("trunk");
    // Trunk 0.21 takes NO_COLOR only as `true` or `false`, and otherwise stops.
    trunk
        .env_remove("NO_COLOR")
        .arg("--skip-version-check")
        .arg(verb);
    trunk
}

fn check_budget(files: [(&str, &[u8]); 2]) -> Result<()> {
    let mut total = 0;
    for (file, bytes) in files {
        let packed = gzip_size(bytes)?;
        total += packed;
        println!(
            "{file:20} {:>8} raw  {:>8} gzip",
            kilobytes(bytes.len()),
            kilobytes(packed)
        );
    }
    println!(
        "{:20} {:>8} of  {:>8} gzip",
        "together",
        kilobytes(total),
        kilobytes(BUDGET)
    );
    if total > BUDGET {
        bail!(
            "the page's program is {} over its budget; find what grew, or argue for more in web.rs",
            kilobytes(total - BUDGET)
        );
    }
    Ok(())
}

/// What the page weighs beside its program and its models.
fn report_page() -> Result<()> {
    let files = files_below(&shell::root().join("dist/web"))?;
    for (what, extension) in [("modules", "js"), ("styles", "css")] {
        let mut sizes = [0, 0];
        for path in &files {
            if path.extension().is_some_and(|found| found == extension) {
                let bytes = fs::read(path)?;
                sizes[0] += bytes.len();
                sizes[1] += gzip_size(&bytes)?;
            }
        }
        let [raw, packed] = sizes.map(kilobytes);
        println!("{what:20} {raw:>8} raw  {packed:>8} gzip");
    }
    Ok(())
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

fn gzip_size(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn kilobytes(bytes: usize) -> String {
    format!("{:.1} KB", bytes as f64 / 1024.0)
}
