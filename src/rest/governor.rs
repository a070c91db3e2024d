//! Limits of one host, shared by every thread that talks to it: weights per window, and holds during which nothing is sent.
//!
//! Weights are counted over a window that slides with every request, so that a venue which counts fixed windows never sees
//! more than its limit either, whatever its windows are aligned to. Pure: time is an argument.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quant_core::market::Venue;

/// At most `max` of weight in any `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Name that requests give.
    pub bucket: &'static str,
    /// Length of the window.
    pub window: Duration,
    /// Largest weight.
    pub max: u32,
}

impl Quota {
    /// Returns a quota.
    pub const fn new(bucket: &'static str, window: Duration, max: u32) -> Self {
        Self {
            bucket,
            window,
            max,
        }
    }
}

/// Binance's weight per minute and address.
pub const BINANCE_WEIGHT: &str = "binance-weight";
/// Binance's spot weight per minute and address.
pub const BINANCE_SPOT_WEIGHT: &str = "binance-spot-weight";
/// Binance's `fundingRate` and `fundingInfo`.
pub const BINANCE_FUNDING: &str = "binance-funding";
/// Binance's `/futures/data`.
pub const BINANCE_DATA: &str = "binance-data";
/// OKX's `history-candles`, `history-trades`, `instruments`: 20 per 2 s each.
pub const OKX_CANDLES: &str = "okx-candles";
/// OKX's `history-trades`.
pub const OKX_TRADES: &str = "okx-trades";
/// OKX's `public/*`, the slowest of which takes 10 per 2 s.
pub const OKX_PUBLIC: &str = "okx-public";
/// OKX's `market-data-history`.
pub const OKX_HISTORY: &str = "okx-history";
/// Deepcoin's ordinary routes.
pub const DEEPCOIN: &str = "deepcoin";
/// Deepcoin's trades and each `handicap-*` route.
pub const DEEPCOIN_SLOW: &str = "deepcoin-slow";
/// Hyperliquid's weight per minute and address.
pub const HYPERLIQUID: &str = "hyperliquid";

/// Returns the limits we keep to on a venue's hosts.
///
/// They are below the published ones by a tenth or so: other programs may share the address, and requests that left a
/// window apart may arrive a little closer together.
pub fn quotas_of(venue: Venue) -> Vec<Quota> {
    let seconds = Duration::from_secs;
    // One request later than the window says: what arrives must be a window apart, not what is sent.
    let slack = Duration::from_millis(100);
    match venue {
        Venue::Binance => vec![
            // 2,400 per minute (exchangeInfo.rateLimits).
            Quota::new(BINANCE_WEIGHT, seconds(60), 2_160),
            // 6,000 per minute.
            Quota::new(BINANCE_SPOT_WEIGHT, seconds(60), 5_400),
            // 500 per five minutes.
            Quota::new(BINANCE_FUNDING, seconds(300), 450),
            // 1,000 per five minutes.
            Quota::new(BINANCE_DATA, seconds(300), 900),
        ],
        Venue::Okx => vec![
            // 20 per 2 s; some copies of the document say 10 for history-trades.
            Quota::new(OKX_CANDLES, seconds(2) + slack, 18),
            Quota::new(OKX_TRADES, seconds(2) + slack, 9),
            Quota::new(OKX_PUBLIC, seconds(2) + slack, 9),
            // 5 per 2 s on paper; answers 429 at one per second (measured), is content with one per 2 s.
            Quota::new(OKX_HISTORY, seconds(2) + slack, 1),
        ],
        Venue::Deepcoin => vec![
            Quota::new(DEEPCOIN, seconds(1) + slack, 4),
            Quota::new(DEEPCOIN_SLOW, seconds(1) + slack, 1),
        ],
        // 1,200 per minute.
        Venue::Hyperliquid => vec![Quota::new(HYPERLIQUID, seconds(60), 1_080)],
        Venue::Bybit | Venue::Csv => Vec::new(),
    }
}

/// Whether a request may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Now; it has been counted.
    Go,
    /// When this much time has passed, by our own limits.
    Wait(Duration),
    /// The host told us to stay away this much longer.
    Held {
        /// How long.
        wait: Duration,
        /// With which status.
        status: u16,
    },
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    until: Duration,
    status: u16,
}

#[derive(Debug, Default)]
struct State {
    spent: BTreeMap<&'static str, VecDeque<(Duration, u32)>>,
    hold: Option<Hold>,
}

/// Limits and holds of one host.
#[derive(Debug)]
pub struct Governor {
    quotas: Vec<Quota>,
    state: Mutex<State>,
}

impl Governor {
    /// Returns a governor that has seen nothing yet; buckets without a quota are not limited.
    pub fn new(quotas: Vec<Quota>) -> Self {
        Self {
            quotas,
            state: Mutex::default(),
        }
    }

    /// Asks for leave to send a request of `weight` at `now`.
    pub fn ask(&self, bucket: &'static str, weight: u32, now: Duration) -> Grant {
        let mut state = self.state();
        if let Some(hold) = state.hold {
            if now < hold.until {
                return Grant::Held {
                    wait: hold.until.saturating_sub(now),
                    status: hold.status,
                };
            }
            state.hold = None;
        }
        let Some(quota) = self.quotas.iter().find(|q| q.bucket == bucket) else {
            return Grant::Go;
        };
        // A request heavier than the quota goes alone: it can be no lighter.
        let weight = weight.min(quota.max);
        let spent = state.spent.entry(bucket).or_default();
        while spent
            .front()
            .is_some_and(|(at, _)| *at + quota.window <= now)
        {
            spent.pop_front();
        }
        let used: u32 = spent.iter().map(|(_, w)| *w).sum();
        let mut over = (used + weight).saturating_sub(quota.max);
        if over == 0 {
            spent.push_back((now, weight));
            return Grant::Go;
        }
        for (at, w) in spent.iter() {
            if over <= *w {
                return Grant::Wait((*at + quota.window).saturating_sub(now));
            }
            over -= w;
        }
        Grant::Wait(quota.window)
    }

    /// Takes note of the weight the host says is used in its current window: others may share the address.
    pub fn report_used(&self, bucket: &'static str, used: u32, now: Duration) {
        let mut state = self.state();
        let Some(quota) = self.quotas.iter().find(|q| q.bucket == bucket) else {
            return;
        };
        let spent = state.spent.entry(bucket).or_default();
        let ours: u32 = spent
            .iter()
            .filter(|(at, _)| *at + quota.window > now)
            .map(|(_, w)| *w)
            .sum();
        if used > ours {
            spent.push_back((now, used - ours));
        }
    }

    /// Sends nothing before `until`; a shorter hold never replaces a longer one.
    pub fn hold(&self, until: Duration, status: u16) {
        let mut state = self.state();
        if state.hold.is_none_or(|hold| hold.until < until) {
            state.hold = Some(Hold { until, status });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
