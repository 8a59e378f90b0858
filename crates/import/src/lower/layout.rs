//! Where the values of an image lie: vaelet has channels innermost, others have them outermost.

use crate::graph::Order;

/// For each value of an image `[H, W, C]` in this order, its place in vaelet's; nothing where
/// both are the same.
pub(crate) fn places(order: Order, [h, w, c]: [usize; 3]) -> Option<Vec<usize>> {
    if order == Order::ChannelsLast || c == 1 || h * w == 1 {
        return None;
    }
    let pixels = 0..c;
    Some(
        pixels
            .flat_map(|channel| (0..h * w).map(move |pixel| pixel * c + channel))
            .collect(),
    )
}

/// The axes of a transposition applied to the places of a shape.
pub(crate) fn transpose(
    places: Option<&[usize]>,
    shape: &[usize],
    axes: &[usize],
) -> Option<Vec<usize>> {
    let strides = crate::values::strides(shape);
    let sides: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = axes.iter().map(|&axis| strides[axis]).collect();
    let mut all = crate::values::indices(&sides, &steps);
    if let Some(places) = places {
        all.iter_mut().for_each(|i| *i = places[*i]);
    }
    (!all.iter().copied().eq(0..all.len())).then_some(all)
}
