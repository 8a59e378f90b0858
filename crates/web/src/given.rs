//! What calls are given beside their values. The first program runs no model that takes any, and is smaller without.

/// What the next calls are given.
#[derive(Default)]
pub struct Given {
    #[cfg(feature = "full")]
    both: [Vec<usize>; 2],
}

impl Given {
    /// The class of each item; none in a model without a condition.
    pub fn classes(&self) -> &[usize] {
        self.part(0)
    }

    /// The symbols of each text so far, for a decoder that reads them.
    pub fn written(&self) -> &[usize] {
        self.part(1)
    }

    #[cfg(feature = "full")]
    pub fn set(&mut self, classes: Vec<usize>, written: Vec<usize>) {
        self.both = [classes, written];
    }

    #[cfg(feature = "full")]
    fn part(&self, i: usize) -> &[usize] {
        &self.both[i]
    }

    #[cfg(not(feature = "full"))]
    fn part(&self, _: usize) -> &[usize] {
        &[]
    }
}
