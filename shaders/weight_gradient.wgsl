// The gradient of a weight: for each block of four inputs × four outputs, the sum over all rows of
// the outer product of the input's vec4 and δ's. δ is bound as `residual`. Blocks have the order of
// the packed weight. SHARE threads have one sum: one where there are many blocks, and none has to
// wait for another, or more where there are few. Appended to linear, conv2d or conv_transpose2d.

override THREADS: u32; // of a workgroup
override SHARE: u32;   // a power of two
override ROWS: u32;    // per item and phase

var<workgroup> partial: array<mat4x4<f32>, THREADS>;

fn delta(to: vec2<u32>, column: u32) -> vec4<f32> {
    if to.x >= frame.batch {
        return vec4(0.0);
    }
    let a = to.x * RESIDUAL_ITEM + to.y * RESIDUAL_PIXEL + 4 * column * RESIDUAL_CHANNEL;
    let rest = OUTPUTS - 4 * column;
    return vec4(
        residual[a],
        select(0.0, residual[a + RESIDUAL_CHANNEL], rest > 1),
        select(0.0, residual[a + 2 * RESIDUAL_CHANNEL], rest > 2),
        select(0.0, residual[a + 3 * RESIDUAL_CHANNEL], rest > 3),
    );
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let place = group.x * (THREADS / SHARE) + local.x / SHARE;
    let column = place % COLUMNS;
    let k = place / COLUMNS;
    let part = local.x % SHARE;
    let tap = group.y;
    set_phase(group.z);
    var sum = mat4x4<f32>();
    let rows = select(0u, frame.batch * ROWS, k < DEPTH);
    for (var row = part; row < rows; row += SHARE) {
        let a = source(row, tap);
        if a != OUTSIDE {
            let x = load(a, k);
            let d = delta(destination(row), column);
            sum += mat4x4(d * x.x, d * x.y, d * x.z, d * x.w);
        }
    }
    partial[local.x] = sum;
    for (var span = SHARE / 2; span > 0; span /= 2) {
        workgroupBarrier();
        if part < span {
            partial[local.x] += partial[local.x + span];
        }
    }
    if part == 0 && k < DEPTH {
        let block = 4 * (WEIGHT + ((phase * TAPS + tap) * DEPTH + k) * COLUMNS + column);
        for (var i = 0u; i < 4; i++) {
            y[block + i] = partial[local.x][i];
        }
    }
}
