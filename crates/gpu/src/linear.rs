//! The fully connected layer.

use crate::kernel::{Constants, columns};

/// Columns of vec4 that one workgroup makes.
const WIDTH: usize = 16;

/// Values of the shader's `override` declarations.
pub fn constants(inputs: usize, outputs: usize) -> Constants {
    vec![("INPUTS", inputs as f64), ("OUTPUTS", outputs as f64)]
}

/// One row of workgroups for each item.
pub fn workgroups(outputs: usize, batch: usize) -> [usize; 3] {
    [columns(outputs).div_ceil(WIDTH), batch, 1]
}
