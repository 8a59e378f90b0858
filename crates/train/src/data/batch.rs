//! Batches of images: chosen, augmented or binarized, on the device.

use super::images::Images;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use std::fmt;
use vaelet_model::{ImageShape, Likelihood};

/// One of this many images is its own partner.
const ITSELF: u32 = 8;
/// Largest shift of an augmented image, in pixels.
const SHIFT: i32 = 2;
/// Largest change of an augmented image's contrast and brightness.
const LIGHT: f32 = 0.1;
/// Natural logarithm of the largest change of an augmented sound's tempo.
const TEMPO: f32 = 0.15;
/// Largest shift of an augmented sound, in frames.
const LATER: f32 = 3.0;

/// Largest share of a text that its decoder does not get to read.
const FORGOTTEN: f32 = 0.4;

/// How the images of a batch are changed, so that a network does not learn a few images by heart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Augment {
    /// Not at all.
    None,
    /// Mirrored, shifted and changed in brightness. With a discriminator they are only mirrored,
    /// because it learns from them.
    Picture,
    /// The decoder reads texts in which symbols are missing, so that it learns to rely on z as well, and every z is drawn
    /// at a temperature of its own up to 1, so that it learns to read μ as well as draws.
    Text,
    /// As the same words said slower or faster, earlier or later, a little higher or lower.
    Sound,
}

impl fmt::Display for Augment {
    /// As the progress of a run has it: "true" and "false" from when there were pictures only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "false",
            Self::Picture => "true",
            Self::Sound => "sound",
            Self::Text => "text",
        })
    }
}

/// Images for a likelihood: binarized for a Bernoulli likelihood if the data set is used that way,
/// otherwise unchanged.
pub fn of(
    likelihood: Likelihood,
    images: &Images,
    chosen: &[usize],
    rng: &mut Pcg64Mcg,
) -> Vec<f32> {
    match likelihood {
        Likelihood::Bernoulli if images.binarize => binarized(images, chosen, rng),
        _ => images.plain(chosen),
    }
}

/// Draws each value as 0 or 1 with its grey value as probability: the dynamic binarization used for
/// likelihoods on MNIST (Burda et al. 2016).
fn binarized(images: &Images, chosen: &[usize], rng: &mut Pcg64Mcg) -> Vec<f32> {
    chosen
        .iter()
        .flat_map(|&i| images.image(i))
        .map(|&grey| {
            let uniform_255 = (u64::from(rng.random::<u32>()) * 255) >> 32;
            f32::from(u8::from(uniform_255 < u64::from(grey)))
        })
        .collect()
}

/// Texts `[N, T · V]` of which some symbols are forgotten, which are zeros then: of each text a random share, at most
/// [`FORGOTTEN`] (Bowman et al. 2016, section 3.1).
pub fn forgotten(texts: &[f32], shape: ImageShape, rng: &mut Pcg64Mcg) -> Vec<f32> {
    let mut texts = texts.to_vec();
    for text in texts.chunks_exact_mut(shape.len()) {
        let share = rng.random::<f32>() * FORGOTTEN;
        for symbol in text.chunks_exact_mut(shape.channels) {
            if rng.random::<f32>() < share {
                symbol.fill(0.0);
            }
        }
    }
    texts
}

/// Noise `[N, latent]` times a random temperature for each text, from 0 to 1.
pub fn tempered(mut epsilon: Vec<f32>, latent: usize, rng: &mut Pcg64Mcg) -> Vec<f32> {
    for epsilon in epsilon.chunks_exact_mut(latent) {
        let temperature = rng.random::<f32>();
        epsilon.iter_mut().for_each(|value| *value *= temperature);
    }
    epsilon
}

/// For each of the chosen images another one of its group, or, one time in eight, itself.
pub fn partners(images: &Images, chosen: &[usize], rng: &mut Pcg64Mcg) -> Vec<usize> {
    let partner = |&i: &usize| {
        let group = images.groups[i];
        let start = images.groups.partition_point(|&other| other < group);
        let end = images.groups.partition_point(|&other| other <= group);
        match rng.random_range(0..ITSELF) {
            0 => i,
            _ => rng.random_range(start..end),
        }
    };
    chosen.iter().map(partner).collect()
}

/// Images, half of them mirrored.
pub fn mirrored(images: &Images, chosen: &[usize], rng: &mut Pcg64Mcg) -> Vec<f32> {
    let ImageShape {
        width, channels, ..
    } = images.shape;
    let mut values = images.plain(chosen);
    for image in values.chunks_exact_mut(images.shape.len()) {
        if rng.random() {
            for row in image.chunks_exact_mut(width * channels) {
                for x in 0..width / 2 {
                    for c in 0..channels {
                        row.swap(x * channels + c, (width - 1 - x) * channels + c);
                    }
                }
            }
        }
    }
    values
}

/// Images, half of them mirrored, with small random shifts and changes of contrast and brightness.
pub fn augmented(images: &Images, chosen: &[usize], rng: &mut Pcg64Mcg) -> Vec<f32> {
    let shape = images.shape;
    let (height, width) = (shape.height as i32, shape.width as i32);
    let mut values = Vec::with_capacity(chosen.len() * shape.len());
    for &i in chosen {
        let image = images.image(i);
        let mirrored: bool = rng.random();
        let [down, right] = [(); 2].map(|()| rng.random_range(-SHIFT..=SHIFT));
        let [gain, offset] = [1.0, 0.0].map(|v: f32| v + LIGHT * (2.0 * rng.random::<f32>() - 1.0));
        for y in 0..height {
            let y = (y + down).clamp(0, height - 1);
            for x in 0..width {
                let x = if mirrored { width - 1 - x } else { x };
                let x = (x + right).clamp(0, width - 1);
                let start = (y * width + x) as usize * shape.channels;
                let pixel = &image[start..start + shape.channels];
                values.extend(pixel.iter().map(|&value| {
                    let value = f32::from(value) / 255.0;
                    ((value - 0.5) * gain + 0.5 + offset).clamp(0.0, 1.0)
                }));
            }
        }
    }
    values
}

/// Grey log-mel pictures (rows are bands, columns are frames), stretched in time about their middle by up to
/// [`TEMPO`] either way, shifted by up to [`LATER`] frames and one band. What comes from outside is silence.
pub fn spoken(images: &Images, chosen: &[usize], rng: &mut Pcg64Mcg) -> Vec<f32> {
    let ImageShape { height, width, .. } = images.shape;
    let mut values = Vec::with_capacity(chosen.len() * images.shape.len());
    for &i in chosen {
        let image = images.image(i);
        let [tempo, later] = [TEMPO, LATER].map(|most| most * (2.0 * rng.random::<f32>() - 1.0));
        let higher = rng.random_range(-1..=1);
        let middle = (width - 1) as f32 / 2.0;
        for y in 0..height as i32 {
            let y = (y + higher).clamp(0, height as i32 - 1) as usize;
            let row = &image[y * width..(y + 1) * width];
            let grey = |x: f32| match row.get(x as usize) {
                Some(&value) if x >= 0.0 => f32::from(value) / 255.0,
                _ => 0.0,
            };
            values.extend((0..width).map(|x| {
                let x = (x as f32 - middle) * tempo.exp() + middle + later;
                let (left, part) = (x.floor(), x - x.floor());
                grey(left) * (1.0 - part) + grey(left + 1.0) * part
            }));
        }
    }
    values
}

/// `[N, H · W · C]` on `device`.
pub fn to_tensor(values: Vec<f32>, count: usize, device: &Device) -> Tensor<2> {
    let len = values.len() / count;
    Tensor::from_data(TensorData::new(values, [count, len]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn images(width: usize, pixels: &[u8]) -> Images {
        let shape = ImageShape {
            channels: 1,
            height: 1,
            width,
        };
        Images::unlabelled(pixels.into(), shape)
    }

    #[test]
    fn a_pixel_is_ink_as_often_as_it_is_grey() {
        let images = images(4, &[0, 51, 204, 255]);
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let draws = binarized(&images, &[0; 20_000], &mut rng);
        let share = |i: usize| draws.iter().skip(i).step_by(4).sum::<f32>() / 20_000.0;
        assert_eq!((share(0), share(3)), (0.0, 1.0));
        assert!((share(1) - 0.2).abs() < 0.01 && (share(2) - 0.8).abs() < 0.01);
    }

    #[test]
    fn an_image_is_mirrored_as_a_whole() {
        let shape = ImageShape {
            channels: 3,
            height: 2,
            width: 2,
        };
        let pixels = [0, 51, 102, 153, 204, 255, 255, 204, 153, 102, 51, 0];
        let images = Images::unlabelled(pixels.into(), shape);
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let values = mirrored(&images, &[0; 20], &mut rng);
        let plain = images.plain(&[0]);
        let other: Vec<f32> = [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]
            .map(|i| plain[i])
            .into();
        let all: Vec<&[f32]> = values.chunks_exact(12).collect();
        assert!(all.iter().all(|image| *image == plain || *image == other));
        assert!(all.contains(&plain.as_slice()) && all.contains(&other.as_slice()));
    }

    #[test]
    fn an_augmented_image_is_seen_from_both_sides_and_stays_in_range() {
        let ramp: Vec<u8> = (0..16).map(|x| x * 17).collect();
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let values = augmented(&images(16, &ramp), &[0; 200], &mut rng);
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
        let rising = values.chunks_exact(16).filter(|row| row[15] > row[0]);
        assert!((60..140).contains(&rising.count()));
    }

    #[test]
    fn a_sound_is_said_faster_later_and_higher_and_its_ends_are_silent() {
        let shape = ImageShape {
            channels: 1,
            height: 5,
            width: 40,
        };
        let word = |i: usize| u8::from(i / 40 == 2 && (10..30).contains(&(i % 40))) * 255;
        let images = Images::unlabelled((0..200).map(word).collect(), shape);
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let values = spoken(&images, &[0; 200], &mut rng);
        let (mut rows, mut lengths) = ([0; 5], Vec::new());
        for picture in values.chunks_exact(200) {
            let length = |row: &[f32]| row.iter().sum::<f32>();
            let loudest = (0..5).max_by(|&a, &b| {
                let [a, b] = [a, b].map(|row| length(&picture[row * 40..(row + 1) * 40]));
                a.total_cmp(&b)
            });
            let row = loudest.unwrap();
            rows[row] += 1;
            lengths.push(length(picture));
            let ends = (0..5).map(|row| picture[row * 40] + picture[row * 40 + 39]);
            assert_eq!(ends.sum::<f32>(), 0.0);
        }
        assert!(
            rows[0] == 0 && rows[4] == 0 && rows[1..4].iter().all(|&times| times > 40),
            "{rows:?}"
        );
        lengths.sort_by(f32::total_cmp);
        // 20 frames, times exp(±0.15).
        let (short, long) = (lengths[0], lengths[199]);
        assert!(
            (16.5..18.5).contains(&short) && (21.5..24.0).contains(&long),
            "{short} to {long}"
        );
    }

    #[test]
    fn a_partner_is_of_the_same_group() {
        let images = Images {
            groups: vec![3, 3, 3, 7, 7, 9],
            ..images(1, &[0; 6])
        };
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let chosen = [0, 1, 2, 3, 4, 5].repeat(50);
        let found = partners(&images, &chosen, &mut rng);
        let mut pairs: Vec<(usize, usize)> = chosen.into_iter().zip(found).collect();
        pairs.sort_unstable();
        pairs.dedup();
        // Every pair within a group, and none across.
        assert_eq!(pairs.len(), 3 * 3 + 2 * 2 + 1);
        assert!(
            pairs
                .iter()
                .all(|&(a, b)| images.groups[a] == images.groups[b])
        );
    }
}
