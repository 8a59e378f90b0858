//! How values lie in their buffers. At the ends of a network they are what the host reads
//! and writes, so that nothing is rearranged on the way; inside they are vec4 of channels.

use crate::device::pipeline::Constants;
use vaelet_model::{Shape, Value};

/// Values of a vec4.
pub const LANES: usize = 4;

/// The order of a value's elements for one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// `[C, H, W]`, as images come and go.
    Planes,
    /// `[H, W, C]`, as the weights of a linear layer count.
    Flat,
    /// `[H, W, C]` with the channels of every pixel padded to whole vec4.
    Vectors,
}

impl Layout {
    /// An image or a vector at either end of an entry point.
    pub fn host(value: &Value) -> Self {
        let order = if value.is_vector {
            Order::Flat
        } else {
            Order::Planes
        };
        Self::new(value, order)
    }

    /// What lies between two layers.
    pub fn vectors(value: &Value) -> Self {
        Self::new(value, Order::Vectors)
    }

    fn new(value: &Value, order: Order) -> Self {
        let shape = value.shape;
        Self { shape, order }
    }

    /// Whether the buffer holds vec4.
    pub fn is_vectors(self) -> bool {
        self.order == Order::Vectors
    }

    /// Height, width and channels.
    pub fn shape(self) -> Shape {
        self.shape
    }

    /// Pixels of one item.
    #[cfg(feature = "gradients")]
    pub fn pixels(self) -> usize {
        self.shape[0] * self.shape[1]
    }

    /// f32 that one item takes.
    pub fn len(self) -> usize {
        let [height, width, channels] = self.shape;
        match self.order {
            Order::Planes | Order::Flat => height * width * channels,
            Order::Vectors => height * width * channels.next_multiple_of(LANES),
        }
    }

    /// Where element `i` of the buffer stands in `[H, W, C]`; `None` for padding.
    pub fn element(self, i: usize) -> Option<usize> {
        let [height, width, channels] = self.shape;
        let (pixel, channel) = match self.order {
            Order::Planes => (i % (height * width), i / (height * width)),
            Order::Flat => (i / channels, i % channels),
            Order::Vectors => {
                let padded = channels.next_multiple_of(LANES);
                (i / padded, i % padded)
            }
        };
        (channel < channels).then_some(pixel * channels + channel)
    }

    /// The distances between neighbours, under a buffer's names in `step.wgsl`.
    /// A linear layer sees one pixel with all elements as its channels.
    pub fn strides(self, [item, pixel, channel]: [&'static str; 3], linear: bool) -> Constants {
        let [height, width, channels] = self.shape;
        let (pixel_stride, channel_stride) = match self.order {
            _ if linear => (0, 1),
            Order::Planes => (1, height * width),
            Order::Flat => (channels, 1),
            Order::Vectors => (channels.next_multiple_of(LANES), 1),
        };
        vec![
            (item, self.len() as f64),
            (pixel, pixel_stride as f64),
            (channel, channel_stride as f64),
        ]
    }
}
