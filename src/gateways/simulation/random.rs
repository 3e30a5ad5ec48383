//! Chance that is the same at every run: a seeded generator for jitter, names and made-up values.
//! Nothing here is fit to protect anything real.

use std::time::Duration;

/// Splitmix64: small, fast, and good enough for jitter.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number below `bound`.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// A time between these two, in milliseconds.
    pub(super) const fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most.saturating_sub(least) + 1))
    }

    /// This many bytes as lower-case hex.
    pub(super) fn hex(&mut self, bytes: usize) -> String {
        let digits = (0..bytes * 2).filter_map(|_| char::from_digit(u32::try_from(self.below(16)).unwrap_or(0), 16));
        digits.collect()
    }

    /// A uid in the usual form.
    pub(super) fn uuid(&mut self) -> String {
        format!("{}-{}-4{}-a{}-{}", self.hex(4), self.hex(2), self.fragment(3), self.fragment(3), self.hex(6))
    }

    fn fragment(&mut self, digits: usize) -> String {
        self.hex(2).chars().take(digits).collect()
    }

    /// The five characters at the end of a pod's name.
    pub(super) fn suffix(&mut self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..5)
            .filter_map(|_| LETTERS.get(usize::try_from(self.below(LETTERS.len() as u64)).ok()?))
            .map(|b| char::from(*b))
            .collect()
    }
}
