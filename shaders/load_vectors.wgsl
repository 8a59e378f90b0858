// Reads a value inside the network: vec4 of channels, channels innermost.

fn address(item: u32, pixel: u32) -> u32 {
    return (item * X_ITEM + pixel * X_PIXEL) / 4;
}

// Channels 4k to 4k + 3 of the pixel at an address.
fn load(a: u32, k: u32) -> vec4<f32> {
    return select(x[a + k], vec4(0.0), a == OUTSIDE);
}
