//! Against grids: transposed convolutions of stride 2 can draw patterns that repeat every two or four
//! pixels, and where a discriminator asks for texture, they do so first. Photographs have nothing that
//! repeats like that over half a picture.

use burn::tensor::{Device, Tensor, TensorData, activation};
use vaelet_model::ImageShape;

/// Pixels after which such a pattern repeats.
const PERIOD: usize = 4;
/// Windows along each side.
const WINDOWS: usize = 2;

/// Measures how much of pictures repeats.
pub struct Grid {
    /// `[1, WINDOWS² · PERIOD², H · W]`
    matrix: Tensor<3>,
    channels: usize,
}

impl Grid {
    /// Of pictures of this shape.
    pub fn new(shape: ImageShape, device: &Device) -> Self {
        let ImageShape {
            height,
            width,
            channels,
        } = shape;
        let (rows, pixels) = (WINDOWS * WINDOWS * PERIOD * PERIOD, height * width);
        let mut matrix = vec![0.0; rows * pixels];
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let window = y * WINDOWS / height * WINDOWS + x * WINDOWS / width;
            let phase = y % PERIOD * PERIOD + x % PERIOD;
            // What a pixel differs from its neighbours by, without which edges would count.
            let neighbours = [
                (y.saturating_sub(1), x),
                ((y + 1).min(height - 1), x),
                (y, x.saturating_sub(1)),
                (y, (x + 1).min(width - 1)),
            ];
            for other in 0..PERIOD * PERIOD {
                // The mean over a phase, less that over all phases.
                let share = f32::from(u8::from(other == phase)) - 1.0 / (PERIOD * PERIOD) as f32;
                let share = share * (rows as f32 / pixels as f32);
                let row = &mut matrix[(window * PERIOD * PERIOD + other) * pixels..][..pixels];
                row[y * width + x] += 4.0 * share;
                for (y, x) in neighbours {
                    row[y * width + x] -= share;
                }
            }
        }
        let data = TensorData::new(matrix, [1, rows, pixels]);
        Self {
            matrix: Tensor::from_data(data, device),
            channels,
        }
    }

    /// The mean square of what repeats in images `[N, H · W · C]`.
    pub fn energy(&self, images: Tensor<2>) -> Tensor<1> {
        let [count, len] = images.dims();
        let images = images.reshape([count, len / self.channels, self.channels]);
        let [_, rows, pixels] = self.matrix.dims();
        let matrix = self.matrix.clone().expand([count, rows, pixels]);
        matrix.matmul(images).square().mean()
    }

    /// How many times more than `data` the `pictures` repeat, as a logarithm; 0 where they do less.
    pub fn excess(&self, data: Tensor<2>, pictures: Tensor<2>) -> Tensor<1> {
        let [data, pictures] = [data, pictures].map(|images| (self.energy(images) + 1e-6).log());
        activation::relu(pictures - data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_told_from_an_edge_and_from_a_slope() {
        let device = Device::flex();
        let shape = ImageShape {
            channels: 1,
            height: 32,
            width: 32,
        };
        let grid = Grid::new(shape, &device);
        let energy = |value: &dyn Fn(usize, usize) -> f32| {
            let values = (0..32 * 32).map(|i| value(i / 32, i % 32)).collect();
            let image = crate::data::batch::to_tensor(values, 1, &device);
            grid.energy(image).into_scalar::<f32>()
        };
        let slope = energy(&|y, x| (2 * y + x) as f32 / 96.0);
        let edge = energy(&|_, x| f32::from(u8::from(x > 13)));
        let two = energy(&|y, x| 0.2 * f32::from(u8::from((x + y) % 2 == 0)));
        let four = energy(&|_, x| 0.2 * f32::from(u8::from(x % 4 < 2)));
        assert!(slope < 1e-4, "{slope}");
        // A step of 1 repeats less than a grid of a fifth of that.
        assert!(two > 9.0 * edge && four > edge, "{two}, {four} and {edge}");
    }
}
