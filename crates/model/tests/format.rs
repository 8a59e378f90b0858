//! Reading a model: a good one whole, a bad one never, and no panic in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use vaelet_model::{
    Data, EntryPoint, Error, Model, ModelSpec, Notation, Params, Precision, Priors, Program,
    Tensor, Tensors, WeightsFile, latent, random, read_tensors, write_tensors,
};

const LAYERS: &str = r#"
    "encoder": [
        {"type": "conv2d", "in_channels": 1, "out_channels": 4, "kernel": 4, "stride": 2,
         "padding": 1, "activation": "relu", "params": "encoder.0"},
        {"type": "residual", "activation": "silu", "layers": [
            {"type": "conv2d", "in_channels": 4, "out_channels": 2, "kernel": 3, "stride": 1,
             "padding": 1, "activation": "relu", "params": "encoder.1"},
            {"type": "conv2d", "in_channels": 2, "out_channels": 4, "kernel": 3, "stride": 1,
             "padding": 1, "params": "encoder.2"}]},
        {"type": "linear", "inputs": 64, "outputs": 10, "params": "encoder.3"}],
    "decoder": [
        {"type": "linear", "inputs": 5, "outputs": 64, "activation": "relu", "params": "decoder.0"},
        {"type": "reshape", "channels": 16, "height": 2, "width": 2},
        {"type": "conv_transpose2d", "in_channels": 16, "out_channels": 4, "kernel": 4, "stride": 2,
         "padding": 1, "activation": "relu", "params": "decoder.1"},
        {"type": "upsample"},
        {"type": "conv2d", "in_channels": 4, "out_channels": 1, "kernel": 3, "stride": 1,
         "padding": 1, "activation": "sigmoid", "params": "decoder.2"}],"#;

fn json(layers: &str, weights: &WeightsFile) -> String {
    let WeightsFile {
        file,
        bytes,
        sha256,
        precision,
    } = weights;
    let precision = format!("{precision:?}").to_lowercase();
    let weights = format!(
        r#"{{"file":"{file}","bytes":{bytes},"sha256":"{sha256}","precision":"{precision}"}}"#
    );
    format!(
        r#"{{"format": "vaelet/1", "name": "tiny", "title": "Tiny",
        "input": {{"channels": 1, "height": 8, "width": 8}},
        "likelihood": {{"kind": "bernoulli"}},
        "latents": [
            {{"name": "shape", "size": 3, "prior": {{"kind": "standard_normal"}}}},
            {{"name": "style", "size": 2, "prior": {{"kind": "standard_normal"}}}}],
        {layers} "weights": {weights}, "licence": "", "credit": ""}}"#
    )
}

fn spec(layers: &str) -> Result<ModelSpec, Error> {
    ModelSpec::parse(&json(layers, &WeightsFile::describe("w.safetensors", &[])))
}

fn tensors(program: &Program) -> Tensors {
    program
        .params()
        .flat_map(Params::stored)
        .map(|(name, shape)| {
            let data = random::normals(1, shape.iter().product());
            (name, Tensor { shape, data })
        })
        .collect()
}

fn files() -> (String, Vec<u8>) {
    files_of(Precision::F16)
}

fn files_of(precision: Precision) -> (String, Vec<u8>) {
    let tensors = tensors(&Program::of(&spec(LAYERS).unwrap()).unwrap());
    let weights = write_tensors("w.safetensors", &tensors, precision).unwrap();
    (
        json(LAYERS, &WeightsFile::describe("w.safetensors", &weights)),
        weights,
    )
}

#[test]
fn a_good_model_is_read_and_fused() {
    let (json, weights) = files();
    let model = Model::read(&json, &weights).unwrap();
    assert_eq!(model.spec.latent_size(), 5, "two groups");
    let [encoder, decoder] = model.spec.chains().unwrap();
    assert_eq!(
        encoder.steps.len(),
        4,
        "a residual block is two steps, a reshape none"
    );
    assert_eq!(encoder.steps[2].add, Some(encoder.steps[0].output));
    assert_eq!(decoder.steps.len(), 3, "an upsampling is no step");
    assert_eq!(model.weights.get("decoder.2.weight").len(), 4 * 4 * 4);
    let again = ModelSpec::parse(&model.spec.to_json().unwrap()).unwrap();
    assert_eq!(again, model.spec);
}

#[test]
fn an_error_names_file_field_found_and_expected() {
    let says = |layers: &str, words: &[&str]| {
        let error = spec(layers).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{error}");
        }
    };
    says(
        &LAYERS.replace("\"inputs\": 64", "\"inputs\": 65"),
        &["model.json", "encoder[2].inputs", "64", "65"],
    );
    says(
        &LAYERS.replace("\"stride\": 1", "\"stride\": 0"),
        &["encoder[1].layers[0].stride", "0"],
    );
    says(
        &LAYERS.replace("\"kernel\": 3", "\"kernel\": 33"),
        &["encoder[1].layers[0].kernel"],
    );
    says(
        &LAYERS.replace(
            "\"padding\": 1, \"params\": \"encoder.2\"",
            "\"padding\": 0, \"params\": \"encoder.2\"",
        ),
        &["encoder[1].layers", "4×4×4", "4×2×2"],
    );
    says(
        &LAYERS.replace("\"outputs\": 10", "\"outputs\": 11"),
        &["encoder", "10×1×1", "11×1×1"],
    );
    says(
        &LAYERS.replace("conv2d", "conv5d"),
        &["model.json", "conv5d"],
    );
    says(
        &LAYERS.replace("\"outputs\": 64", "\"outputs\": 99999999"),
        &["decoder[0].outputs"],
    );
    let upsample = r#"{"type": "upsample"},"#;
    says(
        &LAYERS.replace(upsample, &upsample.repeat(2)),
        &["decoder[4]", "after upsample a conv2d"],
    );

    let (good, weights) = files();
    let other = ModelSpec::parse(&good.replace("vaelet/1", "vaelet/9"))
        .unwrap_err()
        .to_string();
    assert!(
        other.contains("vaelet/1") && other.contains("vaelet/9"),
        "{other}"
    );
    let elsewhere = good.replace("w.safetensors", "../w.safetensors");
    assert!(
        ModelSpec::parse(&elsewhere).is_err(),
        "a path instead of a name"
    );
    assert!(matches!(
        Model::read("<!doctype html>", &weights),
        Err(Error::Syntax { .. })
    ));
    let cut = &weights[..weights.len() - 1];
    assert!(matches!(Model::read(&good, cut), Err(Error::Length { .. })));
    let mut flipped = weights.clone();
    flipped[weights.len() / 2] ^= 1;
    assert!(matches!(
        Model::read(&good, &flipped),
        Err(Error::Hash { .. })
    ));
}

#[test]
fn weights_must_be_finite_and_of_the_right_shape() {
    let program = Program::of(&spec(LAYERS).unwrap()).unwrap();
    let good = tensors(&program);
    let read = |tensors: &Tensors| {
        let weights = write_tensors("w.safetensors", tensors, Precision::F32).unwrap();
        Model::read(
            &json(LAYERS, &WeightsFile::describe("w.safetensors", &weights)),
            &weights,
        )
        .map_err(|e| e.to_string())
    };
    assert!(read(&good).is_ok());
    let mut bad = good.clone();
    bad.get_mut("decoder.1.bias").unwrap().data[0] = f32::NAN;
    assert!(read(&bad).unwrap_err().contains("decoder.1.bias"));
    let mut bad = good.clone();
    bad.get_mut("encoder.0.weight").unwrap().shape.swap(2, 3);
    assert!(read(&bad).unwrap_err().contains("[4, 4, 1, 4]"));
    let mut bad = good.clone();
    bad.remove("encoder.3.weight");
    assert!(read(&bad).unwrap_err().contains("encoder.3.weight"));
    let mut large = good;
    large.get_mut("encoder.3.bias").unwrap().data[0] = 1e6;
    assert!(write_tensors("w.safetensors", &large, Precision::F16).is_err());
}

/// Weights of several types in one file are described by the widest.
#[test]
fn the_precision_is_stated_and_kept() {
    let tensors = tensors(&Program::of(&spec(LAYERS).unwrap()).unwrap());
    let stored = |precision| write_tensors("w.safetensors", &tensors, precision).unwrap();
    for precision in [Precision::I8, Precision::F16, Precision::F32] {
        let described = WeightsFile::describe("w.safetensors", &stored(precision));
        assert_eq!(described.precision, precision);
    }
    let mixed = mixed(&tensors);
    let described = WeightsFile::describe("w.safetensors", &mixed);
    assert_eq!(described.precision, Precision::F32);
    let good = json(LAYERS, &described);
    let model = Model::read(&good, &mixed).unwrap();
    assert_eq!(model.weights.get("encoder.0.bias")[0], 1e-9);

    let error = |json: &str| Model::read(json, &mixed).unwrap_err().to_string();
    for narrower in ["i8", "f16"] {
        let error = error(&good.replace("\"f32\"", &format!("\"{narrower}\"")));
        assert!(
            error.contains("encoder.0.bias") && error.contains("F32"),
            "{error}"
        );
    }
    let error = error(&good.replace("\"f32\"", "\"f64\""));
    assert!(error.contains("weights.precision"), "{error}");

    // Files from before the field promise nothing.
    let old = good.replace(",\"precision\":\"f32\"", "");
    assert!(!old.contains("precision"));
    let old = Model::read(&old, &mixed).unwrap();
    assert_eq!(old.spec.weights.precision, Precision::F32);
    assert!(!old.architecture().is_f16());
}

/// Of one byte a value, but for a bias that no f16 holds.
fn mixed(tensors: &Tensors) -> Vec<u8> {
    let bytes = write_tensors("w.safetensors", tensors, Precision::I8).unwrap();
    let narrow = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut views = narrow.tensors();
    let bias: Vec<u8> = [1e-9f32, 0.0, 1e6, -1.0]
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect();
    for (name, view) in &mut views {
        if name == "encoder.0.bias" {
            let wide =
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![4], &bias);
            *view = wide.unwrap();
        }
    }
    safetensors::serialize(views, None).unwrap()
}

/// A GPU with f16 would round a kernel that is summed at load, and one without would not.
#[test]
fn a_kernel_summed_at_load_is_no_f16() {
    let (json, weights) = files();
    let model = Model::read(&json, &weights).unwrap();
    assert_eq!(model.spec.weights.precision, Precision::F16);
    assert!(!model.architecture().is_f16(), "it has an upsampling");
    let plain = LAYERS.replace(
        r#"{"type": "upsample"},"#,
        r#"{"type": "conv_transpose2d", "in_channels": 4, "out_channels": 4, "kernel": 4,
            "stride": 2, "padding": 1, "params": "decoder.up"},"#,
    );
    let program = Program::of(&spec(&plain).unwrap()).unwrap();
    let tensors = tensors(&program);
    let weights = write_tensors("w.safetensors", &tensors, Precision::F16).unwrap();
    let described = WeightsFile::describe("w.safetensors", &weights);
    let model = Model::read(&self::json(&plain, &described), &weights).unwrap();
    assert!(model.architecture().is_f16());
}

#[test]
fn a_bernoulli_decoder_ends_in_a_sigmoid() {
    for other in ["none", "relu", "silu"] {
        let layers = LAYERS.replace("sigmoid", other);
        let error = spec(&layers).unwrap_err().to_string();
        for word in ["decoder", "sigmoid", "bernoulli"] {
            assert!(error.contains(word), "{error}");
        }
        let described = WeightsFile::describe("w.safetensors", &[]);
        let gaussian = r#"{"kind": "gaussian", "sigma": 0.1}"#;
        let gaussian = json(&layers, &described).replace(r#"{"kind": "bernoulli"}"#, gaussian);
        assert!(ModelSpec::parse(&gaussian).is_ok(), "{other}");
    }
}

#[test]
fn a_subject_is_read_and_written() {
    let (good, _) = files();
    let title = r#""title": "Tiny","#;
    let with = |subject: &str| {
        let subject = format!("{title} \"subject\": {subject},");
        ModelSpec::parse(&good.replace(title, &subject))
    };
    assert_eq!(ModelSpec::parse(&good).unwrap().subject, None);
    let cat = with(r#"{"one": "cat", "many": "cats"}"#).unwrap();
    let subject = cat.subject.as_ref().unwrap();
    assert_eq!((&*subject.one, &*subject.many), ("cat", "cats"));
    assert_eq!(ModelSpec::parse(&cat.to_json().unwrap()).unwrap(), cat);

    let digit = r#"{"one": "digit", "many": "digits", "unseen": "Digits nobody wrote", "drawing": "mnist"}"#;
    let error = with(digit).unwrap_err().to_string();
    assert!(
        error.contains("1×28×28") && error.contains("1×8×8"),
        "{error}"
    );
    let free = with(&digit.replace("mnist", "free"))
        .unwrap_err()
        .to_string();
    assert!(
        free.contains("subject.drawing") && free.contains("mnist"),
        "{free}"
    );
    let nameless = with(r#"{"many": "cats"}"#).unwrap_err().to_string();
    assert!(nameless.contains("subject.one"), "{nameless}");
}

const SOUND: &str = r#"{"kind": "sound", "rate": 8000, "window": 256, "hop": 80, "lowest": 50,
    "highest": 4000, "range": 72}"#;

#[test]
fn what_the_values_stand_for_is_read_and_written() {
    let with = |data: &str| spec(&format!(r#"{LAYERS} "data": {data},"#));
    assert_eq!(spec(LAYERS).unwrap().data, Data::Image);
    assert!(
        !spec(LAYERS)
            .unwrap()
            .to_json()
            .unwrap()
            .contains("\"data\"")
    );
    assert_eq!(with(r#"{"kind": "image"}"#).unwrap().data, Data::Image);
    let sound = with(SOUND).unwrap();
    let Data::Sound(scale) = sound.data else {
        panic!("{:?}", sound.data)
    };
    assert_eq!(scale.samples(8), 256 + 7 * 80);
    assert_eq!(ModelSpec::parse(&sound.to_json().unwrap()).unwrap(), sound);
    // A page's program reads the field by itself.
    assert_eq!(Data::parse(SOUND, sound.input).unwrap(), sound.data);
}

const SEQUENCE: &str =
    r#"{"kind": "sequence", "symbols": ["", "a", "[C]"], "end": 0, "capitals": true}"#;

/// A model of texts of up to four symbols.
fn sequence(data: &str) -> String {
    let layers = r#"
        "encoder": [{"type": "linear", "inputs": 12, "outputs": 10, "params": "e"}],
        "decoder": [{"type": "linear", "inputs": 5, "outputs": 12, "params": "d"},
                    {"type": "reshape", "channels": 3, "height": 1, "width": 4}],"#;
    json(
        &format!(r#"{layers} "data": {data},"#),
        &WeightsFile::describe("w.safetensors", &[]),
    )
    .replace(
        r#""channels": 1, "height": 8, "width": 8"#,
        r#""channels": 3, "height": 1, "width": 4"#,
    )
    .replace(
        r#"{"kind": "bernoulli"}"#,
        r#"{"kind": "categorical", "symbols": 3}"#,
    )
}

#[test]
fn texts_are_spelled_by_their_model() {
    let text = sequence(SEQUENCE);
    let spec = ModelSpec::parse(&text).unwrap();
    let Data::Sequence(spelling) = &spec.data else {
        panic!("{:?}", spec.data)
    };
    assert_eq!(spelling.spell("a[C]a"), Ok(vec![1, 2, 1]));
    assert_eq!(spelling.spell("a[N]"), Err("[N]"));
    assert_eq!(spelling.text([2, 1, 0, 1]), "[C]a");
    assert_eq!(ModelSpec::parse(&spec.to_json().unwrap()).unwrap(), spec);
    assert_eq!(Data::parse(SEQUENCE, spec.input).unwrap(), spec.data);
}

#[test]
fn texts_say_what_they_stand_for() {
    let text = sequence(SEQUENCE);
    let text = text.replace(r#""capitals": true"#, r#""notation": "selfies""#);
    let spec = ModelSpec::parse(&text).unwrap();
    let Data::Sequence(spelling) = &spec.data else {
        panic!("{:?}", spec.data)
    };
    assert_eq!(spelling.notation, Some(Notation::Selfies));
    assert_eq!(ModelSpec::parse(&spec.to_json().unwrap()).unwrap(), spec);
}

#[test]
fn texts_that_cannot_be_spelled_are_refused() {
    let refused = |from: &str, to: &str, expected: &str| {
        let good = sequence(SEQUENCE);
        assert!(good.contains(from), "{from}");
        let error = ModelSpec::parse(&good.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{from} → {to}: {error}");
    };
    refused(r#""a", "[C]"]"#, r#""a"]"#, "data.symbols");
    refused(r#""a", "[C]"]"#, r#""a", "a"]"#, "data.symbols[2]");
    refused(r#""a", "[C]"]"#, r#""", "a"]"#, "data.symbols[1]");
    refused(r#""end": 0"#, r#""end": 3"#, "data.end");
    refused(r#""end": 0"#, r#""end": -1"#, "data.end");
    refused(r#""capitals": true"#, r#""capitals": 1"#, "data.capitals");
    refused(r#""capitals": true"#, r#""more": true"#, "more");
    refused(
        r#""capitals": true"#,
        r#""notation": "music""#,
        "data.notation",
    );
    refused(r#""symbols": 3}"#, r#""symbols": 4}"#, "input.channels");
    refused(r#""symbols": 3}"#, r#""symbols": 0}"#, "likelihood.symbols");
    refused(
        r#"{"kind": "categorical", "symbols": 3}"#,
        r#"{"kind": "gaussian", "sigma": 1}"#,
        "likelihood",
    );
    refused(&format!(r#""data": {SEQUENCE},"#), "", "likelihood");
    refused(
        r#""outputs": 12,"#,
        r#""outputs": 12, "activation": "sigmoid","#,
        "decoder",
    );
}

/// A decoder whose places read the two symbols before them.
const READING: &str = r#"{"type": "reshape", "channels": 3, "height": 1, "width": 4},
    {"type": "context", "reach": 2, "outputs": 3, "activation": "silu", "params": "c"},
    {"type": "residual", "layers": [
        {"type": "conv2d", "in_channels": 3, "out_channels": 3, "kernel": 1, "stride": 1, "padding": 0, "params": "r"}]}],"#;

#[test]
fn decoders_read_the_text_before_each_place() {
    let plain = r#"{"type": "reshape", "channels": 3, "height": 1, "width": 4}],"#;
    let good = sequence(SEQUENCE).replace(plain, READING);
    let spec = ModelSpec::parse(&good).unwrap();
    assert_eq!(spec.reach(), 2);
    assert_eq!(
        ModelSpec::parse(&sequence(SEQUENCE)).unwrap().reach(),
        0,
        "others do not"
    );
    assert_eq!(ModelSpec::parse(&spec.to_json().unwrap()).unwrap(), spec);
    let program = Program::of(&spec).unwrap();
    let shapes = |name| -> Vec<_> {
        let inputs = program.entry(name).unwrap().inputs.iter();
        inputs.map(|&value| program.values[value].shape).collect()
    };
    let context = [1, 4, 6];
    assert_eq!(shapes(EntryPoint::Encode), [[1, 4, 3]]);
    assert_eq!(shapes(EntryPoint::Decode), [[1, 1, 5], context]);
    assert_eq!(
        shapes(EntryPoint::Autoencode),
        [[1, 4, 3], [1, 1, 5], context]
    );
    assert_eq!(tensors(&program)["c.weight"].shape, [1, 1, 6, 3]);

    let refused = |from: &str, to: &str, expected: &[&str]| {
        assert!(good.contains(from), "{from}");
        let error = ModelSpec::parse(&good.replacen(from, to, 1)).and_then(|spec| {
            spec.chains()?;
            Program::of(&spec)
        });
        let error = error.unwrap_err().to_string();
        for expected in expected {
            assert!(error.contains(expected), "{from} → {to}: {error}");
        }
    };
    refused(r#""reach": 2"#, r#""reach": 0"#, &["decoder[2]", "text"]);
    refused(r#""reach": 2"#, r#""reach": 5"#, &["decoder[2].reach"]);
    refused(r#""reach": 2"#, r#""reach": 1e15"#, &["decoder[2].reach"]);
    refused(
        r#""outputs": 3, "activation""#,
        r#""outputs": 4, "activation""#,
        &["decoder[2]", "4×1×4"],
    );
    refused(
        r#""kernel": 1, "stride": 1, "padding": 0"#,
        r#""kernel": 3, "stride": 1, "padding": 1"#,
        &["decoder[3].layers[0]", "kernel 1"],
    );
    let linear = r#"{"type": "context", "reach": 2, "outputs": 3, "params": "c"}, {"type": "linear", "inputs": 12, "outputs": 12, "params": "c"},"#;
    let start = good.find(r#"{"type": "context""#).unwrap();
    let layer = &good[start..start + good[start..].find("},").unwrap() + 2];
    refused(layer, linear, &["decoder[3]", "kernel 1"]);
    let twice = format!("{layer}{}", layer.replace("\"reach\": 2", "\"reach\": 1"));
    refused(layer, &twice, &["decoder[3].reach", "2", "1"]);
    // An encoder has read the text anyway.
    let encoder = r#"{"type": "context", "reach": 2, "outputs": 3, "params": "x"}, {"type": "linear", "inputs": 12, "outputs": 10"#;
    refused(
        r#"{"type": "linear", "inputs": 12, "outputs": 10"#,
        encoder,
        &["encoder[0]", "no context"],
    );
}

/// What a place reads is what stands before it, the nearest first; what is not written is nothing.
#[test]
fn contexts_hold_the_symbols_before_each_place() {
    let context = latent::context(&[1, 0, latent::UNWRITTEN, 2], 1, 4, [2, 3]);
    let hot = |symbols: [Option<usize>; 2]| -> Vec<f32> {
        let one = |symbol| (0..3).map(move |i| f32::from(u8::from(Some(i) == symbol)));
        symbols.into_iter().flat_map(one).collect()
    };
    let expected = [
        hot([None, None]),
        hot([Some(1), None]),
        hot([Some(0), Some(1)]),
        hot([None, Some(0)]),
    ];
    assert_eq!(context, expected.concat());
    // A second text that is missing.
    let two = latent::context(&[1, 0, 0, 2], 2, 4, [2, 3]);
    assert_eq!(two[24..], [0.0; 24]);
}

#[test]
fn texts_settle_as_if_written_in_turn() {
    // A counter: each symbol is one more than the one before.
    let mut turns = 0;
    let text = latent::settle(vec![latent::UNWRITTEN; 8], 4, |written| {
        turns += 1;
        let next = |i: usize| match i % 4 {
            0 => i / 4,
            _ => written[i - 1].wrapping_add(1),
        };
        Ok::<_, ()>((0..8).map(next).collect())
    });
    assert_eq!(text.unwrap(), [0, 1, 2, 3, 1, 2, 3, 4]);
    assert_eq!(turns, 4);
    let failed = latent::settle(vec![0], 1, |_| Err("lost"));
    assert_eq!(failed, Err("lost"));
}

#[test]
fn sounds_that_no_program_makes_are_refused() {
    let refused = |data: &str, field: &str| {
        let error = spec(&format!(r#"{LAYERS} "data": {data},"#)).unwrap_err();
        assert!(error.to_string().contains(field), "{data}: {error}");
        let shape = spec(LAYERS).unwrap().input;
        assert!(Data::parse(data, shape).is_err(), "{data}");
    };
    refused(r#"{"kind": "smell"}"#, "image, sound or sequence");
    refused(r#"{"kind": "sound"}"#, "rate");
    refused("[]", "data");
    for (field, values) in [
        ("rate", ["0", "999", "96000", "1e300"]),
        ("window", ["0", "15", "513", "4294967295"]),
        ("hop", ["0", "129", "1.5", "-1"]),
        ("lowest", ["-1", "4000", "1e300", "\"low\""]),
        ("highest", ["50", "49", "4001", "null"]),
        ("range", ["0", "0.5", "201", "1e300"]),
    ] {
        let start = SOUND.find(&format!("\"{field}\": ")).unwrap() + field.len() + 4;
        let end = start + SOUND[start..].find([',', '}']).unwrap();
        for value in values {
            refused(
                &format!("{}{value}{}", &SOUND[..start], &SOUND[end..]),
                field,
            );
        }
    }
    refused(&SOUND.replace("72}", r#"72, "more": 1}"#), "more");
}

#[test]
fn first_views_are_read_and_written() {
    let (good, _) = files();
    let with = |first: &str| {
        let first = format!(r#""first": {first}, "input":"#);
        ModelSpec::parse(&good.replacen(r#""input":"#, &first, 1))
    };
    assert!(ModelSpec::parse(&good).unwrap().first.is_empty());
    let spec = with(r#"["sample", "a view of later"]"#).unwrap();
    assert_eq!(spec.first, ["sample", "a view of later"]);
    assert_eq!(ModelSpec::parse(&spec.to_json().unwrap()).unwrap(), spec);
    for wrong in [r#""sample""#, "[1]"] {
        let error = with(wrong).unwrap_err().to_string();
        assert!(error.contains("first"), "{error}");
    }
}

#[test]
fn a_condition_is_read_with_its_layers() {
    let condition = r#""condition": {"name": "letter", "classes": ["A", "B", "C"]},"#;
    let last = r#""outputs": 10, "params": "encoder.3"}"#;
    let first = r#""activation": "relu", "params": "decoder.0"}"#;
    let layer = |outputs: usize, params: &str| {
        format!(
            r#", {{"type": "condition", "outputs": {outputs}, "activation": "silu", "params": "{params}"}}"#
        )
    };
    let layers = |encoder: usize, decoder: usize| {
        LAYERS
            .replace(last, &format!("{last}{}", layer(encoder, "e")))
            .replace(first, &format!("{first}{}", layer(decoder, "d")))
    };
    let good = format!("{}{condition}", layers(10, 64));
    let tensors = tensors(&Program::of(&spec(&good).unwrap()).unwrap());
    assert_eq!(tensors["e.weight"].shape, [3, 10]);
    let weights = write_tensors("w.safetensors", &tensors, Precision::F16).unwrap();
    let text = json(&good, &WeightsFile::describe("w.safetensors", &weights));
    let model = Model::read(&text, &weights).unwrap();
    assert_eq!(model.spec.classes(), 3);
    let again = ModelSpec::parse(&model.spec.to_json().unwrap()).unwrap();
    assert_eq!(again, model.spec);
    let inputs = |name| model.program.entry(name).unwrap().inputs.len();
    assert_eq!(inputs(EntryPoint::Encode), 2);
    assert_eq!(inputs(EntryPoint::Decode), 2);
    assert_eq!(inputs(EntryPoint::Autoencode), 3);

    let says = |layers: &str, words: &[&str]| {
        let error = spec(layers).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "{error}");
        }
    };
    says(
        &layers(10, 64),
        &["encoder[3]", "a condition of the model", "none"],
    );
    says(
        &format!("{}{condition}", layers(10, 63)),
        &["decoder[1]", "a vector of 63 values", "64×1×1"],
    );
    let absurd = good.replace(
        "\"outputs\": 64, \"activation\": \"silu\"",
        "\"outputs\": 99999999",
    );
    says(&absurd, &["decoder[1].outputs"]);
    let image = LAYERS.replace(
        r#"{"type": "upsample"}"#,
        &format!("{}, {{\"type\": \"upsample\"}}", &layer(64, "d")[2..]),
    );
    says(&format!("{image}{condition}"), &["decoder[3]", "4×4×4"]);
    let none = condition.replace(r#""A", "B", "C""#, "");
    says(&good.replace(condition, &none), &["condition.classes"]);
    let number = condition.replace("\"A\"", "1");
    says(&good.replace(condition, &number), &["condition.classes[0]"]);
}

#[test]
fn a_tensor_has_one_reader() {
    let last = r#""outputs": 10, "params": "encoder.3"}"#;
    let again = r#", {"type": "linear", "inputs": 10, "outputs": 10, "params": "again"}"#;
    let layers = LAYERS.replace(last, &format!("{last}{again}{again}"));
    let program = Program::of(&spec(&layers).unwrap()).unwrap();
    let tensors = tensors(&program);
    let weights = write_tensors("w.safetensors", &tensors, Precision::F32).unwrap();
    let json = json(&layers, &WeightsFile::describe("w.safetensors", &weights));
    let error = Model::read(&json, &weights).unwrap_err().to_string();
    assert!(
        error.contains("again.weight") && error.contains("two"),
        "{error}"
    );
}

#[test]
fn a_learned_prior_is_read_with_its_tensors() {
    let standard = r#""size": 2, "prior": {"kind": "standard_normal"}"#;
    let mixture =
        r#""size": 2, "prior": {"kind": "mixture", "components": 3, "params": "prior.style"}"#;
    let program = Program::of(&spec(LAYERS).unwrap()).unwrap();
    let mut tensors = tensors(&program);
    for (name, shape) in [
        ("weight", vec![3]),
        ("mean", vec![3, 2]),
        ("factor", vec![3, 2, 2]),
    ] {
        let data = vec![0.5; shape.iter().product()];
        tensors.insert(format!("prior.style.{name}"), Tensor { shape, data });
    }
    let weights = write_tensors("w.safetensors", &tensors, Precision::F32).unwrap();
    let described = WeightsFile::describe("w.safetensors", &weights);
    let json = json(LAYERS, &described).replace(standard, mixture);
    let model = Model::read(&json, &weights).unwrap();
    assert!(Priors::of(&model).are_learned());
    let again = ModelSpec::parse(&model.spec.to_json().unwrap()).unwrap();
    assert_eq!(again, model.spec);
    let more = json.replace("\"components\": 3", "\"components\": 4");
    let error = Model::read(&more, &weights).unwrap_err().to_string();
    assert!(
        error.contains("prior.style.weight") && error.contains("[4]"),
        "{error}"
    );
}

#[test]
fn our_reader_of_tensors_agrees_with_the_safetensors_crate() {
    let (_, weights) = files();
    let theirs = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let ours = read_tensors("w.safetensors", &weights).unwrap();
    assert_eq!(ours.len(), theirs.len());
    for (name, view) in theirs.tensors() {
        assert_eq!(ours[&name].shape, view.shape());
        let halves = view.data().chunks_exact(2);
        let values = halves.map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32());
        assert!(values.eq(ours[&name].data.iter().copied()), "{name}");
    }
}

#[test]
fn our_writer_of_tensors_is_the_safetensors_crate_s() {
    let mut tensors = tensors(&Program::of(&spec(LAYERS).unwrap()).unwrap());
    let one = Tensor {
        shape: Vec::new(),
        data: vec![0.5],
    };
    tensors.insert("a \"name\" \\ \u{1} ö".into(), one);
    for tensors in [tensors, Tensors::new()] {
        for precision in [Precision::I8, Precision::F16, Precision::F32] {
            let ours = write_tensors("w.safetensors", &tensors, precision).unwrap();
            let read = safetensors::SafeTensors::deserialize(&ours).unwrap();
            let theirs = safetensors::serialize(read.tensors(), None).unwrap();
            assert_eq!(ours, theirs, "{precision:?}");
        }
    }
}

#[test]
fn one_byte_a_value_is_near_the_value_and_an_f16() {
    let program = Program::of(&spec(LAYERS).unwrap()).unwrap();
    let mut exact = tensors(&program);
    let weight = exact.get_mut("encoder.3.weight").unwrap();
    weight.data.iter_mut().step_by(10).for_each(|v| *v = 0.0); // the scale of this column is 0
    let bytes = write_tensors("w.safetensors", &exact, Precision::I8).unwrap();
    let stored = read_tensors("w.safetensors", &bytes).unwrap();
    for (name, Tensor { shape, data }) in &exact {
        let found = &stored[name];
        assert_eq!(&found.shape, shape);
        let scales = stored.get(&format!("{name}.scale"));
        assert_eq!(scales.is_some(), shape.len() > 1, "{name}");
        for (i, (&v, &w)) in data.iter().zip(&found.data).enumerate() {
            // Half a step, and what an f16 rounds off.
            let step = scales.map_or(0.0, |scales| scales.data[i % scales.data.len()]);
            let most = step / 2.0 + v.abs() / 1024.0;
            assert!((v - w).abs() <= most, "{name}: {w} for {v}");
            assert_eq!(half::f16::from_f32(w).to_f32(), w, "{name}");
        }
    }
    let once = exact
        .keys()
        .map(|name| (name.clone(), stored[name].clone()));
    let once: Tensors = once.collect();
    let again = write_tensors("w.safetensors", &once, Precision::I8).unwrap();
    let twice = read_tensors("w.safetensors", &again).unwrap();
    for (name, Tensor { data, .. }) in &once {
        for (v, w) in data.iter().zip(&twice[name].data) {
            let most = v.abs() / 512.0;
            assert!((v - w).abs() <= most, "{name}: {v}, written again {w}");
        }
    }
    let json = |bytes: &[u8]| json(LAYERS, &WeightsFile::describe("w.safetensors", bytes));
    Model::read(&json(&bytes), &bytes).unwrap();
    let at = String::from_utf8_lossy(&bytes).find("encoder.0.weight.scale");
    let mut unscaled = bytes;
    unscaled[at.unwrap()] = b'x';
    let error = Model::read(&json(&unscaled), &unscaled).unwrap_err();
    assert!(
        error.to_string().contains("encoder.0.weight.scale"),
        "{error}"
    );
}

#[test]
fn what_is_not_json_is_refused() {
    let deep = format!("{}1{}", "[".repeat(1 << 16), "]".repeat(1 << 16));
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\" 1}",
        "01x",
        "1.",
        "\"\\u12",
        "nul",
        "{} {}",
        &deep,
    ] {
        let error = ModelSpec::parse(text).unwrap_err();
        assert!(matches!(error, Error::Syntax { .. }), "{text:.9}: {error}");
    }
}

/// What a model of a few hundred bytes might ask for: each is refused by the description
/// alone, before anything of its size is fetched, allocated or computed. None of the numbers is
/// left to wrap in 32 bits, where the products of some are small again.
#[test]
fn what_no_machine_could_run_is_refused_at_once() {
    let says = |text: &str, words: &[&str]| {
        let error = ModelSpec::parse(text).unwrap_err().to_string();
        for word in [&["model.json"], words].concat() {
            assert!(error.contains(word), "{word} is not in: {error}");
        }
    };
    let model = |layers: &str| json(layers, &WeightsFile::describe("w.safetensors", &[]));
    let good = model(LAYERS);
    ModelSpec::parse(&good).unwrap();

    let transposed = r#""kernel": 4, "stride": 2,
         "padding": 1, "activation": "relu", "params": "decoder.1""#;
    let last = |kernel: usize, stride: usize, padding: usize| {
        assert!(LAYERS.contains(transposed));
        let window = format!(
            r#""kernel": {kernel}, "stride": {stride}, "padding": {padding}, "params": "decoder.1""#
        );
        model(&LAYERS.replace(transposed, &window))
    };
    says(
        &last(1, 65_535, 0),
        &["decoder[2].stride", "1 to 255", "65535"],
    );
    says(
        &last(4_096, 1, 2_048),
        &["decoder[2].kernel", "1 to 255", "4096"],
    );
    says(
        &last(4, 1, 65_536),
        &["decoder[2].padding", "at most 255", "65536"],
    );
    says(&last(4, 1, usize::MAX >> 11), &["decoder[2].padding"]);
    // 65,536 phases, each with a kernel of its own for 16 × 4 channels.
    says(
        &last(1, 255, 0)
            .replace("16, \"out_channels\": 4,", "16, \"out_channels\": 64,")
            .replace(
                "4, \"out_channels\": 1, \"kernel\": 3",
                "64, \"out_channels\": 1, \"kernel\": 3",
            ),
        &["decoder[2]", "16777216 packed weights"],
    );
    for (name, layers) in [
        (
            "encoder[0].stride",
            LAYERS.replace("\"stride\": 2", "\"stride\": 65535"),
        ),
        (
            "encoder[0].kernel",
            LAYERS.replace("\"kernel\": 4", "\"kernel\": 4096"),
        ),
        (
            "encoder[0].out_channels",
            LAYERS.replacen("\"out_channels\": 4,", "\"out_channels\": 65537,", 1),
        ),
    ] {
        says(&model(&layers), &[name]);
    }

    // Sizes whose product is 0 in 32 bits.
    let sides = good.replace(
        "\"height\": 8, \"width\": 8",
        "\"height\": 65536, \"width\": 65536",
    );
    says(&sides, &["input", "at most 16777216 values", "4294967296"]);
    says(
        &good.replace("\"height\": 8", "\"height\": 4294967304"),
        &["input.height"],
    );
    let groups = r#"{"name": "g", "size": 65536, "prior": {"kind": "standard_normal"}},"#;
    let many = good.replace(
        "\"latents\": [",
        &format!("\"latents\": [{}", groups.repeat(65_536)),
    );
    says(&many, &["cannot be read", "4 MiB"]);
    let two = good.replace("\"latents\": [", &format!("\"latents\": [{groups}"));
    says(&two, &["latents", "1 to 65536", "65541"]);
    for (size, components) in [(3, 9_000_000), (3, 65_536), (4_096, 1 << 9)] {
        let prior = r#""size": 3, "prior": {"kind": "standard_normal"}"#;
        let mixture = format!(
            r#""size": {size}, "prior": {{"kind": "mixture", "components": {components}, "params": "p"}}"#
        );
        let text = good.replace(prior, &mixture);
        if (size, components) == (3, 65_536) {
            ModelSpec::parse(&text).unwrap();
        } else {
            says(&text, &["latents[0].prior.components"]);
        }
    }

    let first = "\"decoder\": [";
    let layer = |inputs: usize, outputs: usize| {
        format!(r#"{{"type": "linear", "inputs": {inputs}, "outputs": {outputs}, "params": "x"}},"#)
    };
    let before = |layers: &str| model(&LAYERS.replace(first, &format!("{first}{layers}")));
    says(
        &before(&layer(5, 5).repeat(5_000)),
        &["decoder[512]", "at most 512 layers", "513"],
    );
    says(
        &before(&(layer(5, 65_536) + &layer(65_536, 65_536) + &layer(65_536, 5))),
        &["decoder[1]", "16777216 packed weights"],
    );
    let nested = format!(
        r#"{}{}{}"#,
        r#"{"type": "residual", "layers": ["#.repeat(1_000),
        layer(5, 5).trim_end_matches(','),
        "]}".repeat(1_000) + ",",
    );
    says(&before(&nested), &["cannot be read", "nested too deeply"]);
    // 2,048 and then 4,096 channels on an image that its padding makes 48 × 48.
    let first = r#""encoder": ["#;
    let conv = |inputs: usize, outputs: usize, padding: usize| {
        format!(
            r#"{{"type": "conv2d", "in_channels": {inputs}, "out_channels": {outputs}, "kernel": 1,
            "stride": 1, "padding": {padding}, "params": "x"}},"#
        )
    };
    let slow = conv(1, 2_048, 0) + &conv(2_048, 4_096, 20);
    says(
        &model(&LAYERS.replace(first, &format!("{first}{slow}"))),
        &["encoder[1]", "34359738368 operations"],
    );
    let wide = conv(1, 1, 127).replace("\"kernel\": 1", "\"kernel\": 255")
        + &conv(1, 512, 60).replace("\"kernel\": 1", "\"kernel\": 121");
    says(
        &model(&LAYERS.replace(
            first,
            &format!(
                "{first}{}",
                wide.replace("\"padding\": 127", "\"padding\": 250")
            ),
        )),
        &["encoder[0]", "16777216 values in its patches"],
    );

    let bytes = |bytes: u64| good.replace("\"bytes\":0", &format!("\"bytes\":{bytes}"));
    says(&bytes(1 << 30), &["weights.bytes", "at most", "1073741824"]);
    says(&bytes(1 << 60), &["weights.bytes"]);
}

#[test]
fn numbers_names_and_texts_out_of_all_proportion_are_refused() {
    let good = json(LAYERS, &WeightsFile::describe("w.safetensors", &[]));
    let says = |text: &str, words: &[&str]| {
        let error = ModelSpec::parse(text).unwrap_err().to_string();
        assert!(error.len() < 1_000, "{} bytes of error", error.len());
        for word in words {
            assert!(error.contains(word), "{word} is not in: {error}");
        }
    };
    let gaussian = |sigma: &str| {
        let likelihood = format!(r#"{{"kind": "gaussian", "sigma": {sigma}}}"#);
        good.replace(r#"{"kind": "bernoulli"}"#, &likelihood)
    };
    let digits = "9".repeat(100_000);
    for sigma in ["1e999", "1e39", "0e99999", "-1e-999e", &digits, "0", "-1"] {
        let error = ModelSpec::parse(&gaussian(sigma)).unwrap_err().to_string();
        assert!(error.contains("model.json"), "{error}");
    }
    for height in ["-1", "0.5", "8.5", "9007199254740993", "1e30", &digits] {
        let text = good.replace("\"height\": 8", &format!("\"height\": {height}"));
        says(&text, &["input.height"]);
    }
    says(
        &good.replace(
            "\"name\": \"tiny\",",
            "\"name\": \"tiny\", \"name\": \"other\",",
        ),
        &["model.json", "name", "only one"],
    );
    says(
        &good.replace("\"stride\": 2,", "\"stride\": 2, \"stride\": 1,"),
        &["encoder[0].stride", "only one"],
    );
    let long = "x".repeat(1 << 20);
    says(
        &good.replace("\"bernoulli\"", &format!("\"{long}\"")),
        &["likelihood.kind"],
    );
    says(
        &good.replacen("\"stride\"", &format!("\"{long}\""), 1),
        &["encoder[0]"],
    );
    says(
        &good.replace("8, \"width\"", &format!("8, \"{long}\": 1, \"width\"")),
        &["input."],
    );
    says(&" ".repeat(5 << 20), &["model.json", "4 MiB"]);
}

/// A safetensors file with this header.
fn safetensors(header: &str, values: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + values, 0);
    bytes
}

#[test]
fn tensors_lie_end_to_end_and_have_one_name_each() {
    let read = |header: &str| read_tensors("w.safetensors", &safetensors(header, 16));
    let tensor = |name: &str, shape: &str, place: &str| {
        format!(r#""{name}": {{"dtype": "F32", "shape": {shape}, "data_offsets": {place}}}"#)
    };
    let file = |tensors: &[String]| format!("{{{}}}", tensors.join(","));
    let [first, second] = [
        tensor("a", "[2]", "[0, 8]"),
        tensor("b", "[2, 1]", "[8, 16]"),
    ];
    let good = [first.clone(), second.clone()];
    assert_eq!(read(&file(&good)).unwrap().len(), 2);
    let (place, shape) = ("b.data_offsets", "start and end");
    for (tensors, words) in [
        (vec![first.clone()], ["data_offsets: expected", "16 bytes"]),
        (vec![second.clone()], [place, shape]),
        (
            [&good[..], &[tensor("c", "[2]", "[0, 8]")]].concat(),
            ["c.data_offsets", shape],
        ),
        (
            [&good[..], &[tensor("a", "[0]", "[16, 16]")]].concat(),
            ["a: expected", "one tensor of this name"],
        ),
        (
            vec![first.clone(), tensor("b", "[3]", "[4, 16]")],
            [place, shape],
        ),
        (
            vec![first.clone(), tensor("b", "[2]", "[16, 8]")],
            [place, shape],
        ),
        (
            vec![first.clone(), tensor("b", "[2]", "[8, 17]")],
            [place, shape],
        ),
        (
            vec![first, tensor("b", "[2]", "[4294967304, 4294967312]")],
            [place, ""],
        ),
        (
            vec![tensor("b", "[65536, 65536]", "[0, 0]")],
            [place, shape],
        ),
        (
            vec![tensor("b", "[4294967296, 4294967300]", "[0, 16]")],
            ["b.", ""],
        ),
        (
            vec![tensor("b", "[-1]", "[0, 16]")],
            ["b.shape", "whole number"],
        ),
        (vec![tensor("b", "[4]", "[0, 8, 16]")], [place, ""]),
    ] {
        let error = read(&file(&tensors)).unwrap_err().to_string();
        for word in ["w.safetensors", words[0], words[1]] {
            assert!(error.contains(word), "{word} is not in: {error}");
        }
    }
    for length in [17_u64, 1 << 32, u64::MAX] {
        let mut bytes = safetensors("{}", 0);
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        let error = read_tensors("w.safetensors", &bytes)
            .unwrap_err()
            .to_string();
        assert!(error.contains("cut short"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Weights whose hash agrees may still be anything.
    #[test]
    fn damaged_weights_never_panic(
        at: prop::sample::Index,
        byte: u8,
        cut: prop::sample::Index,
        precision in prop::sample::select(vec![Precision::I8, Precision::F16, Precision::F32]),
    ) {
        let (_, mut weights) = files_of(precision);
        let i = at.index(weights.len());
        weights[i] = byte;
        weights.truncate(cut.index(weights.len() + 1));
        let json = json(LAYERS, &WeightsFile::describe("w.safetensors", &weights));
        let _ = Model::read(&json, &weights);
    }

    #[test]
    fn a_damaged_description_never_panics(at: prop::sample::Index, byte in 32u8..127) {
        let (json, weights) = files();
        let mut bytes = json.into_bytes();
        let i = at.index(bytes.len());
        bytes[i] = byte;
        let _ = Model::read(&String::from_utf8(bytes).unwrap(), &weights);
    }

    #[test]
    fn absurd_numbers_never_panic(value: u64, field in 0usize..8) {
        let names = ["kernel", "stride", "padding", "in_channels", "out_channels", "inputs", "outputs", "height"];
        let mut layers = String::new();
        for part in LAYERS.split_inclusive(',') {
            let name = format!("\"{}\": ", names[field]);
            match part.find(&name) {
                Some(start) => {
                    layers += &part[..start];
                    layers += &format!("{name}{value}");
                    layers += part[start + name.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
                }
                None => layers += part,
            }
        }
        let _ = spec(&layers);
    }
}

/// What is written is what was read, to the letter: the format has not changed.
#[test]
fn released_descriptions_are_written_as_they_are() {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models");
    let mut count = 0;
    for folder in std::fs::read_dir(models).unwrap() {
        let path = folder.unwrap().path().join("model.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let spec = ModelSpec::parse(&text).unwrap();
        assert_eq!(
            spec.to_json().unwrap(),
            text.trim_end(),
            "{}",
            path.display()
        );
        count += 1;
    }
    assert!(count > 0);
}
