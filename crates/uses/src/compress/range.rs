//! The entropy coder of a few bytes: arithmetic coding in integers (Witten et al. 1987; the range coder
//! of Martin 1979), first in, first out, which ends with the shortest string of bytes that will do.

use super::stack::Interval;

/// Bits of the range, and of what is left of it before a byte goes out.
const TOP: u32 = 56;
const LEAST: u64 = 1 << 48;

/// Takes symbols.
pub struct Encoder {
    bytes: Vec<u8>,
    /// The part of the number below the bytes that have gone out, and how far it may still go.
    low: u64,
    range: u64,
}

impl Encoder {
    /// The empty message.
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            low: 0,
            range: 1 << TOP,
        }
    }

    /// Adds a symbol.
    pub fn push(&mut self, interval: Interval, bits: u32) {
        let unit = self.range >> bits;
        self.low += unit * u64::from(interval.start);
        self.range = unit * u64::from(interval.count);
        while self.range < LEAST {
            self.carry();
            self.bytes.push((self.low >> (TOP - 8)) as u8);
            self.low = (self.low << 8) & ((1 << TOP) - 1);
            self.range <<= 8;
        }
    }

    /// What has grown out of `low` belongs to the bytes before.
    fn carry(&mut self) {
        if self.low >> TOP > 0 {
            self.low &= (1 << TOP) - 1;
            for byte in self.bytes.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }

    /// The message, without zeros at its end.
    pub fn finish(mut self) -> Vec<u8> {
        // The number in the range with the most zeros at its end.
        let bytes = (0..=TOP / 8).find_map(|bytes| {
            let rest = (1_u64 << (TOP - 8 * bytes)) - 1;
            let number = (self.low + rest) & !rest;
            (number < self.low + self.range).then_some((number, bytes))
        });
        let (number, count) = bytes.unwrap_or((self.low, TOP / 8));
        self.low = number;
        self.carry();
        for i in 1..=count {
            self.bytes.push((self.low >> (TOP - 8 * i)) as u8);
        }
        while self.bytes.last() == Some(&0) {
            self.bytes.pop();
        }
        self.bytes
    }
}

/// Gives them back, whatever the bytes; after the end there are zeros.
pub struct Decoder<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Of the number, what is above the low end of the range.
    above: u64,
    range: u64,
}

impl<'a> Decoder<'a> {
    /// Of a message.
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self {
            bytes: bytes.iter(),
            above: 0,
            range: 1 << TOP,
        };
        (0..TOP / 8).for_each(|_| decoder.shift());
        decoder
    }

    fn shift(&mut self) {
        let byte = self.bytes.next().copied().unwrap_or(0);
        self.above = self.above << 8 | u64::from(byte);
    }

    /// The next symbol: `find` says which interval an integer below 2^bits lies in, and what that means.
    pub fn pop<T>(&mut self, bits: u32, find: impl FnOnce(u32) -> (T, Interval)) -> T {
        let unit = self.range >> bits;
        // Beyond the last interval there is a rest, into which only other bytes than an encoder's lead.
        let number = (self.above / unit).min((1 << bits) - 1);
        let (symbol, interval) = find(number as u32);
        self.above -= unit * u64::from(interval.start);
        self.range = unit * u64::from(interval.count);
        self.above = self.above.min(self.range - 1);
        while self.range < LEAST {
            self.range <<= 8;
            self.shift();
        }
        symbol
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interval(value: u32, log: u32) -> Interval {
        let size = 1 << log;
        Interval {
            start: value / size * size,
            count: size,
        }
    }

    proptest! {
        #[test]
        fn what_is_pushed_comes_back(symbols in prop::collection::vec((0u32..1 << 24, 0u32..=24), 0..90)) {
            let mut encoder = Encoder::new();
            for &(value, log) in &symbols {
                encoder.push(interval(value, log), 24);
            }
            let bytes = encoder.finish();
            let bits: u32 = symbols.iter().map(|(_, log)| 24 - log).sum();
            prop_assert!(bytes.len() as u32 <= bits.div_ceil(8), "{} bits in {} bytes", bits, bytes.len());
            let mut decoder = Decoder::new(&bytes);
            for &(value, log) in &symbols {
                let found = decoder.pop(24, |low| (low >> log, interval(low, log)));
                prop_assert_eq!(found, value >> log);
            }
        }

        #[test]
        fn any_bytes_are_symbols(bytes in prop::collection::vec(any::<u8>(), 0..40), odd in 1u32..255) {
            let mut decoder = Decoder::new(&bytes);
            for _ in 0..60 {
                let found = decoder.pop(8, |low| match low < odd {
                    true => (low, Interval { start: 0, count: odd }),
                    false => (low, Interval { start: odd, count: 256 - odd }),
                });
                prop_assert!(found < 256);
            }
        }
    }
}
