//! Molecules: `train.csv.gz` and `test.csv.gz`, with a column of SELFIES, and one of a number for each measure.

use super::words::one_hot;
use super::{Images, Measure, Split};
use anyhow::{Context, Result};
use csv::{Reader, StringRecord};
use flate2::read::GzDecoder;
use std::fs::File;
use std::path::Path;
use vaelet_model::{ImageShape, Spelling};

/// The column of the texts.
const TEXTS: &str = "selfies";
/// Columns of numbers, and what more of them is called on a slider.
const MEASURES: [(&str, &str); 1] = [("logp", "oily")];

/// Reads a split; molecules that are longer than `shape` are left out, and standard error says how many.
///
/// # Errors
/// A file that is missing or damaged, a token that is none of the model's, or a number that is none.
pub fn read(folder: &Path, split: Split, shape: ImageShape, spelling: &Spelling) -> Result<Images> {
    let name = match split {
        Split::Train => "train.csv.gz",
        Split::Test => "test.csv.gz",
    };
    let path = folder.join(name);
    let place = path.display().to_string();
    let file = File::open(&path).with_context(|| {
        format!("cannot read {place}; give the folder that has train.csv.gz and test.csv.gz")
    })?;
    let mut reader = Reader::from_reader(GzDecoder::new(file));
    let headers = reader
        .headers()
        .with_context(|| format!("{place} is no table"))?;
    let column = |name: &str| {
        let place_of = headers.iter().position(|header| header == name);
        place_of.with_context(|| format!("{place} has no column `{name}`"))
    };
    let texts = column(TEXTS)?;
    let columns = MEASURES.map(|(name, _)| column(name));
    let mut measures = Vec::new();
    for (column, (_, name)) in columns.into_iter().zip(MEASURES) {
        let measure = Measure {
            name: name.into(),
            values: Vec::new(),
        };
        measures.push((column?, measure));
    }
    let (mut pixels, mut long) = (Vec::new(), 0);
    let mut row = StringRecord::new();
    while reader
        .read_record(&mut row)
        .with_context(|| format!("{place} is damaged"))?
    {
        let text = &row[texts];
        if text.matches('[').count() > shape.width {
            long += 1;
            continue;
        }
        let line = row.position().map_or(0, csv::Position::line);
        let wrong = |reason| anyhow::anyhow!("{place}, line {line}: {reason}");
        pixels.extend(one_hot(spelling, shape, text).map_err(wrong)?);
        for (column, measure) in &mut measures {
            let cell = &row[*column];
            let number = cell.parse::<f32>().ok().filter(|number| number.is_finite());
            measure.values.push(
                number
                    .with_context(|| format!("{place}, line {line}: `{cell}` is not a number"))?,
            );
        }
    }
    if long > 0 {
        let most = shape.width;
        eprintln!("{place}: left out for more than {most} tokens: {long}");
    }
    Ok(Images {
        binarize: false,
        measures: measures.into_iter().map(|(_, measure)| measure).collect(),
        ..Images::unlabelled(pixels, shape)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::spelled::text_of;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    use vaelet_model::Notation;

    fn read_table(table: &str) -> Result<Images> {
        let folder = tempfile::tempdir()?;
        let file = File::create(folder.path().join("test.csv.gz"))?;
        let mut file = GzEncoder::new(file, Compression::fast());
        file.write_all(table.as_bytes())?;
        file.finish()?;
        read(folder.path(), Split::Test, SHAPE, &spelling())
    }

    const SHAPE: ImageShape = ImageShape {
        channels: 3,
        height: 1,
        width: 3,
    };

    fn spelling() -> Spelling {
        Spelling {
            symbols: ["", "[C]", "[O]"].map(Into::into).into(),
            end: 0,
            capitals: false,
            notation: Some(Notation::Selfies),
        }
    }

    #[test]
    fn molecules_come_with_their_measures() {
        let table =
            "smiles,selfies,logp\nCO,[C][O],-0.39\nCCCC,[C][C][C][C],1.8\nOCO,[O][C][O],-0.9\n";
        let images = read_table(table).unwrap();
        let texts = [0, 1].map(|i| text_of(&spelling(), &images, i));
        assert_eq!(texts, ["[C][O]", "[O][C][O]"]);
        assert_eq!(images.measures[0].name, "oily");
        assert_eq!(images.measures[0].values, [-0.39, -0.9]);
    }

    #[test]
    fn what_cannot_be_read_gets_a_sentence() {
        let error = |table: &str| format!("{:#}", read_table(table).unwrap_err());
        assert!(error("smiles,logp\nC,1\n").contains("has no column `selfies`"));
        assert!(error("selfies,logp\n[C],high\n").contains("line 2: `high` is not a number"));
        assert!(error("selfies,logp\n[C][N],1\n").contains("line 2: "));
        let missing = read(Path::new("nowhere"), Split::Train, SHAPE, &spelling());
        assert!(missing.unwrap_err().to_string().contains("train.csv.gz"));
    }
}
