//! Fuzzes the reader of `weights.safetensors`, alone and for the model `faces-map`.

#![no_main]

#[expect(dead_code, reason = "this target fuzzes only weights")]
#[path = "../../crates/cpu/tests/zeros/mod.rs"]
mod zeros;

use libfuzzer_sys::fuzz_target;
use vaelet_model::{Architecture, read_tensors};
use zeros::{describe, run};

const MODEL: &str = include_str!("../../models/faces-map/model.json");

fuzz_target!(|weights: &[u8]| {
    if let Ok(tensors) = read_tensors("weights.safetensors", weights) {
        let values: usize = tensors.values().map(|tensor| tensor.data.len()).sum();
        assert!(values <= weights.len());
    }
    if let Ok(architecture) = Architecture::read(MODEL) {
        let _ = run(&describe(MODEL, &architecture.spec.weights, weights), weights);
    }
});
