//! Both Fréchet distances in the figures, and what is added to them later.

use super::figures::{Evaluation, Seen};
use super::samples::SEEN_SEED;
use crate::data::Images;
use crate::network::efficientnet::{EfficientNet, SIDE};
use crate::release::loaded::LoadedModel;
use burn::tensor::Device;
use std::path::Path;

#[test]
fn both_distances_are_named_and_one_that_was_not_measured_says_so() {
    let mut measured = Evaluation {
        frechet: 0.5,
        images: 12_000,
        dimensions: 28 * 28,
        ..Evaluation::default()
    };
    let assert_has = |measured: &Evaluation, parts: &[&str]| {
        let table = measured.table();
        for part in parts {
            assert!(table.contains(part), "{part:?} is not in\n{table}");
        }
    };
    let untrained = "untrained convolutional network | 0.5000 | 0.0000 | 0.0000 | 10000 |";
    let no_fid = "Neither is the FID of papers";
    let fetch = "`vaelet data fetch features`";
    let missing = "EfficientNet-Lite0 features | not measured |";
    assert_has(&measured, &[untrained, no_fid, missing, fetch]);

    let mut seen = Seen {
        own: 716.04,
        normal: 900.0,
        data: 208.0,
        images: 212,
        side: 64,
        resized: true,
        grey: true,
        seed: 7,
    };
    measured.frechet_efficientnet = Some(seen.clone());
    let resized = "EfficientNet-Lite0 features, resized to 64×64 (bilinear), grey as RGB, \
                   seed 7 | 716.0 | 900.0 | 208.0 | 212 |";
    assert_has(&measured, &[untrained, no_fid, resized]);
    assert!(!measured.table().contains(fetch));
    (seen.resized, seen.grey) = (false, false);
    measured.frechet_efficientnet = Some(seen);
    assert_has(&measured, &["EfficientNet-Lite0 features, 64×64, seed 7 |"]);
    assert!(serde_json::to_string(&measured).unwrap().contains("716.04"));
}

#[test]
fn the_second_distance_is_added_where_it_is_missing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/faces-map");
    let release = LoadedModel::read(&folder, Device::flex()).unwrap();
    let network = EfficientNet::tiny(&release.device);
    let shape = release.model.spec.input;
    let pixels = (0..12 * shape.len()).map(|i| (i * i / 7 % 251) as u8);
    let images = Images::unlabelled(pixels.collect(), shape);
    let add = |measured: Evaluation, network| {
        let added = measured.with_missing(&release, &images, &images, network);
        added.unwrap().frechet_efficientnet
    };
    assert_eq!(add(Evaluation::default(), None), None);
    let seen = add(Evaluation::default(), Some(&network)).unwrap();
    let how = (seen.images, seen.side, seen.seed);
    assert_eq!(how, (12, SIDE, SEEN_SEED));
    assert!(seen.resized && seen.grey);
    // The training images are the test images, and no sample is one of them.
    assert!(seen.own.min(seen.normal) > 1.0, "{seen:?}");
    assert!(seen.data < 1e-6 * seen.own, "{seen:?}");

    let kept = Seen { own: 1.0, ..seen };
    let before = Evaluation {
        frechet_efficientnet: Some(kept.clone()),
        ..Evaluation::default()
    };
    assert_eq!(add(before, Some(&network)), Some(kept));
}
