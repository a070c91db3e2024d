//! Circular block bootstrap of a correlation: dependence up to a block's length is kept, none is assumed beyond.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use crate::stats::{Undefined, quantile};

/// Draws block starts; the same key gives the same starts on every machine and in every thread.
#[derive(Debug)]
pub struct BlockDraws {
    rng: ChaCha8Rng,
}

impl BlockDraws {
    /// Returns the draws of a seed and the name of what is resampled; another name gives other draws.
    ///
    /// # Determinism
    /// `ChaCha8` keyed with sha256 over the seed and the name: results do not depend on what else is resampled.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"block bootstrap\0");
        hash.update(seed.to_le_bytes());
        hash.update(name.as_bytes());
        Self {
            rng: ChaCha8Rng::from_seed(hash.finalize().into()),
        }
    }

    /// Returns a position in `0..n`; the bias of n / 2^64 is below anything measurable. 0 for `n = 0`.
    pub fn start(&mut self, n: usize) -> usize {
        let wide = u128::from(self.rng.next_u64()) * (n as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }
}

/// Sums from which a correlation follows: count, x, y, x^2, y^2, xy.
type Sums = [f64; 6];

/// Running sums over a circle of pairs: those of any block are two look-ups away.
#[derive(Clone, Debug)]
struct CircularSums {
    /// `before[i]` sums the positions `0..i`.
    before: Vec<Sums>,
}

impl CircularSums {
    fn new(xs: &[f64], ys: &[f64]) -> Self {
        let mut before = Vec::with_capacity(xs.len() + 1);
        let mut total = [0.0; 6];
        before.push(total);
        for (x, y) in xs.iter().zip(ys) {
            if x.is_finite() && y.is_finite() {
                let terms = [1.0, *x, *y, x * x, y * y, x * y];
                total.iter_mut().zip(terms).for_each(|(t, d)| *t += d);
            }
            before.push(total);
        }
        Self { before }
    }

    const fn len(&self) -> usize {
        self.before.len() - 1
    }

    /// Adds the sums of the positions `from..to`.
    fn add(&self, sums: &mut Sums, from: usize, to: usize) {
        let (low, high) = (&self.before[from], &self.before[to]);
        for (s, (h, l)) in sums.iter_mut().zip(high.iter().zip(low)) {
            *s += h - l;
        }
    }

    /// Adds the block of `len` positions from `start`, around the end if need be; `len` is at most the circle.
    fn add_block(&self, sums: &mut Sums, start: usize, len: usize) {
        let end = start + len;
        self.add(sums, start, end.min(self.len()));
        if end > self.len() {
            self.add(sums, 0, end - self.len());
        }
    }
}

/// Returns the correlation of resampled sums; `None` where a sample does not vary.
fn correlation_of([n, x, y, xx, yy, xy]: Sums) -> Option<f64> {
    let (vx, vy) = (xx - x * x / n, yy - y * y / n);
    // Inputs are standardised: what rounding leaves of a constant sample is far below this.
    if n < 2.0 || vx <= 1e-9 * n || vy <= 1e-9 * n {
        return None;
    }
    let r = (xy - x * y / n) / (vx * vy).sqrt();
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// Returns Pearson's correlation of `replicates` resamples of the pairs, in the order they are drawn.
///
/// Positions are equally spaced instants; a position where either value is not finite has no pair but keeps its place, so a
/// block is a stretch of time. Each resample is `ceil(n / block)` blocks with uniform starts on the circle of positions,
/// the last one cut. A resample without variation is left out.
///
/// Values should be standardised: sums of squares are taken over all positions.
///
/// # Errors
/// `OutOfDomain` for samples of different length or a block of 0; `TooFew` unless two blocks fit into the sample.
///
/// # Complexity
/// O(n + replicates * n / block).
///
/// # References
/// Politis and Romano 1992, "A circular block-resampling procedure for stationary data".
pub fn bootstrap_correlation(
    xs: &[f64],
    ys: &[f64],
    block: usize,
    replicates: usize,
    draws: &mut BlockDraws,
) -> Result<Vec<f64>, Undefined> {
    let n = xs.len();
    if n != ys.len() {
        return Err(Undefined::OutOfDomain {
            what: "length of the second sample",
        });
    }
    if block == 0 {
        return Err(Undefined::OutOfDomain { what: "block" });
    }
    if n < 2 * block {
        return Err(Undefined::TooFew {
            n,
            needed: 2 * block,
        });
    }
    let circle = CircularSums::new(xs, ys);
    let mut out = Vec::with_capacity(replicates);
    for _ in 0..replicates {
        let (mut sums, mut left) = ([0.0; 6], n);
        while left > 0 {
            let len = block.min(left);
            circle.add_block(&mut sums, draws.start(n), len);
            left -= len;
        }
        out.extend(correlation_of(sums));
    }
    Ok(out)
}

/// Returns the percentile interval of bootstrap replicates at a confidence level.
///
/// # Errors
/// `OutOfDomain` unless `0 < level < 1`; `TooFew` below 20 replicates, whose tails say nothing.
///
/// # References
/// Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
pub fn percentile_interval(replicates: &[f64], level: f64) -> Result<(f64, f64), Undefined> {
    if !(level > 0.0 && level < 1.0) {
        return Err(Undefined::OutOfDomain { what: "level" });
    }
    if replicates.len() < 20 {
        return Err(Undefined::TooFew {
            n: replicates.len(),
            needed: 20,
        });
    }
    let tail = (1.0 - level) / 2.0;
    Ok((
        quantile(replicates, tail)?,
        quantile(replicates, 1.0 - tail)?,
    ))
}
