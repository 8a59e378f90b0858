//! The gradients of a map's weight and bias: two dispatches, whose results have the layout of the
//! packed weights.

use super::build::Shader;
use super::geometry::Geometry;
use super::layer::{kind, operands};
use super::layout::Layout;
use super::shaders::{LayerKind, LayerShader, Product};
use super::weights::{Offsets, unpack};
use crate::device::pipeline::Constants;
use vaelet_model::{Tensor, Tensors, WeightGradient};

/// Threads of a workgroup, and the most that share one sum.
const THREADS: usize = 64;

/// Computes the gradients of one map's weight and bias.
pub struct GradientKernel {
    pub gradient: WeightGradient,
    geometry: Geometry,
    offsets: Offsets,
    layouts: [Layout; 2],
    /// The geometry by which the bias kernel reads δ.
    delta: Geometry,
}

impl GradientKernel {
    /// `x` and `delta` are the layouts of the map's input and of δ, its output's gradient. The
    /// gradients start at block `start` of their buffer; returns the block after them.
    pub fn new(gradient: &WeightGradient, [x, delta]: [Layout; 2], start: usize) -> (Self, usize) {
        let geometry = Geometry::new(&gradient.map, x, delta, false);
        let (offsets, end) = Offsets::after(start, &geometry);
        let kernel = Self {
            gradient: gradient.clone(),
            delta: {
                let pixels = if geometry.is_linear() {
                    1
                } else {
                    delta.pixels()
                };
                Geometry::identity([pixels, 1, geometry.outputs])
            },
            geometry,
            offsets,
            layouts: [x, delta],
        };
        (kernel, end)
    }

    /// Shader, constants and workgroups for the weight, then for the bias, on a device that `parallelism` threads keep
    /// busy.
    pub fn dispatches(&self, parallelism: usize) -> [(Shader, Constants, [usize; 3]); 2] {
        let (layer, mut weight) = kind(Some(&self.gradient.map));
        let linear = layer == LayerKind::Linear;
        let [x, delta] = self.layouts;
        let epilogue = [
            ("ACTIVATION", 0.0),
            ("RESIDUAL", 0.0),
            ("THREADS", THREADS as f64),
        ];
        weight.extend(operands(
            &self.geometry,
            self.offsets,
            [x, delta, delta],
            linear,
        ));
        weight.extend(epilogue);
        let places = self.geometry.columns() * self.geometry.depth();
        let (taps, phases) = (self.geometry.taps, self.geometry.phases);
        let idle = parallelism / (places * taps * phases).max(1);
        let share = idle.next_power_of_two().clamp(1, THREADS);
        weight.push(("SHARE", share as f64));
        weight.push(("ROWS", self.geometry.rows as f64));
        let mut bias = operands(&self.delta, self.offsets, [delta; 3], linear);
        bias.extend(epilogue);
        bias.push(("PIXELS", self.delta.rows as f64));
        let shader = |layer, product, scalar_input| {
            Shader::Layer(LayerShader {
                layer,
                product,
                scalar_input,
                scalar_output: false,
                half_precision: false,
                derivative: false,
            })
        };
        let workgroups = [places.div_ceil(THREADS / share), taps, phases];
        [
            (
                shader(layer, Product::WeightGradient, !x.is_vectors()),
                weight,
                workgroups,
            ),
            (
                shader(
                    LayerKind::Identity,
                    Product::BiasGradient,
                    !delta.is_vectors(),
                ),
                bias,
                [self.geometry.columns(), 1, 1],
            ),
        ]
    }

    /// Unpacks the gradients from the buffer's values into tensors with the weights file's shapes.
    pub fn read(&self, blocks: &[f32], tensors: &mut Tensors) {
        let params = &self.gradient.params;
        let lens = [params.weight.iter().product(), params.bias];
        let (map, geometry) = (&self.gradient.map, &self.geometry);
        let [weight, bias] = unpack(blocks, map, geometry, self.offsets, self.layouts, lens);
        let [(weight_name, shape), (bias_name, bias_shape)] = params.stored();
        let data = params.gradient_in_file(weight);
        tensors.insert(weight_name, Tensor { shape, data });
        if params.bias > 0 {
            let shape = bias_shape;
            tensors.insert(bias_name, Tensor { shape, data: bias });
        }
    }
}
