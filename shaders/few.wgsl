// A convolution with at most three output channels, usually the last of a decoder. A thread
// computes all channels of eight pixels. The lanes of a vec4 are pixels, not channels as in
// block.wgsl, so that no lane computes a padding channel. For each four inputs, the weights have one
// vec4 per output. Appended to conv2d or conv_transpose2d.

override THREADS: u32;

fn few_weight(i: u32) -> vec4<f32> {
    return vec4<f32>(weights[WEIGHT + i / 4][i % 4]);
}

// Finishes one output channel of eight pixels.
fn finish_channel(sum: mat2x4<f32>, row: u32, c: u32) {
    let b = bias(0)[c];
    let first = activate(sum[0] + b);
    let second = activate(sum[1] + b);
    for (var i = 0u; i < 4; i++) {
        let to = destination(row + i);
        store_channel(to.x, to.y, c, first[i]);
    }
    for (var i = 0u; i < 4; i++) {
        let to = destination(row + 4 + i);
        store_channel(to.x, to.y, c, second[i]);
    }
}

@compute @workgroup_size(1, THREADS)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
    set_phase(group.z);
    let row = 8 * id.y;
    var sum0 = mat2x4<f32>();
    var sum1 = mat2x4<f32>();
    var sum2 = mat2x4<f32>();
    for (var tap = 0u; tap < TAPS; tap++) {
        let r0 = source(row, tap);
        let r1 = source(row + 1, tap);
        let r2 = source(row + 2, tap);
        let r3 = source(row + 3, tap);
        let r4 = source(row + 4, tap);
        let r5 = source(row + 5, tap);
        let r6 = source(row + 6, tap);
        let r7 = source(row + 7, tap);
        let first = (phase * TAPS + tap) * DEPTH * OUTPUTS;
        for (var k = 0u; k < DEPTH; k++) {
            let x0 = mat4x4(load(r0, k), load(r1, k), load(r2, k), load(r3, k));
            let x1 = mat4x4(load(r4, k), load(r5, k), load(r6, k), load(r7, k));
            let w0 = few_weight(first + k * OUTPUTS);
            sum0 += mat2x4(w0 * x0, w0 * x1);
            if OUTPUTS > 1 {
                let w1 = few_weight(first + k * OUTPUTS + 1);
                sum1 += mat2x4(w1 * x0, w1 * x1);
            }
            if OUTPUTS > 2 {
                let w2 = few_weight(first + k * OUTPUTS + 2);
                sum2 += mat2x4(w2 * x0, w2 * x1);
            }
        }
    }
    finish_channel(sum0, row, 0);
    finish_channel(sum1, row, 1);
    finish_channel(sum2, row, 2);
}
