// Convolution as an implicit matrix product: a row is an output pixel, a column is an output
// channel, and the sum runs over taps and input channels.

override IN_HEIGHT: u32;
override IN_WIDTH: u32;
override OUT_HEIGHT: u32;
override OUT_WIDTH: u32;
override KERNEL: u32;
override STRIDE: u32;
override PADDING: u32;

override TAPS: u32 = KERNEL * KERNEL;
const phase = 0u; // there is only one

fn set_phase(z: u32) {}

// (item, pixel) of a row.
fn destination(row: u32) -> vec2<u32> {
    return vec2(row / (OUT_HEIGHT * OUT_WIDTH), row % (OUT_HEIGHT * OUT_WIDTH));
}

// Address of the input pixel for a row and a tap.
fn source(row: u32, tap: u32) -> u32 {
    let to = destination(row);
    // A pixel left of or above the image wraps around to a large number, which is outside too.
    let pixel = STRIDE * vec2(to.y / OUT_WIDTH, to.y % OUT_WIDTH) + vec2(tap / KERNEL, tap % KERNEL) - PADDING;
    if to.x >= frame.batch || pixel.x >= IN_HEIGHT || pixel.y >= IN_WIDTH {
        return OUTSIDE;
    }
    return address(to.x, pixel.x * IN_WIDTH + pixel.y);
}
