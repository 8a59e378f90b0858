//! The adapter and the device, and what is known of them: asked for once, shared by
//! every model of a page.

use super::capabilities::Capabilities;
use crate::Error;
use futures_channel::oneshot;
use std::sync::Mutex;
use wgpu::{Adapter, Device, Features, Instance, InstanceDescriptor, Limits, Queue};

/// A device and its queue.
pub struct Context {
    /// Makes surfaces for canvases.
    pub instance: Instance,
    /// Knows which formats a surface takes.
    pub adapter: Adapter,
    /// Makes buffers and pipelines.
    pub device: Device,
    /// Takes their work.
    pub queue: Queue,
    /// What the device can do.
    pub capabilities: Capabilities,
    lost: Mutex<Option<oneshot::Receiver<String>>>,
}

impl Context {
    /// Asks for the fastest adapter and a device with all that the adapter can do.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where there is none, with the platform's own reason;
    /// [`Error::TooLarge`] where it can do less than the kernels need.
    pub async fn new() -> Result<Self, Error> {
        Self::with_limits(|limits| limits).await
    }

    /// [`Context::new`] with a device that `limits` makes of the adapter's: tests see what
    /// a smaller GPU does.
    ///
    /// # Errors
    /// As [`Context::new`].
    pub async fn with_limits(limits: impl FnOnce(Limits) -> Limits) -> Result<Self, Error> {
        let unavailable = |reason: &dyn std::fmt::Display| Error::Unavailable(reason.to_string());
        let instance = Instance::new(InstanceDescriptor::new_without_display_handle());
        let adapter = instance
            .request_adapter(&wgpu::RequestAdapterOptions {
                power_preference: wgpu::PowerPreference::HighPerformance,
                ..Default::default()
            })
            .await
            .map_err(|e| unavailable(&e))?;
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                label: Some("vaelet"),
                required_features: adapter.features()
                    & (Features::SHADER_F16 | Features::TIMESTAMP_QUERY),
                required_limits: limits(adapter.limits()),
                ..Default::default()
            })
            .await
            .map_err(|e| unavailable(&e))?;

        let (sender, lost) = oneshot::channel();
        let sender = Mutex::new(Some(sender));
        device.set_device_lost_callback(move |_, reason| {
            if let Some(sender) = sender.lock().ok().and_then(|mut sender| sender.take()) {
                // The receiver is gone where nobody listens: nothing to tell.
                let _ = sender.send(reason);
            }
        });
        // What no scope has caught is nobody's: a browser writes it to its console, and
        // natively it would end the program.
        #[cfg(not(target_family = "wasm"))]
        device.on_uncaptured_error(std::sync::Arc::new(|error| eprintln!("GPU: {error}")));

        let capabilities = Capabilities::of(&adapter, &device);
        capabilities.check()?;
        Ok(Self {
            capabilities,
            instance,
            adapter,
            device,
            queue,
            lost: Mutex::new(Some(lost)),
        })
    }

    /// What the platform calls the adapter.
    pub fn name(&self) -> String {
        self.adapter.get_info().name
    }

    /// Resolves with the reason once the device is lost, and only then: an error of one
    /// model's work is that model's. The first caller gets the future; for the context's
    /// whole life there is one.
    pub fn lost(&self) -> Option<oneshot::Receiver<String>> {
        self.lost.lock().ok()?.take()
    }
}
