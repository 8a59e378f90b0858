//! Convolution: tiles of (pixels of the whole batch) × (output channels).

use crate::kernel::tiles;
use vaelet_model::Window;

/// Workgroups for a batch.
pub fn workgroups(window: &Window, batch: usize) -> [usize; 3] {
    let [height, width, outputs] = window.output;
    let [x, y] = tiles(batch * height * width, outputs);
    [x, y, 1]
}
