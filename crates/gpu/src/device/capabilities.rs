//! What a device can do, and what follows from it for the kernels. Asked for once and
//! kept in one place, so that nothing else asks a device or an adapter.

use crate::Error;
use wgpu::{Adapter, Device, DeviceType, Features};

/// Threads of a workgroup, those that share a sum aside.
pub(crate) const THREADS: usize = 32;
/// Most threads that share one sum.
pub(crate) const MOST_SLICES: usize = 8;
/// Bytes of workgroup memory that one thread of `block.wgsl` takes: a `mat4x4<f32>`.
const PARTIAL: usize = 64;
/// Storage buffers of a layer: weights, input, residual and output.
const STORAGE_BUFFERS: u32 = 4;
/// Threads of a workgroup of `sample.wgsl`, the largest that cannot be smaller.
pub(crate) const SAMPLE_THREADS: usize = 64;

/// Most bytes that all buffers of one model may take. WebGPU has no limit for the sum, so
/// this is ours: what the GPU of a telephone shares with everything else.
pub(crate) const MOST_BYTES: u64 = 1 << 30;
/// Most bytes of the buffers whose size follows the batch; a larger batch is split.
pub(crate) const MOST_BATCH_BYTES: u64 = 1 << 28;

/// What a device can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether the adapter is known to be a CPU in disguise. Browsers do not always say.
    pub software: bool,
    /// Whether shaders may use f16.
    pub f16: bool,
    /// Whether passes can be timed.
    pub timestamps: bool,
    /// Most bytes of a buffer, as a shader sees it.
    pub buffer_bytes: u64,
    /// Most workgroups of a dispatch in each direction.
    pub workgroups: u32,
    /// Most threads of a workgroup.
    pub workgroup_threads: u32,
    /// Most bytes of a workgroup's own memory.
    pub workgroup_bytes: u32,
    /// Most storage buffers of a shader.
    pub storage_buffers: u32,
}

impl Capabilities {
    pub(crate) fn of(adapter: &Adapter, device: &Device) -> Self {
        let (features, limits) = (device.features(), device.limits());
        Self {
            software: adapter.get_info().device_type == DeviceType::Cpu,
            f16: features.contains(Features::SHADER_F16),
            timestamps: features.contains(Features::TIMESTAMP_QUERY),
            // Addresses of values are u32, and sizes are usize on 32 bits.
            buffer_bytes: limits
                .max_storage_buffer_binding_size
                .min(limits.max_buffer_size)
                .min(i32::MAX as u64),
            workgroups: limits.max_compute_workgroups_per_dimension,
            workgroup_threads: limits.max_compute_invocations_per_workgroup,
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
        }
    }

    /// Number of threads that keep the adapter busy: a few for each core of a CPU, many
    /// thousands for a GPU.
    pub fn parallelism(&self) -> usize {
        if self.software { 16 } else { 8192 }
    }

    /// Threads that may share one sum.
    pub(crate) fn most_slices(&self) -> usize {
        let threads = self.workgroup_threads as usize / THREADS;
        let bytes = self.workgroup_bytes as usize / (THREADS * PARTIAL);
        threads.min(bytes).clamp(1, MOST_SLICES)
    }

    /// Checks what every kernel needs of a device.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let needs = [
            (
                "threads in a workgroup",
                self.workgroup_threads,
                SAMPLE_THREADS as u32,
            ),
            (
                "bytes of workgroup memory",
                self.workgroup_bytes,
                (THREADS * PARTIAL) as u32,
            ),
            (
                "storage buffers in a shader",
                self.storage_buffers,
                STORAGE_BUFFERS,
            ),
        ];
        for (what, found, needed) in needs {
            at_most(what, needed.into(), found.into())?;
        }
        Ok(())
    }
}

/// Checks a need against a limit.
pub(crate) fn at_most(what: &'static str, needed: u64, limit: u64) -> Result<(), Error> {
    if needed <= limit {
        return Ok(());
    }
    Err(Error::TooLarge {
        what,
        needed,
        limit,
    })
}
