//! The gradients of a map's weight and bias: two dispatches that leave them laid out as the weights
//! are.

use super::build::Shader;
use super::geometry::Geometry;
use super::layer::{kind, operands};
use super::layout::Layout;
use super::shaders::{LayerKind, LayerShader, Product};
use super::weights::{Place, unpack};
use crate::device::pipeline::Constants;
use vaelet_model::{Tensor, Tensors, WeightGradient};

/// Threads that share one sum.
const THREADS: usize = 64;

/// What computes the gradients of one map.
pub struct GradientKernel {
    pub gradient: WeightGradient,
    geometry: Geometry,
    place: Place,
    layouts: [Layout; 2],
    /// δ, as a step without a map reads it.
    delta: Geometry,
}

impl GradientKernel {
    /// Of values that lie as `x` and `delta`; the gradients begin `start` blocks into their
    /// buffer. Returns where they end.
    pub fn new(gradient: &WeightGradient, [x, delta]: [Layout; 2], start: usize) -> (Self, usize) {
        let geometry = Geometry::new(&gradient.map, x, delta, false);
        let (place, end) = Place::after(start, &geometry);
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
            place,
            layouts: [x, delta],
        };
        (kernel, end)
    }

    /// Shader, constants and workgroups of the weight, then of the bias.
    pub fn dispatches(&self) -> [(Shader, Constants, [usize; 3]); 2] {
        let (layer, mut weight) = kind(Some(&self.gradient.map));
        let linear = layer == LayerKind::Linear;
        let [x, delta] = self.layouts;
        let end = [
            ("ACTIVATION", 0.0),
            ("RESIDUAL", 0.0),
            ("THREADS", THREADS as f64),
        ];
        weight.extend(operands(
            &self.geometry,
            self.place,
            [x, delta, delta],
            linear,
        ));
        weight.extend(end);
        weight.push(("ROWS", self.geometry.rows as f64));
        let mut bias = operands(&self.delta, self.place, [delta; 3], linear);
        bias.extend(end);
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
        let blocks = self.geometry.depth() * self.geometry.columns();
        [
            (
                shader(layer, Product::WeightGradient, !x.is_vectors()),
                weight,
                [blocks, self.geometry.taps, self.geometry.phases],
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

    /// Takes the gradients out of the buffer, in the weights file's shapes.
    pub fn read(&self, blocks: &[f32], tensors: &mut Tensors) {
        let params = &self.gradient.params;
        let lens = [params.weight.iter().product(), params.bias];
        let (map, geometry) = (&self.gradient.map, &self.geometry);
        let [weight, bias] = unpack(blocks, map, geometry, self.place, self.layouts, lens);
        let [(weight_name, shape), (bias_name, bias_shape)] = params.stored();
        let data = params.gradient_in_file(weight);
        tensors.insert(weight_name, Tensor { shape, data });
        if params.bias > 0 {
            let shape = bias_shape;
            tensors.insert(bias_name, Tensor { shape, data: bias });
        }
    }
}
