//! What the uses of a model are compared with: filters that know no pictures.

use vaelet_model::ImageShape;

/// The median of 3×3 pixels of each channel of a picture `[C, H, W]`.
pub fn median(picture: &[f32], input: ImageShape) -> Vec<f32> {
    let ImageShape { height, width, .. } = input;
    let plane = height * width;
    let value = |i: usize| {
        let (start, y, x) = (i / plane * plane, i % plane / width, i % width);
        let mut near = Vec::with_capacity(9);
        for dy in 0..3 {
            for dx in 0..3 {
                let y = (y + dy).clamp(1, height) - 1;
                let x = (x + dx).clamp(1, width) - 1;
                near.push(picture[start + y * width + x]);
            }
        }
        near.sort_by(f32::total_cmp);
        near[4]
    };
    (0..picture.len()).map(value).collect()
}

/// Non-local means (Buades et al. 2005) of a picture `[C, H, W]` with this noise: each pixel becomes a
/// mean of those of 11×11, or 13×13 with large patches, whose surroundings are like its own. All
/// channels share their weights.
pub fn non_local_means(picture: &[f32], noise: f32, large: bool, input: ImageShape) -> Vec<f32> {
    // Side of patches and of the window, strength, and how much of the patches' distance is noise.
    let (patch, window, strength, expected) = match large {
        true => (2_i32, 6_i32, 0.5 * noise, 2.0 * noise * noise),
        false => (1, 5, 0.4 * noise, 0.0),
    };
    let ImageShape {
        channels,
        height,
        width,
    } = input;
    let [tall, wide] = [height as i32, width as i32];
    let mirror = |at: i32, side: i32| {
        if at < 0 {
            -at - 1
        } else if at >= side {
            2 * side - 1 - at
        } else {
            at
        }
    };
    let at = |channel: usize, y: i32, x: i32| {
        picture[(channel * height + mirror(y, tall) as usize) * width + mirror(x, wide) as usize]
    };
    let mut out = vec![0.0; picture.len()];
    for (y, x) in (0..tall).flat_map(|y| (0..wide).map(move |x| (y, x))) {
        let mut total = 0.0;
        let mut sums = vec![0.0; channels];
        for v in (y - window).max(0)..(y + window + 1).min(tall) {
            for u in (x - window).max(0)..(x + window + 1).min(wide) {
                let mut distance = 0.0;
                for channel in 0..channels {
                    for dy in -patch..=patch {
                        for dx in -patch..=patch {
                            let d = at(channel, y + dy, x + dx) - at(channel, v + dy, u + dx);
                            distance += d * d;
                        }
                    }
                }
                distance /= channels as f32 * ((2 * patch + 1) * (2 * patch + 1)) as f32;
                let weight = (-(distance - expected).max(0.0) / (strength * strength)).exp();
                total += weight;
                for (channel, sum) in sums.iter_mut().enumerate() {
                    *sum += weight * at(channel, v, u);
                }
            }
        }
        for (channel, sum) in sums.into_iter().enumerate() {
            out[(channel * height + y as usize) * width + x as usize] = sum / total;
        }
    }
    out
}

/// A small picture `[C, H / scale, W / scale]` at full size by cubic convolution (Keys 1981).
pub fn bicubic(small: &[f32], scale: usize, input: ImageShape) -> Vec<f32> {
    let kernel = |t: f32| {
        let t = t.abs();
        match t {
            t if t <= 1.0 => (1.5 * t - 2.5) * t * t + 1.0,
            t if t < 2.0 => ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0,
            _ => 0.0,
        }
    };
    let (height, width) = (input.height / scale, input.width / scale);
    let plane = input.height * input.width;
    let value = |i: usize| {
        let channel = &small[i / plane * height * width..][..height * width];
        let place = |at: usize| (at as f32 + 0.5) / scale as f32 - 0.5;
        let (y, x) = (place(i % plane / input.width), place(i % input.width));
        let mut sum = 0.0;
        for dy in -1..=2 {
            for dx in -1..=2 {
                let (v, u) = (y.floor() + dy as f32, x.floor() + dx as f32);
                let weight = kernel(y - v) * kernel(x - u);
                let row = v.clamp(0.0, height as f32 - 1.0) as usize;
                let column = u.clamp(0.0, width as f32 - 1.0) as usize;
                sum += weight * channel[row * width + column];
            }
        }
        sum.clamp(0.0, 1.0)
    };
    (0..input.len()).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: ImageShape = ImageShape {
        channels: 3,
        height: 8,
        width: 12,
    };

    #[test]
    fn what_is_even_stays() {
        let even: Vec<f32> = (0..INPUT.len())
            .map(|i| (i / 96) as f32 * 0.3 + 0.1)
            .collect();
        let small: Vec<f32> = (0..18).map(|i| (i / 6) as f32 * 0.3 + 0.1).collect();
        for filtered in [
            median(&even, INPUT),
            non_local_means(&even, 0.1, false, INPUT),
            non_local_means(&even, 0.1, true, INPUT),
            bicubic(&small, 4, INPUT),
        ] {
            assert!(
                filtered
                    .iter()
                    .zip(&even)
                    .all(|(a, b)| (a - b).abs() < 1e-5)
            );
        }
    }

    #[test]
    fn noise_gets_less_and_an_edge_stays() {
        let edge: Vec<f32> = (0..INPUT.len())
            .map(|i| f32::from(u8::from(i % 12 < 6)))
            .collect();
        let noise = vaelet_model::random::normals(1, edge.len());
        let noisy: Vec<f32> = edge.iter().zip(&noise).map(|(a, b)| a + 0.1 * b).collect();
        let error = |x: &[f32]| {
            x.iter()
                .zip(&edge)
                .map(|(a, b)| (a - b) * (a - b))
                .sum::<f32>()
        };
        for filtered in [
            median(&noisy, INPUT),
            non_local_means(&noisy, 0.1, true, INPUT),
        ] {
            assert!(error(&filtered) < 0.5 * error(&noisy));
        }
        let mut spot = edge.clone();
        spot[40] = 1.0 - spot[40];
        assert_eq!(error(&median(&spot, INPUT)), 0.0);
    }
}
