//! The layout of values in buffers. Inputs and outputs of a network have the host's layout, so that
//! nothing is rearranged in between; values inside the network are vec4 of channels.

use crate::device::pipeline::Constants;
use vaelet_model::{Shape, Value};

/// Number of values in a vec4.
pub const LANES: usize = 4;

/// The order of a value's elements for one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// `[C, H, W]`, the host's order for images.
    Planes,
    /// `[H, W, C]`, the order of a linear layer's weights.
    Flat,
    /// `[H, W, C]` with the channels of every pixel padded to a multiple of four.
    Vectors,
}

impl Layout {
    /// The host's layout of an image or a vector.
    pub fn host(value: &Value) -> Self {
        let order = if value.is_vector {
            Order::Flat
        } else {
            Order::Planes
        };
        Self::new(value, order)
    }

    /// The layout of a value between two layers.
    pub fn vectors(value: &Value) -> Self {
        Self::new(value, Order::Vectors)
    }

    fn new(value: &Value, order: Order) -> Self {
        let shape = value.shape;
        Self { shape, order }
    }

    /// Whether the shader declares the buffer as an array of vec4.
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

    /// Size of one item, padding included, in f32 values.
    pub fn len(self) -> usize {
        let [height, width, channels] = self.shape;
        match self.order {
            Order::Planes | Order::Flat => height * width * channels,
            Order::Vectors => height * width * channels.next_multiple_of(LANES),
        }
    }

    /// Index in `[H, W, C]` of element `i` of the buffer; `None` for padding.
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

    /// The strides in f32 values, by the names of the overrides in `step.wgsl`. For a linear layer
    /// an item is one pixel with all elements as its channels.
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
