//! Bits back (Hinton and van Camp 1993; Townsend et al. 2019): black and white pictures in as many
//! bits as −ELBO says.
//!
//! For each picture z is *popped* from the message under q(z | x), which takes bits away; then x is
//! pushed under p(x | z), and z under p(z). Whoever unpacks finds z, then x, knows q(z | x), and
//! pushes z back. So z costs log q(z | x) − log p(z), its KL. A latent is the middle of a cell of a
//! fine grid, the prior one variable after the other, whatever the mixture.
//!
//! Both sides have to compute the same intervals to the last bit: pictures are coded one by one,
//! because the kernels add up larger batches in another order.

use super::stack::Stack;
use super::tables::{CELL_BITS, PIXEL_BITS, find, interval, pixel, value};
use crate::{Engine, Error, Result};
use vaelet_model::{Likelihood, Normal};

/// What compressing has come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// The message.
    pub words: Vec<u32>,
    /// Of its bits, those that the first pictures had to borrow, since there was nothing to pop
    /// from; they would be any message that is sent along.
    pub borrowed_bits: usize,
}

impl Engine {
    /// Packs pictures `[N, H, W]` of zeros and ones, as long as `go_on`, which is asked before each.
    ///
    /// # Errors
    /// A model whose pixels are not zeros and ones, other values, or nothing more of `go_on`.
    pub fn pack(&mut self, pictures: &[f32], go_on: &mut dyn FnMut() -> bool) -> Result<Packed> {
        self.is_black_and_white()?;
        if let Some(other) = pictures.iter().find(|v| ![0.0, 1.0].contains(*v)) {
            return Err(Error::argument("picture", "zeros and ones", other));
        }
        let len = self.input.len();
        if !pictures.len().is_multiple_of(len) {
            let expected = format!("a multiple of {len} values");
            return Err(Error::argument("pictures", expected, pictures.len()));
        }
        let mut stack = Stack::new();
        for picture in pictures.chunks_exact(len) {
            if !go_on() {
                return Err(Error::Cancelled);
            }
            let posterior = self.normals_of(picture);
            let mut cells = Vec::new();
            for normal in &posterior {
                cells.push(stack.pop(CELL_BITS, |low| find(&[*normal], low))?);
            }
            let z: Vec<f32> = cells.iter().map(|cell| value(*cell)).collect();
            let decoded = self.decode(&z);
            for (x, p) in picture.iter().zip(decoded) {
                stack.push(pixel(p, *x == 1.0), PIXEL_BITS);
            }
            let mut turn = self.priors.in_turn();
            let mut intervals = Vec::new();
            for (cell, z) in cells.iter().zip(&z) {
                intervals.push(interval(&turn.normals(), *cell));
                turn.push(*z);
            }
            for interval in intervals.into_iter().rev() {
                stack.push(interval, CELL_BITS);
            }
        }
        Ok(Packed {
            borrowed_bits: 32 * stack.borrowed(),
            words: stack.into_words(),
        })
    }

    /// Unpacks `count` pictures `[N, H, W]`; the last one comes out first.
    ///
    /// # Errors
    /// A message that is damaged, or was not made with this model.
    pub fn unpack(
        &mut self,
        words: &[u32],
        count: usize,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f32>> {
        self.is_black_and_white()?;
        let mut stack = Stack::from_words(words)?;
        let mut pictures = Vec::new();
        for _ in 0..count {
            if !go_on() {
                return Err(Error::Cancelled);
            }
            let priors = self.priors.clone();
            let mut turn = priors.in_turn();
            let mut cells = Vec::new();
            for _ in 0..self.latent {
                let normals = turn.normals();
                let cell = stack.pop(CELL_BITS, |low| find(&normals, low))?;
                turn.push(value(cell));
                cells.push(cell);
            }
            let z: Vec<f32> = cells.iter().map(|cell| value(*cell)).collect();
            let decoded = self.decode(&z);
            let mut picture = Vec::new();
            for p in decoded.iter().rev() {
                let zero = pixel(*p, false);
                picture.push(stack.pop(PIXEL_BITS, |low| match low < zero.count {
                    true => (0.0, zero),
                    false => (1.0, pixel(*p, true)),
                })?);
            }
            picture.reverse();
            let posterior = self.normals_of(&picture);
            for (normal, cell) in posterior.iter().zip(cells).rev() {
                stack.push(interval(&[*normal], cell), CELL_BITS);
            }
            pictures.push(picture);
        }
        if !stack.is_spent() {
            return Err(Error::Damaged("something is left of its message"));
        }
        pictures.reverse();
        Ok(pictures.concat())
    }

    fn is_black_and_white(&self) -> Result<()> {
        match self.likelihood {
            Likelihood::Bernoulli => Ok(()),
            Likelihood::Gaussian { .. } => {
                let expected = "one of black and white pictures, with a Bernoulli likelihood";
                Err(Error::argument("model", expected, "a Gaussian likelihood"))
            }
        }
    }

    /// q(z | x) of one picture.
    fn normals_of(&mut self, picture: &[f32]) -> Vec<Normal> {
        let posterior = self.encode(picture);
        let each = posterior.mean.iter().zip(&posterior.log_var);
        let normal = |(mean, log_var): (&f32, &f32)| Normal {
            share: 1.0,
            mean: f64::from(*mean),
            width: libm::exp(0.5 * f64::from(log_var.clamp(-10.0, 10.0))),
        };
        each.map(normal).collect()
    }
}
