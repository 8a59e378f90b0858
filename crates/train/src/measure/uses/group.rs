//! Figures of grouping.

use super::{Row, SEED, Use, spread};
use crate::data::Images;
use anyhow::Result;
use vaelet_model::random;
use vaelet_uses::Engine;
use vaelet_uses::group::Graph;

/// Named images of each class, and draws of them.
const NAMED: usize = 10;
const DRAWS: u64 = 10;

/// Groups under the best matching with classes, and names from a hundred: of latents, and of pixels.
pub(super) fn measure(engine: &mut Engine, test: &Images, count: usize) -> Result<Vec<Row>> {
    let chosen = test.spread(count);
    let labels: Vec<usize> = chosen.iter().map(|&i| test.labels[i].into()).collect();
    let classes = labels.iter().max().map_or(0, |most| most + 1);
    let pictures = spread(test, count);
    let latents = engine.encode(&pictures).mean;
    let mut found = Vec::new();
    for (points, size) in [(&latents, engine.latent()), (&pictures, test.shape.len())] {
        let graph = Graph::of(points, size, &mut || true)?;
        let groups = graph.clusters(classes, SEED)?;
        let matched = matched(&groups, &labels, classes);
        let mut named = 0.0;
        for draw in 0..DRAWS {
            let known = draw_names(&labels, classes, SEED + draw);
            let names = graph.spread(&known, classes)?;
            let is_known = |i: usize| known.iter().any(|(node, _)| *node == i);
            let rest: Vec<usize> = (0..labels.len()).filter(|i| !is_known(*i)).collect();
            let right = rest.iter().filter(|&&i| names[i].0 == labels[i]).count();
            named += right as f64 / rest.len() as f64 / DRAWS as f64;
        }
        found.push([matched, named]);
    }
    let row = |what: &str, i: usize| {
        let beside = [("the same on pixels", found[1][i])];
        Row::new(
            Use::Group,
            what,
            found[0][i],
            "right",
            &beside,
            labels.len(),
        )
    };
    let mut rows = vec![
        row("as many groups as classes, best matching", 0),
        row("all named from ten images of each class", 1),
    ];
    // Of few images none is left to name.
    rows.retain(|row| row.figure.is_finite());
    Ok(rows)
}

/// Ten images of each class.
fn draw_names(labels: &[usize], classes: usize, seed: u64) -> Vec<(usize, usize)> {
    let chances = random::uniforms(seed, labels.len());
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let of_class = |class: usize| {
        let images = order
            .iter()
            .filter(move |&&i| labels[i] == class)
            .take(NAMED);
        images.map(move |&i| (i, class))
    };
    (0..classes).flat_map(of_class).collect()
}

/// Share of images whose group is matched with their class, each group with another class, as well as
/// that can be done.
fn matched(groups: &[usize], labels: &[usize], classes: usize) -> f64 {
    // For each set of classes, the most images that the groups so far can have of them.
    let mut best = vec![Some(0); 1];
    best.resize(1 << classes, None);
    for group in 0..classes {
        let count = |class| {
            let pairs = groups.iter().zip(labels);
            pairs.filter(|&(&g, &l)| g == group && l == class).count()
        };
        let counts: Vec<usize> = (0..classes).map(count).collect();
        let mut next = vec![None; best.len()];
        for (set, sum) in best.iter().enumerate() {
            let Some(sum) = sum else { continue };
            for (class, count) in counts
                .iter()
                .enumerate()
                .filter(|(class, _)| set >> class & 1 == 0)
            {
                let place: &mut Option<usize> = &mut next[set | 1 << class];
                *place = (*place).max(Some(sum + count));
            }
        }
        best = next;
    }
    let all = best.last().copied().flatten().unwrap_or(0);
    all as f64 / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::{draw_names, matched};

    #[test]
    fn groups_have_no_names_of_their_own() {
        let labels = [0, 0, 1, 1, 2, 2];
        assert_eq!(matched(&[2, 2, 0, 0, 1, 1], &labels, 3), 1.0);
        assert_eq!(matched(&[0; 6], &labels, 3), 2.0 / 6.0);
        assert_eq!(matched(&[0, 1, 0, 1, 2, 2], &labels, 3), 4.0 / 6.0);
    }

    #[test]
    fn names_are_drawn_evenly() {
        let labels: Vec<usize> = (0..100).map(|i| i % 2).collect();
        let known = draw_names(&labels, 2, 1);
        assert_eq!(known.len(), 20);
        assert!(known.iter().all(|(i, class)| labels[*i] == *class));
        assert_ne!(known, draw_names(&labels, 2, 2));
    }
}
