//! What a newcomer does: a folder of pictures becomes a model, and the model is measured.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use image::{Rgb, RgbImage};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn vaelet(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaelet"));
    command
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn assert_done(output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// Discs of many colours and sizes on a ground of another colour, as PNG and JPEG.
fn draw_pictures(folder: &Path, count: u32) {
    fs::create_dir_all(folder).unwrap();
    for i in 0..count {
        let [a, b, c] = [i * 37 % 256, i * 101 % 256, i * 53 % 256].map(|v| v as u8);
        let radius = 6 + i % 9;
        let picture = RgbImage::from_fn(40, 32, |x, y| {
            let (dx, dy) = (x.abs_diff(20), y.abs_diff(16));
            if dx * dx + dy * dy < radius * radius {
                Rgb([a, b, c])
            } else {
                Rgb([c, 255 - a, b])
            }
        });
        let extension = if i % 3 == 0 { "jpg" } else { "png" };
        picture
            .save(folder.join(format!("{i}.{extension}")))
            .unwrap();
    }
}

#[test]
fn a_folder_of_pictures_becomes_a_model() {
    let dir = tempfile::tempdir().unwrap();
    draw_pictures(&dir.path().join("mine"), 90);
    fs::write(dir.path().join("mine/broken.png"), "no picture").unwrap();
    fs::write(dir.path().join("mine/.DS_Store"), "of the system").unwrap();
    let train = [
        "train",
        "--images",
        "mine",
        "--size",
        "16",
        "--out",
        "models/discs",
        "--subject",
        "disc, discs",
    ];

    let output = vaelet(dir.path(), &[&train[..], &["--epochs", "2"]].concat());
    assert_done(&output);
    let errors = String::from_utf8_lossy(&output.stderr);
    for words in [
        "pictures for training",
        "pictures for evaluation",
        "1 left out:",
        "mine/broken.png: it is not a PNG",
        "1 hidden files",
    ] {
        assert!(errors.contains(words), "{words} is not in: {errors}");
    }
    assert!(!dir.path().join("models/.discs.next").exists());
    for file in [
        "models/discs/model.json",
        "models/discs/weights.safetensors",
        "models/discs/golden.safetensors",
        "models/discs/atlas.json",
        "models/discs/atlas.jpg",
        "models/discs/README.md",
        "models/discs/reconstructions.jpg",
        "runs/discs/samples.png",
        "runs/discs/curves.svg",
    ] {
        assert!(dir.path().join(file).is_file(), "{file} is missing");
    }

    let spec = fs::read_to_string(dir.path().join("models/discs/model.json")).unwrap();
    let spec: serde_json::Value = serde_json::from_str(&spec).unwrap();
    assert_eq!(
        spec["subject"],
        serde_json::json!({ "one": "disc", "many": "discs" })
    );
    assert_eq!(spec["weights"]["precision"], "i8");

    // The same command again would lose the run.
    let again = vaelet(dir.path(), &train);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("--resume"));

    let output = vaelet(
        dir.path(),
        &[
            "evaluate",
            "models/discs",
            "--data",
            "mine",
            "--json",
            "--nll-samples",
            "20",
            "--report",
            "report",
        ],
    );
    assert_done(&output);
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(figures["psnr"].as_f64().unwrap() > 3.0, "{figures}");
    // Nobody has fetched the network of the second Fréchet distance.
    assert!(figures["frechet_efficientnet"].is_null(), "{figures}");
    let card = fs::read_to_string(dir.path().join("models/discs/README.md")).unwrap();
    assert!(card.contains("not measured"), "{card}");
    assert!(dir.path().join("report/samples.jpg").is_file());

    // Written again without a measurement, all is as it was; with other weights nothing is.
    let model = dir.path().join("models/discs");
    let contents = |name: &str| fs::read(model.join(name)).unwrap();
    let names = [
        "model.json",
        "golden.safetensors",
        "figures.json",
        "README.md",
    ];
    let before = names.map(contents);
    let again = [
        "complete",
        "models/discs",
        "--data",
        "mine",
        "--keep-figures",
    ];
    fs::remove_file(model.join("golden.safetensors")).unwrap();
    assert_done(&vaelet(dir.path(), &again));
    for (name, before) in names.into_iter().zip(before) {
        assert!(contents(name) == before, "{name} has changed");
    }
    let figures = fs::read_to_string(model.join("figures.json")).unwrap();
    let hash = spec["weights"]["sha256"].as_str().unwrap();
    let other = figures.replace(hash, &"0".repeat(64));
    assert_ne!(other, figures);
    fs::write(model.join("figures.json"), other).unwrap();
    let refused = vaelet(dir.path(), &again);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("other weights"));

    // A replacement that was killed between its two renames is ended by whoever reads it next.
    let [model, next] = ["models/discs", "models/.discs.next"].map(|name| dir.path().join(name));
    fs::write(model.join("complete"), "").unwrap();
    fs::rename(&model, next).unwrap();
    let sample =
        |options: &[&str]| vaelet(dir.path(), &[&["sample", "models/discs"], options].concat());
    assert_done(&sample(&["--out", "new/samples.jpeg", "--count", "2"]));
    assert_done(&sample(&["--out", "samples.PNG", "--count", "2"]));
    assert!(!model.join("complete").exists());
    fs::write(dir.path().join("file"), "").unwrap();
    for (options, words) in [
        (&["--out", "models"][..], "must end in .png or .jpg"),
        (
            &["--out", "file/samples.png"],
            "cannot write file/samples.png",
        ),
        (&["--out", "samples.gif"], "must end in .png or .jpg"),
        #[cfg(target_os = "linux")]
        (&["--out", "full.png"], "cannot write full.png"),
        (
            &["--out", "a.png", "--count", "1000000000"],
            "at most 10,000",
        ),
        (
            &["--out", "a.png", "--temperature", "nan"],
            "a number of at least 0",
        ),
    ] {
        #[cfg(target_os = "linux")]
        if options == ["--out", "full.png"] {
            // A device that is always full.
            std::os::unix::fs::symlink("/dev/full", dir.path().join("full.png")).unwrap();
        }
        let output = sample(options);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(words),
            "{options:?}: {errors}"
        );
    }
}

#[test]
fn few_flat_pictures_become_a_model_and_fewer_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("mine");
    fs::create_dir(&mine).unwrap();
    let draw = |range: std::ops::Range<u8>| {
        for i in range {
            let colour = if i % 2 == 0 { [0; 3] } else { [255; 3] };
            let picture = RgbImage::from_pixel(8, 8, Rgb(colour));
            picture.save(mine.join(format!("{i}.png"))).unwrap();
        }
    };
    let train = |out: &str| {
        let options = [
            "--images", "mine", "--size", "16", "--epochs", "1", "--out", out,
        ];
        vaelet(dir.path(), &[&["train"], &options[..]].concat())
    };
    draw(0..3);
    let output = train("models/three");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && errors.contains("add more"),
        "{errors}"
    );
    draw(3..60);
    assert_done(&train("models/flat"));
    let output = train("mine/0.png/model");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("cannot write to mine/0.png/model"),
        "{errors}"
    );
}
