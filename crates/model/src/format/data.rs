//! What the values of an image stand for, which says how an item is shown and whether it can be heard.

use super::description::{FILE, ImageShape};
use super::json::{Field, Object, Value};
use crate::{Error, Result};

/// The kind of a model's data.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Data {
    /// Pictures; so is every file that does not say.
    #[default]
    Image,
    /// Sounds, as pictures of their spectra.
    Sound(LogMel),
    /// Texts, as pictures of one row: a column for each symbol of a text, a channel for each symbol there is.
    #[cfg(feature = "texts")]
    Sequence(Spelling),
}

/// How a text is spelled: each column of `[V, 1, T]` is the one-hot vector of a symbol, of V; those after the
/// text's last symbol are [`Spelling::end`].
#[derive(Debug, Clone, PartialEq)]
pub struct Spelling {
    /// The symbols, V of them: letters, or longer tokens such as "[C]".
    pub symbols: Vec<String>,
    /// Which of them ends a text and fills what is left of the columns; it is no part of the text.
    pub end: usize,
    /// Whether symbols stand for letters of either case: texts are read in lower case, and words are shown with
    /// a capital.
    pub capitals: bool,
    /// What the symbols are a notation of, where that is not language.
    pub notation: Option<Notation>,
}

/// What texts stand for that nobody reads as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// Molecules: SELFIES tokens (Krenn et al. 2020), every list of which is one.
    Selfies,
}

impl Spelling {
    /// Most characters of a symbol.
    #[cfg(feature = "texts")]
    const LONGEST: usize = 32;

    /// The symbols of a text, without an end: of those that fit at a place the longest. Symbols are few, so
    /// that looking at each of them is fast enough.
    ///
    /// # Errors
    /// The rest of the text from where no symbol fits.
    pub fn spell<'a>(&self, text: &'a str) -> std::result::Result<Vec<usize>, &'a str> {
        let mut rest = text;
        let mut spelled = Vec::new();
        while !rest.is_empty() {
            let symbols = self.symbols.iter().enumerate();
            let fitting =
                symbols.filter(|&(i, symbol)| i != self.end && rest.starts_with(symbol.as_str()));
            let (symbol, text) = fitting.max_by_key(|(_, symbol)| symbol.len()).ok_or(rest)?;
            spelled.push(symbol);
            rest = &rest[text.len()..];
        }
        Ok(spelled)
    }

    /// The text of symbols up to the first that ends it.
    pub fn text(&self, symbols: impl IntoIterator<Item = usize>) -> String {
        let symbols = symbols.into_iter().take_while(|&symbol| symbol != self.end);
        symbols
            .filter_map(|symbol| self.symbols.get(symbol))
            .map(String::as_str)
            .collect()
    }

    #[cfg(feature = "texts")]
    fn read(object: &mut Object<'_>) -> Result<Self> {
        Ok(Self {
            symbols: object
                .take("symbols")?
                .list(|symbol| Ok(symbol.text()?.into()))?,
            end: object.take("end")?.count()?,
            capitals: match object.find("capitals") {
                Some(capitals) => capitals.boolean()?,
                None => false,
            },
            notation: match object.find("notation") {
                Some(notation) if notation.text()? == "selfies" => Some(Notation::Selfies),
                Some(notation) => return Err(notation.wrong("selfies")),
                None => None,
            },
        })
    }

    #[cfg(feature = "texts")]
    fn check(&self, shape: ImageShape) -> Result<()> {
        let wrong = |field, expected: &str, found: String| -> Result<()> {
            Err(Error::field(FILE, field, expected, found))
        };
        if shape.height != 1 {
            return wrong("input.height", "1 for sequences", shape.height.to_string());
        }
        if shape.channels != self.symbols.len() {
            let expected = format!("{} of input.channels", shape.channels);
            return wrong("data.symbols", &expected, self.symbols.len().to_string());
        }
        if self.end >= self.symbols.len() {
            return wrong("data.end", "the place of a symbol", self.end.to_string());
        }
        for (i, symbol) in self.symbols.iter().enumerate() {
            let length = symbol.chars().count();
            if i != self.end && !(1..=Self::LONGEST).contains(&length) {
                let (field, expected) = (
                    format!("data.symbols[{i}]"),
                    format!("1 to {} characters", Self::LONGEST),
                );
                return Err(Error::field(FILE, field, expected, length));
            }
            if self.symbols[..i].contains(symbol) {
                let field = format!("data.symbols[{i}]");
                return Err(Error::field(
                    FILE,
                    field,
                    "another symbol than those before",
                    symbol,
                ));
            }
        }
        Ok(())
    }
}

/// A log-mel spectrogram as a grey image: a column for each frame of `window` samples, a row for each
/// of its mel bands (Stevens et al. 1937, in HTK's form 2595 log₁₀(1 + f / 700)), the highest first. A
/// value of 1 is the loudest band of the sound, 0 is `range` decibels below it, or less. A band is the
/// mean of the spectrum's magnitudes under a triangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogMel {
    /// Samples of the sound in a second.
    pub rate: usize,
    /// Samples in a frame; they are weighed by a periodic Hann window and followed by zeros up to
    /// [`LogMel::TRANSFORM`].
    pub window: usize,
    /// Samples from the start of one frame to that of the next.
    pub hop: usize,
    /// Lower end of the lowest band, in hertz.
    pub lowest: f32,
    /// Upper end of the highest band, in hertz.
    pub highest: f32,
    /// Decibels from 0 to 1.
    pub range: f32,
}

impl LogMel {
    /// Length of the Fourier transform of a frame.
    pub const TRANSFORM: usize = 512;
    /// Most samples in a second of sound.
    const MAX_RATE: usize = 48_000;
    /// Longest sound, in seconds.
    const MAX_SECONDS: usize = 30;

    /// Samples of a sound of `frames` frames.
    pub fn samples(&self, frames: usize) -> usize {
        self.window + frames.saturating_sub(1) * self.hop
    }

    fn read(object: &mut Object<'_>) -> Result<Self> {
        let mut count = |name| object.take(name)?.count();
        let (rate, window, hop) = (count("rate")?, count("window")?, count("hop")?);
        let mut number = |name| object.take(name)?.number();
        Ok(Self {
            rate,
            window,
            hop,
            lowest: number("lowest")?,
            highest: number("highest")?,
            range: number("range")?,
        })
    }

    fn check(&self, shape: ImageShape) -> Result<()> {
        let wrong = |field, expected: String, found: f32| -> Result<()> {
            Err(Error::field(FILE, field, expected, found))
        };
        let range = |field, value: usize, low: usize, high: usize| match value {
            value if (low..=high).contains(&value) => Ok(()),
            _ => wrong(field, format!("{low} to {high}"), value as f32),
        };
        range("input.channels", shape.channels, 1, 1)?;
        range("data.rate", self.rate, 1000, Self::MAX_RATE)?;
        range("data.window", self.window, 16, Self::TRANSFORM)?;
        // Frames overlap by half at least, so that every sample is heard in some frame.
        range("data.hop", self.hop, 1, self.window / 2)?;
        let bins = Self::TRANSFORM / 2;
        range("input.height", shape.height, 2, bins)?;
        let most = (Self::MAX_SECONDS * self.rate - self.window) / self.hop;
        range("input.width", shape.width, 1, most)?;
        let nyquist = self.rate as f32 / 2.0;
        if !(0.0..nyquist).contains(&self.lowest) {
            return wrong("data.lowest", format!("0 to {nyquist} hertz"), self.lowest);
        }
        if !(self.highest > self.lowest && self.highest <= nyquist) {
            let expected = format!("more than data.lowest, at most {nyquist} hertz");
            return wrong("data.highest", expected, self.highest);
        }
        if !(1.0..=200.0).contains(&self.range) {
            return wrong("data.range", "1 to 200 decibels".into(), self.range);
        }
        Ok(())
    }
}

impl Data {
    /// Whether it is read with the rest of a file: not in a page's programs, which pay for it by the byte
    /// and leave it to the one that makes use of it.
    pub(super) const IS_READ: bool = cfg!(all(feature = "write", not(target_family = "wasm")));

    /// Reads the field `data` of `model.json`, as JSON text, for images of this shape.
    ///
    /// # Errors
    /// [`Error::Syntax`] where it is not JSON, [`Error::Field`] where a field cannot be used.
    pub fn parse(json: &str, shape: ImageShape) -> Result<Self> {
        let value = Value::parse(FILE, json)?;
        let data = Self::read(&Field::root(FILE, &value))?;
        data.check(shape)?;
        Ok(data)
    }

    pub(super) fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let kind = object.take("kind")?;
        let data = match kind.text()? {
            "image" => Self::Image,
            "sound" => Self::Sound(LogMel::read(&mut object)?),
            #[cfg(feature = "texts")]
            "sequence" => Self::Sequence(Spelling::read(&mut object)?),
            _ => return Err(kind.wrong("image, sound or sequence")),
        };
        object.finish()?;
        Ok(data)
    }

    pub(super) fn check(&self, shape: ImageShape) -> Result<()> {
        match self {
            Self::Image => Ok(()),
            Self::Sound(scale) => scale.check(shape),
            #[cfg(feature = "texts")]
            Self::Sequence(spelling) => spelling.check(shape),
        }
    }
}
