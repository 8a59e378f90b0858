//! What a released model is worth on the test split, and `figures.json`, which keeps it.

use crate::data::Images;
use crate::data::batch;
use crate::measure::alphabet::{self, Alphabet};
use crate::measure::directions::Score;
use crate::measure::frechet::{Features, untrained};
use crate::measure::image_metrics;
use crate::network::efficientnet::{EfficientNet, Maps, SIDE};
use crate::network::{Labelled, to_vec};
use crate::release::folder::{Release, put};
use crate::training::objective::{Elbo, elbo, log_normal, log_posterior, reconstruction};
use anyhow::{Context, Result, ensure};
use burn::tensor::{Tensor, TensorData};
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use vaelet_model::channels_first;
use vaelet_model::{Likelihood, Priors, random};

/// Seed of binarization and of ε, so that a figure is the same each time.
const SEED: u64 = 2024;
/// Images evaluated at once.
const BATCH: usize = 250;
/// Most samples that are compared with the test split.
const SAMPLES: usize = 10_000;
/// Seed and largest number of the samples that EfficientNet-Lite0 looks at.
const SEEN_SEED: u64 = 7;
const SEEN: usize = 2_000;
/// Samples whose nearest training images are looked for.
const NEIGHBOURS: usize = 500;
/// A variable is active where its mean varies this much over the data (Burda et al. 2016).
const ACTIVE: f64 = 0.01;

/// Where the figures of a model are kept.
const FILE: &str = "figures.json";

/// Figures in nats per image, on the test split; binarized dynamically where the
/// likelihood is Bernoulli.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// SHA-256 of the weights that were measured.
    pub weights: String,
    /// −log p(x | z), one sample.
    pub reconstruction: f64,
    /// KL(q(z | x) ‖ p(z)), p(z) the model's own prior, one sample.
    pub kl: f64,
    /// Their sum.
    pub neg_elbo: f64,
    /// Importance-weighted estimate of −log p(x) (Burda et al. 2016), p(z) the model's own
    /// prior.
    pub nll: f64,
    /// The same with N(0, I) as p(z).
    pub nll_normal: f64,
    /// Samples for each image of that estimate.
    pub nll_samples: usize,
    /// Images on which its distance from −ELBO was measured.
    pub nll_images: usize,
    /// Variables that carry information.
    pub active_units: usize,
    /// Peak signal-to-noise ratio of reconstructions from μ, in decibels.
    pub psnr: f64,
    /// Structural similarity of the same.
    pub ssim: f64,
    /// Fréchet distance of samples from the test split in untrained features, see
    /// [`crate::measure::frechet`]: z from the model's own prior.
    pub frechet: f64,
    /// The same with z from N(0, I).
    pub frechet_normal: f64,
    /// The same for training images instead of samples: what no model needs to beat.
    pub frechet_data: f64,
    /// The same three in features of EfficientNet-Lite0, where these have been fetched.
    pub frechet_efficientnet: Option<Seen>,
    /// Gradient energy of samples over that of test images.
    pub sharpness: f64,
    /// Distance of samples from the nearest training images over that of test images;
    /// near 0 where training images are copied.
    pub novelty: f64,
    /// Values in one image.
    pub dimensions: usize,
    /// Whether p(x | z) is a density over `[0, 1]`, and not a probability.
    pub is_density: bool,
    /// Test images.
    pub images: usize,
    /// KL(q(z | x) ‖ N(0, I)) of each variable.
    pub kl_per_dimension: Vec<f32>,
    /// What its directions do.
    pub attributes: Vec<Score>,
    /// What comes of one character of a typeface, of a model of glyphs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alphabet: Option<Alphabet>,
}

/// Fréchet distances from the test split in the pooled features of EfficientNet-Lite0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Of samples, z from the model's own prior.
    pub own: f64,
    /// Of samples, z from N(0, I).
    pub normal: f64,
    /// Of training images.
    pub data: f64,
    /// Images on each side.
    pub images: usize,
    /// Side at which they are looked at.
    pub side: usize,
    /// Whether they have another one and are resized, bilinearly.
    pub resized: bool,
    /// Whether they are grey, which is repeated to RGB.
    pub grey: bool,
    /// Seed of the samples.
    pub seed: u64,
}

impl Evaluation {
    /// The figures that were measured of the model in `folder` before.
    ///
    /// # Errors
    /// None, damaged ones, or those of other weights.
    pub fn read(folder: &Path, release: &Release) -> Result<Self> {
        let path = folder.join(FILE);
        let json = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let kept: Self = serde_json::from_slice(&json)
            .with_context(|| format!("{} is damaged; measure again", path.display()))?;
        ensure!(
            kept.weights == release.model.spec.weights.sha256,
            "{} is of other weights; measure again, without --keep-figures",
            path.display(),
        );
        Ok(kept)
    }

    /// Adds the second Fréchet distance where it is missing and its `network` is there.
    ///
    /// # Errors
    /// A device that fails.
    pub fn with_missing(
        mut self,
        release: &Release,
        train: &Images,
        test: &Images,
        network: Option<&EfficientNet>,
    ) -> Result<Self> {
        if let (None, Some(network)) = (&self.frechet_efficientnet, network) {
            self.frechet_efficientnet = Some(Seen::new(network, release, train, test)?);
        }
        Ok(self)
    }

    /// Keeps the figures of the model in `folder`.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        put(folder, FILE, &serde_json::to_vec_pretty(self)?)
    }

    /// −log₂ p(x) for each value of an image. A density over `[0, 1]` is one over the 256
    /// levels of a pixel, which is 8 bits more.
    fn bits_per_value(&self) -> f64 {
        let levels = if self.is_density { 8.0 } else { 0.0 };
        self.nll / self.dimensions as f64 / std::f64::consts::LN_2 + levels
    }

    /// The figures as a table in Markdown.
    pub fn table(&self) -> String {
        let nll = |prior| format!("−log p(x), {prior}, {} samples", self.nll_samples);
        let (own, normal) = (nll("own prior"), nll("N(0, I)"));
        let rows = [
            ("reconstruction", format!("{:.2}", self.reconstruction)),
            ("KL", format!("{:.2}", self.kl)),
            ("−ELBO", format!("{:.2}", self.neg_elbo)),
            (own.as_str(), format!("{:.2}", self.nll)),
            (normal.as_str(), format!("{:.2}", self.nll_normal)),
            ("bits per value", format!("{:.3}", self.bits_per_value())),
            ("PSNR of reconstructions, dB", format!("{:.2}", self.psnr)),
            ("SSIM of reconstructions", format!("{:.3}", self.ssim)),
            ("sharpness of samples", format!("{:.2}", self.sharpness)),
            ("novelty of samples", format!("{:.2}", self.novelty)),
            (
                "active units",
                format!("{} of {}", self.active_units, self.kl_per_dimension.len()),
            ),
        ];
        let lines = rows.map(|(name, value)| format!("| {name:<36} | {value:>8} |\n"));
        let figures = format!("| {:<36} | {:>8} |\n|---|---|\n{}", "", "", lines.concat());
        figures + &self.alphabet_table() + &self.frechet_table() + &self.attribute_table()
    }

    /// What comes of one character of each typeface; nothing where images are no characters.
    fn alphabet_table(&self) -> String {
        let Some(alphabet) = &self.alphabet else {
            return String::new();
        };
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let row =
            |name: &str, [drawn, other]: [String; 2]| format!("| {name} | {drawn} | {other} |\n");
        let decibels = [alphabet.psnr, alphabet.psnr_of_nearest].map(|psnr| format!("{psnr:.2}"));
        format!(
            "\n| all other characters from one *A*, {} typefaces of families never seen | decoded | compared with |\n\
             |---|---|---|\n{}{}{}",
            alphabet.fonts,
            row(
                "PSNR, dB; of the training typeface with the nearest *A*",
                decibels
            ),
            row(
                "read rightly by a classifier; in the typeface itself",
                [alphabet.legible, alphabet.legible_data].map(percent),
            ),
            row(
                "gradient energy over that of the typeface",
                [format!("{:.2}", alphabet.sharpness), "1".into()],
            ),
        )
    }

    /// Both Fréchet distances, and what they are not.
    fn frechet_table(&self) -> String {
        let row = |name: String, [own, normal, data]: [String; 3], images: usize| {
            format!("| {name} | {own} | {normal} | {data} | {images} |\n")
        };
        let [own, normal, data] = [self.frechet, self.frechet_normal, self.frechet_data];
        let mut rows = row(
            "features of an untrained convolutional network".into(),
            [own, normal, data].map(|distance| format!("{distance:.4}")),
            self.images.min(SAMPLES),
        );
        let mut hint = "";
        if let Some(seen) = &self.frechet_efficientnet {
            let resized = if seen.resized { "resized to " } else { "" };
            let bilinear = if seen.resized { " (bilinear)" } else { "" };
            let grey = if seen.grey { ", grey as RGB" } else { "" };
            let (side, seed) = (seen.side, seen.seed);
            rows += &row(
                format!(
                    "EfficientNet-Lite0 features, {resized}{side}×{side}{bilinear}{grey}, seed {seed}"
                ),
                [seen.own, seen.normal, seen.data].map(|distance| format!("{distance:.1}")),
                seen.images,
            );
        } else {
            rows += "| EfficientNet-Lite0 features | not measured | | | |\n";
            hint = " `vaelet data fetch features` fetches what the second one needs; then measure again.";
        }
        format!(
            "\n| Fréchet distance from the test split | own prior | N(0, I) | training images | images a side |\n\
             |---|---|---|---|---|\n{rows}\n\
             Neither is the FID of papers, which has features of Inception-v3; numbers compare within a row only, \
             and between models where there are as many images a side.{hint}\n"
        )
    }

    /// How well directions change their attributes; nothing where there are none.
    fn attribute_table(&self) -> String {
        if self.attributes.is_empty() {
            return String::new();
        }
        let head = "| attribute | label flips | others stay | classifier is right | images |\n";
        let lines = self.attributes.iter().map(|score| {
            let percent = |share: f64| format!("{:.1} %", 100.0 * share);
            format!(
                "| {} | {} | {} | {} | {} |\n",
                score.name,
                percent(score.success),
                percent(score.kept),
                percent(score.accuracy),
                score.images,
            )
        });
        format!(
            "\n{head}|---|---|---|---|---|\n{}",
            lines.collect::<String>()
        )
    }
}

/// Evaluates on all of `test`; the importance-weighted bound, which costs `samples`
/// decodes an image, on `nll_images` of them, evenly spread.
///
/// −log p(x) is estimated as −ELBO of all images minus the mean distance of the two
/// bounds on the few: that distance varies far less between images than either bound.
///
/// The second Fréchet distance is measured where its `network` is given.
///
/// # Errors
/// A device that fails.
pub fn evaluate(
    release: &Release,
    train: &Images,
    test: &Images,
    attributes: Vec<Score>,
    samples: usize,
    nll_images: usize,
    network: Option<&EfficientNet>,
) -> Result<Evaluation> {
    let latent = release.model.spec.latent_size();
    let likelihood = release.model.spec.likelihood;
    let mut rng = Pcg64Mcg::seed_from_u64(SEED);
    let (mut reconstruction, mut divergence, mut kl) = (0.0, 0.0, vec![0.0; latent]);
    let (mut squares, mut similarity) = (0.0, 0.0);
    let (mut sum, mut sum_of_squares) = (vec![0.0; latent], vec![0.0; latent]);
    for chosen in test.spread(usize::MAX).chunks(BATCH) {
        let x = batch::of(likelihood, test, chosen, &mut rng);
        let x = batch::to_tensor(x, chosen.len(), &release.device);
        let x = release.given(x, &test.classes(chosen));
        let pair = reconstructed(release, test, chosen)?;
        squares += squared_error(&pair);
        similarity +=
            image_metrics::similarity(&pair[0], &pair[1], test.shape)? * chosen.len() as f64;
        let estimate = measure(release, x, SEED ^ chosen[0] as u64);
        reconstruction += f64::from(estimate.reconstruction.sum().into_scalar::<f32>());
        divergence += f64::from(estimate.divergence.sum().into_scalar::<f32>());
        add(&mut kl, &to_vec(estimate.kl.sum_dim(0))?);
        add(&mut sum, &to_vec(estimate.mean.clone().sum_dim(0))?);
        add(
            &mut sum_of_squares,
            &to_vec(estimate.mean.square().sum_dim(0))?,
        );
    }
    let n = test.count() as f64;
    let variance = |i: usize| sum_of_squares[i] / n - (sum[i] / n).powi(2);
    let kl: Vec<f64> = kl.iter().map(|nats| nats / n).collect();
    let (reconstruction, divergence) = (reconstruction / n, divergence / n);
    let normal = reconstruction + kl.iter().sum::<f64>();
    let own = reconstruction + divergence;
    let nll_images = nll_images.clamp(1, test.count());
    let compared = Compared::new(release, train, test)?;
    let gains = gains(release, test, samples, nll_images, &mut rng)?;
    Ok(Evaluation {
        weights: release.model.spec.weights.sha256.clone(),
        reconstruction,
        kl: divergence,
        neg_elbo: own,
        nll: own - gains[0],
        nll_normal: normal - gains[1],
        nll_samples: samples,
        nll_images,
        active_units: (0..latent).filter(|&i| variance(i) > ACTIVE).count(),
        psnr: -10.0 * (squares / (n * test.shape.len() as f64)).log10(),
        ssim: similarity / n,
        frechet: compared.frechet,
        frechet_normal: compared.frechet_normal,
        frechet_data: compared.frechet_data,
        frechet_efficientnet: network
            .map(|network| Seen::new(network, release, train, test))
            .transpose()?,
        sharpness: compared.sharpness,
        novelty: compared.novelty,
        dimensions: test.shape.len(),
        is_density: release.model.spec.likelihood != Likelihood::Bernoulli,
        images: test.count(),
        kl_per_dimension: kl.iter().map(|&nats| nats as f32).collect(),
        attributes,
        alphabet: alphabet::measure(release, train, test)?,
    })
}

/// Means of −ELBO minus the importance-weighted −log p(x), over `count` test images: with
/// the own prior, and with N(0, I).
fn gains(
    release: &Release,
    test: &Images,
    samples: usize,
    count: usize,
    rng: &mut Pcg64Mcg,
) -> Result<[f64; 2]> {
    let bar = ProgressBar::new(count as u64).with_style(ProgressStyle::with_template(
        "−log p(x) {bar:30} {pos}/{len}  {eta} left",
    )?);
    let likelihood = release.model.spec.likelihood;
    let mut totals = [0.0; 2];
    for i in 0..count {
        let image = i * test.count() / count;
        let x = batch::of(likelihood, test, &[image], rng);
        let class = test.labels[image].into();
        let weights = log_weights(release, (x, class), samples, SEED.wrapping_add(i as u64))?;
        for (total, weights) in totals.iter_mut().zip(weights) {
            let mean = weights.iter().sum::<f64>() / samples as f64;
            let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = weights.iter().map(|w| (w - largest).exp()).sum();
            *total += (sum / samples as f64).ln() + largest - mean;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(totals.map(|total| total / count as f64))
}

/// log p(x, z) − log q(z | x) of `samples` draws from q(z | x), for one image: with the own
/// prior, and with N(0, I).
fn log_weights(
    release: &Release,
    (x, class): (Vec<f32>, usize),
    samples: usize,
    seed: u64,
) -> Result<[Vec<f64>; 2]> {
    let latent = release.model.spec.latent_size();
    let epsilon = random::normals(seed, samples * latent);
    let x = batch::to_tensor(x, 1, &release.device);
    let input = release.given(x.clone(), &[class]);
    let (mean, log_var) = release.network.encode(&release.graphs, input);
    let mut weights = [(); 2].map(|()| Vec::with_capacity(samples));
    for epsilon in epsilon.chunks(BATCH * latent) {
        let count = epsilon.len() / latent;
        let shape = [count, latent];
        let epsilon =
            Tensor::<2>::from_data(TensorData::new(epsilon.to_vec(), shape), &release.device);
        let z = mean.clone() + (log_var.clone() * 0.5).exp() * epsilon.clone();
        let latents = release.given(z.clone(), &vec![class; count]);
        let logits = release.network.decode_logits(&release.graphs, latents);
        let x = x.clone().repeat_dim(0, count);
        let nats = reconstruction(release.model.spec.likelihood, logits, x);
        let posterior = log_posterior(log_var.clone(), epsilon);
        let normal = log_normal(z.clone());
        let own = release.network.prior();
        let own = own.map_or_else(|| normal.clone(), |prior| prior.log(z));
        for (weights, prior) in weights.iter_mut().zip([own, normal]) {
            let weight = prior - posterior.clone() - nats.clone();
            weights.extend(to_vec(weight)?.into_iter().map(f64::from));
        }
    }
    Ok(weights)
}

fn measure(release: &Release, x: Labelled, seed: u64) -> Elbo {
    let (batch, latent) = (x.values.dims()[0], release.model.spec.latent_size());
    let epsilon = random::normals(seed, batch * latent);
    let epsilon = Tensor::from_data(TensorData::new(epsilon, [batch, latent]), &release.device);
    let likelihood = release.model.spec.likelihood;
    let (network, graphs) = (&release.network, &release.graphs);
    elbo(network, graphs, likelihood, x.clone(), x, epsilon)
}

/// The chosen images and what comes back from their μ, `[N, C, H, W]` each.
fn reconstructed(release: &Release, test: &Images, chosen: &[usize]) -> Result<[Vec<f32>; 2]> {
    let x = release.labelled(test, chosen);
    let (mean, _) = release.network.encode(&release.graphs, x.clone());
    let mean = release.given(mean, &test.classes(chosen));
    let back = to_vec(release.network.decode(&release.graphs, mean))?;
    let shape = test.shape;
    Ok(
        [to_vec(x.values)?, back]
            .map(|images| channels_first(&images, shape.channels, shape.len())),
    )
}

fn squared_error([images, back]: &[Vec<f32>; 2]) -> f64 {
    let pairs = images.iter().zip(back);
    pairs.map(|(x, y)| f64::from(x - y).powi(2)).sum()
}

/// Samples beside the data.
struct Compared {
    frechet: f64,
    frechet_normal: f64,
    frechet_data: f64,
    sharpness: f64,
    novelty: f64,
}

impl Compared {
    fn new(release: &Release, train: &Images, test: &Images) -> Result<Self> {
        let shape = test.shape;
        let count = test.count().min(SAMPLES);
        let images = |data: &Images| data.floats(&data.spread(count));
        let sample = |priors: &Priors| sample(release, priors, SEED, count);
        let features = |images: &[f32]| Features::of(images, shape, &release.device, untrained);
        let (data, samples) = (images(test), sample(&release.priors)?);
        let expected = features(&data)?;
        let normal = sample(&release.priors.standard())?;
        let some = &samples[..count.min(NEIGHBOURS) * shape.len()];
        let seen = image_metrics::distance_from(train, some);
        let unseen = image_metrics::distance_from(train, &data[..some.len()]);
        Ok(Self {
            frechet: features(&samples)?.distance(&expected)?,
            frechet_normal: features(&normal)?.distance(&expected)?,
            frechet_data: features(&images(train))?.distance(&expected)?,
            sharpness: image_metrics::gradient_energy(&samples, shape)
                / image_metrics::gradient_energy(&data, shape),
            novelty: seen / unseen,
        })
    }
}

impl Seen {
    fn new(
        network: &EfficientNet,
        release: &Release,
        train: &Images,
        test: &Images,
    ) -> Result<Self> {
        let count = test.count().min(train.count()).min(SEEN);
        let features = |images: &[f32]| {
            Features::of(images, test.shape, &release.device, |x| {
                network.pooled(Maps::of(x))
            })
        };
        let images = |data: &Images| features(&data.floats(&data.spread(count)));
        let sample = |priors: &Priors| features(&sample(release, priors, SEEN_SEED, count)?);
        let expected = images(test)?;
        Ok(Self {
            own: sample(&release.priors)?.distance(&expected)?,
            normal: sample(&release.priors.standard())?.distance(&expected)?,
            data: images(train)?.distance(&expected)?,
            images: count,
            side: SIDE,
            resized: [test.shape.height, test.shape.width] != [SIDE; 2],
            grey: test.shape.channels == 1,
            seed: SEEN_SEED,
        })
    }
}

/// Pictures `[count, C, H, W]` of latents from `priors`.
fn sample(release: &Release, priors: &Priors, seed: u64, count: usize) -> Result<Vec<f32>> {
    let z = priors.sample(seed, count, 1.0);
    let latent = release.model.spec.latent_size();
    let classes = release.each_class(count);
    let parts = z.chunks(BATCH * latent).zip(classes.chunks(BATCH));
    let parts = parts.map(|(z, classes)| release.decode(z.to_vec(), classes));
    Ok(parts.collect::<Result<Vec<_>>>()?.concat())
}

fn add(total: &mut [f64], values: &[f32]) {
    for (total, value) in total.iter_mut().zip(values) {
        *total += f64::from(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn both_distances_are_named_and_one_that_was_not_measured_says_so() {
        let mut measured = Evaluation {
            frechet: 0.5,
            images: 12_000,
            dimensions: 28 * 28,
            ..Evaluation::default()
        };
        let assert_has = |measured: &Evaluation, parts: &[&str]| {
            let table = measured.table();
            for part in parts {
                assert!(table.contains(part), "{part:?} is not in\n{table}");
            }
        };
        let untrained = "untrained convolutional network | 0.5000 | 0.0000 | 0.0000 | 10000 |";
        let no_fid = "Neither is the FID of papers";
        let fetch = "`vaelet data fetch features`";
        let missing = "EfficientNet-Lite0 features | not measured |";
        assert_has(&measured, &[untrained, no_fid, missing, fetch]);

        let mut seen = Seen {
            own: 716.04,
            normal: 900.0,
            data: 208.0,
            images: 212,
            side: 64,
            resized: true,
            grey: true,
            seed: 7,
        };
        measured.frechet_efficientnet = Some(seen.clone());
        let resized = "EfficientNet-Lite0 features, resized to 64×64 (bilinear), grey as RGB, \
                       seed 7 | 716.0 | 900.0 | 208.0 | 212 |";
        assert_has(&measured, &[untrained, no_fid, resized]);
        assert!(!measured.table().contains(fetch));
        (seen.resized, seen.grey) = (false, false);
        measured.frechet_efficientnet = Some(seen);
        assert_has(&measured, &["EfficientNet-Lite0 features, 64×64, seed 7 |"]);
        assert!(serde_json::to_string(&measured).unwrap().contains("716.04"));
    }

    #[test]
    fn the_second_distance_is_added_where_it_is_missing() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/faces-map");
        let release = Release::read(&folder, Device::flex()).unwrap();
        let network = EfficientNet::tiny(&release.device);
        let shape = release.model.spec.input;
        let pixels = (0..12 * shape.len()).map(|i| (i * i / 7 % 251) as u8);
        let images = Images::unlabelled(pixels.collect(), shape);
        let add = |measured: Evaluation, network| {
            let added = measured.with_missing(&release, &images, &images, network);
            added.unwrap().frechet_efficientnet
        };
        assert_eq!(add(Evaluation::default(), None), None);
        let seen = add(Evaluation::default(), Some(&network)).unwrap();
        let how = (seen.images, seen.side, seen.seed);
        assert_eq!(how, (12, SIDE, SEEN_SEED));
        assert!(seen.resized && seen.grey);
        // The training images are the test images, and no sample is one of them.
        assert!(seen.own.min(seen.normal) > 1.0, "{seen:?}");
        assert!(seen.data < 1e-6 * seen.own, "{seen:?}");

        let kept = Seen { own: 1.0, ..seen };
        let before = Evaluation {
            frechet_efficientnet: Some(kept.clone()),
            ..Evaluation::default()
        };
        assert_eq!(add(before, Some(&network)), Some(kept));
    }
}
