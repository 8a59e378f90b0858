// A tile of a matrix product C = A B whose A is never stored: a kernel says with
// `load(row, k)` what stands in it (an implicit GEMM). Joined in front of conv2d and
// conv_transpose2d.
//
// A workgroup of 64 threads makes 4 · ROWS rows of 4 · WIDTH columns; each thread makes
// four rows of one vec4. WIDTH follows the number of output channels, so that a layer
// with few of them does not compute padding.

const DEPTH = 8u; // of the sum, in one go
override WIDTH: u32;
override ROWS: u32 = 64 / WIDTH;
override A_TILE: u32 = 4 * ROWS * DEPTH;
override B_TILE: u32 = WIDTH * DEPTH;

var<workgroup> a_tile: array<f32, A_TILE>;
var<workgroup> b_tile: array<vec4<f32>, B_TILE>;

// The four sums that belong to a thread: rows `first_row + 4 · local.y + (0..4)`.
// `inner` is the length of the sum.
fn multiply(first_row: u32, first_column: u32, inner: u32, local: vec2<u32>) -> array<vec4<f32>, 4> {
    var sums: array<vec4<f32>, 4>;
    let thread = local.y * WIDTH + local.x;
    for (var k0 = 0u; k0 < inner; k0 += DEPTH) {
        for (var i = thread; i < A_TILE; i += 64u) {
            let k = k0 + i % DEPTH;
            var a = 0.0;
            if k < inner {
                a = load(first_row + i / DEPTH, k);
            }
            a_tile[i] = a;
        }
        for (var i = thread; i < B_TILE; i += 64u) {
            let k = k0 + i / WIDTH;
            let column = first_column + i % WIDTH;
            var b = vec4(0.0);
            if k < inner && column < COLUMNS {
                b = weights[WEIGHT + weight_row(k) * COLUMNS + column];
            }
            b_tile[i] = b;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let b = b_tile[k * WIDTH + local.x];
            for (var r = 0u; r < 4u; r++) {
                sums[r] += a_tile[(4 * local.y + r) * DEPTH + k] * b;
            }
        }
        workgroupBarrier();
    }
    return sums;
}
