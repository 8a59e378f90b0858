//! The adapter and the device with their capabilities. They are requested once and shared by every
//! model of a page.

use super::capabilities::Capabilities;
use crate::Error;
use futures_channel::oneshot;
use std::sync::Mutex;
use wgpu::{Adapter, Device, Features, Instance, InstanceDescriptor, Limits, Queue};

/// A device and its queue, shared by all models.
pub struct Context {
    /// Creates surfaces for canvases.
    pub instance: Instance,
    /// Knows which formats a surface supports.
    pub adapter: Adapter,
    /// Creates buffers and pipelines.
    pub device: Device,
    /// Receives commands.
    pub queue: Queue,
    /// The features and limits of the device.
    pub capabilities: Capabilities,
    lost: Mutex<Option<oneshot::Receiver<String>>>,
}

impl Context {
    /// Requests the fastest adapter, and a device with all limits of the adapter.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the platform's reason if there is no adapter or device;
    /// [`Error::TooLarge`] if its limits are below what the kernels need.
    pub async fn new() -> Result<Self, Error> {
        Self::with_limits(|limits| limits).await
    }

    /// [`Context::new`] with a device whose limits are `limits` of the adapter's. Tests use it to
    /// simulate a smaller GPU.
    ///
    /// # Errors
    /// Those of [`Context::new`].
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
                // Sending fails if the receiver was dropped; then nobody needs the reason.
                let _ = sender.send(reason);
            }
        });
        // No model is responsible for an error outside of scopes. A browser logs it to its console;
        // natively wgpu would panic.
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

    /// The name of the adapter.
    pub fn name(&self) -> String {
        self.adapter.get_info().name
    }

    /// A future that resolves with the reason once the device is lost. An error in a model's work
    /// does not resolve it. Only the first call gets the future; later calls return `None`.
    pub fn lost(&self) -> Option<oneshot::Receiver<String>> {
        self.lost.lock().ok()?.take()
    }
}
