//! Aromatic rings as alternating single and double bonds: a perfect matching of the atoms that take part
//! in a double bond. Of several matchings the one is found that `selfies` 2.2.0 finds, so that a SMILES
//! becomes the tokens that a network was trained on.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::Error;
use crate::atom::aromatic_valences;
use crate::graph::Molecule;

/// Makes every aromatic bond single or double; `bonds` are the atoms of each, in the order in which they were bound.
///
/// # Errors
/// [`Error::Aromatic`] where that cannot be done.
pub(crate) fn kekulise(molecule: &mut Molecule, bonds: &[[usize; 2]]) -> Result<(), Error> {
    let atoms = molecule.atoms.len();
    let mut neighbours = vec![Vec::new(); atoms];
    for [a, b] in bonds {
        neighbours[*a].push(*b);
        neighbours[*b].push(*a);
    }
    let kept: Vec<usize> = (0..atoms)
        .filter(|atom| needs_double(molecule, *atom, neighbours[*atom].len()))
        .collect();
    let label = |atom: &usize| kept.binary_search(atom).ok();
    let graph: Vec<Vec<usize>> = kept
        .iter()
        .map(|atom| neighbours[*atom].iter().filter_map(label).collect())
        .collect();
    let mates = perfect_matching(&graph).ok_or(Error::Aromatic)?;
    for [a, b] in bonds {
        molecule.set_order(*a, *b, 2);
    }
    for atom in &mut molecule.atoms {
        atom.aromatic = false;
    }
    for (node, mate) in mates.into_iter().enumerate() {
        molecule.set_order(kept[node], kept[mate], 4);
    }
    Ok(())
}

/// Whether an atom with so many aromatic bonds has to have a double one.
fn needs_double(molecule: &Molecule, atom: usize, aromatic: usize) -> bool {
    if aromatic == 0 {
        return false;
    }
    // Aromatic bonds count as single ones here.
    let used = (molecule.used[atom] - aromatic) / 2;
    let atom = &molecule.atoms[atom];
    let valences = aromatic_valences(atom.element);
    let Some(hydrogens) = atom.hydrogens else {
        return valences.iter().all(|valence| used != usize::from(*valence));
    };
    let most = valences.last().map_or(0, |valence| i64::from(*valence));
    let free = most - i64::from(atom.charge) - used as i64 - i64::from(hydrogens);
    free >= 0 && free % 2 != 0
}

/// Gives every node a neighbour of its own, where that can be done.
fn perfect_matching(graph: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut mates = greedy_matching(graph);
    while let Some(root) = mates.iter().position(Option::is_none) {
        augment(graph, root, &mut mates)?;
    }
    mates.into_iter().collect()
}

/// Matches nodes with few free neighbours first.
fn greedy_matching(graph: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut mates = vec![None; graph.len()];
    let mut free: Vec<usize> = graph.iter().map(Vec::len).collect();
    let mut queue: BinaryHeap<_> = free.iter().copied().zip(0..).map(Reverse).collect();
    while let Some(Reverse((_, node))) = queue.pop() {
        if mates[node].is_some() || free[node] == 0 {
            continue;
        }
        let Some(mate) = graph[node].iter().copied().find(|n| mates[*n].is_none()) else {
            continue;
        };
        mates[node] = Some(mate);
        mates[mate] = Some(node);
        for &near in graph[node].iter().chain(&graph[mate]) {
            free[near] -= 1;
            if mates[near].is_none() && free[near] > 0 {
                queue.push(Reverse((free[near], near)));
            }
        }
    }
    mates
}

/// Matches one more node, `root`, along a path that alternates between pairs and others.
fn augment(graph: &[Vec<usize>], root: usize, mates: &mut [Option<usize>]) -> Option<()> {
    // How a node was reached: from which, and over which neighbour of that.
    let mut reached: Vec<Option<[usize; 2]>> = vec![None; graph.len()];
    let mut queue = VecDeque::from([root]);
    let mut end = None;
    'search: while let Some(node) = queue.pop_front() {
        for &near in graph[node].iter().filter(|near| **near != root) {
            let Some(mate) = mates[near] else {
                reached[near] = Some([node, near]);
                end = Some(near);
                break 'search;
            };
            if reached[mate].is_none() {
                reached[mate] = Some([node, near]);
                queue.push_back(mate);
            }
        }
    }
    let mut node = end?;
    while node != root {
        let [before, near] = reached[node]?;
        mates[before] = Some(near);
        mates[near] = Some(before);
        node = before;
    }
    Some(())
}
