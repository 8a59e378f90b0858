// z = μ + T · σ · ε with σ = exp(½ log σ²) (Kingma and Welling 2014, section 2.4). log σ² is clamped
// to ±80, so that σ is finite.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(2) var<storage, read> posterior: array<f32>; // [N, 2 · LATENT]: μ, then log σ²
@group(0) @binding(3) var<storage, read> epsilon: array<f32>;   // [N, LATENT]
@group(0) @binding(4) var<storage, read_write> z: array<f32>;   // [N, LATENT]

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
    let sigma = exp(0.5 * clamp(posterior[mean + LATENT], -80.0, 80.0));
    z[id.x] = posterior[mean] + frame.temperature * sigma * epsilon[id.x];
}
