// Y = X W in blocks: a thread computes 4 × 4 outputs as one matrix, or up to 8 × 8 as four. The
// values of a row are not gathered; `source(row, tap)` returns their address (an implicit matrix
// product). Appended to linear, conv2d or conv_transpose2d.
//
// Large blocks need the fewest reads per product. Small blocks give more threads to a GPU that
// would otherwise be idle; then SLICES threads may share one sum as well.

override TALL: bool;        // eight rows instead of four
override WIDE: bool;        // eight columns instead of four
override COLUMN_THREADS: u32;
override ROW_THREADS: u32;
override SLICES: u32;

override PARTIALS: u32 = COLUMN_THREADS * ROW_THREADS * SLICES;
var<workgroup> partial: array<mat4x4<f32>, PARTIALS>;

// Finishes four rows of one column. It loops over a copy, because unrolled code would be sixteen
// times as long, and some compilers would need seconds and gigabytes for it.
fn finish_block(sum: mat4x4<f32>, row: u32, column: u32) {
    var rows = sum;
    for (var i = 0u; i < 4; i++) {
        let to = destination(row + i);
        finish(rows[i], to.x, to.y, column);
    }
}

@compute @workgroup_size(COLUMN_THREADS, ROW_THREADS, SLICES)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
) {
    set_phase(group.z);
    let column = id.x * select(1u, 2u, WIDE);
    let row = id.y * select(4u, 8u, TALL);
    // Rows 0–3 and 4–7 by columns 0–3 and 4–7.
    var sum00 = mat4x4<f32>();
    var sum01 = mat4x4<f32>();
    var sum10 = mat4x4<f32>();
    var sum11 = mat4x4<f32>();
    for (var tap = 0u; tap < TAPS; tap++) {
        let r0 = source(row, tap);
        let r1 = source(row + 1, tap);
        let r2 = source(row + 2, tap);
        let r3 = source(row + 3, tap);
        var r4 = OUTSIDE;
        var r5 = OUTSIDE;
        var r6 = OUTSIDE;
        var r7 = OUTSIDE;
        if TALL {
            r4 = source(row + 4, tap);
            r5 = source(row + 5, tap);
            r6 = source(row + 6, tap);
            r7 = source(row + 7, tap);
        }
        let first = WEIGHT + (phase * TAPS + tap) * DEPTH * COLUMNS + column;
        for (var k = local.z; k < DEPTH; k += SLICES) {
            let w0 = weight(first + k * COLUMNS);
            let x0 = mat4x4(load(r0, k), load(r1, k), load(r2, k), load(r3, k));
            sum00 += w0 * x0;
            if WIDE {
                sum01 += weight(first + k * COLUMNS + 1) * x0;
            }
            if TALL {
                let x1 = mat4x4(load(r4, k), load(r5, k), load(r6, k), load(r7, k));
                sum10 += w0 * x1;
                if WIDE {
                    sum11 += weight(first + k * COLUMNS + 1) * x1;
                }
            }
        }
    }
    if SLICES > 1 {
        let thread = local.y * COLUMN_THREADS + local.x;
        partial[local.z * COLUMN_THREADS * ROW_THREADS + thread] = sum00;
        workgroupBarrier();
        for (var slice = 1u; slice < SLICES; slice++) {
            sum00 += partial[slice * COLUMN_THREADS * ROW_THREADS + thread];
        }
    }
    if local.z > 0 {
        return;
    }
    finish_block(sum00, row, column);
    if WIDE {
        finish_block(sum01, row, column + 1);
    }
    if TALL {
        finish_block(sum10, row + 4, column);
        if WIDE {
            finish_block(sum11, row + 4, column + 1);
        }
    }
}
