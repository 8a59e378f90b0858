//! Fuzzes the reader of `model.json`: any text is a description or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vaelet_model::Architecture;

fuzz_target!(|text: &str| {
    if let Err(error) = Architecture::read(text) {
        assert!(error.to_string().len() < 4_000);
    }
});
