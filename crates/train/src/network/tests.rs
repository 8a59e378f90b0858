//! What is exported is what is read.

use super::growth::tests::untrained;
use super::{Graphs, Labelled, Network, to_vec};
use crate::presets::{pictures, preset};
use burn::tensor::{Device, Tensor, TensorData};
use vaelet_cpu::CpuRuntime;
use vaelet_model::{Activation, Layer, channels_first, latent, random};

/// What is trained with an upsampling is exported with the kernel that its reader expects, and
/// gives the same pictures again.
#[test]
fn an_upsampling_is_exported_as_it_is_read() {
    let mut spec = pictures(
        "any",
        "Any",
        crate::cli::args::subject("dot,dots").unwrap(),
        "",
        16,
    )
    .spec;
    let conv = |in_channels, out_channels, activation, params: &str| {
        Layer::conv2d([in_channels, out_channels], [3, 1, 1], activation, params)
    };
    spec.decoder = vec![
        Layer::linear(64, 4 * 4 * 6, Activation::Silu, "decoder.0"),
        Layer::reshape([4, 4, 6]),
        Layer::Upsample {},
        conv(6, 5, Activation::Silu, "decoder.1"),
        Layer::Upsample {},
        conv(5, 3, Activation::Sigmoid, "decoder.2"),
    ];
    let model = untrained(&spec);
    let [encoder, decoder] = spec.chains().unwrap();
    let graphs = Graphs { encoder, decoder };
    let device = Device::flex();
    // As `untrained` has made it.
    let trained = Network::init(&graphs, 1, &device);
    let read = Network::of(&model, &device).unwrap();
    let z = TensorData::new(random::normals(2, 2 * 64), [2, 64]);
    let z = Tensor::<2>::from_data(z, &device);
    assert_close(
        trained.decode(&graphs, z.clone().into()),
        read.decode(&graphs, z.into()),
    );
    let weight = &trained.to_tensors(&graphs).unwrap()["decoder.1.weight"];
    assert_eq!(weight.shape, [3, 3, 6, 5]);
}

/// What burn makes of a class is what the runtimes make of it.
#[test]
fn conditions_are_those_of_the_runtimes() {
    let spec = preset("letters").unwrap().spec;
    let model = untrained(&spec);
    let [encoder, decoder] = spec.chains().unwrap();
    let graphs = Graphs { encoder, decoder };
    let device = Device::flex();
    let network = Network::of(&model, &device).unwrap();
    let mut runtime = CpuRuntime::new(&model);
    let (count, classes) = (3, [0, 61, 26]);
    let images = random::uniforms(3, count * spec.input.len());
    let z = random::normals(4, count * spec.latent_size());
    let given = |values: &[f32]| {
        let tensor = |values: Vec<f32>| {
            let shape = [count, values.len() / count];
            Tensor::<2>::from_data(TensorData::new(values, shape), &device)
        };
        Labelled {
            values: tensor(values.to_vec()),
            condition: Some(tensor(latent::one_hot(&classes, count, spec.classes()))),
            written: None,
        }
    };
    let assert_near = |found: Tensor<2>, expected: &[f32]| {
        let found = to_vec(found).unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
    };
    // Grey images have one order of values.
    let expected = runtime.encode_given(&images, &classes);
    assert_near(network.encode(&graphs, given(&images)).0, &expected.mean);
    let expected = runtime.decode_given(&z, &classes);
    assert_near(network.decode(&graphs, given(&z)), &expected);
    assert_ne!(expected, runtime.decode(&z));
}

fn assert_close(a: Tensor<2>, b: Tensor<2>) {
    assert_eq!(a.dims(), b.dims());
    let largest: f32 = (a - b).abs().max().into_scalar();
    assert!(largest < 1e-4, "{largest}");
}

/// What burn makes of the symbols before each place is what the runtimes make of them, and what it writes is what a
/// runtime writes one symbol after another.
#[test]
fn contexts_are_those_of_the_runtimes() {
    let spec = preset("places").unwrap().spec;
    let model = untrained(&spec);
    let [encoder, decoder] = spec.chains().unwrap();
    let graphs = Graphs { encoder, decoder };
    let device = Device::flex();
    let network = Network::of(&model, &device).unwrap();
    let mut runtime = CpuRuntime::new(&model);
    let (count, classes) = (3, [0, 61, 26]);
    let (symbols, columns) = (spec.input.channels, spec.input.width);
    let tensor = |values: Vec<f32>| {
        let shape = [count, values.len() / count];
        Tensor::<2>::from_data(TensorData::new(values, shape), &device)
    };
    // Of the second text half is forgotten.
    let written: Vec<usize> = (0..count * columns)
        .map(|i| match i % (2 * columns) > columns && i % 2 == 0 {
            true => latent::UNWRITTEN,
            false => i * i % symbols,
        })
        .collect();
    let z: Vec<f32> = random::normals(4, count * spec.latent_size());
    let given = |written: &[usize]| Labelled {
        values: tensor(z.clone()),
        condition: Some(tensor(latent::one_hot(&classes, count, spec.classes()))),
        written: Some(tensor(latent::one_hot(written, count * columns, symbols))),
    };
    let planes =
        |logits: Tensor<2>| channels_first(&to_vec(logits).unwrap(), symbols, symbols * columns);
    let found = planes(network.decode(&graphs, given(&written)));
    let expected = runtime.decode_written(&z, &classes, &written);
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }
    let plain = runtime.decode_given(&z, &classes);
    assert!(
        plain
            .iter()
            .zip(&expected)
            .any(|(a, b)| (a - b).abs() > 0.1)
    );

    // One symbol after another, from the left.
    let mut text = vec![latent::UNWRITTEN; count * columns];
    for t in 0..columns {
        let logits = runtime.decode_written(&z, &classes, &text);
        let likeliest = latent::likeliest(&logits, symbols, columns);
        for i in 0..count {
            text[i * columns + t] = likeliest[i * columns + t];
        }
    }
    let unwritten = Labelled {
        written: None,
        ..given(&[])
    };
    let logits = planes(network.write(&graphs, unwritten).unwrap());
    assert_eq!(latent::likeliest(&logits, symbols, columns), text);
    assert_ne!(latent::likeliest(&plain, symbols, columns), text);
}
