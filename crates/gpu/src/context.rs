//! The adapter and the device, and what is known of them: asked for once, shared by
//! every model of a page.

use crate::Error;
use futures_channel::oneshot;
use std::sync::{Arc, Mutex};
use wgpu::{Adapter, Device, DeviceType, Features, Instance, InstanceDescriptor, Queue};

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
    lost: Mutex<Option<oneshot::Receiver<String>>>,
}

impl Context {
    /// Asks for the fastest adapter and a device with its default limits.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where there is none, with the platform's own reason.
    pub async fn new() -> Result<Self, Error> {
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
                ..Default::default()
            })
            .await
            .map_err(|e| unavailable(&e))?;

        // Whichever comes first, the loss of the device or an error that nobody
        // handles, ends the use of this context; the sender is spent by it.
        let (sender, lost) = oneshot::channel();
        let sender = Arc::new(Mutex::new(Some(sender)));
        let report = move |reason: String| {
            let sender = sender.lock().ok().and_then(|mut sender| sender.take());
            if let Some(sender) = sender {
                // The receiver is gone where nobody listens: nothing to tell.
                let _ = sender.send(reason);
            }
        };
        let on_error = report.clone();
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| on_error(e.to_string())));
        device.set_device_lost_callback(move |_, reason| report(reason));

        Ok(Self {
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

    /// Whether the adapter is known to be a CPU in disguise. Browsers do not always say.
    pub fn is_software(&self) -> bool {
        self.adapter.get_info().device_type == DeviceType::Cpu
    }

    /// Whether shaders may use f16.
    pub fn has_f16(&self) -> bool {
        self.device.features().contains(Features::SHADER_F16)
    }

    /// Number of threads that keep the adapter busy: a few for each core of a CPU, many
    /// thousands for a GPU.
    pub fn parallelism(&self) -> usize {
        if self.is_software() { 16 } else { 8192 }
    }

    /// Resolves with the reason once the device is lost or has failed. The first caller
    /// gets the future; for the context's whole life there is one.
    pub fn lost(&self) -> Option<oneshot::Receiver<String>> {
        self.lost.lock().ok()?.take()
    }
}
