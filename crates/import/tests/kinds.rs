//! One network in files of every kind gives one model; and what files do not say is asked or refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixtures;

use fixtures::{LATENT, PIXELS, all, expected, pickle, torch, zip};
use vaelet_cpu::CpuRuntime;
use vaelet_import::{Options, Source, import, unpack};
use vaelet_model::{Model, random};

fn options() -> Options {
    Options {
        name: "mine".into(),
        shape: Some([1, 8, 8]),
        ..Options::default()
    }
}

fn near(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-5,
            "{what}: {found} instead of {expected}"
        );
    }
}

#[test]
fn every_kind_gives_the_same_numbers() {
    let (image, z) = (random::normals(7, PIXELS), random::normals(8, LATENT));
    let [mean, log_var, decoded] = expected(&image, &z);
    for (kind, files) in all() {
        let imported = import(&files, &options()).unwrap_or_else(|e| panic!("{kind}: {e}"));
        let model = Model::read(&imported.description, &imported.weights).unwrap();
        let mut runtime = CpuRuntime::new(&model);
        let posterior = runtime.encode(&image);
        near(&posterior.mean, &mean, kind);
        near(&posterior.log_var, &log_var, kind);
        near(&runtime.decode(&z), &decoded, kind);
        assert_eq!(model.spec.lacks, None, "{kind}");
    }
}

#[test]
fn one_half_makes_a_model_that_says_what_it_lacks() {
    for (keep, lacks) in [("encoder", "decoder"), ("decoder", "encoder")] {
        for (kind, mut files) in all().into_iter().filter(|(_, files)| files.len() > 1) {
            files.retain(|file| file.name.contains(keep));
            let imported = import(&files, &options()).unwrap_or_else(|e| panic!("{kind}: {e}"));
            let model = Model::read(&imported.description, &imported.weights).unwrap();
            assert_eq!(model.spec.lacks.as_deref(), Some(lacks), "{kind}");
            assert!(
                imported.notes.iter().any(|note| note.contains(lacks)),
                "{kind}"
            );
            CpuRuntime::new(&model).decode(&[0.0; LATENT]);
        }
    }
}

#[test]
fn a_pickle_that_calls_anything_is_refused_by_name() {
    for (call, name) in [
        (
            &b"X\x01\0\0\0acos\nsystem\n(X\x02\0\0\0lstR"[..],
            "os.system",
        ),
        (
            b"X\x01\0\0\0ac__builtin__\neval\n(X\x01\0\0\x001tR",
            "__builtin__.eval",
        ),
        (
            b"X\x01\0\0\0acnumpy.core.multiarray\nscalar\n)R",
            "numpy.core.multiarray.scalar",
        ),
        (b"X\x01\0\0\0ac__main__\nVAE\n)\x81", "__main__.VAE"),
    ] {
        let file = zip(&[("vae/data.pkl", pickle(call))]);
        let source = Source {
            name: "vae.pth".into(),
            bytes: file,
        };
        let error = import(&[source], &options()).unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("state_dict"),
            "{error}"
        );
    }
}

#[test]
fn weights_that_lie_beside_a_file_are_asked_for() {
    for kind in ["onnx", "tfjs layers", "tfjs graph"] {
        let (_, mut files) = all().into_iter().find(|(name, _)| *name == kind).unwrap();
        files.retain(|file| !file.name.ends_with(".data") && !file.name.ends_with(".bin"));
        let error = import(&files, &options()).unwrap_err().to_string();
        assert!(error.contains("give ") && error.contains("too"), "{error}");
    }
}

#[test]
fn a_zip_of_a_folder_holds_its_files_and_a_checkpoint_stays_one() {
    let files = vec![
        Source {
            name: "mine/model.json".into(),
            bytes: b"{}".to_vec(),
        },
        Source {
            name: "mine/weights.safetensors".into(),
            bytes: vec![1, 2, 3],
        },
    ];
    let entries: Vec<_> = files
        .iter()
        .map(|file| (file.name.as_str(), file.bytes.clone()))
        .collect();
    let zip = Source {
        name: "mine.zip".into(),
        bytes: zip(&entries),
    };
    assert_eq!(unpack(vec![zip]).unwrap(), files);
    let checkpoint = Source {
        name: "vae.pth".into(),
        bytes: torch(),
    };
    assert_eq!(unpack(vec![checkpoint.clone()]).unwrap(), [checkpoint]);
}
