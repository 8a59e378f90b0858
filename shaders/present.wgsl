// Draws a batch of images as a grid, directly from the decoder's output buffer. Every pixel of the
// target takes the nearest pixel of the image in its cell.

@group(0) @binding(0) var<uniform> grid: Grid;
@group(0) @binding(1) var<storage, read> images: array<f32>; // [N, CHANNELS, HEIGHT, WIDTH]

struct Grid {
    size: vec2<u32>,  // size of the target in pixels
    cells: vec2<u32>, // number of columns and rows
    first: u32,       // index of the first image's cell
    count: u32,       // number of images; other cells are not drawn
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
    // The pixel in the grid, if every image were drawn at its original size.
    let pixel = target_pixel * grid.cells * vec2(WIDTH, HEIGHT) / grid.size;
    let cell = pixel / vec2(WIDTH, HEIGHT);
    // A cell before the first image wraps around to a large number, which is out of range too.
    let image = cell.y * grid.cells.x + cell.x - grid.first;
    if image >= grid.count {
        discard;
    }
    let inner = pixel % vec2(WIDTH, HEIGHT);
    let plane = HEIGHT * WIDTH;
    let first = image * CHANNELS * plane + inner.y * WIDTH + inner.x;
    if CHANNELS == 1 {
        return vec4(vec3(images[first]), 1.0);
    }
    return vec4(images[first], images[first + plane], images[first + 2 * plane], 1.0);
}
