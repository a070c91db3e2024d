//! How late frames leave: a seeded distribution per socket that never reorders.

use core::f64::consts::TAU;

use quant_core::time::UnixMicros;

/// Why a delay is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "delay `{text}` is not understood\nhint: write `--delay 'GLOB=constant:MS'`, `=exponential:MEAN_MS` or `=lognormal:MEDIAN_MS,SIGMA`, e.g. `--delay '/public/*=lognormal:20,0.5'`"
)]
pub struct BadDelay {
    text: String,
}

/// Longest mean or constant delay, an hour: more is a typing error.
const MAX_MS: f64 = 3_600_000.0;

/// A distribution of delays.
///
/// # Units
/// Milliseconds of simulated time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// Always the same.
    Constant(f64),
    /// Exponential with this mean.
    Exponential(f64),
    /// Lognormal with this median and standard deviation of the logarithm.
    Lognormal(f64, f64),
}

impl Delay {
    fn parse(text: &str) -> Option<Self> {
        let (kind, numbers) = text.split_once(':')?;
        let mut numbers = numbers.split(',').map(|n| {
            let value: f64 = n.trim().parse().ok()?;
            (value.is_finite() && (0.0..=MAX_MS).contains(&value)).then_some(value)
        });
        let first = numbers.next()??;
        let second = numbers.next();
        match (kind, second) {
            ("constant", None) => Some(Self::Constant(first)),
            ("exponential", None) => Some(Self::Exponential(first)),
            ("lognormal", Some(Some(sigma))) if sigma <= 5.0 => numbers
                .next()
                .is_none()
                .then_some(Self::Lognormal(first, sigma)),
            _ => None,
        }
    }

    fn draw_us(self, rand: &mut Rand) -> i64 {
        let ms = match self {
            Self::Constant(ms) => ms,
            Self::Exponential(mean) => -mean * (1.0 - rand.unit()).ln(),
            Self::Lognormal(median, sigma) => median * (sigma * rand.normal()).exp(),
        };
        // The tail is cut far beyond anything plausible, so that the conversion cannot overflow.
        #[expect(clippy::cast_possible_truncation, reason = "bounded one line above")]
        let us = (ms.min(24.0 * MAX_MS) * 1e3) as i64;
        us
    }
}

/// Delays by path of the socket: the first rule whose glob matches decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DelayRules(Vec<(String, Delay)>);

impl DelayRules {
    /// Returns the rules of `GLOB=DISTRIBUTION` texts.
    ///
    /// # Errors
    /// The first text that is not one.
    pub fn parse(texts: &[String]) -> Result<Self, BadDelay> {
        let rules = texts.iter().map(|text| {
            text.split_once('=')
                .and_then(|(glob, delay)| Some((glob.to_owned(), Delay::parse(delay)?)))
                .ok_or_else(|| BadDelay { text: text.clone() })
        });
        Ok(Self(rules.collect::<Result<_, _>>()?))
    }

    /// Returns the delay of a socket at `path`; none without a matching rule.
    pub fn of(&self, path: &str) -> Option<Delay> {
        let rule = self.0.iter().find(|(glob, _)| glob_matches(glob, path));
        rule.map(|(_, delay)| *delay)
    }
}

/// Turns the instants at which the venue sends into the instants at which this socket delivers.
#[derive(Debug)]
pub struct Lateness {
    delay: Option<Delay>,
    rand: Rand,
    last: UnixMicros,
}

impl Lateness {
    /// Returns the lateness of one socket.
    pub const fn new(delay: Option<Delay>, seed: u64) -> Self {
        Self {
            delay,
            rand: Rand::new(seed),
            last: UnixMicros(i64::MIN),
        }
    }

    /// Returns when a frame sent at `ts` is delivered: never before the frame before it.
    pub fn release(&mut self, ts: UnixMicros) -> UnixMicros {
        let drawn = self.delay.map_or(0, |delay| delay.draw_us(&mut self.rand));
        self.last = UnixMicros(ts.0.saturating_add(drawn)).max(self.last);
        self.last
    }
}

/// A small seeded generator (splitmix64), enough for delays and fault dice.
#[derive(Clone, Debug)]
pub struct Rand(u64);

impl Rand {
    /// Returns a generator.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number in `[0, 1)`.
    pub const fn unit(&mut self) -> f64 {
        // 53 random bits: every value is exact.
        (self.bits() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// Returns a whole number in `[0, n)`; 0 for `n = 0`.
    pub fn below(&mut self, n: u32) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= unit() * n < 2^32"
        )]
        let value = (self.unit() * f64::from(n)) as u32;
        value
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }
}

/// Returns a seed for a part of something seeded: different texts and numbers give unrelated streams.
pub fn sub_seed(seed: u64, text: &str, number: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
    for byte in text.bytes().chain(number.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    Rand::new(hash).bits()
}

/// Returns whether `text` matches a pattern in which `*` stands for any run of characters.
pub fn glob_matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests;
