//! Draws the images of a grid, one at a time.

use vaelet_model::ImageShape;

/// RGBA bytes of an image `[C, H, W]` in `[0, 1]`, scaled to cell `number` of a grid. The grid has
/// `size` pixels (width, height) and `cells` cells (columns, rows), numbered row by row. Every
/// pixel takes the nearest pixel of the image. In each direction, cell i of n starts at pixel ⌈i ·
/// size / n⌉.
pub fn present(
    image: &[f32],
    input: ImageShape,
    size: [u32; 2],
    cells: [u32; 2],
    number: usize,
) -> Vec<u8> {
    let plane = input.height * input.width;
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    let columns = cells[0] as usize;
    // For each pixel of the cell, the pixel of the image, along one axis.
    let sources = |axis: usize, cell: usize, len: usize| {
        let (side, n) = (u64::from(size[axis]), u64::from(cells[axis]));
        let edge = |i: u64| (i * side).div_ceil(n);
        let (cell, len) = (cell as u64, len as u64);
        (edge(cell)..edge(cell + 1)).map(move |at| (at * n * len / side % len) as usize)
    };
    let mut rgba = Vec::new();
    for y in sources(1, number / columns, input.height) {
        for x in sources(0, number % columns, input.width) {
            let value = |channel: usize| byte(image[channel * plane + y * input.width + x]);
            let (green, blue) = (1 % input.channels, 2 % input.channels);
            rgba.extend([value(0), value(green), value(blue), 255]);
        }
    }
    rgba
}

#[cfg(test)]
mod tests {
    use super::present;
    use vaelet_model::ImageShape;

    #[test]
    fn cells_equal_those_of_a_grid_drawn_at_once() {
        let input = ImageShape {
            channels: 1,
            height: 3,
            width: 4,
        };
        for (size, cells) in [([8, 6], [2, 2]), ([7, 11], [3, 2]), ([2, 2], [3, 3])] {
            let [columns, rows] = cells.map(|n| n as usize);
            let images: Vec<f32> = (0..12 * columns * rows)
                .map(|i| (i % 256) as f32 / 255.0)
                .collect();
            let mut cells_bytes: Vec<_> = images
                .chunks_exact(12)
                .enumerate()
                .map(|(i, image)| present(image, input, size, cells, i).into_iter())
                .collect();
            let [width, height] = size.map(|side| side as usize);
            for y in 0..height {
                for x in 0..width {
                    // The pixel in the grid, if every image were drawn at its original size.
                    let (row, column) = (y * rows * 3 / height, x * columns * 4 / width);
                    let cell = row / 3 * columns + column / 4;
                    let grey = (cell * 12 + row % 3 * 4 + column % 4) % 256;
                    let found: Vec<u8> = cells_bytes[cell].by_ref().take(4).collect();
                    assert_eq!(found, [grey as u8, grey as u8, grey as u8, 255]);
                }
            }
            assert!(cells_bytes.iter_mut().all(|cell| cell.next().is_none()));
        }
    }
}
