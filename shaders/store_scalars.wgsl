// Writes an output of the network: single values, as the host reads them.

fn store_channel(item: u32, pixel: u32, c: u32, value: f32) {
    if item < frame.batch && c < OUTPUTS {
        y[item * Y_ITEM + pixel * Y_PIXEL + c * Y_CHANNEL] = value;
    }
}

fn store(item: u32, pixel: u32, column: u32, v: vec4<f32>) {
    let c = 4 * column;
    store_channel(item, pixel, c, v.x);
    store_channel(item, pixel, c + 1, v.y);
    store_channel(item, pixel, c + 2, v.z);
    store_channel(item, pixel, c + 3, v.w);
}
