//! From a drawing to what a digit model was trained on.
//!
//! MNIST's own recipe (LeCun et al. 1998): crop to the ink, scale it into a box of
//! 20×20 with its aspect kept, and place the centre of mass in the middle of 28×28.
//! A drawing that skips this is nothing the encoder has ever seen.
//!
//! Strokes are known as lines, so they are scaled as lines and inked here, with the pen of
//! MNIST: neither the size of the drawing nor the reader's pen changes how thick they are,
//! and no picture of a browser, which may add noise to it, is read.

/// Side of a normalised digit.
pub const SIDE: usize = 28;
/// Side of the box that the ink is scaled into.
const BOX: usize = 20;
/// Ink fainter than this is not part of the drawing.
const FAINT: f32 = 0.05;
/// Width of the pen in pixels: twice ink over outline, which is 2.4 for MNIST's median digit.
const PEN: f32 = 2.5;
/// Drawings smaller than this are not scaled up any more: a dot stays a dot. The side of
/// the pad is 1.
const SMALL: f32 = 1.0 / 16.0;

/// Inks `lines`, four coordinates each, as 28×28: the longer side of what they span is 20
/// pixels with the pen, the centre of mass is in the middle. A line of no length is a dot.
/// Over `under`, 28×28 pixels that fill the pad, nothing is scaled before both are one
/// picture; empty where there is nothing under the lines. `None` where there are no lines,
/// where a coordinate is no finite number, or where the lengths do not agree.
pub fn normalize_lines(lines: &[f32], under: &[f32]) -> Option<Vec<f32>> {
    let alone = under.is_empty();
    let fits = alone || under.len() == SIDE * SIDE;
    if !fits || lines.is_empty() || !lines.len().is_multiple_of(4) {
        return None;
    }
    let (mut low, mut high, mut sum) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2], 0.0);
    for (i, &v) in lines.iter().enumerate() {
        low[i % 2] = v.min(low[i % 2]);
        high[i % 2] = v.max(high[i % 2]);
        sum += v;
    }
    let size = (high[0] - low[0]).max(high[1] - low[1]);
    let scale = (BOX as f32 - PEN) / size.max(SMALL);
    let from = [0, 1].map(|i| (BOX as f32 - (low[i] + high[i]) * scale) / 2.0);
    // What is not finite, or as good as not, shows in the sums.
    if !(sum + from[0] + from[1]).is_finite() {
        return None;
    }
    if alone {
        let mut image = vec![0.0; BOX * BOX];
        ink(&mut image, BOX, lines, scale, from);
        Some(place(&image, BOX, BOX))
    } else {
        let mut pad = under.to_vec();
        ink(&mut pad, SIDE, lines, SIDE as f32, [0.0; 2]);
        normalize(&pad, SIDE, SIDE)
    }
}

/// Draws lines into a square image of `side` pixels with a round pen. A pixel is as dark as
/// it is covered, taken from its centre's distance to the nearest line.
#[inline(never)] // twice in the page's program otherwise
fn ink(image: &mut [f32], side: usize, lines: &[f32], scale: f32, from: [f32; 2]) {
    let reach = PEN / 2.0 + 0.5;
    for line in lines.chunks_exact(4) {
        let [ax, ay, bx, by] = [0, 1, 2, 3].map(|i| line[i] * scale + from[i % 2]);
        let near = |a: f32, b: f32| {
            let start = (a.min(b) - reach).max(0.0) as usize;
            start..((a.max(b) + reach).max(0.0).ceil() as usize).min(side)
        };
        let (dx, dy) = (bx - ax, by - ay);
        let length = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
        for row in near(ay, by) {
            for column in near(ax, bx) {
                let (x, y) = (column as f32 + 0.5 - ax, row as f32 + 0.5 - ay);
                let along = ((x * dx + y * dy) / length).clamp(0.0, 1.0);
                let (x, y) = (x - along * dx, y - along * dy);
                let covered = (reach - (x * x + y * y).sqrt()).min(1.0);
                let pixel = &mut image[row * side + column];
                *pixel = pixel.max(covered);
            }
        }
    }
}

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

    /// Points joined by lines, as `normalize_lines` takes them; one point is a dot.
    fn stroke(points: &[[f32; 2]]) -> Vec<f32> {
        let ends = points
            .iter()
            .skip(1)
            .chain(points.last().filter(|_| points.len() == 1));
        points
            .iter()
            .zip(ends)
            .flat_map(|(a, b)| [a[0], a[1], b[0], b[1]])
            .collect()
    }

    fn seven() -> Vec<f32> {
        stroke(&[[0.3, 0.2], [0.7, 0.2], [0.56, 0.5], [0.46, 0.8]])
    }

    fn digits() -> Vec<Vec<f32>> {
        let arc = |cx: f32, cy: f32, rx: f32, ry: f32, from: f32, to: f32| {
            (0..=40).map(move |i| {
                let angle = (from + (to - from) * i as f32 / 40.0).to_radians();
                [cx + rx * angle.cos(), cy + ry * angle.sin()]
            })
        };
        let zero: Vec<_> = arc(0.5, 0.5, 0.2, 0.32, -80.0, 280.0).collect();
        let three: Vec<_> = arc(0.47, 0.33, 0.17, 0.15, -150.0, 90.0)
            .chain(arc(0.46, 0.65, 0.2, 0.17, -90.0, 150.0))
            .collect();
        let two: Vec<_> = arc(0.48, 0.34, 0.18, 0.16, -165.0, 30.0)
            .chain([[0.3, 0.79], [0.72, 0.78]])
            .collect();
        let nine: Vec<_> = arc(0.5, 0.36, 0.17, 0.17, -10.0, -370.0)
            .chain([[0.65, 0.55], [0.57, 0.84]])
            .collect();
        let four = [
            stroke(&[[0.36, 0.2], [0.29, 0.55], [0.7, 0.53]]),
            stroke(&[[0.64, 0.22], [0.6, 0.84]]),
        ]
        .concat();
        let one = stroke(&[[0.5, 0.2], [0.48, 0.8]]);
        let mut all: Vec<_> = [zero, two, three, nine]
            .map(|points| stroke(&points))
            .into();
        all.extend([one, four, seven()]);
        all
    }

    fn normal(lines: &[f32]) -> Vec<f32> {
        normalize_lines(lines, &[]).expect("there are lines")
    }

    /// How wide the strokes are, in pixels (twice ink over outline), and how much of the
    /// ink is black.
    fn pen_of(image: &[f32]) -> [f32; 2] {
        let at = |x: usize, y: usize| image[y.min(SIDE - 1) * SIDE + x.min(SIDE - 1)];
        let ink: f32 = image.iter().sum();
        let black: f32 = image.iter().filter(|&&v| v > 0.9).sum();
        let outline: f32 = (0..SIDE * SIDE)
            .map(|i| (i % SIDE, i / SIDE))
            .map(|(x, y)| (at(x + 1, y) - at(x, y)).hypot(at(x, y + 1) - at(x, y)))
            .sum();
        [2.0 * ink / outline, black / ink]
    }

    #[test]
    fn strokes_are_inked_with_the_pen_of_mnist() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/digits/model.json"
        );
        let text = std::fs::read_to_string(file).expect("the released model is there");
        let model: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let examples = model["examples"].as_array().expect("it has test images");
        let theirs: Vec<_> = examples
            .iter()
            .map(|example| {
                let pixels = example["pixels"].as_array().expect("pixels");
                let grey = |v: &serde_json::Value| v.as_f64().expect("a number") as f32 / 255.0;
                pen_of(&pixels.iter().map(grey).collect::<Vec<_>>())
            })
            .collect();
        let ours: Vec<_> = digits()
            .iter()
            .map(|lines| pen_of(&normal(lines)))
            .collect();
        let median = |all: &[[f32; 2]], which: usize| {
            let mut values: Vec<_> = all.iter().map(|pen| pen[which]).collect();
            values.sort_by(f32::total_cmp);
            values[values.len() / 2]
        };
        let (width, black) = (median(&ours, 0), median(&ours, 1));
        assert!(
            (width - median(&theirs, 0)).abs() < 0.25,
            "{ours:?} {theirs:?}"
        );
        assert!(
            (black - median(&theirs, 1)).abs() < 0.08,
            "{ours:?} {theirs:?}"
        );
    }

    #[test]
    fn strokes_are_the_same_at_every_size_and_place() {
        for lines in digits() {
            let whole = normal(&lines);
            for (scale, left, top) in [
                (0.33, 0.0, 0.0),
                (0.25, 0.7, 0.75),
                (0.25, 0.0, 0.7),
                (9.0, -3.0, 2.0),
            ] {
                let moved: Vec<_> = lines
                    .iter()
                    .enumerate()
                    .map(|(i, v)| scale * v + [left, top][i % 2])
                    .collect();
                let far = normal(&moved)
                    .iter()
                    .zip(&whole)
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(far < 1e-3, "{far} at {scale}");
            }
        }
    }

    #[test]
    fn dots_and_thin_lines_stay_what_they_are() {
        let dot = normal(&stroke(&[[0.9, 0.1]]));
        let click = normal(&stroke(&[[0.9, 0.1], [0.905, 0.1], [0.905, 0.104]]));
        for image in [&dot, &click] {
            let ink: f32 = image.iter().sum();
            assert!((4.0..12.0).contains(&ink), "{ink}");
        }
        let one = normal(&stroke(&[[0.5, 0.2], [0.5, 0.8]]));
        let columns = (0..SIDE).filter(|x| one.iter().skip(*x).step_by(SIDE).any(|&v| v > 0.0));
        assert!(columns.count() <= 4);
        let rows = one.chunks(SIDE).filter(|row| row.iter().any(|&v| v > 0.5));
        assert_eq!(rows.count(), BOX);
    }

    #[test]
    fn strokes_over_a_picture_leave_it_where_it_is() {
        let mut under = vec![0.0; SIDE * SIDE];
        for y in 4..24 {
            under[y * SIDE + 12..y * SIDE + 15].fill(1.0);
        }
        let dot = stroke(&[[0.5, 0.5]]);
        let image = normalize_lines(&dot, &under).expect("there is ink");
        let ink = |image: &[f32]| image.iter().sum::<f32>();
        assert!((0.0..4.0).contains(&(ink(&image) - ink(&under))));
        assert_eq!(image[4 * SIDE..5 * SIDE].iter().sum::<f32>(), 3.0);
        // Longer than the picture: both shrink together.
        let bar = stroke(&[[0.02, 0.5], [0.98, 0.5]]);
        let image = normalize_lines(&bar, &under).expect("there is ink");
        assert_eq!(
            image
                .chunks(SIDE)
                .filter(|row| row.iter().any(|&v| v > 0.1))
                .count(),
            14
        );
    }

    #[test]
    fn what_is_no_drawing_is_nothing() {
        assert_eq!(normalize_lines(&[], &[]), None);
        assert_eq!(normalize_lines(&[0.1, 0.2, 0.3], &[]), None);
        assert_eq!(normalize_lines(&seven(), &[0.0; 3]), None);
        assert_eq!(
            normalize_lines(&stroke(&[[5.0, 5.0]]), &[0.0; SIDE * SIDE]),
            None
        );
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(normalize_lines(&[0.1, bad, 0.3, 0.4], &[]), None);
        }
        for huge in [1e38, f32::MAX, f32::MIN, 1e-38] {
            let image = normalize_lines(&[huge, -huge, -huge, huge], &[]);
            assert!(image.is_none_or(|image| image.iter().all(|v| v.is_finite())));
        }
    }

    /// The page has the same sum for the same strokes.
    #[test]
    fn strokes_give_the_same_bits_everywhere() {
        let sum = normal(&seven()).iter().fold(0u32, |sum, v| {
            sum.wrapping_mul(31).wrapping_add(v.to_bits())
        });
        assert_eq!(sum, 2_871_301_259);
    }
}
