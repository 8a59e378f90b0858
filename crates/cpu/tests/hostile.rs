//! Ten thousand damaged model files: each is an error or a model that runs. None panics, and none
//! takes more than a second or 256 MB. The targets in `fuzz/` run without a limit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod zeros;

use std::fs;
use std::path::Path;
use std::time::Duration;
use vaelet_model::Architecture;
use vaelet_reference::limits::{Counting, measure};
use zeros::{describe, run, zeros};

/// The smallest released models.
const SEEDS: [&str; 3] = ["faces-map", "digits-beta-4", "digits-map"];
const CASES: u64 = 10_000;
/// One case in this many damages the weights, the others the description.
const WEIGHTS: u64 = 5;
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

    /// A number that readers may handle wrongly.
    fn number(&mut self, old: &str) -> String {
        let old: u64 = old.parse().unwrap_or(0);
        let edges = [8, 16, 24, 31, 32, 53, 63].map(|bits| 1_u64 << bits);
        match self.below(8) {
            0 => ["-1", "0.5", "1e999", "-0", "1e-999", "0e999999", "1e9"][self.below(7)].into(),
            1 | 2 => (edges[self.below(7)] - 1 + self.below(3) as u64).to_string(),
            3 => self.below(10).to_string(),
            4 => old.saturating_mul(2).to_string(),
            5 => (old + 1).to_string(),
            6 => old.saturating_sub(1).to_string(),
            _ => "9".repeat(1 + self.below(400)),
        }
    }

    /// Changes one to three numbers, bracketed values or bytes of a text.
    fn damage(&mut self, text: &mut Vec<u8>) {
        for _ in 0..1 + self.below(3) {
            match self.below(10) {
                0..=4 => self.change_number(text),
                5 | 6 => self.copy_value(text),
                7 => text.truncate(self.below(text.len() + 1)),
                8 => {
                    let at = self.below(text.len() + 1);
                    text.insert(at, b"{}[]\",:0-e.\\ \x00\xff"[self.below(15)]);
                }
                _ => {
                    let (at, byte) = (self.below(text.len()), self.below(256) as u8);
                    text.get_mut(at).into_iter().for_each(|old| *old = byte);
                }
            }
        }
    }

    fn change_number(&mut self, text: &mut Vec<u8>) {
        let is_digit = |i: usize| text[i].is_ascii_digit();
        let starts: Vec<usize> = (1..text.len())
            .filter(|&i| is_digit(i) && b" :[,".contains(&text[i - 1]))
            .collect();
        // Most numbers are pixels of the examples, which are all alike. So most often it changes
        // a number that follows a name.
        let named = starts
            .iter()
            .copied()
            .filter(|&i| text[i - 1] == b':' || text[i - 1] == b' ');
        let named: Vec<usize> = named.collect();
        let starts = if named.is_empty() || self.below(10) == 0 {
            starts
        } else {
            named
        };
        let Some(&start) = starts.get(self.below(starts.len())) else {
            return;
        };
        let end = (start..text.len())
            .find(|&i| !is_digit(i))
            .unwrap_or(text.len());
        let old = String::from_utf8_lossy(&text[start..end]).into_owned();
        let new = self.number(&old);
        text.splice(start..end, new.into_bytes());
    }

    /// Replaces a bracketed value by a copy of another, or inserts up to a thousand copies after
    /// it.
    fn copy_value(&mut self, text: &mut Vec<u8>) {
        let (mut open, mut values) = (Vec::new(), Vec::new());
        for (i, byte) in text.iter().enumerate() {
            match byte {
                b'{' | b'[' => open.push(i),
                b'}' | b']' => values.extend(open.pop().map(|start| start..i + 1)),
                _ => {}
            }
        }
        if values.is_empty() {
            return;
        }
        let from = values[self.below(values.len())].clone();
        let value = text[from.clone()].to_vec();
        if self.below(2) == 0 {
            let to = values[self.below(values.len())].clone();
            text.splice(to, value);
        } else if value.len() < 1_000 {
            let copies = 1 + self.below(1_000);
            let copies = [b",", value.as_slice()].concat().repeat(copies);
            text.splice(from.end..from.end, copies);
        }
    }
}

#[test]
fn damaged_models_are_errors_with_bounded_cost() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let seeds = SEEDS.map(|name| {
        let json = fs::read_to_string(folder.join(name).join("model.json")).unwrap();
        let weights = fs::read(folder.join(name).join("weights.safetensors")).unwrap();
        run(&json, &weights).unwrap();
        let described = Architecture::read(&json).unwrap().spec.weights;
        (json, weights, described)
    });
    let (mut rejected, mut read) = (0, 0);
    for case in 0..CASES {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (case + 1));
        dice.below(1);
        let (json, weights, described) = &seeds[dice.below(seeds.len())];
        let (json, weights) = if case % WEIGHTS == 0 {
            let (length, rest) = weights.split_at(8);
            let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
            let mut header = rest[..length].to_vec();
            let mut values = rest[length..].to_vec();
            match dice.below(4) {
                0 => dice.damage(&mut values),
                _ => dice.damage(&mut header),
            }
            let mut length = header.len() as u64;
            if dice.below(20) == 0 {
                length = 1 << dice.below(64);
            }
            let weights = [&length.to_le_bytes(), header.as_slice(), &values].concat();
            (describe(json, described, &weights), weights)
        } else {
            let mut text = json.clone().into_bytes();
            dice.damage(&mut text);
            let text = String::from_utf8_lossy(&text).into_owned();
            match Architecture::read(&text) {
                // It gets weights that match, so that the model is also built.
                Ok(architecture) => {
                    let weights = zeros(&architecture);
                    (
                        describe(&text, &architecture.spec.weights, &weights),
                        weights,
                    )
                }
                Err(_) => (text, Vec::new()),
            }
        };

        let (result, most, took) = measure(|| run(&json, &weights));
        let what = || format!("case {case}: {:.2000}", json);
        assert!(most <= MOST_BYTES, "{most} bytes, {}", what());
        assert!(took <= MOST_TIME, "{took:?}, {}", what());
        match result {
            Ok(()) => read += 1,
            Err(error) => {
                assert!(error.to_string().len() < 1_000, "{}", what());
                rejected += 1;
            }
        }
    }
    // A changed title or weight may be valid; almost every other change is an error.
    assert!(rejected > CASES / 2, "{rejected} rejected, {read} read");
    assert!(read > CASES / 100, "{rejected} rejected, {read} read");
}
