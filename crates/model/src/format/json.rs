//! JSON as `model.json` and the header of a safetensors file use it: a parser into a tree,
//! and [`Object`], which reads a struct from it and says where it is wrong. Written by hand because
//! derived readers were a third of what the browser downloads.

use super::limits::MAX_TEXT;
use crate::{Error, Result};

/// Deepest nesting; models need eight or so.
const MAX_DEPTH: usize = 64;
/// Whole numbers up to here are exact in f64.
const MAX_WHOLE: f64 = (1u64 << 53) as f64;

/// Any JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Parses a whole file, whose name errors use.
    pub fn parse(file: &str, json: &str) -> Result<Self> {
        let mut parser = Parser { json, at: 0 };
        let value = match json.len() <= MAX_TEXT {
            true => parser.value(0),
            false => Err("longer than 4 MiB"),
        };
        let value = value.and_then(|value| {
            parser.skip_space();
            match parser.peek() {
                None => Ok(value),
                Some(_) => Err("more after the end"),
            }
        });
        value.map_err(|reason| Error::Syntax {
            file: file.into(),
            reason: format!("{reason} at byte {}", parser.at),
        })
    }

    /// What it is, for errors.
    fn kind(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) if is_whole(*value) => format!("{}", *value as u64),
            Self::Number(_) => "a number".into(),
            Self::Text(text) => format!("\"{text}\""),
            Self::List(_) => "a list".into(),
            Self::Object(_) => "an object".into(),
        }
    }
}

/// Appends a text as JSON has it.
#[cfg(feature = "write")]
pub fn quote(text: &str, json: &mut String) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\0'..' ' => *json += &format!("\\u{:04x}", c as u32),
            _ => json.push(c),
        }
    }
    json.push('"');
}

fn is_whole(value: f64) -> bool {
    (0.0..=MAX_WHOLE).contains(&value) && value as u64 as f64 == value
}

/// A value and the path to it.
#[derive(Debug)]
pub struct Field<'a> {
    file: &'a str,
    path: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    /// The outermost value of a file.
    pub fn root(file: &'a str, value: &'a Value) -> Self {
        let path = String::new();
        Self { file, path, value }
    }

    /// An error about this value.
    pub fn wrong(&self, expected: &str) -> Error {
        Error::field(self.file, self.path.as_str(), expected, self.value.kind())
    }

    pub fn text(&self) -> Result<&'a str> {
        match self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong("a text")),
        }
    }

    /// A whole number from 0 on.
    pub fn count(&self) -> Result<usize> {
        match *self.value {
            Value::Number(value) if is_whole(value) => {
                usize::try_from(value as u64).map_err(|_| self.wrong("a smaller number"))
            }
            _ => Err(self.wrong("a whole number")),
        }
    }

    pub fn number(&self) -> Result<f32> {
        match *self.value {
            Value::Number(value) if (value as f32).is_finite() => Ok(value as f32),
            _ => Err(self.wrong("a number that fits f32")),
        }
    }

    #[cfg(feature = "texts")]
    pub fn boolean(&self) -> Result<bool> {
        match *self.value {
            Value::Bool(value) => Ok(value),
            _ => Err(self.wrong("true or false")),
        }
    }

    pub fn object(&self) -> Result<Object<'a>> {
        match self.value {
            Value::Object(entries) => Ok(Object {
                file: self.file,
                path: self.path.clone(),
                entries,
                read: Vec::new(),
            }),
            _ => Err(self.wrong("an object")),
        }
    }

    /// Reads every element of a list.
    pub fn list<T>(&self, read: impl Fn(&Field<'a>) -> Result<T>) -> Result<Vec<T>> {
        let Value::List(elements) = self.value else {
            return Err(self.wrong("a list"));
        };
        let element = |(i, value)| {
            read(&Field {
                file: self.file,
                path: format!("{}[{i}]", self.path),
                value,
            })
        };
        elements.iter().enumerate().map(element).collect()
    }
}

/// An object whose fields are taken one by one; [`Object::finish`] says what is left.
#[derive(Debug)]
pub struct Object<'a> {
    file: &'a str,
    path: String,
    entries: &'a [(String, Value)],
    read: Vec<&'static str>,
}

impl<'a> Object<'a> {
    /// A field that has to be there.
    pub fn take(&mut self, name: &'static str) -> Result<Field<'a>> {
        let path = self.path_of(name);
        let missing = || Error::field(self.file, path, "a value", "none");
        self.find(name).ok_or_else(missing)
    }

    /// A field that may be missing.
    pub fn find(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.read.push(name);
        let (_, value) = self.entries.iter().find(|(known, _)| known == name)?;
        Some(Field {
            file: self.file,
            path: self.path_of(name),
            value,
        })
    }

    /// All fields, by name.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        self.entries.iter().map(|(name, value)| {
            let (file, path) = (self.file, self.path_of(name));
            (name.as_str(), Field { file, path, value })
        })
    }

    /// Fails where the object has a field that nobody asked for, or one twice.
    pub fn finish(mut self) -> Result<()> {
        for (name, value) in self.entries {
            // What was asked for counts once.
            match self.read.iter().position(|known| known == name) {
                Some(i) => self.read.swap_remove(i),
                None => {
                    let path = self.path_of(name);
                    let expected = "no such field, or only one";
                    return Err(Error::field(self.file, path, expected, value.kind()));
                }
            };
        }
        Ok(())
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.into()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// A parser's complaint; [`Value::parse`] adds the place.
type Parsed<T> = Result<T, &'static str>;

struct Parser<'a> {
    json: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.json.as_bytes()[self.at..].starts_with(text.as_bytes());
        if found {
            self.at += text.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Parsed<Value> {
        if depth > MAX_DEPTH {
            return Err("nested too deeply");
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Value::Text(self.text()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.eat("null") => Ok(Value::Null),
            _ if self.eat("true") => Ok(Value::Bool(true)),
            _ if self.eat("false") => Ok(Value::Bool(false)),
            _ => Err("not JSON"),
        }
    }

    /// `read` once for each element between the brackets.
    fn elements(&mut self, end: &str, mut read: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.at += 1;
        self.skip_space();
        if self.eat(end) {
            return Ok(());
        }
        loop {
            read(self)?;
            self.skip_space();
            if self.eat(end) {
                return Ok(());
            }
            if !self.eat(",") {
                return Err("a comma is missing");
            }
        }
    }

    fn list(&mut self, depth: usize) -> Parsed<Value> {
        let mut list = Vec::new();
        self.elements("]", |parser| {
            list.push(parser.value(depth + 1)?);
            Ok(())
        })?;
        Ok(Value::List(list))
    }

    fn object(&mut self, depth: usize) -> Parsed<Value> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        self.elements("}", |parser| {
            parser.skip_space();
            let name = parser.text()?;
            parser.skip_space();
            if !parser.eat(":") {
                return Err("a colon is missing");
            }
            entries.push((name, parser.value(depth + 1)?));
            Ok(())
        })?;
        Ok(Value::Object(entries))
    }

    fn text(&mut self) -> Parsed<String> {
        if !self.eat("\"") {
            return Err("a text is missing");
        }
        let mut text = String::new();
        loop {
            let rest = &self.json[self.at..];
            let end = rest.find(['"', '\\']).ok_or("a text without an end")?;
            if rest[..end].bytes().any(|byte| byte < b' ') {
                return Err("a control character in a text");
            }
            text.push_str(&rest[..end]);
            self.at += end + 1;
            if rest.as_bytes()[end] == b'"' {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let escaped = self.peek().ok_or("a text without an end")?;
        self.at += 1;
        Ok(match escaped {
            b'"' | b'\\' | b'/' => escaped.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.code_unit()?;
                // What lies outside the first plane comes as two halves.
                let code = if (0xd800..0xdc00).contains(&high) && self.eat("\\u") {
                    let low = self.code_unit()?;
                    0x10000 + ((high - 0xd800) << 10 | low.wrapping_sub(0xdc00) & 0x3ff)
                } else {
                    high
                };
                char::from_u32(code).ok_or("half a character")?
            }
            _ => return Err("an unknown escape"),
        })
    }

    fn code_unit(&mut self) -> Parsed<u32> {
        let digits = self.json.get(self.at..self.at + 4);
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        unit.ok_or("an unknown escape")
    }

    /// Exact for whole numbers up to 2⁵³, and far closer than f32 for all others.
    fn number(&mut self) -> Parsed<Value> {
        let negative = self.eat("-");
        let (mut mantissa, mut exponent) = (0.0, 0i32);
        let before = self.digits(&mut mantissa);
        if self.eat(".") {
            let after = self.digits(&mut mantissa);
            if after == 0 {
                return Err("not a number");
            }
            exponent -= after;
        }
        if before == 0 {
            return Err("not a number");
        }
        if self.eat("e") || self.eat("E") {
            let down = self.eat("-");
            let _ = !down && self.eat("+");
            let mut power = 0.0;
            if self.digits(&mut power) == 0 {
                return Err("not a number");
            }
            let power = power.min(1e6) as i32;
            exponent += if down { -power } else { power };
        }
        // Beyond 10³⁰⁸ an f32 is 0 or infinite all the same.
        let scale = (0..exponent.abs().min(308)).fold(1.0, |scale, _| scale * 10.0);
        let value: f64 = if exponent < 0 {
            mantissa / scale
        } else {
            mantissa * scale
        };
        Ok(Value::Number(if negative { -value } else { value }))
    }

    /// Appends digits to a number; returns how many.
    fn digits(&mut self, number: &mut f64) -> i32 {
        let mut count = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            *number = *number * 10.0 + f64::from(digit - b'0');
            self.at += 1;
            count += 1;
        }
        count
    }
}
