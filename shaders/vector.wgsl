// A vector times a matrix, for a batch of one or two: a thread computes four outputs of one item,
// and SLICES threads share a long sum. Appended to linear.

override COLUMN_THREADS: u32;
override SLICES: u32;

override PARTIALS: u32 = COLUMN_THREADS * SLICES;
var<workgroup> partial: array<vec4<f32>, PARTIALS>;

@compute @workgroup_size(COLUMN_THREADS, 1, SLICES)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = id.x;
    let item = id.y;
    let row = source(item, 0);
    var sum = vec4(0.0);
    for (var k = local.z; k < DEPTH; k += SLICES) {
        sum += weight(WEIGHT + k * COLUMNS + column) * load(row, k);
    }
    if SLICES > 1 {
        partial[local.z * COLUMN_THREADS + local.x] = sum;
        workgroupBarrier();
        for (var slice = 1u; slice < SLICES; slice++) {
            sum += partial[slice * COLUMN_THREADS + local.x];
        }
    }
    if local.z == 0 {
        finish(sum, item, 0, column);
    }
}
