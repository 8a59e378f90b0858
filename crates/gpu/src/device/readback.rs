//! Reads values back from the GPU through a small pool of buffers, so that a frame neither
//! allocates nor waits.

use super::pipeline::bytes;
use crate::Error;
use futures_channel::oneshot;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use wgpu::{Buffer, BufferAsyncError, BufferUsages, CommandEncoder, Device, MapMode, PollType};

/// How long a native device may take for one readback before it counts as lost.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The values read back, one vector per source buffer.
pub type Parts = Vec<Vec<f32>>;

/// Readback buffers that are not in use.
#[derive(Clone, Default)]
pub struct Pool(Rc<RefCell<Vec<Buffer>>>);

/// A readback whose copies have been recorded and may have been submitted.
pub struct Pending {
    pool: Pool,
    buffer: Buffer,
    /// Length of each part, in f32 values.
    parts: Vec<usize>,
    /// Resolves once the buffer is mapped.
    mapped: Result<oneshot::Receiver<Result<(), BufferAsyncError>>, Error>,
}

impl Pool {
    /// Records copies of each source: its buffer and the number of f32 values to copy.
    pub fn copy(
        &self,
        device: &Device,
        encoder: &mut CommandEncoder,
        sources: &[(&Buffer, usize)],
    ) -> Pending {
        let parts: Vec<usize> = sources.iter().map(|(_, len)| *len).collect();
        let buffer = self.take(device, bytes(parts.iter().sum()));
        let mut offset = 0;
        for (source, len) in sources {
            encoder.copy_buffer_to_buffer(source, 0, &buffer, offset, bytes(*len));
            offset += bytes(*len);
        }
        Pending {
            pool: self.clone(),
            buffer,
            parts,
            mapped: Err(Error::Lost(String::new())),
        }
    }

    /// Whether a readback of `len` f32 values needs no new buffer.
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
    /// Starts to map the buffer. Call it after the submit.
    pub fn map(&mut self, device: &Device) {
        let (sender, mapped) = oneshot::channel();
        self.buffer
            .map_async(MapMode::Read, ..self.size(), move |result| {
                // Sending fails if the caller dropped the receiver.
                let _ = sender.send(result);
            });
        // Natively nothing else polls the device; in a browser this does nothing.
        let polled = device.poll(PollType::Wait {
            submission_index: None,
            timeout: Some(TIMEOUT),
        });
        self.mapped = polled.map(|_| mapped).map_err(lost);
    }

    /// Waits for the values and appends each part to the same part of `all`.
    ///
    /// # Errors
    /// [`Error::Lost`] if the buffer cannot be mapped.
    pub async fn read(self, all: &mut Parts) -> Result<(), Error> {
        let size = self.size();
        self.mapped?.await.map_err(lost)?.map_err(lost)?;
        let view = self.buffer.get_mapped_range(..size).map_err(lost)?;
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        self.buffer.unmap();
        self.pool.0.borrow_mut().push(self.buffer);
        let mut rest = values.as_slice();
        all.resize_with(self.parts.len(), Vec::new);
        for (all, len) in all.iter_mut().zip(self.parts) {
            let part;
            (part, rest) = rest.split_at(len);
            all.extend_from_slice(part);
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        bytes(self.parts.iter().sum())
    }
}

fn lost(reason: impl std::fmt::Display) -> Error {
    Error::Lost(reason.to_string())
}
