//! A model on the GPU and the canvases that it draws into. All models share one device.

use crate::error::Failure;
use crate::given::Given;
use js_sys::{Float32Array, Function, Promise};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use vaelet_gpu::wgpu::{self, CurrentSurfaceTexture, SurfaceTarget};
use vaelet_gpu::{Context, GpuRuntime, Reconstruction, Target};
use vaelet_model::Model;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local};
use web_sys::HtmlCanvasElement;

/// A model on the GPU.
#[wasm_bindgen]
pub struct Gpu {
    model: Rc<Model>,
    device: Rc<Shared>,
    runtime: GpuRuntime,
    given: Given,
    canvases: Canvases,
    on_lost: Rc<Listener>,
}

impl Gpu {
    /// Requests the device and builds the pipelines.
    ///
    /// # Errors
    /// If there is no WebGPU device, or it rejects the model.
    pub async fn new(model: Rc<Model>) -> Result<Self, Failure> {
        let device = Shared::get().await?;
        let on_lost = Rc::default();
        device.subscribe(&on_lost);
        let context = device.context.clone();
        let parallelism = context.capabilities.parallelism();
        let mut runtime = GpuRuntime::prepare(context, &model.architecture(), parallelism)?;
        // Uploading weights while the device compiles pipelines would block the page.
        runtime.checked().await?;
        Ok(Self {
            model,
            runtime,
            given: Given::default(),
            canvases: Canvases::default(),
            device,
            on_lost,
        })
    }
}

#[wasm_bindgen]
impl Gpu {
    /// Uploads the weights of the next layer. Returns `false` if all had been uploaded before; only
    /// then may other methods be called.
    pub fn pack(&mut self) -> bool {
        self.runtime.upload_step(&self.model)
    }

    /// The name of the adapter.
    #[wasm_bindgen(getter)]
    pub fn adapter(&self) -> String {
        self.device.context.name()
    }

    /// Whether the device is lost.
    #[wasm_bindgen(getter)]
    pub fn lost(&self) -> bool {
        self.device.lost.get()
    }

    /// Sets a callback that gets the reason when the device is lost. This runtime is then unusable.
    #[wasm_bindgen(setter, js_name = onLost)]
    pub fn set_on_lost(&self, callback: Option<Function>) {
        *self.on_lost.borrow_mut() = callback;
    }

    /// Sets the class of each item of the following calls, and the symbols of its text so far.
    #[cfg(feature = "full")]
    pub fn given(&mut self, classes: Vec<usize>, written: Vec<usize>) {
        self.given.set(classes, written);
    }

    /// Encodes images `[N, C, H, W]`. Promises all means `[N, latent]`, then all log-variances.
    pub fn encode(&mut self, images: &[f32]) -> Result<Promise, JsValue> {
        let posterior = self.runtime.encode_given(images, self.given.classes());
        let posterior = posterior.map_err(Failure::from)?;
        Ok(promise_numbers(&self.device, async move {
            let posterior = posterior.await?;
            Ok([posterior.mean, posterior.log_var].concat())
        }))
    }

    /// Decodes latents `[N, latent]`. Promises images `[N, C, H, W]` in `[0, 1]`.
    pub fn decode(&mut self, z: &[f32]) -> Result<Promise, JsValue> {
        let images = self
            .runtime
            .decode_written(z, self.given.classes(), self.given.written());
        let images = images.map_err(Failure::from)?;
        Ok(promise_numbers(&self.device, images))
    }

    /// Decodes latents `[N, latent]` and draws the images into a canvas, `columns` per row. Nothing
    /// is read back.
    pub fn present(
        &mut self,
        canvas: &HtmlCanvasElement,
        z: &[f32],
        columns: u32,
    ) -> Result<(), JsValue> {
        let Self {
            device,
            runtime,
            given,
            canvases,
            ..
        } = self;
        Ok(canvases.draw(&device.context, canvas, columns, |target| {
            runtime.present(z, given.classes(), target)
        })?)
    }

    /// Encodes one image, samples z = μ + T · σ · ε, decodes z and draws the result, in one submit.
    /// Promises μ, log σ², z and the decoded image, concatenated.
    pub fn reconstruct(
        &mut self,
        canvas: &HtmlCanvasElement,
        image: &[f32],
        epsilon: &[f32],
        temperature: f32,
    ) -> Result<Promise, JsValue> {
        let Self {
            device,
            runtime,
            given,
            canvases,
            ..
        } = self;
        let result = canvases.draw(&device.context, canvas, 1, |target| {
            runtime.reconstruct(
                image,
                [given.classes(), given.written()],
                epsilon,
                temperature,
                target,
            )
        })?;
        Ok(promise_numbers(device, async move {
            let Reconstruction {
                posterior,
                z,
                images,
            } = result.await?;
            Ok([posterior.mean, posterior.log_var, z, images].concat())
        }))
    }
}

/// A promise for the result of a future. The future is boxed to compile the code that polls it only
/// once.
pub fn promise(future: impl Future<Output = Result<JsValue, Failure>> + 'static) -> Promise {
    let future: Pin<Box<dyn Future<Output = _>>> =
        Box::pin(async move { future.await.map_err(JsValue::from) });
    future_to_promise(future)
}

/// A promise for values from the device. If they are lost with it, this announces the loss at once,
/// because the browser may report it later.
fn promise_numbers(
    device: &Rc<Shared>,
    values: impl Future<Output = Result<Vec<f32>, vaelet_gpu::Error>> + 'static,
) -> Promise {
    let device = device.clone();
    promise(async move {
        let values = values.await.inspect_err(|error| {
            if let vaelet_gpu::Error::Lost(reason) = error {
                device.announce_loss(reason);
            }
        })?;
        Ok(Float32Array::from(values.as_slice()).into())
    })
}

/// The callback of one model for the loss of the device.
type Listener = RefCell<Option<Function>>;

/// The device and the listeners for its loss.
struct Shared {
    context: Rc<Context>,
    listeners: RefCell<Vec<Weak<Listener>>>,
    lost: Cell<bool>,
}

thread_local! {
    static GPU: RefCell<Option<Rc<Shared>>> = const { RefCell::new(None) };
}

impl Shared {
    /// The page's device. It is requested on first use and after a loss.
    ///
    /// # Errors
    /// If there is no WebGPU device.
    async fn get() -> Result<Rc<Self>, Failure> {
        if let Some(gpu) = GPU.with_borrow(Clone::clone) {
            return Ok(gpu);
        }
        let gpu = Rc::new(Self {
            context: Rc::new(Context::new().await?),
            listeners: RefCell::default(),
            lost: Cell::new(false),
        });
        GPU.set(Some(gpu.clone()));
        if let Some(lost) = gpu.context.lost() {
            let gpu = Rc::downgrade(&gpu);
            spawn_local(async move {
                if let (Ok(reason), Some(gpu)) = (lost.await, gpu.upgrade()) {
                    gpu.announce_loss(&reason);
                }
            });
        }
        Ok(gpu)
    }

    /// Calls a listener when the device is lost, unless the listener was dropped before.
    fn subscribe(&self, listener: &Rc<Listener>) {
        self.listeners.borrow_mut().push(Rc::downgrade(listener));
    }

    fn announce_loss(&self, reason: &str) {
        // On a second call, `GPU` may already be a new device.
        if !self.lost.replace(true) {
            GPU.set(None);
        }
        for listener in self.listeners.take().iter().filter_map(Weak::upgrade) {
            // Cloned, because the callback may replace itself.
            let callback = listener.borrow().clone();
            if let Some(callback) = callback {
                // An exception of the callback must not stop the others.
                let _ = callback.call1(&JsValue::NULL, &reason.into());
            }
        }
    }
}

/// The canvases that have been drawn into, each with its surface.
#[derive(Default)]
struct Canvases(Vec<Canvas>);

struct Canvas {
    element: HtmlCanvasElement,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
}

impl Canvases {
    /// Calls `draw` with the canvas's next texture as the target.
    fn draw<T>(
        &mut self,
        context: &Context,
        element: &HtmlCanvasElement,
        columns: u32,
        draw: impl FnOnce(&Target<'_>) -> Result<T, vaelet_gpu::Error>,
    ) -> Result<T, Failure> {
        let canvas = self.find(context, element)?;
        let size = [element.width(), element.height()];
        if [canvas.config.width, canvas.config.height] != size {
            [canvas.config.width, canvas.config.height] = size;
            canvas.surface.configure(&context.device, &canvas.config);
        }
        let texture = match canvas.surface.get_current_texture() {
            CurrentSurfaceTexture::Success(texture)
            | CurrentSurfaceTexture::Suboptimal(texture) => texture,
            // Printing the variant would add the names of all texture formats to the module.
            _ => return Err(Failure::canvas("the browser has no texture for it")),
        };
        let result = draw(&Target {
            view: &texture.texture.create_view(&Default::default()),
            format: canvas.config.format,
            size,
            columns,
        })?;
        context.queue.present(texture);
        Ok(result)
    }

    fn find(
        &mut self,
        context: &Context,
        element: &HtmlCanvasElement,
    ) -> Result<&mut Canvas, Failure> {
        let known = self.0.iter().position(|canvas| canvas.element == *element);
        let i = match known {
            Some(i) => i,
            None => {
                // Surfaces of removed canvases are dropped; a canvas that returns gets a new one.
                self.0.retain(|canvas| canvas.element.is_connected());
                self.0.push(Canvas::new(context, element)?);
                self.0.len() - 1
            }
        };
        Ok(&mut self.0[i])
    }
}

impl Canvas {
    fn new(context: &Context, element: &HtmlCanvasElement) -> Result<Self, Failure> {
        let (width, height) = (element.width(), element.height());
        if width == 0 || height == 0 {
            return Err(Failure::canvas("its width or height is 0"));
        }
        let surface = context
            .instance
            .create_surface(SurfaceTarget::Canvas(element.clone()))
            .map_err(|e| Failure::canvas(&e.to_string()))?;
        let mut config = surface
            .get_default_config(&context.adapter, width, height)
            .ok_or_else(|| Failure::canvas("the GPU does not support it"))?;
        config.alpha_mode = wgpu::CompositeAlphaMode::PreMultiplied;
        surface.configure(&context.device, &config);
        Ok(Self {
            element: element.clone(),
            surface,
            config,
        })
    }
}
