//! A device for the tests, and models with random weights.

use pollster::block_on;
use std::env;
use std::rc::Rc;
use vaelet_cpu::present;
use vaelet_gpu::Context;
use vaelet_gpu::wgpu::{self, Limits};
use vaelet_model::{
    Condition, Data, FORMAT, ImageShape, LatentGroup, Layer, Likelihood, Model, ModelSpec,
    Precision, Prior, Program, Spelling, Tensor, Tensors, WeightsFile, random, write_tensors,
};

/// A GPU. Without one it prints a message and returns `None`, or panics if `VAELET_REQUIRE_GPU` is
/// set, as in CI.
#[allow(dead_code, reason = "not every test needs it")]
pub fn context() -> Option<Rc<Context>> {
    context_with(|limits| limits).map(Rc::new)
}

/// [`context`] with a device whose limits are `limits` of the adapter's.
#[allow(dead_code, reason = "not every test needs it")]
pub fn context_with(limits: impl FnOnce(Limits) -> Limits) -> Option<Context> {
    match block_on(Context::with_limits(limits)) {
        Ok(context) => Some(context),
        Err(e) if env::var_os("VAELET_REQUIRE_GPU").is_some() => panic!("{e}"),
        Err(e) => {
            eprintln!("NOT TESTED: {e}. Install mesa-vulkan-drivers for a software GPU.");
            None
        }
    }
}

#[allow(dead_code, reason = "not every test needs it")]
/// A texture to draw into.
pub fn texture(context: &Context, [width, height]: [u32; 2]) -> wgpu::Texture {
    context.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d {
            width,
            height,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    })
}

#[allow(dead_code, reason = "not every test needs it")]
/// The bytes of a texture, without padding between rows.
pub fn read_texture(context: &Context, texture: &wgpu::Texture) -> Vec<u8> {
    let row = (4 * texture.width()).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = context.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(row * texture.height()),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = context.device.create_command_encoder(&Default::default());
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(row),
                rows_per_image: None,
            },
        },
        texture.size(),
    );
    context.queue.submit([encoder.finish()]);
    buffer.map_async(wgpu::MapMode::Read, .., |result| result.unwrap());
    context
        .device
        .poll(wgpu::PollType::wait_indefinitely())
        .unwrap();
    let bytes = buffer.get_mapped_range(..).unwrap();
    let rows = bytes.chunks_exact(row as usize);
    rows.flat_map(|row| row[..4 * texture.width() as usize].to_vec())
        .collect()
}

/// A model with random weights: `encoder` maps an image to `2 · latent` values,
/// `decoder` maps `latent` values to an image.
pub fn model(
    input: ImageShape,
    latent: usize,
    encoder: Vec<Layer>,
    decoder: Vec<Layer>,
    seed: u64,
) -> Model {
    // Weights exact in f16 select the f16 kernels if the adapter supports f16.
    let precision = [Precision::I8, Precision::F16, Precision::F32][(seed / 3) as usize % 3];
    model_of(
        input,
        latent,
        encoder,
        decoder,
        precision,
        |i, len, outputs| {
            let scale = 1.0 / (len as f32 / outputs as f32).sqrt();
            let data = random::normals(seed ^ (i as u64) << 32, len);
            data.into_iter().map(|v| v * scale).collect()
        },
    )
}

/// [`model`] with a condition that has these classes.
#[allow(dead_code, reason = "not every test needs it")]
pub fn conditional(
    input: ImageShape,
    latent: usize,
    classes: Vec<String>,
    [encoder, decoder]: [Vec<Layer>; 2],
    seed: u64,
) -> Model {
    let name = "class".into();
    let condition = Some(Condition { name, classes });
    let data = |i, len, _| random::normals(seed ^ (i as u64) << 32, len);
    build(
        of_images(input),
        latent,
        condition,
        [encoder, decoder],
        Precision::F16,
        data,
    )
}

/// [`model`] of texts, whose classes may be none.
#[allow(dead_code, reason = "not every test needs it")]
pub fn writing(
    input: ImageShape,
    latent: usize,
    classes: Vec<String>,
    layers: [Vec<Layer>; 2],
    seed: u64,
) -> Model {
    let name = "class".into();
    let condition = (!classes.is_empty()).then_some(Condition { name, classes });
    let symbols = input.channels;
    let likelihood = Likelihood::Categorical { symbols };
    let letters = ('a'..='z').map(String::from);
    let spelling = Spelling {
        symbols: [String::new()]
            .into_iter()
            .chain(letters)
            .take(symbols)
            .collect(),
        end: 0,
        capitals: false,
        notation: None,
    };
    let data = |i, len, _| random::normals(seed ^ (i as u64) << 32, len);
    build(
        (input, likelihood, Data::Sequence(spelling)),
        latent,
        condition,
        layers,
        Precision::F16,
        data,
    )
}

/// [`model`] with given weights: `data(i, len, outputs)` returns the `len` values of tensor `i`,
/// which belongs to a step with `outputs` outputs. The tensors are weight and bias of each step.
pub fn model_of(
    input: ImageShape,
    latent: usize,
    encoder: Vec<Layer>,
    decoder: Vec<Layer>,
    precision: Precision,
    data: impl Fn(usize, usize, usize) -> Vec<f32>,
) -> Model {
    let kind = of_images(input);
    build(kind, latent, None, [encoder, decoder], precision, data)
}

fn of_images(input: ImageShape) -> (ImageShape, Likelihood, Data) {
    (input, Likelihood::Gaussian { sigma: 1.0 }, Data::Image)
}

fn build(
    (input, likelihood, kind): (ImageShape, Likelihood, Data),
    latent: usize,
    condition: Option<Condition>,
    [encoder, decoder]: [Vec<Layer>; 2],
    precision: Precision,
    data: impl Fn(usize, usize, usize) -> Vec<f32>,
) -> Model {
    let mut spec = ModelSpec {
        format: FORMAT.into(),
        name: "random".into(),
        title: "Random".into(),
        subject: None,
        lacks: None,
        first: Vec::new(),
        input,
        data: kind,
        condition,
        likelihood,
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
    let program = Program::of(&spec).unwrap();
    let mut tensors = Tensors::new();
    for params in program.params() {
        for (name, shape) in [
            (params.weight_name(), params.weight.clone()),
            (params.bias_name(), vec![params.bias]),
        ] {
            let len = shape.iter().product();
            let data = data(tensors.len(), len, params.bias);
            tensors.insert(name, Tensor { shape, data });
        }
    }
    let weights = write_tensors("weights.safetensors", &tensors, precision).unwrap();
    spec.weights = WeightsFile::describe("weights.safetensors", &weights);
    Model::read(&spec.to_json().unwrap(), &weights).unwrap()
}

/// The grid of images that the CPU draws cell by cell, as RGBA bytes.
#[allow(dead_code, reason = "not every test needs it")]
pub fn grid(images: &[f32], input: ImageShape, [width, height]: [u32; 2], columns: u32) -> Vec<u8> {
    let columns = columns.max(1);
    let rows = (images.len() / input.len()).div_ceil(columns as usize) as u32;
    let mut rgba = vec![0; (4 * width * height) as usize];
    for (i, image) in (0..).zip(images.chunks_exact(input.len())) {
        let cell = present(image, input, [width, height], [columns, rows], i as usize);
        let edges = |cell, side: u32, n| [cell, cell + 1].map(|i: u32| (i * side).div_ceil(n));
        let [left, right] = edges(i % columns, width, columns);
        let [top, bottom] = edges(i / columns, height, rows);
        let lines = (4 * (right - left)) as usize;
        if lines == 0 {
            continue; // more cells than pixels
        }
        for (y, line) in (top..bottom).zip(cell.chunks_exact(lines)) {
            let start = (4 * (y * width + left)) as usize;
            rgba[start..start + lines].copy_from_slice(line);
        }
    }
    rgba
}
