// Writes a value inside the network: vec4 of channels, channels innermost.

fn store(item: u32, pixel: u32, column: u32, v: vec4<f32>) {
    y[(item * Y_ITEM + pixel * Y_PIXEL) / 4 + column] = v;
}
