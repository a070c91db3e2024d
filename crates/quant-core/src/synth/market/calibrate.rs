//! Finds the rates at which an instrument has its matches and quotes per day, by measuring trial minutes.

use crate::synth::event::SimMinute;
use crate::synth::market::factor::SHOCKS_PER_MINUTE;
use crate::synth::market::maker::{AT_TOUCH, ticks};
use crate::synth::market::taker::MATCHES_PER_FILL;
use crate::synth::market::{MinuteModel, OrderBookMarket};
use crate::synth::world::{InstrumentParams, WorldParams};

/// Rates of one instrument in an average minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// Taker orders per second.
    pub(super) orders: f64,
    /// Limit and cancel events per second.
    pub(super) rests: f64,
    /// Shortest time between two looks of the makers at the efficient price, microseconds.
    pub(super) look_gap: i64,
    /// Chance that an informed order goes ahead of a move.
    pub(super) informed: f64,
}

/// Share of the orders that are informed, where there are any.
const INFORMED_SHARE: f64 = 0.15;
/// Largest share of the quotes that may come from following the efficient price; a slow instrument looks less often.
const FOLLOW_SHARE: f64 = 0.35;
/// Quotes and matches a trial should see: a standard error of about 1.5 %.
const TRIAL_EVENTS: f64 = 5_000.0;
const MOST_TRIAL_MINUTES: f64 = 720.0;
/// Lengths of the trials: two rough ones to come near, one to finish.
const TRIALS: [f64; 3] = [0.2, 0.3, 1.0];
const SECONDS_PER_DAY: f64 = 86_400.0;

impl Rates {
    /// Returns the taker orders per second that come from the flow and not from information.
    pub(super) fn flow_orders(&self) -> f64 {
        (self.orders - self.informed * SHOCKS_PER_SECOND).max(0.1 * self.orders)
    }
}

/// Shocks of the efficient price per second, of two factors.
const SHOCKS_PER_SECOND: f64 = 2.0 * SHOCKS_PER_MINUTE / 60.0;

/// Returns the rates of an instrument. A pure function of what the market itself is a function of.
pub(super) fn rates(world: &WorldParams, params: &InstrumentParams) -> Rates {
    let is_null = world.profile == crate::synth::world::MarketProfile::Null;
    let matches = f64::from(params.trades_per_day) / SECONDS_PER_DAY;
    let quotes = f64::from(params.quotes_per_day) / SECONDS_PER_DAY;
    let orders = matches / MATCHES_PER_FILL;
    let gap = 1.0 / (FOLLOW_SHARE * quotes) - 1.0 / SHOCKS_PER_SECOND;
    let mut rates = Rates {
        orders,
        rests: (quotes - orders - FOLLOW_SHARE * quotes).max(0.05 * quotes) / AT_TOUCH,
        look_gap: ticks(gap.clamp(0.0, 60.0) * 1e6),
        informed: 0.0,
    };
    let minutes = (TRIAL_EVENTS / 60.0 / quotes.min(matches)).clamp(2.0, MOST_TRIAL_MINUTES);
    for share in TRIALS {
        if !is_null {
            rates.informed = (INFORMED_SHARE * rates.orders / SHOCKS_PER_SECOND).min(0.9);
        }
        let (seen_matches, seen_quotes) =
            trial(world, params, rates, ticks(share * minutes).max(1));
        let more = rates.orders * (matches / seen_matches.max(0.1 * matches) - 1.0);
        rates.orders += more;
        // Nearly every taker order changes a best quantity.
        let short = quotes - seen_quotes - more;
        rates.rests = (rates.rests + short / AT_TOUCH).max(0.02 * quotes);
    }
    rates
}

/// Returns matches and quotes per second in average minutes.
fn trial(world: &WorldParams, params: &InstrumentParams, rates: Rates, minutes: i64) -> (f64, f64) {
    let mut market = OrderBookMarket::build(world, params.clone(), rates, true);
    let mut out = SimMinute::new();
    let (mut matches, mut quotes) = (0, 0);
    for _ in 0..minutes {
        market.next_minute(&mut out);
        matches += out.matches.len();
        quotes += out.quotes.len();
    }
    let seconds = 60.0 * minutes as f64;
    (matches as f64 / seconds, quotes as f64 / seconds)
}
