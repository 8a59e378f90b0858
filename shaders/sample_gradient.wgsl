// The gradient of sample.wgsl with respect to the posterior: dL/dz for μ, and ½ T σ ε dL/dz for
// log σ², or 0 where log σ² is clamped to ±80.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(2) var<storage, read> dz: array<f32>;                   // [N, LATENT]
@group(0) @binding(3) var<storage, read> posterior: array<f32>;            // [N, 2 · LATENT]
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;       // [N, 2 · LATENT]
@group(0) @binding(5) var<storage, read> epsilon: array<f32>;              // [N, LATENT]

struct Frame {
    batch: u32,
    temperature: f32,
}

override LATENT: u32;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= frame.batch * LATENT {
        return;
    }
    let mean = id.x / LATENT * 2 * LATENT + id.x % LATENT;
    let log_var = posterior[mean + LATENT];
    let slope = 0.5 * frame.temperature * exp(0.5 * clamp(log_var, -80.0, 80.0)) * epsilon[id.x];
    gradient[mean] = dz[id.x];
    gradient[mean + LATENT] = select(0.0, slope * dz[id.x], abs(log_var) <= 80.0);
}
