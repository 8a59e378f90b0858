//! Pickles of tensors, read without executing anything: a pickle is a program that may call any
//! function of Python, and this reader knows only those that make dictionaries and tensors.

use crate::{Error, Result};

/// Most values on the stack, in the memo, and made in all: a checkpoint has a few for each tensor.
const MAX_VALUES: usize = 1 << 20;
/// Deepest nesting of values.
const MAX_DEPTH: usize = 64;

/// A value of a pickle; of numbers that no tensor has, only that there is one.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Text(String),
    Tuple(Vec<Value>),
    /// A list or a dictionary, by its place among all that were made: both are filled later.
    Shared(usize),
    Global(String),
    Storage(Storage),
    Tensor(Box<StoredTensor>),
}

/// Where the values of tensors lie.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Storage {
    /// The type of its values: "FloatStorage".
    pub kind: String,
    /// Its name in the file.
    pub key: String,
    /// Of a view of another storage, its first value.
    pub offset: usize,
}

/// A tensor as it is stored: a view of a storage.
#[derive(Debug, Clone)]
pub(crate) struct StoredTensor {
    pub storage: Storage,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// Lists and dictionaries, which other values refer to by number.
#[derive(Debug, Clone)]
pub(crate) enum Container {
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
}

/// What a pickle has made.
pub(crate) struct Pickle {
    pub value: Value,
    pub containers: Vec<Container>,
    /// Bytes read.
    pub end: usize,
}

impl Pickle {
    /// The entries of a dictionary.
    pub fn dict(&self, value: &Value) -> Option<&[(Value, Value)]> {
        match value {
            Value::Shared(i) => match &self.containers[*i] {
                Container::Dict(entries) => Some(entries),
                Container::List(_) => None,
            },
            _ => None,
        }
    }

    /// The elements of a list or a tuple.
    pub fn list<'a>(&'a self, value: &'a Value) -> Option<&'a [Value]> {
        match value {
            Value::Tuple(values) => Some(values),
            Value::Shared(i) => match &self.containers[*i] {
                Container::List(values) => Some(values),
                Container::Dict(_) => None,
            },
            _ => None,
        }
    }
}

/// Reads one pickle from the start of `bytes`.
pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Pickle> {
    let mut machine = Machine {
        file,
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        containers: Vec::new(),
        made: 0,
    };
    let value = machine.run()?;
    Ok(Pickle {
        value,
        containers: machine.containers,
        end: machine.at,
    })
}

struct Machine<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
    containers: Vec<Container>,
    /// Values that were made or copied.
    made: usize,
}

impl Machine<'_> {
    fn wrong(&self, reason: &str) -> Box<Error> {
        let reason = format!("its pickle has {reason} at byte {}", self.at);
        Error::unreadable(self.file, reason)
    }

    /// A global that is not on the list.
    fn foreign(&self, name: &str) -> Box<Error> {
        let instead = match name.starts_with("numpy") {
            true => "save only tensors: torch.save(model.state_dict(), FILE)",
            false => {
                "the file holds Python objects, which are not executed; save only the weights: \
                 torch.save(model.state_dict(), FILE)"
            }
        };
        Error::unsupported(self.file, format!("the Python object {name}"), instead)
    }

    fn run(&mut self) -> Result<Value> {
        loop {
            let op = self.take(1)?[0];
            if op == b'.' {
                return self.pop();
            }
            self.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> Result<()> {
        match op {
            0x80 => {
                self.take(1)?; // protocol
            }
            0x95 => {
                self.take(8)?; // frame
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                self.pop()?;
            }
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool)?,
            0x89 => self.push(Value::Bool)?,
            b'K' => {
                let value = i64::from(self.take(1)?[0]);
                self.push(Value::Int(value))?;
            }
            b'M' => {
                let value = i64::from(u16::from_le_bytes(self.array()?));
                self.push(Value::Int(value))?;
            }
            b'J' => {
                let value = i64::from(i32::from_le_bytes(self.array()?));
                self.push(Value::Int(value))?;
            }
            0x8a => self.long()?,
            b'G' => {
                self.take(8)?;
                self.push(Value::Float)?;
            }
            b'I' | b'L' => {
                let line = self.line()?;
                let digits = line.trim_end_matches('L');
                let value = digits.parse().map_err(|_| self.wrong("a damaged number"))?;
                self.push(Value::Int(value))?;
            }
            b'F' => {
                self.line()?;
                self.push(Value::Float)?;
            }
            b'X' | b'T' | b'U' | 0x8c | b'B' | b'C' => self.text(op)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err(self.wrong("a name that is no text"));
                };
                self.global(&module, &name)?;
            }
            b'q' => {
                let place = self.take(1)?[0].into();
                self.remember(place)?;
            }
            b'r' => {
                let place = u32::from_le_bytes(self.array()?) as usize;
                self.remember(place)?;
            }
            0x94 => self.remember(self.memo.len())?,
            b'h' => {
                let place = self.take(1)?[0].into();
                self.recall(place)?;
            }
            b'j' => {
                let place = u32::from_le_bytes(self.array()?) as usize;
                self.recall(place)?;
            }
            b'}' => self.container(Container::Dict(Vec::new()))?,
            b']' => self.container(Container::List(Vec::new()))?,
            b')' => self.push(Value::Tuple(Vec::new()))?,
            b't' => {
                let values = self.since_mark()?;
                self.push(Value::Tuple(values))?;
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub((op - 0x84).into());
                let from = from.ok_or_else(|| self.wrong("too few values"))?;
                let values = self.stack.split_off(from);
                self.push(Value::Tuple(values))?;
            }
            b'l' => {
                let values = self.since_mark()?;
                self.container(Container::List(values))?;
            }
            b'd' => {
                let values = self.since_mark()?;
                self.container(Container::Dict(pairs(values)))?;
            }
            b'a' => {
                let value = self.pop()?;
                self.extend(vec![value])?;
            }
            b'e' => {
                let values = self.since_mark()?;
                self.extend(values)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend(vec![key, value])?;
            }
            b'u' => {
                let values = self.since_mark()?;
                self.extend(values)?;
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let value = self.call(function, arguments)?;
                self.push(value)?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(Value::Storage(storage))?;
            }
            b'b' => {
                // The state of an object: OrderedDict has `_metadata`, which only says versions.
                self.pop()?;
            }
            _ => return Err(self.wrong(&format!("the unknown instruction {op:#04x}"))),
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> Result<&[u8]> {
        let end = self
            .at
            .checked_add(len)
            .filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            return Err(self.wrong("its end"));
        };
        let bytes = &self.bytes[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn line(&mut self) -> Result<String> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().take(4096).position(|&byte| byte == b'\n');
        let len = len.ok_or_else(|| self.wrong("a line without an end"))?;
        let line = String::from_utf8_lossy(&rest[..len]).into_owned();
        self.at += len + 1;
        Ok(line)
    }

    fn text(&mut self, op: u8) -> Result<()> {
        let len = match op {
            0x8c | b'U' | b'C' => self.take(1)?[0].into(),
            _ => u32::from_le_bytes(self.array()?) as usize,
        };
        let text = String::from_utf8_lossy(self.take(len)?).into_owned();
        self.push(Value::Text(text))
    }

    fn long(&mut self) -> Result<()> {
        let len = self.take(1)?[0].into();
        let bytes = self.take(len)?;
        // Larger ones are magic numbers and random seeds, of which only the type matters.
        let mut value = [match bytes.last() {
            Some(byte) if byte & 0x80 != 0 => 0xff,
            _ => 0,
        }; 8];
        let most = bytes.len().min(8);
        value[..most].copy_from_slice(&bytes[..most]);
        let value = match bytes.len() <= 8 {
            true => Value::Int(i64::from_le_bytes(value)),
            false => Value::Float,
        };
        self.push(value)
    }

    fn push(&mut self, value: Value) -> Result<()> {
        self.made += 1;
        if self.made > MAX_VALUES {
            return Err(self.wrong("too many values"));
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value> {
        let least = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= least {
            return Err(self.wrong("too few values"));
        }
        self.stack.pop().ok_or_else(|| self.wrong("too few values"))
    }

    fn since_mark(&mut self) -> Result<Vec<Value>> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        let mark = mark.ok_or_else(|| self.wrong("no mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn container(&mut self, container: Container) -> Result<()> {
        self.containers.push(container);
        self.push(Value::Shared(self.containers.len() - 1))
    }

    fn extend(&mut self, values: Vec<Value>) -> Result<()> {
        let container = match self.stack.last() {
            Some(Value::Shared(i)) => Some(&mut self.containers[*i]),
            _ => None,
        };
        match container {
            Some(Container::List(list)) => list.extend(values),
            Some(Container::Dict(entries)) => entries.extend(pairs(values)),
            None => return Err(self.wrong("entries of something else than a dictionary")),
        }
        Ok(())
    }

    fn remember(&mut self, place: usize) -> Result<()> {
        if place > MAX_VALUES {
            return Err(self.wrong("too many values"));
        }
        let value = self.stack.last().cloned();
        let value = value.ok_or_else(|| self.wrong("too few values"))?;
        self.count(&value, 0)?;
        if place >= self.memo.len() {
            self.memo.resize(place + 1, None);
        }
        self.memo[place] = Some(value);
        Ok(())
    }

    fn recall(&mut self, place: usize) -> Result<()> {
        let value = self.memo.get(place).cloned().flatten();
        let value = value.ok_or_else(|| self.wrong("an unknown value"))?;
        self.count(&value, 0)?;
        self.push(value)
    }

    /// Counts what a copy of a value costs, so that tuples of tuples cannot grow without an end.
    fn count(&mut self, value: &Value, depth: usize) -> Result<()> {
        self.made += match value {
            Value::Text(text) | Value::Global(text) => 1 + text.len() / 16,
            _ => 1,
        };
        if self.made > MAX_VALUES || depth > MAX_DEPTH {
            return Err(self.wrong("too many values"));
        }
        if let Value::Tuple(values) = value {
            for value in values {
                self.count(value, depth + 1)?;
            }
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let full = format!("{module}.{name}");
        let known = matches!(
            full.as_str(),
            "collections.OrderedDict"
                | "torch._utils._rebuild_tensor_v2"
                | "torch._utils._rebuild_parameter"
        );
        let storage = module == "torch" && storage_kind(name).is_some();
        match known || storage {
            true => self.push(Value::Global(full)),
            false => Err(self.foreign(&full)),
        }
    }

    fn call(&mut self, function: Value, arguments: Value) -> Result<Value> {
        let (Value::Global(name), Value::Tuple(arguments)) = (&function, arguments) else {
            return Err(self.wrong("a call of something else than a function"));
        };
        match name.as_str() {
            "collections.OrderedDict" => {
                let entries = match arguments.into_iter().next() {
                    Some(Value::Shared(i)) => self.entries(i)?,
                    _ => Vec::new(),
                };
                self.containers.push(Container::Dict(entries));
                Ok(Value::Shared(self.containers.len() - 1))
            }
            "torch._utils._rebuild_parameter" => match arguments.into_iter().next() {
                Some(tensor @ Value::Tensor(_)) => Ok(tensor),
                _ => Err(self.wrong("a parameter without a tensor")),
            },
            "torch._utils._rebuild_tensor_v2" => self.tensor(&arguments),
            _ => Err(self.foreign(name)),
        }
    }

    /// The pairs that an OrderedDict of Python 2 is made of.
    fn entries(&mut self, list: usize) -> Result<Vec<(Value, Value)>> {
        let pairs = match &self.containers[list] {
            Container::List(values) => values.clone(),
            Container::Dict(entries) => return Ok(entries.clone()),
        };
        let mut entries = Vec::new();
        for pair in pairs {
            self.count(&pair, 0)?;
            let pair = match pair {
                Value::Tuple(pair) => pair,
                Value::Shared(i) => match &self.containers[i] {
                    Container::List(pair) => pair.clone(),
                    Container::Dict(_) => Vec::new(),
                },
                _ => Vec::new(),
            };
            let Ok([key, value]) = <[Value; 2]>::try_from(pair) else {
                return Err(self.wrong("a damaged dictionary"));
            };
            entries.push((key, value));
        }
        Ok(entries)
    }

    /// `_rebuild_tensor_v2(storage, offset, shape, strides, …)`
    fn tensor(&self, arguments: &[Value]) -> Result<Value> {
        let sizes = |value: &Value| -> Option<Vec<usize>> {
            let Value::Tuple(values) = value else {
                return None;
            };
            let size = |value: &Value| match value {
                Value::Int(size) => usize::try_from(*size).ok(),
                _ => None,
            };
            values.iter().map(size).collect()
        };
        let [
            Value::Storage(storage),
            Value::Int(offset),
            shape,
            strides,
            ..,
        ] = arguments
        else {
            return Err(self.wrong("a damaged tensor"));
        };
        let offset = usize::try_from(*offset).ok();
        let offset = offset.and_then(|offset| offset.checked_add(storage.offset));
        match (offset, sizes(shape), sizes(strides)) {
            (Some(offset), Some(shape), Some(strides))
                if shape.len() == strides.len() && shape.len() <= 8 =>
            {
                Ok(Value::Tensor(Box::new(StoredTensor {
                    storage: storage.clone(),
                    offset,
                    shape,
                    strides,
                })))
            }
            _ => Err(self.wrong("a damaged tensor")),
        }
    }

    /// `("storage", type, key, device, size)`, and in the older container a view behind it.
    fn storage(&self, id: Value) -> Result<Storage> {
        let Value::Tuple(parts) = id else {
            return Err(self.wrong("a damaged storage"));
        };
        let [
            Value::Text(what),
            Value::Global(kind),
            Value::Text(key),
            _,
            _,
            view @ ..,
        ] = &parts[..]
        else {
            return Err(self.wrong("a damaged storage"));
        };
        let offset = match view.first() {
            Some(Value::Tuple(view)) => match view.get(1) {
                Some(Value::Int(offset)) => usize::try_from(*offset).ok(),
                _ => None,
            },
            _ => Some(0),
        };
        match (what.as_str(), offset) {
            ("storage", Some(offset)) => Ok(Storage {
                kind: kind.trim_start_matches("torch.").into(),
                key: key.clone(),
                offset,
            }),
            _ => Err(self.wrong("a damaged storage")),
        }
    }
}

fn pairs(values: Vec<Value>) -> Vec<(Value, Value)> {
    let mut pairs = Vec::with_capacity(values.len() / 2);
    let mut values = values.into_iter();
    while let (Some(key), Some(value)) = (values.next(), values.next()) {
        pairs.push((key, value));
    }
    pairs
}

/// The numbers of a storage.
pub(crate) fn storage_kind(name: &str) -> Option<crate::values::Kind> {
    use crate::values::Kind;
    Some(match name {
        "FloatStorage" => Kind::F32,
        "HalfStorage" => Kind::F16,
        "BFloat16Storage" => Kind::Bf16,
        "DoubleStorage" => Kind::F64,
        "LongStorage" => Kind::I64,
        "IntStorage" => Kind::I32,
        "ShortStorage" => Kind::I16,
        "CharStorage" => Kind::I8,
        "ByteStorage" => Kind::U8,
        "BoolStorage" => Kind::Bool,
        _ => return None,
    })
}
