//! Where the taps of a kernel fall on an image: the part that a convolution and its
//! transpose share.

use vaelet_model::Window;

/// The larger image of a convolution and the grid of kernel positions on it.
pub struct Patches<'a> {
    window: &'a Window,
    image: [usize; 3],
    positions: [usize; 3],
}

impl<'a> Patches<'a> {
    /// A convolution reads the larger image.
    pub fn of_conv(window: &'a Window) -> Self {
        Self {
            window,
            image: window.input,
            positions: window.output,
        }
    }

    /// A transposed convolution writes it.
    pub fn of_transpose(window: &'a Window) -> Self {
        Self {
            window,
            image: window.output,
            positions: window.input,
        }
    }

    /// Number of values in the matrix with one row for each position and one column
    /// for each value under the kernel.
    pub fn len(&self) -> usize {
        self.positions[0] * self.positions[1] * self.row_len()
    }

    /// Number of values under the kernel.
    pub fn row_len(&self) -> usize {
        self.window.kernel * self.window.kernel * self.image[2]
    }

    /// Calls `visit(in_matrix, in_image, len)` for every run of values that lies
    /// inside the image: one kernel row at one position.
    pub fn for_each_run(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let Window {
            kernel,
            stride,
            padding,
            ..
        } = *self.window;
        let [height, width, channels] = self.image;
        for oy in 0..self.positions[0] {
            for ox in 0..self.positions[1] {
                let row = (oy * self.positions[1] + ox) * self.row_len();
                let left = ox * stride;
                let first = padding.saturating_sub(left);
                let last = kernel.min((width + padding).saturating_sub(left));
                if first >= last {
                    continue;
                }
                for ky in 0..kernel {
                    let Some(y) = (oy * stride + ky)
                        .checked_sub(padding)
                        .filter(|&y| y < height)
                    else {
                        continue;
                    };
                    visit(
                        row + (ky * kernel + first) * channels,
                        (y * width + left + first - padding) * channels,
                        (last - first) * channels,
                    );
                }
            }
        }
    }
}
