//! Pictures in groups, by their latents: each is joined to its nearest neighbours, and groups are what
//! hangs together in that graph.
//!
//! [`Graph::clusters`] finds them without any name (spectral clustering, Ng et al. 2002);
//! [`Graph::spread`] names all from a few that are named (Zhou et al. 2004). Latents lie on curved
//! sheets, on which the nearest neighbours of a picture are of its kind even where the straight line
//! to a far one of its kind leads through another.

use crate::{Error, Result};
use vaelet_model::random;

/// Neighbours of each.
const NEIGHBOURS: usize = 10;
/// How much of a name goes on to the neighbours at each step, and steps.
const SPREAD: f32 = 0.99;
const STEPS: usize = 200;
/// Most groups.
const MOST: usize = 256;

/// A graph of nearest neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// For each node its neighbours and the normalised weights D^−½ W D^−½ of the edges to them.
    edges: Vec<Vec<(u32, f32)>>,
    degree: Vec<f32>,
}

impl Graph {
    /// Of points `[N, size]`, each joined to its ten nearest, as long as `go_on`.
    ///
    /// # Errors
    /// Fewer than two points, values that are not finite, or nothing more of `go_on`.
    pub fn of(points: &[f32], size: usize, go_on: &mut dyn FnMut() -> bool) -> Result<Self> {
        let count = points.len() / size.max(1);
        if count < 2 || !points.len().is_multiple_of(size) {
            return Err(Error::argument("pictures", "at least two", count));
        }
        if let Some(wrong) = points.iter().find(|v| !v.is_finite()) {
            return Err(Error::argument("latents", "finite values", wrong));
        }
        let most = NEIGHBOURS.min(count - 1);
        let squares: Vec<f32> = points.chunks_exact(size).map(|p| dot(p, p)).collect();
        let mut nearest: Vec<Vec<(f32, u32)>> = Vec::with_capacity(count);
        for (i, point) in points.chunks_exact(size).enumerate() {
            if i.is_multiple_of(256) && !go_on() {
                return Err(Error::Cancelled);
            }
            let mut best: Vec<(f32, u32)> = Vec::with_capacity(most + 1);
            for (j, other) in points.chunks_exact(size).enumerate() {
                let distance = squares[j] - 2.0 * dot(point, other);
                let worst = best.last().map_or(f32::INFINITY, |b| b.0);
                if j != i && (best.len() < most || distance < worst) {
                    let place = best.partition_point(|b| b.0 <= distance);
                    best.insert(place, (distance, j as u32));
                    best.truncate(most);
                }
            }
            best.iter_mut()
                .for_each(|b| b.0 = (b.0 + squares[i]).max(0.0));
            nearest.push(best);
        }
        Ok(Self::weigh(&nearest))
    }

    /// Weights that fall with the distance in units of both ends' own (Zelnik-Manor and Perona 2004).
    fn weigh(nearest: &[Vec<(f32, u32)>]) -> Self {
        let reach = |i: usize| nearest[i].last().map_or(0.0, |b| b.0).sqrt().max(1e-12);
        let mut edges: Vec<Vec<(u32, f32)>> = vec![Vec::new(); nearest.len()];
        for (i, neighbours) in nearest.iter().enumerate() {
            for &(square, j) in neighbours {
                let other = j as usize;
                let weight = libm::expf(-square / (reach(i) * reach(other)));
                // One edge for each pair, whoever found the other.
                let mutual = nearest[other].iter().any(|n| n.1 as usize == i);
                if !mutual || i < other {
                    edges[i].push((j, weight));
                    edges[other].push((i as u32, weight));
                }
            }
        }
        let degree: Vec<f32> = edges
            .iter()
            .map(|e| e.iter().map(|e| e.1).sum::<f32>().max(1e-12))
            .collect();
        for (i, edges) in edges.iter_mut().enumerate() {
            for (j, weight) in edges {
                *weight /= (degree[i] * degree[*j as usize]).sqrt();
            }
        }
        Self { edges, degree }
    }

    /// Number of nodes.
    pub fn count(&self) -> usize {
        self.edges.len()
    }

    /// `out` = S x for x `[N, columns]`.
    fn multiply(&self, x: &[f32], columns: usize, out: &mut [f32]) {
        for (edges, out) in self.edges.iter().zip(out.chunks_exact_mut(columns)) {
            out.fill(0.0);
            for &(j, weight) in edges {
                let from = &x[j as usize * columns..][..columns];
                for (out, x) in out.iter_mut().zip(from) {
                    *out += weight * x;
                }
            }
        }
    }

    /// The group of each node, below `groups`.
    ///
    /// # Errors
    /// No groups, more than 256, or more than nodes.
    pub fn clusters(&self, groups: usize, seed: u64) -> Result<Vec<usize>> {
        if groups == 0 || groups > MOST.min(self.count()) {
            let expected = format!("1 to {}", MOST.min(self.count()));
            return Err(Error::argument("groups", expected, groups));
        }
        let mut places = self.places(groups, seed);
        // By √degree they are places of a random walk; only directions count.
        for row in places.chunks_exact_mut(groups) {
            let length = dot(row, row).sqrt().max(1e-12);
            row.iter_mut().for_each(|v| *v /= length);
        }
        Ok(means(&places, groups, groups, seed))
    }

    /// The `columns` leading eigenvectors of S, `[N, columns]`: subspace iteration with Chebyshev's
    /// polynomials, which leave of eigenvalues in [−1, cut] next to nothing.
    fn places(&self, columns: usize, seed: u64) -> Vec<f32> {
        let n = self.count();
        // A few more columns than wanted, so that the last ones settle too.
        let wide = (columns + 6).min(n);
        let mut x = random::normals(seed, n * wide);
        for (row, degree) in x.chunks_exact_mut(wide).zip(&self.degree) {
            row[0] = degree.sqrt();
        }
        orthonormal(&mut x, wide);
        let mut cut = 0.8f32;
        for _ in 0..12 {
            let (centre, half) = ((cut - 1.0) / 2.0, (cut + 1.0) / 2.0);
            let mut before = x.clone();
            let mut now = vec![0.0; x.len()];
            self.multiply(&before, wide, &mut now);
            for (now, before) in now.iter_mut().zip(&before) {
                *now = (*now - centre * before) / half;
            }
            for _ in 0..20 {
                let mut next = vec![0.0; x.len()];
                self.multiply(&now, wide, &mut next);
                for ((next, now), before) in next.iter_mut().zip(&now).zip(&before) {
                    *next = 2.0 * (*next - centre * now) / half - before;
                }
                (before, now) = (now, next);
                rescale(&mut before, &mut now);
            }
            x = now;
            orthonormal(&mut x, wide);
            cut = self.rotate(&mut x, wide).clamp(0.5, 0.9999);
        }
        x.chunks_exact(wide)
            .flat_map(|row| row[..columns].to_vec())
            .collect()
    }

    /// Turns an orthonormal basis to approximate eigenvectors, the largest first, and gives the least
    /// eigenvalue.
    fn rotate(&self, x: &mut [f32], wide: usize) -> f32 {
        let mut image = vec![0.0; x.len()];
        self.multiply(x, wide, &mut image);
        let mut small = vec![0.0f64; wide * wide];
        for (x, image) in x.chunks_exact(wide).zip(image.chunks_exact(wide)) {
            for (i, x) in x.iter().enumerate() {
                for (j, image) in image.iter().enumerate() {
                    small[i * wide + j] += f64::from(*x) * f64::from(*image);
                }
            }
        }
        let (values, vectors) = crate::matrix::eigen(small, wide);
        let mut order: Vec<usize> = (0..wide).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        for row in x.chunks_exact_mut(wide) {
            let turned = order.iter().map(|&j| {
                let sum: f64 = row
                    .iter()
                    .enumerate()
                    .map(|(i, x)| f64::from(*x) * vectors[i * wide + j])
                    .sum();
                sum as f32
            });
            let turned: Vec<f32> = turned.collect();
            row.copy_from_slice(&turned);
        }
        values[order[wide - 1]] as f32
    }

    /// Names all nodes from the few that are named: for each node the name that reaches it most,
    /// below `names`, and what share of all names' reach that is.
    ///
    /// # Errors
    /// No name at all, or one that is not below `names`.
    pub fn spread(&self, known: &[(usize, usize)], names: usize) -> Result<Vec<(usize, f32)>> {
        let wrong = known
            .iter()
            .find(|(node, name)| *node >= self.count() || *name >= names);
        if known.is_empty() || wrong.is_some() {
            let expected = format!("nodes below {} with names below {names}", self.count());
            return Err(Error::argument("names", expected, format!("{wrong:?}")));
        }
        let mut start = vec![0.0; self.count() * names];
        // A name that was given often does not count for more.
        for &(node, name) in known {
            let times = known.iter().filter(|(_, other)| *other == name).count();
            start[node * names + name] = 1.0 / times as f32;
        }
        let mut now = start.clone();
        let mut next = vec![0.0; start.len()];
        for _ in 0..STEPS {
            self.multiply(&now, names, &mut next);
            for (next, start) in next.iter_mut().zip(&start) {
                *next = SPREAD * *next + (1.0 - SPREAD) * start;
            }
            std::mem::swap(&mut now, &mut next);
        }
        // Names that have reached more nodes than others do not win for that (class mass
        // normalisation, Zhu et al. 2003).
        let mut mass = vec![0.0; names];
        for row in now.chunks_exact(names) {
            row.iter().zip(&mut mass).for_each(|(v, mass)| *mass += v);
        }
        let best = |row: &[f32]| {
            let reach: Vec<f32> = row
                .iter()
                .zip(&mass)
                .map(|(v, mass)| v / mass.max(1e-20))
                .collect();
            let all: f32 = reach.iter().sum();
            let best = reach.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            best.map_or((0, 0.0), |(name, v)| {
                (name, if all > 0.0 { v / all } else { 0.0 })
            })
        };
        Ok(now.chunks_exact(names).map(best).collect())
    }
}

/// K-means (Lloyd 1982) from the best of several starts (Arthur and Vassilvitskii 2007) for points
/// `[N, size]`.
fn means(points: &[f32], size: usize, groups: usize, seed: u64) -> Vec<usize> {
    let count = points.len() / size;
    let mut best = (f32::INFINITY, vec![0; count]);
    for start in 0..10 {
        let chances = random::uniforms(seed.wrapping_add(start), groups);
        let mut centres = points[..size].to_vec();
        let first = (chances[0] * count as f32) as usize;
        centres.copy_from_slice(&points[first.min(count - 1) * size..][..size]);
        while centres.len() < groups * size {
            let far: Vec<f32> = points
                .chunks_exact(size)
                .map(|p| nearest(p, &centres).1)
                .collect();
            let mut left = chances[centres.len() / size] * far.iter().sum::<f32>();
            let next = far.iter().position(|far| {
                left -= far;
                left < 0.0
            });
            let next = next.unwrap_or(count - 1);
            centres.extend_from_slice(&points[next * size..][..size]);
        }
        let mut found = (0.0, Vec::new());
        for _ in 0..60 {
            let each: Vec<_> = points
                .chunks_exact(size)
                .map(|p| nearest(p, &centres))
                .collect();
            let groups_of: Vec<usize> = each.iter().map(|e| e.0).collect();
            if groups_of == found.1 {
                break;
            }
            found = (each.iter().map(|e| e.1).sum(), groups_of);
            let mut counts = vec![0.0f32; groups];
            let mut sums = vec![0.0; groups * size];
            for (point, &group) in points.chunks_exact(size).zip(&found.1) {
                counts[group] += 1.0;
                for (sum, value) in sums[group * size..].iter_mut().zip(point) {
                    *sum += value;
                }
            }
            for (group, count) in counts.iter().enumerate().filter(|(_, n)| **n > 0.0) {
                for i in group * size..(group + 1) * size {
                    centres[i] = sums[i] / count;
                }
            }
        }
        if found.0 < best.0 {
            best = found;
        }
    }
    best.1
}

/// The nearest centre, and the square of its distance.
fn nearest(point: &[f32], centres: &[f32]) -> (usize, f32) {
    let squares = centres.chunks_exact(point.len()).map(|centre| {
        centre
            .iter()
            .zip(point)
            .map(|(a, b)| (a - b) * (a - b))
            .sum::<f32>()
    });
    let least = squares.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
    least.unwrap_or((0, 0.0))
}

/// Makes the columns of `[N, wide]` orthonormal (Gram and Schmidt, twice for the last bits).
fn orthonormal(x: &mut [f32], wide: usize) {
    for column in 0..wide {
        for _ in 0..2 {
            let mut products = vec![0.0f64; column + 1];
            for row in x.chunks_exact(wide) {
                for (product, other) in products.iter_mut().zip(row) {
                    *product += f64::from(*other) * f64::from(row[column]);
                }
            }
            for row in x.chunks_exact_mut(wide) {
                let known: f64 = products[..column]
                    .iter()
                    .zip(&*row)
                    .map(|(p, v)| p * f64::from(*v))
                    .sum();
                row[column] -= known as f32;
            }
            let square: f64 = x
                .chunks_exact(wide)
                .map(|row| f64::from(row[column]).powi(2))
                .sum();
            let length = square.sqrt().max(1e-30) as f32;
            x.chunks_exact_mut(wide)
                .for_each(|row| row[column] /= length);
        }
    }
}

/// Keeps both far from overflow; a recurrence does not mind a common factor.
fn rescale(a: &mut [f32], b: &mut [f32]) {
    let largest = b.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    if largest > 1e15 {
        a.iter_mut().chain(b).for_each(|v| *v /= largest);
    }
}

/// Sums in eight lanes, which compilers make vectors of.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
