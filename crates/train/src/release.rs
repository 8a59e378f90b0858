//! A model folder: what `vaelet export` writes and everything else reads.

use crate::architecture::preset;
use crate::batch;
use crate::data::Images;
use crate::evaluation::Evaluation;
use crate::network::{Graphs, Network, to_vec};
use crate::picture::grid;
use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use std::fs;
use std::path::Path;
use vaelet_model::runtime::channels_first;
use vaelet_model::{
    Example, Model, ModelSpec, Precision, Priors, Tensors, WeightsFile, latent, random,
    write_tensors,
};

/// Images and latents in the golden file.
const GOLDEN: usize = 8;
/// Seed of everything random in the golden file and of the picture in the card.
const SEED: u64 = 7;
/// Images in the picture: side of the square grid.
const SIDE: usize = 8;

const WEIGHTS: &str = "weights.safetensors";

/// A released model, ready to run with burn.
pub struct Release {
    /// Description and weights.
    pub model: Model,
    /// The same, as burn needs them.
    pub network: Network,
    /// Where samples come from.
    pub priors: Priors,
    /// What the network's parameters belong to.
    pub graphs: Graphs,
    /// Where it runs.
    pub device: Device,
}

impl Release {
    /// Reads and checks a model folder.
    ///
    /// # Errors
    /// A missing folder or file, or whatever is wrong with one.
    pub fn read(folder: &Path, device: Device) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let json = String::from_utf8(read("model.json")?)
            .with_context(|| format!("{}/model.json is not text", folder.display()))?;
        let file = ModelSpec::parse(&json)?.weights.file;
        let model = Model::read(&json, &read(&file)?)?;
        let graphs = Graphs {
            encoder: model.encoder.clone(),
            decoder: model.decoder.clone(),
        };
        Ok(Self {
            network: Network::of(&model, &device)?,
            priors: Priors::of(&model),
            model,
            graphs,
            device,
        })
    }

    /// Decodes latents `[N, latent]` into images `[N, C, H, W]`.
    ///
    /// # Errors
    /// A device that fails.
    pub fn decode(&self, z: Vec<f32>) -> Result<Vec<f32>> {
        let input = self.model.spec.input;
        let images = to_vec(self.network.decode(&self.graphs, self.latents(z)))?;
        Ok(channels_first(&images, input.channels, input.len()))
    }

    fn latents(&self, values: Vec<f32>) -> Tensor<2> {
        let latent = self.model.spec.latent_size();
        let shape = [values.len() / latent, latent];
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

/// Writes the weights and the description, the least that makes a model folder.
///
/// # Errors
/// A folder that cannot be written, or a weight that does not fit f16.
pub fn write(folder: &Path, mut spec: ModelSpec, tensors: &Tensors, test: &Images) -> Result<()> {
    let input = spec.input;
    ensure!(
        test.shape == input,
        "the test images are {:?}, the model's {input:?}",
        test.shape,
    );
    let weights = write_tensors(WEIGHTS, tensors, Precision::F16)?;
    spec.weights = WeightsFile::describe(WEIGHTS, &weights);
    let classes = test.labels.iter().max().map_or(0, |&class| class + 1);
    spec.examples = (0..classes)
        .filter(|_| classes > 1)
        .filter_map(|class| {
            let i = test.labels.iter().position(|&label| label == class)?;
            Some(Example {
                label: class.to_string(),
                pixels: test.image(i).to_vec(),
            })
        })
        .collect();
    put(folder, WEIGHTS, &weights)?;
    put(folder, "model.json", spec.to_json()?.as_bytes())
}

/// Completes a model folder with what was measured: KL of each variable, the golden
/// file, a picture of samples and the card.
///
/// # Errors
/// A folder that cannot be written.
pub fn complete(
    folder: &Path,
    release: &Release,
    test: &Images,
    measured: &Evaluation,
) -> Result<()> {
    let mut spec = release.model.spec.clone();
    let mut kl = measured.kl_per_dimension.as_slice();
    for group in &mut spec.latents {
        let (own, rest) = kl.split_at(group.size);
        group.kl = own.to_vec();
        kl = rest;
    }
    put(folder, "model.json", spec.to_json()?.as_bytes())?;
    let golden = write_tensors(
        "golden.safetensors",
        &golden(release, test)?,
        Precision::F32,
    )?;
    put(folder, "golden.safetensors", &golden)?;
    let z = release.priors.sample(SEED, SIDE * SIDE, 1.0);
    grid(&release.decode(z)?, spec.input, SIDE)?
        .save(folder.join("samples.png"))
        .with_context(|| format!("cannot write {}/samples.png", folder.display()))?;
    put(folder, "README.md", card(&spec, measured).as_bytes())
}

/// Inputs and burn's outputs, with the weights as released, so that every runtime can
/// prove that it is right. Images are `[N, C, H, W]`.
fn golden(release: &Release, test: &Images) -> Result<Tensors> {
    let spec = &release.model.spec;
    let (input, latent) = (spec.input, spec.latent_size());
    let step = test.count() / GOLDEN;
    let chosen: Vec<usize> = (0..GOLDEN).map(|i| i * step).collect();
    let x = batch::plain(test, &chosen);
    let images = channels_first(&x, input.channels, input.len());
    let epsilon = random::normals(SEED, GOLDEN * latent);
    let x = batch::to_tensor(x, GOLDEN, &release.device);
    let (mean, log_var) = release.network.encode(&release.graphs, x);
    let (mean, log_var) = (to_vec(mean)?, to_vec(log_var)?);
    let z = latent::reparameterize(&mean, &log_var, &epsilon, 1.0);
    let reconstruction = release.decode(z.clone())?;
    let sample = release.decode(release.priors.sample(SEED, GOLDEN, 1.0))?;

    let image = vec![GOLDEN, input.channels, input.height, input.width];
    let vector = vec![GOLDEN, latent];
    let tensor = |shape: &Vec<usize>, data| vaelet_model::Tensor {
        shape: shape.clone(),
        data,
    };
    Ok([
        ("images", tensor(&image, images)),
        ("epsilon", tensor(&vector, epsilon)),
        ("mean", tensor(&vector, mean)),
        ("log_var", tensor(&vector, log_var)),
        ("z", tensor(&vector, z)),
        ("reconstruction", tensor(&image, reconstruction)),
        ("sample", tensor(&image, sample)),
    ]
    .map(|(name, tensor)| (name.to_string(), tensor))
    .into())
}

fn card(spec: &ModelSpec, measured: &Evaluation) -> String {
    let name = &spec.name;
    let what = match preset(name) {
        Some(preset) if preset.adversarial => format!("{name} --from MODEL --data DATA"),
        Some(_) => format!("{name} --data DATA"),
        None => format!("--images DATA --size {}", spec.input.height),
    };
    let training = spec.training.as_ref().map_or(String::new(), |training| {
        format!(
            "Trained for {} epochs on {} with β = {} and seed {}:\n\n    \
             vaelet train {what} --out models/{name} --epochs {} --seed {}\n\n",
            training.epochs,
            training.data,
            training.beta,
            training.seed,
            training.epochs,
            training.seed,
        )
    });
    format!(
        "# {}\n\n![64 samples from the prior, seed {SEED}](samples.png)\n\n{training}\
         Measured on the test split, in nats per image:\n\n{}\n    \
         vaelet evaluate models/{name} --data DATA\n\n\
         Weights: {} KB in f16, {}. Data: {}\n",
        spec.title,
        measured.table(),
        spec.weights.bytes / 1000,
        spec.licence,
        spec.credit,
    )
}

/// Writes a file whole or not at all.
fn put(folder: &Path, name: &str, contents: &[u8]) -> Result<()> {
    let (path, part) = (folder.join(name), folder.join(format!("{name}.part")));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&part, contents))
        .and_then(|()| fs::rename(&part, &path))
        .with_context(|| format!("cannot write {}; is the disk full?", path.display()))
}
