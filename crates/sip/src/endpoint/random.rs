//! Unpredictable values for tags and branches, from a seed that the caller drew: SHA-256 in counter mode.

use sha2::{Digest, Sha256};

/// A generator that gives the same values for the same seed.
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0, block: [0; 32], used: 32 }
    }

    /// The next 64 bits: more than the 32 that RFC 3261 §19.3 asks of a tag.
    pub(crate) fn draw(&mut self) -> u64 {
        if self.used == self.block.len() {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.counter.to_le_bytes());
            self.block = hash.finalize().into();
            self.counter += 1;
            self.used = 0;
        }
        let mut word = [0; 8];
        word.copy_from_slice(&self.block[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(word)
    }
}

/// Writes `value` as 16 lower-case hexadecimal digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, value: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for shift in (0..16).rev() {
        out.push(DIGITS[usize::from((value >> (shift * 4)) as u8 & 15)]);
    }
}

/// Reads 16 lower-case hexadecimal digits.
pub(crate) fn read_hex(digits: &[u8]) -> Option<u64> {
    if digits.len() != 16 {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_values() {
        let draws = |seed: u8| {
            let mut random = Random::new([seed; 32]);
            (0..9).map(|_| random.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
        let mut distinct = draws(1);
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 9);
    }

    #[test]
    fn hexadecimal_digits_read_back() {
        let mut digits = Vec::new();
        push_hex(&mut digits, 0x00fe_dcba_9876_5432);
        assert_eq!(digits, b"00fedcba98765432");
        assert_eq!(read_hex(&digits), Some(0x00fe_dcba_9876_5432));
        assert_eq!(read_hex(b"00fedcba9876543G"), None);
        assert_eq!(read_hex(b"1"), None);
    }
}
