//! A GPU that is too small or rejects work: every failure is an error of the model that caused it,
//! and all other models keep working.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{context_with, model};
use pollster::block_on;
use std::rc::Rc;
use vaelet_cpu::CpuRuntime;
use vaelet_gpu::{Context, Error, GpuRuntime, Target, wgpu};
use vaelet_model::latent::reparameterize;
use vaelet_model::{Activation, ImageShape, Layer, Model, random};

const INPUT: ImageShape = ImageShape {
    channels: 3,
    height: 6,
    width: 5,
};
const LATENT: usize = 128;

/// One layer in encoder and decoder, with f32 weights.
fn small() -> Model {
    let reshape = Layer::reshape([INPUT.height, INPUT.width, INPUT.channels]);
    let encoder = vec![Layer::linear(
        INPUT.len(),
        2 * LATENT,
        Activation::Sigmoid,
        "e",
    )];
    let decoder = vec![
        Layer::linear(LATENT, INPUT.len(), Activation::Sigmoid, "d"),
        reshape,
    ];
    model(INPUT, LATENT, encoder, decoder, 6)
}

fn latents(count: usize) -> Vec<f32> {
    random::normals(5, count * LATENT)
}

/// Asserts that a model runs on the context and decodes the same images as the CPU.
fn assert_works(context: &Rc<Context>, count: usize) {
    let model = small();
    let mut gpu = GpuRuntime::new(context.clone(), &model).unwrap();
    assert_decodes(&mut gpu, &model, count);
}

/// The images, or the error of the call or of its future.
fn decode(gpu: &mut GpuRuntime, z: &[f32]) -> Result<Vec<f32>, Error> {
    block_on(gpu.decode(z)?)
}

fn assert_decodes(gpu: &mut GpuRuntime, model: &Model, count: usize) {
    let z = latents(count);
    let found = block_on(gpu.decode(&z).unwrap()).unwrap();
    assert_close(&found, &CpuRuntime::new(model).decode(&z));
}

fn assert_close(found: &[f32], expected: &[f32]) {
    let difference = vaelet_gpu::largest_difference(found, expected);
    assert!(difference < 1e-4, "{difference}");
}

fn assert_alive(context: &Context) {
    let mut lost = context.lost().unwrap();
    assert_eq!(lost.try_recv(), Ok(None), "the device was lost");
}

/// A parallelism so large that sums are shared, which takes large workgroups.
const WIDE: usize = 1 << 16;

#[test]
fn a_rejected_pipeline_is_an_error_of_its_model() {
    // Without bind groups no pipeline can be created.
    let limits = |limits| wgpu::Limits {
        max_bind_groups: 0,
        ..limits
    };
    let Some(context) = context_with(limits) else {
        return;
    };
    let context = Rc::new(context);
    let mut gpu = GpuRuntime::new(context.clone(), &small()).unwrap();
    for _ in 0..3 {
        let answer = decode(&mut gpu, &latents(1));
        assert!(matches!(answer, Err(Error::Refused(_))), "{answer:?}");
    }
    assert_alive(&context);
}

#[test]
fn a_rejected_dispatch_is_an_error_of_its_model() {
    let limits = |limits| wgpu::Limits {
        max_compute_workgroups_per_dimension: 1,
        ..limits
    };
    let Some(mut context) = context_with(limits) else {
        return;
    };
    // The kernels believe that the device allows more.
    context.capabilities.workgroups = 65535;
    let context = Rc::new(context);
    let mut rejected = GpuRuntime::new(context.clone(), &small()).unwrap();
    let image = vec![0.5; INPUT.len()];
    for _ in 0..3 {
        let answer = rejected.encode(&image).map(block_on);
        let answer = answer.and_then(|posterior| posterior);
        assert!(matches!(answer, Err(Error::Refused(_))), "{answer:?}");
        // One latent needs only one workgroup.
        assert_works(&context, 1);
    }
    assert_decodes(&mut rejected, &small(), 1);
    assert_alive(&context);
}

#[test]
fn a_smaller_device_gets_smaller_workgroups() {
    let limits = |limits| wgpu::Limits {
        max_compute_invocations_per_workgroup: 64,
        max_compute_workgroup_storage_size: 4096,
        ..limits
    };
    let Some(context) = context_with(limits) else {
        return;
    };
    let context = Rc::new(context);
    let model = small();
    let mut gpu = GpuRuntime::prepare(context, &model.architecture(), WIDE).unwrap();
    gpu.upload(&model);
    for count in [1, 3, 40] {
        assert_decodes(&mut gpu, &model, count);
    }
}

#[test]
fn a_device_below_the_minimum_limits_is_an_error() {
    let limits = |limits| wgpu::Limits {
        max_storage_buffers_per_shader_stage: 3,
        ..limits
    };
    if context_with(|limits| limits).is_none() {
        return;
    }
    let error = block_on(Context::with_limits(limits)).err().unwrap();
    assert_eq!(
        error.to_string(),
        "4 storage buffers in a shader are needed; this GPU allows 3"
    );
}

/// Maximum size of a storage buffer binding in the tests below, in bytes.
const BYTES: u64 = 1 << 16;

fn small_buffers(limits: wgpu::Limits) -> wgpu::Limits {
    wgpu::Limits {
        max_storage_buffer_binding_size: BYTES,
        max_buffer_size: 4 * BYTES,
        ..limits
    }
}

#[test]
fn weights_that_do_not_fit_are_an_error_before_anything_is_built() {
    let Some(mut context) = context_with(small_buffers) else {
        return;
    };
    let model = small();
    let architecture = model.architecture();
    context.capabilities.f16 = false;
    let context = Rc::new(context);
    let error = GpuRuntime::prepare(context.clone(), &architecture, 1).err();
    let Some(Error::TooLarge {
        what: "bytes of weights",
        needed: 138_000..150_000,
        limit: BYTES,
    }) = error
    else {
        panic!("{error:?}");
    };
    assert_alive(&context);
}

#[test]
fn rejected_weights_are_an_error_of_their_model() {
    let Some(mut context) = context_with(small_buffers) else {
        return;
    };
    context.capabilities.buffer_bytes = 1 << 20;
    let context = Rc::new(context);
    let mut gpu = GpuRuntime::new(context.clone(), &small()).unwrap();
    let answer = decode(&mut gpu, &latents(1));
    assert!(matches!(answer, Err(Error::Refused(_))), "{answer:?}");
    assert_alive(&context);
}

/// A model whose weights fit the small buffers, but a batch of 100 does not.
fn narrow() -> Model {
    let input = ImageShape {
        channels: 3,
        height: 20,
        width: 20,
    };
    let encoder = vec![
        Layer::conv2d([3, 2], [4, 4, 0], Activation::Relu, "e.0"),
        Layer::linear(50, 4, Activation::None, "e.1"),
    ];
    let decoder = vec![
        Layer::linear(2, 50, Activation::Silu, "d.0"),
        Layer::reshape([5, 5, 2]),
        Layer::conv_transpose2d([2, 3], [4, 4, 0], Activation::Sigmoid, "d.1"),
    ];
    model(input, 2, encoder, decoder, 6)
}

const MANY: usize = 100;

#[test]
fn batches_that_do_not_fit_are_split() {
    let Some(context) = context_with(small_buffers) else {
        return;
    };
    let context = Rc::new(context);
    let model = narrow();
    let (mut gpu, mut cpu) = (
        GpuRuntime::new(context.clone(), &model).unwrap(),
        CpuRuntime::new(&model),
    );
    let images = random::normals(1, MANY * model.spec.input.len());
    let (z, epsilon) = (random::normals(2, 2 * MANY), random::normals(3, 2 * MANY));

    let posterior = cpu.encode(&images);
    let found = block_on(gpu.encode(&images).unwrap()).unwrap();
    assert_close(&found.mean, &posterior.mean);
    assert_close(&found.log_var, &posterior.log_var);
    let found = block_on(gpu.decode(&z).unwrap()).unwrap();
    assert_close(&found, &cpu.decode(&z));

    // With 13 columns the parts start and end inside rows, and the last row is not full.
    let canvas = Canvas::new(&context, 13);
    gpu.present(&z, &[], &canvas.target()).unwrap();
    block_on(gpu.checked()).unwrap();
    canvas.assert_shows(&context, &cpu.decode(&z), model.spec.input);

    let found = gpu.reconstruct(&images, [&[], &[]], &epsilon, 0.7, &canvas.target());
    let found = block_on(found.unwrap()).unwrap();
    let z = reparameterize(&posterior.mean, &posterior.log_var, &epsilon, 0.7);
    assert_close(&found.posterior.mean, &posterior.mean);
    assert_close(&found.z, &z);
    assert_close(&found.images, &cpu.decode(&z));
    canvas.assert_shows(&context, &cpu.decode(&z), model.spec.input);
}

#[test]
fn a_rejected_batch_is_split_the_next_time() {
    let Some(mut context) = context_with(small_buffers) else {
        return;
    };
    context.capabilities.buffer_bytes = 1 << 20;
    let context = Rc::new(context);
    let model = narrow();
    let mut gpu = GpuRuntime::new(context.clone(), &model).unwrap();
    let try_decode = |gpu: &mut GpuRuntime, count: usize| {
        let z = random::normals(2, 2 * count);
        let found = decode(gpu, &z)?;
        assert_close(&found, &CpuRuntime::new(&model).decode(&z));
        Ok::<_, Error>(())
    };
    try_decode(&mut gpu, 4).unwrap();
    let mut rejected = 0;
    while let Err(e) = try_decode(&mut gpu, MANY) {
        assert!(matches!(e, Error::Refused(_)), "{e}");
        rejected += 1;
        assert!(rejected < 8, "the batch never became small enough");
    }
    assert!(rejected > 0, "the batch was never too large");
    try_decode(&mut gpu, 1).unwrap();
    assert_alive(&context);
}

#[test]
fn a_rejected_drawing_is_reported() {
    let Some(mut context) = context_with(small_buffers) else {
        return;
    };
    context.capabilities.buffer_bytes = 1 << 20;
    let context = Rc::new(context);
    let canvas = Canvas::new(&context, 10);
    let z = random::normals(2, 2 * MANY);
    let rejected = || {
        let mut gpu = GpuRuntime::new(context.clone(), &narrow()).unwrap();
        gpu.present(&z, &[], &canvas.target()).unwrap();
        gpu
    };
    let waited = block_on(rejected().checked());
    assert!(matches!(waited, Err(Error::Refused(_))), "{waited:?}");
    let later = rejected().present(&z, &[], &canvas.target());
    assert!(matches!(later, Err(Error::Refused(_))), "{later:?}");
    assert_alive(&context);
}

#[test]
fn an_error_outside_of_scopes_stops_no_model() {
    let Some(context) = context_with(small_buffers) else {
        return;
    };
    let context = Rc::new(context);
    let _ = context.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 1 << 30,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    assert_alive(&context);
    let mut gpu = GpuRuntime::new(context, &narrow()).unwrap();
    decode(&mut gpu, &[0.0; 4]).unwrap();
}

#[test]
fn a_lost_device_is_reported_and_later_calls_are_errors() {
    let Some(context) = context_with(|limits| limits) else {
        return;
    };
    let context = Rc::new(context);
    assert_works(&context, 3);
    let model = small();
    let mut gpu = GpuRuntime::new(context.clone(), &model).unwrap();
    let lost = context.lost().unwrap();
    context.device.destroy();
    let _ = context.device.poll(wgpu::PollType::Poll);
    block_on(lost).unwrap();
    let answer = decode(&mut gpu, &latents(1));
    assert!(answer.is_err());
}

#[test]
fn arguments_that_are_not_whole_items_are_errors() {
    let Some(context) = context_with(|limits| limits) else {
        return;
    };
    let context = Rc::new(context);
    let mut gpu = GpuRuntime::new(context.clone(), &small()).unwrap();
    let canvas = Canvas::new(&context, 1);
    let target = canvas.target();
    let (image, z) = (vec![0.0; INPUT.len()], latents(1));
    let input = |found, len| Some(Error::Input { found, len });
    assert_eq!(gpu.encode(&[]).err(), input(0, INPUT.len()));
    assert_eq!(gpu.encode(&image[1..]).err(), input(89, 90));
    assert_eq!(gpu.decode(&[]).err(), input(0, LATENT));
    assert_eq!(gpu.decode(&z[1..]).err(), input(127, 128));
    assert_eq!(gpu.present(&[], &[], &target).err(), input(0, LATENT));
    let reconstruct = |gpu: &mut GpuRuntime, image: &[f32], epsilon: &[f32]| {
        gpu.reconstruct(image, [&[], &[]], epsilon, 1.0, &target)
            .err()
    };
    assert_eq!(reconstruct(&mut gpu, &[], &[]), input(0, INPUT.len()));
    assert_eq!(reconstruct(&mut gpu, &image, &[]), input(0, LATENT));
    let twice = reconstruct(&mut gpu, &image, &latents(2));
    assert_eq!(twice, input(2 * LATENT, LATENT));
    assert_decodes(&mut gpu, &small(), 1);
}

/// A texture to draw into.
struct Canvas {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    columns: u32,
}

impl Canvas {
    fn new(context: &Context, columns: u32) -> Self {
        let texture = common::texture(context, [260, 160]);
        Self {
            view: texture.create_view(&Default::default()),
            texture,
            columns,
        }
    }

    fn target(&self) -> Target<'_> {
        Target {
            view: &self.view,
            format: self.texture.format(),
            size: [self.texture.width(), self.texture.height()],
            columns: self.columns,
        }
    }

    fn assert_shows(&self, context: &Context, images: &[f32], input: ImageShape) {
        let size = [self.texture.width(), self.texture.height()];
        let expected = common::grid(images, input, size, self.columns);
        let found = common::read_texture(context, &self.texture);
        let differs = |(a, b): (&u8, &u8)| a.abs_diff(*b) > 1;
        let wrong = found.iter().zip(&expected).position(differs);
        assert_eq!(wrong, None, "{found:?}");
    }
}
