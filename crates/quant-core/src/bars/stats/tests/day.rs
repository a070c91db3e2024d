//! A day of events driven through the real builder, its columns by name, and random days.

use proptest::prelude::*;

use crate::bars::{
    BarSource, DayBars, MarketInputs, Microstructure, MinuteBuilder, Opening, QuoteSource,
    StatInputs, stat_column,
};
use crate::market::{
    BookDelta, BookLevel, DepthBands, Event, Gap, Liquidation, Lost, MarkPrice, Quote, Side, Touch,
    TouchAt, Trade,
};
use crate::time::{Day, MICROS_PER_MINUTE, UnixMicros};
use crate::units::Micros;

pub(super) const DAY: Day = Day(20_000);
pub(super) const BUY: Side = Side::Buy;
pub(super) const SELL: Side = Side::Sell;

/// Half a second: random events stand at multiples of it, so many stand at instants of the grid.
const STEP_US: i64 = 500_000;

/// Returns the instant `seconds` after 00:00 UTC.
pub(super) fn s(seconds: i64) -> i64 {
    DAY.start().0 + seconds * 1_000_000
}

pub(super) fn minute(m: i64) -> i64 {
    DAY.start().0 + m * MICROS_PER_MINUTE
}

pub(super) fn trade(ts: i64, price: f64, qty: f64, aggressor: Side) -> Event {
    Event::Trade(Trade {
        ts_event: UnixMicros(ts),
        ts_recv: None,
        price,
        qty,
        aggressor,
        trade_id: 0,
        n_trades: 3,
    })
}

/// A touch of one unit on either side of `mid`; a negative width makes it crossed.
pub(super) fn quote(ts: i64, mid: f64, width: f64) -> Event {
    Event::Quote(Quote {
        ts_event: UnixMicros(ts),
        ts_recv: None,
        bid_px: mid - width / 2.0,
        bid_qty: 1.0,
        ask_px: mid + width / 2.0,
        ask_qty: 1.0,
        update_id: 0,
        ts_inferred: false,
    })
}

pub(super) fn gap(ts: i64) -> Event {
    Event::Gap(Gap {
        from: UnixMicros(ts),
        to: UnixMicros(ts),
        lost: Lost::Everything,
    })
}

pub(super) fn lost_trades(ts: i64) -> Event {
    Event::Gap(Gap {
        from: UnixMicros(ts),
        to: UnixMicros(ts),
        lost: Lost::Trades,
    })
}

pub(super) fn liquidation(ts: i64, price: f64, qty: f64, side: Side) -> Event {
    Event::Liquidation(Liquidation {
        ts_event: UnixMicros(ts),
        side,
        price,
        qty,
    })
}

/// A whole message.
pub(super) fn level(ts: i64, is_snapshot: bool, side: Side, px: f64, qty: f64) -> Event {
    Event::BookDelta(BookDelta {
        ts_event: UnixMicros(ts),
        ts_recv: None,
        msg_seq: 0,
        is_snapshot,
        side,
        level: BookLevel { px, qty },
        first_id: 0,
        last_id: 0,
        prev_id: None,
        msg_end: true,
    })
}

/// What was in force before the day: a mid and a last trade, both `age_s` old at 00:00 UTC.
pub(super) fn opening(price: f64, age_s: i64) -> Opening {
    let ts = UnixMicros(s(-age_s));
    Opening {
        last_price: Some(price),
        last_trade_ts: Some(ts),
        touch: Some(TouchAt {
            ts,
            touch: Touch {
                bid_px: price - 0.5,
                bid_qty: 1.0,
                ask_px: price + 0.5,
                ask_qty: 1.0,
            },
        }),
        ..Opening::default()
    }
}

pub(super) fn mark(ts: i64, mark: Option<f64>, index: Option<f64>, premium: Option<f64>) -> Event {
    Event::MarkPrice(MarkPrice {
        ts_event: UnixMicros(ts),
        mark,
        index,
        premium,
        predicted_funding: Some(9.0),
    })
}

pub(super) fn band(ts: i64, percentage: f64, depth: f64) -> Event {
    Event::DepthBands(DepthBands {
        ts_event: UnixMicros(ts),
        percentage,
        depth,
        notional: 3.0,
    })
}

/// What a day of these tests has; stale after 20 s.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "datasets are there or not, each by itself"
)]
pub(super) struct Has {
    pub(super) quotes: bool,
    pub(super) book: bool,
    pub(super) trades: bool,
    pub(super) liquidations: bool,
    pub(super) bucket: Option<f64>,
}

pub(super) const TRADES: Has = Has {
    quotes: false,
    book: false,
    trades: true,
    liquidations: false,
    bucket: None,
};
pub(super) const QUOTES: Has = Has {
    quotes: true,
    ..TRADES
};

pub(super) const STALE_S: i64 = 20;

pub(super) fn builder(has: Has, opening: &Opening) -> MinuteBuilder<Microstructure> {
    let inputs = MarketInputs {
        quotes: if has.quotes {
            QuoteSource::BookTicker
        } else if has.book {
            QuoteSource::Book
        } else {
            QuoteSource::None
        },
        has_book: has.book,
        has_trades: has.trades,
        has_liquidations: has.liquidations,
        stale_after: Micros(STALE_S * 1_000_000),
    };
    let stats = Microstructure::new(&StatInputs {
        vpin_bucket: has.bucket,
    });
    MinuteBuilder::with_stats(DAY, BarSource::Trades, inputs, opening, stats)
}

/// Closed minutes.
pub(super) struct Rows(pub(super) DayBars);

impl Rows {
    pub(super) fn of(has: Has, opening: &Opening, events: &[Event], n_minutes: i64) -> Self {
        let mut builder = builder(has, opening);
        for event in events {
            builder.on_event(event).unwrap();
        }
        Self(builder.finish(UnixMicros(minute(n_minutes))))
    }

    /// Returns a value; null is `None`, and anything else is a finite number.
    pub(super) fn get(&self, m: usize, column: &str) -> Option<f64> {
        let value = self.0.stat_values[m * self.0.stat_columns.len() + stat_column(column)];
        assert!(!value.is_infinite(), "{column} of minute {m}");
        (!value.is_nan()).then_some(value)
    }

    pub(super) fn row<const N: usize>(&self, m: usize, columns: [&str; N]) -> [Option<f64>; N] {
        columns.map(|column| self.get(m, column))
    }

    /// Sums a column over all minutes.
    pub(super) fn total(&self, column: &str) -> f64 {
        (0..self.0.rows.len())
            .filter_map(|m| self.get(m, column))
            .sum()
    }
}

/// Asserts that two cells are both null or differ by at most 1e-9 of the larger, or of `scale` for sums of both signs.
pub(super) fn assert_close(what: &str, found: Option<f64>, expected: Option<f64>, scale: f64) {
    match (found, expected) {
        (None, None) => {}
        (Some(a), Some(b)) if (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(scale) => {}
        _ => panic!("{what}: found {found:?}, expected {expected:?}"),
    }
}

pub(super) fn ts_of(event: &Event) -> i64 {
    event.ts_known().0
}

/// Random events in the order of a stream: trades, valid and crossed quotes, messages of one level, forced orders, state
/// records, gaps; several at an instant. Quantities are eighths, so their sums are exact.
pub(super) fn events() -> impl Strategy<Value = Vec<Event>> {
    let wait = prop_oneof![10 => 0_i64..9, 2 => 9_i64..60, 1 => 100_i64..200];
    let one = (wait, 0_u8..30, 800_u32..1_200, 1_u32..64, any::<bool>());
    prop::collection::vec(one, 0..150).prop_map(|steps| {
        let mut at = 0;
        let mut events: Vec<Event> = steps
            .into_iter()
            .map(|(wait, kind, price, eighths, is_buy)| {
                at += wait;
                let ts = DAY.start().0 + at * STEP_US;
                let (price, qty) = (f64::from(price) / 4.0, f64::from(eighths) / 8.0);
                let side = if is_buy { BUY } else { SELL };
                match kind {
                    0..10 => trade(ts, price, qty, side),
                    10..17 => quote(ts, price, 0.5),
                    17 => quote(ts, price, -0.5),
                    18 => liquidation(ts, price, qty, side),
                    19 => band(ts, if is_buy { -1.0 } else { 1.0 }, qty),
                    20 => mark(ts, is_buy.then_some(price), Some(price), None),
                    21 => level(ts, is_buy, BUY, 240.0, qty),
                    22..28 => level(
                        ts,
                        false,
                        side,
                        price.round(),
                        if is_buy { qty } else { 0.0 },
                    ),
                    28 => lost_trades(ts),
                    _ => gap(ts),
                }
            })
            .collect();
        events.sort_by_key(|event| (ts_of(event), rank(event)));
        events
    })
}

const fn rank(event: &Event) -> u8 {
    match event {
        Event::Trade(_) => 0,
        Event::Quote(_) | Event::BookDelta(_) => 1,
        Event::Liquidation(_) => 2,
        Event::MarkPrice(_) => 3,
        Event::DepthBands(_) => 6,
        _ => 8,
    }
}

pub(super) fn trades_of(events: &[Event]) -> impl Iterator<Item = &Trade> {
    events.iter().filter_map(|event| match event {
        Event::Trade(trade) => Some(trade),
        _ => None,
    })
}

/// Returns the prints of a minute.
pub(super) fn prints(events: &[Event], m: i64) -> Vec<Trade> {
    trades_of(events)
        .filter(|t| minute(m) <= t.ts_event.0 && t.ts_event.0 < minute(m + 1))
        .copied()
        .collect()
}

/// The definition of a price on the grid, from all that happened before `g`.
pub(super) fn grid_price(has: Has, opening: &Opening, events: &[Event], g: i64) -> Option<f64> {
    let mut held = if has.quotes {
        opening.touch.map(|t| (t.ts.0, t.touch.mid()))
    } else {
        opening
            .last_trade_ts
            .zip(opening.last_price)
            .map(|(ts, p)| (ts.0, p))
    };
    for event in events.iter().filter(|event| ts_of(event) < g) {
        match event {
            Event::Quote(q) if has.quotes => {
                let is_valid = q.bid_px < q.ask_px;
                held = is_valid.then(|| (q.ts_event.0, q.bid_px / 2.0 + q.ask_px / 2.0));
            }
            Event::Trade(t) if !has.quotes => held = Some((t.ts_event.0, t.price)),
            Event::Gap(gap) if breaks_prices(has, gap) => held = None,
            _ => {}
        }
    }
    held.filter(|(ts, _)| g - ts <= STALE_S * 1_000_000)
        .map(|(_, price)| price)
}

/// Lost trades take prices only where those are theirs.
pub(super) fn breaks_prices(has: Has, gap: &Gap) -> bool {
    gap.lost == Lost::Everything || !has.quotes
}

/// Returns whether something that `counts` was lost in `[from, to)`.
pub(super) fn is_broken(
    events: &[Event],
    from: i64,
    to: i64,
    counts: impl Fn(&Gap) -> bool,
) -> bool {
    events.iter().any(
        |event| matches!(event, Event::Gap(gap) if counts(gap) && (from..to).contains(&gap.to.0)),
    )
}
