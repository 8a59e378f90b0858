//! Builds the page as a folder: the wasm module, scripts, styles and models. `cargo xtask build`,
//! `cargo xtask serve` and `trunk serve` all use this code, so that they build the same page.
//! Checks the size of the download against a budget.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{FIRST, LIBRARIES, PROGRAMS};
use crate::{library, program, shell, tools, version};

/// Maximum size of the HTML page and the scripts and styles of its first view, in bytes. Each file
/// is compressed separately.
const FIRST_VIEW: usize = 36 * 1024;
/// Maximum size of all scripts and styles, in bytes after gzip. Other views fetch theirs when
/// opened.
const MODULES: usize = 192 * 1024;

/// The folder of the built page.
pub fn dist() -> PathBuf {
    shell::root().join("dist")
}

/// Builds the page into `dist/`, prints its size, and fails above the budget.
///
/// # Errors
/// If a tool cannot be installed, the build fails, or the page is too large.
pub fn build() -> Result<()> {
    write()?;
    let built = version::folder(&dist())?;
    let mut files = files_below(&built.join("web"))?;
    let of_kind = |path: &PathBuf, kind: &str| path.extension().is_some_and(|found| found == kind);
    let modules = files.extract_if(.., |path| of_kind(path, "js"));
    let modules = weigh("modules", &modules.collect::<Vec<_>>())?;
    let styles = files.extract_if(.., |path| of_kind(path, "css"));
    let styles = weigh("styles", &styles.collect::<Vec<_>>())?;
    let first = weigh("first view", &first_view(&dist())?)?;
    for program in &PROGRAMS {
        let files = [program.wasm(), program.glue()].map(|file| built.join(file));
        let weight = weigh(program.name, &files)?;
        check_budget(program.name, weight, program.budget)?;
    }
    for library in &LIBRARIES {
        let weight = weigh(library.file, &[built.join(library.file)])?;
        check_budget(library.file, weight, library.budget)?;
    }
    check_budget("first view", first, FIRST_VIEW)?;
    check_budget("modules and styles", modules + styles, MODULES)
}

/// The files that the first view needs besides the wasm module: the page, and the scripts and
/// styles that it names.
fn first_view(site: &Path) -> Result<Vec<PathBuf>> {
    let page = site.join("index.html");
    let glue = FIRST.glue();
    let text = fs::read_to_string(&page)?;
    let mut files = vec![page];
    for address in text.split('"').filter(|word| word.starts_with("./")) {
        let file = site.join(&address[2..]);
        let counts =
            (address.ends_with(".js") && !address.ends_with(&glue)) || address.ends_with(".css");
        if counts && !files.contains(&file) {
            files.push(file);
        }
    }
    Ok(files)
}

/// Builds the page into `dist/`. The previous page is replaced only when the new one is complete.
///
/// # Errors
/// If a tool cannot be installed, or the build fails.
pub fn write() -> Result<()> {
    tools::ensure(&tools::FOR_PAGE)?;
    let dist = dist();
    let stage = dist.join(".stage");
    let replace = || -> Result<()> {
        let _ = fs::remove_dir_all(&stage);
        fs::create_dir_all(&stage)?;
        assemble(&stage)?;
        for entry in fs::read_dir(&dist)? {
            let path = entry?.path();
            if path == stage {
                continue;
            }
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
        }
        for entry in fs::read_dir(&stage)? {
            let entry = entry?;
            fs::rename(entry.path(), dist.join(entry.file_name()))?;
        }
        Ok(())
    };
    let replaced = replace().with_context(|| format!("cannot build {}", dist.display()));
    let _ = fs::remove_dir_all(&stage);
    replaced
}

/// Writes the page into the folder that Trunk is building.
///
/// # Errors
/// If it is not called by Trunk, or the build fails.
pub fn publish() -> Result<()> {
    let Some(staging) = env::var_os("TRUNK_STAGING_DIR").map(PathBuf::from) else {
        bail!("`publish` is called by Trunk, which sets TRUNK_STAGING_DIR");
    };
    tools::ensure(&tools::FOR_PAGE)?;
    assemble(&staging)
}

/// Builds the page with Trunk too, and compares both byte by byte.
///
/// # Errors
/// If Trunk fails, or its page differs.
pub fn compare_with_trunk() -> Result<()> {
    let other = shell::root().join("target/page-by-trunk");
    let mut trunk = shell::command("trunk");
    // Trunk 0.21 fails if NO_COLOR is set to anything but `true` or `false`.
    trunk.env_remove("NO_COLOR").arg("--skip-version-check");
    shell::run(trunk.arg("build").arg("--dist").arg(&other))?;
    compare(&dist(), &other)
}

fn compare(ours: &Path, other: &Path) -> Result<()> {
    let names = |folder: &Path| -> Result<Vec<PathBuf>> {
        let files = files_below(folder)?.into_iter();
        let mut names = files
            .map(|file| Ok(file.strip_prefix(folder)?.to_owned()))
            .collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    };
    let [expected, found] = [names(ours)?, names(other)?];
    if expected != found {
        bail!(
            "{} and {} contain files with different names",
            ours.display(),
            other.display()
        );
    }
    for name in &expected {
        if fs::read(ours.join(name))? != fs::read(other.join(name))? {
            bail!(
                "{} differs between {} and {}",
                name.display(),
                ours.display(),
                other.display()
            );
        }
    }
    println!("trunk builds the same {} files", expected.len());
    Ok(())
}

/// Writes the page into an empty folder.
fn assemble(site: &Path) -> Result<()> {
    let root = shell::root();
    program::build(site)?;
    for folder in ["web", "examples"] {
        copy(&root.join(folder), &site.join(folder))?;
    }
    let mut minify = shell::command("node");
    minify.arg(tools::page_packages().join("minify.mjs"));
    minify.arg(site);
    minify.args(LIBRARIES.map(|library| library.file));
    shell::run(minify.args(PROGRAMS.map(|program| program.glue())))?;
    let models = library::publish(&root.join("models"), &site.join("models"))?;
    let index = site.join("models/index.json");
    fs::write(&index, models.to_string())
        .with_context(|| format!("cannot write {}", index.display()))?;
    version::make(site)
}

/// Copies a folder and its contents.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create the folder {}", to.display()))?;
    for file in files_below(from)? {
        let copy = to.join(file.strip_prefix(from)?);
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&file, &copy).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

/// The size of files in bytes, each compressed separately by gzip. Prints it too.
fn weigh(what: &str, files: &[PathBuf]) -> Result<usize> {
    let [mut raw, mut packed] = [0, 0];
    for path in files {
        let bytes = fs::read(path)?;
        raw += bytes.len();
        packed += gzip_size(&bytes)?;
    }
    let [raw_size, packed_size] = [raw, packed].map(kilobytes);
    println!("{what:20} {raw_size:>8} raw  {packed_size:>8} gzip");
    Ok(packed)
}

fn check_budget(what: &str, weight: usize, budget: usize) -> Result<()> {
    let [together, most] = [weight, budget].map(kilobytes);
    println!("{what:20} {together:>8} of  {most:>8} gzip");
    if weight > budget {
        bail!(
            "{what}: the size exceeds the budget by {}; find what grew, or justify a larger budget",
            kilobytes(weight - budget)
        );
    }
    Ok(())
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_pages_are_an_error() {
        let folder = env::temp_dir().join(format!("vaelet page {}", std::process::id()));
        let [ours, other] = ["ours", "other"].map(|name| folder.join(name));
        for page in [&ours, &other] {
            fs::create_dir_all(page.join("web")).unwrap();
            fs::write(page.join("web/main.js"), "start();").unwrap();
        }
        assert!(compare(&ours, &other).is_ok());
        fs::write(other.join("web/main.js"), "start()").unwrap();
        assert!(compare(&ours, &other).is_err());
        fs::write(other.join("web/main.js"), "start();").unwrap();
        fs::write(other.join("index.html"), "").unwrap();
        assert!(compare(&ours, &other).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_first_view_consists_of_the_files_that_the_page_names() {
        let site = env::temp_dir().join(format!("vaelet first {}", std::process::id()));
        fs::create_dir_all(&site).unwrap();
        let page = format!(
            "<link href=\"./a.css\"><script src=\"./b.js\"></script><link href=\"./b.js\"><link href=\"./{}\"><link href=\"./c.wasm\">",
            FIRST.glue()
        );
        fs::write(site.join("index.html"), page).unwrap();
        let names = ["index.html", "a.css", "b.js"].map(|name| site.join(name));
        assert_eq!(first_view(&site).unwrap(), names);
        fs::remove_dir_all(&site).unwrap();
    }

    #[test]
    fn one_byte_over_the_budget_fails() {
        assert!(check_budget("program", 1, 1).is_ok());
        let error = check_budget("program", 1025, 1).unwrap_err().to_string();
        assert!(error.contains("by 1.0 KB"), "{error}");
    }
}
