//! Where samples come from: N(0, I), or a mixture of Gaussians fitted to what the
//! encoder really gives, which leaves the holes between its posteriors out.

use crate::{Model, Prior, Weights, random};

/// The priors of a model's latent groups, ready to be sampled.
#[derive(Debug, Clone)]
pub struct Priors {
    groups: Vec<(usize, Option<Mixture>)>,
}

/// Σ πₖ N(mₖ, Fₖ Fₖᵀ)
#[derive(Debug, Clone)]
struct Mixture {
    /// π, `[K]`
    weight: Vec<f32>,
    /// m, `[K, L]`
    mean: Vec<f32>,
    /// F, `[K, L, L]`, lower triangular
    factor: Vec<f32>,
}

impl Prior {
    /// Names and shapes of its tensors in the weights file, for a group of `size` variables.
    pub(crate) fn stored(&self, size: usize) -> Vec<(String, Vec<usize>)> {
        match self {
            Self::StandardNormal => Vec::new(),
            Self::Mixture { components, params } => vec![
                (format!("{params}.weight"), vec![*components]),
                (format!("{params}.mean"), vec![*components, size]),
                (format!("{params}.factor"), vec![*components, size, size]),
            ],
        }
    }
}

impl Priors {
    /// The priors of `model`.
    pub fn of(model: &Model) -> Self {
        let groups = model.spec.latents.iter();
        let groups = groups.map(|group| (group.size, Mixture::read(&group.prior, &model.weights)));
        Self {
            groups: groups.collect(),
        }
    }

    /// Whether any of them is more than N(0, I).
    pub fn are_learned(&self) -> bool {
        self.groups.iter().any(|(_, mixture)| mixture.is_some())
    }

    /// The same groups with N(0, I) each.
    pub fn standard(&self) -> Self {
        let groups = self.groups.iter().map(|(size, _)| (*size, None));
        Self {
            groups: groups.collect(),
        }
    }

    /// `count` latents `[N, latent]`; `temperature` scales the noise, so that at 0 only
    /// means are left. The first vectors of a seed do not depend on `count`.
    pub fn sample(&self, seed: u64, count: usize, temperature: f32) -> Vec<f32> {
        let latent: usize = self.groups.iter().map(|(size, _)| size).sum();
        let mut z = random::normals(seed, count * latent);
        z.iter_mut().for_each(|v| *v *= temperature);
        if !self.are_learned() {
            return z;
        }
        let mut choices = random::uniforms(seed, count * self.groups.len()).into_iter();
        for item in z.chunks_exact_mut(latent) {
            let mut rest = item;
            for (size, mixture) in &self.groups {
                let (group, after) = rest.split_at_mut(*size);
                rest = after;
                let choice = choices.next().unwrap_or(0.0);
                if let Some(mixture) = mixture {
                    mixture.place(group, choice);
                }
            }
        }
        z
    }
}

impl Mixture {
    fn read(prior: &Prior, weights: &Weights) -> Option<Self> {
        let Prior::Mixture { params, .. } = prior else {
            return None;
        };
        let get = |name| weights.get(&format!("{params}.{name}")).to_vec();
        Some(Self {
            weight: get("weight"),
            mean: get("mean"),
            factor: get("factor"),
        })
    }

    /// Turns noise ε into m + F ε of the component that `choice`, in `[0, 1)`, falls on.
    fn place(&self, noise: &mut [f32], choice: f32) {
        let mut left = choice * self.weight.iter().sum::<f32>();
        let last = self.weight.len() - 1;
        let component = self.weight[..last].iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        let k = component.unwrap_or(last);
        let size = noise.len();
        let mean = &self.mean[k * size..][..size];
        let factor = &self.factor[k * size * size..][..size * size];
        // From the last row up: row i reads only the noise before it.
        for (i, row) in factor.chunks_exact(size).enumerate().rev() {
            let sum: f32 = row[..=i].iter().zip(&*noise).map(|(f, e)| f * e).sum();
            noise[i] = mean[i] + sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mixture, Priors};

    fn priors() -> Priors {
        let mixture = Mixture {
            weight: vec![0.25, 0.75],
            mean: vec![-10.0, 0.0, 10.0, 5.0],
            factor: vec![1.0, 0.0, 0.0, 1.0, 2.0, 0.0, -1.0, 0.5],
        };
        Priors {
            groups: vec![(2, Some(mixture)), (1, None)],
        }
    }

    #[test]
    fn a_mixture_has_its_moments() {
        let n = 40_000;
        let z = priors().sample(1, n, 1.0);
        let right: Vec<&[f32]> = z.chunks_exact(3).filter(|z| z[0] > 0.0).collect();
        let share = right.len() as f32 / n as f32;
        assert!((share - 0.75).abs() < 0.01, "{share}");
        let mean = |f: &dyn Fn(&[f32]) -> f32| {
            right.iter().map(|z| f(z)).sum::<f32>() / right.len() as f32
        };
        let covariance = [
            mean(&|z| (z[0] - 10.0).powi(2)),
            mean(&|z| (z[0] - 10.0) * (z[1] - 5.0)),
            mean(&|z| (z[1] - 5.0).powi(2)),
            mean(&|z| z[2].powi(2)),
        ];
        for (found, expected) in covariance.into_iter().zip([4.0, -2.0, 1.25, 1.0]) {
            assert!((found - expected).abs() < 0.1, "{covariance:?}");
        }
    }

    #[test]
    fn the_first_latents_do_not_depend_on_the_count() {
        assert_eq!(priors().sample(5, 2, 0.7), priors().sample(5, 9, 0.7)[..6]);
        let cold = priors().sample(5, 1, 0.0);
        assert!([[-10.0, 0.0, 0.0], [10.0, 5.0, 0.0]].contains(&[cold[0], cold[1], cold[2]]));
        assert_eq!(
            priors().standard().sample(7, 4, 1.0),
            crate::random::normals(7, 12)
        );
    }
}
