//! The pictures that are learned from: checked, put into an order, augmented and binarized.

use crate::{Error, Result};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use vaelet_model::ImageShape;

/// Least number of pictures.
const LEAST: usize = 20;
/// Largest turn of a drawing, in radians.
const TURN: f32 = 0.15;
/// Largest change of a drawing's size and slant, as a share.
const STRETCH: f32 = 0.1;
/// Largest shift of a drawing, in pixels: its centre of mass is in the middle already.
const NUDGE: f32 = 0.4;
/// Largest shift of a picture, in pixels.
const SHIFT: f32 = 1.5;
/// Largest change of a picture's contrast and brightness.
const LIGHT: f32 = 0.1;

/// How a picture is changed each time that it is learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Augmentation {
    /// Not at all.
    None,
    /// As a hand varies: turned, slanted, stretched and moved a little.
    Drawing,
    /// As a camera varies: mirrored, moved, and a little brighter or darker.
    Picture,
}

/// Pictures of one shape.
pub struct Pictures {
    /// `[N, H · W · C]`, channels innermost, 0 to 255.
    pixels: Vec<u8>,
    shape: ImageShape,
}

impl Pictures {
    /// Pictures `[N, H · W · C]`.
    ///
    /// # Errors
    /// Fewer than twenty, or all alike.
    pub fn new(pixels: Vec<u8>, shape: ImageShape) -> Result<Self> {
        let found = pixels.len() / shape.len().max(1);
        if found < LEAST {
            let least = LEAST;
            return Err(Error::TooFew { found, least });
        }
        let first = &pixels[..shape.len()];
        if pixels.chunks_exact(shape.len()).all(|other| other == first) {
            return Err(Error::AllAlike(found));
        }
        Ok(Self { pixels, shape })
    }

    /// Number of pictures.
    pub fn count(&self) -> usize {
        self.pixels.len() / self.shape.len()
    }

    /// Shape of each.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The values of a picture.
    pub fn get(&self, i: usize) -> &[u8] {
        let len = self.shape.len();
        &self.pixels[i * len..(i + 1) * len]
    }

    /// A few pictures as they are, `[count, H, W, C]` in `[0, 1]`, evenly spread.
    pub fn spread(&self, count: usize) -> Vec<f32> {
        let count = count.min(self.count());
        let chosen = (0..count).map(|i| i * self.count() / count);
        let values = chosen.flat_map(|i| self.get(i));
        values.map(|&v| f32::from(v) / 255.0).collect()
    }

    /// Fills `order` with the order of an epoch.
    pub fn shuffle(&self, seed: u64, epoch: u64, order: &mut Vec<u32>) {
        let mut rng = Pcg64Mcg::seed_from_u64(seed ^ epoch.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        order.clear();
        order.extend(0..self.count() as u32);
        // Fisher and Yates' shuffle.
        for i in (1..order.len()).rev() {
            order.swap(i, below(&mut rng, i + 1));
        }
    }

    /// Appends picture `i`, changed as asked, to `out`, in `[0, 1]`.
    pub fn draw(&self, i: usize, how: Augmentation, rng: &mut Pcg64Mcg, out: &mut Vec<f32>) {
        let picture = self.get(i);
        match how {
            Augmentation::None => out.extend(picture.iter().map(|&v| f32::from(v) / 255.0)),
            Augmentation::Drawing => {
                let turn = TURN * signed(rng);
                let [wide, tall, slant] = [(); 3].map(|()| STRETCH * signed(rng));
                let move_by = [(); 2].map(|()| NUDGE * signed(rng));
                // From the new picture to the old one.
                let map = [[(1.0 + wide), slant - turn], [turn, (1.0 + tall)]];
                self.transformed(picture, map, move_by, [1.0, 0.0], out);
            }
            Augmentation::Picture => {
                let side = if rng.next_u64() >> 63 == 0 { 1.0 } else { -1.0 };
                let move_by = [(); 2].map(|()| SHIFT * signed(rng));
                let [gain, offset] = [1.0, 0.0].map(|v| v + LIGHT * signed(rng));
                let map = [[side, 0.0], [0.0, 1.0]];
                self.transformed(picture, map, move_by, [gain, offset], out);
            }
        }
    }

    /// Appends a picture under an affine map around its centre, with bilinear interpolation. Pixels beyond an edge
    /// are those of the edge.
    fn transformed(
        &self,
        picture: &[u8],
        map: [[f32; 2]; 2],
        move_by: [f32; 2],
        [gain, offset]: [f32; 2],
        out: &mut Vec<f32>,
    ) {
        let ImageShape {
            channels,
            height,
            width,
        } = self.shape;
        let centre = [width, height].map(|side| (side as f32 - 1.0) / 2.0);
        let last = [width, height].map(|side| (side - 1) as f32);
        for y in 0..height {
            for x in 0..width {
                let at = [x as f32 - centre[0], y as f32 - centre[1]];
                let from = [0, 1].map(|axis| {
                    let value = map[axis][0] * at[0] + map[axis][1] * at[1];
                    // A clamp could panic, with 2 KB that write numbers.
                    (value + centre[axis] + move_by[axis])
                        .max(0.0)
                        .min(last[axis])
                });
                let low = from.map(|v| v as usize);
                let high = [(low[0] + 1).min(width - 1), (low[1] + 1).min(height - 1)];
                let [right, down] = [from[0] - low[0] as f32, from[1] - low[1] as f32];
                for c in 0..channels {
                    let pixel =
                        |x: usize, y: usize| f32::from(picture[(y * width + x) * channels + c]);
                    let row =
                        |y: usize| pixel(low[0], y) * (1.0 - right) + pixel(high[0], y) * right;
                    let value = (row(low[1]) * (1.0 - down) + row(high[1]) * down) / 255.0;
                    out.push(((value - 0.5) * gain + 0.5 + offset).clamp(0.0, 1.0));
                }
            }
        }
    }
}

/// Draws each value as 0 or 1 with itself as the probability of 1: the dynamic binarization that
/// likelihoods on MNIST are given with (Burda et al. 2016).
pub fn binarize(values: &mut [f32], rng: &mut Pcg64Mcg) {
    const BITS: u32 = 16;
    for values in values.chunks_mut((u64::BITS / BITS) as usize) {
        let mut bits = rng.next_u64();
        for value in values {
            let uniform = (bits & 0xffff) as f32 / (1 << BITS) as f32;
            *value = if uniform < *value { 1.0 } else { 0.0 };
            bits >>= BITS;
        }
    }
}

/// The generator of a step's random numbers.
pub fn generator(seed: u64, step: u32) -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(!seed ^ u64::from(step).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Uniform on 0 to `n`, excluded.
fn below(rng: &mut Pcg64Mcg, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// Uniform on −1 to 1.
fn signed(rng: &mut Pcg64Mcg) -> f32 {
    (rng.next_u64() >> 40) as f32 / (1 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape {
        channels: 1,
        height: 4,
        width: 4,
    };

    fn pictures(count: usize) -> Pictures {
        let pixels = (0..count * SHAPE.len()).map(|i| (i * 37 % 251) as u8);
        Pictures::new(pixels.collect(), SHAPE).unwrap()
    }

    #[test]
    fn too_few_and_all_alike_are_named() {
        let few = Pictures::new(vec![0; 19 * 16], SHAPE).err().unwrap();
        assert_eq!(
            few,
            Error::TooFew {
                found: 19,
                least: 20
            }
        );
        let alike = Pictures::new(vec![7; 30 * 16], SHAPE).err().unwrap();
        assert_eq!(alike, Error::AllAlike(30));
    }

    #[test]
    fn an_epoch_has_every_picture_once_and_each_its_own_order() {
        let pictures = pictures(50);
        let order = |epoch| {
            let mut order = Vec::new();
            pictures.shuffle(3, epoch, &mut order);
            order
        };
        let mut sorted = order(0);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<u32>>());
        assert_eq!(order(1), order(1));
        assert_ne!(order(0), order(1));
    }

    #[test]
    fn augmented_pictures_are_near_the_original() {
        let shape = ImageShape {
            height: 28,
            width: 28,
            ..SHAPE
        };
        // A bright square in the middle.
        let inside = |i: usize| (9..19).contains(&(i % 28)) && (9..19).contains(&(i / 28 % 28));
        let mut pixels: Vec<u8> = (0..20 * 784).map(|i| u8::from(inside(i)) * 255).collect();
        pixels[0] = 1;
        let pictures = Pictures::new(pixels, shape).unwrap();
        let mut rng = generator(1, 1);
        for how in [Augmentation::Drawing, Augmentation::Picture] {
            let mut seen = Vec::new();
            for _ in 0..20 {
                let mut out = Vec::new();
                pictures.draw(1, how, &mut rng, &mut out);
                assert!(out.iter().all(|v| (0.0..=1.0).contains(v)));
                // The centre stays ink, the corners stay paper.
                assert!(out[14 * 28 + 14] > 0.8 && out[0] < 0.2, "{how:?}");
                seen.push(out);
            }
            assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn a_value_is_drawn_as_1_as_often_as_it_says() {
        let mut rng = generator(1, 1);
        let mut values = [0.0, 0.2, 0.8, 1.0].repeat(10_000);
        binarize(&mut values, &mut rng);
        let share = |i: usize| values.iter().skip(i).step_by(4).sum::<f32>() / 10_000.0;
        assert_eq!((share(0), share(3)), (0.0, 1.0));
        assert!((share(1) - 0.2).abs() < 0.02 && (share(2) - 0.8).abs() < 0.02);
    }
}
