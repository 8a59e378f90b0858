//! Builds the page's programs: compiles the crate of each to a wasm module, wraps it with wasm-bindgen
//! and optimises it with wasm-opt. The names of imports and exports would be 6 KB of a download, so
//! wasm-opt shortens them, and this module renames them in the glue.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::{shell, toolchain, tools};

/// A wasm module with its JavaScript glue, made of one crate.
pub struct Program {
    /// Its files are named after it.
    pub name: &'static str,
    /// The crate.
    pub package: &'static str,
    /// The crate's features.
    pub features: &'static [&'static str],
    /// What wasm-opt is for: `-O2` speed, `-Oz` size.
    pub optimise: &'static str,
    /// Maximum size of both files together, in bytes after gzip.
    pub budget: usize,
}

/// The program of the first picture: it runs most models, those without a condition and without rare activations.
pub const FIRST: Program = Program {
    name: "vaelet-web",
    package: "vaelet-web",
    features: &[],
    optimise: "-O2",
    budget: 120 * 1024,
};
/// All programs. A page fetches those after the first when it uses them. Each is compiled by
/// itself, because the features that one needs would make the others larger.
pub const PROGRAMS: [Program; 9] = [
    FIRST,
    Program {
        name: "vaelet-web-full",
        features: &["full"],
        budget: 126 * 1024,
        ..FIRST
    },
    Program {
        name: "vaelet-uses-web",
        package: "vaelet-uses-web",
        features: &[],
        optimise: "-O2",
        budget: 148 * 1024,
    },
    Program {
        name: "vaelet-sound-web",
        package: "vaelet-sound-web",
        features: &[],
        optimise: "-O2",
        budget: 46 * 1024,
    },
    Program {
        name: "vaelet-molecule-web",
        package: "vaelet-molecule-web",
        features: &[],
        optimise: "-Oz",
        budget: 32 * 1024,
    },
    Program {
        name: "vaelet-learn-web",
        package: "vaelet-learn-web",
        features: &["small"],
        optimise: "-O2",
        budget: 81 * 1024,
    },
    Program {
        name: "vaelet-learn-web-relaxed",
        package: "vaelet-learn-web",
        features: &["relaxed", "small"],
        optimise: "-O2",
        budget: 81 * 1024,
    },
    Program {
        name: "vaelet-learn-gpu-web",
        package: "vaelet-learn-gpu-web",
        features: &[],
        optimise: "-Oz",
        budget: 96 * 1024,
    },
    Program {
        name: "vaelet-import-web",
        package: "vaelet-import-web",
        features: &[],
        optimise: "-Oz",
        budget: 213 * 1024,
    },
];

/// A package of other people that a page fetches when it uses it; `minify.mjs` bundles what the page needs of it.
pub struct Library {
    /// Its module, beside those of the programs.
    pub file: &'static str,
    /// Maximum size in bytes after gzip.
    pub budget: usize,
}

/// All of them: smiles-drawer finds the places of a molecule's atoms on paper.
pub const LIBRARIES: [Library; 1] = [Library {
    file: "vaelet-structures.js",
    budget: 40 * 1024,
}];

impl Program {
    /// File name of the wasm module.
    pub fn wasm(&self) -> String {
        format!("{}_bg.wasm", self.name)
    }

    /// File name of the JavaScript glue.
    pub fn glue(&self) -> String {
        format!("{}.js", self.name)
    }
}

/// Options of wasm-opt. They enable the features of every browser that has SIMD.
const WASM_OPT: [&str; 11] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-simd",
    "--enable-reference-types",
    "--enable-multivalue",
    "--minify-imports-and-exports-and-modules",
    // The next two remove sections with metadata.
    "--strip-producers",
    "--strip-target-features",
];

/// Builds each wasm module and its glue, not yet minified, into a folder.
///
/// # Errors
/// If a step fails, or names in the glue do not match those in the module.
pub fn build(folder: &Path) -> Result<()> {
    for program in &PROGRAMS {
        let kept = shell::root().join("target/page").join(program.name);
        if !kept.join(program.wasm()).exists() {
            println!(
                "compiling {} (the first time takes about 1 minute on two cores)",
                program.name
            );
        }
        let compiled = compile(program)?;
        let input =
            fs::read(&compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
        if !is_current(program, &kept, &input) {
            make(program, &kept, input)?;
        }
        for file in [program.wasm(), program.glue()] {
            fs::copy(kept.join(&file), folder.join(&file))
                .with_context(|| format!("cannot write {file} into {}", folder.display()))?;
        }
    }
    Ok(())
}

/// Compiles a program's crate to a wasm module and returns its path.
fn compile(program: &Program) -> Result<PathBuf> {
    let package = program.package;
    let mut cargo = toolchain::cargo();
    cargo.args(["build", "-p", package, "--profile", "web"]);
    cargo.args(["--features", &program.features.join(",")]);
    cargo.args(["--target", toolchain::TARGET]);
    // The file name is the same in every checkout, so the target folder must not be shared.
    cargo.arg("--target-dir").arg(shell::root().join("target"));
    cargo.arg("--message-format=json-render-diagnostics");
    let messages = shell::read(&mut cargo)?;
    let target = package.replace('-', "_");
    let files = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let files = message["filenames"].as_array()?.iter();
        let files = files.filter_map(Value::as_str).map(PathBuf::from);
        (message["target"]["name"] == *target).then(|| files.collect::<Vec<_>>())
    });
    let wasm = files
        .flatten()
        .find(|file| file.extension().is_some_and(|ending| ending == "wasm"));
    wasm.with_context(|| format!("cargo did not build a wasm module of {package}"))
}

/// Copy of the compiled module, kept to detect changes.
const INPUT: &str = "input.wasm";

/// Whether the module in a folder was made from this input by the current tools.
fn is_current(program: &Program, folder: &Path, input: &[u8]) -> bool {
    let changed =
        |file: PathBuf| -> Option<SystemTime> { fs::metadata(file).ok()?.modified().ok() };
    let made = changed(folder.join(program.glue()));
    let packages = tools::page_packages().join("node_modules/.package-lock.json");
    let tools = [env::current_exe().ok().and_then(changed), changed(packages)];
    made.is_some()
        && tools.iter().all(|tool| tool.is_some() && *tool < made)
        && fs::read(folder.join(INPUT)).is_ok_and(|kept| kept == input)
}

fn make(program: &Program, folder: &Path, input: Vec<u8>) -> Result<()> {
    // The result of an interrupted build must not be used.
    let _ = fs::remove_dir_all(folder);
    let bound = folder.join("bound");
    fs::create_dir_all(&bound)
        .with_context(|| format!("cannot create the folder {}", bound.display()))?;
    fs::write(folder.join(INPUT), &input)?;
    let mut bindgen = Bindgen::new();
    bindgen.input_bytes(program.name, input).web(true)?;
    bindgen
        .remove_name_section(true)
        .remove_producers_section(true);
    bindgen
        .omit_default_module_path(false)
        .encode_into(EncodeInto::Always);
    bindgen.generate(&bound).context("wasm-bindgen failed")?;

    let packages = tools::page_packages().join("node_modules");
    let mut wasm_opt = shell::command("node");
    wasm_opt
        .arg(packages.join("binaryen/bin/wasm-opt"))
        .arg(program.optimise)
        .args(WASM_OPT);
    if program.features.contains(&"relaxed") {
        wasm_opt.arg("--enable-relaxed-simd");
    }
    wasm_opt
        .arg(bound.join(program.wasm()))
        .arg("-o")
        .arg(folder.join(program.wasm()));
    let names = shell::read(&mut wasm_opt)?;
    let glue = rename(&fs::read_to_string(bound.join(program.glue()))?, &names)?;
    Ok(fs::write(folder.join(program.glue()), glue)?)
}

/// Renames imports and exports in the glue. `names` is the list that wasm-opt printed. In the glue,
/// imports are properties of an object with their module's name, exports are properties of `wasm`.
fn rename(glue: &str, names: &str) -> Result<String> {
    let names: Value =
        serde_json::from_str(names).context("wasm-opt did not print the list of names")?;
    let list = |kind: &str| names[kind].as_array().map_or(&[][..], Vec::as_slice);
    let mut imports = HashMap::new();
    let mut modules = HashMap::new();
    for import in list("imports") {
        let [module, long, short] = [0, 1, 2].map(|at| import[at].as_str().unwrap_or_default());
        imports.insert(long, short);
        // wasm-opt gives all modules this name.
        modules.insert(format!("\"{module}\": "), "\"a\": ");
    }
    let exports: HashMap<&str, &str> = list("exports")
        .iter()
        .filter_map(|export| Some((export[0].as_str()?, export[1].as_str()?)))
        .collect();

    let mut found = 0;
    let mut renamed = String::with_capacity(glue.len());
    let mut rest = glue;
    while !rest.is_empty() {
        let word = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(word);
        let is_key = after.starts_with(':');
        let is_export = renamed.ends_with("wasm.")
            && !renamed[..renamed.len() - "wasm.".len()].ends_with(is_name);
        let short = match (imports.get(name), exports.get(name)) {
            (Some(short), _) if is_key => {
                found += 1;
                *short
            }
            (_, Some(short)) if is_export => *short,
            _ => name,
        };
        renamed.push_str(short);
        let gap = after.find(is_name).unwrap_or(after.len());
        renamed.push_str(&after[..gap]);
        rest = &after[gap..];
    }
    if found != imports.len() {
        bail!(
            "wasm-bindgen's glue names {found} of the module's {} imports; its format may have changed",
            imports.len()
        );
    }
    for (long, short) in &modules {
        if renamed.matches(long.as_str()).count() != 1 {
            bail!("wasm-bindgen's glue does not name the module {long} exactly once");
        }
        renamed = renamed.replace(long, short);
    }
    Ok(renamed)
}

/// Whether a character can be part of a JavaScript name that wasm-bindgen writes.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLUE: &str = "free() { wasm.__wbg_model_free(ptr); }\n\
        const text = '__wbg_now_12', mywasm = { memory: 1 }; mywasm.memory;\n\
        const import0 = {\n__proto__: null,\n__wbg_now_12: function(memory) { return memory + wasm.memory.buffer; },\n};\n\
        return {\n__proto__: null,\n\"./vaelet-web_bg.js\": import0,\n};";
    const NAMES: &str = r#"{ "imports": [["./vaelet-web_bg.js", "__wbg_now_12", "$"]],
        "exports": [["memory", "b"], ["__wbg_model_free", "c"], ["__unused", "d"]] }"#;

    #[test]
    fn the_glue_gets_the_names_of_the_module() {
        let renamed = rename(GLUE, NAMES).unwrap();
        let expected = GLUE
            .replace("__wbg_now_12:", "$:")
            .replace("wasm.__wbg_model_free", "wasm.c")
            .replace("+ wasm.memory", "+ wasm.b")
            .replace("\"./vaelet-web_bg.js\"", "\"a\"");
        assert_eq!(renamed, expected);
    }

    #[test]
    fn a_glue_without_the_names_of_the_module_is_an_error() {
        for (here, there) in [
            ("__wbg_now_12:", "now:"),
            ("\"./vaelet-web_bg.js\"", "\"env\""),
        ] {
            assert!(rename(&GLUE.replace(here, there), NAMES).is_err());
        }
        assert!(rename(GLUE, "no names").is_err());
    }
}
