//! Where the taps of a kernel fall on an image: the geometry that a convolution and its
//! transpose share, for the CPU runtime and for the trainer.

use super::Window;

/// An image and a grid of kernel positions on it, as a matrix with one row for each
/// position and one column for each value under the kernel. Images are channels-innermost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patches {
    /// Rows, columns and channels of the image.
    pub image: [usize; 3],
    /// Rows and columns of positions.
    pub positions: [usize; 2],
    /// Side of the kernel.
    pub kernel: usize,
    /// Pixels between positions.
    pub stride: usize,
    /// Zeros on every side of the image.
    pub padding: usize,
}

impl Patches {
    /// A convolution gathers patches from what it reads.
    pub fn of_conv(window: &Window) -> Self {
        Self::new(window, window.input, window.output)
    }

    /// A transposed convolution sums patches into what it writes.
    pub fn of_transpose(window: &Window) -> Self {
        Self::new(window, window.output, window.input)
    }

    fn new(window: &Window, image: [usize; 3], positions: [usize; 3]) -> Self {
        Self {
            image,
            positions: [positions[0], positions[1]],
            kernel: window.kernel,
            stride: window.stride,
            padding: window.padding,
        }
    }

    /// Number of values in the image.
    pub fn image_len(&self) -> usize {
        self.image.iter().product()
    }

    /// Number of positions.
    pub fn rows(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// Number of values under the kernel.
    pub fn row_len(&self) -> usize {
        self.kernel * self.kernel * self.image[2]
    }

    /// Number of values in the matrix.
    pub fn matrix_len(&self) -> usize {
        self.rows() * self.row_len()
    }

    /// Calls `visit(in_matrix, in_image, len)` for every run of values that lies inside
    /// the image: one kernel row at one position.
    pub fn for_each_run(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let [height, width, channels] = self.image;
        let (kernel, padding) = (self.kernel, self.padding);
        for oy in 0..self.positions[0] {
            for ox in 0..self.positions[1] {
                let row = (oy * self.positions[1] + ox) * self.row_len();
                // Kernel columns on the image: ox · stride + kx − padding in 0..width.
                let left = ox * self.stride;
                let first = padding.saturating_sub(left);
                let last = kernel.min((width + padding).saturating_sub(left));
                if first >= last {
                    continue;
                }
                for ky in 0..kernel {
                    let y = (oy * self.stride + ky).checked_sub(padding);
                    let Some(y) = y.filter(|&y| y < height) else {
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
