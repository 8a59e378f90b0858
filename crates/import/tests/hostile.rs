//! Ten thousand damaged files of every kind: each is an error or a model. None panics, and none takes more than a
//! second or 256 MB.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixtures;

use std::time::Duration;
use vaelet_import::{Options, import};
use vaelet_reference::limits::{Counting, measure};

const CASES: usize = 10_000;
const MOST_BYTES: usize = 256 << 20;
const MOST_TIME: Duration = Duration::from_secs(1);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Xorshift (Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }

    /// Changes one to four places: a byte, a number of 4 or 8 bytes, digits, or a piece that is cut, doubled or moved.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(4) {
            let at = self.below(bytes.len());
            let edge = [
                0_u64,
                1,
                0x7f,
                0xff,
                0xffff,
                0x7fff_ffff,
                0xffff_ffff,
                u64::MAX / 2,
                u64::MAX,
            ][self.below(9)];
            match self.below(9) {
                0..=2 => {
                    let byte = self.below(256) as u8;
                    bytes.get_mut(at).into_iter().for_each(|old| *old = byte);
                }
                3 | 4 => {
                    let size = [1, 4, 8][self.below(3)];
                    let number = &edge.to_le_bytes()[..size];
                    if let Some(place) = bytes.get_mut(at..at + size) {
                        place.copy_from_slice(number);
                    }
                }
                5 => {
                    let digit = |i: &usize| bytes[*i].is_ascii_digit();
                    let digits: Vec<usize> = (0..bytes.len()).filter(digit).take(5000).collect();
                    if let Some(&i) = digits.get(self.below(digits.len())) {
                        bytes.splice(i..=i, edge.to_string().into_bytes());
                    }
                }
                6 => bytes.truncate(at),
                7 => {
                    let piece = bytes[at..(at + self.below(64)).min(bytes.len())].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, piece);
                }
                _ => {
                    let end = (at + self.below(64)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
    }
}

#[test]
fn damaged_files_are_errors_or_models() {
    let kinds = fixtures::all();
    let options = Options {
        name: "mine".into(),
        shape: Some([1, 8, 8]),
        ..Options::default()
    };
    let (mut dice, mut errors) = (Dice(0x2545_f491_4f6c_dd1d), 0);
    for case in 0..CASES {
        let (kind, files) = &kinds[case % kinds.len()];
        let mut files = files.clone();
        let which = dice.below(files.len());
        dice.damage(&mut files[which].bytes);
        let (result, most, took) = measure(|| import(&files, &options));
        errors += usize::from(result.is_err());
        assert!(most <= MOST_BYTES, "case {case}, {kind}: {most} bytes");
        assert!(took <= MOST_TIME, "case {case}, {kind}: {took:?}");
    }
    assert!(errors > CASES / 10 && errors < CASES, "{errors} errors");
}
