//! Activations that vaelet does not have, made of those it has, with the same results.

use super::builder::{Builder, Built, Map, MapKind};
use crate::Result;
use crate::graph::Function;
use vaelet_model::Activation;

impl Builder<'_> {
    /// Applies a function to every value.
    pub fn activate(&mut self, function: &Function) -> Result<()> {
        match function {
            Function::Relu => self.end_with(Activation::Relu),
            Function::Silu => self.end_with(Activation::Silu),
            Function::Sigmoid => self.end_with(Activation::Sigmoid),
            // tanh(x) = 2 sigmoid(2 x) − 1
            Function::Tanh => {
                let channels = self.sides[2];
                self.affine(&vec![2.0; channels], &vec![0.0; channels])?;
                self.end_with(Activation::Sigmoid)?;
                self.affine(&vec![2.0; channels], &vec![-1.0; channels])
            }
            Function::LeakyRelu(slopes) => self.leaky(slopes),
            &Function::Clip(low, high) => self.clip(low, high),
            Function::Gelu => self.end_with(Activation::Gelu),
            Function::GeluTanh => self.end_with(Activation::GeluTanh),
            &Function::Elu(alpha) => self.elu(alpha),
            Function::Selu => {
                self.elu(1.673_263_2)?;
                let channels = self.sides[2];
                self.affine(&vec![1.050_701; channels], &vec![0.0; channels])
            }
            Function::Softplus => self.end_with(Activation::Softplus),
            Function::LogSquare => self.end_with(Activation::LogSquare),
            Function::Exp => Err(self.unsupported("Exp", "name an output in front of it")),
            Function::Erf => Err(self.unsupported("Erf outside of GELU", "use SiLU")),
        }
    }

    /// Ends the last layer with an activation, or a new one where it has its own.
    pub(super) fn end_with(&mut self, activation: Activation) -> Result<()> {
        self.settle()?;
        if let Some(Built::Residual(_, end @ Activation::None)) = self.layers.last_mut() {
            *end = activation;
        } else {
            if self.open().is_none() {
                self.push_identity()?;
            }
            if let Some(map) = self.open() {
                map.activation = activation;
            }
        }
        self.positive = matches!(
            activation,
            Activation::Relu | Activation::Sigmoid | Activation::Softplus
        );
        Ok(())
    }

    /// ELU of another α is α y below 0, of y = ELU(x) with α = 1.
    fn elu(&mut self, alpha: f32) -> Result<()> {
        if !(alpha == 0.0 || (1e-4..=1e4).contains(&alpha)) {
            let what = format!("ELU with α = {alpha}");
            return Err(self.unsupported(&what, "use an α of 0.0001 or more"));
        }
        self.end_with(Activation::Elu)?;
        match alpha == 1.0 {
            true => Ok(()),
            false => self.leaky(&[alpha]),
        }
    }

    /// a x + (1 − a) relu(x), as y + (1 / a − 1) relu(y) for y = a x: a residual block.
    fn leaky(&mut self, slopes: &[f32]) -> Result<()> {
        if slopes.iter().all(|&a| a == 0.0) {
            return self.end_with(Activation::Relu);
        }
        if !slopes.iter().all(|&a| (1e-4..=1e4).contains(&a)) {
            let what = "a PReLU or LeakyReLU with a slope below 0.0001";
            return Err(self.unsupported(what, "use LeakyReLU with a slope above that, or ReLU"));
        }
        let channels = self.sides[2];
        if ![1, channels].contains(&slopes.len()) {
            return Err(self.unsupported("PReLU on a reshaped value", "use LeakyReLU"));
        }
        let slopes: Vec<f32> = (0..channels).map(|i| slopes[i % slopes.len()]).collect();
        self.affine(&slopes, &vec![0.0; channels])?;
        self.settle()?;
        // A linear layer on so many values would have a square matrix.
        if self.sides[..2] == [1, 1] && channels > 256 && self.open_is_linear() {
            self.fold_vector();
        }
        let factors: Vec<f32> = slopes.iter().map(|a| 1.0 / a - 1.0).collect();
        let inner = self.sides[2];
        let mut outer = Vec::with_capacity(2);
        for (factors, activation) in [
            (vec![1.0; inner], Activation::Relu),
            (factors[..inner].to_vec(), Activation::None),
        ] {
            let mut layers = Vec::new();
            core::mem::swap(&mut layers, &mut self.layers);
            self.push_diagonal(&factors, &vec![0.0; inner])?;
            core::mem::swap(&mut layers, &mut self.layers);
            for mut layer in layers {
                if let Built::Map(map) = &mut layer {
                    map.activation = activation;
                }
                outer.push(layer);
            }
        }
        self.layers.push(Built::Residual(outer, Activation::None));
        self.positive = false;
        Ok(())
    }

    fn open_is_linear(&mut self) -> bool {
        self.open().is_some_and(|map| map.kind == MapKind::Linear)
    }

    /// Sees a vector as an image of few channels, which costs nothing: a function of each value
    /// may then be a convolution of kernel 1. Whoever reads it flattens it again.
    fn fold_vector(&mut self) {
        let len = self.sides[2];
        if let Some(channels) = (8..=128)
            .rev()
            .find(|channels| len.is_multiple_of(*channels))
        {
            self.sides = [len / channels, 1, channels];
            self.layers.push(Built::Reshape(self.sides));
        }
    }

    /// min(max(x, low), high) by two ReLU: a = low + relu(x − low), then high − relu(high − a).
    fn clip(&mut self, low: f32, high: f32) -> Result<()> {
        let channels = self.sides[2];
        let all = |value: f32| vec![value; channels];
        if low > f32::MIN {
            self.affine(&all(1.0), &all(-low))?;
            self.end_with(Activation::Relu)?;
            self.affine(&all(1.0), &all(low))?;
        }
        if high < f32::MAX {
            self.affine(&all(-1.0), &all(high))?;
            self.end_with(Activation::Relu)?;
            self.affine(&all(-1.0), &all(high))?;
        }
        Ok(())
    }
}

impl Map {
    /// Sets the activation.
    pub fn with(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }
}
