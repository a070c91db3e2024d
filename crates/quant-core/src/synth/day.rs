//! One simulated day: its trades and the klines made of exactly those trades.

use crate::market::{Bar, Side, Trade};
use crate::synth::regime::SimRegime;
use crate::time::{Day, MICROS_PER_MINUTE, MINUTES_PER_DAY, UnixMicros};
use crate::units::Step;

/// One aggregated trade: the matches of one taker order at one price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimTrade {
    /// Id of the aggregate, contiguous across days.
    pub agg_id: i64,
    /// Id of its first match, contiguous across days with the last id of the aggregate before.
    pub first_id: i64,
    /// Id of its last match.
    pub last_id: i64,
    /// Milliseconds since the epoch, inside the day.
    pub ts_ms: i64,
    /// Price in ticks.
    pub price_ticks: i64,
    /// Quantity in lots.
    pub qty_lots: i64,
    /// Price, quote per base.
    pub price: f64,
    /// Quantity, base units.
    pub qty: f64,
    /// Who took liquidity.
    pub aggressor: Side,
}

impl SimTrade {
    /// Returns the trade as a market event.
    pub fn to_trade(&self) -> Trade {
        Trade {
            ts_event: UnixMicros(self.ts_ms * 1_000),
            ts_recv: None,
            price: self.price,
            qty: self.qty,
            aggressor: self.aggressor,
            trade_id: self.agg_id,
            n_trades: u32::try_from(self.last_id - self.first_id + 1).unwrap_or(u32::MAX),
        }
    }
}

/// One minute of trades. A minute without trades repeats the previous close with zero volume, as venues send it.
///
/// # Units
/// Prices quote per base, volumes base units, `quote_*` quote units; each is the `f64` nearest to the exact decimal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimKline {
    /// Inclusive start.
    pub ts_open: UnixMicros,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Base units traded.
    pub volume: f64,
    /// Quote units traded.
    pub quote_volume: f64,
    /// Number of matches (not of aggregates), as venues count.
    pub count: u64,
    /// Base units bought by aggressors.
    pub taker_buy_volume: f64,
    /// Quote units paid by buying aggressors.
    pub taker_buy_quote_volume: f64,
}

impl SimKline {
    /// Returns the exclusive end of the minute.
    pub const fn ts_close(&self) -> UnixMicros {
        self.ts_open.plus(MICROS_PER_MINUTE)
    }

    /// Returns the kline as a market event.
    pub const fn to_bar(&self) -> Bar {
        Bar {
            ts_open: self.ts_open,
            ts_close: self.ts_close(),
            open: self.open,
            high: self.high,
            low: self.low,
            close: self.close,
            volume: self.volume,
            quote_volume: Some(self.quote_volume),
            n_trades: Some(self.count),
            taker_buy_volume: Some(self.taker_buy_volume),
        }
    }
}

/// One simulated UTC day.
#[derive(Clone, Debug, PartialEq)]
pub struct SimDay {
    /// The day.
    pub day: Day,
    /// Trades, ascending by time and id.
    pub trades: Vec<SimTrade>,
    /// 1,440 klines.
    pub klines: Vec<SimKline>,
    /// The hidden regime of each minute: the truth a test may compare with, never an input of a strategy.
    pub regimes: Vec<SimRegime>,
}

/// Steps of an instrument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) tick: Step,
    pub(super) lot: Step,
    pub(super) tick_lot: Step,
}

/// Sums of one minute in exact integers.
#[derive(Default)]
struct Sums {
    lots: i64,
    tick_lots: i64,
    buy_lots: i64,
    buy_tick_lots: i64,
    count: u64,
}

/// Returns the 1,440 klines of `trades`, which lie inside `day` in ascending time.
pub(super) fn klines(day: Day, trades: &[SimTrade], grid: Grid, open_ticks: i64) -> Vec<SimKline> {
    let mut out = Vec::with_capacity(MINUTES_PER_DAY);
    let mut rest = trades.iter().peekable();
    let mut ts_open = day.start();
    let mut last = open_ticks;
    while ts_open < day.end() {
        let end_ms = ts_open.plus(MICROS_PER_MINUTE).0 / 1_000;
        let open = rest
            .peek()
            .filter(|x| x.ts_ms < end_ms)
            .map_or(last, |x| x.price_ticks);
        let (mut high, mut low, mut sums) = (open, open, Sums::default());
        last = open;
        while let Some(x) = rest.next_if(|x| x.ts_ms < end_ms) {
            high = high.max(x.price_ticks);
            low = low.min(x.price_ticks);
            last = x.price_ticks;
            sums.lots += x.qty_lots;
            sums.tick_lots += x.price_ticks * x.qty_lots;
            if x.aggressor == Side::Buy {
                sums.buy_lots += x.qty_lots;
                sums.buy_tick_lots += x.price_ticks * x.qty_lots;
            }
            sums.count += (x.last_id - x.first_id + 1).unsigned_abs();
        }
        out.push(SimKline {
            ts_open,
            open: grid.tick.value(open),
            high: grid.tick.value(high),
            low: grid.tick.value(low),
            close: grid.tick.value(last),
            volume: grid.lot.value(sums.lots),
            quote_volume: grid.tick_lot.value(sums.tick_lots),
            count: sums.count,
            taker_buy_volume: grid.lot.value(sums.buy_lots),
            taker_buy_quote_volume: grid.tick_lot.value(sums.buy_tick_lots),
        });
        ts_open = ts_open.plus(MICROS_PER_MINUTE);
    }
    out
}
