//! A model folder: what `vaelet export` writes and everything else reads.

use crate::data::Images;
use crate::data::batch;
use crate::files::atomic;
use crate::network::{Graphs, Labelled, Network, to_vec};
use crate::release::golden_gradients::golden_gradients;
use crate::training::objective::{Elbo, elbo, log_normal};
use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use vaelet_model::channels_first;
use vaelet_model::{
    Activation, Example, Model, ModelSpec, Precision, Priors, Step, Tensors, WeightsFile, latent,
    random, write_tensors,
};

/// Images and latents in the golden file.
const GOLDEN: usize = 2;
/// Seed of everything random in the golden file.
const SEED: u64 = 7;
/// Most images that ship with a model.
const EXAMPLES: usize = 10;
/// Images encoded at once.
const BATCH: usize = 250;

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
        atomic::recover(folder)?;
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let json = String::from_utf8(read("model.json")?)
            .with_context(|| format!("{}/model.json is not text", folder.display()))?;
        let file = ModelSpec::parse(&json)?.weights.file;
        let model = Model::read(&json, &read(&file)?)?;
        let [encoder, decoder] = model.spec.chains()?;
        let last = decoder.steps.last().map(Step::activation);
        ensure!(
            last == Some(Activation::Sigmoid),
            "{}: the decoder does not end in a sigmoid, which training and measuring need",
            folder.display(),
        );
        let graphs = Graphs { encoder, decoder };
        Ok(Self {
            network: Network::of(&model, &device)?,
            priors: Priors::of(&model),
            model,
            graphs,
            device,
        })
    }

    /// Decodes latents `[N, latent]` into images `[N, C, H, W]` of these classes, which a model without
    /// a condition does not read.
    ///
    /// # Errors
    /// A device that fails.
    pub fn decode(&self, z: Vec<f32>, classes: &[usize]) -> Result<Vec<f32>> {
        let input = self.model.spec.input;
        let images = to_vec(self.pictures(z, classes))?;
        Ok(channels_first(&images, input.channels, input.len()))
    }

    /// Posterior means of the `chosen` images, `[N, latent]`.
    ///
    /// # Errors
    /// A device that fails.
    pub fn means(&self, images: &Images, chosen: &[usize]) -> Result<Vec<f32>> {
        let mut means = Vec::with_capacity(chosen.len() * self.model.spec.latent_size());
        for chosen in chosen.chunks(BATCH) {
            let x = self.labelled(images, chosen);
            means.extend(to_vec(self.network.encode(&self.graphs, x).0)?);
        }
        Ok(means)
    }

    /// The `chosen` images with their classes.
    pub fn labelled(&self, images: &Images, chosen: &[usize]) -> Labelled {
        self.given(self.batch(images, chosen), &images.classes(chosen))
    }

    /// Images or latents of these classes, as the networks read them.
    pub fn given(&self, values: Tensor<2>, classes: &[usize]) -> Labelled {
        let (count, size) = (values.dims()[0], self.model.spec.classes());
        let condition = latent::one_hot(classes, count, size);
        Labelled {
            values,
            condition: (size > 0).then(|| batch::to_tensor(condition, count, &self.device)),
        }
    }

    /// One class after another, for `count` samples.
    pub fn each_class(&self, count: usize) -> Vec<usize> {
        let classes = self.model.spec.classes().max(1);
        (0..count).map(|i| i % classes).collect()
    }

    /// The `chosen` images, `[N, H · W · C]`.
    pub fn batch(&self, images: &Images, chosen: &[usize]) -> Tensor<2> {
        batch::to_tensor(batch::plain(images, chosen), chosen.len(), &self.device)
    }

    /// What the decoder makes of latents `[N, latent]` and classes, `[N, H · W · C]`.
    pub fn pictures(&self, z: Vec<f32>, classes: &[usize]) -> Tensor<2> {
        let z = self.given(self.latents(z), classes);
        self.network.decode(&self.graphs, z)
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
    let weights = write_tensors(WEIGHTS, tensors, Precision::I8)?;
    spec.weights = WeightsFile::describe(WEIGHTS, &weights);
    let classes = test.labels.iter().max().map_or(0, |&class| class + 1);
    let names = spec.condition.as_ref().map(|condition| &condition.classes);
    spec.examples = (0..classes)
        .step_by(usize::from(classes).div_ceil(EXAMPLES).max(1))
        .filter(|_| classes > 1)
        .filter_map(|class| {
            let i = typical(test, class)?;
            Some(Example {
                label: match names.and_then(|names| names.get(usize::from(class))) {
                    Some(name) => name.clone(),
                    None => class.to_string(),
                },
                pixels: test.image(i).to_vec(),
            })
        })
        .collect();
    put(folder, WEIGHTS, &weights)?;
    put(folder, "model.json", spec.to_json()?.as_bytes())
}

/// The image of a class that is nearest to the mean of them all; none of a class that has no images.
fn typical(images: &Images, class: u8) -> Option<usize> {
    let members: Vec<usize> = (0..images.count())
        .filter(|&i| images.labels[i] == class)
        .collect();
    let mut mean = vec![0.0; images.shape.len()];
    for &i in &members {
        for (mean, &value) in mean.iter_mut().zip(images.image(i)) {
            *mean += f64::from(value) / members.len() as f64;
        }
    }
    let distance = |i: usize| -> f64 {
        let differences = images.image(i).iter().zip(&mean);
        differences
            .map(|(&value, mean)| (f64::from(value) - mean).powi(2))
            .sum()
    };
    members
        .into_iter()
        .min_by(|&a, &b| distance(a).total_cmp(&distance(b)))
}

/// Adds to a model folder what is known once it is measured: the golden files, and `kl`, the
/// KL of each variable to N(0, 1).
///
/// # Errors
/// A folder that cannot be read or written.
pub fn complete(folder: &Path, release: &Release, test: &Images, mut kl: &[f32]) -> Result<()> {
    let mut spec = release.model.spec.clone();
    // Descriptions from before there was a precision get theirs.
    let file = spec.weights.file;
    let path = folder.join(&file);
    let weights = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    spec.weights = WeightsFile::describe(&file, &weights);
    for group in &mut spec.latents {
        let (own, rest) = kl.split_at(group.size);
        group.kl = own.to_vec();
        kl = rest;
    }
    put(folder, "model.json", spec.to_json()?.as_bytes())?;
    let golden = golden(release, test)?;
    let gradients = golden_gradients(release, &golden)?;
    for (name, tensors) in [
        ("golden.safetensors", golden),
        ("golden-gradients.safetensors", gradients),
    ] {
        put(
            folder,
            name,
            &write_tensors(name, &tensors, Precision::F32)?,
        )?;
    }
    Ok(())
}

/// Inputs and burn's outputs, with the weights as released, so that every runtime can
/// prove that it is right. Images are `[N, C, H, W]`, figures `[N]` in nats: −log p(x | z) of the
/// images as they are, the KL to the own prior and log p(z), for the z of `epsilon`; `classes` `[N]`
/// are those of images and samples, where the model has a condition.
fn golden(release: &Release, test: &Images) -> Result<Tensors> {
    let spec = &release.model.spec;
    let (input, latent) = (spec.input, spec.latent_size());
    let step = test.count() / GOLDEN;
    // Of several classes, where the model has a condition.
    let next = usize::from(spec.condition.is_some());
    let chosen: Vec<usize> = (0..GOLDEN).map(|i| i * (step + next)).collect();
    let images = test.floats(&chosen);
    let epsilon = random::normals(SEED, GOLDEN * latent);
    let x = release.labelled(test, &chosen);
    let classes = test.classes(&chosen);
    let (mean, log_var) = release.network.encode(&release.graphs, x.clone());
    let (mean, log_var) = (to_vec(mean)?, to_vec(log_var)?);
    let z = latent::reparameterize(&mean, &log_var, &epsilon, 1.0);
    let Elbo {
        reconstruction: nats,
        divergence,
        kl,
        z: drawn,
        ..
    } = elbo(
        &release.network,
        &release.graphs,
        spec.likelihood,
        x.clone(),
        x,
        release.latents(epsilon.clone()),
    );
    let log_prior = match release.network.prior() {
        Some(prior) => prior.log(drawn),
        None => log_normal(drawn),
    };
    let reconstruction = release.decode(z.clone(), &classes)?;
    let drawn = release.priors.sample(SEED, GOLDEN, 1.0);
    let sample = release.decode(drawn, &classes)?;

    let image = vec![GOLDEN, input.channels, input.height, input.width];
    let vector = vec![GOLDEN, latent];
    let figure = vec![GOLDEN];
    let tensor = |shape: &Vec<usize>, data| vaelet_model::Tensor {
        shape: shape.clone(),
        data,
    };
    let mut tensors: Tensors = [
        ("images", tensor(&image, images)),
        ("epsilon", tensor(&vector, epsilon)),
        ("mean", tensor(&vector, mean)),
        ("log_var", tensor(&vector, log_var)),
        ("z", tensor(&vector, z)),
        ("reconstruction", tensor(&image, reconstruction)),
        ("reconstruction_nats", tensor(&figure, to_vec(nats)?)),
        ("kl", tensor(&figure, to_vec(divergence)?)),
        ("log_prior", tensor(&figure, to_vec(log_prior)?)),
        ("kl_to_standard_normal", tensor(&vector, to_vec(kl)?)),
        ("sample", tensor(&image, sample)),
    ]
    .map(|(name, tensor)| (name.to_string(), tensor))
    .into();
    if spec.condition.is_some() {
        let classes = classes.iter().map(|&class| class as f32).collect();
        tensors.insert("classes".into(), tensor(&figure, classes));
    }
    Ok(tensors)
}

/// Writes a file whole or not at all; what is no file, such as `/dev/stdout`, is written as it is.
///
/// # Errors
/// A folder or a file that cannot be written.
pub fn put(folder: &Path, name: impl AsRef<OsStr>, contents: &[u8]) -> Result<()> {
    let path = folder.join(name.as_ref());
    let mut part = path.clone().into_os_string();
    part.push(".part");
    let write = || {
        if !folder.as_os_str().is_empty() {
            fs::create_dir_all(folder)?;
        }
        if path.exists() && !path.is_file() {
            return fs::write(&path, contents);
        }
        let written = fs::write(&part, contents).and_then(|()| fs::rename(&part, &path));
        if written.is_err() {
            // Of what was being written when the disk was full, say.
            let _ = fs::remove_file(&part);
        }
        written
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
