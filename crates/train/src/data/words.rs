//! Texts from a table: a CSV file whose first column has words, names or other short texts. A column `split` tells
//! which are for evaluation, and the next other column, if there is one, has the class of each.

use super::{Images, Split};
use anyhow::{Context, Result, ensure};
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use vaelet_model::{Condition, ImageShape, Spelling, sha256_hex};

/// Headings of a first column: a first line without one of them is a text already.
const HEADINGS: [&str; 8] = [
    "name", "names", "word", "words", "text", "texts", "title", "titles",
];
/// Most characters of a text, unless a model says otherwise.
const LONGEST: usize = 64;
/// Most different characters, and classes: places of both are kept in bytes.
const MOST: usize = 255;
/// One of so many texts is for evaluation, where no column says which.
const TEST: u64 = 10;
/// Texts left out that are named one by one; more are only counted.
const NAMED: usize = 10;

/// A table as it is.
pub struct Words {
    place: String,
    rows: Vec<Row>,
    /// The heading of the classes, where there are any.
    class: Option<String>,
}

struct Row {
    line: u64,
    text: String,
    class: String,
    split: Split,
}

/// What a model of a table has to know before it can be built.
#[derive(Debug, PartialEq)]
pub struct Survey {
    /// How its texts are spelled.
    pub spelling: Spelling,
    /// Characters of the longest.
    pub longest: usize,
    /// Their classes, where there are at least two.
    pub condition: Option<Condition>,
}

impl Words {
    /// Reads a CSV file, or the only one of a folder.
    ///
    /// # Errors
    /// A file that is missing, is no table in UTF-8, or has no texts; the message says what to do.
    pub fn open(path: &Path) -> Result<Self> {
        let path = file_of(path)?;
        let place = path.display().to_string();
        let bytes = fs::read(&path).with_context(|| format!("cannot read {place}"))?;
        let text = String::from_utf8(bytes).ok().with_context(|| {
            format!("{place} is not text in UTF-8; save it as CSV in UTF-8 and try again")
        })?;
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut records = reader.records().peekable();
        let headings = match records.peek() {
            Some(Ok(first)) if is_heading(first) => records.next().transpose()?,
            _ => None,
        };
        let heading = |i: usize| headings.as_ref().and_then(|headings| headings.get(i));
        let columns = headings.as_ref().map_or(2, StringRecord::len);
        let split = (1..columns).find(|&i| heading(i) == Some("split"));
        let class = (1..columns).find(|&i| Some(i) != split);
        let mut rows = Vec::new();
        for record in records {
            let record = record.with_context(|| format!("{place} is no CSV file"))?;
            let field = |i: Option<usize>| i.and_then(|i| record.get(i)).unwrap_or("").trim();
            let text = field(Some(0)).to_owned();
            rows.push(Row {
                line: record.position().map_or(0, csv::Position::line),
                class: field(class).into(),
                split: match split {
                    Some(_) if field(split) == "test" => Split::Test,
                    Some(_) => Split::Train,
                    None => split_of(&text),
                },
                text,
            });
        }
        ensure!(
            rows.iter().any(|row| !row.text.is_empty()),
            "{place} has no texts in its first column; put one on each line",
        );
        let has_class = rows.iter().any(|row| !row.class.is_empty());
        let name = class.and_then(heading).unwrap_or("class").to_owned();
        Ok(Self {
            place,
            rows,
            class: has_class.then_some(name),
        })
    }

    /// What is in the table: every character, the longest text, the classes.
    ///
    /// # Errors
    /// More characters or classes than a model can have.
    pub fn survey(&self) -> Result<Survey> {
        let texts = || {
            self.rows
                .iter()
                .map(|row| row.text.as_str())
                .filter(|text| !text.is_empty())
        };
        let begins = |text: &&str| text.chars().next().is_some_and(char::is_uppercase);
        // Names begin with a capital, which then need not be learned.
        let capitals = 2 * texts().filter(begins).count() > texts().count();
        let written = |text: &str| {
            if capitals {
                text.to_lowercase()
            } else {
                text.into()
            }
        };
        let fits = |text: &String| text.chars().count() <= LONGEST;
        let fitting: Vec<String> = texts().map(written).filter(fits).collect();
        let letters: BTreeSet<char> = fitting.iter().flat_map(|text| text.chars()).collect();
        let place = &self.place;
        ensure!(
            !letters.is_empty(),
            "every text of {place} is longer than {LONGEST} characters; shorten them",
        );
        ensure!(
            letters.len() < MOST,
            "{place} has {} different characters, and a model can have {}; leave out texts with rare ones",
            letters.len(),
            MOST - 1,
        );
        let symbols = [String::new()]
            .into_iter()
            .chain(letters.into_iter().map(String::from));
        let longest = fitting.iter().map(|text| text.chars().count()).max();
        let is_read = |row: &&Row| !row.text.is_empty() && row.text.chars().count() <= LONGEST;
        let classes: BTreeSet<&str> = (self.rows.iter().filter(is_read))
            .map(|row| row.class.as_str())
            .filter(|class| !class.is_empty())
            .collect();
        ensure!(
            classes.len() <= MOST,
            "{place} has {} classes in its second column, and a model can have {MOST}; remove the column, or join classes",
            classes.len(),
        );
        let condition = self
            .class
            .as_ref()
            .filter(|_| classes.len() > 1)
            .map(|name| Condition {
                name: name.clone(),
                classes: classes.into_iter().map(String::from).collect(),
            });
        Ok(Survey {
            spelling: Spelling {
                symbols: symbols.collect(),
                end: 0,
                capitals,
                notation: None,
            },
            longest: longest.unwrap_or(1),
            condition,
        })
    }

    /// The texts of a split as one-hot pictures of `shape`, and says on standard error how many there are and which were
    /// left out.
    ///
    /// # Errors
    /// None that fit.
    pub fn images(
        &self,
        split: Split,
        shape: ImageShape,
        spelling: &Spelling,
        condition: Option<&Condition>,
    ) -> Result<Images> {
        let (mut pixels, mut labels, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for row in self.rows.iter().filter(|row| row.split == split) {
            let read = one_hot(spelling, shape, &row.text).and_then(|text| {
                let class = condition.map_or(Ok(0), |condition| class_of(condition, &row.class))?;
                Ok((text, class))
            });
            match read {
                Ok((text, class)) => {
                    pixels.extend(text);
                    labels.push(class);
                }
                Err(reason) => left_out.push(format!("line {}: {reason}", row.line)),
            }
        }
        let place = &self.place;
        eprint!("{}", report(place, split, labels.len(), &left_out));
        ensure!(
            !labels.is_empty(),
            "{place} has no texts for {split} that this model can read; add more, since about one in ten is kept for evaluation",
        );
        Ok(Images {
            labels,
            binarize: false,
            ..Images::unlabelled(pixels, shape)
        })
    }
}

/// A text as the one-hot picture `[1, T, V]`, channels innermost, values 0 or 255.
///
/// # Errors
/// A sentence that goes on from the text's place: what is wrong with it.
pub fn one_hot(spelling: &Spelling, shape: ImageShape, text: &str) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    let text = match spelling.capitals {
        true => text.to_lowercase(),
        false => text.to_owned(),
    };
    let symbols = spelling.spell(&text).map_err(|rest| {
        let letter = rest.chars().next().unwrap_or_default();
        format!(
            "`{text}` has `{letter}`, which is none of the model's {} symbols",
            spelling.symbols.len() - 1
        )
    })?;
    if symbols.len() > shape.width {
        return Err(format!(
            "`{text}` has {} symbols, and the longest that fits has {}",
            symbols.len(),
            shape.width
        ));
    }
    let mut picture = vec![0; shape.len()];
    let ends = std::iter::repeat(spelling.end);
    let columns = symbols.into_iter().chain(ends).take(shape.width);
    for (symbol, column) in columns.zip(picture.chunks_exact_mut(shape.channels)) {
        column[symbol] = 255;
    }
    Ok(picture)
}

fn class_of(condition: &Condition, class: &str) -> Result<u8, String> {
    let found = condition.classes.iter().position(|name| name == class);
    let known = found.and_then(|class| u8::try_from(class).ok());
    known.ok_or_else(|| match class {
        "" => format!("it has no {}", condition.name),
        _ => format!("`{class}` is no {} of the model", condition.name),
    })
}

/// The file itself, or the only CSV file of a folder.
fn file_of(path: &Path) -> Result<PathBuf> {
    ensure!(
        path.exists(),
        "{} does not exist; give a CSV file with a text on each line",
        path.display()
    );
    if path.is_file() {
        return Ok(path.into());
    }
    let files = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let files = files
        .map(|file| Ok(file?.path()))
        .collect::<Result<Vec<_>>>()?;
    let mut tables = files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|ending| ending == "csv"));
    match (tables.next(), tables.next()) {
        (Some(table), None) => Ok(table),
        (None, _) => anyhow::bail!("{} contains no CSV file", path.display()),
        _ => anyhow::bail!("{} contains several CSV files; name one", path.display()),
    }
}

fn is_heading(first: &StringRecord) -> bool {
    let word = first.get(0).unwrap_or("").trim().to_lowercase();
    HEADINGS.contains(&word.as_str())
}

/// By a hash of the text, so that a text is in one split however often it stands in the table.
fn split_of(text: &str) -> Split {
    let hash = sha256_hex(text.as_bytes());
    let number = u64::from_str_radix(&hash[..8], 16).unwrap_or(1);
    match number.is_multiple_of(TEST) {
        true => Split::Test,
        false => Split::Train,
    }
}

fn report(place: &str, split: Split, count: usize, left_out: &[String]) -> String {
    let mut text = format!("{place}: {count} texts for {split}");
    if !left_out.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {} left out:", left_out.len());
    }
    text.push('\n');
    for reason in left_out.iter().take(NAMED) {
        let _ = writeln!(text, "    {reason}");
    }
    if left_out.len() > NAMED {
        let _ = writeln!(text, "    and {} more", left_out.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(contents: &str) -> Result<Words> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("words.csv");
        fs::write(&path, contents)?;
        Words::open(&path)
    }

    fn error(contents: &str) -> String {
        let words = table(contents).and_then(|words| words.survey());
        words.unwrap_err().to_string()
    }

    #[test]
    fn a_column_of_words_is_a_table() {
        let survey = table("kiwi\nfig\n\nplum\n").unwrap().survey().unwrap();
        let symbols = ["", "f", "g", "i", "k", "l", "m", "p", "u", "w"];
        assert_eq!(survey.spelling.symbols, symbols);
        assert_eq!((survey.longest, survey.condition), (4, None));
        assert!(!survey.spelling.capitals);
    }

    #[test]
    fn headings_classes_and_splits_are_found_and_capitals_are_not_learned() {
        let words =
            table("\u{feff}name,split,country\nBern,train,CH\nOslo,test,NO\nBergen,train,NO\n");
        let words = words.unwrap();
        let Survey {
            spelling,
            longest,
            condition,
        } = words.survey().unwrap();
        assert!(spelling.capitals && !spelling.symbols.contains(&"B".into()));
        let condition = condition.unwrap();
        assert_eq!(
            (condition.name.as_str(), &*condition.classes),
            ("country", &["CH".to_owned(), "NO".into()][..])
        );
        let shape = ImageShape {
            channels: spelling.symbols.len(),
            height: 1,
            width: longest,
        };
        let images = |split| {
            words
                .images(split, shape, &spelling, Some(&condition))
                .unwrap()
        };
        assert_eq!(images(Split::Train).labels, [0, 1]);
        assert_eq!(images(Split::Test).labels, [1]);
        let test = images(Split::Test);
        let picture = test.image(0);
        let columns = picture
            .chunks(shape.channels)
            .map(|column| column.iter().position(|&v| v == 255).unwrap());
        assert_eq!(spelling.text(columns), "oslo");
        // As every image, the networks' input has a channel for each symbol.
        let planes = test.floats(&[0]);
        let place = spelling
            .symbols
            .iter()
            .position(|symbol| symbol == "o")
            .unwrap();
        assert_eq!(
            planes[place * longest..][..longest],
            [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
        );
    }

    #[test]
    fn what_cannot_be_read_gets_a_sentence() {
        assert!(error("").contains("has no texts"));
        assert!(error("word\n").contains("has no texts"));
        assert!(error(&"long".repeat(20)).contains("longer than 64"));
        let letters: String = (0x4e00..0x4f00)
            .filter_map(char::from_u32)
            .map(|letter| format!("{letter}\n"))
            .collect();
        assert!(error(&letters).contains("256 different characters"));
        assert!(
            Words::open(Path::new("nowhere.csv"))
                .err()
                .unwrap()
                .to_string()
                .contains("does not exist")
        );
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("words.csv"), [0xff, 0xfe, 0x41]).unwrap();
        assert!(
            Words::open(folder.path())
                .err()
                .unwrap()
                .to_string()
                .contains("UTF-8")
        );

        let survey = table("ab\nba\n").unwrap().survey().unwrap();
        let shape = ImageShape {
            channels: 3,
            height: 1,
            width: 2,
        };
        let reason = |text| one_hot(&survey.spelling, shape, text).unwrap_err();
        assert!(reason("").contains("empty"));
        assert!(reason("ax").contains("`x`"));
        assert!(reason("abab").contains("4 symbols"));
    }

    #[test]
    fn a_text_stays_in_its_split_however_often_it_comes() {
        let words = table(&"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n".repeat(3)).unwrap();
        let survey = words.survey().unwrap();
        let shape = ImageShape {
            channels: survey.spelling.symbols.len(),
            height: 1,
            width: 1,
        };
        let all: usize = [Split::Train, Split::Test]
            .map(|split| {
                words
                    .images(split, shape, &survey.spelling, None)
                    .map_or(0, |images| {
                        assert!(images.count().is_multiple_of(3));
                        images.count()
                    })
            })
            .iter()
            .sum();
        assert_eq!(all, 33);
    }
}
