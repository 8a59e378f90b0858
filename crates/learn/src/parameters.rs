//! The parameters of a network's maps as one list of values, in which Adam moves them.

use std::ops::Range;
use vaelet_cpu::CpuVjp;
use vaelet_kernels::training::{Adam, State};
use vaelet_model::{Params, Tensor, Tensors, Weights};

/// Parameters, mean and square of their gradients, and their average; each in the order of the maps.
pub type Values = [Vec<f32>; 4];

/// Where each map's parameters are among all, and where the kernels read them.
pub struct Parameters {
    weights: Weights,
    layout: Vec<Place>,
    /// Of the last step's loss, in the order of the values.
    pub gradient: Vec<f32>,
}

struct Place {
    params: Params,
    weight: Range<usize>,
    bias: Range<usize>,
}

impl Parameters {
    /// Those of `maps`, and their values.
    pub fn new(tensors: Tensors, maps: &[Params]) -> (Self, Values) {
        let mut layout = Vec::new();
        let mut values = Vec::new();
        for params in maps {
            let [(weight, _), (bias, _)] = params.stored();
            let mut place = |name: &str| {
                let start = values.len();
                if let Some(tensor) = tensors.get(name) {
                    values.extend_from_slice(&tensor.data);
                }
                start..values.len()
            };
            layout.push(Place {
                weight: place(&weight),
                bias: place(&bias),
                params: params.clone(),
            });
        }
        let zeros = || vec![0.0; values.len()];
        let own = Self {
            weights: Weights::of(tensors, maps.iter()),
            layout,
            gradient: zeros(),
        };
        let values = [values.clone(), zeros(), zeros(), values];
        (own, values)
    }

    /// The weights for a runtime.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Takes the gradients of a backward pass. Those of maps that it does not have become zero.
    pub fn collect(&mut self, vjp: &mut CpuVjp) {
        self.gradient.fill(0.0);
        for sums in vjp.sum_weights() {
            let name = &sums.gradient().params.name;
            let place = self.layout.iter().find(|place| place.params.name == *name);
            if let Some(place) = place {
                let (weight, bias) = sums.sums();
                self.gradient[place.weight.clone()].copy_from_slice(&weight);
                self.gradient[place.bias.clone()].copy_from_slice(bias);
            }
        }
    }

    /// Sets a tensor, and its average. Returns `false` if there is none of this name and length.
    pub fn set(&self, name: &str, tensor: &[f32], values: &mut Values) -> bool {
        let places = self.layout.iter().flat_map(|place| {
            let names = place.params.stored().map(|(name, _)| name);
            names.into_iter().zip([&place.weight, &place.bias])
        });
        let mut found = places.filter(|(own, range)| own == name && range.len() == tensor.len());
        let Some((_, range)) = found.next() else {
            return false;
        };
        for part in [0, 3] {
            values[part][range.clone()].copy_from_slice(tensor);
        }
        true
    }

    /// A step of Adam (Kingma and Ba 2015) along the gradients, and the average of the values.
    pub fn update(&mut self, adam: Adam, values: &mut Values) {
        let [parameters, mean, square, average] = values;
        let state = State {
            parameters,
            mean,
            square,
            average,
        };
        adam.step(&self.gradient, state);
    }

    /// Puts the parameters where the kernels of `runtimes` read them.
    pub fn load(&mut self, values: &Values, runtimes: &mut [&mut CpuVjp]) {
        for place in &self.layout {
            let [weight, bias] =
                [&place.weight, &place.bias].map(|range| &values[0][range.clone()]);
            self.weights.set_weight(&place.params, weight);
            self.weights.set_bias(&place.params, bias);
        }
        for runtime in runtimes {
            runtime.set_weights(&self.weights);
        }
    }

    /// Parameters, or what else is as long as they are, under their names.
    pub fn named(&self, values: &[f32]) -> Tensors {
        let mut named = Tensors::new();
        named.extend(self.layout.iter().flat_map(|place| {
            let ranges = [place.weight.clone(), place.bias.clone()];
            let tensors = place.params.stored().into_iter().zip(ranges);
            tensors.map(|((name, shape), range)| {
                let data = values[range].to_vec();
                (name, Tensor { shape, data })
            })
        }));
        named
    }
}
