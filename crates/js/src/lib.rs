//! What the page's programs have in common: errors for JavaScript, with a code for programs and a
//! message for people.

use js_sys::Reflect;

/// A JavaScript `Error` with a property `code`.
pub fn error(code: &str, message: &str) -> js_sys::Error {
    let error = js_sys::Error::new(message);
    // Setting a property of an `Error` cannot fail.
    let _ = Reflect::set(&error, &"code".into(), &code.into());
    error
}
