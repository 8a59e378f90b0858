//! A deeper decoder that begins with exactly the pictures of a shallower one (Net2Net, Chen et al.
//! 2016), so that a trained model's capacity grows where it is missing without training it anew.

use anyhow::{Context, Result};
use vaelet_model::{
    Activation, Map, Model, ModelSpec, Params, Precision, Schedule, Tensor, Tensors, WeightsFile,
    random, write_tensors,
};

const FILE: &str = "weights.safetensors";

/// `model` with the decoder of `spec`, which has all layers of its own and more: residual blocks
/// without an activation after them, and convolutions in the place of the last layer's sigmoid. The
/// model itself where there is nothing more.
///
/// # Errors
/// A `spec` of another kind of network.
pub fn grown(model: Model, spec: &ModelSpec) -> Result<Model> {
    if (&model.spec.encoder, &model.spec.decoder) == (&spec.encoder, &spec.decoder) {
        return Ok(model);
    }
    let other = || format!("it has other layers than {}", spec.name);
    let [encoder, decoder] = spec.chains()?;
    let [own_encoder, own_decoder] = model.spec.chains()?;
    (encoder == own_encoder).then_some(()).with_context(other)?;
    let decoder = layers(&decoder);
    let own = |(name, _): &(&str, &Tensor)| !name.starts_with("decoder.");
    let kept = model.weights.iter().filter(own);
    let mut tensors: Tensors = kept
        .map(|(name, t)| (name.to_string(), t.clone()))
        .collect();
    let grown = parameters(&model, &layers(&own_decoder), &decoder).with_context(other)?;
    for (step, [weight, bias]) in decoder.iter().zip(grown) {
        let Params { weight: shape, .. } = &step.params;
        let tensor = |shape, data| Tensor { shape, data };
        tensors.insert(step.params.weight_name(), tensor(shape.clone(), weight));
        tensors.insert(
            step.params.bias_name(),
            tensor(vec![step.params.bias], bias),
        );
    }
    let contents = write_tensors(FILE, &tensors, Precision::F32)?;
    let spec = ModelSpec {
        decoder: spec.decoder.clone(),
        weights: WeightsFile::describe(FILE, &contents),
        ..model.spec
    };
    Ok(Model::read(&spec.to_json()?, &contents)?)
}

/// A layer with weights of a chain.
struct Part<'a> {
    map: &'a Map,
    params: &'a Params,
    activation: Activation,
    /// Whether a residual is added.
    adds: bool,
}

/// The layers with weights of a chain.
fn layers(chain: &Schedule) -> Vec<Part<'_>> {
    let steps = chain.steps.iter();
    let parts = steps.filter_map(|step| {
        let (map, params) = step.map()?;
        Some(Part {
            map,
            params,
            activation: step.activation(),
            adds: step.add.is_some(),
        })
    });
    parts.collect()
}

/// Weight and bias of each of the steps of `decoder`; none where it is not a deeper one.
fn parameters(
    model: &Model,
    own_decoder: &[Part<'_>],
    decoder: &[Part<'_>],
) -> Option<Vec<[Vec<f32>; 2]>> {
    let mut steps = own_decoder.iter().peekable();
    let mut all = Vec::with_capacity(decoder.len());
    // Channels of the last layer, once more steps than that follow it.
    let mut shown = None;
    for (step, seed) in decoder.iter().zip(1..) {
        let alike = |own: &&Part<'_>| own.map == step.map && own.activation == step.activation;
        let parameters = if let Some(own) = steps.next_if(|own| alike(own)) {
            let get = |name: String| model.weights.get(&name).to_vec();
            [get(own.params.weight_name()), get(own.params.bias_name())]
        } else if let Some(own) = steps.next_if(|own| is_wider(step, own)) {
            let get = |name: String| model.weights.get(&name).to_vec();
            let channels = own.params.bias;
            shown = Some(channels);
            let fresh = fresh(step, seed);
            let weight = get(own.params.weight_name());
            [
                both_signs(&weight, &fresh, channels, step.params.bias),
                both_signs(
                    &get(own.params.bias_name()),
                    &vec![0.0; step.params.bias],
                    channels,
                    step.params.bias,
                ),
            ]
        } else if step.adds && step.activation == Activation::None {
            // x + 0.
            [
                vec![0.0; step.params.weight.iter().product()],
                vec![0.0; step.params.bias],
            ]
        } else if steps.peek().is_none() && Some(step.params.bias) == shown {
            [difference(step)?, vec![0.0; step.params.bias]]
        } else {
            [fresh(step, seed), vec![0.0; step.params.bias]]
        };
        all.push(parameters);
    }
    let same = |a: Option<&Part<'_>>, b: Option<&Part<'_>>| {
        a.map(|s| s.activation) == b.map(|s| s.activation)
    };
    let ends = same(decoder.last(), own_decoder.last());
    (steps.next().is_none() && ends).then_some(all)
}

/// From N(0, 2 / fan-in) (He et al. 2015).
fn fresh(step: &Part<'_>, seed: u64) -> Vec<f32> {
    let len: usize = step.params.weight.iter().product();
    let std = (2.0 * step.params.bias as f32 / len as f32).sqrt();
    random::normals(seed, len).iter().map(|v| v * std).collect()
}

/// Whether `step` is the last layer `own` with more channels and a SiLU.
fn is_wider(step: &Part<'_>, own: &Part<'_>) -> bool {
    match (*step.map, *own.map) {
        (Map::ConvTranspose2d(wide), Map::ConvTranspose2d(mut narrow)) => {
            let channels = narrow.output[2];
            narrow.output[2] = wide.output[2];
            wide == narrow
                && channels * 2 <= wide.output[2]
                && (step.activation, own.activation) == (Activation::Silu, Activation::Sigmoid)
        }
        _ => false,
    }
}

/// Rows of `channels` values, then their negatives, then what is `fresh`: `[rows, wide]`.
fn both_signs(values: &[f32], fresh: &[f32], channels: usize, wide: usize) -> Vec<f32> {
    let rows = values.chunks_exact(channels).zip(fresh.chunks_exact(wide));
    rows.flat_map(|(row, fresh)| {
        let negatives = row.iter().map(|v| -v);
        row.iter()
            .copied()
            .chain(negatives)
            .chain(fresh[2 * channels..].iter().copied())
    })
    .collect()
}

/// A convolution that undoes [`both_signs`]: SiLU(x) − SiLU(−x) = x.
fn difference(step: &Part<'_>) -> Option<Vec<f32>> {
    let Map::Conv2d(window) = *step.map else {
        return None;
    };
    let (inputs, outputs) = (window.input[2], window.output[2]);
    let centre = window.kernel / 2 * (window.kernel + 1);
    let mut weight = vec![0.0; window.kernel * window.kernel * inputs * outputs];
    for channel in 0..outputs {
        let at = |input: usize| (centre * inputs + input) * outputs + channel;
        weight[at(channel)] = 1.0;
        weight[at(channel + outputs)] = -1.0;
    }
    Some(weight)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::network::{Graphs, Network, to_vec};
    use crate::presets::{pictures, preset, sharpened};
    use burn::tensor::{Device, Tensor, TensorData};

    /// A model with random parameters.
    pub fn untrained(spec: &ModelSpec) -> Model {
        let [encoder, decoder] = spec.chains().unwrap();
        let graphs = Graphs { encoder, decoder };
        let network = Network::init(&graphs, 1, &Device::flex());
        let tensors = network.to_tensors(&graphs).unwrap();
        let contents = write_tensors(FILE, &tensors, Precision::F32).unwrap();
        let weights = WeightsFile::describe(FILE, &contents);
        let spec = ModelSpec {
            weights,
            ..spec.clone()
        };
        Model::read(&spec.to_json().unwrap(), &contents).unwrap()
    }

    #[test]
    fn a_grown_decoder_gives_the_same_pictures() {
        let plain = pictures(
            "any",
            "Any",
            crate::cli::args::subject("dot,dots").unwrap(),
            "",
            16,
        );
        let model = untrained(&plain.spec);
        let device = Device::flex();
        let z = TensorData::new(random::normals(2, 3 * 64), [3, 64]);
        let z = Tensor::<2>::from_data(z, &device);
        let decode = |model: &Model| {
            let [encoder, decoder] = model.spec.chains().unwrap();
            let graphs = Graphs { encoder, decoder };
            let network = Network::of(model, &device).unwrap();
            to_vec(network.decode(&graphs, z.clone().into())).unwrap()
        };
        let before = decode(&model);
        let deeper = sharpened(plain, 1).spec;
        let grown = grown(model.clone(), &deeper).unwrap();
        assert_eq!(grown.spec.decoder, deeper.decoder);
        assert!(grown.program.nodes.len() > model.program.nodes.len());
        for (a, b) in decode(&grown).iter().zip(before) {
            assert!((a - b).abs() < 1e-5, "{a} instead of {b}");
        }
        let again = super::grown(grown.clone(), &deeper).unwrap();
        assert_eq!(decode(&again), decode(&grown));
        let other = preset("digits").unwrap().spec;
        let error = super::grown(model, &other).unwrap_err();
        assert!(error.to_string().contains("other layers than digits"));
    }
}
