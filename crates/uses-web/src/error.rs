//! Errors for JavaScript: an `Error` with a `code` for programs and a message for people.

use wasm_bindgen::JsValue;

/// An error of the API.
#[derive(Debug)]
pub struct Failure {
    code: &'static str,
    message: String,
}

impl From<vaelet_model::Error> for Failure {
    fn from(e: vaelet_model::Error) -> Self {
        Self {
            code: e.code(),
            message: e.to_string(),
        }
    }
}

impl From<vaelet_uses::Error> for Failure {
    fn from(e: vaelet_uses::Error) -> Self {
        let code = match e {
            vaelet_uses::Error::Damaged(_) => "damaged",
            vaelet_uses::Error::OtherModel { .. } => "other-model",
            _ => "bad-input",
        };
        Self {
            code,
            message: e.to_string(),
        }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        vaelet_js::error(failure.code, &failure.message).into()
    }
}
