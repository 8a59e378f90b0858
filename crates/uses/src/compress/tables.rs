//! Normals, their mixtures and coins as intervals of integers.
//!
//! Everything is computed in f64 with `libm`, in one order, so that every machine finds the same
//! integers.

use super::stack::Interval;
use vaelet_model::Normal;

/// Values of a latent lie in the middle of cells of this width.
pub const CELL: f64 = 1.0 / 128.0;
/// Cells, from −32 to 32.
pub const CELLS: u32 = 1 << 13;
/// Intervals of cells are below 2^this.
pub const CELL_BITS: u32 = 28;
/// Intervals of pixels are below 2^this.
pub const PIXEL_BITS: u32 = 20;

/// The value that a cell stands for.
pub fn value(cell: u32) -> f32 {
    ((f64::from(cell) + 0.5 - f64::from(CELLS / 2)) * CELL) as f32
}

/// The share of normals below x, by their cumulative distribution.
fn below(normals: &[Normal], x: f64) -> f64 {
    let each = normals.iter().map(|normal| {
        let deviations = (x - normal.mean) / normal.width;
        normal.share * 0.5 * libm::erfc(-deviations * std::f64::consts::FRAC_1_SQRT_2)
    });
    each.sum::<f64>().clamp(0.0, 1.0)
}

/// Where the interval of a cell begins. Every cell gets two integers beside its share: even where
/// rounding lets the distribution fall by the last bit, its interval is not empty.
fn start(normals: &[Normal], cell: u32) -> u32 {
    let edge = (f64::from(cell) - f64::from(CELLS / 2)) * CELL;
    let shared = f64::from((1_u32 << CELL_BITS) - 2 * CELLS);
    let share = match cell {
        0 => 0.0,
        CELLS => 1.0,
        _ => below(normals, edge),
    };
    (share * shared) as u32 + 2 * cell
}

/// The interval of a cell under a mixture of normals.
pub fn interval(normals: &[Normal], cell: u32) -> Interval {
    let first = start(normals, cell);
    Interval {
        start: first,
        count: start(normals, cell + 1) - first,
    }
}

/// The cell whose interval has the integer `low`, and that interval.
pub fn find(normals: &[Normal], low: u32) -> (u32, Interval) {
    let (mut from, mut to) = (0, CELLS);
    while to - from > 1 {
        let middle = from.midpoint(to);
        if start(normals, middle) <= low {
            from = middle;
        } else {
            to = middle;
        }
    }
    (from, interval(normals, from))
}

/// The interval of a pixel that is 1 with probability `p`, or 0.
pub fn pixel(p: f32, one: bool) -> Interval {
    let all = 1_u32 << PIXEL_BITS;
    let zeros = ((1.0 - f64::from(p)) * f64::from(all)) as u32;
    let zeros = zeros.clamp(1, all - 1);
    if one {
        Interval {
            start: zeros,
            count: all - zeros,
        }
    } else {
        Interval {
            start: 0,
            count: zeros,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn normals()(all in prop::collection::vec((0.01f64..1.0, -40.0f64..40.0, -7.0f64..2.0), 1..5)) -> Vec<Normal> {
            let total: f64 = all.iter().map(|n| n.0).sum();
            all.iter().map(|&(share, mean, log)| Normal { share: share / total, mean, width: log.exp() }).collect()
        }
    }

    proptest! {
        #[test]
        fn intervals_fill_the_integers(normals in normals()) {
            let mut next = 0;
            for cell in 0..CELLS {
                let interval = interval(&normals, cell);
                prop_assert_eq!(interval.start, next);
                prop_assert!(interval.count > 0);
                next += interval.count;
            }
            prop_assert_eq!(next, 1 << CELL_BITS);
        }

        #[test]
        fn every_integer_finds_its_cell(normals in normals(), low in 0u32..1 << CELL_BITS) {
            let (cell, found) = find(&normals, low);
            prop_assert_eq!(found, interval(&normals, cell));
            prop_assert!((found.start..found.start + found.count).contains(&low));
        }
    }

    #[test]
    fn pixels_have_both_outcomes_whatever_the_probability() {
        for p in [0.0, 1e-9, 0.3, 1.0, f32::NAN] {
            let [zero, one] = [false, true].map(|one| pixel(p, one));
            assert!(zero.count > 0 && one.count > 0, "{p}");
            assert_eq!((zero.start, zero.count), (0, one.start));
            assert_eq!(one.start + one.count, 1 << PIXEL_BITS);
        }
    }
}
