//! Reading a model: a good one whole, a bad one never, and no panic in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use vaelet_model::{
    Error, Graph, Model, ModelSpec, Params, Precision, Priors, Tensor, Tensors, WeightsFile,
    random, read_tensors, write_tensors,
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
    let weights = serde_json::to_string(weights).unwrap();
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

fn tensors(graphs: [&Graph; 2]) -> Tensors {
    let params = graphs
        .into_iter()
        .flat_map(|graph| &graph.steps)
        .map(|step| &step.params);
    params
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
    let (encoder, decoder) = spec(LAYERS).unwrap().graphs().unwrap();
    let tensors = tensors([&encoder, &decoder]);
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
    assert_eq!(
        model.encoder.steps.len(),
        4,
        "a residual block is two steps, a reshape none"
    );
    let residual = &model.encoder.steps[2];
    assert_eq!(residual.add, Some(model.encoder.steps[0].output));
    assert_eq!(model.encoder.values[model.encoder.output()].len(), 10);
    assert_eq!(model.decoder.steps.len(), 3, "an upsampling is no step");
    assert_eq!(model.weights.get("decoder.2.weight").len(), 4 * 4 * 4);
    let again = ModelSpec::parse(&model.spec.to_json().unwrap()).unwrap();
    assert_eq!(again, model.spec);
}

#[test]
fn values_alive_together_never_share_a_slot() {
    let (encoder, decoder) = spec(LAYERS).unwrap().graphs().unwrap();
    for graph in [encoder, decoder] {
        let (slot_of, sizes) = graph.slots();
        for (i, step) in graph.steps.iter().enumerate() {
            assert_ne!(slot_of[step.input], slot_of[step.output]);
            assert!(graph.values[step.output].len() <= sizes[slot_of[step.output]]);
            // Whatever a later step still reads must survive this one.
            for later in &graph.steps[i + 1..] {
                for value in [Some(later.input), later.add].into_iter().flatten() {
                    let written = graph.steps.iter().position(|s| s.output == value);
                    if written.is_none_or(|w| w < i) {
                        assert_ne!(slot_of[value], slot_of[step.output], "step {i}");
                    }
                }
            }
        }
    }
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
    let (encoder, decoder) = spec(LAYERS).unwrap().graphs().unwrap();
    let good = tensors([&encoder, &decoder]);
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
    let (encoder, decoder) = spec(LAYERS).unwrap().graphs().unwrap();
    let tensors = tensors([&encoder, &decoder]);
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
    assert!(!old.outline().is_f16());
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
    assert!(!model.outline().is_f16(), "it has an upsampling");
    let plain = LAYERS.replace(
        r#"{"type": "upsample"},"#,
        r#"{"type": "conv_transpose2d", "in_channels": 4, "out_channels": 4, "kernel": 4,
            "stride": 2, "padding": 1, "params": "decoder.up"},"#,
    );
    let (encoder, decoder) = spec(&plain).unwrap().graphs().unwrap();
    let tensors = tensors([&encoder, &decoder]);
    let weights = write_tensors("w.safetensors", &tensors, Precision::F16).unwrap();
    let described = WeightsFile::describe("w.safetensors", &weights);
    let model = Model::read(&self::json(&plain, &described), &weights).unwrap();
    assert!(model.outline().is_f16());
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

#[test]
fn a_tensor_has_one_reader() {
    let last = r#""outputs": 10, "params": "encoder.3"}"#;
    let again = r#", {"type": "linear", "inputs": 10, "outputs": 10, "params": "again"}"#;
    let layers = LAYERS.replace(last, &format!("{last}{again}{again}"));
    let (encoder, decoder) = spec(&layers).unwrap().graphs().unwrap();
    let tensors = tensors([&encoder, &decoder]);
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
    let (encoder, decoder) = spec(LAYERS).unwrap().graphs().unwrap();
    let mut tensors = tensors([&encoder, &decoder]);
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
fn one_byte_a_value_is_near_the_value_and_an_f16() {
    let (encoder, decoder) = spec(LAYERS).unwrap().graphs().unwrap();
    let mut exact = tensors([&encoder, &decoder]);
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
