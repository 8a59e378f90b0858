//! A device for tests, and models of one random layer.

use pollster::block_on;
use std::env;
use std::rc::Rc;
use vaelet_gpu::Context;
use vaelet_model::{
    FORMAT, Input, LatentGroup, Layer, Likelihood, Model, ModelSpec, Precision, Prior, Tensor,
    Tensors, WeightsFile, random, write_tensors,
};

/// A GPU, or `None` with a word about it where there is none. With
/// `VAELET_REQUIRE_GPU` set, as in CI, there has to be one.
pub fn context() -> Option<Rc<Context>> {
    match block_on(Context::new()) {
        Ok(context) => Some(Rc::new(context)),
        Err(e) if env::var_os("VAELET_REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(e) => {
            eprintln!("NOT TESTED: {e}. Install mesa-vulkan-drivers for a GPU in software.");
            None
        }
    }
}

/// A model with random weights: `encoder` maps an image to `2 · latent` values,
/// `decoder` maps `latent` values to an image.
pub fn model(
    input: Input,
    latent: usize,
    encoder: Vec<Layer>,
    decoder: Vec<Layer>,
    seed: u64,
) -> Model {
    let mut spec = ModelSpec {
        format: FORMAT.into(),
        name: "random".into(),
        title: "Random".into(),
        subject: None,
        input,
        likelihood: Likelihood::Gaussian { sigma: 1.0 },
        latents: vec![LatentGroup {
            name: "z".into(),
            size: latent,
            prior: Prior::StandardNormal,
            kl: Vec::new(),
        }],
        encoder,
        decoder,
        weights: WeightsFile::describe("weights.safetensors", &[]),
        examples: Vec::new(),
        training: None,
        licence: String::new(),
        credit: String::new(),
    };
    let (encoder, decoder) = spec.graphs().unwrap();
    let mut tensors = Tensors::new();
    for (i, step) in encoder.steps.iter().chain(&decoder.steps).enumerate() {
        let params = &step.params;
        for (name, shape) in [
            (params.weight_name(), params.weight.clone()),
            (params.bias_name(), vec![params.bias]),
        ] {
            let len = shape.iter().product();
            let scale = 1.0 / (len as f32 / params.bias as f32).sqrt();
            let data = random::normals(seed ^ (tensors.len() as u64) << 32 ^ i as u64, len);
            let data = data.iter().map(|v| v * scale).collect();
            tensors.insert(name, Tensor { shape, data });
        }
    }
    // Weights that are f16 take the kernels for f16 where the adapter has it.
    let precision = [Precision::I8, Precision::F16, Precision::F32][(seed / 3) as usize % 3];
    let weights = write_tensors("weights.safetensors", &tensors, precision).unwrap();
    spec.weights = WeightsFile::describe("weights.safetensors", &weights);
    Model::read(&spec.to_json().unwrap(), &weights).unwrap()
}
