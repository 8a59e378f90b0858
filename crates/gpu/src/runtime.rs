//! A model on the GPU.

use crate::engine::{Call, Engine, Options};
use crate::kernels::present::{Present, Target};
use crate::{Context, Error};
use std::future::Future;
use std::rc::Rc;
use vaelet_model::latent::{self, Posterior};
use vaelet_model::{
    Architecture, CONDITIONS, CONTEXTS, EntryPoint, Model, Schedule, channels_first,
};

/// A model on the GPU. Pipelines are built once. Buffers grow to the largest batch so far and are
/// kept. Batches may have any size; large ones are split.
///
/// [`Error::OutOfMemory`] and [`Error::Refused`] concern only this model. They are returned by the
/// next future that is awaited, or by the next call.
pub struct GpuRuntime {
    pub(crate) engine: Engine,
    pub(crate) latent: usize,
    /// Of what the decoder reads: places of a text, symbols before each, and how many symbols there are; nothing
    /// where it reads none.
    context: Option<[usize; 3]>,
    /// Of the condition; 0 where there is none.
    classes: usize,
    present: Present,
}

/// The results of autoencoding a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// q(z | x).
    pub posterior: Posterior,
    /// The sample that was decoded, `[N, latent]`.
    pub z: Vec<f32>,
    /// The mean of p(x | z), `[N, C, H, W]`.
    pub images: Vec<f32>,
}

impl GpuRuntime {
    /// Compiles a model for a device and uploads its weights.
    ///
    /// # Errors
    /// Those of [`GpuRuntime::prepare`].
    pub fn new(context: Rc<Context>, model: &Model) -> Result<Self, Error> {
        let parallelism = context.capabilities.parallelism();
        let mut runtime = Self::prepare(context, &model.architecture(), parallelism)?;
        runtime.upload(model);
        Ok(runtime)
    }

    /// Builds the pipelines while the weights may still be downloading; call
    /// [`GpuRuntime::upload`] next. The choice of kernels depends on `parallelism`, the number of
    /// threads that keep the device busy.
    ///
    /// # Errors
    /// [`Error::TooLarge`], before any GPU object is created.
    pub fn prepare(
        context: Rc<Context>,
        architecture: &Architecture,
        parallelism: usize,
    ) -> Result<Self, Error> {
        let schedule = Schedule::new(&architecture.program, &[]);
        let decode = schedule.entry(EntryPoint::Decode);
        let (input, images) = (
            architecture.spec.input,
            decode.map_or(0, |entry| entry.outputs[0]),
        );
        let reach = architecture.spec.reach();
        let (engine, present) = Engine::new(
            context,
            schedule,
            Options {
                kept: &[],
                parallelism,
                f16: architecture.is_f16(),
            },
            |device| Present::new(device, input, images),
        )?;
        Ok(Self {
            engine,
            latent: architecture.spec.latent_size(),
            context: (reach > 0).then_some([input.width, reach, input.channels]),
            classes: architecture.spec.classes(),
            present,
        })
    }

    /// Uploads the parameters. `model` must have the architecture that this runtime was prepared for.
    pub fn upload(&mut self, model: &Model) {
        self.engine.upload(&model.weights);
    }

    /// Uploads the parameters of the next step, so that callers can do other work in between.
    /// Returns `false` if all had been uploaded before.
    pub fn upload_step(&mut self, model: &Model) -> bool {
        self.engine.upload_step(&model.weights)
    }

    /// Encodes images `[N, C, H, W]` in `[0, 1]`, without a class if the model has a condition. The
    /// work is submitted when this returns.
    ///
    /// # Errors
    /// [`Error::Input`] from the call; [`Error::Lost`] and the GPU's errors from the future.
    pub fn encode(
        &mut self,
        images: &[f32],
    ) -> Result<impl Future<Output = Result<Posterior, Error>> + use<>, Error> {
        self.encode_given(images, &[])
    }

    /// [`GpuRuntime::encode`] with the images' classes `[N]`, which a model without a condition
    /// ignores.
    ///
    /// # Errors
    /// Those of [`GpuRuntime::encode`].
    pub fn encode_given(
        &mut self,
        images: &[f32],
        classes: &[usize],
    ) -> Result<impl Future<Output = Result<Posterior, Error>> + use<>, Error> {
        let latent = self.latent;
        let parts = self.run(EntryPoint::Encode, images, None, classes)?;
        Ok(async move { Ok(Posterior::from_encoder(&first(parts.await?), latent)) })
    }

    /// Decodes latents `[N, latent]` to images `[N, C, H, W]`, without a class if the model has a
    /// condition. The work is submitted when this returns.
    ///
    /// # Errors
    /// [`Error::Input`] from the call; [`Error::Lost`] and the GPU's errors from the future.
    pub fn decode(
        &mut self,
        z: &[f32],
    ) -> Result<impl Future<Output = Result<Vec<f32>, Error>> + use<>, Error> {
        self.decode_given(z, &[])
    }

    /// [`GpuRuntime::decode`] with classes `[N]`, which a model without a condition ignores.
    ///
    /// # Errors
    /// Those of [`GpuRuntime::decode`].
    pub fn decode_given(
        &mut self,
        z: &[f32],
        classes: &[usize],
    ) -> Result<impl Future<Output = Result<Vec<f32>, Error>> + use<>, Error> {
        self.decode_written(z, classes, &[])
    }

    /// The same of a decoder that reads the symbols of the text so far, `[N, T]`: its logits at each place for
    /// those before it. Others ignore what is written.
    ///
    /// # Errors
    /// Those of [`GpuRuntime::decode`].
    pub fn decode_written(
        &mut self,
        z: &[f32],
        classes: &[usize],
        written: &[usize],
    ) -> Result<impl Future<Output = Result<Vec<f32>, Error>> + use<>, Error> {
        let parts = self.run(EntryPoint::Decode, z, Some(written), classes)?;
        Ok(async move { Ok(first(parts.await?)) })
    }

    /// Decodes latents `[N, latent]`, with classes `[N]` if the model has a condition, and draws the
    /// images without reading them back. GPU errors of this call are returned by
    /// [`GpuRuntime::checked`] or by the next call.
    ///
    /// # Errors
    /// [`Error::Input`], and the GPU's errors of earlier calls.
    pub fn present(
        &mut self,
        z: &[f32],
        classes: &[usize],
        target: &Target<'_>,
    ) -> Result<(), Error> {
        let items = z.len() / self.latent;
        let [context, condition] = self.given(Some(&[]), classes, items);
        let inputs = [z, &context, &condition];
        let call = Call {
            read: false,
            ..self.call(EntryPoint::Decode, &inputs, 0.0)?
        };
        let drawing = self.present.drawing(target);
        self.engine.submit(call, Some(drawing))?;
        Ok(())
    }

    /// Encodes images `[N, C, H, W]`, samples z = μ + T · σ · ε, decodes z and draws the result, in
    /// one submit. Both networks get the classes `[N]` if the model has a condition, and a decoder that reads them the
    /// symbols of the texts, `[N, T]`. The future
    /// resolves with the values.
    ///
    /// # Errors
    /// [`Error::Input`] from the call; [`Error::Lost`] and the GPU's errors from the future.
    pub fn reconstruct(
        &mut self,
        images: &[f32],
        [classes, written]: [&[usize]; 2],
        epsilon: &[f32],
        temperature: f32,
        target: &Target<'_>,
    ) -> Result<impl Future<Output = Result<Reconstruction, Error>> + use<>, Error> {
        let latent = self.latent;
        let items = epsilon.len() / latent;
        let [context, condition] = self.given(Some(written), classes, items);
        let inputs = [images, epsilon, &context, &condition];
        let call = self.call(EntryPoint::Autoencode, &inputs, temperature)?;
        if epsilon.len() != call.items * latent {
            return Err(Error::Input {
                found: epsilon.len(),
                len: call.items * latent,
            });
        }
        let drawing = self.present.drawing(target);
        let parts = self.engine.run(call, Some(drawing))?;
        Ok(async move {
            let mut parts = parts.await?.into_iter();
            let mut next = || parts.next().unwrap_or_default();
            Ok(Reconstruction {
                posterior: Posterior::from_encoder(&next(), latent),
                z: next(),
                images: next(),
            })
        })
    }

    /// Waits until the GPU has accepted the work of all earlier calls.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] and [`Error::Refused`].
    pub fn checked(&mut self) -> impl Future<Output = Result<(), Error>> + use<> {
        self.engine.checked()
    }

    /// Runs an entry point that has one input besides the context, for which something is written, and the condition.
    fn run(
        &mut self,
        entry: EntryPoint,
        input: &[f32],
        written: Option<&[usize]>,
        classes: &[usize],
    ) -> Result<impl Future<Output = Result<Vec<Vec<f32>>, Error>> + use<>, Error> {
        let value = self.engine.entry(entry).inputs[0];
        let items = input.len() / self.engine.len(value);
        let [context, condition] = self.given(written, classes, items);
        let inputs = [input, &context, &condition];
        let call = self.call(entry, &inputs, 0.0)?;
        self.engine.run(call, None)
    }

    /// The last inputs of an entry point, of so many items: the context, where it reads what is written, and the
    /// condition. What it does not have is empty at the end.
    fn given(&self, written: Option<&[usize]>, classes: &[usize], items: usize) -> [Vec<f32>; 2] {
        if !CONDITIONS {
            return [Vec::new(), Vec::new()];
        }
        let condition = latent::one_hot(classes, items, self.classes);
        match (self.context, written) {
            (Some([columns, reach, symbols]), Some(written)) if CONTEXTS => {
                let context = latent::context(written, items, columns, [reach, symbols]);
                let channels = reach * symbols;
                // As all images that callers give.
                [
                    channels_first(&context, channels, columns * channels),
                    condition,
                ]
            }
            _ => [condition, Vec::new()],
        }
    }

    /// A call whose outputs are read back. The number of items follows from the first input.
    fn call<'a>(
        &self,
        entry: EntryPoint,
        inputs: &'a [&'a [f32]],
        temperature: f32,
    ) -> Result<Call<'a>, Error> {
        let value = self.engine.entry(entry).inputs[0];
        Ok(Call {
            entry,
            items: self.engine.count(inputs[0], value)?,
            inputs,
            temperature,
            read: true,
        })
    }
}

/// The first of the parts read back.
fn first(parts: Vec<Vec<f32>>) -> Vec<f32> {
    parts.into_iter().next().unwrap_or_default()
}
