//! Errors for JavaScript: an `Error` with a `code` for programs and a message for people.

use wasm_bindgen::JsValue;

/// An error of the API.
#[derive(Debug)]
pub struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    /// The error for a canvas that cannot be drawn into.
    pub fn canvas(reason: &str) -> Self {
        Self {
            code: "canvas",
            message: format!("cannot draw into this canvas: {reason}"),
        }
    }
}

impl From<vaelet_model::Error> for Failure {
    fn from(e: vaelet_model::Error) -> Self {
        Self {
            code: e.code(),
            message: e.to_string(),
        }
    }
}

impl From<vaelet_gpu::Error> for Failure {
    fn from(e: vaelet_gpu::Error) -> Self {
        let code = match e {
            vaelet_gpu::Error::Unavailable(_) => "no-webgpu",
            vaelet_gpu::Error::Input { .. } => "bad-input",
            vaelet_gpu::Error::TooLarge { .. }
            | vaelet_gpu::Error::OutOfMemory
            | vaelet_gpu::Error::Refused(_) => "gpu",
            _ => "lost",
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
