// Reads an input of the network: single values, as the host wrote them.

fn address(item: u32, pixel: u32) -> u32 {
    return item * X_ITEM + pixel * X_PIXEL;
}

fn channel(a: u32, c: u32) -> f32 {
    return select(x[a + c * X_CHANNEL], 0.0, (a == OUTSIDE) | (c >= INPUTS));
}

// Channels 4k to 4k + 3 of the pixel at an address.
fn load(a: u32, k: u32) -> vec4<f32> {
    let c = 4 * k;
    return vec4(channel(a, c), channel(a, c + 1), channel(a, c + 2), channel(a, c + 3));
}
