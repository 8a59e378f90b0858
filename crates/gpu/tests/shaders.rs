//! Every shader is valid WGSL, checked without a device.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use naga::valid::{Capabilities, ValidationFlags, Validator};

#[test]
fn every_shader_is_valid() {
    for (name, source) in vaelet_gpu::shaders::all() {
        let module = naga::front::wgsl::parse_str(&source)
            .unwrap_or_else(|e| panic!("{name}.wgsl: {}", e.emit_to_string(&source)));
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .unwrap_or_else(|e| panic!("{name}.wgsl: {}", e.emit_to_string(&source)));
    }
}

#[test]
fn every_file_is_one_of_them() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders");
    let known = vaelet_gpu::shaders::all().map(|(name, _)| name);
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let stem = name.trim_end_matches(".wgsl");
        let is_part = ["step", "tile"].contains(&stem);
        assert!(
            known.contains(&stem) || is_part,
            "{name} is not compiled anywhere"
        );
    }
}
