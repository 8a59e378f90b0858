//! What each use does, on small released models.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use image::GrayImage;
use image::codecs::jpeg::JpegEncoder;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use vaelet_model::{Architecture, ImageShape, Model, random};
use vaelet_uses::compress::{Codec, Contents, read, write};
use vaelet_uses::group::Graph;
use vaelet_uses::{Calibration, Engine, Error, Observation, Plan, shrink};

fn model(name: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../models")
        .join(name);
    let json = fs::read_to_string(folder.join("model.json")).unwrap();
    let architecture = Architecture::read(&json).unwrap();
    let weights = fs::read(folder.join(&architecture.spec.weights.file)).unwrap();
    architecture.fill(&weights).unwrap()
}

/// A Bernoulli model with an image of its own.
fn digits() -> (Engine, Vec<f32>) {
    with_example("digits-beta-1")
}

/// A Gaussian one.
fn faces() -> (Engine, Vec<f32>) {
    with_example("faces-map")
}

fn with_example(name: &str) -> (Engine, Vec<f32>) {
    let model = model(name);
    let mut engine = Engine::new(&model).unwrap();
    let example = match model.spec.examples.first() {
        Some(example) => example
            .pixels
            .iter()
            .map(|v| f32::from(*v) / 255.0)
            .collect(),
        None => engine.decode(&vec![0.3; engine.latent()]),
    };
    (engine, example)
}

fn error(a: &[f32], b: &[f32]) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f32>() / a.len() as f32
}

/// What comes back of a grey picture that is saved as JPEG.
fn saved_as_jpeg(picture: &[f32], quality: u8, input: ImageShape) -> Vec<f32> {
    let bytes = picture.iter().map(|v| (v * 255.0).round() as u8).collect();
    let [width, height] = [input.width, input.height].map(|side| side as u32);
    let image = GrayImage::from_raw(width, height, bytes).unwrap();
    let mut file = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut file, quality);
    image.write_with_encoder(encoder).unwrap();
    let back = image::load_from_memory(file.get_ref())
        .unwrap()
        .into_luma8();
    back.iter().map(|v| f32::from(*v) / 255.0).collect()
}

/// Whether each pixel is in the upper half.
fn upper(engine: &Engine) -> Vec<bool> {
    let input = engine.input();
    (0..input.height * input.width)
        .map(|i| i / input.width < input.height / 2)
        .collect()
}

const QUICK: Plan = Plan {
    count: 3,
    climb: 12,
    walk: 8,
    seed: 5,
};

#[test]
fn inference_explains_better_than_the_encoder() {
    for (mut engine, picture) in [digits(), faces()] {
        let observation = Observation::whole(&picture);
        let plan = |climb| Plan {
            climb,
            ..Plan::default()
        };
        let mut infer = |climb| {
            engine
                .infer(&observation, plan(climb), &mut || true)
                .unwrap()
                .remove(0)
        };
        let (encoder, found) = (infer(0), infer(25));
        assert!(found.log_joint() > encoder.log_joint());
    }
}

#[test]
fn a_seed_gives_the_same_bits_and_another_seed_others() {
    let (mut engine, picture) = digits();
    let seen = upper(&engine);
    let mut complete = |seed| {
        let plan = Plan { seed, ..QUICK };
        engine
            .complete(&picture, &seen, false, plan, &mut || true)
            .unwrap()
    };
    let (first, again, other) = (complete(5), complete(5), complete(6));
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert_ne!(first[1].z, first[2].z);
}

#[test]
fn inference_stops_when_it_is_told_to() {
    let (mut engine, picture) = digits();
    for most in [0, 1, 14] {
        let mut left = most;
        let mut go_on = || {
            left -= 1;
            left >= 0
        };
        let answers = engine
            .infer(&Observation::whole(&picture), QUICK, &mut go_on)
            .unwrap();
        assert_eq!(answers.len(), 3);
        assert!(left == -1);
    }
}

#[test]
fn a_completion_keeps_what_was_seen_and_explains_it() {
    let (mut engine, picture) = digits();
    let seen = upper(&engine);
    // What is hidden does not matter.
    let mut other = picture.clone();
    other[400..].iter_mut().for_each(|v| *v = 1.0 - *v);
    for given in [&picture, &other] {
        for (i, answer) in engine
            .complete(given, &seen, true, QUICK, &mut || true)
            .unwrap()
            .iter()
            .enumerate()
        {
            assert_eq!(answer.picture[..392], picture[..392]);
            let drawn = engine.decode(&answer.z);
            let half = error(&drawn[..392], &picture[..392]);
            assert!(half < 0.05, "{i}: {half}");
        }
    }
    let first = |picture: &[f32], engine: &mut Engine| {
        engine
            .complete(picture, &seen, false, QUICK, &mut || true)
            .unwrap()
            .remove(0)
    };
    let [a, b] = [&picture, &other].map(|picture| first(picture, &mut engine));
    assert_eq!(a.z, b.z);
    let loose = a.picture[..392].iter().zip(&picture);
    assert!(loose.filter(|(a, b)| a != b).count() > 100);
}

#[test]
fn cleaning_takes_noise_away() {
    for (mut engine, _) in [digits(), faces()] {
        let latent = random::normals(8, engine.latent());
        let picture = engine.decode(&latent);
        let noise = random::normals(2, picture.len());
        let noisy: Vec<f32> = picture
            .iter()
            .zip(&noise)
            .map(|(x, e)| x + 0.2 * e)
            .collect();
        let cut: Vec<f32> = noisy.iter().map(|v| v.clamp(0.0, 1.0)).collect();
        for given in [noisy, cut] {
            let cleaned = engine
                .clean(&Observation::noisy(&given, 0.2), &mut || true)
                .unwrap();
            let (before, after) = (error(&given, &picture), error(&cleaned, &picture));
            assert!(after < 0.3 * before, "{before} {after}");
            assert!(cleaned.iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}

#[test]
fn specks_are_taken_away_and_other_values_stay() {
    for (mut engine, picture) in [digits(), faces()] {
        let chances = random::uniforms(4, picture.len());
        let speck = |(x, chance): (&f32, &f32)| match *chance {
            chance if chance < 0.1 => 0.0,
            chance if chance < 0.2 => 1.0,
            _ => *x,
        };
        let noisy: Vec<f32> = picture.iter().zip(&chances).map(speck).collect();
        let cleaned = engine
            .clean(&Observation::specked(&noisy, 0.2), &mut || true)
            .unwrap();
        assert!(error(&cleaned, &picture) < 0.25 * error(&noisy, &picture));
        // What is neither black nor white is no speck.
        let grey = |x: f32| x > 0.0 && x < 1.0;
        assert!(noisy.iter().zip(&cleaned).all(|(x, y)| !grey(*x) || x == y));
    }
}

#[test]
fn a_picture_that_was_saved_as_jpeg_is_mended() {
    for (mut engine, _) in [digits(), faces()] {
        let picture = engine.decode(&random::normals(8, engine.latent()));
        let saved = saved_as_jpeg(&picture, 10, engine.input());
        let mended = engine
            .clean(&Observation::saved(&saved, 10), &mut || true)
            .unwrap();
        let (before, after) = (error(&saved, &picture), error(&mended, &picture));
        assert!(after < 0.5 * before, "{before} {after}");
    }
}

#[test]
fn an_enlarged_picture_has_the_means_that_were_given() {
    let (mut engine, _) = faces();
    let picture = engine.decode(&[0.7, -0.4]);
    let small = shrink(&picture, engine.input(), 4);
    let answers = engine.enlarge(&small, 4, QUICK, &mut || true).unwrap();
    let smooth = engine.stretch(&small, 4);
    assert!(error(&answers[0].picture, &picture) < 0.5 * error(&smooth, &picture));
    for answer in answers {
        assert!(error(&shrink(&answer.picture, engine.input(), 4), &small) < 1e-4);
    }
}

#[test]
fn strangers_score_higher_than_own_pictures_and_empty_ones_too() {
    let (mut engine, own) = digits();
    let latents = random::normals(4, 240 * engine.latent());
    let pictures = engine.decode(&latents);
    // Drawn as the model says, so that they are no smoother than pictures are.
    let chances = random::uniforms(4, pictures.len());
    let drawn: Vec<f32> = pictures
        .iter()
        .zip(&chances)
        .map(|(p, u)| f32::from(u8::from(u < p)))
        .collect();
    let figures: Vec<_> = drawn
        .chunks_exact(784)
        .map(|x| engine.figures(x).unwrap())
        .collect();
    let calibration = Calibration::of(&figures).unwrap();
    calibration.check().unwrap();
    let binary: Vec<f32> = own.iter().map(|v| f32::from(u8::from(*v > 0.5))).collect();
    let mine = engine.score(&binary, &calibration).unwrap();
    for stranger in [vec![0.0; 784], vec![1.0; 784], random::uniforms(1, 784)] {
        let scored = engine.score(&stranger, &calibration).unwrap();
        assert!(scored.score > mine.score, "{} {}", scored.score, mine.score);
        assert_eq!(scored.percentile, 100.0);
    }
    // The map shows where.
    let mut marked = binary.clone();
    marked[..56].fill(1.0);
    let map = engine.score(&marked, &calibration).unwrap().map;
    let (top, rest): (f32, f32) = (map[..56].iter().sum(), map[112..].iter().sum());
    assert!(top > rest, "{top} {rest}");
    // A place without anything of what is usual there, though the picture as a whole has enough of it.
    let mut flat = binary.clone();
    for y in 10..18 {
        flat[y * 28 + 10..y * 28 + 18].fill(0.5);
    }
    let scored = engine.score(&flat, &calibration).unwrap();
    let [damaged, before] = [scored.place_percentile, mine.place_percentile];
    assert!(damaged > before && damaged == 100.0, "{damaged} {before}");
    let middle = scored.map[14 * 28 + 14];
    assert!(middle > 10.0 && scored.map[0] < 0.1 * middle, "{middle}");
    // By likelihood alone an empty canvas would be the most normal of all.
    let empty = engine.score(&[0.0; 784], &calibration).unwrap();
    assert!(empty.neg_log_likelihood < mine.neg_log_likelihood);
    assert!(Calibration::of(&figures[..79]).is_err());
    for damage in [
        |c: &mut Calibration| c.factor[0] = 0.0,
        |c: &mut Calibration| c.squares.factors[0] = -1.0,
        |c: &mut Calibration| c.squares.means.truncate(3),
        |c: &mut Calibration| c.squares.weights[0] = f64::NAN,
        |c: &mut Calibration| c.places.reverse(),
        |c: &mut Calibration| c.scores.clear(),
    ] {
        let mut damaged = calibration.clone();
        damage(&mut damaged);
        assert!(damaged.check().is_err());
    }
}

#[test]
fn black_and_white_pictures_come_back_bit_by_bit() {
    let (mut engine, own) = digits();
    let mut pictures: Vec<f32> = own.iter().map(|v| f32::from(u8::from(*v > 0.5))).collect();
    // Nothing that the model knows: they only take more.
    let noise = random::uniforms(3, 784);
    pictures.extend(noise.iter().map(|v| f32::from(u8::from(*v > 0.5))));
    pictures.extend([0.0; 784]);
    let packed = engine.pack(&pictures, &mut || true).unwrap();
    assert_eq!(
        engine.unpack(&packed.words, 3, &mut || true).unwrap(),
        pictures
    );
    let own = engine.pack(&pictures[..784], &mut || true).unwrap();
    assert!(32 * own.words.len() - own.borrowed_bits < 350, "{own:?}");
    assert!(engine.unpack(&packed.words, 2, &mut || true).is_err());
    assert!(engine.pack(&[0.5; 784], &mut || true).is_err());
    assert_eq!(engine.pack(&pictures, &mut || false), Err(Error::Cancelled));
    let (mut faces, picture) = faces();
    assert!(faces.pack(&picture, &mut || true).is_err());
}

#[test]
fn a_damaged_file_is_an_error() {
    let (mut engine, own) = digits();
    let picture: Vec<f32> = own.iter().map(|v| f32::from(u8::from(*v > 0.5))).collect();
    let words = engine.pack(&picture, &mut || true).unwrap().words;
    let message = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let contents = Contents {
        lossless: true,
        count: 1,
        message,
    };
    let file = write(&engine, &contents).unwrap();
    assert_eq!(read(&engine, &file).unwrap(), contents);
    assert_eq!(contents.words(), words);
    for i in 0..file.len() {
        assert!(read(&engine, &file[..i]).is_err(), "cut at {i}");
        for bit in [1, 0x80] {
            let mut damaged = file.clone();
            damaged[i] ^= bit;
            assert!(read(&engine, &damaged).is_err(), "byte {i}");
        }
    }
    let (faces, _) = faces();
    assert!(matches!(read(&faces, &file), Err(Error::OtherModel { .. })));
    // Words that a checksum was made for, but no encoder wrote.
    for seed in 0..40 {
        let words: Vec<u32> = random::uniforms(seed, 12)
            .iter()
            .map(|v| (v * 4e9) as u32)
            .collect();
        assert!(engine.unpack(&words, 1, &mut || true).is_err());
    }
}

#[test]
fn a_few_bytes_hold_a_picture_and_more_bytes_a_better_one() {
    let (mut engine, _) = faces();
    let mut codec = Codec::new(&mut engine);
    let picture = engine.decode(&[0.7, -0.4]);
    let errors = [4, 5, 16].map(|bytes| {
        let code = engine.squeeze(&mut codec, &picture, bytes).unwrap();
        assert_eq!(code.len(), bytes);
        error(&engine.expand(&mut codec, &code), &picture)
    });
    assert!(errors[0] < 0.01 && errors[2] <= errors[0], "{errors:?}");
    assert!(errors[2] < 2e-3, "{errors:?}");
    assert!(engine.squeeze(&mut codec, &picture, 3).is_err());
    // Whatever the bytes are, they are a picture.
    for seed in 0..20 {
        let bytes: Vec<u8> = random::uniforms(seed, 9)
            .iter()
            .map(|v| (v * 256.0) as u8)
            .collect();
        let picture = engine.expand(&mut codec, &bytes);
        assert!(picture.iter().all(|v| v.is_finite()));
    }
    let (mut digits, own) = digits();
    let mut codec = Codec::new(&mut digits);
    let code = digits.squeeze(&mut codec, &own, 12).unwrap();
    assert!(error(&digits.expand(&mut codec, &code), &own) < 0.04);
}

#[test]
fn what_cannot_be_observed_is_an_error_that_says_so() {
    let (mut engine, picture) = digits();
    let whole = Observation::whole(&picture);
    let wrong = [
        Observation {
            scale: 0,
            ..whole.clone()
        },
        Observation {
            scale: 3,
            ..whole.clone()
        },
        Observation {
            values: vec![0.0; 7],
            ..whole.clone()
        },
        Observation {
            values: vec![f32::NAN; 784],
            ..whole.clone()
        },
        Observation {
            seen: vec![true; 3],
            ..whole.clone()
        },
        Observation {
            noise: -1.0,
            ..whole.clone()
        },
        Observation {
            noise: f32::NAN,
            ..whole.clone()
        },
        Observation {
            jpeg: 101,
            ..whole.clone()
        },
        Observation {
            jpeg: 20,
            noise: 0.1,
            ..whole.clone()
        },
    ];
    for observation in wrong {
        let error = engine.infer(&observation, QUICK, &mut || true).unwrap_err();
        assert!(error.to_string().contains("expected"), "{error}");
    }
    for count in [0, 257] {
        let plan = Plan { count, ..QUICK };
        assert!(engine.infer(&whole, plan, &mut || true).is_err());
    }
    // Nothing at all was seen: a sample of what the model knows.
    let nothing = Observation::part(&picture, &[false; 784]);
    let answers = engine.infer(&nothing, QUICK, &mut || true).unwrap();
    assert!(
        answers
            .iter()
            .all(|a| a.log_likelihood == 0.0 && a.log_prior.is_finite())
    );
}

#[test]
fn groups_are_what_hangs_together() {
    // Three rings, one inside the other, which no straight lines part.
    let noise = random::normals(6, 3 * 80 * 2);
    let points: Vec<f32> = (0..240)
        .flat_map(|i| {
            let angle = i as f32 * std::f32::consts::TAU / 80.0;
            let ring = [2.0, 6.0, 12.0][i / 80];
            [angle.cos(), angle.sin()].map(|v| v * ring)
        })
        .zip(noise)
        .map(|(v, e)| v + 0.05 * e)
        .collect();
    let graph = Graph::of(&points, 2, &mut || true).unwrap();
    let groups = graph.clusters(3, 1).unwrap();
    assert_eq!(groups, graph.clusters(3, 1).unwrap());
    for ring in groups.chunks_exact(80) {
        assert!(ring.iter().all(|group| *group == ring[0]), "{groups:?}");
    }
    assert!(groups[0] != groups[80] && groups[80] != groups[160] && groups[0] != groups[160]);
    // One name in each is enough.
    let named = graph.spread(&[(3, 2), (90, 0), (200, 1)], 3).unwrap();
    for (i, (name, share)) in named.into_iter().enumerate() {
        assert_eq!(name, [2, 0, 1][i / 80]);
        assert!(share > 0.5);
    }
    assert!(graph.spread(&[], 3).is_err());
    assert!(graph.spread(&[(0, 3)], 3).is_err());
    assert!(graph.clusters(0, 1).is_err());
    assert!(Graph::of(&[1.0, 2.0], 2, &mut || true).is_err());
    assert_eq!(Graph::of(&points, 2, &mut || false), Err(Error::Cancelled));
    // Points that are the same, and fewer than neighbours.
    let same = Graph::of(&[0.5; 8], 2, &mut || true).unwrap();
    assert_eq!(same.clusters(2, 1).unwrap().len(), 4);
}

/// A file that was made by an earlier version, with 60 digits.
///
/// Where this fails, the kernels add up in another order than before: files that people have made
/// cannot be read any more. Then the number in the file's first bytes has to change, and this one is
/// made again.
#[test]
fn a_file_of_an_earlier_version_is_still_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let (mut engine, _) = digits();
    let file = fs::read(folder.join("digits.vae")).unwrap();
    let contents = read(&engine, &file).unwrap();
    let pictures = engine
        .unpack(&contents.words(), contents.count, &mut || true)
        .unwrap();
    let latents = random::normals(12, 60 * engine.latent());
    let drawn = engine.decode(&latents);
    // Decoded in another batch, a probability may differ in its last bit: no pixel lies that near.
    let expected = drawn.iter().map(|p| f32::from(u8::from(*p > 0.5)));
    assert!(expected.eq(pictures.iter().copied()));
    // And packing gives that file again, here as in a browser (`tests/browser/uses.test.mjs`).
    let packed = engine.pack(&pictures, &mut || true).unwrap();
    assert_eq!(packed.words, contents.words());
}
