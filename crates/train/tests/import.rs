//! The commands `vaelet export` and `vaelet import`, on a released model.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use vaelet_model::Model;

fn vaelet(arguments: &[&str]) -> Output {
    let command = &mut Command::new(env!("CARGO_BIN_EXE_vaelet"));
    command.args(arguments).output().unwrap()
}

fn read(folder: &Path) -> Model {
    let description = fs::read_to_string(folder.join("model.json")).unwrap();
    Model::read(
        &description,
        &fs::read(folder.join("weights.safetensors")).unwrap(),
    )
    .unwrap()
}

#[test]
fn what_is_exported_can_be_imported() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/faces-map");
    let (onnx, dict) = (path("onnx"), path("faces.safetensors"));
    let output = vaelet(&["export", model, "--onnx", &onnx, "--pytorch", &dict]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let halves = ["encoder.onnx", "decoder.onnx"].map(|name| format!("{onnx}/{name}"));
    for (name, files) in [("from-onnx", halves.to_vec()), ("from-dict", vec![dict])] {
        let out = path(name);
        let mut arguments = vec!["import", "--out", &out, "--title", "Again"];
        arguments.extend(files.iter().map(String::as_str));
        let output = vaelet(&arguments);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let imported = read(Path::new(&out));
        assert_eq!(
            (imported.spec.name.as_str(), imported.spec.title.as_str()),
            (name, "Again")
        );
        assert_eq!(imported.spec.input, read(Path::new(model)).spec.input);
    }
}

#[test]
fn a_file_that_is_refused_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vae.pth");
    fs::write(&file, "no model").unwrap();
    let out = folder.path().join("mine");
    let output = vaelet(&[
        "import",
        &file.to_string_lossy(),
        "--out",
        &out.to_string_lossy(),
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("vae.pth cannot be read"),
        "{said}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
