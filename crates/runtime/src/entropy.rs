//! Random bytes: a cryptographic generator seeded by the system, or by a test.

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// A cryptographically strong generator; ChaCha12 keyed once, so that drawing needs no system call.
pub(crate) struct Entropy(StdRng);

impl Entropy {
    pub(crate) fn system() -> Self {
        Self(StdRng::from_os_rng())
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        self.0.fill_bytes(buffer);
    }
}
