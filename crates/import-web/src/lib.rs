//! The wasm module that imports other people's models, which `web/api/import-jobs.js` calls in a worker. It is
//! fetched when files are dropped on the page.

// This crate is empty on native targets.
#![cfg(target_family = "wasm")]

use serde_json::Value;
use vaelet_import::{Error, Imported, Options, Second, Source, import, unpack};
use wasm_bindgen::prelude::*;

/// The files that are imported together.
#[wasm_bindgen]
#[derive(Default)]
pub struct Files(Vec<Source>);

#[wasm_bindgen]
impl Files {
    /// No files yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    pub fn add(&mut self, name: String, bytes: Vec<u8>) {
        self.0.push(Source { name, bytes });
    }

    /// Makes a model of the files; `options` is JSON with the fields of `vaelet_import::Options`.
    ///
    /// # Errors
    /// An `Error` whose code is `bad-model`, `unsupported`, `ask` or `confirm`, which has the guess as `like`.
    pub fn import(&self, options: &str) -> Result<Model, JsValue> {
        let options = options_of(options);
        import(&self.0, &options)
            .map(Model)
            .map_err(|e| failure(&e))
    }

    /// The files that are inside of zip files which hold a folder of vaelet's own, and those that are no zip files.
    ///
    /// # Errors
    /// A damaged zip file.
    pub fn unpack(self) -> Result<Files, JsValue> {
        unpack(self.0).map(Files).map_err(|e| failure(&e))
    }

    /// Number of files.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The name of a file.
    pub fn name(&self, i: usize) -> Option<String> {
        self.0.get(i).map(|file| file.name.clone())
    }

    /// The contents of a file.
    pub fn bytes(&self, i: usize) -> Option<Vec<u8>> {
        self.0.get(i).map(|file| file.bytes.clone())
    }
}

/// An imported model.
#[wasm_bindgen]
pub struct Model(Imported);

#[wasm_bindgen]
impl Model {
    /// The text of `model.json`.
    pub fn description(&self) -> String {
        self.0.description.clone()
    }

    /// The contents of `weights.safetensors`.
    pub fn weights(&self) -> Vec<u8> {
        self.0.weights.clone()
    }

    /// What was assumed or left out, a sentence in each line.
    pub fn notes(&self) -> String {
        let notes = self.0.notes.iter().map(|note| for_page(note));
        notes.collect::<Vec<_>>().join("\n")
    }
}

/// What is missing or of another type is left out: the page has checked it.
fn options_of(json: &str) -> Options {
    let json: Value = serde_json::from_str(json).unwrap_or_default();
    let text = |name: &str| {
        json[name]
            .as_str()
            .map(str::to_string)
            .filter(|text| !text.is_empty())
    };
    let numbers = |name: &str| -> Option<Vec<f64>> {
        json[name].as_array()?.iter().map(Value::as_f64).collect()
    };
    let size = |value: f64| value as usize;
    let shape = numbers("shape").map(|sides| sides.into_iter().map(size).collect::<Vec<_>>());
    let range =
        numbers("range").map(|ends| ends.into_iter().map(|end| end as f32).collect::<Vec<_>>());
    Options {
        name: text("name").unwrap_or_default(),
        title: text("title").unwrap_or_default(),
        shape: shape.and_then(|shape| shape.try_into().ok()),
        range: range.and_then(|range| range.try_into().ok()),
        activation: text("activation"),
        last: text("last"),
        second: match json["second"].as_str() {
            Some("log-var") => Some(Second::LogVar),
            Some("log-std") => Some(Second::LogStd),
            Some("sigma") => Some(Second::Sigma),
            _ => None,
        },
        second_first: json["secondFirst"].as_bool().unwrap_or(false),
        latent: json["latent"].as_f64().map(size),
        outputs: text("outputs").map_or(vec![], |names| {
            names.split(',').map(|n| n.trim().into()).collect()
        }),
        like: text("like").map(|like| ("the description".into(), like)),
        guess: json["guess"].as_bool().unwrap_or(false),
        classes: vec![],
        photographs: json["photographs"].as_bool().unwrap_or(false),
        licence: "not stated".into(),
        credit: text("credit").unwrap_or_default(),
    }
}

/// A sentence without the options of the command: the page has a form instead.
fn for_page(sentence: &str) -> String {
    let (said, _) = sentence.split_once(" (--").unwrap_or((sentence, ""));
    said.replace("with --like FILE.json", "below")
        .replace("give --shape", "the image's size")
        .replace("with --shape", "below")
}

fn failure(e: &Error) -> JsValue {
    let code = match e {
        Error::Ask { .. } => "ask",
        Error::Confirm { .. } => "confirm",
        Error::Unsupported { .. } => "unsupported",
        _ => "bad-model",
    };
    let message = match e {
        Error::Ask { file, what, how } if how.contains("--") => {
            format!("{file} does not say {what}. Say it below, and import again.")
        }
        Error::Confirm { file, what, like } => format!(
            "{file} does not say {what}. The description below is a guess: compare it with the \
             code that trained the model, then import.\n{like}"
        ),
        other => for_page(&other.to_string()),
    };
    vaelet_js::error(code, &message).into()
}
