//! From a description to a model that runs: graphs, packed weights, and where it costs little
//! an encoding and a decoding.

#![no_main]

#[path = "../../crates/cpu/tests/zeros/mod.rs"]
mod zeros;

use libfuzzer_sys::fuzz_target;
use vaelet_model::Outline;
use zeros::{describe, run, zeros};

fuzz_target!(|text: &str| {
    if let Ok(outline) = Outline::read(text) {
        let weights = zeros(&outline);
        let _ = run(&describe(text, &outline.spec.weights, &weights), &weights);
    }
});
