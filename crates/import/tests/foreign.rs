//! Real models of other people with what their own frameworks make of them. They are no part of the repository:
//! `VAELET_FOREIGN_MODELS` names their folder, or `../shared/foreign-models` is it; without one the test says so.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use vaelet_cpu::CpuRuntime;
use vaelet_import::{Options, Second, Source, import};
use vaelet_model::{Model, Tensors, channels_first, read_tensors};

/// What is expected of a row.
#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Load,
    /// Refused, and the sentence holds this.
    Refuse(&'static str),
}
use Expect::{Load, Refuse};

/// In place of a factor: the second output is σ.
const SIGMA: f32 = 0.0;

/// Names in the oracles of an encoder: its input, the mean, and its second output with its factor.
type EncoderNames = (&'static str, &'static str, Option<(&'static str, f32)>);

/// One import and what it is compared by.
struct Row {
    files: &'static [&'static str],
    expect: Expect,
    options: Options,
    encoder: Option<EncoderNames>,
    /// Names in the oracles of a decoder: its input and its output.
    decoder: Option<(&'static str, &'static str)>,
}

fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("VAELET_FOREIGN_MODELS").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let beside = [
        root.join("../shared/foreign-models"),
        root.join("../../shared/foreign-models"),
    ];
    given
        .into_iter()
        .chain(beside)
        .find(|folder| folder.join("INDEX.md").exists())
}

fn rows() -> Vec<Row> {
    let with = |change: &dyn Fn(&mut Options)| {
        let mut options = Options {
            name: "foreign".into(),
            ..Options::default()
        };
        change(&mut options);
        options
    };
    let row = |files, expect| Row {
        files,
        expect,
        options: with(&|_| {}),
        encoder: None,
        decoder: None,
    };
    let output = |name: &str| with(&|options| options.outputs = vec![name.into()]);
    let second = |second| with(&|options| options.second = Some(second));
    vec![
        Row {
            decoder: Some(("latent_vector", "generated_image")),
            ..row(&["latentspaceexplorer/decoder.onnx"], Load)
        },
        Row {
            encoder: Some(("input", "output", None)),
            ..row(&["bvae-interactive/ae_encoder.onnx"], Load)
        },
        Row {
            encoder: Some(("input", "output", Some(("logvar", 1.0)))),
            ..row(&["bvae-interactive/architecture_encoder.onnx"], Load)
        },
        row(&["bvae-interactive/ae_decoder.onnx"], Refuse("Gather")),
        Row {
            options: output("28"),
            decoder: Some(("input", "sigmoid")),
            ..row(&["bvae-interactive/ae_decoder.onnx"], Load)
        },
        Row {
            options: output("28"),
            decoder: Some(("input", "sigmoid")),
            ..row(&["bvae-interactive/architecture_decoder.onnx"], Load)
        },
        Row {
            decoder: Some(("z", "image")),
            ..row(&["sunrises/decoder.onnx"], Load)
        },
        Row {
            decoder: Some(("z", "image")),
            ..row(
                &[
                    "sunrises/tfjs/model.json",
                    "sunrises/tfjs/group1-shard1of1.bin",
                ],
                Load,
            )
        },
        row(&["latent-radio/encoder.onnx"], Refuse("Pow")),
        Row {
            options: output("/proj/Gemm_output_0"),
            encoder: Some(("image", "before_normalisation", None)),
            ..row(&["latent-radio/encoder.onnx"], Load)
        },
        Row {
            decoder: Some(("symbols", "recon")),
            ..row(&["latent-radio/decoder.onnx"], Load)
        },
        row(&["vaelight/VAEencoder.onnx"], Refuse("--shape")),
        row(&["vaelight/VAEpreview.onnx"], Refuse("--shape")),
        row(
            &["jacobkogut/encoder_fixed.onnx"],
            Refuse("give encoder_fixed.onnx.data"),
        ),
        // Latents of 32 × 64 would be a linear layer that is too large, and a kernel of 1 × 4 is no square one.
        row(
            &[
                "jacobkogut/encoder_fixed.onnx",
                "jacobkogut/encoder_fixed.onnx.data",
            ],
            Refuse("packed weights"),
        ),
        row(
            &[
                "jacobkogut/decoder_fixed.onnx",
                "jacobkogut/decoder_fixed.onnx.data",
            ],
            Refuse("square"),
        ),
        Row {
            options: with(&|options| {
                options.latent = Some(2);
                options.second_first = true;
            }),
            encoder: Some(("inputs", "output:2", Some(("output:0", 1.0)))),
            ..row(
                &[
                    "vae-explainer/encoder-big/model.json",
                    "vae-explainer/encoder-big/group1-shard1of1.bin",
                ],
                Load,
            )
        },
        Row {
            decoder: Some(("inputs", "output")),
            ..row(
                &[
                    "vae-explainer/decoder-big/model.json",
                    "vae-explainer/decoder-big/group1-shard1of1.bin",
                ],
                Load,
            )
        },
        Row {
            encoder: Some(("x", "mu", Some(("logvar", 1.0)))),
            decoder: Some(("z", "recon")),
            ..row(&["elewah/cvae.pth"], Load)
        },
        Row {
            encoder: Some(("x", "mu", Some(("logvar", 1.0)))),
            decoder: Some(("z", "recon")),
            ..row(&["elewah/vae.pth"], Load)
        },
        row(&["aflah/vae.pth"], Refuse("--second")),
        Row {
            options: second(Second::Sigma),
            encoder: Some(("x", "mu", Some(("sigma", SIGMA)))),
            decoder: Some(("z", "recon")),
            ..row(&["aflah/vae.pth"], Load)
        },
        row(&["cbaakman/vae.pth"], Refuse("--shape")),
        Row {
            options: with(&|options| options.shape = Some([1, 28, 28])),
            ..row(&["cbaakman/vae.pth"], Refuse("--like"))
        },
        row(
            &["bits-back/torch_binary_vae_params_random"],
            Refuse("--second"),
        ),
        Row {
            options: second(Second::LogStd),
            encoder: Some(("x", "mu", Some(("logstd", 2.0)))),
            decoder: Some(("z", "recon")),
            ..row(&["bits-back/torch_binary_vae_params_random"], Load)
        },
        row(
            &["bits-back/torch_vae_beta_binomial_params"],
            Refuse("--second"),
        ),
        Row {
            encoder: Some(("x", "z_mean", Some(("z_log_var", 1.0)))),
            ..row(&["maxime/encoder.h5"], Load)
        },
        Row {
            decoder: Some(("z", "image")),
            ..row(&["maxime/decoder.h5"], Load)
        },
        Row {
            encoder: Some(("x", "z_mean", Some(("z_log_var", 1.0)))),
            decoder: Some(("z", "image")),
            ..row(&["maxime/encoder.h5", "maxime/decoder.h5"], Load)
        },
        Row {
            encoder: Some(("x", "code", None)),
            ..row(&["goldsmdn/encoder.keras"], Load)
        },
        Row {
            decoder: Some(("z", "image")),
            ..row(&["goldsmdn/decoder.keras"], Load)
        },
        row(&["taesd/taesana_encoder.pth"], Refuse("--like")),
        Row {
            options: with(&|options| options.like = Some(("like.json".into(), TAESANA.into()))),
            encoder: Some(("x", "latent", None)),
            ..row(&["taesd/taesana_encoder.pth"], Load)
        },
        row(&["taesd/taef2_decoder.pth"], Refuse("GroupNorm")),
    ]
}

/// The layers of `taesana_encoder.pth`, as its author's code has them.
const TAESANA: &str = r#"{
    "image": [3, 64, 64],
    "encoder": [
        {"conv": "0", "stride": 2, "padding": 1}, "relu",
        {"conv": "2", "stride": 2, "padding": 1}, "relu",
        {"residual": [{"conv": "4.conv.0", "padding": 1}, "relu", {"conv": "4.conv.2", "padding": 1}, "relu", {"conv": "4.conv.4", "padding": 1}]}, "relu",
        {"conv": "5", "stride": 2, "padding": 1},
        {"residual": [{"conv": "6.conv.0", "padding": 1}, "relu", {"conv": "6.conv.2", "padding": 1}, "relu", {"conv": "6.conv.4", "padding": 1}]}, "relu",
        {"residual": [{"conv": "7.conv.0", "padding": 1}, "relu", {"conv": "7.conv.2", "padding": 1}, "relu", {"conv": "7.conv.4", "padding": 1}]}, "relu",
        {"residual": [{"conv": "8.conv.0", "padding": 1}, "relu", {"conv": "8.conv.2", "padding": 1}, "relu", {"conv": "8.conv.4", "padding": 1}]}, "relu",
        {"conv": "9", "stride": 2, "padding": 1},
        {"residual": [{"conv": "10.conv.0", "padding": 1}, "relu", {"conv": "10.conv.2", "padding": 1}, "relu", {"conv": "10.conv.4", "padding": 1}]}, "relu",
        {"residual": [{"conv": "11.conv.0", "padding": 1}, "relu", {"conv": "11.conv.2", "padding": 1}, "relu", {"conv": "11.conv.4", "padding": 1}]}, "relu",
        {"residual": [{"conv": "12.conv.0", "padding": 1}, "relu", {"conv": "12.conv.2", "padding": 1}, "relu", {"conv": "12.conv.4", "padding": 1}]}, "relu",
        {"conv": "13", "stride": 2, "padding": 1},
        {"residual": [{"conv": "14.conv.0", "padding": 1}, "relu", {"conv": "14.conv.2", "padding": 1}, "relu", {"conv": "14.conv.4", "padding": 1}]}, "relu",
        {"residual": [{"conv": "15.conv.0", "padding": 1}, "relu", {"conv": "15.conv.2", "padding": 1}, "relu", {"conv": "15.conv.4", "padding": 1}]}, "relu",
        {"residual": [{"conv": "16.conv.0", "padding": 1}, "relu", {"conv": "16.conv.2", "padding": 1}, "relu", {"conv": "16.conv.4", "padding": 1}]}, "relu",
        {"conv": "17", "padding": 1}
    ]
}"#;

#[test]
fn foreign() {
    let Some(folder) = folder() else {
        eprintln!("skipped: no foreign models, set VAELET_FOREIGN_MODELS to their folder");
        return;
    };
    let mut wrong = Vec::new();
    for row in rows() {
        let result = attempt(&folder, &row);
        let sentence = match &result {
            Ok(sentence) | Err(sentence) => sentence.lines().next().unwrap_or(""),
        };
        println!("{:<58} {sentence}", row.files[0]);
        if result.is_err() {
            wrong.push(row.files[0]);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn attempt(folder: &Path, row: &Row) -> Result<String, String> {
    let source = |name: &&str| Source {
        name: name.rsplit('/').next().unwrap().to_string(),
        bytes: fs::read(folder.join(name)).unwrap(),
    };
    let sources: Vec<Source> = row.files.iter().map(source).collect();
    let imported = match (import(&sources, &row.options), row.expect) {
        (Ok(imported), Load) => imported,
        (Err(e), Refuse(text)) if e.to_string().contains(text) => {
            return Ok(format!("refused: {e}"));
        }
        (Err(e), _) => return Err(format!("WRONG, refused: {e}")),
        (Ok(_), Refuse(_)) => return Err("WRONG, loaded".into()),
    };
    let model = Model::read(&imported.description, &imported.weights).map_err(|e| e.to_string())?;
    let mut runtime = CpuRuntime::new(&model);
    let mut oracle = Tensors::new();
    for name in row
        .files
        .iter()
        .filter(|name| !name.ends_with(".bin") && !name.ends_with(".data"))
    {
        let path = folder.join(format!("{name}.oracle.safetensors"));
        oracle.extend(read_tensors("oracle", &fs::read(path).unwrap()).unwrap());
    }
    let input = model.spec.input;
    // An oracle has images in its framework's order, and encoders' inputs in the network's range.
    let first = |name: &str| {
        let tensor = &oracle[name];
        match tensor.shape[..] {
            [_, _, _, c] if c == input.channels && input.channels < tensor.shape[1] => {
                channels_first(&tensor.data, c, input.len())
            }
            _ => tensor.data.clone(),
        }
    };
    let classes: Vec<usize> = oracle.get("in.label").map_or(vec![], |labels| {
        labels.data.iter().map(|&label| label as usize).collect()
    });
    let mut error: f32 = 0.0;
    if let Some((from, mean, second)) = row.encoder {
        let [low, high] = row.options.range.unwrap_or([0.0, 1.0]);
        let images: Vec<f32> = first(&format!("in.{from}"))
            .iter()
            .map(|x| (x - low) / (high - low))
            .collect();
        let posterior = runtime.encode_given(&images, &classes);
        let latent = model.spec.latent_size();
        let part = |name: &str| {
            let (name, start) = name
                .split_once(':')
                .map_or((name, 0), |(n, s)| (n, s.parse().unwrap()));
            let tensor = &oracle[&format!("out.{name}")];
            let row = tensor.data.len() / tensor.shape[0];
            let rows = tensor.data.chunks(row);
            let width = if name == "output" && row == 2 * latent {
                latent
            } else {
                row
            };
            rows.flat_map(|row| row[start..start + width].to_vec())
                .collect::<Vec<f32>>()
        };
        error = error.max(difference(&posterior.mean, &part(mean), false)?);
        if let Some((name, factor)) = second {
            let log_var = |v: &f32| match factor == SIGMA {
                true => 2.0 * v.abs().ln(),
                false => v * factor,
            };
            let expected: Vec<f32> = part(name).iter().map(log_var).collect();
            error = error.max(difference(&posterior.log_var, &expected, false)?);
        }
    }
    if let Some((from, to)) = row.decoder {
        let images = runtime.decode_given(&oracle[&format!("in.{from}")].data, &classes);
        let expected = first(&format!("out.{to}"));
        // What ends in tanh is between −1 and 1.
        let [low, high] = match expected.iter().any(|&x| x < -1e-3) {
            true => [-1.0, 1.0],
            false => [0.0, 1.0],
        };
        let expected: Vec<f32> = expected.iter().map(|x| (x - low) / (high - low)).collect();
        error = error.max(difference(&images, &expected, true)?);
    }
    match error <= 1e-4 {
        true => Ok(format!(
            "matches to {error:.1e}, {} KB",
            imported.weights.len() / 1024
        )),
        false => Err(format!("WRONG by {error:.1e}")),
    }
}

/// The largest difference: of images as it is, of anything else in terms of the largest value.
fn difference(found: &[f32], expected: &[f32], image: bool) -> Result<f32, String> {
    if found.len() != expected.len() {
        return Err(format!(
            "WRONG: {} values instead of {}",
            found.len(),
            expected.len()
        ));
    }
    let largest = expected.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
    let unit = if image { 1.0 } else { largest };
    let pairs = found.iter().zip(expected);
    Ok(pairs.fold(0.0, |most: f32, (a, b)| most.max((a - b).abs())) / unit)
}
