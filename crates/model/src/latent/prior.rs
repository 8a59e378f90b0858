//! Where samples come from: N(0, I), or a mixture of Gaussians fitted to what the
//! encoder really gives, which leaves the holes between its posteriors out. They are also what
//! the KL of a posterior is measured against.

use super::{LOG_TAU, bounded, random};
use crate::{Model, Prior, Weights, latent};
use std::ops::Range;

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

/// p(zᵢ | z₀ … zᵢ₋₁) of one variable after the other: a mixture of normals each, exactly. Its numbers
/// are the same bits everywhere.
pub struct InTurn<'a> {
    priors: &'a Priors,
    /// Which group, and which variable of it.
    at: [usize; 2],
    /// For each component of the group: log πₖ N(z₀ … zᵢ₋₁; …), and y with Fₖ y = z − mₖ.
    logs: Vec<f64>,
    solved: Vec<Vec<f64>>,
}

/// A Gaussian with its share in a mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    /// The shares of a mixture add up to 1.
    pub share: f64,
    /// `[L]`
    pub mean: Vec<f32>,
    /// The lower Cholesky factor of its covariance, `[L, L]`.
    pub factor: Vec<f32>,
}

/// A normal with its share in a mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normal {
    /// The shares of a mixture add up to 1.
    pub share: f64,
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub width: f64,
}

impl<'a> InTurn<'a> {
    fn new(priors: &'a Priors) -> Self {
        let mut turn = Self {
            priors,
            at: [0, 0],
            logs: Vec::new(),
            solved: Vec::new(),
        };
        turn.begin_group();
        turn
    }

    fn begin_group(&mut self) {
        if let Some((_, Some(mixture))) = self.priors.groups.get(self.at[0]) {
            let weights = mixture.weight.iter();
            self.logs = weights.map(|&w| libm::log(f64::from(w))).collect();
            self.solved = vec![Vec::new(); self.logs.len()];
        }
    }

    /// The normals of the next variable; none after the last.
    pub fn normals(&self) -> Vec<Normal> {
        let normal = |share, mean, width| Normal { share, mean, width };
        let [group, i] = self.at;
        match self.priors.groups.get(group) {
            None => Vec::new(),
            Some((_, None)) => vec![normal(1.0, 0.0, 1.0)],
            Some((size, Some(mixture))) => {
                let largest = self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let shares = self.logs.iter().map(|log| libm::exp(log - largest));
                let total: f64 = shares.clone().sum();
                let normals = shares.enumerate().map(|(k, share)| {
                    let (mean, width) = mixture.next(k, *size, i, &self.solved[k]);
                    normal(share / total, mean, width)
                });
                normals.collect()
            }
        }
    }

    /// Goes on with the value of this variable.
    pub fn push(&mut self, z: f32) {
        let [group, i] = self.at;
        let Some((size, mixture)) = self.priors.groups.get(group) else {
            return;
        };
        if let Some(mixture) = mixture {
            for (k, (log, solved)) in self.logs.iter_mut().zip(&mut self.solved).enumerate() {
                let (mean, width) = mixture.next(k, *size, i, solved);
                let y = (f64::from(z) - mean) / width;
                *log -= 0.5 * y * y + libm::log(width.abs());
                solved.push(y);
            }
        }
        self.at = [group, i + 1];
        if i + 1 == *size {
            self.at = [group + 1, 0];
            self.begin_group();
        }
    }
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
        self.sample_in(seed, 0..count, temperature)
    }

    /// Those of the latents of [`Priors::sample`] whose numbers are in `range`; what comes before
    /// them is not drawn.
    pub fn sample_in(&self, seed: u64, range: Range<usize>, temperature: f32) -> Vec<f32> {
        let latent: usize = self.groups.iter().map(|(size, _)| size).sum();
        let scaled = |factor: usize| range.start * factor..range.end * factor;
        let mut z = random::normals_in(seed, scaled(latent));
        z.iter_mut().for_each(|v| *v *= temperature);
        if !self.are_learned() {
            return z;
        }
        let choices = random::uniforms_in(seed, scaled(self.groups.len()));
        let mut choices = choices.into_iter();
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

    /// log p(z) of one latent `[latent]`, in nats. Sums are in f64, and nothing overflows.
    pub fn log_density(&self, z: &[f32]) -> f64 {
        let each = self.split(z).map(|(z, mixture)| match mixture {
            Some(mixture) => mixture.log_density(z),
            None => log_normal(z, &[]),
        });
        each.sum()
    }

    /// [`Priors::log_density`], and its gradient ∇ log p(z) `[latent]`, which is 0 where the density
    /// has none.
    pub fn log_density_gradient(&self, z: &[f32]) -> (f64, Vec<f64>) {
        let mut gradient = Vec::with_capacity(z.len());
        let each = self.split(z).map(|(z, mixture)| match mixture {
            Some(mixture) => mixture.log_density_gradient(z, &mut gradient),
            None => {
                gradient.extend(z.iter().map(|&z| -f64::from(z)));
                log_normal(z, &[])
            }
        });
        (each.sum(), gradient)
    }

    /// The component of each group that explains a latent `[latent]` best, its share counted; 0 where
    /// the prior is N(0, I).
    pub fn nearest(&self, z: &[f32]) -> Vec<usize> {
        let each = self.split(z);
        each.map(|(z, mixture)| mixture.map_or(0, |mixture| mixture.nearest(z)))
            .collect()
    }

    /// The Gaussians of each group.
    pub fn gaussians(&self) -> Vec<Vec<Gaussian>> {
        let each = self.groups.iter().map(|(size, mixture)| match mixture {
            Some(mixture) => mixture.gaussians(*size),
            None => vec![Gaussian {
                share: 1.0,
                mean: vec![0.0; *size],
                factor: (0..size * size)
                    .map(|i| f32::from(u8::from(i % (size + 1) == 0)))
                    .collect(),
            }],
        });
        each.collect()
    }

    /// The prior one variable after the other, for a coder.
    pub fn in_turn(&self) -> InTurn<'_> {
        InTurn::new(self)
    }

    /// KL(q(z | x) ‖ p(z)) of one image, in nats, as the trainer measures it. Where p is a
    /// mixture, which has no formula, one draw's estimate: log q(z | x) − log p(z) at
    /// z = μ + σ `epsilon` (Kingma and Welling 2014, equation 8), whose mean over ε is the KL and
    /// which may be below 0. Where p is N(0, I), the KL itself: the sum of
    /// [`latent::kl_to_standard_normal`].
    pub fn kl(&self, mean: &[f32], log_var: &[f32], epsilon: &[f32]) -> f64 {
        let mut rest = (log_var, epsilon);
        let each = self.split(mean).map(|(mean, mixture)| {
            let (log_var, epsilon);
            (log_var, rest.0) = rest.0.split_at(mean.len());
            (epsilon, rest.1) = rest.1.split_at(mean.len());
            match mixture {
                Some(mixture) => {
                    let z = latent::reparameterize(mean, log_var, epsilon, 1.0);
                    log_normal(epsilon, log_var) - mixture.log_density(&z)
                }
                None => {
                    let kl = latent::kl_to_standard_normal(mean, log_var);
                    kl.into_iter().map(f64::from).sum()
                }
            }
        });
        each.sum()
    }

    /// Each group's part of a latent, with its mixture.
    fn split<'a>(&'a self, z: &'a [f32]) -> impl Iterator<Item = (&'a [f32], Option<&'a Mixture>)> {
        let mut rest = z;
        self.groups.iter().map(move |(size, mixture)| {
            let group;
            (group, rest) = rest.split_at(*size);
            (group, mixture.as_ref())
        })
    }
}

/// log N(σ ε; 0, σ²) with the `log_var` of each variable; 0 for those beyond its end.
fn log_normal(epsilon: &[f32], log_var: &[f32]) -> f64 {
    let squares = epsilon.iter().map(|&e| f64::from(e) * f64::from(e));
    let log_var = log_var.iter().copied().map(bounded);
    -0.5 * (squares.sum::<f64>() + log_var.sum::<f64>() + epsilon.len() as f64 * LOG_TAU)
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

    /// log Σ πₖ N(z; mₖ, Fₖ Fₖᵀ). A component that has no width in some direction, or no weight,
    /// counts for nothing.
    fn log_density(&self, z: &[f32]) -> f64 {
        let mut y = vec![0.0; z.len()];
        // Of the components so far: log Σ exp is `largest` + log `sum`.
        let (mut largest, mut sum) = (f64::NEG_INFINITY, 0.0);
        for k in 0..self.weight.len() {
            let log = self.log_component(k, z, &mut y);
            if log > largest {
                sum = sum * libm::exp(largest - log) + 1.0;
                largest = log;
            } else if log.is_finite() {
                sum += libm::exp(log - largest);
            }
        }
        largest + libm::log(sum)
    }

    /// log πₖ N(z; mₖ, Fₖ Fₖᵀ), from y with Fₖ y = z − mₖ.
    fn log_component(&self, k: usize, z: &[f32], y: &mut [f64]) -> f64 {
        let size = z.len();
        let total: f64 = self.weight.iter().copied().map(f64::from).sum();
        let mean = &self.mean[k * size..][..size];
        let mut log = libm::log(f64::from(self.weight[k]) / total);
        for (i, row) in self.factor(k, size).chunks_exact(size).enumerate() {
            let known = row.iter().zip(&y[..i]);
            let known: f64 = known.map(|(&f, y)| f64::from(f) * y).sum();
            let width = f64::from(row[i]);
            y[i] = (f64::from(z[i]) - f64::from(mean[i]) - known) / width;
            log -= 0.5 * (y[i] * y[i] + LOG_TAU) + libm::log(width.abs());
        }
        log
    }

    fn nearest(&self, z: &[f32]) -> usize {
        let mut y = vec![0.0; z.len()];
        (0..self.weight.len())
            .map(|k| (k, self.log_component(k, z, &mut y)))
            .filter(|(_, log)| !log.is_nan())
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(0, |(k, _)| k)
    }

    fn gaussians(&self, size: usize) -> Vec<Gaussian> {
        let total: f64 = self.weight.iter().copied().map(f64::from).sum();
        let shares = self.weight.iter().map(|&weight| f64::from(weight) / total);
        let gaussian = |(k, share): (usize, f64)| Gaussian {
            share,
            mean: self.mean[k * size..][..size].to_vec(),
            factor: self.factor(k, size).to_vec(),
        };
        shares.enumerate().map(gaussian).collect()
    }

    /// Mean and width of variable i given those before it, under component k.
    fn next(&self, k: usize, size: usize, i: usize, solved: &[f64]) -> (f64, f64) {
        let row = &self.factor(k, size)[i * size..][..=i];
        let known = row.iter().zip(solved).map(|(&f, y)| f64::from(f) * y);
        let mean = f64::from(self.mean[k * size + i]) + known.sum::<f64>();
        (mean, f64::from(row[i]).abs().max(1e-6))
    }

    fn factor(&self, k: usize, size: usize) -> &[f32] {
        &self.factor[k * size * size..][..size * size]
    }

    /// [`Mixture::log_density`], and its gradient at the end of `gradient`: the mean of those of
    /// the components, −Fₖ⁻ᵀ y, by how much each has to do with z.
    fn log_density_gradient(&self, z: &[f32], gradient: &mut Vec<f64>) -> f64 {
        let (size, log) = (z.len(), self.log_density(z));
        let start = gradient.len();
        gradient.resize(start + size, 0.0);
        let mut y = vec![0.0; size];
        for k in 0..self.weight.len() {
            let share = libm::exp(self.log_component(k, z, &mut y) - log);
            if share.is_nan() || share < 1e-12 {
                continue;
            }
            let factor = self.factor(k, size);
            for i in (0..size).rev() {
                let column = (i + 1..size).map(|j| f64::from(factor[j * size + i]) * y[j]);
                y[i] = (y[i] - column.sum::<f64>()) / f64::from(factor[i * size + i]);
                gradient[start + i] -= share * y[i];
            }
        }
        log
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
        let factor = self.factor(k, size);
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
    use std::f64::consts::TAU;

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
    fn the_density_of_a_mixture_is_its_formula() {
        // The determinants of both covariances are 1; the second is [[4, -2], [-2, 1.25]].
        let normal = |x: f64, y: f64, [a, b, c]: [f64; 3]| {
            (-0.5 * (a * x * x + 2.0 * b * x * y + c * y * y)).exp() / TAU
        };
        for z in [[-10.0, 0.0, 0.3], [9.0, 5.5, -1.0], [0.0, 2.0, 0.0_f32]] {
            let [x, y, other] = z.map(f64::from);
            let left = 0.25 * normal(x + 10.0, y, [1.0, 0.0, 1.0]);
            let right = 0.75 * normal(x - 10.0, y - 5.0, [1.25, 2.0, 4.0]);
            let expected = (left + right).ln() - 0.5 * (other * other + TAU.ln());
            let found = priors().log_density(&z);
            assert!(
                (found - expected).abs() < 1e-9,
                "{z:?}: {found}, {expected}"
            );
        }
        let standard = priors().standard().log_density(&[1.0, 2.0, 2.0]);
        assert!((standard + 4.5 + 1.5 * TAU.ln()).abs() < 1e-9);
    }

    #[test]
    fn a_density_is_finite_far_away_and_where_a_component_has_no_width() {
        let far = priors().log_density(&[3e5, -3e5, 0.0]);
        assert!(far.is_finite() && far < -1e9, "{far}");
        let mut flat = priors();
        let mixture = flat.groups[0].1.as_mut().unwrap();
        mixture.factor[3] = 0.0;
        let expected = priors().log_density(&[10.0, 5.0, 0.0]);
        for mean in [[10.0, 5.0, 0.0], [-10.0, 0.0, 0.0]] {
            assert!(flat.log_density(&mean).is_finite());
        }
        assert!((flat.log_density(&[10.0, 5.0, 0.0]) - expected).abs() < 1e-9);
    }

    #[test]
    fn the_gradient_of_a_density_is_that_of_its_differences() {
        for priors in [priors(), priors().standard()] {
            // Near one component, near the other, and between the two.
            for z in [[-9.5, 0.5, 0.3], [9.0, 5.5, -1.0], [-2.5, 1.5, 0.0_f32]] {
                let (log, gradient) = priors.log_density_gradient(&z);
                assert_eq!(log, priors.log_density(&z));
                for i in 0..3 {
                    let step = 1.0 / 1024.0;
                    let [up, down] = [step, -step].map(|step| {
                        let mut z = z;
                        z[i] += step;
                        priors.log_density(&z)
                    });
                    let expected = (up - down) / (2.0 * f64::from(step));
                    let error = (gradient[i] - expected).abs();
                    assert!(
                        error < 1e-4 * expected.abs().max(1.0),
                        "{z:?}, {i}: {error}"
                    );
                }
            }
        }
        let mut flat = priors();
        flat.groups[0].1.as_mut().unwrap().factor[3] = 0.0;
        let (_, gradient) = flat.log_density_gradient(&[-10.0, 0.0, 0.0]);
        assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
        let (_, gradient) = flat.log_density_gradient(&[3e5, -3e5, 0.0]);
        assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    }

    #[test]
    fn a_density_is_the_product_of_its_variables_in_turn() {
        for priors in [priors(), priors().standard()] {
            for z in [[-9.5, 0.5, 0.3], [9.0, 5.5, -1.0], [-2.5, 1.5, 0.0_f32]] {
                let mut turn = priors.in_turn();
                let mut log = 0.0;
                for z in z {
                    let density = turn.normals().into_iter().map(|n| {
                        let y = (f64::from(z) - n.mean) / n.width;
                        n.share * (-0.5 * y * y).exp() / (n.width * TAU.sqrt())
                    });
                    log += density.sum::<f64>().ln();
                    turn.push(z);
                }
                assert!(turn.normals().is_empty());
                assert!((log - priors.log_density(&z)).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn kl_is_a_draw_of_its_formula() {
        let (mean, log_var) = ([9.0, 5.0, 0.5], [-1.0, -2.0, -0.5]);
        // For N(0, I) there is no chance in it.
        let formula = crate::latent::kl_to_standard_normal(&mean, &log_var);
        let found = priors().standard().kl(&mean, &log_var, &[3.0, -3.0, 3.0]);
        assert!((found - f64::from(formula.iter().sum::<f32>())).abs() < 1e-5);

        // Near the right component alone: KL of two Gaussians, and −log of its weight.
        let n = 20_000;
        let epsilon = crate::random::normals(3, 3 * n);
        let draws = epsilon.chunks_exact(3);
        let estimate = draws.map(|e| priors().kl(&mean, &log_var, e)).sum::<f64>() / n as f64;
        let trace = 1.25 * (-1f64).exp() + 4.0 * (-2f64).exp();
        let gaussian = 0.5 * (trace + 1.25 - 2.0 + 3.0) - 0.75f64.ln();
        let expected = gaussian + f64::from(formula[2]);
        assert!((estimate - expected).abs() < 0.05, "{estimate}, {expected}");

        for log_var in [200.0, -200.0, f32::INFINITY, -f32::INFINITY] {
            let kl = priors().kl(&mean, &[log_var; 3], &[1.0, -1.0, 0.5]);
            assert!(kl.is_finite() && kl > 10.0, "{log_var}: {kl}");
        }
    }

    #[test]
    fn the_first_latents_do_not_depend_on_the_count() {
        assert_eq!(priors().sample(5, 2, 0.7), priors().sample(5, 9, 0.7)[..6]);
        assert_eq!(
            priors().sample_in(5, 4..6, 0.7),
            priors().sample(5, 9, 0.7)[12..18]
        );
        let cold = priors().sample(5, 1, 0.0);
        assert!([[-10.0, 0.0, 0.0], [10.0, 5.0, 0.0]].contains(&[cold[0], cold[1], cold[2]]));
        assert_eq!(
            priors().standard().sample(7, 4, 1.0),
            crate::random::normals(7, 12)
        );
    }
}
