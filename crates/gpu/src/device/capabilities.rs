//! The capabilities of a device, and the limits that follow for the kernels. They are read once
//! and kept here, so that no other module queries a device or an adapter.

use crate::Error;
use wgpu::{Adapter, Device, DeviceType, Features};

/// Threads of a workgroup for each slice of a sum.
pub(crate) const THREADS: usize = 32;
/// Maximum number of threads that share one sum.
pub(crate) const MOST_SLICES: usize = 8;
/// Bytes of workgroup memory that one thread of `block.wgsl` uses: a `mat4x4<f32>`.
const PARTIAL: usize = 64;
/// Storage buffers that a layer binds: weights, input, residual and output.
const STORAGE_BUFFERS: u32 = 4;
/// Threads of a workgroup of `sample.wgsl`: the largest workgroup with a fixed size.
pub(crate) const SAMPLE_THREADS: usize = 64;

/// Maximum size of all buffers of one model, in bytes. WebGPU has no limit for the sum, so this one
/// is ours: a phone's GPU shares its memory with everything else.
pub(crate) const MOST_BYTES: u64 = 1 << 30;
/// Maximum size in bytes of the buffers that grow with the batch; a larger batch is split.
pub(crate) const MOST_BATCH_BYTES: u64 = 1 << 28;

/// The features and limits of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether the adapter is known to be a software one. Browsers do not always report it.
    pub software: bool,
    /// Whether shaders may use f16.
    pub f16: bool,
    /// Whether passes can be timed.
    pub timestamps: bool,
    /// Maximum size of a storage buffer binding, in bytes.
    pub buffer_bytes: u64,
    /// Maximum number of workgroups of a dispatch per dimension.
    pub workgroups: u32,
    /// Maximum number of threads of a workgroup.
    pub workgroup_threads: u32,
    /// Maximum size of workgroup memory, in bytes.
    pub workgroup_bytes: u32,
    /// Maximum number of storage buffers of a shader.
    pub storage_buffers: u32,
}

impl Capabilities {
    pub(crate) fn of(adapter: &Adapter, device: &Device) -> Self {
        let (features, limits) = (device.features(), device.limits());
        Self {
            software: adapter.get_info().device_type == DeviceType::Cpu,
            f16: features.contains(Features::SHADER_F16),
            timestamps: features.contains(Features::TIMESTAMP_QUERY),
            // Shaders index values by u32, and usize has 32 bits in wasm.
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

    /// Number of threads that keep the adapter busy: a few per core for a CPU, many thousands for
    /// a GPU.
    pub fn parallelism(&self) -> usize {
        if self.software { 16 } else { 8192 }
    }

    /// Maximum number of threads that share one sum on this device.
    pub(crate) fn most_slices(&self) -> usize {
        let threads = self.workgroup_threads as usize / THREADS;
        let bytes = self.workgroup_bytes as usize / (THREADS * PARTIAL);
        threads.min(bytes).clamp(1, MOST_SLICES)
    }

    /// Checks the limits that every kernel needs.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for the first limit that is too small.
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

/// Checks a needed amount against a limit.
///
/// # Errors
/// [`Error::TooLarge`] if it exceeds the limit.
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
