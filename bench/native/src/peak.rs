//! Measures the peak rates of an adapter, with which kernels are compared in the same run:
//! floating-point operations per second without memory access, and bytes per second of a copy.

use std::time::{Duration, Instant};

use anyhow::Result;
use vaelet_gpu::{Context, wgpu};

/// Number of f32 values that the copy reads and writes.
const COPIED: usize = 1 << 24;
const WORKGROUPS: u32 = 1024;
const THREADS: u32 = 64;
const LOOPS: u32 = 512;
/// Floating-point operations per iteration of the loop: 8 vec4, each multiplied and added.
const OPERATIONS: u32 = 8 * 4 * 2;
/// Number of runs; the result is the fastest.
const RUNS: usize = 5;

/// The peak rates of an adapter.
pub struct Peak {
    /// f32 operations per second.
    pub operations: f64,
    /// Bytes read and written per second.
    pub bytes: f64,
}

/// Measures the adapter. This takes one or two seconds on a software adapter.
///
/// # Errors
/// If the adapter cannot run the shaders.
pub fn measure(context: &Context) -> Result<Peak> {
    let multiply = format!(
        "@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
        @compute @workgroup_size({THREADS}) fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
            let s = y[id.x];
            var a = s; var b = s; var c = s; var d = s; var e = s; var f = s; var g = s; var h = s;
            for (var i = 0u; i < {LOOPS}; i++) {{
                a = a * s + s; b = b * s + s; c = c * s + s; d = d * s + s;
                e = e * s + s; f = f * s + s; g = g * s + s; h = h * s + s;
            }}
            y[id.x] = a + b + c + d + e + f + g + h;
        }}"
    );
    let copy = format!(
        "@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
        @compute @workgroup_size({THREADS}) fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
            y[id.x + {half}u] = y[id.x];
        }}",
        half = COPIED / 4
    );
    let multiplied = f64::from(WORKGROUPS * THREADS) * f64::from(LOOPS * OPERATIONS);
    let copied = (2 * COPIED * size_of::<f32>()) as f64;
    let groups = COPIED as u32 / 4 / THREADS;
    Ok(Peak {
        operations: multiplied / fastest(context, &multiply, [WORKGROUPS, 1])?.as_secs_f64(),
        bytes: copied
            / fastest(
                context,
                &copy,
                [groups.min(1 << 15), groups.div_ceil(1 << 15)],
            )?
            .as_secs_f64(),
    })
}

/// The time of the fastest of [`RUNS`] dispatches of `x` × `y` workgroups.
fn fastest(context: &Context, source: &str, [x, y]: [u32; 2]) -> Result<Duration> {
    let device = &context.device;
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: (2 * COPIED * size_of::<f32>()) as u64,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry {
            binding: 0,
            resource: buffer.as_entire_binding(),
        }],
    });
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(x, y, 1);
        drop(pass);
        let commands = encoder.finish();
        let start = Instant::now();
        context.queue.submit([commands]);
        device.poll(wgpu::PollType::wait_indefinitely())?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}
