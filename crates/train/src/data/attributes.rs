//! Attributes of images, read from the columns of a table: smile, glasses.

use anyhow::{Context, Result};
use csv::StringRecord;

/// How far each image of a split has an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its name, for people.
    pub name: String,
    /// One code for each image: 1 with it, −1 without, 0 unknown or in between; ±½ where
    /// that is a guess, good enough for a classifier and not for a direction.
    pub codes: Vec<f32>,
}

/// Which rows of a table have an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Name of the attribute.
    pub name: &'static str,
    /// The column that states it.
    pub certain: Column,
    /// A column to guess it from.
    pub guess: Option<Column>,
    /// A column, and its values where the attribute cannot be seen.
    pub hidden: Option<(&'static str, &'static [&'static str])>,
}

/// A column, and what its values mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Column {
    /// Words: name of the column, those with the attribute, those without.
    Words(
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    ),
    /// A number: name of the column, without the attribute up to the first bound, with it
    /// from the second.
    Number(&'static str, f32, f32),
}

impl Rule {
    /// The code of each row; a column that is not there leaves it unknown.
    ///
    /// # Errors
    /// A cell that is not a number.
    pub fn apply(&self, headers: &StringRecord, rows: &[StringRecord]) -> Result<Attribute> {
        let code = |row: &StringRecord| {
            if let Some((column, values)) = self.hidden
                && values.contains(&value(headers, row, column))
            {
                return Ok(0.0);
            }
            let certain = self.certain.code(headers, row)?;
            match self.guess {
                Some(guess) if certain == 0.0 => Ok(0.5 * guess.code(headers, row)?),
                _ => Ok(certain),
            }
        };
        Ok(Attribute {
            name: self.name.into(),
            codes: rows.iter().map(code).collect::<Result<_>>()?,
        })
    }
}

impl Column {
    fn code(&self, headers: &StringRecord, row: &StringRecord) -> Result<f32> {
        let (without, with) = match *self {
            Self::Words(name, with, without) => {
                let value = value(headers, row, name);
                (without.contains(&value), with.contains(&value))
            }
            Self::Number(name, low, high) => match value(headers, row, name) {
                "" => (false, false),
                text => {
                    let number: f32 = text
                        .parse()
                        .with_context(|| format!("`{text}` in column `{name}` is not a number"))?;
                    (number <= low, number >= high)
                }
            },
        };
        Ok(f32::from(u8::from(with)) - f32::from(u8::from(without)))
    }
}

/// The cell of `row` in a column; empty if there is no such column.
fn value<'a>(headers: &StringRecord, row: &'a StringRecord, name: &str) -> &'a str {
    let column = headers.iter().position(|header| header == name);
    column.and_then(|column| row.get(column)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_certain_comes_before_a_guess() {
        let rule = Rule {
            name: "smile",
            certain: Column::Words("mouth", &["smile"], &["sad"]),
            guess: Some(Column::Number("score", 0.2, 0.8)),
            hidden: Some(("score", &["0.95"])),
        };
        let headers = StringRecord::from(vec!["mouth", "score"]);
        let rows = [
            ["smile", "0.95"],
            ["smile", "0"],
            ["sad", ""],
            ["", "0.9"],
            ["", "0.1"],
            ["", "0.5"],
            ["", ""],
        ];
        let rows = rows.map(|row| StringRecord::from(row.to_vec()));
        let codes = rule.apply(&headers, &rows).unwrap().codes;
        assert_eq!(codes, [0.0, 1.0, -1.0, 0.5, -0.5, 0.0, 0.0]);
        let row = [StringRecord::from(vec!["", "many"])];
        assert!(rule.apply(&headers, &row).is_err());
    }
}
