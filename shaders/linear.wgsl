// y = x W + b. One workgroup makes 64 outputs of one item: 16 threads side by side hold
// four outputs each, and 16 rows of them share the sum, which is long and the reason
// why a vector times a matrix wants its own kernel.

const SLICES = 16u;

var<workgroup> partial: array<array<vec4<f32>, 16>, SLICES>;

@compute @workgroup_size(16, SLICES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let column = 16 * group.x + local.x;
    let item = group.y;
    var sum = vec4(0.0);
    if column < COLUMNS {
        for (var k = local.y; k < INPUTS; k += SLICES) {
            sum += x[item * INPUTS + k] * weights[WEIGHT + k * COLUMNS + column];
        }
    }
    partial[local.y][local.x] = sum;
    workgroupBarrier();
    if local.y == 0 && column < COLUMNS {
        for (var slice = 1u; slice < SLICES; slice++) {
            sum += partial[slice][local.x];
        }
        finish(sum, item, column);
    }
}
