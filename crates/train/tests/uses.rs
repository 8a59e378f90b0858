//! The commands that use a model on a folder of pictures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use image::{GrayImage, Luma};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn vaelet(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vaelet"));
    command
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../models")
        .join(name)
}

/// A folder with a copy of the smallest model of digits, and some digits as it was released with.
fn workplace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("model");
    fs::create_dir_all(&copy).unwrap();
    for name in ["model.json", "weights.safetensors"] {
        fs::copy(model("digits-beta-1").join(name), copy.join(name)).unwrap();
    }
    let pictures = dir.path().join("pictures/more");
    fs::create_dir_all(&pictures).unwrap();
    let text = fs::read_to_string(copy.join("model.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (i, example) in value["examples"].as_array().unwrap().iter().enumerate() {
        let pixels = example["pixels"].as_array().unwrap();
        let pixel = |x: u32, y: u32| Luma([pixels[(y * 28 + x) as usize].as_u64().unwrap() as u8]);
        let folder = if i == 0 {
            pictures.parent().unwrap()
        } else {
            &pictures
        };
        GrayImage::from_fn(28, 28, pixel)
            .save(folder.join(format!("{i}.png")))
            .unwrap();
    }
    dir
}

fn read(path: &Path) -> GrayImage {
    image::open(path).unwrap().into_luma8()
}

#[test]
fn pictures_come_back_from_one_file() {
    let dir = workplace();
    let at = |name: &str| dir.path().join(name);
    let done = vaelet(
        dir.path(),
        &[
            "compress",
            "model",
            "--images",
            "pictures",
            "--out",
            "digits.vae",
        ],
    );
    assert!(done.status.success(), "{}", errors(&done));
    let done = vaelet(
        dir.path(),
        &["decompress", "model", "digits.vae", "--out", "back"],
    );
    assert!(done.status.success(), "{}", errors(&done));
    let given = read(&at("pictures/0.png"));
    let back = read(&at("back/0000.png"));
    for (given, back) in given.pixels().zip(back.pixels()) {
        assert_eq!(back.0[0], if given.0[0] >= 128 { 255 } else { 0 });
    }
    assert!(at("back/0009.png").is_file() && !at("back/0010.png").exists());

    let done = vaelet(
        dir.path(),
        &[
            "compress",
            "model",
            "--images",
            "pictures",
            "--out",
            "small.vae",
            "--bytes",
            "6",
        ],
    );
    assert!(done.status.success(), "{}", errors(&done));
    assert_eq!(fs::read(at("small.vae")).unwrap().len(), 21 + 10 * 6 + 4);
    let done = vaelet(
        dir.path(),
        &["decompress", "model", "small.vae", "--out", "rough"],
    );
    assert!(done.status.success() && at("rough/0009.png").is_file());

    let mut damaged = fs::read(at("digits.vae")).unwrap();
    damaged[40] ^= 1;
    fs::write(at("damaged.vae"), damaged).unwrap();
    let done = vaelet(
        dir.path(),
        &["decompress", "model", "damaged.vae", "--out", "never"],
    );
    assert_eq!(done.status.code(), Some(1));
    assert!(errors(&done).contains("damaged.vae") && errors(&done).contains("checksum"));
    let other = model("digits-beta-4").display().to_string();
    let done = vaelet(
        dir.path(),
        &["decompress", &other, "digits.vae", "--out", "never"],
    );
    assert!(errors(&done).contains("another model"), "{}", errors(&done));
    assert!(!at("never").exists());
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_done() {
    let dir = workplace();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("pictures/broken.png"), "no picture").unwrap();
    let done = vaelet(
        dir.path(),
        &[
            "clean", "model", "--images", "pictures", "--out", "clean", "--noise", "0.2",
        ],
    );
    assert_eq!(done.status.code(), Some(3));
    assert!(errors(&done).contains("broken.png") && errors(&done).contains("1 could not be read"));
    assert!(at("clean/0.png").is_file() && at("clean/more/9.png").is_file());
    let clean = [
        "clean", "model", "--images", "pictures", "--out", "saved", "--jpeg",
    ];
    let done = vaelet(dir.path(), &[&clean[..], &["20"]].concat());
    assert_eq!(done.status.code(), Some(3));
    assert!(at("saved/more/9.png").is_file());
    let done = vaelet(dir.path(), &[&clean[..], &["101"]].concat());
    assert!(errors(&done).contains("1..=100"), "{}", errors(&done));
    let done = vaelet(
        dir.path(),
        &[
            "clean", "model", "--images", "nowhere", "--out", "clean", "--noise", "0.2",
        ],
    );
    assert_eq!(done.status.code(), Some(1));
    assert!(errors(&done).contains("nowhere"));
}

#[test]
fn a_mask_hides_what_is_filled_in() {
    let dir = workplace();
    let at = |name: &str| dir.path().join(name);
    let mask = |black: bool| {
        GrayImage::from_fn(28, 28, |_, y| {
            Luma([if black && y >= 14 { 0 } else { 255 }])
        })
    };
    mask(true).save(at("mask.png")).unwrap();
    mask(false).save(at("nothing.png")).unwrap();
    let arguments = [
        "fill", "model", "--images", "pictures", "--out", "full", "--count", "2", "--mask",
    ];
    let done = vaelet(dir.path(), &[&arguments[..], &["mask.png"]].concat());
    assert!(done.status.success(), "{}", errors(&done));
    let given = read(&at("pictures/0.png"));
    for name in ["full/0-1.png", "full/0-2.png"] {
        let filled = read(&at(name));
        assert_eq!(filled.as_raw()[..392], given.as_raw()[..392]);
    }
    assert_ne!(read(&at("full/0-1.png")), read(&at("full/0-2.png")));
    let done = vaelet(dir.path(), &[&arguments[..], &["nothing.png"]].concat());
    assert!(errors(&done).contains("hides nothing"));
    let done = vaelet(
        dir.path(),
        &[
            "enlarge", "model", "--images", "pictures", "--out", "large", "--scale", "3",
        ],
    );
    assert!(errors(&done).contains("divides both"), "{}", errors(&done));
}

#[test]
fn a_score_needs_to_know_the_models_own_pictures() {
    let dir = workplace();
    let at = |name: &str| dir.path().join(name);
    let arguments = ["detect", "model", "--images", "pictures", "--out", "scores"];
    let done = vaelet(dir.path(), &arguments);
    assert!(errors(&done).contains("--data"), "{}", errors(&done));
    let calibrated = model("digits-beta-1").join("calibration.json");
    fs::copy(calibrated, at("model/calibration.json")).unwrap();
    // An empty canvas is stranger than any digit.
    GrayImage::new(28, 28)
        .save(at("pictures/empty.png"))
        .unwrap();
    let done = vaelet(
        dir.path(),
        &[&arguments[..], &["--threshold", "99.9"]].concat(),
    );
    assert_eq!(done.status.code(), Some(4), "{}", errors(&done));
    let table = fs::read_to_string(at("scores/scores.csv")).unwrap();
    let strange: Vec<&str> = table
        .lines()
        .filter(|line| line.split(',').nth(2) == Some("100.00"))
        .collect();
    assert_eq!(strange.len(), 1, "{table}");
    assert!(strange[0].starts_with("empty.png"));
    let columns = "file,score,percentile,place_percentile,neg_log_likelihood";
    assert_eq!(table.lines().next(), Some(columns));
    assert!(at("scores/empty-where.png").is_file() && at("scores/more/9-where.png").is_file());
    fs::write(at("model/calibration.json"), "{\"weights\": 3}").unwrap();
    let done = vaelet(dir.path(), &arguments);
    assert!(errors(&done).contains("other weights"), "{}", errors(&done));
}

/// An IDX file of bytes, in gzip.
fn write_idx(path: &Path, dimensions: &[u32], bytes: &[u8]) {
    let mut contents = vec![0, 0, 8, dimensions.len() as u8];
    contents.extend(dimensions.iter().flat_map(|n| n.to_be_bytes()));
    contents.extend(bytes);
    let file = fs::File::create(path).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(&contents).unwrap();
    packed.finish().unwrap();
}

#[test]
fn a_class_is_held_out_and_the_card_says_what_came_of_it() {
    let dir = workplace();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("data")).unwrap();
    // Upright bars, lying bars, and squares, in many places.
    for (split, count) in [("train", 240_u32), ("t10k", 300)] {
        let labels: Vec<u8> = (0..count).map(|i| (i % 3) as u8).collect();
        let pixel = |i: u32| {
            let (n, y, x) = (i / 784, i % 784 / 28, i % 28);
            let (down, across) = (2 + n * 7 % 16, 2 + n * 5 % 16);
            let [tall, wide] = [[10, 3], [3, 10], [6, 6]][(n % 3) as usize];
            let inside = (down..down + tall).contains(&y) && (across..across + wide).contains(&x);
            if inside { 200 + (n % 50) as u8 } else { 0 }
        };
        let pixels: Vec<u8> = (0..count * 784).map(pixel).collect();
        let images = at(&format!("data/{split}-images-idx3-ubyte.gz"));
        write_idx(&images, &[count, 28, 28], &pixels);
        let names = at(&format!("data/{split}-labels-idx1-ubyte.gz"));
        write_idx(&names, &[count], &labels);
    }
    fs::write(at("model/README.md"), "# Digits\n\nWeights: some\n").unwrap();
    let measure = ["measure", "uses", "model", "--data", "data", "--card"];
    let arguments = [&measure[..], &["--only", "held-out"]].concat();
    let done = vaelet(dir.path(), &arguments);
    assert!(done.status.success(), "{}", errors(&done));
    let card = fs::read_to_string(at("model/README.md")).unwrap();
    for row in ["mean of 3 classes", "class 0", "class 1", "class 2"] {
        let row = format!("| held-out class | {row} | ");
        assert!(card.contains(&row), "{card}");
    }
    assert!(card.ends_with("--card\n\nWeights: some\n"), "{card}");
}

#[test]
fn groups_and_names_are_a_table() {
    let dir = workplace();
    let at = |name: &str| dir.path().join(name);
    let done = vaelet(
        dir.path(),
        &[
            "group",
            "model",
            "--images",
            "pictures",
            "--out",
            "groups.csv",
            "--groups",
            "2",
        ],
    );
    assert!(done.status.success(), "{}", errors(&done));
    let table = fs::read_to_string(at("groups.csv")).unwrap();
    assert_eq!(table.lines().count(), 11);
    fs::write(at("names.csv"), "file,name\n0.png,naught\nmore/1.png,one\n").unwrap();
    let named = [
        "group",
        "model",
        "--images",
        "pictures",
        "--out",
        "named.csv",
        "--names",
    ];
    let done = vaelet(dir.path(), &[&named[..], &["names.csv"]].concat());
    assert!(done.status.success(), "{}", errors(&done));
    let table = fs::read_to_string(at("named.csv")).unwrap();
    assert!(table.contains("0.png,naught,") && table.contains("1.png,one,"));
    fs::write(at("names.csv"), "file,name\nelsewhere.png,naught\n").unwrap();
    let done = vaelet(dir.path(), &[&named[..], &["names.csv"]].concat());
    assert!(errors(&done).contains("elsewhere.png"));
}

#[test]
fn what_is_not_known_of_the_images_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let digits = model("digits");
    let failure = |arguments: &[&str]| {
        let output = vaelet(dir.path(), arguments);
        assert!(!output.status.success());
        errors(&output)
    };
    let said = failure(&["measure", "factors", digits.to_str().unwrap()]);
    assert!(
        said.contains("the factors of the model's images are not known"),
        "{said}"
    );
    let said = failure(&["train", "digits", "--out", "out"]);
    assert!(
        said.contains("give the folder of the model's data set with --data"),
        "{said}"
    );
    let said = failure(&["train", "shapes", "--data", ".", "--out", "out"]);
    assert!(said.contains("drawn, not read; leave --data out"), "{said}");
}

/// Every row of the README's table of uses stands on the card that it names.
#[test]
fn the_readme_says_what_stands_on_the_cards() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, uses) = readme.split_once("\n## Uses\n").unwrap();
    let (uses, _) = uses.split_once("\n## ").unwrap();
    let mut rows = 0;
    for line in uses.lines().filter(|line| line.starts_with("| [")) {
        let (model, row) = line[3..].split_once("](").unwrap();
        let (_, row) = row.split_once(") ").unwrap();
        let card = fs::read_to_string(root.join("models").join(model).join("README.md")).unwrap();
        assert!(card.lines().any(|line| line == row), "{model}: {row}");
        rows += 1;
    }
    assert!(rows > 20, "{rows}");
}
