//! Pictures made whole: cleaned of noise, filled in, enlarged. Each is the posterior of z given what
//! was seen, decoded, and then what was seen itself as far as it can be trusted.

use crate::jpeg::Jpeg;
use crate::observe::mean_of_cut;
use crate::residual::details;
use crate::{Answer, Engine, Observation, Plan, Result, shrink};
use vaelet_model::Likelihood;

/// Picture and decode differ by this much where a Bernoulli decoder is in doubt: it has no σ.
const DOUBT: f32 = 0.5;

impl Engine {
    /// A whole picture without what an observation says of its noise.
    ///
    /// # Errors
    /// An observation that does not fit the model.
    pub fn clean(
        &mut self,
        observation: &Observation,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f32>> {
        let answers = self.infer(observation, Plan::default(), go_on)?;
        Ok(self.cleaned(observation, &answers[0].picture))
    }

    /// What [`Engine::clean`] makes of a noisy observation and the picture that explains it best.
    pub fn cleaned(&self, observation: &Observation, explained: &[f32]) -> Vec<f32> {
        if observation.specks > 0.0 {
            return self.unspecked(observation, explained);
        }
        if observation.jpeg > 0 {
            let jpeg = Jpeg::of(observation.jpeg, self.input);
            return jpeg.fit(&observation.values, explained);
        }
        let noise = observation.noise;
        let expected = |mean: f32| match observation.cut && noise > 0.0 {
            true => mean_of_cut(mean.into(), noise.into()).0 as f32,
            false => mean,
        };
        let residual: Vec<f32> = observation
            .values
            .iter()
            .zip(explained)
            .map(|(x, m)| x - expected(*m))
            .collect();
        // What the decoder cannot draw, as far as it stands out of the noise: the less it usually
        // leaves, the more has to be seen (Chang et al. 2000).
        let left = match self.likelihood {
            Likelihood::Gaussian { sigma } => sigma,
            _ => {
                let variance = explained.iter().map(|m| DOUBT * m * (1.0 - m)).sum::<f32>();
                (variance / explained.len() as f32).sqrt()
            }
        };
        let found = details(&residual, noise, noise / left.max(1e-6), self.input);
        explained
            .iter()
            .zip(found)
            .map(|(m, d)| (m + d).clamp(0.0, 1.0))
            .collect()
    }

    /// Each value as far as it is no speck, else as it is explained.
    fn unspecked(&self, observation: &Observation, explained: &[f32]) -> Vec<f32> {
        let value = |(x, m): (&f32, &f32)| {
            let (y, mean) = (f64::from(*x), f64::from(*m));
            let (log, is_density) = match self.likelihood {
                Likelihood::Gaussian { sigma } => {
                    let d = (y - mean) / f64::from(sigma);
                    let width = libm::log(std::f64::consts::TAU.sqrt() * f64::from(sigma));
                    (-0.5 * d * d - width, true)
                }
                _ => {
                    let m = mean.clamp(1e-6, 1.0 - 1e-6);
                    (y * libm::log(m) + (1.0 - y) * libm::log(1.0 - m), false)
                }
            };
            let (_, kept) = observation.unless_speck(y, log, is_density);
            (kept * y + (1.0 - kept) * mean) as f32
        };
        let pairs = observation.values.iter().zip(explained);
        pairs.map(value).collect()
    }

    /// `plan.count` completions of a picture `[C, H, W]` of which only the pixels marked in `seen`,
    /// `[H, W]`, count: the most likely one, then others. With `keep` the seen pixels of their
    /// pictures are those that were given, bit by bit.
    ///
    /// # Errors
    /// A picture or mask that does not fit the model, or a count of 0 or above 256.
    pub fn complete(
        &mut self,
        picture: &[f32],
        seen: &[bool],
        keep: bool,
        plan: Plan,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Answer>> {
        let observation = Observation::part(picture, seen);
        let mut answers = self.infer(&observation, plan, go_on)?;
        if keep {
            for answer in &mut answers {
                observation.keep(&mut answer.picture);
            }
        }
        Ok(answers)
    }

    /// Pictures `[C, H, W]` whose means of `scale` × `scale` pixels are those of a small one,
    /// `[C, H / scale, W / scale]`: the most likely one, then others, `plan.count` in all.
    ///
    /// # Errors
    /// A picture that does not fit the model, or a count of 0 or above 256.
    pub fn enlarge(
        &mut self,
        small: &[f32],
        scale: usize,
        plan: Plan,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Answer>> {
        let observation = Observation::small(small, scale);
        let mut answers = self.infer(&observation, plan, go_on)?;
        for answer in &mut answers {
            self.fit(&observation, &mut answer.picture);
        }
        Ok(answers)
    }

    /// Adds to a picture `[C, H, W]` what its means still lack of a smaller one, smoothly
    /// (back-projection, Irani and Peleg 1991).
    pub fn fit(&self, small: &Observation, picture: &mut [f32]) {
        for _ in 0..4 {
            let means = shrink(picture, self.input, small.scale);
            let pairs = small.values.iter().zip(&means);
            let lack: Vec<f32> = pairs.map(|(x, m)| x - m).collect();
            let lack = self.stretch(&lack, small.scale);
            for (value, lack) in picture.iter_mut().zip(lack) {
                *value = (*value + lack).clamp(0.0, 1.0);
            }
        }
    }

    /// `[C, H / scale, W / scale]` at full size, bilinearly.
    pub fn stretch(&self, small: &[f32], scale: usize) -> Vec<f32> {
        let [height, width] = [self.input.height / scale, self.input.width / scale];
        let plane = self.input.height * self.input.width;
        let place = |at: usize, side: usize| {
            let at = ((at as f32 + 0.5) / scale as f32 - 0.5).clamp(0.0, (side - 1) as f32);
            let first = at as usize;
            (first, (first + 1).min(side - 1), at - first as f32)
        };
        let value = |i: usize| {
            let channel = &small[i / plane * height * width..][..height * width];
            let (y0, y1, v) = place(i % plane / self.input.width, height);
            let (x0, x1, u) = place(i % self.input.width, width);
            let row = |y: usize| channel[y * width + x0] * (1.0 - u) + channel[y * width + x1] * u;
            row(y0) * (1.0 - v) + row(y1) * v
        };
        (0..self.input.len()).map(value).collect()
    }
}
