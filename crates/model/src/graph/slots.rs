//! The pass that gives values their places in memory.

use super::fuse::Schedule;

/// Which values share memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// The slot of each value; `None` for one that is never written.
    pub of: Vec<Option<usize>>,
    /// The length of each slot, in f32 for one item.
    pub sizes: Vec<usize>,
}

impl Slots {
    /// Gives each value a slot, so that values alive at the same time never share one: a small
    /// register allocation. What an entry point reads or writes, and the values in `kept`, have
    /// slots of their own. `len` is the number of f32 that a value takes.
    pub fn new(schedule: &Schedule, kept: &[usize], len: &dyn Fn(usize) -> usize) -> Self {
        let mut slots = Self {
            of: vec![None; schedule.values.len()],
            sizes: Vec::new(),
        };
        let entries = schedule.entries.iter();
        let ends = entries.flat_map(|entry| entry.inputs.iter().chain(&entry.outputs));
        for &value in ends.chain(kept) {
            if slots.of[value].is_none() {
                slots.of[value] = Some(slots.sizes.len());
                slots.sizes.push(len(value));
            }
        }
        let mut last_use = vec![0; schedule.values.len()];
        for (i, step) in schedule.steps.iter().enumerate() {
            for value in step.reads() {
                last_use[value] = i;
            }
        }
        let own = slots.sizes.len();
        // For each other slot the step after which it is free again.
        let mut busy_until: Vec<usize> = Vec::new();
        for (i, step) in schedule.steps.iter().enumerate() {
            let value = step.output;
            if slots.of[value].is_some() {
                continue;
            }
            let free = busy_until.iter().position(|&until| until < i);
            let slot = free.unwrap_or_else(|| {
                busy_until.push(0);
                slots.sizes.push(0);
                busy_until.len() - 1
            });
            busy_until[slot] = last_use[value].max(i);
            slots.of[value] = Some(own + slot);
            slots.sizes[own + slot] = slots.sizes[own + slot].max(len(value));
        }
        slots
    }
}
