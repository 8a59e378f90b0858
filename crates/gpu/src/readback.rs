//! Numbers on their way back from the GPU: a small pool of buffers, so that a frame
//! allocates nothing and waits for nothing.

use crate::Error;
use futures_channel::oneshot;
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use wgpu::{Buffer, BufferUsages, CommandEncoder, Device, MapMode, PollType};

/// How long a native device may work at one answer before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Values that come back, one list for each source.
pub type Parts = Vec<Vec<f32>>;

/// Buffers that are not in use.
#[derive(Clone, Default)]
pub struct Pool(Rc<RefCell<Vec<Buffer>>>);

/// A copy that has been recorded but not submitted.
pub struct Pending {
    pool: Pool,
    buffer: Buffer,
    /// Length of each part, in f32.
    parts: Vec<usize>,
}

impl Pool {
    /// Records copies of the first `len` f32 of each source.
    pub fn copy(
        &self,
        device: &Device,
        encoder: &mut CommandEncoder,
        sources: &[(&Buffer, usize)],
    ) -> Pending {
        let parts: Vec<usize> = sources.iter().map(|(_, len)| *len).collect();
        let buffer = self.take(device, bytes(parts.iter().sum()));
        let mut offset = 0;
        for &(source, len) in sources {
            encoder.copy_buffer_to_buffer(source, 0, &buffer, offset, bytes(len));
            offset += bytes(len);
        }
        Pending {
            pool: self.clone(),
            buffer,
            parts,
        }
    }

    /// Whether a copy of so many f32 takes no new buffer.
    pub fn has(&self, len: usize) -> bool {
        let free = self.0.borrow();
        free.iter().any(|buffer| buffer.size() >= bytes(len))
    }

    fn take(&self, device: &Device, size: u64) -> Buffer {
        let mut free = self.0.borrow_mut();
        match free.iter().position(|buffer| buffer.size() >= size) {
            Some(i) => free.swap_remove(i),
            None => device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("readback"),
                size,
                usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
        }
    }
}

impl Pending {
    /// Begins to read, after the submit; the future gives the parts.
    pub fn read(self, device: &Device) -> impl Future<Output = Result<Parts, Error>> + use<> {
        let (sender, mapped) = oneshot::channel();
        let size = bytes(self.parts.iter().sum());
        self.buffer.map_async(MapMode::Read, ..size, move |result| {
            // The receiver is gone where the caller lost interest.
            let _ = sender.send(result);
        });
        // Natively nobody else drives the device; in a browser this does nothing.
        let polled = device.poll(PollType::Wait {
            submission_index: None,
            timeout: Some(PATIENCE),
        });
        async move {
            let lost = |reason: &dyn std::fmt::Display| Error::Lost(reason.to_string());
            polled.map_err(|e| lost(&e))?;
            mapped.await.map_err(|e| lost(&e))?.map_err(|e| lost(&e))?;
            let view = self.buffer.get_mapped_range(..size).map_err(|e| lost(&e))?;
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(&view);
            drop(view);
            self.buffer.unmap();
            self.pool.0.borrow_mut().push(self.buffer);
            let mut rest = values.as_slice();
            Ok(self
                .parts
                .iter()
                .map(|&len| {
                    let (part, after) = rest.split_at(len);
                    rest = after;
                    part.to_vec()
                })
                .collect())
        }
    }
}

/// Bytes of `len` f32.
pub fn bytes(len: usize) -> u64 {
    (len * size_of::<f32>()) as u64
}
