//! The figures of a model as tables in Markdown.

use super::figures::Evaluation;
use super::samples::SAMPLES;
use crate::measure::spelled::Spelled;

impl Evaluation {
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
        if let Some(spelled) = &self.spelled {
            return self.spelled_table([own, normal], spelled);
        }
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
        let factors = self
            .disentanglement
            .as_ref()
            .map_or_else(String::new, |d| d.table());
        let others = self.frechet_table() + &self.attribute_table();
        figures + &self.alphabet_table() + &self.spoken_table() + &factors + &others
    }

    /// The figures of a model of texts.
    fn spelled_table(&self, [own, normal]: [String; 2], spelled: &Spelled) -> String {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let each = self.nll / spelled.symbols;
        let mut rows = vec![
            (
                "reconstruction".into(),
                format!("{:.2}", self.reconstruction),
            ),
            ("KL".into(), format!("{:.2}", self.kl)),
            ("−ELBO".into(), format!("{:.2}", self.neg_elbo)),
            (own, format!("{:.2}", self.nll)),
            (normal, format!("{:.2}", self.nll_normal)),
            (
                "the first for each symbol, ends included".into(),
                format!("{each:.3}"),
            ),
            (
                "active units".into(),
                format!("{} of {}", self.active_units, self.kl_per_dimension.len()),
            ),
            (
                "texts that come back as they were".into(),
                percent(spelled.exact),
            ),
            ("symbols that do".into(), percent(spelled.right)),
            (
                format!("{} samples that differ from each other", spelled.samples),
                percent(spelled.unique),
            ),
            ("of these, no training text".into(), percent(spelled.novel)),
        ];
        let read = spelled.right_data.zip(spelled.right_samples);
        if let Some((data, samples)) = read {
            let of = |what: &str| {
                format!(
                    "class of {what} read by a classifier of real ones, {} classes",
                    spelled.classes
                )
            };
            rows.push((of("test texts"), percent(data)));
            rows.push((of("samples"), percent(samples)));
        }
        let lines = rows
            .iter()
            .map(|(name, value)| format!("| {name} | {value} |\n"));
        format!("| | |\n|---|---|\n{}", lines.collect::<String>())
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
                "read correctly by a classifier; glyphs of the typeface itself",
                [alphabet.legible, alphabet.legible_data].map(percent),
            ),
            row(
                "gradient energy over that of the typeface",
                [format!("{:.2}", alphabet.sharpness), "1".into()],
            ),
        )
    }

    /// Whether what is heard is understood; nothing where pictures are no sounds.
    fn spoken_table(&self) -> String {
        let Some(spoken) = &self.spoken else {
            return String::new();
        };
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let rows = [
            ("right about test pictures", percent(spoken.right_data)),
            (
                "right about what they sound like",
                percent(spoken.right_sound),
            ),
            (
                "right about what their reconstructions sound like",
                percent(spoken.right_reconstruction),
            ),
            ("sure (90 %) of test pictures", percent(spoken.sure_data)),
            (
                "sure of what samples sound like, own prior",
                percent(spoken.sure_samples),
            ),
            (
                "sure of what samples sound like, N(0, I)",
                percent(spoken.sure_normal),
            ),
            (
                "distance of a test picture from its reconstruction as heard, dB",
                format!("{:.2}", spoken.distance),
            ),
        ];
        let lines = rows.map(|(name, value)| format!("| {name} | {value} |\n"));
        format!(
            "\n| a classifier that has learned from pictures of real sounds, {} samples | |\n|---|---|\n{}",
            spoken.samples,
            lines.concat()
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
