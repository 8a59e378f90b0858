//! Released models, exported and imported again, compute the same; ONNX Runtime computes the same too, where Python
//! has it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use vaelet_cpu::CpuRuntime;
use vaelet_import::export::{onnx, state_dict};
use vaelet_import::{Options, Source, import};
use vaelet_model::{Model, random, read_tensors};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// Description, weights and the model.
fn read(name: &str) -> (Vec<u8>, Model) {
    let folder = models().join(name);
    let description = fs::read_to_string(folder.join("model.json")).unwrap();
    let weights = fs::read(folder.join("weights.safetensors")).unwrap();
    let model = Model::read(&description, &weights).unwrap();
    (weights, model)
}

fn inputs(model: &Model) -> (Vec<f32>, Vec<f32>) {
    let image = random::normals(3, model.spec.input.len())
        .iter()
        .map(|x| x.abs().min(1.0))
        .collect();
    (image, random::normals(4, model.spec.latent_size()))
}

fn near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0, |most: f32, v| most.max(v.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-5 * largest,
            "{what}: {found} instead of {expected}"
        );
    }
}

/// A released model of each kind of network: fully connected, convolutional with residual blocks, in colour.
const NAMES: [&str; 3] = ["faces-map", "digits-beta-4", "portraits"];

#[test]
fn exports_are_imported_with_the_same_numbers() {
    for name in NAMES {
        let (weights, model) = read(name);
        let [encoder, decoder] = onnx(&model);
        let tensors = read_tensors("weights", &weights).unwrap();
        let dict = state_dict(&model.spec, &tensors).unwrap();
        let source = |name: &str, bytes| Source {
            name: name.into(),
            bytes,
        };
        let (image, z) = inputs(&model);
        let mut runtime = CpuRuntime::new(&model);
        let expected = (runtime.encode(&image), runtime.decode(&z));
        for files in [
            vec![
                source("encoder.onnx", encoder.clone()),
                source("decoder.onnx", decoder.clone()),
            ],
            vec![source("vae.safetensors", dict)],
        ] {
            let options = Options {
                name: "again".into(),
                ..Options::default()
            };
            let imported = import(&files, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
            let again = Model::read(&imported.description, &imported.weights).unwrap();
            let mut runtime = CpuRuntime::new(&again);
            let posterior = runtime.encode(&image);
            near(&posterior.mean, &expected.0.mean, name);
            near(&posterior.log_var, &expected.0.log_var, name);
            near(&runtime.decode(&z), &expected.1, name);
        }
    }
}

/// Runs both graphs on the numbers in a folder.
const SCRIPT: &str = r#"
import sys, numpy as np, onnxruntime as ort
folder, shape = sys.argv[1], [1] + [int(n) for n in sys.argv[2].split(",")]
load = lambda name: np.fromfile(f"{folder}/{name}", "<f4")
run = lambda name, inputs: ort.InferenceSession(f"{folder}/{name}.onnx", providers=["CPUExecutionProvider"]).run(None, inputs)
mean, log_var = run("encoder", {"image": load("image").reshape(shape)})
(image,) = run("decoder", {"z": load("z").reshape(1, -1)})
for name, values in [("mean", mean), ("log_var", log_var), ("decoded", image)]:
    values.astype("<f4").tofile(f"{folder}/{name}")
"#;

#[test]
fn onnx_runtime_computes_the_same() {
    let python = std::env::var("VAELET_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python)
        .args(["-c", "import onnxruntime"])
        .output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} has no onnxruntime; name one that has with VAELET_PYTHON");
        return;
    }
    for name in NAMES {
        let (_, model) = read(name);
        let folder =
            std::env::temp_dir().join(format!("vaelet-onnx-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [encoder, decoder] = onnx(&model);
        fs::write(folder.join("encoder.onnx"), encoder).unwrap();
        fs::write(folder.join("decoder.onnx"), decoder).unwrap();
        let (image, z) = inputs(&model);
        let bytes = |values: &[f32]| {
            values
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        fs::write(folder.join("image"), bytes(&image)).unwrap();
        fs::write(folder.join("z"), bytes(&z)).unwrap();
        let input = model.spec.input;
        let shape = format!("{},{},{}", input.channels, input.height, input.width);
        let output = Command::new(&python)
            .args(["-c", SCRIPT])
            .arg(&folder)
            .arg(shape)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let read = |part: &str| -> Vec<f32> {
            let bytes = fs::read(folder.join(part)).unwrap();
            bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|v| f32::from_le_bytes(*v))
                .collect()
        };
        let mut runtime = CpuRuntime::new(&model);
        let posterior = runtime.encode(&image);
        near(&read("mean"), &posterior.mean, name);
        near(&read("log_var"), &posterior.log_var, name);
        near(&read("decoded"), &runtime.decode(&z), name);
        fs::remove_dir_all(&folder).unwrap();
    }
}
