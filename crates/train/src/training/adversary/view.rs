//! Augmentation for the discriminator: each picture in a random view that keeps gradients, so that it
//! cannot learn a few images by heart (differentiable augmentation, Zhao et al. 2020).

use crate::data::batch::to_tensor;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use vaelet_model::ImageShape;

/// Largest change of brightness.
const BRIGHTNESS: f32 = 0.15;
/// Largest change of contrast.
const CONTRAST: f32 = 0.3;
/// Largest shift, as a share of the side.
const SHIFT: f32 = 0.1;
/// Side of the square that is hidden in half of the images, as a share of the side.
const HIDDEN: f32 = 0.3;

/// A view for each image of a batch.
pub struct View {
    pixels: usize,
    channels: usize,
    /// `[N, 1]`
    brightness: Tensor<2>,
    /// `[N, 1]`
    contrast: Tensor<2>,
    /// Which pixel is seen in the place of each, `[N · H · W]`; edges are repeated.
    places: Tensor<1, Int>,
    /// 1 where pixels are seen, and 0 where grey hides them: `[N · H · W, 1]`.
    shown: Tensor<2>,
}

impl View {
    /// Of `count` images of `shape`.
    pub fn random(shape: ImageShape, count: usize, rng: &mut Pcg64Mcg, device: &Device) -> Self {
        let (height, width) = (shape.height as i32, shape.width as i32);
        let share = |side: i32, share: f32| (side as f32 * share).round() as i32;
        let (mut places, mut shown) = (Vec::new(), Vec::new());
        let (mut brightness, mut contrast) = (Vec::new(), Vec::new());
        for image in 0..count as i32 {
            let mut change = |most: f32| most * (2.0 * rng.random::<f32>() - 1.0);
            brightness.push(change(BRIGHTNESS));
            contrast.push(1.0 + change(CONTRAST));
            let [down, right] = [height, width].map(|side| {
                let most = share(side, SHIFT);
                rng.random_range(-most..=most)
            });
            let [mirrored, hidden] = [(); 2].map(|()| rng.random::<bool>());
            let [top, left] =
                [height, width].map(|side| rng.random_range(0..=side - share(side, HIDDEN)));
            for y in 0..height {
                let row = (image * height + (y + down).clamp(0, height - 1)) * width;
                for x in 0..width {
                    let from = if mirrored { width - 1 - x } else { x };
                    places.push(row + (from + right).clamp(0, width - 1));
                    let inside = (top..top + share(height, HIDDEN)).contains(&y)
                        && (left..left + share(width, HIDDEN)).contains(&x);
                    shown.push(f32::from(u8::from(!(hidden && inside))));
                }
            }
        }
        let len = places.len();
        Self {
            pixels: len / count,
            channels: shape.channels,
            brightness: to_tensor(brightness, count, device),
            contrast: to_tensor(contrast, count, device),
            places: Tensor::from_data(TensorData::new(places, [len]), device),
            shown: to_tensor(shown, len, device),
        }
    }

    /// Images `[N, H · W · C]` as they are seen.
    pub fn of(&self, images: Tensor<2>) -> Tensor<2> {
        let [count, len] = images.dims();
        let mean = images.clone().mean_dim(1);
        let lit = (images - mean.clone()) * self.contrast.clone() + mean + self.brightness.clone();
        let lit = lit.reshape([count * self.pixels, self.channels]);
        let seen = lit.select(0, self.places.clone());
        let seen = (seen - 0.5) * self.shown.clone() + 0.5;
        seen.reshape([count, len])
    }
}
