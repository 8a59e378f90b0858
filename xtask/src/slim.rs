//! Takes out of the built page what nobody needs there: the glue's comments and indentation, some
//! of its functions, the hashes in the names of imports, and the wasm's custom sections.

use std::collections::HashMap;

use anyhow::{Context, Result};
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{ImportSection, Module};
use wasmparser::{CustomSectionReader, ImportSectionReader, Parser, Payload};

/// Where passages of the glue begin that end with a brace, and what stands in for them: the page
/// starts it in one way only, a panic's message shows JavaScript values well enough as strings,
/// and what little text there is takes the short way in and out.
const SPARED: [(&str, &str); 7] = [
    ("function initSync(", ""),
    ("async function __wbg_load(", ""),
    (
        "async function __wbg_init_once(",
        "async function __wbg_init_once() {
            const response = await fetch(new URL('vaelet-web_bg.wasm', import.meta.url));
            if (!response.ok) throw new Error(`HTTP ${response.status}`);
            const streams = response.headers.get('Content-Type') === 'application/wasm';
            const imports = __wbg_get_imports();
            const { instance, module } = streams
                ? await WebAssembly.instantiateStreaming(response, imports)
                : await WebAssembly.instantiate(await response.arrayBuffer(), imports);
            return __wbg_finalize_init(instance, module);
        }",
    ),
    ("function debugString(", "const debugString = String;"),
    (
        "const MAX_SAFARI_DECODE_BYTES ",
        "const decodeText = (bytes) => cachedTextDecoder.decode(bytes);",
    ),
    ("if (!('encodeInto' in ", ""),
    (
        "function passStringToWasm0(",
        "function passStringToWasm0(text, malloc) {
            const bytes = cachedTextEncoder.encode(text);
            const ptr = malloc(bytes.length, 1) >>> 0;
            getUint8ArrayMemory0().set(bytes, ptr);
            WASM_VECTOR_LEN = bytes.length;
            return ptr;
        }",
    ),
];

/// The wasm and the glue, smaller and otherwise the same.
///
/// # Errors
/// Where the wasm cannot be read, or the glue is another than was expected.
pub fn slim(wasm: &[u8], glue: &str) -> Result<(Vec<u8>, String)> {
    let names = import_names(wasm)?;
    let mut glue = glue.replace("export { initSync, ", "export { ");
    for (start, substitute) in SPARED {
        glue = without(&glue, start, substitute)?;
    }
    let mut glue: String = glue
        .lines()
        .map(str::trim)
        .filter(|line| !["", "/**", "*/"].contains(line))
        .filter(|line| !line.starts_with("* ") && !line.starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    for (long, short) in &names {
        glue = glue.replace(long, short);
    }
    let mut module = Module::new();
    Slim { names }.parse_core_module(&mut module, Parser::new(0), wasm)?;
    Ok((module.finish(), glue))
}

/// The glue with `substitute` in place of a passage that is not nested in a function.
fn without(glue: &str, start: &str, substitute: &str) -> Result<String> {
    let (before, rest) = glue
        .split_once(&format!("\n{start}"))
        .with_context(|| format!("wasm-bindgen's glue has no {start:?} any more: see SPARED"))?;
    let (_, after) = rest
        .split_once("\n}\n")
        .with_context(|| format!("what begins with {start:?} in the glue has no end"))?;
    Ok(format!("{before}\n{substitute}\n{after}"))
}

/// Each import's name that ends in a hash, with the same name without it.
fn import_names(wasm: &[u8]) -> Result<HashMap<String, String>> {
    let mut all = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ImportSection(imports) = payload? {
            for import in imports.into_imports() {
                all.push(import?.name);
            }
        }
    }
    let short = |name: &str| {
        let (start, hash) = name.rsplit_once('_')?;
        (hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| start.to_owned())
    };
    let mut uses = HashMap::new();
    for name in &all {
        *uses
            .entry(short(name).unwrap_or((*name).into()))
            .or_insert(0) += 1;
    }
    Ok(all
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), short(name)?)))
        .filter(|(_, short)| uses[short] == 1)
        .collect())
}

struct Slim {
    names: HashMap<String, String>,
}

impl Reencode for Slim {
    type Error = std::convert::Infallible;

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        for import in section.into_imports() {
            let import = import?;
            let kind = self.entity_type(import.ty)?;
            let name = self
                .names
                .get(import.name)
                .map_or(import.name, |short| short);
            imports.import(import.module, name, kind);
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        _: &mut Module,
        _: CustomSectionReader<'_>,
    ) -> Result<(), Error<Self::Error>> {
        Ok(())
    }
}
