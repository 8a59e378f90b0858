//! The wasm module of models whose tokens are SELFIES, which `web/api/molecule.js` calls. It is fetched
//! with the first such model, beside the program that runs it.

// This crate is empty on native targets.
#![cfg(target_family = "wasm")]

use vaelet_js::error;
use vaelet_molecule::Error;
use wasm_bindgen::prelude::*;

/// The SMILES of SELFIES.
///
/// # Errors
/// A token that is none.
#[wasm_bindgen]
pub fn smiles(selfies: &str) -> Result<String, JsValue> {
    vaelet_molecule::smiles(selfies).map_err(failure)
}

/// The SELFIES of a SMILES.
///
/// # Errors
/// A SMILES that cannot be read.
#[wasm_bindgen]
pub fn selfies(smiles: &str) -> Result<Selfies, JsValue> {
    vaelet_molecule::selfies(smiles)
        .map(Selfies)
        .map_err(failure)
}

/// A molecule as SELFIES.
#[wasm_bindgen]
pub struct Selfies(vaelet_molecule::Selfies);

#[wasm_bindgen]
impl Selfies {
    /// The tokens, one after the other.
    pub fn text(&self) -> String {
        self.0.tokens.concat()
    }

    /// Whether the SMILES says how the molecule lies in space, which the tokens do not.
    pub fn lost_stereo(&self) -> bool {
        self.0.lost_stereo
    }
}

fn failure(cause: Error) -> JsValue {
    error("bad-input", &cause.to_string()).into()
}
