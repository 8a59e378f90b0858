// The gradient of a bias: for each vec4 of channels, the sum of δ over all items and pixels. δ is the
// step's input. The threads of a workgroup share one sum.

override THREADS: u32;
override PIXELS: u32; // per item

var<workgroup> partial: array<vec4<f32>, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = group.x;
    var sum = vec4(0.0);
    for (var row = local.x; row < frame.batch * PIXELS; row += THREADS) {
        sum += load(address(row / PIXELS, row % PIXELS), column);
    }
    partial[local.x] = sum;
    for (var span = THREADS / 2; span > 0; span /= 2) {
        workgroupBarrier();
        if local.x < span {
            partial[local.x] += partial[local.x + span];
        }
    }
    if local.x == 0 {
        y[4 * BIAS + column] = partial[0];
    }
}
