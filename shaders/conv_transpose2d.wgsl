// Transposed convolution as STRIDE² dense convolutions. Only taps with ky = oy + padding (mod
// stride), and likewise in x, contribute to an output pixel, so all pixels of one phase (oy mod
// stride, ox mod stride) share their taps. Each phase is a separate implicit matrix product, and
// nothing is multiplied by inserted zeros. The weights are stored phase by phase
// (crates/gpu/src/kernels/weights.rs).

override IN_HEIGHT: u32;
override IN_WIDTH: u32;
override OUT_HEIGHT: u32;
override OUT_WIDTH: u32;
override KERNEL: u32;
override STRIDE: u32;
override PADDING: u32;

// Taps and pixels of one phase in each direction; the last ones may be outside.
override SIDE: u32 = (KERNEL + STRIDE - 1) / STRIDE;
override TAPS: u32 = SIDE * SIDE;
override PHASE_HEIGHT: u32 = (OUT_HEIGHT + STRIDE - 1) / STRIDE;
override PHASE_WIDTH: u32 = (OUT_WIDTH + STRIDE - 1) / STRIDE;

var<private> phase: u32;

fn set_phase(z: u32) {
    phase = z;
}

// (item, y, x) of a row, in the pixels of its phase.
fn position(row: u32) -> vec3<u32> {
    let pixel = row % (PHASE_HEIGHT * PHASE_WIDTH);
    return vec3(row / (PHASE_HEIGHT * PHASE_WIDTH), pixel / PHASE_WIDTH, pixel % PHASE_WIDTH);
}

fn offset() -> vec2<u32> {
    return vec2(phase / STRIDE, phase % STRIDE);
}

// (item, pixel) of a row.
fn destination(row: u32) -> vec2<u32> {
    let at = position(row);
    let o = STRIDE * at.yz + offset();
    return vec2(select(at.x, OUTSIDE, o.x >= OUT_HEIGHT || o.y >= OUT_WIDTH), o.x * OUT_WIDTH + o.y);
}

// Address of the input pixel i for a row and a tap k: i · stride = o + padding − k.
fn source(row: u32, tap: u32) -> u32 {
    let at = position(row);
    let i = at.yz + (offset() + PADDING) / STRIDE - vec2(tap / SIDE, tap % SIDE);
    if at.x >= frame.batch || i.x >= IN_HEIGHT || i.y >= IN_WIDTH {
        return OUTSIDE;
    }
    return address(at.x, i.x * IN_WIDTH + i.y);
}
