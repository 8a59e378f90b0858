//! Groups of a graph's nodes that have many edges among themselves and few to others: Louvain's method
//! (Blondel et al. 2008), and then the two groups joined that are joined the most, until there are as
//! many as wanted.
//!
//! Eigenvectors of the graph would put the least cut first, which cuts off a few outliers; modularity
//! weighs a cut by the sizes of what it parts.

use super::Graph;
use std::collections::BTreeMap;
use vaelet_model::random;

/// Most passes over all nodes before groups become the nodes.
const PASSES: usize = 30;
/// By how much the resolution rises while there are too few groups, and how often.
const FINER: f64 = 1.3;
const TRIES: usize = 100;

/// Nodes that may stand for several, with the weights between and within them.
pub(super) struct Network {
    /// Of each node the others that it is joined to.
    edges: Vec<Vec<(usize, f64)>>,
    /// Sum of the weights that end at a node, those within it twice.
    strength: Vec<f64>,
    /// Sum of all strengths.
    total: f64,
}

impl Network {
    pub(super) fn of(graph: &Graph) -> Self {
        let degree = |i: usize| f64::from(graph.degree[i]);
        let each = graph.edges.iter().enumerate().map(|(i, edges)| {
            let weight = |(j, w): &(u32, f32)| {
                let j = *j as usize;
                (j, f64::from(*w) * (degree(i) * degree(j)).sqrt())
            };
            edges.iter().map(weight).collect::<Vec<_>>()
        });
        let edges: Vec<Vec<(usize, f64)>> = each.collect();
        let strength: Vec<f64> = (0..edges.len()).map(degree).collect();
        Self {
            edges,
            total: strength.iter().sum(),
            strength,
        }
    }

    /// `wanted` groups, or fewer where the graph has no more nodes.
    pub(super) fn groups(&self, wanted: usize, seed: u64) -> Vec<usize> {
        let mut resolution = 1.0;
        let mut found = self.communities(resolution, seed);
        for _ in 0..TRIES {
            if count(&found) >= wanted {
                break;
            }
            resolution *= FINER;
            found = self.communities(resolution, seed);
        }
        let mut joined = self.joined(&found);
        while joined.strength.len() > wanted {
            let (one, other) = joined.closest();
            let mut places: Vec<usize> = (0..joined.strength.len()).collect();
            places[other] = one;
            let places = numbered(&places);
            found.iter_mut().for_each(|group| *group = places[*group]);
            joined = joined.joined(&places);
        }
        found
    }

    /// The share of the weights that is within groups, less what would be by chance (Newman and Girvan
    /// 2004).
    pub(super) fn modularity(&self, groups: &[usize]) -> f64 {
        let mut strength = vec![0.0; count(groups)];
        let mut within = 0.0;
        for (i, edges) in self.edges.iter().enumerate() {
            strength[groups[i]] += self.strength[i];
            let own = edges.iter().filter(|(j, _)| groups[*j] == groups[i]);
            within += own.map(|(_, weight)| weight).sum::<f64>();
        }
        let chance: f64 = strength.iter().map(|s| (s / self.total).powi(2)).sum();
        within / self.total - chance
    }

    /// As many groups as the resolution gives (Reichardt and Bornholdt 2006), numbered from 0.
    fn communities(&self, resolution: f64, seed: u64) -> Vec<usize> {
        let mut groups = self.moved(resolution, seed);
        let mut coarse = self.joined(&groups);
        loop {
            let places = coarse.moved(resolution, seed);
            if count(&places) == coarse.strength.len() {
                return groups;
            }
            groups.iter_mut().for_each(|group| *group = places[*group]);
            coarse = coarse.joined(&places);
        }
    }

    /// Moves single nodes to the group of a neighbour as long as that raises the modularity.
    fn moved(&self, resolution: f64, seed: u64) -> Vec<usize> {
        let nodes = self.strength.len();
        let chances = random::uniforms(seed, nodes);
        let mut order: Vec<usize> = (0..nodes).collect();
        order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
        let mut groups: Vec<usize> = (0..nodes).collect();
        let mut sums = self.strength.clone();
        let mut reach = vec![0.0; nodes];
        for _ in 0..PASSES {
            let mut has_moved = false;
            for &i in &order {
                let (own, strength) = (groups[i], self.strength[i]);
                sums[own] -= strength;
                for (j, weight) in &self.edges[i] {
                    reach[groups[*j]] += weight;
                }
                let gain = |group: usize, reach: f64| {
                    reach - resolution * strength * sums[group] / self.total
                };
                let mut best = (gain(own, reach[own]), own);
                for (j, _) in &self.edges[i] {
                    let group = groups[*j];
                    let gain = gain(group, reach[group]);
                    // Not for rounding's sake, or it would never end.
                    if gain > best.0 + 1e-9 {
                        best = (gain, group);
                    }
                }
                for (j, _) in &self.edges[i] {
                    reach[groups[*j]] = 0.0;
                }
                groups[i] = best.1;
                sums[best.1] += strength;
                has_moved |= best.1 != own;
            }
            if !has_moved {
                break;
            }
        }
        numbered(&groups)
    }

    /// The network of groups, which are numbered from 0.
    fn joined(&self, groups: &[usize]) -> Self {
        let size = count(groups);
        let mut strength = vec![0.0; size];
        let mut edges = vec![BTreeMap::new(); size];
        for (i, (of, &group)) in self.edges.iter().zip(groups).enumerate() {
            strength[group] += self.strength[i];
            for &(j, weight) in of.iter().filter(|(j, _)| groups[*j] != group) {
                *edges[group].entry(groups[j]).or_insert(0.0) += weight;
            }
        }
        Self {
            edges: edges.into_iter().map(|e| e.into_iter().collect()).collect(),
            strength,
            total: self.total,
        }
    }

    /// The two nodes with the most weight between them for their strengths; where nothing joins any,
    /// the two weakest.
    fn closest(&self) -> (usize, usize) {
        let mut best = None;
        for (i, edges) in self.edges.iter().enumerate() {
            for &(j, weight) in edges.iter().filter(|(j, _)| *j > i) {
                let close = weight / (self.strength[i] * self.strength[j]);
                if best.is_none_or(|(most, _)| close > most) {
                    best = Some((close, (i, j)));
                }
            }
        }
        let mut weakest: Vec<usize> = (0..self.strength.len()).collect();
        weakest.sort_by(|a, b| self.strength[*a].total_cmp(&self.strength[*b]));
        let weakest = (weakest[0].min(weakest[1]), weakest[0].max(weakest[1]));
        best.map_or(weakest, |(_, pair)| pair)
    }
}

/// Number of groups that are numbered from 0.
fn count(groups: &[usize]) -> usize {
    groups.iter().max().map_or(0, |most| most + 1)
}

/// The same groups, numbered from 0 in the order in which they come.
fn numbered(groups: &[usize]) -> Vec<usize> {
    let mut numbers = BTreeMap::new();
    let number = |group: &usize| {
        let next = numbers.len();
        *numbers.entry(*group).or_insert(next)
    };
    groups.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heaps of `size` points in a row, and which each belongs to.
    fn heaps(count: usize, size: usize) -> (Graph, Vec<usize>) {
        let mut points = random::normals(3, count * size * 2);
        for (i, point) in points.chunks_exact_mut(2).enumerate() {
            point[0] += 6.0 * (i % count) as f32;
        }
        let graph = Graph::of(&points, 2, &mut || true).unwrap();
        (graph, (0..count * size).map(|i| i % count).collect())
    }

    #[test]
    fn heaps_are_groups() {
        let (graph, heaps) = heaps(5, 60);
        let found = graph.clusters(5, 1).unwrap();
        let pairs: std::collections::BTreeSet<_> = found.iter().zip(&heaps).collect();
        assert!(pairs.len() <= 8, "{pairs:?}");
        let wrong = (0..5).map(|heap| {
            let own: Vec<_> = (0..300).filter(|i| heaps[*i] == heap).collect();
            own.iter().filter(|i| found[**i] != found[own[0]]).count()
        });
        assert!(wrong.sum::<usize>() < 6);
    }

    #[test]
    fn there_are_as_many_groups_as_wanted() {
        let (graph, _) = heaps(3, 40);
        for wanted in [1, 2, 3, 7, 60, 120] {
            let found = graph.clusters(wanted, 1).unwrap();
            assert_eq!(count(&found), wanted);
        }
    }
}
