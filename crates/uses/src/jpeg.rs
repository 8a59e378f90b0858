//! What saving as JPEG does to a picture, and how likely a saved picture is given what the decoder says.
//!
//! JPEG rounds the cosine transform of squares of 8×8 to multiples of steps that its quality sets. So of
//! each coefficient an interval is known, in which the true one lies anywhere: its variance is a twelfth
//! of the square of the step. Colour is kept at half the resolution of brightness, as most programs do.

use crate::matrix::{product, transposed};
use crate::observe::GREY;
use crate::residual::basis;
use vaelet_model::{ImageShape, Likelihood};

const SIDE: usize = 8;
const AREA: usize = SIDE * SIDE;
/// Steps at quality 50, in 255ths, of brightness and of colour (ITU-T T.81, tables K.1 and K.2).
const STEPS: [[u8; AREA]; 2] = [
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69,
        56, 14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81,
        104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ],
    [
        17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99,
        99, 47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    ],
];
/// Brightness and two colours of red, green and blue (JFIF), and the way back.
const TO: [[f32; 3]; 3] = [
    [0.299, 0.587, 0.114],
    [-0.168_736, -0.331_264, 0.5],
    [0.5, -0.418_688, -0.081_312],
];
const BACK: [[f32; 3]; 3] = [
    [1.0, 0.0, 1.402],
    [1.0, -0.344_136, -0.714_136],
    [1.0, 1.772, 0.0],
];

/// A quality, for pictures of a shape.
pub(crate) struct Jpeg {
    input: ImageShape,
    /// Of brightness and of colour.
    steps: [[f32; AREA]; 2],
    cosines: Vec<f32>,
    back: Vec<f32>,
}

/// A square of a plane: of brightness (0) or a colour, whose values are means of `scale` × `scale` pixels.
struct Square {
    plane: usize,
    scale: usize,
    top: usize,
    left: usize,
}

impl Jpeg {
    pub(crate) fn of(quality: u8, input: ImageShape) -> Self {
        let quality = u32::from(quality.clamp(1, 100));
        // As libjpeg scales them.
        let percent = match quality {
            0..50 => 5000 / quality,
            _ => 200 - 2 * quality,
        };
        let step = |step: u8| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as f32 / 255.0;
        let cosines = basis(SIDE);
        Self {
            input,
            steps: STEPS.map(|steps| steps.map(step)),
            back: transposed(&cosines, SIDE),
            cosines,
        }
    }

    fn squares(&self) -> impl Iterator<Item = Square> {
        let ImageShape {
            channels,
            height,
            width,
        } = self.input;
        (0..channels).flat_map(move |plane| {
            let scale = if plane == 0 { 1 } else { 2 };
            let across = width.div_ceil(SIDE * scale);
            (0..across * height.div_ceil(SIDE * scale)).map(move |i| Square {
                plane,
                scale,
                top: i / across * SIDE,
                left: i % across * SIDE,
            })
        })
    }

    /// The pixels whose mean is value `i` of a square. Beyond an edge are those of the edge again.
    fn pixels(&self, square: &Square, i: usize) -> impl Iterator<Item = usize> + use<> {
        let ImageShape { height, width, .. } = self.input;
        let scale = square.scale;
        let (y, x) = (square.top + i / SIDE, square.left + i % SIDE);
        (0..scale * scale).map(move |k| {
            let y = (scale * y + k / scale).min(height - 1);
            y * width + (scale * x + k % scale).min(width - 1)
        })
    }

    /// How much of a channel is in a plane.
    fn share(&self, plane: usize, channel: usize) -> f32 {
        match self.input.channels {
            1 => 1.0,
            _ => TO[plane][channel],
        }
    }

    /// The coefficients of a square of `values`, `[C, H, W]`.
    fn coefficients(&self, square: &Square, values: &[f32]) -> Vec<f32> {
        let area = self.input.height * self.input.width;
        let mut means = vec![0.0; AREA];
        for (i, mean) in means.iter_mut().enumerate() {
            for pixel in self.pixels(square, i) {
                for channel in 0..self.input.channels {
                    *mean += self.share(square.plane, channel) * values[channel * area + pixel];
                }
            }
            *mean /= (square.scale * square.scale) as f32;
        }
        product(&self.cosines, &product(&means, &self.back, SIDE), SIDE)
    }

    /// Whether value `i` of a square is of a pixel inside the picture.
    fn is_inside(&self, square: &Square, i: usize) -> bool {
        let (y, x) = (square.top + i / SIDE, square.left + i % SIDE);
        square.scale * y < self.input.height && square.scale * x < self.input.width
    }

    /// log p(saved picture | z) in nats, for what the decoder gives, `[C, H, W]`, and its gradient with
    /// respect to that: a Gaussian of the variance of the rounding and that of the picture about the
    /// decoder's mean.
    pub(crate) fn log_likelihood(
        &self,
        likelihood: Likelihood,
        saved: &[f32],
        decoded: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        gradient.fill(0.0);
        let own = match likelihood {
            Likelihood::Gaussian { sigma } => sigma * sigma,
            _ => {
                let doubt = saved.iter().map(|x| (x * (1.0 - x)).max(0.0));
                GREY as f32 * doubt.sum::<f32>() / saved.len() as f32 + 1e-3
            }
        };
        let residual: Vec<f32> = saved.iter().zip(decoded).map(|(x, m)| x - m).collect();
        let area = self.input.height * self.input.width;
        let mut sum = 0.0;
        for square in self.squares() {
            let shares = (0..self.input.channels).map(|c| self.share(square.plane, c).powi(2));
            // Errors of neighbouring pixels go together, as in `Observation::log_likelihood`.
            let own = own * shares.sum::<f32>() / square.scale as f32;
            let mut slopes = self.coefficients(&square, &residual);
            for (slope, step) in slopes.iter_mut().zip(&self.steps[square.plane.min(1)]) {
                let variance = own + step * step / 12.0;
                let log = *slope * *slope / variance + libm::logf(std::f32::consts::TAU * variance);
                sum -= 0.5 * f64::from(log);
                *slope /= variance;
            }
            let slopes = product(&self.back, &product(&slopes, &self.cosines, SIDE), SIDE);
            for (i, slope) in slopes.iter().enumerate() {
                for pixel in self.pixels(&square, i) {
                    for channel in 0..self.input.channels {
                        let share = self.share(square.plane, channel);
                        gradient[channel * area + pixel] +=
                            share * slope / (square.scale * square.scale) as f32;
                    }
                }
            }
        }
        sum
    }

    /// The picture that is nearest to the explained one, `[C, H, W]`, among those that would have been
    /// saved as this one.
    pub(crate) fn fit(&self, saved: &[f32], explained: &[f32]) -> Vec<f32> {
        let residual: Vec<f32> = saved.iter().zip(explained).map(|(x, m)| x - m).collect();
        let area = self.input.height * self.input.width;
        let mut picture = explained.to_vec();
        for square in self.squares() {
            let mut lack = self.coefficients(&square, &residual);
            for (lack, step) in lack.iter_mut().zip(&self.steps[square.plane.min(1)]) {
                // What the interval leaves open stays as it is explained.
                *lack -= lack.clamp(-step / 2.0, step / 2.0);
            }
            let lack = product(&self.back, &product(&lack, &self.cosines, SIDE), SIDE);
            for (i, lack) in lack.iter().enumerate() {
                if !self.is_inside(&square, i) {
                    continue;
                }
                for pixel in self.pixels(&square, i) {
                    for channel in 0..self.input.channels {
                        let share = match self.input.channels {
                            1 => 1.0,
                            _ => BACK[channel][square.plane],
                        };
                        picture[channel * area + pixel] += share * lack;
                    }
                }
            }
        }
        picture.iter().map(|v| v.clamp(0.0, 1.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vaelet_model::random;

    #[test]
    fn a_fitted_picture_has_the_coefficients_of_the_saved_one() {
        for [channels, height, width] in [[1, 28, 28], [3, 32, 16]] {
            let input = ImageShape {
                channels,
                height,
                width,
            };
            let jpeg = Jpeg::of(20, input);
            let grey = |seed: u64| -> Vec<f32> {
                let values = random::uniforms(seed, input.len());
                values.iter().map(|v| 0.4 + 0.2 * v).collect()
            };
            let (saved, explained) = (grey(1), vec![0.45; input.len()]);
            let fitted = jpeg.fit(&saved, &explained);
            let left: Vec<f32> = saved.iter().zip(&fitted).map(|(x, m)| x - m).collect();
            for square in jpeg.squares() {
                let steps = &jpeg.steps[square.plane.min(1)];
                // A square beyond the edge is not free to be anything.
                if !jpeg.is_inside(&square, AREA - 1) {
                    continue;
                }
                for (lack, step) in jpeg.coefficients(&square, &left).iter().zip(steps) {
                    assert!(lack.abs() < 0.51 * step, "{} {lack} {step}", square.plane);
                }
            }
            // And what is explained exactly stays bit by bit.
            assert_eq!(jpeg.fit(&saved, &saved), saved);
        }
    }
}
