//! Pictures in groups, by their latents: each is joined to its nearest neighbours, and groups are what
//! hangs together in that graph.
//!
//! [`Graph::clusters`] finds them without any name (communities of the largest modularity, Blondel et
//! al. 2008); [`Graph::spread`] names all from a few that are named (Zhou et al. 2004). Latents lie on curved
//! sheets, on which the nearest neighbours of a picture are of its kind even where the straight line
//! to a far one of its kind leads through another.

mod communities;

use crate::{Error, Result};
use communities::Network;

/// Neighbours of each.
const NEIGHBOURS: usize = 10;
/// How much of a name goes on to the neighbours at each step, and steps.
const SPREAD: f32 = 0.99;
const STEPS: usize = 200;
/// Most groups.
const MOST: usize = 256;
/// Starts of a search for groups.
const STARTS: u64 = 4;

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

    /// The group of each node, below `groups`: of several starts that of the best modularity.
    ///
    /// # Errors
    /// No groups, more than 256, or more than nodes.
    pub fn clusters(&self, groups: usize, seed: u64) -> Result<Vec<usize>> {
        if groups == 0 || groups > MOST.min(self.count()) {
            let expected = format!("1 to {}", MOST.min(self.count()));
            return Err(Error::argument("groups", expected, groups));
        }
        let network = Network::of(self);
        let mut best = (f64::NEG_INFINITY, Vec::new());
        for start in 0..STARTS {
            let found = network.groups(groups, seed.wrapping_add(start));
            let modularity = network.modularity(&found);
            if modularity > best.0 {
                best = (modularity, found);
            }
        }
        Ok(best.1)
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
