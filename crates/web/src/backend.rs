//! The two runtimes behind one face, and the choice between them.

use crate::error::Failure;
use crate::gpu::{Canvases, Gpu};
use js_sys::Function;
use std::cell::RefCell;
use std::future::{Future, ready};
use std::pin::Pin;
use std::rc::Rc;
use vaelet_cpu::CpuRuntime;
use vaelet_gpu::{GpuRuntime, Reconstruction};
use vaelet_model::latent::{Posterior, reparameterize};
use vaelet_model::{Input, Model, Outline};
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

/// Numbers that come later: at once from the CPU, after the frame from the GPU.
pub type Later<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

/// A model on one of the two.
pub enum Backend {
    /// On the GPU, which stays for as long as a model uses it.
    Gpu {
        gpu: Rc<Gpu>,
        runtime: Box<GpuRuntime>,
        canvases: Canvases,
    },
    /// On the CPU.
    Cpu { runtime: CpuRuntime, input: Input },
}

/// What `choose` measured: milliseconds of one decode.
#[derive(Default)]
pub struct Measured {
    pub webgpu: Option<f64>,
    pub cpu: Option<f64>,
    pub adapter: Option<String>,
}

/// Frames that are timed together on the GPU, so that the wait for the last counts little.
const FRAMES: usize = 4;

/// Asks for what the backend called `name` takes and builds it as far as it goes without
/// weights, which meanwhile download. `"auto"` does without a GPU where there is none.
pub async fn prepare(
    outline: &Outline,
    name: &str,
    on_lost: &Rc<RefCell<Option<Function>>>,
) -> Result<Option<Backend>, Failure> {
    match name {
        "cpu" => Ok(None),
        "webgpu" => Ok(Some(Backend::gpu(outline, on_lost).await?)),
        // Whatever is wrong with the GPU here, the CPU does.
        "auto" => Ok(Backend::gpu(outline, on_lost).await.ok()),
        _ => Err(Failure::input(format!(
            "backend is \"{name}\", not \"auto\", \"webgpu\" or \"cpu\""
        ))),
    }
}

/// Completes the backend called `name`; for `"auto"` the one that decodes faster, measured
/// here and now: a GPU may be missing, blocked or software, and a software one is a
/// hundred times slower than the CPU's own SIMD.
pub async fn choose(
    model: &Model,
    name: &str,
    prepared: Option<Backend>,
) -> Result<(Backend, Measured), Failure> {
    let mut measured = Measured::default();
    let mut gpu = prepared;
    if let Some(Backend::Gpu { gpu, runtime, .. }) = &mut gpu {
        runtime.upload(model);
        measured.adapter = Some(gpu.context.name());
    }
    if name != "auto" {
        let backend = gpu.unwrap_or_else(|| Backend::cpu(model));
        return Ok((backend, measured));
    }
    let mut cpu = Backend::cpu(model);
    let z = vec![0.0; model.spec.latent_size()];
    // The first decode of each allocates and compiles.
    cpu.decode(&z)?.await?;
    let start = now();
    cpu.decode(&z)?.await?;
    measured.cpu = Some(now() - start);
    if let Some(gpu) = &mut gpu {
        // A GPU that fails has no time, and loses.
        measured.webgpu = gpu.time(&z).await.ok();
    }
    let backend = match gpu {
        Some(gpu) if measured.webgpu.is_some() && measured.webgpu < measured.cpu => gpu,
        _ => cpu,
    };
    Ok((backend, measured))
}

/// Milliseconds on a clock that never goes back.
fn now() -> f64 {
    let performance = web_sys::window().and_then(|window| window.performance());
    performance.map_or(0.0, |performance| performance.now())
}

impl Backend {
    fn cpu(model: &Model) -> Self {
        Self::Cpu {
            runtime: CpuRuntime::new(model),
            input: model.spec.input,
        }
    }

    async fn gpu(
        outline: &Outline,
        on_lost: &Rc<RefCell<Option<Function>>>,
    ) -> Result<Self, Failure> {
        let gpu = Gpu::get().await?;
        gpu.tell(on_lost);
        Ok(Self::Gpu {
            runtime: Box::new(GpuRuntime::prepare(
                gpu.context.clone(),
                outline,
                gpu.context.capabilities.parallelism(),
            )?),
            canvases: Canvases::default(),
            gpu,
        })
    }

    /// `"webgpu"` or `"cpu"`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gpu { .. } => "webgpu",
            Self::Cpu { .. } => "cpu",
        }
    }

    /// Milliseconds of one decode when several are under way.
    async fn time(&mut self, z: &[f32]) -> Result<f64, Failure> {
        self.decode(z)?.await?;
        let start = now();
        let frames: Vec<_> = (0..FRAMES)
            .map(|_| self.decode(z))
            .collect::<Result<_, _>>()?;
        for frame in frames {
            frame.await?;
        }
        Ok((now() - start) / FRAMES as f64)
    }

    /// q(z | x) of a batch.
    pub fn encode(&mut self, images: &[f32]) -> Result<Later<Posterior>, Failure> {
        Ok(match self {
            Self::Gpu { runtime, .. } => later(runtime.encode(images)?),
            Self::Cpu { runtime, .. } => at_once(runtime.encode(images)),
        })
    }

    /// Images of a batch of latents.
    pub fn decode(&mut self, z: &[f32]) -> Result<Later<Vec<f32>>, Failure> {
        Ok(match self {
            Self::Gpu { runtime, .. } => later(runtime.decode(z)?),
            Self::Cpu { runtime, .. } => at_once(runtime.decode(z)),
        })
    }

    /// What every step of the decoder writes for a latent, or of the encoder for an image.
    pub fn activations(&mut self, values: &[f32], decoder: bool) -> Result<Vec<f32>, Failure> {
        match self {
            Self::Gpu { .. } => Err(Failure::input("activations are read on the CPU".into())),
            Self::Cpu { runtime, .. } if decoder => Ok(runtime.trace_decoder(values)),
            Self::Cpu { runtime, .. } => Ok(runtime.trace_encoder(values)),
        }
    }

    /// Draws a batch of latents.
    pub fn present(
        &mut self,
        canvas: &HtmlCanvasElement,
        z: &[f32],
        columns: u32,
    ) -> Result<(), Failure> {
        match self {
            Self::Gpu {
                gpu,
                runtime,
                canvases,
            } => canvases.draw(&gpu.context, canvas, columns, |target| {
                runtime.present(z, target)
            }),
            Self::Cpu { runtime, input } => paint(canvas, &runtime.decode(z), *input, columns),
        }
    }

    /// Encodes, samples, decodes and draws one image.
    pub fn reconstruct(
        &mut self,
        canvas: &HtmlCanvasElement,
        image: &[f32],
        epsilon: &[f32],
        temperature: f32,
    ) -> Result<Later<Reconstruction>, Failure> {
        match self {
            Self::Gpu {
                gpu,
                runtime,
                canvases,
            } => {
                let result = canvases.draw(&gpu.context, canvas, 1, |target| {
                    runtime.reconstruct(image, epsilon, temperature, target)
                })?;
                Ok(later(result))
            }
            Self::Cpu { runtime, input } => {
                let posterior = runtime.encode(image);
                let z = reparameterize(&posterior.mean, &posterior.log_var, epsilon, temperature);
                let images = runtime.decode(&z);
                paint(canvas, &images, *input, 1)?;
                Ok(at_once(Reconstruction {
                    posterior,
                    z,
                    images,
                }))
            }
        }
    }
}

fn later<T>(future: impl Future<Output = Result<T, vaelet_gpu::Error>> + 'static) -> Later<T> {
    Box::pin(async move { Ok(future.await?) })
}

fn at_once<T: 'static>(value: T) -> Later<T> {
    Box::pin(ready(Ok(value)))
}

/// Puts a grid of images into a canvas without the GPU.
fn paint(
    canvas: &HtmlCanvasElement,
    images: &[f32],
    input: Input,
    columns: u32,
) -> Result<(), Failure> {
    let context = canvas
        .get_context("2d")
        .ok()
        .flatten()
        .and_then(|context| context.dyn_into::<CanvasRenderingContext2d>().ok())
        .ok_or_else(|| Failure::canvas("it already belongs to the GPU; use a new one"))?;
    let (width, height) = (canvas.width(), canvas.height());
    let rgba = vaelet_cpu::present(images, input, [width, height], columns);
    let data = ImageData::new_with_u8_clamped_array_and_sh(Clamped(&rgba), width, height);
    data.and_then(|data| context.put_image_data(&data, 0.0, 0.0))
        .map_err(|_| Failure::canvas("the browser refuses the picture"))
}
