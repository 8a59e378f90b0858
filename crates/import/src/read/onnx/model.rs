//! The parts of `onnx.proto` that networks use: numbers of fields as the ONNX project publishes them.

use crate::graph::MAX_NODES;
use crate::read::constants::{Constant, Numbers};
use crate::read::protobuf::{Field, fields};
use crate::values::{Kind, count};
use crate::{Error, Result, Source};

/// `ModelProto`, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub opset: i64,
    pub nodes: Vec<Node<'a>>,
    pub tensors: Vec<Stored<'a>>,
    /// Name and dimensions; nothing where one is open.
    pub inputs: Vec<(String, Vec<Option<i64>>)>,
    pub outputs: Vec<String>,
}

/// `NodeProto`
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub op: String,
    pub domain: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Vec<Attribute<'a>>,
}

/// `AttributeProto`
#[derive(Debug, Default, Clone)]
pub(super) struct Attribute<'a> {
    pub name: String,
    pub float: f32,
    pub int: i64,
    pub text: String,
    pub floats: Vec<f32>,
    pub ints: Vec<i64>,
    pub tensor: Option<Stored<'a>>,
}

/// `TensorProto`, unread.
#[derive(Debug, Default, Clone)]
pub(super) struct Stored<'a> {
    pub name: String,
    dims: Vec<i64>,
    kind: i64,
    raw: Option<&'a [u8]>,
    floats: Vec<f32>,
    ints: Vec<i64>,
    /// Keys and values of where it lies in another file.
    external: Vec<(String, String)>,
    is_external: bool,
}

impl<'a> Model<'a> {
    pub fn parse(file: &str, bytes: &'a [u8]) -> Result<Self> {
        let mut model = Self::default();
        fields(file, bytes, |number, field| {
            match number {
                7 => model.graph(file, field.bytes())?,
                8 => {
                    let (mut domain, mut version) = (String::new(), 0);
                    fields(file, field.bytes(), |number, field| {
                        match number {
                            1 => domain = field.text(),
                            2 => version = field.int(),
                            _ => {}
                        }
                        Ok(())
                    })?;
                    if domain.is_empty() || domain == "ai.onnx" {
                        model.opset = version;
                    }
                }
                25 => {
                    let instead = "export the network without functions";
                    return Err(Error::unsupported(file, "a function of its own", instead));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(model)
    }

    fn graph(&mut self, file: &str, bytes: &'a [u8]) -> Result<()> {
        fields(file, bytes, |number, field| {
            let parts = self.nodes.len() + self.tensors.len() + self.inputs.len();
            if parts + self.outputs.len() > 2 * MAX_NODES {
                let what = format!("a network of more than {MAX_NODES} operators");
                return Err(Error::unsupported(file, what, "use a smaller one"));
            }
            match number {
                1 => self.nodes.push(Node::parse(file, field.bytes())?),
                5 => self.tensors.push(Stored::parse(file, field.bytes())?),
                11 => self.inputs.push(value_info(file, field.bytes())?),
                12 => self.outputs.push(value_info(file, field.bytes())?.0),
                15 => {
                    let instead = "store the weights densely";
                    return Err(Error::unsupported(file, "a sparse tensor", instead));
                }
                _ => {}
            }
            Ok(())
        })
    }
}

impl<'a> Node<'a> {
    fn parse(file: &str, bytes: &'a [u8]) -> Result<Self> {
        let mut node = Self::default();
        fields(file, bytes, |number, field| {
            match number {
                1 => node.inputs.push(field.text()),
                2 => node.outputs.push(field.text()),
                4 => node.op = field.text(),
                5 => node.attributes.push(Attribute::parse(file, field.bytes())?),
                7 => node.domain = field.text(),
                _ => {}
            }
            if node.inputs.len() + node.outputs.len() + node.attributes.len() > 1024 {
                return Err(Error::unreadable(file, "an operator has too many inputs"));
            }
            Ok(())
        })?;
        Ok(node)
    }

    /// An attribute.
    pub fn find(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|known| known.name == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.find(name).map_or(default, |attribute| attribute.int)
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.find(name).map_or(default, |attribute| attribute.float)
    }

    pub fn ints(&self, name: &str) -> &[i64] {
        self.find(name).map_or(&[], |attribute| &attribute.ints)
    }

    pub fn text(&self, name: &str) -> &str {
        self.find(name).map_or("", |attribute| &attribute.text)
    }
}

impl<'a> Attribute<'a> {
    fn parse(file: &str, bytes: &'a [u8]) -> Result<Self> {
        let mut attribute = Self::default();
        fields(file, bytes, |number, field| {
            match number {
                1 => attribute.name = field.text(),
                2 => attribute.float = field.float(),
                3 => attribute.int = field.int(),
                4 => attribute.text = field.text(),
                5 => attribute.tensor = Some(Stored::parse(file, field.bytes())?),
                7 => field.floats(&mut attribute.floats),
                8 => field.ints(file, &mut attribute.ints)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(attribute)
    }
}

impl<'a> Stored<'a> {
    fn parse(file: &str, bytes: &'a [u8]) -> Result<Self> {
        let mut stored = Self::default();
        fields(file, bytes, |number, field| {
            match number {
                1 => field.ints(file, &mut stored.dims)?,
                2 => stored.kind = field.int(),
                4 => field.floats(&mut stored.floats),
                5 | 7 => field.ints(file, &mut stored.ints)?,
                8 => stored.name = field.text(),
                9 => stored.raw = Some(field.bytes()),
                13 => stored.external.push(entry(file, field)?),
                14 => stored.is_external = field.int() == 1,
                _ => {}
            }
            Ok(())
        })?;
        Ok(stored)
    }

    /// Its values, from the file itself or from the one beside it.
    pub fn constant(&self, source: &Source, files: &[Source]) -> Result<Constant> {
        let (name, file) = (&self.name, source.name.as_str());
        let wrong = |reason: String| Error::unreadable(file, format!("its tensor {name} {reason}"));
        let dim = |&dim: &i64| usize::try_from(dim).ok();
        let shape: Option<Vec<usize>> = self.dims.iter().map(dim).collect();
        let shape = shape.filter(|shape| count(shape).is_some() && shape.len() <= 8);
        let shape = shape.ok_or_else(|| wrong(format!("has the shape {:?}", self.dims)))?;
        let len = count(&shape).unwrap_or(0);
        let kind = match self.kind {
            1 => Kind::F32,
            2 => Kind::U8,
            3 => Kind::I8,
            5 => Kind::I16,
            6 => Kind::I32,
            7 => Kind::I64,
            9 => Kind::Bool,
            10 => Kind::F16,
            11 => Kind::F64,
            16 => Kind::Bf16,
            _ => return Err(wrong(format!("has the type {}", self.kind))),
        };
        let raw = match self.is_external {
            true => Some(self.beside(source, files, len * kind.size())?),
            false => self.raw,
        };
        let is_int = matches!(kind, Kind::I32 | Kind::I64);
        let numbers = match raw {
            Some(raw) if raw.len() == len * kind.size() => match kind {
                Kind::I64 => {
                    let (values, _) = raw.as_chunks::<8>();
                    Numbers::Ints(values.iter().map(|v| i64::from_le_bytes(*v)).collect())
                }
                Kind::I32 => {
                    let (values, _) = raw.as_chunks::<4>();
                    let values = values.iter().map(|v| i32::from_le_bytes(*v).into());
                    Numbers::Ints(values.collect())
                }
                _ => Numbers::Floats(kind.widen(raw)),
            },
            Some(raw) => {
                let found = raw.len();
                return Err(wrong(format!("has {found} bytes for {len} values")));
            }
            None if is_int => Numbers::Ints(self.ints.clone()),
            None if kind == Kind::F16 => {
                // Halves are stored as numbers of 16 bits.
                let halves = self
                    .ints
                    .iter()
                    .map(|&bits| half::f16::from_bits(bits as u16));
                Numbers::Floats(halves.map(half::f16::to_f32).collect())
            }
            None if kind == Kind::F32 => Numbers::Floats(self.floats.clone()),
            None => Numbers::Floats(self.ints.iter().map(|&value| value as f32).collect()),
        };
        match numbers.len() == len {
            true => Ok(Constant { shape, numbers }),
            false => Err(wrong(format!("has {} values, not {len}", numbers.len()))),
        }
    }

    /// Its bytes in a file beside the model's.
    fn beside<'b>(&self, source: &Source, files: &'b [Source], bytes: usize) -> Result<&'b [u8]> {
        let find = |key: &str| {
            let entry = self.external.iter().find(|(known, _)| known == key);
            entry.map(|(_, value)| value.as_str())
        };
        let location = find("location").unwrap_or("");
        let name = location.rsplit(['/', '\\']).next().unwrap_or(location);
        let found = source.beside(files, name);
        let found = found.ok_or_else(|| {
            let what = format!("its weights, which are in {name} beside it");
            Error::ask(&source.name, what, format!("give {name} too"))
        })?;
        let number = |key: &str, default: usize| match find(key) {
            Some(text) => text.parse().ok(),
            None => Some(default),
        };
        let (offset, len) = (number("offset", 0), number("length", bytes));
        let range = offset.zip(len).and_then(|(offset, len)| {
            let end = offset.checked_add(len)?;
            found.bytes.get(offset..end)
        });
        range.ok_or_else(|| {
            let reason = format!(
                "{} lies outside of it; it may be of another version",
                self.name
            );
            Error::unreadable(name, reason)
        })
    }
}

fn entry(file: &str, field: Field<'_>) -> Result<(String, String)> {
    let mut entry = (String::new(), String::new());
    fields(file, field.bytes(), |number, field| {
        match number {
            1 => entry.0 = field.text(),
            2 => entry.1 = field.text(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(entry)
}

/// Name and dimensions of a `ValueInfoProto`.
fn value_info(file: &str, bytes: &[u8]) -> Result<(String, Vec<Option<i64>>)> {
    let (mut name, mut dims) = (String::new(), Vec::new());
    fields(file, bytes, |number, field| match number {
        1 => {
            name = field.text();
            Ok(())
        }
        // TypeProto, its tensor type, its shape, its dimensions.
        2 => fields(file, field.bytes(), |number, field| match number {
            1 => fields(file, field.bytes(), |number, field| match number {
                2 => fields(file, field.bytes(), |number, field| {
                    if number == 1 && dims.len() < 8 {
                        let mut dim = None;
                        fields(file, field.bytes(), |number, field| {
                            if number == 1 {
                                dim = Some(field.int());
                            }
                            Ok(())
                        })?;
                        dims.push(dim);
                    }
                    Ok(())
                }),
                _ => Ok(()),
            }),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })?;
    Ok((name, dims))
}
