//! The page as a folder: the program, and what lies beside it. `cargo xtask build`, `cargo xtask
//! serve` and `trunk serve` all have it from here, so that they show the same page. The size of
//! what a reader downloads has a budget.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{GLUE, WASM};
use crate::{library, program, shell, tools, version};

/// What the wasm and its glue may weigh together, in bytes after gzip.
const PROGRAM: usize = 120 * 1024;
/// What the page itself, and the modules and styles of its first view, may weigh together, each packed by itself.
const FIRST_VIEW: usize = 39 * 1024;
/// What all modules and styles may weigh together; the other views fetch their own when they are opened.
const MODULES: usize = 95 * 1024;

/// The folder of the built page.
pub fn dist() -> PathBuf {
    shell::root().join("dist")
}

/// Builds the page into `dist/`, prints what it weighs, and fails above the budget.
///
/// # Errors
/// Where a tool cannot be installed, the build fails, or the page is too heavy.
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
    let wasm = weigh(WASM, &[built.join(WASM)])?;
    let glue = weigh(GLUE, &[built.join(GLUE)])?;
    check_budget("program", wasm + glue, PROGRAM)?;
    check_budget("first view", first, FIRST_VIEW)?;
    check_budget("modules and styles", modules + styles, MODULES)
}

/// The page, and the modules and styles that it names: what its first view takes besides the program.
fn first_view(site: &Path) -> Result<Vec<PathBuf>> {
    let page = site.join("index.html");
    let text = fs::read_to_string(&page)?;
    let mut files = vec![page];
    for address in text.split('"').filter(|word| word.starts_with("./")) {
        let file = site.join(&address[2..]);
        let counts =
            (address.ends_with(".js") && !address.ends_with(GLUE)) || address.ends_with(".css");
        if counts && !files.contains(&file) {
            files.push(file);
        }
    }
    Ok(files)
}

/// Builds the page into `dist/`, which holds the page before until the new one is whole.
///
/// # Errors
/// Where a tool cannot be installed, or the build fails.
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

/// Puts the page into the folder that Trunk is building.
///
/// # Errors
/// Where it is not Trunk that asks, or the build fails.
pub fn publish() -> Result<()> {
    let Some(staging) = env::var_os("TRUNK_STAGING_DIR").map(PathBuf::from) else {
        bail!("`publish` is for Trunk, which says in TRUNK_STAGING_DIR what it builds");
    };
    tools::ensure(&tools::FOR_PAGE)?;
    assemble(&staging)
}

/// Builds the page by Trunk too, and compares both byte for byte.
///
/// # Errors
/// Where Trunk fails, or its page is another one.
pub fn compare_with_trunk() -> Result<()> {
    let other = shell::root().join("target/page-by-trunk");
    let mut trunk = shell::command("trunk");
    // Trunk 0.21 takes NO_COLOR only as `true` or `false`, and otherwise stops.
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
            "{} and {} hold files of different names",
            ours.display(),
            other.display()
        );
    }
    for name in &expected {
        if fs::read(ours.join(name))? != fs::read(other.join(name))? {
            bail!(
                "{} is another file in {} than in {}",
                name.display(),
                ours.display(),
                other.display()
            );
        }
    }
    println!("trunk builds the same {} files", expected.len());
    Ok(())
}

/// Puts the page into an empty folder.
fn assemble(site: &Path) -> Result<()> {
    let root = shell::root();
    program::build(site)?;
    for folder in ["web", "examples"] {
        copy(&root.join(folder), &site.join(folder))?;
    }
    let mut minify = shell::command("node");
    minify.arg(tools::page_packages().join("minify.mjs"));
    shell::run(minify.arg(site).args(["web", GLUE]))?;
    let models = library::publish(&root.join("models"), &site.join("models"))?;
    let index = site.join("models/index.json");
    fs::write(&index, models.to_string())
        .with_context(|| format!("cannot write {}", index.display()))?;
    version::make(site)
}

/// Copies a folder with all that it holds.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make the folder {}", to.display()))?;
    for file in files_below(from)? {
        let copy = to.join(file.strip_prefix(from)?);
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&file, &copy).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

/// What files weigh in bytes after gzip, each by itself; prints it too.
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
            "over the page's budget for {what} by {}; find what grew, or argue for more in page.rs",
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
    fn another_page_is_noticed() {
        let place = env::temp_dir().join(format!("vaelet page {}", std::process::id()));
        let [ours, other] = ["ours", "other"].map(|name| place.join(name));
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
        fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn the_first_view_is_what_the_page_names() {
        let site = env::temp_dir().join(format!("vaelet first {}", std::process::id()));
        fs::create_dir_all(&site).unwrap();
        let page = format!(
            "<link href=\"./a.css\"><script src=\"./b.js\"></script><link href=\"./b.js\"><link href=\"./{GLUE}\"><link href=\"./c.wasm\">"
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
