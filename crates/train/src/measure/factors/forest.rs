//! A random forest (Breiman 2001) that reads a class off a vector: trees over bootstrapped rows, each
//! split the one that lowers the Gini impurity most, over all features.
//!
//! The importance of a feature is the impurity that its splits take away, weighted by the rows that reach
//! them. (linfa-trees averages over splits without these weights, so that splits of a few rows count as
//! much as the first.)

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

/// Trees, their largest depth, and the fewest rows of a leaf: enough for 40 classes, and too few to learn
/// single rows by heart, which would make noise important.
const TREES: u64 = 32;
const DEPTH: usize = 10;
const LEAF: usize = 8;

pub(super) struct Forest {
    trees: Vec<Tree>,
    features: usize,
    classes: usize,
}

struct Tree {
    root: Node,
    importance: Vec<f64>,
}

enum Node {
    /// The class of most rows.
    Leaf(u8),
    Split {
        feature: usize,
        /// Rows below it go to the first.
        bound: f64,
        sides: Box<[Node; 2]>,
    },
}

/// A split of some rows.
struct Split {
    feature: usize,
    bound: f64,
    /// Rows times impurity that it takes away.
    gain: f64,
}

/// What a tree learns from.
struct Table<'a> {
    rows: &'a [Vec<f64>],
    values: &'a [u8],
    classes: usize,
}

impl Forest {
    /// Learns the class, below `classes`, of each of the `rows`.
    pub(super) fn fit(rows: &[Vec<f64>], values: &[u8], classes: usize, seed: u64) -> Self {
        let features = rows.first().map_or(0, Vec::len);
        let table = Table {
            rows,
            values,
            classes,
        };
        let grow = |number: u64| {
            let mut rng = Pcg64Mcg::seed_from_u64(seed.wrapping_add(number));
            let mut drawn: Vec<usize> = (0..rows.len())
                .map(|_| rng.random_range(0..rows.len()))
                .collect();
            let mut importance = vec![0.0; features];
            let root = table.grow(&mut drawn, DEPTH, &mut importance);
            Tree { root, importance }
        };
        Self {
            trees: (0..TREES).into_par_iter().map(grow).collect(),
            features,
            classes,
        }
    }

    /// The share of each feature; all 0 if no tree has a split.
    pub(super) fn importance(&self) -> Vec<f64> {
        let sum = |feature: usize| self.trees.iter().map(|t| t.importance[feature]).sum();
        let sums: Vec<f64> = (0..self.features).map(sum).collect();
        let whole: f64 = sums.iter().sum();
        sums.iter()
            .map(|sum| sum / whole.max(f64::MIN_POSITIVE))
            .collect()
    }

    fn read(&self, row: &[f64]) -> u8 {
        let mut votes = vec![0; self.classes];
        for tree in &self.trees {
            let mut node = &tree.root;
            while let Node::Split {
                feature,
                bound,
                sides,
            } = node
            {
                node = &sides[usize::from(row[*feature] >= *bound)];
            }
            if let Node::Leaf(class) = node {
                votes[usize::from(*class)] += 1;
            }
        }
        most(&votes)
    }
}

/// The share of the rows that are read rightly.
pub(super) fn accuracy(forest: &Forest, rows: &[Vec<f64>], values: &[u8]) -> f64 {
    let right = rows
        .par_iter()
        .zip(values)
        .filter(|(row, value)| forest.read(row) == **value);
    right.count() as f64 / rows.len().max(1) as f64
}

/// The first of the classes with most rows.
fn most(counts: &[usize]) -> u8 {
    let best = (0..counts.len()).rev().max_by_key(|&class| counts[class]);
    best.unwrap_or(0) as u8
}

impl Table<'_> {
    fn grow(&self, rows: &mut [usize], depth: usize, importance: &mut [f64]) -> Node {
        let mut counts = vec![0; self.classes];
        for &row in rows.iter() {
            counts[usize::from(self.values[row])] += 1;
        }
        let split = match depth {
            0 => None,
            _ => self.split(rows, &counts),
        };
        let Some(Split {
            feature,
            bound,
            gain,
        }) = split
        else {
            return Node::Leaf(most(&counts));
        };
        importance[feature] += gain;
        rows.sort_unstable_by_key(|&row| self.rows[row][feature] >= bound);
        let below = rows.partition_point(|&row| self.rows[row][feature] < bound);
        let (first, second) = rows.split_at_mut(below);
        let sides = [first, second].map(|rows| self.grow(rows, depth - 1, importance));
        Node::Split {
            feature,
            bound,
            sides: Box::new(sides),
        }
    }

    /// The best split, if there is one. With n rows and nₖ of class k, n times the Gini impurity is
    /// n − Σ nₖ² / n.
    fn split(&self, rows: &[usize], counts: &[usize]) -> Option<Split> {
        let square = |n: usize| (n * n) as f64;
        let all: f64 = counts.iter().map(|&n| square(n)).sum();
        let before = all / rows.len() as f64;
        let mut best: Option<Split> = None;
        let mut order: Vec<(f64, u8)> = Vec::with_capacity(rows.len());
        for feature in 0..self.rows[0].len() {
            order.clear();
            order.extend(
                rows.iter()
                    .map(|&row| (self.rows[row][feature], self.values[row])),
            );
            order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let (mut left, mut right) = (vec![0; self.classes], counts.to_vec());
            let (mut left_squares, mut right_squares) = (0.0, all);
            for i in 1..order.len() {
                let (last, class) = (order[i - 1].0, usize::from(order[i - 1].1));
                left_squares += 2.0 * left[class] as f64 + 1.0;
                right_squares -= 2.0 * right[class] as f64 - 1.0;
                left[class] += 1;
                right[class] -= 1;
                if order[i].0 <= last || i < LEAF || order.len() - i < LEAF {
                    continue;
                }
                let after = left_squares / i as f64 + right_squares / (order.len() - i) as f64;
                let gain = after - before;
                if gain > best.as_ref().map_or(1e-9, |best| best.gain) {
                    let bound = order[i].0;
                    best = Some(Split {
                        feature,
                        bound,
                        gain,
                    });
                }
            }
        }
        best
    }
}
