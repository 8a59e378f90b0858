//! Draws a batch of images as a grid.

use vaelet_model::Input;

/// Images `[N, C, H, W]` in `[0, 1]` to RGBA bytes of a picture of `size` (width and
/// height), `columns` images in a row: every pixel takes the nearest one of its image,
/// cells without an image stay transparent.
pub fn present(images: &[f32], input: Input, size: [u32; 2], columns: u32) -> Vec<u8> {
    let count = images.len() / input.len();
    let columns = columns.max(1) as usize;
    let rows = count.div_ceil(columns);
    let [width, height] = size.map(|side| side as usize);
    let plane = input.height * input.width;
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;

    let mut rgba = Vec::with_capacity(4 * width * height);
    for y in 0..height {
        let row = y * rows * input.height / height;
        for x in 0..width {
            // The pixel of the whole grid, were every image drawn in its own size.
            let column = x * columns * input.width / width;
            let image = row / input.height * columns + column / input.width;
            if image >= count {
                rgba.extend([0; 4]);
                continue;
            }
            let place = row % input.height * input.width + column % input.width;
            let value = |channel: usize| images[image * input.len() + channel * plane + place];
            if input.channels == 1 {
                let grey = byte(value(0));
                rgba.extend([grey, grey, grey, 255]);
            } else {
                rgba.extend([byte(value(0)), byte(value(1)), byte(value(2)), 255]);
            }
        }
    }
    rgba
}
