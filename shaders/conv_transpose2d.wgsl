// Transposed convolution as STRIDE² dense convolutions. An output pixel only meets the
// taps with ky = oy + padding (mod stride), and likewise in x, so all pixels of one phase
// (oy mod stride, ox mod stride) share their taps: each phase is an implicit GEMM of its
// own, and no product with an inserted zero is ever made. The phase is the workgroup's z.

override IN_HEIGHT: u32;
override IN_WIDTH: u32;
override OUT_HEIGHT: u32;
override OUT_WIDTH: u32;
override KERNEL: u32;
override STRIDE: u32;
override PADDING: u32;

// Taps of one phase and its pixels, in each direction; the last may fall outside.
override TAPS: u32 = (KERNEL + STRIDE - 1) / STRIDE;
override PHASE_HEIGHT: u32 = (OUT_HEIGHT + STRIDE - 1) / STRIDE;
override PHASE_WIDTH: u32 = (OUT_WIDTH + STRIDE - 1) / STRIDE;

var<private> phase: vec2<u32>; // (y, x)

// A tap's place in the kernel: the first one of this phase, then every STRIDE-th.
fn kernel_index(k: u32) -> vec2<u32> {
    let tap = k / INPUTS;
    return (phase + PADDING) % STRIDE + STRIDE * vec2(tap / TAPS, tap % TAPS);
}

// Output pixel of a row of this phase, as (item, y, x).
fn output_pixel(row: u32) -> vec3<u32> {
    let item = row / (PHASE_HEIGHT * PHASE_WIDTH);
    let pixel = row % (PHASE_HEIGHT * PHASE_WIDTH);
    let place = vec2(pixel / PHASE_WIDTH, pixel % PHASE_WIDTH);
    return vec3(item, STRIDE * place + phase);
}

// x at the input pixel that output pixel `row` meets through tap k: i · stride = o + padding − k.
fn load(row: u32, k: u32) -> f32 {
    let pixel = output_pixel(row);
    let tap = kernel_index(k);
    let i = (pixel.yz + PADDING - tap) / STRIDE;
    if any(pixel.yz + PADDING < tap) || any(tap >= vec2(KERNEL)) || i.x >= IN_HEIGHT || i.y >= IN_WIDTH
        || pixel.x >= frame.batch {
        return 0.0;
    }
    return x[((pixel.x * IN_HEIGHT + i.x) * IN_WIDTH + i.y) * INPUTS + k % INPUTS];
}

fn weight_row(k: u32) -> u32 {
    // A tap outside the kernel meets a zero in `load`; it only needs a valid place here.
    let tap = min(kernel_index(k), vec2(KERNEL - 1));
    return (tap.x * KERNEL + tap.y) * INPUTS + k % INPUTS;
}

@compute @workgroup_size(WIDTH, ROWS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    phase = vec2(group.z / STRIDE, group.z % STRIDE);
    let first_row = 4 * ROWS * group.y;
    let sums = multiply(first_row, WIDTH * group.x, TAPS * TAPS * INPUTS, local.xy);
    let column = WIDTH * group.x + local.x;
    for (var r = 0u; r < 4; r++) {
        let pixel = output_pixel(first_row + 4 * local.y + r);
        if pixel.x < frame.batch && pixel.y < OUT_HEIGHT && pixel.z < OUT_WIDTH && column < COLUMNS {
            finish(sums[r], (pixel.x * OUT_HEIGHT + pixel.y) * OUT_WIDTH + pixel.z, column);
        }
    }
}
