//! Fuzzes everything from a description to a model that runs: schedules, packed weights, and for
//! small models encoding and decoding.

#![no_main]

#[path = "../../crates/cpu/tests/zeros/mod.rs"]
mod zeros;

use libfuzzer_sys::fuzz_target;
use vaelet_model::Architecture;
use zeros::{describe, run, zeros};

fuzz_target!(|text: &str| {
    if let Ok(architecture) = Architecture::read(text) {
        let weights = zeros(&architecture);
        let _ = run(&describe(text, &architecture.spec.weights, &weights), &weights);
    }
});
