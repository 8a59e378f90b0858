//! A model's graphs as a burn module: the network that is trained, and the oracle that both runtimes
//! are tested against.

use super::density::Density;
use super::stack::{Affine, Stack};
use super::tensors::{to_vec, towards};
use anyhow::{Context as _, Result};
use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use vaelet_model::{Map, Model, Params, Schedule, Tensors, channels_first, latent};

/// Encoder and decoder of one model, its learned prior, and what only training needs.
#[derive(Module, Debug)]
pub struct Network {
    encoder: Stack,
    decoder: Stack,
    prior: Option<Density>,
    /// Reads what was measured of an image from z; no part of the released model.
    head: Option<Affine>,
}

/// What an encoder or a decoder reads.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// Images `[N, H · W · C]`, or latents.
    pub values: Tensor<2>,
    /// The class of each, `[N, classes]`; none where the model has no condition.
    pub condition: Option<Tensor<2>>,
    /// The one-hot vectors of texts, `[N, T · V]`, that are known to a decoder which reads what it has written; zeros for
    /// symbols that are not. Encoders and other decoders do not read it.
    pub written: Option<Tensor<2>>,
}

impl From<Tensor<2>> for Labelled {
    fn from(values: Tensor<2>) -> Self {
        Self {
            values,
            condition: None,
            written: None,
        }
    }
}

/// The two graphs that a [`Network`] holds the parameters of.
#[derive(Debug, Clone)]
pub struct Graphs {
    /// Images to `[N, 2 · latent]`.
    pub encoder: Schedule,
    /// `[N, latent]` to images.
    pub decoder: Schedule,
}

impl Graphs {
    /// What the decoder reads of its own text, if it does: `[T, V]` and how many symbols before each place.
    fn reads(&self) -> Option<([usize; 2], usize)> {
        let given = self.decoder.entries.first()?.inputs.get(1..)?;
        self.decoder
            .steps
            .iter()
            .find_map(|step| match step.map()?.0 {
                Map::Conv2d(window) if given.contains(&step.input) => {
                    let [_, columns, channels] = window.input;
                    let output = self.decoder.entries[0].outputs[0];
                    let symbols = self.decoder.values[output].shape[2];
                    Some(([columns, symbols], channels / symbols))
                }
                _ => None,
            })
    }

    fn params(&self) -> impl Iterator<Item = &Params> {
        let steps = self.encoder.steps.iter().chain(&self.decoder.steps);
        steps.filter_map(|step| Some(step.map()?.1))
    }
}

impl Network {
    /// Fresh parameters.
    pub fn init(graphs: &Graphs, seed: u64, device: &Device) -> Self {
        let after = seed.wrapping_add(graphs.encoder.steps.len() as u64);
        Self {
            encoder: Stack::init(&graphs.encoder, seed, device),
            decoder: Stack::init(&graphs.decoder, after, device),
            prior: None,
            head: None,
        }
    }

    /// The same with a linear head that reads `count` numbers from `latent`, all of them 0 as yet; without one where
    /// there are none.
    pub fn with_head(self, [latent, count]: [usize; 2], device: &Device) -> Self {
        let head = || Affine::new(vec![0.0; latent * count], vec![0.0; count], device);
        Self {
            head: (count > 0).then(head),
            ..self
        }
    }

    /// The parameters of a released model.
    ///
    /// # Errors
    /// A learned prior whose covariance has no inverse.
    pub fn of(model: &Model, device: &Device) -> Result<Self> {
        let stack = |graph: &Schedule| {
            Stack::build(graph, device, |_, params| {
                let weight = params.in_file(&model.weights.weight(params));
                (weight, model.weights.get(&params.bias_name()).to_vec())
            })
        };
        let [encoder, decoder] = model.spec.chains()?;
        Ok(Self {
            encoder: stack(&encoder),
            decoder: stack(&decoder),
            prior: Density::of(model, device)?,
            head: None,
        })
    }

    /// p(z), where it is more than N(0, I).
    pub fn prior(&self) -> Option<&Density> {
        self.prior.as_ref()
    }

    /// The same with N(0, I) as p(z).
    pub fn without_prior(self) -> Self {
        Self {
            prior: None,
            ..self
        }
    }

    /// All parameters under their names and with their shapes in the weights file.
    pub fn to_tensors(&self, graphs: &Graphs) -> Result<Tensors> {
        let mut tensors = self.collect(graphs, |affine| {
            Ok([to_vec(affine.weight.val())?, to_vec(affine.bias.val())?])
        })?;
        if let Some(prior) = &self.prior {
            tensors.extend(prior.to_tensors()?);
        }
        Ok(tensors)
    }

    /// The gradients of all weights and biases, named and shaped as they are.
    ///
    /// # Errors
    /// A parameter without a gradient, or a device that fails.
    pub fn gradients(&self, graphs: &Graphs, gradients: &Gradients) -> Result<Tensors> {
        self.collect(graphs, |affine| {
            let weight = affine.weight.val().grad(gradients);
            let bias = affine.bias.val().grad(gradients);
            let (weight, bias) = weight.zip(bias).context("a parameter without a gradient")?;
            Ok([to_vec(weight)?, to_vec(bias)?])
        })
    }

    fn collect(
        &self,
        graphs: &Graphs,
        values: impl Fn(&Affine) -> Result<[Vec<f32>; 2]>,
    ) -> Result<Tensors> {
        let mut tensors = Tensors::new();
        for (affine, params) in self.affines().zip(graphs.params()) {
            for ((name, shape), data) in params.stored().into_iter().zip(values(affine)?) {
                tensors.insert(name, vaelet_model::Tensor { shape, data });
            }
        }
        Ok(tensors)
    }

    /// Moves towards `other` by the share `1 − decay`: an exponential moving average
    /// of weights along training (Polyak and Juditsky 1992).
    pub fn average(self, other: &Self, decay: f64) -> Self {
        let mix = |stack: Stack, other: &Stack| {
            let pairs = stack.steps.into_iter().zip(&other.steps);
            let steps = pairs
                .map(|(a, b)| Affine {
                    weight: towards(a.weight, &b.weight, decay),
                    bias: towards(a.bias, &b.bias, decay),
                })
                .collect();
            Stack { steps }
        };
        Self {
            encoder: mix(self.encoder, &other.encoder),
            decoder: mix(self.decoder, &other.decoder),
            prior: self
                .prior
                .zip(other.prior.as_ref())
                .map(|(a, b)| a.average(b, decay)),
            // Nothing is read with the averaged one.
            head: self.head,
        }
    }

    /// Mean and log-variance of q(z | x, c), each `[N, latent]`.
    pub fn encode(&self, graphs: &Graphs, input: Labelled) -> (Tensor<2>, Tensor<2>) {
        let posterior = self.encoder.run(&graphs.encoder, input, None, true);
        let [batch, width] = posterior.dims();
        let mean = posterior.clone().slice([0..batch, 0..width / 2]);
        let log_var = posterior.slice([0..batch, width / 2..width]);
        (mean, log_var)
    }

    /// The squared error with which the head reads `measured`, `[N, measures]`, from latents `[N, latent]`: the sum over
    /// measures, the mean over images (Gómez-Bombarelli et al. 2018). Without a head it reads 0.
    pub fn misread(&self, z: Tensor<2>, measured: Tensor<2>) -> Tensor<1> {
        let error = match &self.head {
            Some(head) => z.matmul(head.weight.val()) + head.bias.val().unsqueeze() - measured,
            None => measured,
        };
        error.square().sum_dim(1).mean()
    }

    /// Images in `[0, 1]` of latents `[N, latent]`.
    pub fn decode(&self, graphs: &Graphs, z: Labelled) -> Tensor<2> {
        let context = context(graphs, &z);
        self.decoder.run(&graphs.decoder, z, context, true)
    }

    /// The same of latents alone: what a decoder writes that reads its own text ([`latent::settle`]).
    ///
    /// # Errors
    /// A device that fails.
    pub fn write(&self, graphs: &Graphs, z: Labelled) -> Result<Tensor<2>> {
        let Some(([columns, symbols], _)) = graphs.reads() else {
            return Ok(self.decode(graphs, z));
        };
        let (count, device) = (z.values.dims()[0], z.values.device());
        let given = |written: &[usize]| {
            let values = latent::one_hot(written, count * columns, symbols);
            let shape = [count, columns * symbols];
            let written = Tensor::from_data(TensorData::new(values, shape), &device);
            Labelled {
                written: Some(written),
                ..z.clone()
            }
        };
        let start = vec![latent::UNWRITTEN; count * columns];
        let text = latent::settle(start, columns, |written| {
            let logits = to_vec(self.decode(graphs, given(written)))?;
            let planes = channels_first(&logits, symbols, columns * symbols);
            anyhow::Ok(latent::likeliest(&planes, symbols, columns))
        })?;
        Ok(self.decode(graphs, given(&text)))
    }

    /// What the decoder gives before its last activation: for a Bernoulli likelihood
    /// the logits, from which the loss is exact.
    pub fn decode_logits(&self, graphs: &Graphs, z: Labelled) -> Tensor<2> {
        let context = context(graphs, &z);
        self.decoder.run(&graphs.decoder, z, context, false)
    }

    fn affines(&self) -> impl Iterator<Item = &Affine> {
        self.encoder.steps.iter().chain(&self.decoder.steps)
    }
}

/// What the decoder reads of the texts that are written: [`latent::context`] on the device, `[N, T · reach · V]`.
fn context(graphs: &Graphs, z: &Labelled) -> Option<Tensor<2>> {
    let (([columns, symbols], reach), written) = graphs.reads().zip(z.written.clone())?;
    let (count, device) = (written.dims()[0], written.device());
    let shifted = (1..=reach).map(|back| {
        let [zeros, rest] = [back.min(columns), columns.saturating_sub(back)].map(|n| n * symbols);
        let zeros = Tensor::zeros([count, zeros], &device);
        let text = match rest {
            0 => zeros,
            _ => Tensor::cat(vec![zeros, written.clone().slice([0..count, 0..rest])], 1),
        };
        text.reshape([count * columns, symbols])
    });
    let context = Tensor::cat(shifted.collect(), 1);
    Some(context.reshape([count, columns * reach * symbols]))
}
