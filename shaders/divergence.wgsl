// The KL of each latent to N(0, 1), its mean over a batch, and the gradient of β · Σ max(KL, free). One workgroup for
// each latent.

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> pace: Pace;
@group(0) @binding(2) var<storage, read> posterior: array<f32>;      // [N, 2 · LATENT]: μ, then log σ²
@group(0) @binding(3) var<storage, read> unused: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>; // [N, 2 · LATENT]
@group(0) @binding(5) var<storage, read_write> nats: array<f32>;     // [GROUPS + LATENT]

struct Frame {
    batch: u32,
    temperature: f32,
}

struct Pace {
    rate: f32,
    beta: f32,
    free: f32,
    inverse_variance: f32,
    mean_scale: f32,
    square_scale: f32,
    average: f32,
}

override LATENT: u32;
override GROUPS: u32; // of reconstruction.wgsl, whose sums come first

const THREADS = 64u;

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    var sum = 0.0;
    for (var item = local.x; item < frame.batch; item += THREADS) {
        let at = item * 2 * LATENT + group.x;
        let mean = posterior[at];
        let log_var = clamp(posterior[at + LATENT], -80.0, 80.0);
        sum += 0.5 * (mean * mean + exp(log_var) - log_var - 1.0);
    }
    partial[local.x] = sum;
    for (var span = THREADS / 2; span > 0; span /= 2) {
        workgroupBarrier();
        if local.x < span {
            partial[local.x] += partial[local.x + span];
        }
    }
    workgroupBarrier();
    let kl = partial[0] / f32(frame.batch);
    if local.x == 0 {
        nats[GROUPS + group.x] = kl;
    }
    let weight = select(pace.beta / f32(frame.batch), 0.0, kl < pace.free);
    for (var item = local.x; item < frame.batch; item += THREADS) {
        let at = item * 2 * LATENT + group.x;
        let log_var = posterior[at + LATENT];
        gradient[at] = weight * posterior[at];
        let slope = weight * 0.5 * (exp(clamp(log_var, -80.0, 80.0)) - 1.0);
        gradient[at + LATENT] = select(0.0, slope, abs(log_var) <= 80.0);
    }
}
