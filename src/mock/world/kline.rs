//! One-minute klines in ticks and lots, exact, and their sums over longer intervals.

use quant_core::market::Side;
use quant_core::synth::SimMatch;
use quant_core::time::UnixMicros;

/// One kline.
///
/// # Units
/// Prices in ticks, volumes in lots, cash in ticks times lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kline {
    /// Inclusive start.
    pub ts_open: UnixMicros,
    /// First price.
    pub open: i64,
    /// Highest price.
    pub high: i64,
    /// Lowest price.
    pub low: i64,
    /// Last price.
    pub close: i64,
    /// Volume.
    pub lots: i64,
    /// Volume that takers bought.
    pub buy_lots: i64,
    /// Cash turned over.
    pub cash: i128,
    /// Cash of what takers bought.
    pub buy_cash: i128,
    /// Number of matches.
    pub n_trades: i64,
    /// First match id, -1 without matches.
    pub first_id: i64,
    /// Last match id, -1 without matches.
    pub last_id: i64,
    /// The interval is over.
    pub is_closed: bool,
}

impl Kline {
    /// Returns the kline of `matches`, all at the price `quiet` if there are none.
    pub fn of(ts_open: UnixMicros, matches: &[SimMatch], quiet: i64) -> Self {
        let price = matches.first().map_or(quiet, |m| m.price_ticks);
        let mut kline = Self {
            ts_open,
            open: price,
            high: price,
            low: price,
            close: matches.last().map_or(quiet, |m| m.price_ticks),
            lots: 0,
            buy_lots: 0,
            cash: 0,
            buy_cash: 0,
            n_trades: 0,
            first_id: matches.first().map_or(-1, |m| m.id),
            last_id: matches.last().map_or(-1, |m| m.id),
            is_closed: true,
        };
        for m in matches {
            let cash = i128::from(m.price_ticks) * i128::from(m.qty_lots);
            kline.high = kline.high.max(m.price_ticks);
            kline.low = kline.low.min(m.price_ticks);
            kline.lots += m.qty_lots;
            kline.cash += cash;
            kline.n_trades += 1;
            if m.aggressor == Side::Buy {
                kline.buy_lots += m.qty_lots;
                kline.buy_cash += cash;
            }
        }
        kline
    }

    /// Appends a later kline to this one.
    pub fn extend(&mut self, later: &Self) {
        if self.n_trades == 0 && later.n_trades > 0 {
            // A quiet minute repeats a price; it is not a trade that could be a high or a low.
            (self.open, self.high, self.low) = (later.open, later.high, later.low);
            self.first_id = later.first_id;
        } else if later.n_trades > 0 {
            self.high = self.high.max(later.high);
            self.low = self.low.min(later.low);
        }
        if later.n_trades > 0 {
            self.close = later.close;
            self.last_id = later.last_id;
        }
        self.lots += later.lots;
        self.buy_lots += later.buy_lots;
        self.cash += later.cash;
        self.buy_cash += later.buy_cash;
        self.n_trades += later.n_trades;
        self.is_closed = later.is_closed;
    }
}

/// Sums one-minute klines into intervals whose opens `open_of` gives; the last interval is closed once `now` reaches its end.
pub fn resample(
    minutes: &[Kline],
    now: UnixMicros,
    span: impl Fn(UnixMicros) -> (UnixMicros, UnixMicros),
) -> Vec<Kline> {
    let mut out: Vec<Kline> = Vec::new();
    for minute in minutes {
        let (open, end) = span(minute.ts_open);
        match out.last_mut().filter(|k| k.ts_open == open) {
            Some(kline) => kline.extend(minute),
            None => out.push(Kline {
                ts_open: open,
                ..*minute
            }),
        }
        if let Some(kline) = out.last_mut() {
            kline.is_closed = end <= now;
        }
    }
    out
}
