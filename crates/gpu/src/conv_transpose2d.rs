//! Transposed convolution: tiles of (pixels of one phase in the whole batch) ×
//! (output channels), for each of the stride² phases.

use crate::kernel::tiles;
use vaelet_model::Window;

/// Workgroups for a batch.
pub fn workgroups(window: &Window, batch: usize) -> [usize; 3] {
    let [height, width, outputs] = window.output;
    let stride = window.stride;
    let rows = batch * height.div_ceil(stride) * width.div_ceil(stride);
    let [x, y] = tiles(rows, outputs);
    [x, y, stride * stride]
}
