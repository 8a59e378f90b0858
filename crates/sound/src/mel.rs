//! The mel bands of a spectrum, and a spectrum that has given bands.

use vaelet_model::LogMel;

/// Values of a spectrum, from 0 to half the rate.
pub(crate) const BINS: usize = LogMel::TRANSFORM / 2 + 1;
/// Steps of [`Bands::spectrum`]; more change the sound by less than one hears.
const STEPS: usize = 40;

/// Triangular bands, the lowest first. The weights of each sum to 1, so that it is a mean.
pub(crate) struct Bands {
    /// For each band its first bin, and the weights from there on.
    rows: Vec<(usize, Vec<f32>)>,
}

impl Bands {
    pub fn new(scale: &LogMel, bands: usize) -> Self {
        let [low, high] = [scale.lowest, scale.highest].map(mel);
        let step = (high - low) / (bands + 1) as f32;
        let hertz = |i: usize| from_mel(low + step * i as f32);
        let bin = scale.rate as f32 / LogMel::TRANSFORM as f32;
        let rows = (0..bands).map(|band| {
            let [from, top, to] = [band, band + 1, band + 2].map(hertz);
            let weight = |k: usize| {
                let f = k as f32 * bin;
                ((f - from) / (top - from)).min((to - f) / (to - top))
            };
            let inside = |&k: &usize| weight(k) > 0.0;
            let first = (0..BINS).find(inside);
            let mut weights: Vec<f32> = (first.unwrap_or(0)..BINS).map(weight).collect();
            weights.truncate(weights.iter().take_while(|w| **w > 0.0).count());
            let total: f32 = weights.iter().sum();
            match first {
                Some(first) => (first, weights.into_iter().map(|w| w / total).collect()),
                // Narrower than a bin: the nearest one stands for it.
                None => (((top / bin + 0.5) as usize).min(BINS - 1), vec![1.0]),
            }
        });
        Self {
            rows: rows.collect(),
        }
    }

    /// The mean of `spectrum` in each band.
    pub fn of(&self, spectrum: &[f32]) -> Vec<f32> {
        let mean = |(first, weights): &(usize, Vec<f32>)| {
            let part = spectrum[*first..].iter().zip(weights);
            part.map(|(value, weight)| value * weight).sum()
        };
        self.rows.iter().map(mean).collect()
    }

    /// `out += Bᵀ bands`.
    fn spread(&self, bands: &[f32], out: &mut [f32]) {
        for ((first, weights), band) in self.rows.iter().zip(bands) {
            for (out, weight) in out[*first..].iter_mut().zip(weights) {
                *out += weight * band;
            }
        }
    }

    /// A spectrum, nowhere below 0, whose bands are these as nearly as can be (least squares): the
    /// multiplicative updates of Lee and Seung 2001, equation 4, from a flat spectrum within each band.
    pub fn spectrum(&self, bands: &[f32]) -> Vec<f32> {
        const SMALL: f32 = 1e-12;
        let mut spectrum = vec![0.0; BINS];
        let mut wanted = vec![0.0; BINS];
        self.spread(bands, &mut wanted);
        let mut covered = vec![0.0; BINS];
        self.spread(&vec![1.0; bands.len()], &mut covered);
        for ((spectrum, wanted), covered) in spectrum.iter_mut().zip(&wanted).zip(&covered) {
            *spectrum = wanted / (covered + SMALL);
        }
        for _ in 0..STEPS {
            let mut found = vec![0.0; BINS];
            self.spread(&self.of(&spectrum), &mut found);
            for ((spectrum, wanted), found) in spectrum.iter_mut().zip(&wanted).zip(&found) {
                *spectrum *= wanted / (found + SMALL);
            }
        }
        spectrum
    }
}

fn mel(hertz: f32) -> f32 {
    2595.0 * libm::log10f(1.0 + hertz / 700.0)
}

fn from_mel(mel: f32) -> f32 {
    700.0 * (libm::exp10f(mel / 2595.0) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SCALE;
    use proptest::prelude::*;

    #[test]
    fn a_flat_spectrum_has_flat_bands() {
        for bands in [2, 40, 64, 200] {
            let means = Bands::new(&SCALE, bands).of(&[3.0; BINS]);
            assert!(
                means.iter().all(|mean| (mean - 3.0).abs() < 1e-4),
                "{bands}: {means:?}"
            );
        }
    }

    proptest! {
        /// Bands that some spectrum has are those of the spectrum that is found.
        #[test]
        fn a_spectrum_has_its_bands(spectrum in prop::collection::vec(0.0_f32..1.0, BINS)) {
            let bands = Bands::new(&SCALE, 64);
            let wanted = bands.of(&spectrum);
            let found = bands.spectrum(&wanted);
            prop_assert!(found.iter().all(|value| *value >= 0.0));
            let apart = bands.of(&found).iter().zip(&wanted).map(|(a, b)| (a - b).abs()).sum::<f32>();
            prop_assert!(apart < 0.01 * wanted.iter().sum::<f32>(), "{apart}");
        }
    }
}
