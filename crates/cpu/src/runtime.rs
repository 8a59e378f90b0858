//! A model on the CPU.

use crate::executor::Executor;
use vaelet_model::latent::{self, Posterior};
use vaelet_model::{
    CONDITIONS, CONTEXTS, EntryPoint, Model, Schedule, channels_first, channels_last,
};

/// Maximum size of the buffers, in f32 values (64 MB): as much as a single image may need. Larger
/// batches are split.
const MOST_VALUES: usize = 1 << 24;

/// A model on the CPU. Its buffers grow to the largest batch so far and are kept.
pub struct CpuRuntime {
    channels: usize,
    image_len: usize,
    latent: usize,
    /// Symbols before each place that the decoder reads; 0 if it reads none.
    reach: usize,
    /// Number of classes of the condition; 0 if there is none.
    classes: usize,
    executor: Executor,
}

impl CpuRuntime {
    /// A runtime with all parameters of `model` packed.
    pub fn new(model: &Model) -> Self {
        let mut runtime = Self::unpacked(model);
        while runtime.pack(model) {}
        runtime
    }

    /// A runtime without parameters; call [`CpuRuntime::pack`] until it returns `false`.
    pub fn unpacked(model: &Model) -> Self {
        Self {
            channels: model.spec.input.channels,
            image_len: model.spec.input.len(),
            latent: model.spec.latent_size(),
            reach: model.spec.reach(),
            classes: model.spec.classes(),
            executor: Executor::new(Schedule::new(&model.program, &[]), &[]),
        }
    }

    /// Packs the parameters of the next layer. `model` must be the one that this runtime was
    /// created for. Returns `false` if all had been packed before.
    pub fn pack(&mut self, model: &Model) -> bool {
        self.executor.pack(&model.weights)
    }

    /// q(z | x) of images `[N, C, H, W]` in `[0, 1]`, without a class if the model has a condition.
    pub fn encode(&mut self, images: &[f32]) -> Posterior {
        self.encode_given(images, &[])
    }

    /// q(z | x, c) of images `[N, C, H, W]` in `[0, 1]` and their classes `[N]`, which a model
    /// without a condition ignores.
    pub fn encode_given(&mut self, images: &[f32], classes: &[usize]) -> Posterior {
        let (latent, most) = (self.latent, self.largest_batch());
        let mut all = Posterior::default();
        for (i, images) in images.chunks(self.image_len * most).enumerate() {
            let images = channels_last(images, self.channels, self.image_len);
            let classes = rest(classes, i * most);
            let values = self.run(EntryPoint::Encode, &images, [&[], classes], &mut |_, _| {});
            let part = Posterior::from_encoder(values, latent);
            all.mean.extend(part.mean);
            all.log_var.extend(part.log_var);
        }
        all
    }

    /// The outputs of all encoder steps for one image `[C, H, W]` and its class, if the model has a
    /// condition, concatenated: for each step height, width and channels, then its values
    /// `[H, W, C]`.
    pub fn trace_encoder(&mut self, image: &[f32], class: &[usize]) -> Vec<f32> {
        let image = channels_last(image, self.channels, self.image_len);
        self.trace(EntryPoint::Encode, &image, [&[], class])
    }

    /// The outputs of all decoder steps for one latent, its class and what is written, in the format of
    /// [`Self::trace_encoder`].
    pub fn trace_decoder(&mut self, z: &[f32], class: &[usize], written: &[usize]) -> Vec<f32> {
        self.trace(EntryPoint::Decode, z, [written, class])
    }

    /// The mean of p(x | z), `[N, C, H, W]` in `[0, 1]`, for latents `[N, latent]`, without a class
    /// if the model has a condition.
    pub fn decode(&mut self, z: &[f32]) -> Vec<f32> {
        self.decode_given(z, &[])
    }

    /// The mean of p(x | z, c), `[N, C, H, W]` in `[0, 1]`, for latents `[N, latent]` and classes
    /// `[N]`, which a model without a condition ignores.
    pub fn decode_given(&mut self, z: &[f32], classes: &[usize]) -> Vec<f32> {
        self.decode_written(z, classes, &[])
    }

    /// The same of a decoder that reads the symbols of the text so far, `[N, T]`: its logits at each place for
    /// those before it. Others ignore what is written.
    pub fn decode_written(&mut self, z: &[f32], classes: &[usize], written: &[usize]) -> Vec<f32> {
        let (channels, len, most) = (self.channels, self.image_len, self.largest_batch());
        let columns = if CONTEXTS { len / channels } else { 0 };
        let mut all = Vec::new();
        for (i, z) in z.chunks(self.latent * most).enumerate() {
            let given = [rest(written, i * most * columns), rest(classes, i * most)];
            let images = self.run(EntryPoint::Decode, z, given, &mut |_, _| {});
            all.extend(channels_first(images, channels, len));
        }
        all
    }

    /// Number of items whose buffers fit [`MOST_VALUES`], but at least one.
    fn largest_batch(&self) -> usize {
        (MOST_VALUES / self.executor.item_len()).max(1)
    }

    fn trace(&mut self, entry: EntryPoint, input: &[f32], given: [&[usize]; 2]) -> Vec<f32> {
        let mut trace = Vec::new();
        self.run(entry, input, given, &mut |executor, value| {
            trace.extend(executor.describe(value).shape.map(|side| side as f32));
            trace.extend_from_slice(executor.value(value));
        });
        trace
    }

    /// Runs an entry point on an input `[N, H, W, C]`, on what is written, if it reads that, and on classes, if it
    /// has a condition. Returns its only output, `[N, H, W, C]`.
    fn run(
        &mut self,
        name: EntryPoint,
        input: &[f32],
        [written, classes]: [&[usize]; 2],
        visit: &mut dyn FnMut(&Executor, usize),
    ) -> &[f32] {
        let entry = self.executor.entry(name);
        let (from, to) = (entry.inputs[0], entry.outputs[0]);
        // A context comes after the input, a condition last.
        let (context, condition) = (entry.inputs.get(1).copied(), entry.inputs.last().copied());
        self.executor.write(from, input);
        let batch = input.len() / self.executor.describe(from).len();
        if let (true, Some(context)) = (CONTEXTS, context)
            && self.reach > 0
            && name == EntryPoint::Decode
        {
            let columns = self.image_len / self.channels;
            let read = [self.reach, self.channels];
            let given = latent::context(written, batch, columns, read);
            self.executor.write(context, &given);
        }
        if let (true, Some(condition)) = (CONDITIONS, condition)
            && self.classes > 0
        {
            let given = latent::one_hot(classes, batch, self.classes);
            self.executor.write(condition, &given);
        }
        self.executor.run(name, batch, 1.0, visit);
        self.executor.value(to)
    }
}

/// The classes from item `i` on.
fn rest(classes: &[usize], i: usize) -> &[usize] {
    match CONDITIONS {
        true => classes.get(i..).unwrap_or(&[]),
        false => &[],
    }
}
