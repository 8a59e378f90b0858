//! Every shader is valid WGSL, checked without a device.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use naga::valid::{Capabilities, ValidationFlags, Validator};
use vaelet_gpu::shaders::{self, LayerShader};

fn assert_valid(name: &str, source: &str) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
    Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16)
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
}

fn every() -> impl Iterator<Item = LayerShader> {
    LayerShader::all()
        .into_iter()
        .chain(LayerShader::gradients())
}

#[test]
fn every_layer_shader_is_valid() {
    for shader in every() {
        assert_valid(&format!("{shader:?}"), &shader.source());
    }
}

#[test]
fn the_other_shaders_are_valid() {
    for (name, source) in shaders::OTHERS {
        assert_valid(name, source);
    }
}

#[test]
fn every_file_is_compiled() {
    let joined = every().map(LayerShader::source);
    let sources: String = joined
        .chain(shaders::OTHERS.map(|(_, source)| source.into()))
        .collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text
            .lines()
            .find(|line| line.starts_with("fn ") || line.starts_with("struct "));
        let line = code.unwrap_or_else(|| panic!("{} has no function", path.display()));
        assert!(
            sources.contains(line),
            "{} is not compiled anywhere",
            path.display()
        );
    }
}

/// Only weights are f16, because f16 cannot represent every index above 2,048.
#[test]
fn only_weights_are_half_precision() {
    for shader in every() {
        let source = shader.source();
        let header = "enable f16;\nalias Weight = f16;\n";
        let code = source.strip_prefix(header).unwrap_or(&source);
        assert!(!code.contains("f16"), "{shader:?}");
        let uses = code.matches("Weight").count();
        assert_eq!(uses, if code == source { 2 } else { 1 }, "{shader:?}");
    }
    for (name, source) in shaders::OTHERS {
        assert!(!source.contains("f16"), "{name}");
    }
}
