// A linear layer as a matrix product: a row is an item of the batch.

override TAPS: u32 = 1;
const phase = 0u; // there is only one

fn set_phase(z: u32) {}

fn source(row: u32, tap: u32) -> u32 {
    return select(OUTSIDE, address(row, 0), row < frame.batch);
}

// (item, pixel) of a row.
fn destination(row: u32) -> vec2<u32> {
    return vec2(row, 0);
}
