//! What resembles the inputs of a corpus: one of them, changed in a few places by chance. The
//! same seed makes the same of the same corpus.

/// Bytes and numbers at which parsers change their mind.
const EDGES: [u8; 12] = [
    0, 1, 0x7f, 0x80, 0xff, b'\n', b'\r', b' ', b'-', b'0', b'9', b'=',
];

/// An input grows no longer than this: what is slow finds little.
const LONGEST: usize = 4096;

/// A source of inputs.
pub(super) struct Mutation(u64);

impl Mutation {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of `inputs`, of which there is one at least, with some changes.
    pub(super) fn of(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut input = inputs[self.below(inputs.len())].clone();
        for _ in 0..=self.below(4) {
            let other = &inputs[self.below(inputs.len())];
            self.change(&mut input, other);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() - at + 1).min(self.below(64) + 1);
        let byte = match self.below(2) {
            0 => EDGES[self.below(EDGES.len())],
            _ => self.next().to_le_bytes()[0],
        };
        match self.below(7) {
            0 => input.insert(at, byte),
            1 => drop(input.drain(at..end)),
            2 => input.extend_from_within(at..end),
            3 => {
                let part = input[at..end].to_vec();
                drop(input.splice(at..at, part));
            }
            4 => {
                let from = self.below(other.len() + 1);
                let to = from + self.below(other.len() - from + 1);
                drop(input.splice(at..end, other[from..to].iter().copied()));
            }
            5 => {
                if let Some(it) = input.get_mut(at) {
                    *it ^= 1 << self.below(8);
                }
            }
            _ => {
                if let Some(it) = input.get_mut(at) {
                    *it = byte;
                }
            }
        }
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    /// The next of SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_what_comes() {
        let some = |seed| {
            let inputs = [b"one".to_vec(), b"another".to_vec(), Vec::new()];
            let mut mutation = Mutation::new(seed);
            [(); 100].map(|()| mutation.of(&inputs))
        };
        assert_eq!(some(7), some(7));
        assert_ne!(some(7), some(8));
    }
}
