// −log p(x | z) in nats of a batch of logits l, and the gradient of its mean over the batch with respect to them.
// Bernoulli: Σ softplus(l) − x · l. Gaussian, without its constant: Σ (sigmoid(l) − x)² / 2σ².

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> pace: Pace;
@group(0) @binding(2) var<storage, read> logits: array<f32>;         // [N, LEN]
@group(0) @binding(3) var<storage, read> x: array<f32>;              // [N, LEN]
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>; // [N, LEN]
@group(0) @binding(5) var<storage, read_write> nats: array<f32>;     // [GROUPS], the sum of each workgroup

struct Frame {
    batch: u32,
    temperature: f32,
}

struct Pace {
    rate: f32,
    beta: f32,
    free: f32,
    inverse_variance: f32, // 1 / σ² of a Gaussian, 0 for a Bernoulli
    mean_scale: f32,
    square_scale: f32,
    average: f32,
}

override LEN: u32;
override GROUPS: u32;

const THREADS = 64u;

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    var sum = 0.0;
    let share = 1.0 / f32(frame.batch);
    for (var i = group.x * THREADS + local.x; i < frame.batch * LEN; i += GROUPS * THREADS) {
        let l = logits[i];
        let y = 1.0 / (1.0 + exp(-clamp(l, -80.0, 80.0)));
        let d = y - x[i];
        if pace.inverse_variance > 0.0 {
            sum += 0.5 * pace.inverse_variance * d * d;
            gradient[i] = share * pace.inverse_variance * d * y * (1.0 - y);
        } else {
            sum += max(l, 0.0) - x[i] * l + log(1.0 + exp(-abs(l)));
            gradient[i] = share * d;
        }
    }
    partial[local.x] = sum;
    for (var span = THREADS / 2; span > 0; span /= 2) {
        workgroupBarrier();
        if local.x < span {
            partial[local.x] += partial[local.x + span];
        }
    }
    if local.x == 0 {
        nats[group.x] = partial[0];
    }
}
