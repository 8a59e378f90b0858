//! The page's one GPU: shared by its models, with the canvases that it draws into.

use crate::error::Failure;
use js_sys::Function;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use vaelet_gpu::wgpu::{self, CurrentSurfaceTexture, SurfaceTarget};
use vaelet_gpu::{Context, Target};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlCanvasElement;

/// Where a model's reader wants to hear of a loss.
type Listener = RefCell<Option<Function>>;

/// A device and those who want to hear of its loss.
pub struct Gpu {
    pub context: Rc<Context>,
    listeners: RefCell<Vec<Weak<Listener>>>,
}

thread_local! {
    static GPU: RefCell<Option<Rc<Gpu>>> = const { RefCell::new(None) };
}

impl Gpu {
    /// The page's device, asked for the first time and after a loss.
    pub async fn get() -> Result<Rc<Self>, Failure> {
        if let Some(gpu) = GPU.with_borrow(Clone::clone) {
            return Ok(gpu);
        }
        let gpu = Rc::new(Self {
            context: Rc::new(Context::new().await?),
            listeners: RefCell::default(),
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

    /// Adds someone to be told of a loss, for as long as they keep the listener.
    pub fn tell(&self, listener: &Rc<Listener>) {
        self.listeners.borrow_mut().push(Rc::downgrade(listener));
    }

    fn announce_loss(&self, reason: &str) {
        GPU.set(None);
        for listener in self.listeners.take().iter().filter_map(Weak::upgrade) {
            // Cloned, so that the callback may set another one.
            let callback = listener.borrow().clone();
            if let Some(callback) = callback {
                // A callback that throws has reported itself to the console.
                let _ = callback.call1(&JsValue::NULL, &reason.into());
            }
        }
    }
}

/// The canvases that have been drawn into, each with its surface.
#[derive(Default)]
pub struct Canvases(Vec<Canvas>);

struct Canvas {
    element: HtmlCanvasElement,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
}

impl Canvases {
    /// Calls `draw` with the canvas's next texture as the target.
    pub fn draw<T>(
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
            // Its `Debug` would bring the names of all texture formats along.
            _ => return Err(Failure::canvas("the browser gives no texture for it")),
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
                // Canvases that have left the page will not come back.
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
            .ok_or_else(|| Failure::canvas("the GPU cannot present to it"))?;
        config.alpha_mode = wgpu::CompositeAlphaMode::PreMultiplied;
        surface.configure(&context.device, &config);
        Ok(Self {
            element: element.clone(),
            surface,
            config,
        })
    }
}
