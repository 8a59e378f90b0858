//! Runs that are interrupted, resumed, damaged or too fast.

use super::checkpoint::{CHECKPOINT, PROGRESS};
use super::run::SLOWER;
use super::*;
use crate::data::Measure;
use crate::data::batch;
use crate::network::growth::grown;
use crate::network::growth::tests::untrained;
use crate::network::{Labelled, to_vec};
use crate::presets::{pictures, preset, sharpened};
use crate::release::loaded::LoadedModel;
use crate::release::snapshots::write as release;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::path::Path;
use vaelet_model::{Activation, Condition, ImageShape, Layer, Tensors, latent};

fn images() -> Images {
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let (count, len) = (300, 28 * 28);
    let pixels = (0..count * len).map(|_| rng.next_u32() as u8).collect();
    let shape = ImageShape {
        channels: 1,
        height: 28,
        width: 28,
    };
    Images::unlabelled(pixels, shape)
}

fn settings(folder: &Path, epochs: usize, mode: Mode) -> Settings {
    Settings {
        preset: preset("digits-beta-1").unwrap(),
        epochs,
        seed: 3,
        run: folder.into(),
        mode,
        begin: None,
        devices: vec![Device::flex()],
        features: None,
        snapshots: Vec::new(),
    }
}

fn train_as(settings: &Settings, images: &Images) -> Result<Tensors> {
    let [encoder, decoder] = settings.preset.spec.chains()?;
    let graphs = Graphs { encoder, decoder };
    train(settings, &graphs, images)?
        .network
        .to_tensors(&graphs)
}

fn run(folder: &Path, epochs: usize, mode: Mode) -> Result<Tensors> {
    train_as(&settings(folder, epochs, mode), &images())
}

/// What a person reads where that fails.
fn failure(settings: &Settings, images: &Images) -> String {
    format!("{:#}", train_as(settings, images).unwrap_err())
}

#[test]
fn an_interrupted_run_loses_one_epoch_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, cut] = ["whole", "cut"].map(|name| dir.path().join(name));
    let expected = run(&whole, 2, Mode::Start).unwrap();

    // A run is cut off in its second epoch: the first one's checkpoint is there, and
    // the second one's half written.
    fs::create_dir_all(&cut).unwrap();
    let stopped = cut.join(".checkpoint.next");
    fs::rename(whole.join(".checkpoint.last"), cut.join(CHECKPOINT)).unwrap();
    fs::create_dir(&stopped).unwrap();
    fs::write(stopped.join("network.bpk"), "half").unwrap();
    assert_eq!(run(&cut, 2, Mode::Resume).unwrap(), expected);

    // Another between the two renames of its last checkpoint.
    fs::write(cut.join(CHECKPOINT).join("complete"), "").unwrap();
    fs::rename(cut.join(CHECKPOINT), &stopped).unwrap();
    assert_eq!(run(&cut, 2, Mode::Export).unwrap(), expected);
}

#[test]
fn snapshots_are_those_of_the_steps_asked_for_and_survive_an_interruption() {
    let dir = tempfile::tempdir().unwrap();
    // A pass has two steps, of which the very first changes nothing: the learning rate begins at 0.
    let wanted = [0.0, 1.0, 1.5, 2.0];
    let with = |name: &str, mode| Settings {
        snapshots: wanted.into(),
        ..settings(&dir.path().join(name), 2, mode)
    };
    let kept =
        |name: &str| wanted.map(|passes| snapshots::read(&dir.path().join(name), passes).unwrap());
    train_as(&with("whole", Mode::Start), &images()).unwrap();
    let whole = kept("whole");
    let [encoder, decoder] = with("whole", Mode::Start).preset.spec.chains().unwrap();
    let graphs = Graphs { encoder, decoder };
    let fresh = Network::init(&graphs, 3, &Device::flex());
    assert_eq!(whole[0], Some(fresh.to_tensors(&graphs).unwrap()));
    assert!(whole.windows(2).all(|pair| pair[0] != pair[1]));

    // Cut off in the second epoch: what the first has kept is there, and the rest is made again.
    fs::create_dir(dir.path().join("cut")).unwrap();
    let from = |name: &str| dir.path().join("whole").join(name);
    fs::rename(
        from(".checkpoint.last"),
        dir.path().join("cut").join(CHECKPOINT),
    )
    .unwrap();
    fs::create_dir(dir.path().join("cut/snapshots")).unwrap();
    let first = "snapshots/0.safetensors";
    fs::copy(from(first), dir.path().join("cut").join(first)).unwrap();
    train_as(&with("cut", Mode::Resume), &images()).unwrap();
    assert_eq!(kept("cut"), whole);

    // Each becomes a model folder that is listed with what it reaches.
    let (run, model, mut test) = (dir.path().join("whole"), dir.path().join("model"), images());
    test.labels = (0..test.count()).map(|i| (i % 10) as u8).collect();
    let spec = preset("digits-beta-1").unwrap().spec;
    let mut asked = wanted.to_vec();
    asked.push(7.0);
    release(&model, &run, &spec, &asked, 300, &test, &Device::flex()).unwrap();
    let list: serde_json::Value =
        serde_json::from_slice(&fs::read(model.join("snapshots.json")).unwrap()).unwrap();
    assert_eq!(list["snapshots"].as_array().unwrap().len(), 4);
    assert_eq!(list["labels"].as_array().unwrap().len(), 300);
    let last = &list["snapshots"][3];
    assert_eq!(last["means"].as_array().unwrap().len(), 300 * 10);
    assert!(last["reconstruction"].as_f64().unwrap() > 0.0);
    let folder = last["folder"].as_str().unwrap();
    assert_eq!(folder, "snapshots/2");
    LoadedModel::read(&model.join(folder), Device::flex()).unwrap();
}

#[test]
fn sharpening_goes_on_as_if_it_had_not_been_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let plain = pictures(
        "any",
        "Any",
        crate::cli::args::subject("dot,dots").unwrap(),
        "",
        16,
    );
    let preset = sharpened(plain.clone(), 2);
    let device = Device::flex().autodiff();
    let with = |name: &str, mode| Settings {
        preset: Preset {
            batch: 4,
            patience: None,
            ..preset.clone()
        },
        begin: Some(grown(untrained(&plain.spec), &preset.spec).unwrap()),
        features: Some(EfficientNet::tiny(&device)),
        ..settings(&dir.path().join(name), 2, mode)
    };
    let shape = plain.spec.input;
    let pixels = (0..8 * shape.len()).map(|i| (i * i / 7) as u8).collect();
    let images = Images::unlabelled(pixels, shape);
    let expected = train_as(&with("whole", Mode::Start), &images).unwrap();
    let last = dir.path().join("whole/.checkpoint.last");
    fs::create_dir(dir.path().join("cut")).unwrap();
    fs::rename(last, dir.path().join("cut").join(CHECKPOINT)).unwrap();
    let resumed = train_as(&with("cut", Mode::Resume), &images).unwrap();
    assert_eq!(resumed, expected);
}

#[test]
fn a_run_is_not_overwritten_and_goes_on_only_as_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let resume = settings(dir.path(), 1, Mode::Resume);
    let missing = failure(&resume, &images());
    assert!(missing.contains("no checkpoint"), "{missing}");
    run(dir.path(), 1, Mode::Start).unwrap();
    let start = settings(dir.path(), 1, Mode::Start);
    let taken = failure(&start, &images());
    assert!(taken.contains("--resume"), "{taken}");

    let with = |change: &dyn Fn(&mut Settings)| {
        let mut changed = resume.clone();
        change(&mut changed);
        failure(&changed, &images())
    };
    let mut brighter = images();
    brighter.pixels[0] ^= 1;
    for (error, words) in [
        (failure(&resume, &brighter), "images 300 (checksum"),
        (with(&|s| s.seed = 4), "--seed 3"),
        (
            with(&|s| s.preset = preset("digits").unwrap()),
            "the model digits-beta-1",
        ),
        (
            with(&|s| s.preset.beta = 2.0),
            "a weight of the KL term of 1",
        ),
        (with(&|s| s.preset.batch = 64), "a batch of 128"),
        (
            with(&|s| s.preset.patience = Some(3)),
            "images held out false",
        ),
    ] {
        assert!(error.contains(words), "{words} is not in: {error}");
    }
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), 1, Mode::Start).unwrap();
    let resume = settings(dir.path(), 1, Mode::Resume);
    for name in ["network.bpk", "averaged.bpk", "optimizer.bpk", PROGRESS] {
        let path = dir.path().join(CHECKPOINT).join(name);
        let whole = fs::read(&path).unwrap();
        let half = &whole[..whole.len() / 2];
        for damaged in [half, &[], b"nothing of the kind", b"{}"] {
            fs::write(&path, damaged).unwrap();
            let error = failure(&resume, &images());
            assert!(error.contains(name) && error.contains("damaged"), "{error}");
        }
        fs::remove_file(&path).unwrap();
        assert!(failure(&resume, &images()).contains(name));
        fs::write(&path, whole).unwrap();
    }
    train_as(&resume, &images()).unwrap();
}

#[test]
fn a_loss_that_is_no_number_is_not_saved_and_the_advice_works() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(dir.path(), 1, Mode::Start);
    let rate = settings.preset.learning_rate;
    settings.preset.learning_rate = 1e38;
    let error = failure(&settings, &images());
    assert!(error.contains("epoch 1; start again") && error.contains("--learning-rate"));

    settings.preset.learning_rate = rate;
    train_as(&settings, &images()).unwrap();
    let before = fs::read(dir.path().join("checkpoint/network.bpk")).unwrap();
    // In the middle of an epoch, and with the last of its steps.
    (settings.mode, settings.epochs) = (Mode::Resume, 3);
    let mut few = settings.clone();
    few.run = dir.path().join("few");
    for (settings, images) in [(&mut settings, images()), (&mut few, first(&images(), 128))] {
        if settings.run != dir.path() {
            (settings.mode, settings.epochs) = (Mode::Start, 1);
            train_as(settings, &images).unwrap();
            (settings.mode, settings.epochs) = (Mode::Resume, 3);
        }
        settings.preset.learning_rate = 1e38;
        let error = failure(settings, &images);
        assert!(error.contains("--resume --learning-rate 25000"), "{error}");
        settings.preset.learning_rate = rate * SLOWER;
        settings.epochs = 2;
        train_as(settings, &images).unwrap();
    }
    let last = fs::read(dir.path().join(".checkpoint.last/network.bpk")).unwrap();
    assert_eq!(last, before);
}

fn first(images: &Images, count: usize) -> Images {
    let pixels = images.pixels[..count * images.shape.len()].to_vec();
    Images::unlabelled(pixels, images.shape)
}

/// The grey value of one pixel among noise is nothing to an autoencoder, but to a head that reads it from z it is.
#[test]
fn what_a_head_reads_is_in_the_latent_and_the_head_in_no_model() {
    let dir = tempfile::tempdir().unwrap();
    let mut images = first(&images(), 256);
    let values = (0..256).map(|i| images.image(i)[400].into()).collect();
    images.measures = vec![Measure {
        name: "dark".into(),
        values,
    }];
    let with = |name: &str, regression, mode| {
        let mut settings = settings(&dir.path().join(name), 24, mode);
        (settings.preset.regression, settings.preset.batch) = (regression, 32);
        settings.preset.learning_rate = 3e-3;
        settings
    };
    let known = |settings: &Settings| {
        let [encoder, decoder] = settings.preset.spec.chains().unwrap();
        let graphs = Graphs { encoder, decoder };
        let network = train(settings, &graphs, &images).unwrap().network;
        let x = batch::to_tensor(images.plain(&images.spread(256)), 256, &Device::flex());
        let means = to_vec(network.encode(&graphs, x.into()).0).unwrap();
        // The latent that is most like the measure.
        let values = &images.deviations()[0];
        let correlation = |latent: usize| {
            let column = Images {
                measures: vec![Measure {
                    name: String::new(),
                    values: means.iter().skip(latent).step_by(10).copied().collect(),
                }],
                ..images.clone()
            };
            let column = column.deviations().remove(0);
            let products = column.iter().zip(values).map(|(a, b)| a * b);
            (products.sum::<f32>() / 256.0).abs()
        };
        let squares = (0..10).map(|latent| correlation(latent).powi(2));
        (squares.sum::<f32>(), network.to_tensors(&graphs).unwrap())
    };
    let (without, plain) = known(&with("plain", 0.0, Mode::Start));
    let (read, tensors) = known(&with("read", 300.0, Mode::Start));
    assert!(read > 0.5 && without < 0.3, "{read} {without}");
    assert!(plain.keys().eq(tensors.keys()));
    // A checkpoint has the head, and a run goes on with it or not at all.
    let (_, again) = known(&with("read", 300.0, Mode::Export));
    assert_eq!(again, tensors);
    let error = failure(&with("read", 0.0, Mode::Resume), &images);
    assert!(error.contains("300"), "{error}");
}

/// A decoder learns to draw another character of the font than its encoder has read.
#[test]
fn a_conditional_model_learns_the_class_and_not_only_the_image() {
    let dir = tempfile::tempdir().unwrap();
    // Two characters, a bar across and a bar down, in eight fonts that differ in brightness.
    let shape = ImageShape {
        channels: 1,
        height: 16,
        width: 16,
    };
    let (mut pixels, mut labels, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for font in 0..8u32 {
        for class in 0..2u8 {
            let ink = 100 + 20 * font as u8;
            pixels.extend((0..256).map(|i| {
                let place = if class == 0 { i / 16 } else { i % 16 };
                if (6..10).contains(&place) { ink } else { 0 }
            }));
            labels.push(class);
            groups.push(font);
        }
    }
    let images = Images {
        labels,
        groups,
        binarize: false,
        ..Images::unlabelled(pixels, shape)
    };
    let mut settings = settings(dir.path(), 150, Mode::Start);
    let condition = |outputs, params: &str| Layer::Condition {
        outputs,
        activation: Activation::Silu,
        params: params.into(),
    };
    let spec = &mut settings.preset.spec;
    (spec.input, spec.latents[0].size) = (shape, 2);
    spec.condition = Some(Condition {
        name: "bar".into(),
        classes: vec!["across".into(), "down".into()],
    });
    spec.encoder = vec![
        Layer::linear(256, 16, Activation::None, "e.0"),
        condition(16, "e.1"),
        Layer::linear(16, 4, Activation::None, "e.2"),
    ];
    spec.decoder = vec![
        Layer::linear(2, 16, Activation::None, "d.0"),
        condition(16, "d.1"),
        Layer::linear(16, 256, Activation::Sigmoid, "d.2"),
        Layer::reshape([16, 16, 1]),
    ];
    (settings.preset.batch, settings.preset.learning_rate) = (16, 1e-2);
    let [encoder, decoder] = settings.preset.spec.chains().unwrap();
    let graphs = Graphs { encoder, decoder };
    let network = train(&settings, &graphs, &images).unwrap().network;
    let given = |values: Vec<f32>, classes: &[usize]| Labelled {
        values: batch::to_tensor(values, 1, &Device::flex()),
        condition: Some(batch::to_tensor(
            latent::one_hot(classes, 1, 2),
            1,
            &Device::flex(),
        )),
        written: None,
    };
    // From the bar across of one font, both of its bars.
    let (mean, _) = network.encode(&graphs, given(images.plain(&[6]), &[0]));
    let z = to_vec(mean).unwrap();
    for (class, image) in [(0, 6), (1, 7)] {
        let drawn = to_vec(network.decode(&graphs, given(z.clone(), &[class]))).unwrap();
        let expected = images.plain(&[image]);
        let squares = drawn.iter().zip(&expected).map(|(a, b)| (a - b).powi(2));
        let error = (squares.sum::<f32>() / 256.0).sqrt();
        assert!(error < 0.1, "class {class}: {error}");
    }
}
