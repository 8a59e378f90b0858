// Convolution of channels-innermost images as an implicit GEMM: a row is an output
// pixel, a column an output channel, and the sum runs over (ky, kx, input channel).

override IN_HEIGHT: u32;
override IN_WIDTH: u32;
override OUT_HEIGHT: u32;
override OUT_WIDTH: u32;
override KERNEL: u32;
override STRIDE: u32;
override PADDING: u32;

// x under tap k of output pixel `row`; zero outside the image.
fn load(row: u32, k: u32) -> f32 {
    let item = row / (OUT_HEIGHT * OUT_WIDTH);
    let pixel = row % (OUT_HEIGHT * OUT_WIDTH);
    let tap = k / INPUTS;
    // An index left of or above the image wraps around and is too large as well.
    let iy = pixel / OUT_WIDTH * STRIDE + tap / KERNEL - PADDING;
    let ix = pixel % OUT_WIDTH * STRIDE + tap % KERNEL - PADDING;
    if iy >= IN_HEIGHT || ix >= IN_WIDTH || item >= frame.batch {
        return 0.0;
    }
    return x[((item * IN_HEIGHT + iy) * IN_WIDTH + ix) * INPUTS + k % INPUTS];
}

fn weight_row(k: u32) -> u32 {
    return k;
}

@compute @workgroup_size(WIDTH, ROWS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let first_row = 4 * ROWS * group.y;
    let sums = multiply(first_row, WIDTH * group.x, KERNEL * KERNEL * INPUTS, local.xy);
    let column = WIDTH * group.x + local.x;
    for (var r = 0u; r < 4; r++) {
        let row = first_row + 4 * local.y + r;
        if row < frame.batch * OUT_HEIGHT * OUT_WIDTH && column < COLUMNS {
            finish(sums[r], row, column);
        }
    }
}
