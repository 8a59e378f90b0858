//! Convolutions with fewer multiplications.
//!
//! Minimal filtering (Winograd 1980; Lavin & Gray 2016, "Fast algorithms for
//! convolutional neural networks", §4) computes neighbouring outputs of a short filter
//! together: outputs = Aᵀ[(G g) ⊙ (Bᵀ d)] for inputs d and filter g. It is applied along rows and
//! columns and summed over channels. The elementwise products ⊙ then become one matrix product
//! `[tiles, C] · [C, C']` for each pair of a row product and a column product. All coefficients are
//! 0, ±1 and ½, so the rounding errors are those of a plain sum.

use super::gemm::{Packed, ROWS};
use super::lanes::{LANES, Lanes};
use crate::epilogue::{Epilogue, Operands};
use crate::first_values;
use std::marker::PhantomData;
use std::ops::Range;
use vaelet_model::Window;

/// Number of values of the two scratch matrices of a block of tiles, which should fit in the cache.
const BLOCK: usize = 64 * 1024;
/// Number of unused values between the matrices of two points or products. Without it, matrices a
/// power of two apart would map to the same few cache sets.
const PADDING: usize = 16;

/// Minimal filtering in one dimension: a tile's inputs are combined to `POINTS` points, which are
/// the factors of `PRODUCTS` products, from which `OUT` outputs follow. A filter may be a sum of
/// filters, one for each phase of its inputs. Phases are summed like channels.
pub trait Filtering<const POINTS: usize, const PRODUCTS: usize, const OUT: usize> {
    /// The point that each product reads.
    const READS: [usize; PRODUCTS];
    /// Number of inputs from one tile to the next.
    const STEP: usize;
    /// Number of filters that are summed.
    const PHASES: usize = 1;

    /// Bᵀ d for a phase.
    fn points(d: impl Fn(usize) -> Lanes, phase: usize) -> [Lanes; POINTS];

    /// G g for a phase.
    fn filter(g: impl Fn(usize) -> f32, phase: usize) -> [f32; PRODUCTS];

    /// Aᵀ m.
    fn outputs(m: impl Fn(usize) -> Lanes) -> [Lanes; OUT];
}

/// F(2, 3): two outputs of a filter with three taps, by 4 products instead of 6.
#[cfg(not(feature = "small"))]
pub struct ThreeTaps;

#[cfg(not(feature = "small"))]
impl Filtering<4, 4, 2> for ThreeTaps {
    const READS: [usize; 4] = [0, 1, 2, 3];
    const STEP: usize = 2;

    #[inline(always)]
    fn points(d: impl Fn(usize) -> Lanes, _: usize) -> [Lanes; 4] {
        let [d0, d1, d2, d3] = [d(0), d(1), d(2), d(3)];
        [d0 - d2, d1 + d2, d2 - d1, d1 - d3]
    }

    fn filter(g: impl Fn(usize) -> f32, _: usize) -> [f32; 4] {
        let (even, odd) = (0.5 * (g(0) + g(2)), 0.5 * g(1));
        [g(0), even + odd, even - odd, g(2)]
    }

    #[inline(always)]
    fn outputs(m: impl Fn(usize) -> Lanes) -> [Lanes; 2] {
        let [m0, m1, m2, m3] = [m(0), m(1), m(2), m(3)];
        [m0 + m1 + m2, m1 - m2 - m3]
    }
}

/// A transposed filter with four taps, stride 2 and padding 1 is two filters with two taps: even
/// outputs use g₃ and g₁, odd outputs use g₂ and g₀, one input later. Each is F(2, 2): two outputs
/// by 3 products instead of 4. They share one point.
pub struct FourTapsTransposed;

impl Filtering<5, 6, 4> for FourTapsTransposed {
    const READS: [usize; 6] = [0, 1, 2, 2, 3, 4];
    const STEP: usize = 2;

    #[inline(always)]
    fn points(d: impl Fn(usize) -> Lanes, _: usize) -> [Lanes; 5] {
        let [d0, d1, d2, d3] = [d(0), d(1), d(2), d(3)];
        [d0 - d1, d1, d2 - d1, d2, d3 - d2]
    }

    fn filter(g: impl Fn(usize) -> f32, _: usize) -> [f32; 6] {
        [g(3), g(3) + g(1), g(1), -g(2), g(2) + g(0), g(0)]
    }

    #[inline(always)]
    fn outputs(m: impl Fn(usize) -> Lanes) -> [Lanes; 4] {
        let [m0, m1, m2, n0, n1, n2] = [m(0), m(1), m(2), m(3), m(4), m(5)];
        [m0 + m1, n0 + n1, m1 + m2, n1 + n2]
    }
}

/// A filter with four taps and stride 2 is the sum of two filters with two taps and stride 1: g₀
/// and g₂ read even inputs, g₁ and g₃ read odd inputs. Each is F(2, 2), and their products are
/// summed.
#[cfg(feature = "gradients")]
pub struct FourTapsStrided;

#[cfg(feature = "gradients")]
impl Filtering<3, 3, 2> for FourTapsStrided {
    const READS: [usize; 3] = [0, 1, 2];
    const STEP: usize = 4;
    const PHASES: usize = 2;

    #[inline(always)]
    fn points(d: impl Fn(usize) -> Lanes, phase: usize) -> [Lanes; 3] {
        let [d0, d1, d2] = [d(phase), d(phase + 2), d(phase + 4)];
        [d0 - d1, d1, d2 - d1]
    }

    fn filter(g: impl Fn(usize) -> f32, phase: usize) -> [f32; 3] {
        let [g0, g1] = [g(phase), g(phase + 2)];
        [g0, g0 + g1, g1]
    }

    #[inline(always)]
    fn outputs(m: impl Fn(usize) -> Lanes) -> [Lanes; 2] {
        let [m0, m1, m2] = [m(0), m(1), m(2)];
        [m0 + m1, m1 + m2]
    }
}

/// A convolution with a transformed weight. A tile reads a patch of `PATCH` × `PATCH` pixels.
pub struct Winograd<
    F,
    const PATCH: usize,
    const POINTS: usize,
    const PRODUCTS: usize,
    const OUT: usize,
> {
    window: Window,
    /// Number of rows and columns of tiles in one image.
    tiles: [usize; 2],
    /// One matrix `[phases · C, C']` for each pair of products.
    weights: Vec<Packed>,
    /// One pixel of zero padding.
    zeros: Vec<f32>,
    filtering: PhantomData<F>,
}

impl<F, const PATCH: usize, const POINTS: usize, const PRODUCTS: usize, const OUT: usize>
    Winograd<F, PATCH, POINTS, PRODUCTS, OUT>
where
    F: Filtering<POINTS, PRODUCTS, OUT>,
{
    /// Number of pairs of a row phase and a column phase.
    const PAIRS: usize = F::PHASES * F::PHASES;

    /// Transforms a weight `[k, k, C, C']`.
    pub fn new(window: &Window, weight: &[f32]) -> Self {
        let (kernel, columns) = (window.kernel, window.output[2]);
        let len = window.input[2] * columns;
        let mut matrices = vec![Vec::with_capacity(Self::PAIRS * len); PRODUCTS * PRODUCTS];
        for pair in 0..Self::PAIRS {
            let [phase_x, phase_y] = [pair / F::PHASES, pair % F::PHASES];
            for i in 0..len {
                let tap = |ky: usize, kx: usize| weight[(ky * kernel + kx) * len + i];
                let rows: Vec<[f32; PRODUCTS]> = (0..kernel)
                    .map(|ky| F::filter(|kx| tap(ky, kx), phase_x))
                    .collect();
                for px in 0..PRODUCTS {
                    let column = F::filter(|ky| rows[ky][px], phase_y);
                    for (py, value) in column.into_iter().enumerate() {
                        matrices[px * PRODUCTS + py].push(value);
                    }
                }
            }
        }
        Self {
            window: *window,
            tiles: [0, 1].map(|axis| window.output[axis].div_ceil(OUT)),
            weights: matrices.iter().map(|m| Packed::new(m, columns)).collect(),
            zeros: vec![0.0; window.input[2]],
            filtering: PhantomData,
        }
    }

    /// Convolves a batch `[N, H, W, C]` into `out`, `[N, H', W', C']`, and applies the epilogue to
    /// each finished row of tiles.
    pub fn run(
        &self,
        x: &[f32],
        operands: Operands<'_>,
        epilogue: &Epilogue,
        scratch: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        let [inputs, outputs] = [Self::PAIRS * self.window.input[2], self.window.output[2]];
        let images = x.len() / self.window.input.iter().product::<usize>();
        let tiles = images * self.tiles[0] * self.tiles[1];

        // A multiple of the matrix product's rows, and no larger than the batch needs.
        let per_tile = POINTS * POINTS * inputs + PRODUCTS * PRODUCTS * outputs;
        let block = (BLOCK / per_tile).min(tiles).max(1).next_multiple_of(ROWS);
        let [point_stride, product_stride] = [inputs, outputs].map(|c| block * c + PADDING);
        let points_len = POINTS * POINTS * point_stride;
        let len = points_len + PRODUCTS * PRODUCTS * product_stride;
        let (points, products) = first_values(scratch, len).split_at_mut(points_len);

        for first in (0..tiles).step_by(block) {
            let count = block.min(tiles - first);
            for i in 0..count {
                let tile = self.tile(first + i);
                self.read(x, tile, &mut points[i * inputs..], point_stride);
            }
            for (i, weight) in self.weights.iter().enumerate() {
                let point = F::READS[i / PRODUCTS] * POINTS + F::READS[i % PRODUCTS];
                weight.multiply(
                    &points[point * point_stride..][..count * inputs],
                    &mut products[i * product_stride..][..count * outputs],
                );
            }
            for i in 0..count {
                let tile = self.tile(first + i);
                self.write(&products[i * outputs..], product_stride, tile, out);
                if tile.column + 1 == self.tiles[1] {
                    epilogue.apply(operands, out, self.pixels(tile));
                }
            }
        }
    }

    /// The tile with this number, counted over the batch.
    fn tile(&self, number: usize) -> Tile {
        let [rows, columns] = self.tiles;
        Tile {
            image: number / (rows * columns),
            row: number / columns % rows,
            column: number % columns,
        }
    }

    /// The range of the batch's output that the row of this tile computes.
    fn pixels(&self, tile: Tile) -> Range<usize> {
        let [height, width, channels] = self.window.output;
        let row = |row: usize| (tile.image * height + height.min(row * OUT)) * width * channels;
        row(tile.row)..row(tile.row + 1)
    }

    /// Transforms a tile's patch and writes its point i to `points[i * stride..]`. The last vector
    /// of a phase may overwrite the next phase's or tile's points, which are written later.
    fn read(&self, batch: &[f32], tile: Tile, points: &mut [f32], stride: usize) {
        let [height, width, channels] = self.window.input;
        let mut patch: [[&[f32]; PATCH]; PATCH] = [[&self.zeros; PATCH]; PATCH];
        for (dy, row) in patch.iter_mut().enumerate() {
            let y = (tile.row * F::STEP + dy).wrapping_sub(self.window.padding);
            for (dx, pixel) in row.iter_mut().enumerate() {
                let x = (tile.column * F::STEP + dx).wrapping_sub(self.window.padding);
                if y < height && x < width {
                    let start = ((tile.image * height + y) * width + x) * channels;
                    *pixel = &batch[start..][..channels];
                }
            }
        }
        let mut rows = [[Lanes::splat(0.0); POINTS]; PATCH];
        for pair in 0..Self::PAIRS {
            let [phase_x, phase_y] = [pair / F::PHASES, pair % F::PHASES];
            for c in (0..channels).step_by(LANES) {
                for (row, pixels) in rows.iter_mut().zip(&patch) {
                    *row = F::points(|dx| Lanes::load(&pixels[dx][c..]), phase_x);
                }
                #[expect(clippy::needless_range_loop, reason = "px is a column of rows")]
                for px in 0..POINTS {
                    let column = F::points(|dy| rows[dy][px], phase_y);
                    for (py, value) in column.iter().enumerate() {
                        let point = (px * POINTS + py) * stride + pair * channels + c;
                        value.store(&mut points[point..]);
                    }
                }
            }
        }
    }

    /// Transforms a tile's products, of which product i is at `products[i * stride..]`, to its
    /// output pixels and writes those inside the image.
    fn write(&self, products: &[f32], stride: usize, tile: Tile, out: &mut [f32]) {
        let [height, width, channels] = self.window.output;
        let (top, left) = (tile.row * OUT, tile.column * OUT);
        let start = ((tile.image * height + top) * width + left) * channels;
        let (rows, columns) = (0..OUT.min(height - top), OUT.min(width - left));
        let mut lines = [[Lanes::splat(0.0); OUT]; PRODUCTS];
        for c in (0..channels).step_by(LANES) {
            for (px, line) in lines.iter_mut().enumerate() {
                let product = |py| (px * PRODUCTS + py) * stride + c;
                *line = F::outputs(|py| Lanes::load(&products[product(py)..]));
            }
            for y in rows.clone() {
                let row = F::outputs(|px| lines[px][y]);
                for (x, value) in row.iter().enumerate().take(columns) {
                    let pixel = start + (y * width + x) * channels;
                    value.store(&mut out[pixel..pixel + channels][c..]);
                }
            }
        }
    }
}

/// The position of a tile: its image in the batch, and its row and column in the image's tiles.
#[derive(Clone, Copy)]
struct Tile {
    image: usize,
    row: usize,
    column: usize,
}
