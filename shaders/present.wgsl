// Draws a batch of images as a grid, straight from the buffer that the decoder wrote:
// every pixel of the target finds its cell, and in it the nearest pixel of the image.

@group(0) @binding(0) var<uniform> grid: Grid;
@group(0) @binding(1) var<storage, read> images: array<f32>; // [N, CHANNELS, HEIGHT, WIDTH]

struct Grid {
    size: vec2<u32>,  // of the target, in pixels
    cells: vec2<u32>, // columns and rows
    first: u32,       // cell of the first image
    count: u32,       // images; other cells are left as they are
}

override HEIGHT: u32;
override WIDTH: u32;
override CHANNELS: u32;

@vertex
fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    // One triangle that covers the target: (−1, −1), (3, −1), (−1, 3).
    return vec4(4.0 * f32(i % 2) - 1.0, 4.0 * f32(i / 2) - 1.0, 0.0, 1.0);
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let target_pixel = vec2<u32>(position.xy);
    // The pixel of the whole grid, were every image drawn in its own size.
    let pixel = target_pixel * grid.cells * vec2(WIDTH, HEIGHT) / grid.size;
    let cell = pixel / vec2(WIDTH, HEIGHT);
    // What stands before the first image wraps around and is too large as well.
    let image = cell.y * grid.cells.x + cell.x - grid.first;
    if image >= grid.count {
        discard;
    }
    let place = pixel % vec2(WIDTH, HEIGHT);
    let plane = HEIGHT * WIDTH;
    let first = image * CHANNELS * plane + place.y * WIDTH + place.x;
    if CHANNELS == 1 {
        return vec4(vec3(images[first]), 1.0);
    }
    return vec4(images[first], images[first + plane], images[first + 2 * plane], 1.0);
}
