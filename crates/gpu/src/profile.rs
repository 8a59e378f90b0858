//! Times each kernel by GPU timestamps, for `cargo xtask bench --native`. This needs one pass per
//! kernel, which is slower than a frame, so frames never do it.

use crate::device::pipeline::bytes;
use crate::device::readback::Parts;
use crate::{Error, GpuRuntime};
use std::time::Duration;
use vaelet_model::EntryPoint;
use wgpu::{BufferUsages, QueryType};

/// Size of a 64-bit timestamp, in f32 values.
const TIMESTAMP: usize = 2;

impl GpuRuntime {
    /// Decodes latents `[N, latent]`, a batch that fits one frame, and returns the time of every
    /// decoder step; `None` if the device has no timestamps.
    ///
    /// # Errors
    /// Those of [`GpuRuntime::decode`].
    pub async fn profile(&mut self, z: &[f32]) -> Result<Option<Vec<Duration>>, Error> {
        let context = self.engine.context.clone();
        let (device, queue) = (&context.device, &context.queue);
        if !context.capabilities.timestamps {
            return Ok(None);
        }
        // Creates the buffers and reports their errors before timing starts.
        self.decode(z)?.await?;
        let batch = z.len() / self.latent;
        let engine = &self.engine;
        engine.write_frame(batch, 0.0);
        let entry = engine.entry(EntryPoint::Decode);
        engine.write(entry.inputs[0], z);
        let steps = entry.range.len();
        let queries = device.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: QueryType::Timestamp,
            count: 2 * steps as u32,
        });
        let resolved = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: bytes(2 * steps * TIMESTAMP),
            usage: BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        for step in 0..steps {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: None,
                timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                    query_set: &queries,
                    beginning_of_pass_write_index: Some(2 * step as u32),
                    end_of_pass_write_index: Some(2 * step as u32 + 1),
                }),
            });
            let step = entry.range.start + step;
            engine.plan.dispatch(&mut pass, step..step + 1, batch);
        }
        encoder.resolve_query_set(&queries, 0..2 * steps as u32, &resolved, 0);
        let len = 2 * steps * TIMESTAMP;
        let mut pending = engine.pool.copy(device, &mut encoder, &[(&resolved, len)]);
        queue.submit([encoder.finish()]);
        pending.map(device);
        let mut parts = Parts::default();
        pending.read(&mut parts).await?;
        let raw = parts.into_iter().next().unwrap_or_default();

        let period = f64::from(queue.get_timestamp_period());
        let ticks =
            |pair: &[f32]| u64::from(pair[0].to_bits()) | u64::from(pair[1].to_bits()) << 32;
        let times = raw.chunks_exact(2 * TIMESTAMP).map(|step| {
            let (start, end) = step.split_at(TIMESTAMP);
            let nanoseconds = ticks(end).saturating_sub(ticks(start)) as f64 * period;
            Duration::from_nanos(nanoseconds as u64)
        });
        Ok(Some(times.collect()))
    }
}
