//! Activations that a file spells out with arithmetic: SiLU as x · sigmoid(x), GELU with the error function or with
//! tanh, a logarithm of a square. How GELU is written differs, so an expression is recognised by what it gives.

use crate::Result;
use crate::graph::{Function, Graph, Op};
use std::collections::BTreeMap;

/// Most operators of an expression.
const MAX_STEPS: usize = 24;
/// Where expressions are compared.
const POINTS: [f64; 9] = [1.0, -4.0, -2.5, -1.0, -0.4, 0.3, 0.8, 2.0, 3.5];

impl Graph {
    /// `a · b`, or the activation that it spells out.
    pub(crate) fn multiply(&mut self, a: usize, b: usize) -> Result<usize> {
        for (x, gate) in [(a, b), (b, a)] {
            if let Some(value) = self.silu(x, gate)? {
                return Ok(value);
            }
        }
        if let Some((x, function, factor)) = self.gelu(a, b) {
            let value = self.push(Op::Activate(function), x)?;
            return self.scalar(factor, 0.0, value);
        }
        self.push_all(Op::Multiply, vec![a, b])
    }

    /// `ln x`, of an x above 0: half the logarithm of its square, which may be written.
    pub(crate) fn logarithm(&mut self, mut x: usize) -> Result<usize> {
        if let Op::Activate(Function::Exp) = self.nodes[x].op {
            return Ok(self.nodes[x].inputs[0]);
        }
        // A bound that only keeps 0 away.
        if let Op::Activate(Function::Clip(low, f32::MAX)) = self.nodes[x].op
            && low <= 1e-12
        {
            x = self.nodes[x].inputs[0];
        }
        let square = match (&self.nodes[x].op, &self.nodes[x].inputs[..]) {
            (Op::Multiply, &[a, b]) if a == b => Some(a),
            _ => None,
        };
        let value = self.push(Op::Activate(Function::LogSquare), square.unwrap_or(x))?;
        match square {
            Some(_) => Ok(value),
            None => self.scalar(0.5, 0.0, value),
        }
    }

    /// SiLU is x times its sigmoid, and a multiple of it of another multiple of x.
    fn silu(&mut self, x: usize, gate: usize) -> Result<Option<usize>> {
        let Op::Activate(Function::Sigmoid) = &self.nodes[gate].op else {
            return Ok(None);
        };
        let (outer, x) = self.scaled(x);
        let (inner, argument) = self.scaled(self.nodes[gate].inputs[0]);
        if argument != x || inner == 0.0 {
            return Ok(None);
        }
        let value = self.scalar(inner, 0.0, x)?;
        let value = self.push(Op::Activate(Function::Silu), value)?;
        Ok(Some(self.scalar(outer / inner, 0.0, value)?))
    }

    /// A value as a multiple of another.
    fn scaled(&self, mut value: usize) -> (f32, usize) {
        let mut factor = 1.0;
        while let Op::Affine { scale, shift, .. } = &self.nodes[value].op {
            let ([scale], [0.0]) = (&scale[..], &shift[..]) else {
                break;
            };
            factor *= scale;
            value = self.nodes[value].inputs[0];
        }
        (factor, value)
    }

    /// The value x and the factor for which `a · b` is a multiple of GELU or of its approximation.
    fn gelu(&self, a: usize, b: usize) -> Option<(usize, Function, f32)> {
        // From the last value of the expression to those before it, until all that is left to read is one value.
        let mut open = vec![a, b];
        let mut steps = Vec::new();
        loop {
            open.sort_unstable();
            open.dedup();
            if let [x] = open[..]
                && let Some((function, factor)) = self.gelu_of(x, &steps, [a, b])
            {
                return Some((x, function, factor));
            }
            let last = open.pop().filter(|_| steps.len() < MAX_STEPS)?;
            if !self.is_elementwise(last) {
                return None;
            }
            steps.push(last);
            open.extend(&self.nodes[last].inputs);
        }
    }

    fn is_elementwise(&self, value: usize) -> bool {
        match &self.nodes[value].op {
            Op::Affine { scale, shift, .. } => scale.len() == 1 && shift.len() == 1,
            Op::Activate(function) => numbers(function, 0.0).is_some(),
            Op::Add | Op::Multiply => true,
            _ => false,
        }
    }

    fn gelu_of(&self, x: usize, steps: &[usize], ends: [usize; 2]) -> Option<(Function, f32)> {
        let mut found = POINTS.map(|_| 0.0);
        for (found, at) in found.iter_mut().zip(POINTS) {
            let mut values = BTreeMap::from([(x, at)]);
            for &step in steps.iter().rev() {
                let node = &self.nodes[step];
                let input = |i: usize| values.get(&node.inputs[i]).copied();
                let value = match &node.op {
                    Op::Affine { scale, shift, .. } => {
                        f64::from(scale[0]) * input(0)? + f64::from(shift[0])
                    }
                    Op::Activate(function) => numbers(function, input(0)?)?,
                    Op::Add => input(0)? + input(1)?,
                    _ => input(0)? * input(1)?,
                };
                values.insert(step, value);
            }
            *found = values.get(&ends[0])? * values.get(&ends[1])?;
        }
        [Function::Gelu, Function::GeluTanh]
            .into_iter()
            .find_map(|function| {
                let of = |x: f64| numbers(&function, x).unwrap_or(f64::NAN);
                let factor = found[0] / of(POINTS[0]);
                let same = |(&found, at): (&f64, f64)| {
                    (found - factor * of(at)).abs() <= 1e-5 * factor.abs()
                };
                let all = factor != 0.0 && found.iter().zip(POINTS).all(same);
                all.then_some((function.clone(), factor as f32))
            })
    }
}

/// What a function gives, if expressions may hold it.
fn numbers(function: &Function, x: f64) -> Option<f64> {
    let erf = |x: f64| 2.0 * normal(x * std::f64::consts::SQRT_2) - 1.0;
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    Some(match function {
        Function::Sigmoid => sigmoid(x),
        Function::Tanh => 2.0 * sigmoid(2.0 * x) - 1.0,
        Function::Erf => erf(x),
        Function::Gelu => x * normal(x),
        Function::GeluTanh => x * sigmoid(1.595_769_121_605_730_7 * (x + 0.044_715 * x * x * x)),
        _ => return None,
    })
}

/// The normal distribution function Φ: ½ + φ(x) (x + x³/3 + x⁵/(3·5) + …), by Marsaglia (2004).
fn normal(x: f64) -> f64 {
    if x.abs() > 8.0 {
        return f64::from(u8::from(x > 0.0));
    }
    let (mut sum, mut term) = (x, x);
    for i in 1..150 {
        term *= x * x / f64::from(2 * i + 1);
        sum += term;
    }
    0.5 + sum * (-0.5 * x * x).exp() * 0.398_942_280_401_432_7
}
