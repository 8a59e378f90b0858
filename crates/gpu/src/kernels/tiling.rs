//! Selects the shader of a product and its number of threads. `choose` is the table from shapes to
//! kernels; `docs/kernels.md` has the measurements behind it.

use super::geometry::Geometry;
use super::layout::LANES;
use super::shaders::Product;
use crate::device::capabilities::THREADS;
use crate::device::pipeline::Constants;

/// Largest batch for which a linear layer uses `vector.wgsl`.
const MOST_VECTORS: usize = 2;

/// How a product is divided among threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    pub product: Product,
    /// Rows and vec4 of columns that one thread computes.
    rows: usize,
    columns: usize,
    /// Threads of a workgroup: along columns, rows, and slices of the sum.
    threads: [usize; 3],
}

impl Tiling {
    fn new(
        product: Product,
        [rows, columns]: [usize; 2],
        geometry: &Geometry,
        slices: usize,
    ) -> Self {
        let across = match product {
            Product::Vector => THREADS,
            Product::Block => geometry
                .columns()
                .div_ceil(columns)
                .next_power_of_two()
                .min(4),
            _ => 1,
        };
        let down = match product {
            Product::Vector => 1,
            _ => THREADS / across,
        };
        Self {
            product,
            rows,
            columns,
            threads: [across, down, slices],
        }
    }

    /// Rows and columns that one thread computes, and the number of threads that share a sum.
    #[cfg(not(target_family = "wasm"))]
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.rows, LANES * self.columns, self.threads[2])
    }

    /// The values of the shader's overrides.
    pub fn constants(&self) -> Constants {
        let [across, down, slices] = self.threads.map(|n| n as f64);
        match self.product {
            Product::Vector => vec![("COLUMN_THREADS", across), ("SLICES", slices)],
            Product::Few | Product::Identity => vec![("THREADS", down)],
            _ => vec![
                ("COLUMN_THREADS", across),
                ("ROW_THREADS", down),
                ("SLICES", slices),
                ("TALL", f64::from(u8::from(self.rows > LANES))),
                ("WIDE", f64::from(u8::from(self.columns > 1))),
            ],
        }
    }

    /// Number of workgroups for a batch, per dimension.
    pub fn workgroups(&self, geometry: &Geometry, batch: usize) -> [usize; 3] {
        [
            self.groups_across(geometry),
            (batch * geometry.rows).div_ceil(self.rows_of_group()),
            geometry.phases,
        ]
    }

    fn groups_across(&self, geometry: &Geometry) -> usize {
        match self.product {
            Product::Few => 1,
            _ => geometry.columns().div_ceil(self.columns * self.threads[0]),
        }
    }

    fn rows_of_group(&self) -> usize {
        self.rows * self.threads[1]
    }

    /// The largest batch of a dispatch with at most `most` workgroups per dimension.
    pub fn largest_batch(&self, geometry: &Geometry, most: usize) -> usize {
        if geometry.phases.max(self.groups_across(geometry)) > most {
            return 0;
        }
        most.saturating_mul(self.rows_of_group()) / geometry.rows
    }
}

/// Properties of the device and the model that decide between kernels.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Number of threads that keep the GPU busy.
    pub parallelism: usize,
    /// Maximum number of threads that share one sum.
    pub most_slices: usize,
    /// Whether weights are f16.
    pub half_precision: bool,
}

/// The tilings of a step, each with the smallest batch for which it is used.
pub fn choose(geometry: &Geometry, tuning: Tuning) -> Vec<(usize, Tiling)> {
    if geometry.is_identity() {
        let tiling = Tiling::new(Product::Identity, [1, 1], geometry, 1);
        return vec![(1, tiling)];
    }
    if geometry.few {
        let tiling = Tiling::new(Product::Few, [2 * LANES, 1], geometry, 1);
        return vec![(1, tiling)];
    }
    let columns = geometry.columns();
    let wide = if columns > 1 { 2 } else { 1 };
    let large = Tiling::new(Product::Block, [2 * LANES, wide], geometry, 1);
    let large_threads = [columns.div_ceil(wide), geometry.phases]
        .into_iter()
        .fold(geometry.rows, usize::saturating_mul);
    let large_from = (2 * LANES * tuning.parallelism).div_ceil(large_threads);
    let slices = |threads: usize| slices(geometry, threads, tuning);

    let mut tilings = Vec::new();
    if geometry.is_linear() {
        let tiling = Tiling::new(Product::Vector, [1, 1], geometry, slices(columns));
        tilings.push((1, tiling));
    }
    let next = if tilings.is_empty() {
        1
    } else {
        MOST_VECTORS + 1
    };
    if large_from > next {
        let threads = [
            (next * geometry.rows).div_ceil(LANES),
            columns,
            geometry.phases,
        ]
        .into_iter()
        .fold(1, usize::saturating_mul);
        let small = Tiling::new(Product::Block, [LANES, 1], geometry, slices(threads));
        tilings.push((next, small));
    }
    tilings.push((large_from.max(next), large));
    tilings
}

/// Number of threads that share a sum, more than 1 if `threads` alone would leave the GPU idle.
fn slices(geometry: &Geometry, threads: usize, tuning: Tuning) -> usize {
    let idle = tuning.parallelism / threads;
    let worth = geometry.depth() / LANES;
    let slices = idle.min(worth).clamp(1, tuning.most_slices);
    // Rounded down to a power of two.
    1 << slices.ilog2()
}
