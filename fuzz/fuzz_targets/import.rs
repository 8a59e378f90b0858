//! Fuzzes the readers of other people's files, each as its name says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vaelet_import::{Options, Source, import};

fuzz_target!(|bytes: &[u8]| {
    let options = Options {
        name: "mine".into(),
        shape: Some([1, 8, 8]),
        guess: true,
        ..Options::default()
    };
    for name in ["vae.pth", "vae.safetensors", "decoder.onnx", "decoder/model.json", "decoder.keras"] {
        let source = Source {
            name: name.into(),
            bytes: bytes.to_vec(),
        };
        let _ = import(&[source], &options);
    }
});
