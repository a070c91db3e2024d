//! Random draws for the simulator: `ChaCha8` keyed by a hash, and a few laws with fixed algorithms.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A seeded stream of draws.
#[derive(Debug)]
pub(super) struct Rand {
    rng: ChaCha8Rng,
    spare: Option<f64>,
}

impl Rand {
    /// Returns the stream of a key; parts are length-prefixed, so no two lists of parts share a key.
    pub(super) fn keyed(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self {
            rng: ChaCha8Rng::from_seed(hash.finalize().into()),
            spare: None,
        }
    }

    /// Returns a uniform number in [0, 1) with 53 random bits.
    pub(super) fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Returns a uniform integer in `0..n`; the bias of n / 2^64 is below anything measurable.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.rng.next_u64()) * u128::from(n);
        (wide >> 64) as u64
    }

    /// Returns whether an event of probability `p` happens.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Returns a standard normal draw (Marsaglia's polar method, both halves used).
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(z) = self.spare.take() {
            return z;
        }
        loop {
            let (u, v) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let k = (-2.0 * libm::log(s) / s).sqrt();
                self.spare = Some(v * k);
                return u * k;
            }
        }
    }

    /// Returns a Poisson count: by products of uniforms for small means, by the rounded normal law for large ones.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=1e9 before the cast"
    )]
    pub(super) fn poisson(&mut self, mean: f64) -> u32 {
        if mean > 30.0 {
            return libm::round(mean + mean.sqrt() * self.normal()).clamp(0.0, 1e9) as u32;
        }
        let floor = libm::exp(-mean);
        let mut product = self.unit();
        let mut n = 0;
        while product > floor {
            product *= self.unit();
            n += 1;
        }
        n
    }
}
