//! A judge that learns to tell pictures from what a decoder makes, and tells the decoder how to make them look more like
//! pictures (Goodfellow et al. 2014; beside a VAE: Larsen et al. 2016).

use crate::Result;
use crate::parameters::{Parameters, Values};
use vaelet_cpu::CpuVjp;
use vaelet_kernels::training::Adam;
use vaelet_model::networks::{convolutional, initial_tensors, mlp};
use vaelet_model::{EntryPoint, Layer, ModelSpec, Program, Wrt};

/// Hidden units, or channels, of the judge.
const HIDDEN: usize = 128;
const CHANNELS: [usize; 2] = [16, 32];
/// Half a decay of the mean of gradients keeps two networks that learn from each other from circling (Radford et al. 2016).
const BETA_1: f32 = 0.5;

/// Who judges what the decoder makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judging {
    /// Nobody: a VAE.
    None,
    /// A judge beside the VAE's loss.
    Beside,
    /// A judge alone, and no encoder: a GAN.
    Alone,
}

/// A network that gives a picture the logit of being real.
pub struct Judge {
    vjp: CpuVjp,
    parameters: Parameters,
    /// Gradient of a loss with respect to the outputs, `[N, 2]`, of which the first is the logit.
    seed: Vec<f32>,
    both: Vec<f32>,
}

/// Losses of a step, in nats per picture: the judge's, and −log of the judge's belief in what was made.
pub type Verdict = [f32; 2];

impl Judge {
    /// A judge of fresh parameters for the pictures of `spec`, as the encoder is: convolutional or not. Returns its values too.
    ///
    /// # Errors
    /// None for a description that can be trained.
    pub fn new(spec: &ModelSpec, seed: u64) -> Result<(Self, Values)> {
        let (spec, program) = network(spec)?;
        let tensors = initial_tensors(&spec.chains()?, !seed);
        let wrt = program.reverse(EntryPoint::Encode, Wrt::All);
        let maps = wrt.into_iter().flat_map(|reversed| reversed.weights);
        let maps: Vec<_> = maps.map(|gradient| gradient.params).collect();
        let (parameters, values) = Parameters::new(tensors, &maps);
        let weights = parameters.weights();
        let Some(vjp) = CpuVjp::of(&program, weights, EntryPoint::Encode, Wrt::All) else {
            unreachable!("every model with an encoder has this entry point");
        };
        let own = Self {
            vjp,
            parameters,
            seed: Vec::new(),
            both: Vec::new(),
        };
        Ok((own, values))
    }

    /// Learns from pictures and from as many that were made, `[N, H, W, C]`. Afterwards [`Judge::direction`] is the gradient
    /// of the maker's loss. Returns both losses.
    pub fn step(
        &mut self,
        real: &[f32],
        made: &[f32],
        count: usize,
        (rate, step): (f32, u32),
        values: &mut Values,
    ) -> Verdict {
        self.both.clear();
        self.both.extend_from_slice(real);
        self.both.extend_from_slice(made);
        self.vjp.run(EntryPoint::Forward, &[&self.both]);
        let own = self.judge(2 * count, |i| i < count);
        self.vjp.run(EntryPoint::Backward, &[&self.seed]);
        self.parameters.collect(&mut self.vjp);
        let adam = Adam {
            rate,
            beta_1: BETA_1,
            beta_2: 0.999,
            epsilon: 1e-8,
            step,
            average: 0.0,
        };
        self.parameters.update(adam, values);
        self.load(values);

        self.vjp.run(EntryPoint::Forward, &[made]);
        let makers = self.judge(count, |_| true);
        self.vjp.run(EntryPoint::Backward, &[&self.seed]);
        [own, makers]
    }

    /// The mean −log p of what `is_real` says of each picture; fills the gradient.
    fn judge(&mut self, count: usize, is_real: impl Fn(usize) -> bool) -> f32 {
        let logits = self.vjp.output(EntryPoint::Forward, 0).chunks_exact(2);
        self.seed.clear();
        let mut nats = 0.0;
        for (i, logit) in logits.enumerate() {
            let sign = if is_real(i) { -1.0 } else { 1.0 };
            let wrong = sign * logit[0];
            // softplus(w) and its derivative
            let exp = libm::expf(-wrong.abs());
            nats += wrong.max(0.0) + libm::log1pf(exp);
            let derivative = if wrong > 0.0 { 1.0 } else { exp } / (1.0 + exp);
            self.seed.extend([sign * derivative / count as f32, 0.0]);
        }
        nats / count as f32
    }

    /// Gradient of the maker's loss of the last step with respect to what was made, `[N, H, W, C]`.
    pub fn direction(&self) -> &[f32] {
        self.vjp.output(EntryPoint::Backward, 0)
    }

    /// Puts the values where the kernels read them.
    pub fn load(&mut self, values: &Values) {
        self.parameters.load(values, &mut [&mut self.vjp]);
    }
}

/// The judge as the encoder of a model: its first output is the logit, and nothing reads the second.
fn network(spec: &ModelSpec) -> Result<(ModelSpec, Program)> {
    let (shape, mut spec) = (spec.input, spec.clone());
    let halves = shape.height.is_multiple_of(4) && shape.width.is_multiple_of(4);
    let convolves = matches!(spec.encoder.first(), Some(Layer::Conv2d(_)));
    [spec.encoder, spec.decoder] = match convolves && halves {
        true => convolutional(1, CHANNELS, shape),
        false => mlp(1, HIDDEN, shape),
    };
    spec.latents.truncate(1);
    for group in &mut spec.latents {
        group.size = 1;
        group.kl.clear();
    }
    let program = Program::of(&spec)?;
    Ok((spec, program))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Design, Network};
    use vaelet_model::{Activation, ImageShape, Likelihood, random};
    use vaelet_reference::{Oracle, activation::forward};

    /// Gradients of the judge's loss by name, and the direction, for both of its networks.
    #[test]
    fn gradients_are_those_of_the_oracle() {
        let shape = ImageShape {
            channels: 1,
            height: 8,
            width: 8,
        };
        for network in [Network::Mlp, Network::Convolutional] {
            let design = Design {
                network,
                latents: 2,
                shape,
                likelihood: Likelihood::Bernoulli,
                one: "bar".into(),
                many: "bars".into(),
            };
            let spec = design.describe().unwrap();
            let (mut judge, mut values) = Judge::new(&spec, 1).unwrap();
            let (real, made) = (random::uniforms(1, 192), random::uniforms(2, 192));
            let found = judge.step(&real, &made, 3, (0.0, 1), &mut values);

            let (_, program) = super::network(&spec).unwrap();
            let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let named = judge.parameters.named(&values[0]).into_iter();
            let tensors = named.map(|(name, tensor)| (name, wide(&tensor.data)));
            let oracle = Oracle {
                program: &program,
                tensors: &tensors.collect(),
                temperature: 1.0,
            };
            let entry = program.entry(EntryPoint::Encode).unwrap();
            // −ln p of one picture, and its gradients.
            let item = |x: &[f32], is_real: bool| {
                let values = oracle.forward(entry, &[wide(x)]);
                let belief = forward(Activation::Sigmoid, values[entry.outputs[0]][0]);
                let (nats, slope) = match is_real {
                    true => (-belief.ln(), belief - 1.0),
                    false => (-(1.0 - belief).ln(), belief),
                };
                let gradients = oracle.backward(entry, &values, &[vec![slope, 0.0]]);
                (nats, gradients)
            };
            let all = real.chunks(64).map(|x| item(x, true));
            let all: Vec<_> = all.chain(made.chunks(64).map(|x| item(x, false))).collect();
            let mean = all.iter().map(|(nats, _)| nats / 6.0).sum::<f64>();
            assert!((f64::from(found[0]) - mean).abs() < 1e-6, "{found:?}");

            // The last backward pass was that of the maker's loss, so that the judge's comes again.
            judge.vjp.run(EntryPoint::Forward, &[&judge.both]);
            judge.judge(6, |i| i < 3);
            judge.vjp.run(EntryPoint::Backward, &[&judge.seed]);
            judge.parameters.collect(&mut judge.vjp);
            for (name, tensor) in judge.parameters.named(&judge.parameters.gradient) {
                for (i, found) in tensor.data.iter().enumerate() {
                    let exact = all.iter().map(|(_, g)| g.tensors[&name][i] / 6.0);
                    let exact: f64 = exact.sum();
                    let error = (f64::from(*found) - exact).abs();
                    assert!(error < 1e-6, "{network:?} {name} {i}: {found} {exact}");
                }
            }

            let [_, makers] = judge.step(&real, &made, 3, (0.0, 1), &mut values);
            let wished: Vec<_> = made.chunks(64).map(|x| item(x, true)).collect();
            let mean = wished.iter().map(|(nats, _)| nats / 3.0).sum::<f64>();
            assert!((f64::from(makers) - mean).abs() < 1e-6, "{makers} {mean}");
            let exact = wished.iter().flat_map(|(_, g)| &g.values[entry.inputs[0]]);
            for (found, exact) in judge.direction().iter().zip(exact) {
                assert!((f64::from(*found) - exact / 3.0).abs() < 1e-6);
            }
        }
    }
}
