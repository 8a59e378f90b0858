// Transposed convolution as STRIDE² dense convolutions. An output pixel only meets the
// taps with ky = oy + padding (mod stride), and likewise in x, so all pixels of one phase
// (oy mod stride, ox mod stride) share their taps: each phase is an implicit matrix
// product of its own, and no product with an inserted zero is ever made. The weights lie
// phase by phase (crates/gpu/src/kernels/weights.rs).

override IN_HEIGHT: u32;
override IN_WIDTH: u32;
override OUT_HEIGHT: u32;
override OUT_WIDTH: u32;
override KERNEL: u32;
override STRIDE: u32;
override PADDING: u32;

// Taps of one phase and its pixels, in each direction; the last may fall outside.
override SIDE: u32 = (KERNEL + STRIDE - 1) / STRIDE;
override TAPS: u32 = SIDE * SIDE;
override PHASE_HEIGHT: u32 = (OUT_HEIGHT + STRIDE - 1) / STRIDE;
override PHASE_WIDTH: u32 = (OUT_WIDTH + STRIDE - 1) / STRIDE;

var<private> phase: u32;

fn set_phase(z: u32) {
    phase = z;
}

// (item, y, x) of a row among the pixels of its phase.
fn place(row: u32) -> vec3<u32> {
    let pixel = row % (PHASE_HEIGHT * PHASE_WIDTH);
    return vec3(row / (PHASE_HEIGHT * PHASE_WIDTH), pixel / PHASE_WIDTH, pixel % PHASE_WIDTH);
}

fn offset() -> vec2<u32> {
    return vec2(phase / STRIDE, phase % STRIDE);
}

// (item, pixel) of a row.
fn destination(row: u32) -> vec2<u32> {
    let at = place(row);
    let o = STRIDE * at.yz + offset();
    return vec2(select(at.x, OUTSIDE, o.x >= OUT_HEIGHT || o.y >= OUT_WIDTH), o.x * OUT_WIDTH + o.y);
}

// The pixel that a row meets under a tap: i · stride = o + padding − k.
fn source(row: u32, tap: u32) -> u32 {
    let at = place(row);
    let i = at.yz + (offset() + PADDING) / STRIDE - vec2(tap / SIDE, tap % SIDE);
    if at.x >= frame.batch || i.x >= IN_HEIGHT || i.y >= IN_WIDTH {
        return OUTSIDE;
    }
    return address(at.x, i.x * IN_WIDTH + i.y);
}
