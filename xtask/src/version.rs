//! The last step of every build: gives the page a version. Scripts, styles, the wasm module and the
//! list of models move to `v/<version>/`, where the version is a hash of their contents. So a
//! browser or a cache never mixes files of two publications. Files that other people's pages refer
//! to keep their URL and import the current version.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;
use vaelet_model::sha256_hex;

use crate::program::{FIRST, LIBRARIES, PROGRAMS};

/// Modules that other people's pages import.
const ENTRIES: [&str; 2] = ["web/vaelet.js", "web/vae-let.js"];
/// HTML pages. In their sources, attributes that start with `="./` refer to versioned files.
const PAGES: [&str; 2] = [START, "web/embed.html"];
/// The main page. Its source is in `web/`, like the worker's.
const START: &str = "index.html";
/// The service worker. It is in the root folder, because it may only serve files below its own.
const WORKER: &str = "sw.js";
/// What other pages and programs fetch: the icons, the manifest that names them, the picture of a link.
const STABLE: [&str; 5] = [
    "web/icon.svg",
    "web/icon-192.png",
    "web/icon-512.png",
    "web/manifest.json",
    CARD,
];
/// The picture that others show for a link to the page.
const CARD: &str = "web/card.jpg";
/// Where the page will be published, for addresses that have to be absolute.
const ADDRESS: &str = "VAELET_ADDRESS";
/// The file with the version of the site and the SHA-256 of each of its files.
const MANIFEST: &str = "version.json";

/// The versioned folder of the site in this folder.
///
/// # Errors
/// If the folder contains no built page.
pub fn folder(site: &Path) -> Result<PathBuf> {
    let file = site.join(MANIFEST);
    let text = fs::read(&file).with_context(|| {
        format!(
            "{} contains no page: run `cargo xtask build`",
            site.display()
        )
    })?;
    let manifest: serde_json::Value = serde_json::from_slice(&text)?;
    let version = manifest["version"].as_str();
    Ok(site
        .join("v")
        .join(version.context("the page has no version")?))
}

/// Turns the page in this folder, as assembled from its sources, into a version.
///
/// # Errors
/// If the folder cannot be read or written, or a page names a module that does not exist.
pub fn make(site: &Path) -> Result<()> {
    for file in [START, WORKER] {
        fs::rename(site.join("web").join(file), site.join(file))
            .with_context(|| format!("web/ contains no {file}"))?;
    }
    let before = hashes(site, "")?;
    let text: String = before
        .iter()
        .map(|(path, hash)| format!("{path} {hash}\n"))
        .collect();
    let version = sha256_hex(text.as_bytes())[..16].to_owned();
    let folder = format!("v/{version}/");
    let modules = Modules::read(site, before.keys())?;
    let pages = PAGES.map(|page| (page, fs::read_to_string(site.join(page))));
    let stable = STABLE.map(|path| (path, fs::read(site.join(path))));

    let inside = site.join(&folder);
    fs::create_dir_all(inside.join("models"))?;
    let programs = PROGRAMS.iter().flat_map(|one| [one.wasm(), one.glue()]);
    let libraries = LIBRARIES.map(|library| library.file.to_owned());
    let others = ["web", "models/index.json"].map(str::to_owned);
    for path in programs.chain(libraries).chain(others) {
        fs::rename(site.join(&path), inside.join(&path))
            .with_context(|| format!("cannot move {path} into {folder}"))?;
    }
    fs::remove_file(inside.join("web/embed.html"))?;
    fs::create_dir(site.join("web"))?;
    for (path, contents) in stable {
        fs::write(site.join(path), contents?)?;
    }
    for (page, text) in pages {
        let text = modules.preload(page, &text?)?;
        let (up, own) = match page.rsplit_once('/') {
            Some((own, _)) => ("../", format!("{own}/")),
            None => ("./", String::new()),
        };
        let text = text.replace("=\"./", &format!("=\"{up}{folder}{own}"));
        let text = absolute(&text, env::var(ADDRESS).ok().as_deref());
        fs::write(site.join(page), text)?;
    }
    for entry in ENTRIES {
        fs::write(site.join(entry), modules.entry(entry, &folder))?;
    }

    let stays = |path: &str| path.starts_with("models/") && path != "models/index.json";
    let models: BTreeMap<_, _> = before.into_iter().filter(|(path, _)| stays(path)).collect();
    let mut files = hashes(site, "v/")?;
    files.extend(hashes(site, "web/")?);
    let start = fs::read(site.join(START))?;
    files.insert(START.to_owned(), sha256_hex(&start));
    let fetched = |list: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        let list = list.iter().filter(|(path, _)| !is_for_people(path));
        list.map(|(path, hash)| (path.clone(), hash.clone()))
            .collect()
    };
    // A reader who never uses the other programs, or data to train on, does not pay for them.
    let mut kept_when_used = fetched(&models);
    let mut kept = fetched(&files);
    let data = format!("{folder}web/data/");
    kept_when_used.extend(kept.extract_if(.., |path, _| path.starts_with(&data)));
    let programs = PROGRAMS.iter().skip(1);
    let programs = programs.flat_map(|program| [program.wasm(), program.glue()]);
    for file in programs.chain(LIBRARIES.map(|library| library.file.to_owned())) {
        kept_when_used.extend(kept.remove_entry(&format!("{folder}{file}")));
    }
    let manifest = json!({ "version": version, "files": kept, "models": kept_when_used });
    let worker = fs::read_to_string(site.join(WORKER))?;
    fs::write(
        site.join(WORKER),
        format!("const PUBLISHED = {manifest};\n\n{worker}"),
    )?;
    files.extend(models);
    let manifest = json!({ "version": version, "files": files });
    Ok(fs::write(site.join(MANIFEST), manifest.to_string())?)
}

/// The markup of a page with the address of its picture in full, where it is known: programs that
/// show links do not resolve relative ones.
fn absolute(text: &str, address: Option<&str>) -> String {
    let Some(address) = address.filter(|address| !address.is_empty()) else {
        return text.to_owned();
    };
    let full = format!("content=\"{}/{CARD}\"", address.trim_end_matches('/'));
    text.replace(&format!("content=\"{CARD}\""), &full)
}

/// Whether the service worker does not need a file: pages do not fetch it, or the code that loads
/// models caches it.
fn is_for_people(path: &str) -> bool {
    path.ends_with(".md")
        || path.ends_with(".d.ts")
        || path.ends_with(".safetensors")
        || path.ends_with(CARD)
}

/// The SHA-256 of each file in a folder of the site, by its path as in URLs.
fn hashes(site: &Path, folder: &str) -> Result<BTreeMap<String, String>> {
    let mut hashes = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(prefix) = folders.pop() {
        for entry in fs::read_dir(site.join(&prefix))? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(format!("{path}/"));
            } else {
                hashes.insert(path, sha256_hex(&fs::read(entry.path())?));
            }
        }
    }
    Ok(hashes)
}

/// The static imports of each module.
struct Modules(BTreeMap<String, Vec<String>>);

impl Modules {
    fn read<'a>(site: &Path, paths: impl Iterator<Item = &'a String>) -> Result<Self> {
        let mut modules = BTreeMap::new();
        for path in paths {
            if path.ends_with(".js") && (path.starts_with("web/") || *path == FIRST.glue()) {
                let text = fs::read_to_string(site.join(path))?;
                let imports = imports(&text).map(|name| resolve(path, name)).collect();
                modules.insert(path.clone(), imports);
            }
        }
        Ok(Self(modules))
    }

    /// A module and all modules that it imports, directly or not. The module itself is first.
    fn needed_by(&self, module: &str) -> Vec<String> {
        let mut needed = vec![module.to_owned()];
        let mut next = 0;
        while let Some(imports) = needed.get(next).and_then(|path| self.0.get(path)) {
            for import in imports {
                if !needed.contains(import) {
                    needed.push(import.clone());
                }
            }
            next += 1;
        }
        needed
    }

    /// Adds preloads to a page's HTML for everything that its preloaded modules import, so that a
    /// browser fetches them at once and not import by import.
    fn preload(&self, page: &str, text: &str) -> Result<String> {
        const START: &str = "<link rel=\"modulepreload\" href=\"";
        let mut done: Vec<String> = Vec::new();
        let mut lines = Vec::new();
        for line in text.lines() {
            let Some(href) = line.trim().strip_prefix(START) else {
                lines.push(line.to_owned());
                continue;
            };
            let name = href.split('"').next().unwrap_or_default();
            let module = resolve(page, name);
            if !self.0.contains_key(&module) {
                bail!("{page} preloads {name}, which does not exist");
            }
            for path in self.needed_by(&module) {
                if !done.contains(&path) {
                    let own = page
                        .rsplit_once('/')
                        .map_or(String::new(), |(own, _)| format!("{own}/"));
                    let below = path.strip_prefix(&own).map(|rest| format!("./{rest}"));
                    let href = below.unwrap_or_else(|| format!("./../{path}"));
                    lines.push(format!("    {START}{href}\">"));
                    done.push(path);
                }
            }
        }
        Ok(lines.join("\n") + "\n")
    }

    /// The module at the stable URL that other people's pages import. It imports everything that
    /// the versioned module imports, so that a browser fetches all of it at once.
    fn entry(&self, module: &str, folder: &str) -> String {
        let mut text = String::from(
            "// This URL is stable; the version that it imports changes with each publication.\n",
        );
        for path in self.needed_by(module).iter().skip(1) {
            text += &format!("import \"../{folder}{path}\";\n");
        }
        text + &format!("export * from \"../{folder}{module}\";\n")
    }
}

/// The relative names in a module's `import … from "…"`, `import "…"` and `export … from "…"`. In
/// the minifier's output they come before all other code.
fn imports(module: &str) -> impl Iterator<Item = &str> {
    let starts = [
        "import{", "import\"", "import*", "import ", "export{", "export*",
    ];
    let mut statements = module.split(';').map(str::trim_start);
    let leading = std::iter::from_fn(move || {
        let statement = statements.next()?;
        let leads = starts.iter().any(|start| statement.starts_with(start));
        leads.then_some(statement)
    });
    leading.filter_map(|statement| {
        let name = statement.trim_end().strip_suffix('"')?.rsplit('"').next()?;
        name.starts_with('.').then_some(name)
    })
}

/// Resolves a relative name in this file to a path in the site.
fn resolve(file: &str, name: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_of_a_link_has_a_full_address() {
        let text = "<meta property=\"og:image\" content=\"web/card.jpg\">";
        assert_eq!(absolute(text, None), text);
        assert_eq!(absolute(text, Some("")), text);
        for address in ["https://a.example/b", "https://a.example/b/"] {
            let found = absolute(text, Some(address));
            assert!(
                found.contains("\"https://a.example/b/web/card.jpg\""),
                "{found}"
            );
        }
    }

    #[test]
    fn only_imports_are_found() {
        let module = "import{a as b}from\"./a.js\";import\"../b.js\";import*as t from\"./t.js\";import e from\"outside\";export*from\"./c.js\";export{d}from\"./d.js\";const f=()=>import(\"./late.js\");export{f as g};\n";
        let found: Vec<&str> = imports(module).collect();
        assert_eq!(found, ["./a.js", "../b.js", "./t.js", "./c.js", "./d.js"]);
        assert_eq!(resolve("web/parts/x.js", "../a.js"), "web/a.js");
        assert_eq!(resolve("web/x.js", "./views/a.js"), "web/views/a.js");
    }
}
