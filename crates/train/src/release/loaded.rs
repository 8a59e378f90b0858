//! A model folder in memory, ready to run with burn.

use crate::data::{Images, batch};
use crate::files::atomic;
use crate::measure::spelled::texts_of;
use crate::network::{Graphs, Labelled, Network, to_vec};
use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor};
use std::fs;
use std::path::Path;
use vaelet_model::{Activation, Model, ModelSpec, Priors, Spelling, Step, channels_first, latent};

/// Images encoded at once.
const BATCH: usize = 250;

/// A released model, ready to run with burn.
pub struct LoadedModel {
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

/// Reads and checks the model in a folder.
///
/// # Errors
/// A missing folder or file, or whatever is wrong with one.
pub fn read(folder: &Path) -> Result<Model> {
    atomic::recover(folder)?;
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let json = String::from_utf8(read("model.json")?)
        .with_context(|| format!("{}/model.json is not text", folder.display()))?;
    let file = ModelSpec::parse(&json)?.weights.file;
    Ok(Model::read(&json, &read(&file)?)?)
}

impl LoadedModel {
    /// Reads and checks a model folder.
    ///
    /// # Errors
    /// A missing folder or file, or whatever is wrong with one.
    pub fn read(folder: &Path, device: Device) -> Result<Self> {
        let model = read(folder)?;
        let [encoder, decoder] = model.spec.chains()?;
        let last = decoder.steps.last().map(Step::activation);
        let is_of_texts = model.spec.likelihood.is_categorical();
        ensure!(
            is_of_texts || last == Some(Activation::Sigmoid),
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
        let images = to_vec(self.pictures(z, classes)?)?;
        Ok(channels_first(&images, input.channels, input.len()))
    }

    /// What the decoder spells for latents `[N, latent]` of these classes, in a model of texts.
    ///
    /// # Errors
    /// A device that fails.
    pub fn texts(
        &self,
        spelling: &Spelling,
        z: Vec<f32>,
        classes: &[usize],
    ) -> Result<Vec<String>> {
        let size = self.model.spec.latent_size();
        let mut texts = Vec::with_capacity(z.len() / size);
        for (i, z) in z.chunks(BATCH * size).enumerate() {
            let classes = classes.get(i * BATCH..).unwrap_or_default();
            texts.extend(texts_of(spelling, self.pictures(z.to_vec(), classes)?)?);
        }
        Ok(texts)
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
            written: None,
        }
    }

    /// One class after another, for `count` samples.
    pub fn each_class(&self, count: usize) -> Vec<usize> {
        let classes = self.model.spec.classes().max(1);
        (0..count).map(|i| i % classes).collect()
    }

    /// The `chosen` images, `[N, H · W · C]`.
    pub fn batch(&self, images: &Images, chosen: &[usize]) -> Tensor<2> {
        batch::to_tensor(images.plain(chosen), chosen.len(), &self.device)
    }

    /// What the decoder makes of latents `[N, latent]` and classes, `[N, H · W · C]`.
    ///
    /// # Errors
    /// A device that fails.
    pub fn pictures(&self, z: Vec<f32>, classes: &[usize]) -> Result<Tensor<2>> {
        let z = self.given(self.latents(z), classes);
        self.network.write(&self.graphs, z)
    }

    pub(super) fn latents(&self, values: Vec<f32>) -> Tensor<2> {
        let count = values.len() / self.model.spec.latent_size();
        batch::to_tensor(values, count, &self.device)
    }
}
