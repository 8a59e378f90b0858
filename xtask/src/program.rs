//! The page's program: `crates/web` compiled, wrapped by wasm-bindgen, optimised by wasm-opt,
//! and as small as that makes it. The names by which wasm and glue know each other are 6 KB of
//! what a reader would download; wasm-opt shortens them and the glue follows.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::{shell, toolchain, tools};

/// The name of the wasm's file.
pub const WASM: &str = "vaelet-web_bg.wasm";
/// The name of the glue's file.
pub const GLUE: &str = "vaelet-web.js";

/// How far wasm-opt goes, and what the browsers know that have SIMD.
const WASM_OPT: [&str; 12] = [
    "-O2",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-simd",
    "--enable-reference-types",
    "--enable-multivalue",
    "--minify-imports-and-exports-and-modules",
    // What the compilers say of themselves.
    "--strip-producers",
    "--strip-target-features",
];

/// Builds the program into a folder, as two files; the glue is not made small yet.
///
/// # Errors
/// Where a step fails, or the glue does not have the names that the wasm has.
pub fn build(folder: &Path) -> Result<()> {
    let kept = shell::root().join("target/page");
    if !kept.join(WASM).exists() {
        println!("compiling the page's program (the first time usually 1 minute on two cores)");
    }
    let compiled = compile()?;
    let input =
        fs::read(&compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
    if !is_made_of(&kept, &input) {
        make(&kept, input)?;
    }
    for file in [WASM, GLUE] {
        fs::copy(kept.join(file), folder.join(file))
            .with_context(|| format!("cannot write {file} into {}", folder.display()))?;
    }
    Ok(())
}

/// The file that cargo leaves.
fn compile() -> Result<PathBuf> {
    let mut cargo = toolchain::cargo();
    cargo.args(["build", "-p", "vaelet-web", "--profile", "web"]);
    cargo.args(["--target", toolchain::TARGET]);
    // Its file has the same name in every checkout, so a folder that checkouts share will not do.
    cargo.arg("--target-dir").arg(shell::root().join("target"));
    cargo.arg("--message-format=json-render-diagnostics");
    let messages = shell::read(&mut cargo)?;
    let files = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let files = message["filenames"].as_array()?.iter();
        let files = files.filter_map(Value::as_str).map(PathBuf::from);
        (message["target"]["name"] == "vaelet_web").then(|| files.collect::<Vec<_>>())
    });
    let wasm = files
        .flatten()
        .find(|file| file.extension().is_some_and(|ending| ending == "wasm"));
    wasm.context("cargo has built no wasm")
}

/// What was put in, kept to see whether it has changed.
const INPUT: &str = "input.wasm";

/// Whether the program in a folder was made of this input, by these tools.
fn is_made_of(folder: &Path, input: &[u8]) -> bool {
    let changed =
        |file: PathBuf| -> Option<SystemTime> { fs::metadata(file).ok()?.modified().ok() };
    let made = changed(folder.join(GLUE));
    let packages = tools::page_packages().join("node_modules/.package-lock.json");
    let tools = [env::current_exe().ok().and_then(changed), changed(packages)];
    made.is_some()
        && tools.iter().all(|tool| tool.is_some() && *tool < made)
        && fs::read(folder.join(INPUT)).is_ok_and(|kept| kept == input)
}

fn make(folder: &Path, input: Vec<u8>) -> Result<()> {
    // An interrupted attempt must not be taken for a program.
    let _ = fs::remove_dir_all(folder);
    let bound = folder.join("bound");
    fs::create_dir_all(&bound)
        .with_context(|| format!("cannot make the folder {}", bound.display()))?;
    fs::write(folder.join(INPUT), &input)?;
    let mut bindgen = Bindgen::new();
    bindgen.input_bytes("vaelet-web", input).web(true)?;
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
        .args(WASM_OPT);
    wasm_opt
        .arg(bound.join(WASM))
        .arg("-o")
        .arg(folder.join(WASM));
    let names = shell::read(&mut wasm_opt)?;
    let glue = rename(&fs::read_to_string(bound.join(GLUE))?, &names)?;
    Ok(fs::write(folder.join(GLUE), glue)?)
}

/// The glue with the names that wasm-opt has given; `names` is what it printed of them: imports are
/// properties of one object with the module's name, exports are properties of `wasm`.
fn rename(glue: &str, names: &str) -> Result<String> {
    let names: Value = serde_json::from_str(names).context("wasm-opt printed no list of names")?;
    let list = |kind: &str| names[kind].as_array().map_or(&[][..], Vec::as_slice);
    let mut imports = HashMap::new();
    let mut modules = HashMap::new();
    for import in list("imports") {
        let [module, long, short] = [0, 1, 2].map(|at| import[at].as_str().unwrap_or_default());
        imports.insert(long, short);
        // All modules are called this then.
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
            "wasm-bindgen's glue gives {found} of the wasm's {} imports by name; is it written in another way now?",
            imports.len()
        );
    }
    for (long, short) in &modules {
        if renamed.matches(long.as_str()).count() != 1 {
            bail!("wasm-bindgen's glue does not name the module {long} once");
        }
        renamed = renamed.replace(long, short);
    }
    Ok(renamed)
}

/// Whether a character can be part of a name in JavaScript as wasm-bindgen writes it.
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
    fn the_glue_follows_the_wasm_s_names() {
        let renamed = rename(GLUE, NAMES).unwrap();
        let expected = GLUE
            .replace("__wbg_now_12:", "$:")
            .replace("wasm.__wbg_model_free", "wasm.c")
            .replace("+ wasm.memory", "+ wasm.b")
            .replace("\"./vaelet-web_bg.js\"", "\"a\"");
        assert_eq!(renamed, expected);
    }

    #[test]
    fn a_glue_without_the_wasm_s_names_is_an_error() {
        for (here, there) in [
            ("__wbg_now_12:", "now:"),
            ("\"./vaelet-web_bg.js\"", "\"env\""),
        ] {
            assert!(rename(&GLUE.replace(here, there), NAMES).is_err());
        }
        assert!(rename(GLUE, "no names").is_err());
    }
}
