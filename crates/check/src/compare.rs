//! Compares the results and the speed of both runtimes for one model.

use anyhow::Result;
use pollster::block_on;
use std::rc::Rc;
use std::time::{Duration, Instant};
use vaelet_cpu::{CpuRuntime, present};
use vaelet_gpu::{Context, GpuRuntime, TOLERANCE, Target, largest_difference, wgpu};
use vaelet_model::latent::reparameterize;
use vaelet_model::{ImageShape, Model, random};

/// Minimum duration of a measurement.
const MIN_DURATION: Duration = Duration::from_millis(50);
/// Width and height of the image that is drawn, in pixels.
const SIDE: u32 = 64;

/// Both runtimes of one model with the results of the comparison.
pub struct Comparison {
    runtimes: Option<Runtimes>,
    /// The largest difference so far: absolute, or relative for values beyond ±1.
    pub largest: f32,
    /// Time to decode one latent on the GPU, in milliseconds.
    pub gpu_ms: f64,
    /// Time to decode one latent on the CPU, in milliseconds.
    pub cpu_ms: f64,
}

struct Runtimes {
    context: Rc<Context>,
    gpu: GpuRuntime,
    cpu: CpuRuntime,
    input: ImageShape,
    latent: usize,
}

impl Comparison {
    /// Compares `model` on the GPU with `expected` on the CPU. They differ only in tests.
    ///
    /// # Errors
    /// If the GPU cannot run the model.
    pub fn new(context: &Rc<Context>, model: &Model, expected: &Model) -> Result<Self> {
        let runtimes = Runtimes {
            gpu: GpuRuntime::new(context.clone(), model)?,
            cpu: CpuRuntime::new(expected),
            input: model.spec.input,
            latent: model.spec.latent_size(),
            context: context.clone(),
        };
        Ok(Self {
            runtimes: Some(runtimes),
            ..Self::of(0.0)
        })
    }

    /// A result without runtimes, for tests.
    pub fn of(largest: f32) -> Self {
        Self {
            runtimes: None,
            largest,
            gpu_ms: 0.0,
            cpu_ms: 0.0,
        }
    }

    /// Whether the difference is within the tolerance.
    pub fn is_right(&self) -> bool {
        self.largest <= TOLERANCE
    }

    /// Encodes, decodes, reconstructs and draws a batch on both. It encodes noise, or with
    /// `pictures` the decoded images, because a trained encoder exaggerates differences on noise.
    ///
    /// # Errors
    /// The GPU's errors.
    pub fn compare(&mut self, batch: usize, pictures: bool) -> Result<()> {
        let Some(Runtimes {
            context,
            gpu,
            cpu,
            input,
            latent,
        }) = &mut self.runtimes
        else {
            return Ok(());
        };
        let (image, latent) = (input.len(), *latent);
        let z = random::normals(2, batch * latent);
        let decoded = cpu.decode(&z);
        let images = if pictures {
            decoded.clone()
        } else {
            random::normals(1, batch * image)
        };
        let posterior = cpu.encode(&images);
        let found = block_on(gpu.encode(&images)?)?;
        let mut differences = vec![
            relative(&found.mean, &posterior.mean),
            relative(&found.log_var, &posterior.log_var),
            relative(&block_on(gpu.decode(&z)?)?, &decoded),
        ];

        let texture = texture(context);
        let target = Target {
            view: &texture.create_view(&Default::default()),
            format: texture.format(),
            size: [SIDE; 2],
            columns: 1,
        };
        let (one, epsilon) = (&images[..image], &z[..latent]);
        let found = block_on(gpu.reconstruct(one, [&[], &[]], epsilon, 0.5, &target)?)?;
        let mean = &posterior.mean[..latent];
        let expected = reparameterize(mean, &posterior.log_var[..latent], epsilon, 0.5);
        let images = cpu.decode(&expected);
        differences.push(relative(&found.z, &expected));
        differences.push(relative(&found.images, &images));
        let expected = present(&images, *input, [SIDE; 2], [1, 1], 0);
        let differs = |(a, b): (&u8, &u8)| a.abs_diff(*b) > 1;
        if read(context, &texture)?.iter().zip(&expected).any(differs) {
            differences.push(1.0);
        }
        self.largest = differences.into_iter().fold(self.largest, f32::max);
        Ok(())
    }

    /// Times both, with more and more images until a measurement lasts [`MIN_DURATION`].
    ///
    /// # Errors
    /// The GPU's errors.
    pub fn time(&mut self) -> Result<()> {
        let Some(Runtimes {
            gpu, cpu, latent, ..
        }) = &mut self.runtimes
        else {
            return Ok(());
        };
        let z = random::normals(2, *latent);
        self.gpu_ms = milliseconds(|count| {
            let frames: Vec<_> = (0..count)
                .map(|_| gpu.decode(&z))
                .collect::<Result<_, _>>()?;
            for frame in frames {
                block_on(frame)?;
            }
            Ok(())
        })?;
        self.cpu_ms = milliseconds(|count| {
            for _ in 0..count {
                cpu.decode(&z);
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// The largest difference: absolute, or relative for expected values beyond ±1.
fn relative(found: &[f32], expected: &[f32]) -> f32 {
    let scale = |v: f32| v.abs().max(1.0);
    let scaled = |values: &[f32]| -> Vec<f32> {
        let pairs = values.iter().zip(expected);
        pairs.map(|(v, expected)| v / scale(*expected)).collect()
    };
    if found.len() != expected.len() {
        return f32::INFINITY;
    }
    largest_difference(&scaled(found), &scaled(expected))
}

/// Time of one run, in milliseconds.
fn milliseconds(mut run: impl FnMut(u32) -> Result<()>) -> Result<f64> {
    run(1)?;
    let mut count = 1;
    loop {
        let start = Instant::now();
        run(count)?;
        let time = start.elapsed();
        if time >= MIN_DURATION {
            return Ok(time.as_secs_f64() * 1e3 / f64::from(count));
        }
        count *= 2;
    }
}

fn texture(context: &Context) -> wgpu::Texture {
    context.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d {
            width: SIDE,
            height: SIDE,
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

/// The bytes of the texture. A row of 64 pixels needs no padding.
fn read(context: &Context, texture: &wgpu::Texture) -> Result<Vec<u8>> {
    let buffer = context.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(4 * SIDE * SIDE),
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
                bytes_per_row: Some(4 * SIDE),
                rows_per_image: None,
            },
        },
        texture.size(),
    );
    context.queue.submit([encoder.finish()]);
    buffer.map_async(wgpu::MapMode::Read, .., |_| {});
    context.device.poll(wgpu::PollType::wait_indefinitely())?;
    Ok(buffer.get_mapped_range(..)?.to_vec())
}
