//! From a drawing to what a digit model was trained on.
//!
//! MNIST's own recipe (LeCun et al. 1998): crop to the ink, scale it into a box of
//! 20×20 with its aspect kept, and place the centre of mass in the middle of 28×28.
//! A drawing that skips this is nothing the encoder has ever seen.

/// Side of a normalised digit.
pub const SIDE: usize = 28;
/// Side of the box that the ink is scaled into.
const BOX: usize = 20;
/// Ink fainter than this is not part of the drawing.
const FAINT: f32 = 0.05;

/// Normalises `pixels`, ink in `[0, 1]`, `height` rows of `width`, into 28×28.
/// `None` where there is no ink, or where the sizes do not agree.
pub fn normalize(pixels: &[f32], width: usize, height: usize) -> Option<Vec<f32>> {
    if width == 0 || pixels.len() != width * height {
        return None;
    }
    let inked = |&(_, &ink): &(usize, &f32)| ink > FAINT;
    let ink = || pixels.iter().enumerate().filter(inked).map(|(i, _)| i);
    let (left, right) = (
        ink().map(|i| i % width).min()?,
        ink().map(|i| i % width).max()? + 1,
    );
    let (top, bottom) = (ink().min()? / width, ink().max()? / width + 1);

    let (crop_width, crop_height) = ((right - left) as f32, (bottom - top) as f32);
    let scale = BOX as f32 / crop_width.max(crop_height);
    let side = |len: f32| ((len * scale).round() as usize).clamp(1, BOX);
    let (box_width, box_height) = (side(crop_width), side(crop_height));

    let mut scaled = vec![0.0; box_width * box_height];
    for y in 0..box_height {
        let rows = span(y, box_height, top, crop_height);
        for x in 0..box_width {
            let columns = span(x, box_width, left, crop_width);
            scaled[y * box_width + x] = area_mean(pixels, width, height, columns, rows);
        }
    }
    // A pen drawn large leaves thin grey lines when shrunk; the darkest point is ink.
    let darkest = scaled.iter().copied().fold(0.0, f32::max);
    scaled.iter_mut().for_each(|v| *v /= darkest);

    Some(place(&scaled, box_width, box_height))
}

/// The source interval under destination pixel `i` of `count`, over `len` pixels from `start`.
fn span(i: usize, count: usize, start: usize, len: f32) -> (f32, f32) {
    let step = len / count as f32;
    (
        start as f32 + i as f32 * step,
        start as f32 + (i + 1) as f32 * step,
    )
}

/// Mean of the pixels under a rectangle, each weighted by the area that is covered.
fn area_mean(
    pixels: &[f32],
    width: usize,
    height: usize,
    (x0, x1): (f32, f32),
    (y0, y1): (f32, f32),
) -> f32 {
    let covered =
        |i: usize, from: f32, to: f32| (to.min(i as f32 + 1.0) - from.max(i as f32)).max(0.0);
    let mut sum = 0.0;
    for y in y0 as usize..(y1.ceil() as usize).min(height) {
        for x in x0 as usize..(x1.ceil() as usize).min(width) {
            sum += pixels[y * width + x] * covered(x, x0, x1) * covered(y, y0, y1);
        }
    }
    sum / ((x1 - x0) * (y1 - y0))
}

/// Places a small image so that its centre of mass is at the middle of 28×28, as far
/// as it stays inside.
fn place(image: &[f32], width: usize, height: usize) -> Vec<f32> {
    let (mut mass, mut sum_x, mut sum_y) = (0.0, 0.0, 0.0);
    for (i, &v) in image.iter().enumerate() {
        mass += v;
        sum_x += v * ((i % width) as f32 + 0.5);
        sum_y += v * ((i / width) as f32 + 0.5);
    }
    let middle = SIDE as f32 / 2.0;
    let offset =
        |centre: f32, len: usize| ((middle - centre).round().max(0.0) as usize).min(SIDE - len);
    let (left, top) = (offset(sum_x / mass, width), offset(sum_y / mass, height));
    let mut out = vec![0.0; SIDE * SIDE];
    for (y, row) in image.chunks_exact(width).enumerate() {
        let start = (top + y) * SIDE + left;
        out[start..start + width].copy_from_slice(row);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(ink: impl Fn(usize, usize) -> bool) -> Vec<f32> {
        (0..200 * 200)
            .map(|i| f32::from(u8::from(ink(i % 200, i / 200))))
            .collect()
    }

    #[test]
    fn an_empty_canvas_is_nothing() {
        assert_eq!(normalize(&canvas(|_, _| false), 200, 200), None);
        assert_eq!(normalize(&[0.02; 100], 10, 10), None);
        assert_eq!(normalize(&[1.0; 7], 10, 10), None);
        assert_eq!(normalize(&[], 0, 0), None);
    }

    #[test]
    fn place_and_size_of_the_drawing_do_not_matter() {
        let small = normalize(
            &canvas(|x, y| (10..20).contains(&x) && (5..45).contains(&y)),
            200,
            200,
        );
        let large = normalize(
            &canvas(|x, y| (100..140).contains(&x) && (30..190).contains(&y)),
            200,
            200,
        );
        assert!(small.is_some());
        assert_eq!(small, large);
    }

    #[test]
    fn ink_fills_the_box_and_its_mass_is_centred() {
        let digit = normalize(
            &canvas(|x, y| (40..150).contains(&x) && (60..70).contains(&y)),
            200,
            200,
        );
        let digit = digit.expect("there is ink");
        let ink: Vec<usize> = (0..SIDE * SIDE).filter(|&i| digit[i] > 0.0).collect();
        let columns = ink.iter().map(|i| i % SIDE);
        assert_eq!((columns.clone().min(), columns.max()), (Some(4), Some(23)));
        let mass: f32 = digit.iter().sum();
        let row = ink
            .iter()
            .map(|&i| digit[i] * ((i / SIDE) as f32 + 0.5))
            .sum::<f32>()
            / mass;
        assert!((row - 14.0).abs() <= 0.5, "{row}");
        assert_eq!(digit.iter().copied().fold(0.0, f32::max), 1.0);
    }

    #[test]
    fn a_dot_is_a_digit_too() {
        let mut dot = vec![0.0; 100 * 100];
        dot[99 * 100 + 99] = 1.0;
        assert!(normalize(&dot, 100, 100).is_some());
    }
}
