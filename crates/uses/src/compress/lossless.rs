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

/// Pictures that are being packed, one at a time.
pub struct Packing {
    stack: Stack,
}

impl Packing {
    /// Nothing yet.
    ///
    /// # Errors
    /// A model whose pixels are not zeros and ones.
    pub fn start(engine: &Engine) -> Result<Self> {
        engine.is_black_and_white()?;
        let stack = Stack::new();
        Ok(Self { stack })
    }

    /// Packs a picture `[H, W]` of zeros and ones.
    ///
    /// # Errors
    /// Other values, or another number of them.
    pub fn push(&mut self, engine: &mut Engine, picture: &[f32]) -> Result<()> {
        let len = engine.input.len();
        if picture.len() != len {
            let expected = format!("{len} values");
            return Err(Error::argument("picture", expected, picture.len()));
        }
        if let Some(wrong) = picture.iter().find(|v| ![0.0, 1.0].contains(*v)) {
            return Err(Error::argument("picture", "zeros and ones", wrong));
        }
        let stack = &mut self.stack;
        let posterior = engine.normals_of(picture);
        let mut cells = Vec::new();
        for normal in &posterior {
            cells.push(stack.pop(CELL_BITS, |low| find(&[*normal], low))?);
        }
        let z: Vec<f32> = cells.iter().map(|cell| value(*cell)).collect();
        let decoded = engine.decode(&z);
        for (x, p) in picture.iter().zip(decoded) {
            stack.push(pixel(p, *x == 1.0), PIXEL_BITS);
        }
        let mut turn = engine.priors.in_turn();
        let mut intervals = Vec::new();
        for (cell, z) in cells.iter().zip(&z) {
            intervals.push(interval(&turn.normals(), *cell));
            turn.push(*z);
        }
        for interval in intervals.into_iter().rev() {
            stack.push(interval, CELL_BITS);
        }
        Ok(())
    }

    /// Bits of the message so far, with those that were borrowed.
    pub fn bits(&self) -> usize {
        32 * self.stack.len()
    }

    /// The message.
    pub fn finish(self) -> Packed {
        Packed {
            borrowed_bits: 32 * self.stack.borrowed(),
            words: self.stack.into_words(),
        }
    }
}

/// Pictures that are being unpacked, one at a time.
pub struct Unpacking {
    stack: Stack,
}

impl Unpacking {
    /// A message that [`Packing`] gave.
    ///
    /// # Errors
    /// A model whose pixels are not zeros and ones, or words that are no message.
    pub fn start(engine: &Engine, words: &[u32]) -> Result<Self> {
        engine.is_black_and_white()?;
        let stack = Stack::from_words(words)?;
        Ok(Self { stack })
    }

    /// The picture `[H, W]` that was packed last of those that are left.
    ///
    /// # Errors
    /// A message that is damaged, or was not made with this model.
    pub fn pop(&mut self, engine: &mut Engine) -> Result<Vec<f32>> {
        let stack = &mut self.stack;
        let priors = engine.priors.clone();
        let mut turn = priors.in_turn();
        let mut cells = Vec::new();
        for _ in 0..engine.latent {
            let normals = turn.normals();
            let cell = stack.pop(CELL_BITS, |low| find(&normals, low))?;
            turn.push(value(cell));
            cells.push(cell);
        }
        let z: Vec<f32> = cells.iter().map(|cell| value(*cell)).collect();
        let decoded = engine.decode(&z);
        let mut picture = Vec::new();
        for p in decoded.iter().rev() {
            let zero = pixel(*p, false);
            picture.push(stack.pop(PIXEL_BITS, |low| match low < zero.count {
                true => (0.0, zero),
                false => (1.0, pixel(*p, true)),
            })?);
        }
        picture.reverse();
        let posterior = engine.normals_of(&picture);
        for (normal, cell) in posterior.iter().zip(cells).rev() {
            stack.push(interval(&[*normal], cell), CELL_BITS);
        }
        Ok(picture)
    }

    /// Call it after the last picture.
    ///
    /// # Errors
    /// Something is left of the message.
    pub fn finish(self) -> Result<()> {
        match self.stack.is_spent() {
            true => Ok(()),
            false => Err(Error::Damaged("something is left of its message")),
        }
    }
}

impl Engine {
    /// Packs pictures `[N, H, W]` of zeros and ones, as long as `go_on`, which is asked before each.
    ///
    /// # Errors
    /// A model whose pixels are not zeros and ones, other values, or nothing more of `go_on`.
    pub fn pack(&mut self, pictures: &[f32], go_on: &mut dyn FnMut() -> bool) -> Result<Packed> {
        let len = self.input.len();
        if !pictures.len().is_multiple_of(len) {
            let expected = format!("a multiple of {len} values");
            return Err(Error::argument("pictures", expected, pictures.len()));
        }
        let mut packing = Packing::start(self)?;
        for picture in pictures.chunks_exact(len) {
            if !go_on() {
                return Err(Error::Cancelled);
            }
            packing.push(self, picture)?;
        }
        Ok(packing.finish())
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
        let mut unpacking = Unpacking::start(self, words)?;
        let mut pictures = Vec::new();
        for _ in 0..count {
            if !go_on() {
                return Err(Error::Cancelled);
            }
            pictures.push(unpacking.pop(self)?);
        }
        unpacking.finish()?;
        pictures.reverse();
        Ok(pictures.concat())
    }

    fn is_black_and_white(&self) -> Result<()> {
        match self.likelihood {
            Likelihood::Bernoulli => Ok(()),
            _ => {
                let expected = "one of black and white pictures, with a Bernoulli likelihood";
                Err(Error::argument("model", expected, "another likelihood"))
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
