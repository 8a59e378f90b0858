//! Numbers that a graph has or computes without its input: weights and sizes.

use crate::values::{self, Tensor};

/// What a name of a graph stands for.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Constant(Constant),
    Computed(usize),
    /// An optional input or output that is left out.
    Missing,
}

impl Value {
    /// The node that computes it.
    pub fn computed(&self) -> Option<usize> {
        match self {
            Self::Computed(value) => Some(*value),
            _ => None,
        }
    }
}

/// Numbers with a shape.
#[derive(Debug, Clone)]
pub(crate) struct Constant {
    pub shape: Vec<usize>,
    pub numbers: Numbers,
}

#[derive(Debug, Clone)]
pub(crate) enum Numbers {
    Floats(Vec<f32>),
    Ints(Vec<i64>),
}

impl Numbers {
    pub fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Ints(values) => values.len(),
        }
    }
}

impl Constant {
    /// A list of sizes.
    pub fn list(values: Vec<i64>) -> Self {
        Self {
            shape: vec![values.len()],
            numbers: Numbers::Ints(values),
        }
    }

    pub fn floats(&self) -> Vec<f32> {
        match &self.numbers {
            Numbers::Floats(values) => values.clone(),
            Numbers::Ints(values) => values.iter().map(|&value| value as f32).collect(),
        }
    }

    /// Whole numbers; floats are rounded down.
    pub fn ints(&self) -> Vec<i64> {
        match &self.numbers {
            Numbers::Floats(values) => values.iter().map(|&value| value.floor() as i64).collect(),
            Numbers::Ints(values) => values.clone(),
        }
    }

    /// Its only value.
    pub fn scalar(&self) -> Option<f32> {
        match self.numbers.len() {
            1 => self.floats().first().copied(),
            _ => None,
        }
    }

    /// `f` of two constants, one of which may be a single number.
    pub fn combine(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Option<Self> {
        let [a, b] = [self, other].map(|side| match &side.numbers {
            Numbers::Floats(values) => values.iter().map(|&v| f64::from(v)).collect(),
            Numbers::Ints(values) => values.iter().map(|&v| v as f64).collect::<Vec<_>>(),
        });
        let shape = match (a.len(), b.len()) {
            (_, 1) => self.shape.clone(),
            (1, _) => other.shape.clone(),
            _ if self.shape == other.shape => self.shape.clone(),
            _ => return None,
        };
        let len = a.len().max(b.len());
        if a.is_empty() || b.is_empty() {
            return None;
        }
        let values = (0..len).map(|i| f(a[i % a.len()], b[i % b.len()]));
        let both = matches!(
            (&self.numbers, &other.numbers),
            (Numbers::Ints(_), Numbers::Ints(_))
        );
        let numbers = match both {
            true => Numbers::Ints(values.map(|v| v as i64).collect()),
            false => Numbers::Floats(values.map(|v| v as f32).collect()),
        };
        Some(Self { shape, numbers })
    }

    /// The elements at these places of the first axis.
    pub fn pick(&self, places: &[i64]) -> Option<Vec<i64>> {
        let all = self.ints();
        if self.shape.len() != 1 {
            return None;
        }
        let side = all.len() as i64;
        let place = |&i: &i64| {
            let i = if i < 0 { i.checked_add(side)? } else { i };
            all.get(usize::try_from(i).ok()?).copied()
        };
        places.iter().map(place).collect()
    }

    /// As a tensor.
    pub fn tensor(&self) -> Tensor {
        Tensor {
            shape: self.shape.clone(),
            data: self.floats(),
        }
    }

    pub fn transpose(&self, axes: &[usize]) -> Self {
        let turned = values::transpose(&self.tensor(), axes);
        Self {
            shape: turned.shape,
            numbers: Numbers::Floats(turned.data),
        }
    }
}
