//! The entropy coder: asymmetric numeral systems (Duda 2009), last in, first out, in integers only.

use crate::{Error, Result};

/// Lowest value of the head of a stack.
const LOW: u64 = 1 << 32;

/// An interval of the integers below 2^bits, whose share is the probability of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Its first integer.
    pub start: u32,
    /// How many there are: at least one, and not all.
    pub count: u32,
}

/// A message to whose end symbols are pushed, and popped again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    head: u64,
    tail: Vec<u32>,
    /// Words that were popped before anything had been pushed.
    borrowed: usize,
    /// Whether there are any to be borrowed.
    lends: bool,
}

impl Stack {
    /// An empty message. What is popped of it is pseudo-random, always the same, and counted.
    pub fn new() -> Self {
        Self {
            head: first(),
            tail: Vec::new(),
            borrowed: 0,
            lends: true,
        }
    }

    /// A message that was written with [`Stack::into_words`].
    ///
    /// # Errors
    /// Words that no stack gives.
    pub fn from_words(words: &[u32]) -> Result<Self> {
        let damaged = Error::Damaged("its message is too short");
        let (tail, [high, low]) = words.split_last_chunk().ok_or(damaged)?;
        let head = u64::from(*high) << 32 | u64::from(*low);
        if head < LOW {
            return Err(Error::Damaged("its message has no end"));
        }
        Ok(Self {
            head,
            tail: tail.to_vec(),
            borrowed: 0,
            lends: false,
        })
    }

    /// The message.
    pub fn into_words(self) -> Vec<u32> {
        let mut words = self.tail;
        words.extend([(self.head >> 32) as u32, self.head as u32]);
        words
    }

    /// Words of the message so far.
    pub fn len(&self) -> usize {
        self.tail.len() + 2
    }

    /// Words that were borrowed so far.
    pub fn borrowed(&self) -> usize {
        self.borrowed
    }

    /// Whether nothing is left but what was borrowed.
    pub fn is_spent(&self) -> bool {
        let given_back = (1..=self.tail.len()).rev().map(word);
        self.head == first() && given_back.eq(self.tail.iter().copied())
    }

    /// Adds a symbol.
    pub fn push(&mut self, interval: Interval, bits: u32) {
        let count = u64::from(interval.count);
        if self.head >= count << (64 - bits) {
            self.tail.push(self.head as u32);
            self.head >>= 32;
        }
        self.head = ((self.head / count) << bits) + self.head % count + u64::from(interval.start);
    }

    /// Takes the last symbol: `find` says which interval an integer below 2^bits lies in, and what
    /// that means.
    ///
    /// # Errors
    /// A message that is at its end.
    pub fn pop<T>(&mut self, bits: u32, find: impl FnOnce(u32) -> (T, Interval)) -> Result<T> {
        let low = (self.head & ((1 << bits) - 1)) as u32;
        let (symbol, interval) = find(low);
        self.head =
            u64::from(interval.count) * (self.head >> bits) + u64::from(low - interval.start);
        if self.head < LOW {
            let word = match self.tail.pop() {
                Some(word) => word,
                None if self.lends => {
                    self.borrowed += 1;
                    word(self.borrowed)
                }
                None => return Err(Error::Damaged("its message ends too early")),
            };
            self.head = self.head << 32 | u64::from(word);
        }
        Ok(symbol)
    }
}

impl Default for Stack {
    fn default() -> Self {
        Self::new()
    }
}

/// The head of an empty message: its low bits are what is popped first.
fn first() -> u64 {
    LOW | u64::from(word(0))
}

/// Pseudo-random bits (SplitMix64, Steele et al. 2014).
fn word(number: usize) -> u32 {
    let mut z = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BITS: u32 = 12;

    fn interval(symbol: u32, size: u32) -> Interval {
        Interval {
            start: symbol * size,
            count: size,
        }
    }

    proptest! {
        /// Pushes and pops in any order are undone by pops and pushes.
        #[test]
        fn what_is_pushed_is_popped(symbols in prop::collection::vec((any::<bool>(), 0u32..4096, 0u32..12), 0..300)) {
            let mut stack = Stack::new();
            let mut popped = Vec::new();
            for &(push, value, log) in &symbols {
                let size = 1 << log;
                if push {
                    stack.push(interval(value / size, size), BITS);
                    popped.push(value / size);
                } else {
                    popped.push(stack.pop(BITS, |low| (low / size, interval(low / size, size))).unwrap());
                }
            }
            let borrowed = stack.borrowed();
            let mut stack = Stack::from_words(&stack.into_words()).unwrap();
            for (&(push, _, log), &symbol) in symbols.iter().zip(&popped).rev() {
                let size = 1 << log;
                if push {
                    let found = stack.pop(BITS, |low| (low / size, interval(low / size, size)));
                    prop_assert_eq!(found.unwrap(), symbol);
                } else {
                    stack.push(interval(symbol, size), BITS);
                }
            }
            prop_assert!(stack.is_spent());
            prop_assert_eq!(stack.tail.len(), borrowed);
        }
    }

    #[test]
    fn a_likely_symbol_costs_little() {
        let mut stack = Stack::new();
        let likely = Interval {
            start: 1,
            count: 4095,
        };
        (0..10_000).for_each(|_| stack.push(likely, BITS));
        // 10,000 · log₂ (4096 / 4095) = 3.5 bits.
        assert_eq!(stack.into_words().len(), 2);
    }

    #[test]
    fn a_message_cut_short_is_an_error() {
        for words in [&[][..], &[1], &[0, 7]] {
            assert!(Stack::from_words(words).is_err());
        }
        let mut stack = Stack::from_words(&[1, 0]).unwrap();
        let empty = stack.pop(BITS, |low| ((), interval(low, 1)));
        assert_eq!(empty, Err(Error::Damaged("its message ends too early")));
    }
}
