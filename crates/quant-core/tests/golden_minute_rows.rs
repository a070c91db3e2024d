//! The minute rows against vectors of an independent oracle (`scripts/oracles/minute_rows_golden.py`), written from the
//! definitions in `docs/minute_rows.md` and not from this code: every column, every cell, nulls alike.

use std::collections::BTreeMap;

use quant_core::bars::{
    BarSource, DayBars, MarketInputs, Microstructure, MinuteBuilder, Opening, OpeningState,
    QuoteSource, STAT_COLUMNS, StatInputs, stat_column,
};
use quant_core::market::{
    BookDelta, BookLevel, BookSnapshot, DepthBands, Event, Funding, Gap, Liquidation, Lost,
    MarkPrice, OpenInterest, Quote, Side, Touch, TouchAt, Trade,
};
use quant_core::time::{Day, MICROS_PER_DAY, MICROS_PER_MINUTE, UnixMicros};
use quant_core::units::Micros;
use serde::Deserialize;

/// Largest difference, relative to the larger of the two numbers.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    params: Params,
    opening: OpeningOf,
    events: Vec<Record>,
    minutes: usize,
    rows: BTreeMap<String, Vec<Option<f64>>>,
}

#[derive(Deserialize)]
struct Params {
    start: i64,
    stale_after_us: i64,
    vpin_bucket: Option<f64>,
    quote_source: Option<String>,
    book_source: Option<String>,
    trade_source: Option<String>,
    has_liquidations: bool,
}

#[derive(Deserialize)]
struct OpeningOf {
    trade: Option<LastTrade>,
    quote: Option<LastQuote>,
    book: Option<LastBook>,
    #[serde(default)]
    state: Vec<Record>,
}

#[derive(Deserialize)]
struct LastTrade {
    ts: i64,
    price: f64,
}

#[derive(Deserialize)]
struct LastQuote {
    ts: i64,
    bid_px: f64,
    bid_qty: f64,
    ask_px: f64,
    ask_qty: f64,
}

#[derive(Deserialize)]
struct LastBook {
    ts: i64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Taken {
    Everything,
    Trades,
}

#[derive(Clone, Copy, Deserialize)]
struct Level {
    px: f64,
    qty: f64,
}

/// An event at its place in the stream.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Record {
    Trade {
        ts: i64,
        price: f64,
        qty: f64,
        aggressor: Side,
    },
    Quote {
        ts: i64,
        bid_px: f64,
        bid_qty: f64,
        ask_px: f64,
        ask_qty: f64,
    },
    BookDelta {
        ts: i64,
        is_snapshot: bool,
        side: Side,
        level: Level,
        msg_end: bool,
    },
    BookSnapshot {
        ts: i64,
        bids: Vec<Level>,
        asks: Vec<Level>,
    },
    Gap {
        ts: i64,
        lost: Taken,
    },
    Mark {
        ts: i64,
        mark: Option<f64>,
        index: Option<f64>,
        premium: Option<f64>,
    },
    Funding {
        ts: i64,
        rate: f64,
        interval_h: u32,
    },
    OpenInterest {
        ts: i64,
        open_interest: f64,
    },
    Liquidation {
        ts: i64,
        side: Side,
        price: f64,
        qty: f64,
    },
    DepthBand {
        ts: i64,
        percentage: f64,
        depth: f64,
        notional: f64,
    },
}

impl Record {
    fn of_market(&self) -> Event {
        match *self {
            Self::Trade {
                ts,
                price,
                qty,
                aggressor,
            } => Event::Trade(Trade {
                ts_event: UnixMicros(ts),
                ts_recv: None,
                price,
                qty,
                aggressor,
                trade_id: 0,
                n_trades: 1,
            }),
            Self::Quote {
                ts,
                bid_px,
                bid_qty,
                ask_px,
                ask_qty,
            } => Event::Quote(Quote {
                ts_event: UnixMicros(ts),
                ts_recv: None,
                bid_px,
                bid_qty,
                ask_px,
                ask_qty,
                update_id: 0,
                ts_inferred: false,
            }),
            Self::BookDelta {
                ts,
                is_snapshot,
                side,
                level,
                msg_end,
            } => Event::BookDelta(BookDelta {
                ts_event: UnixMicros(ts),
                ts_recv: None,
                msg_seq: 0,
                is_snapshot,
                side,
                level: level.of_book(),
                first_id: 0,
                last_id: 0,
                prev_id: None,
                msg_end,
            }),
            Self::BookSnapshot {
                ts,
                ref bids,
                ref asks,
            } => Event::BookSnapshot(image(ts, bids, asks)),
            Self::Liquidation {
                ts,
                side,
                price,
                qty,
            } => Event::Liquidation(Liquidation {
                ts_event: UnixMicros(ts),
                side,
                price,
                qty,
            }),
            Self::Gap { ts, lost } => Event::Gap(Gap {
                from: UnixMicros(ts),
                to: UnixMicros(ts),
                lost: match lost {
                    Taken::Everything => Lost::Everything,
                    Taken::Trades => Lost::Trades,
                },
            }),
            _ => self.of_state(),
        }
    }

    fn of_state(&self) -> Event {
        let ts_event = UnixMicros(self.ts());
        match *self {
            Self::Mark {
                mark,
                index,
                premium,
                ..
            } => Event::MarkPrice(MarkPrice {
                ts_event,
                mark,
                index,
                premium,
                predicted_funding: None,
            }),
            Self::Funding {
                rate, interval_h, ..
            } => Event::Funding(Funding {
                ts_event,
                rate,
                interval_h,
            }),
            Self::OpenInterest { open_interest, .. } => Event::OpenInterest(OpenInterest {
                ts_event,
                open_interest,
                notional: None,
            }),
            Self::DepthBand {
                percentage,
                depth,
                notional,
                ..
            } => Event::DepthBands(DepthBands {
                ts_event,
                percentage,
                depth,
                notional,
            }),
            _ => unreachable!("`event` tells the others"),
        }
    }

    const fn ts(&self) -> i64 {
        match self {
            Self::Trade { ts, .. }
            | Self::Quote { ts, .. }
            | Self::BookDelta { ts, .. }
            | Self::BookSnapshot { ts, .. }
            | Self::Gap { ts, .. }
            | Self::Mark { ts, .. }
            | Self::Funding { ts, .. }
            | Self::OpenInterest { ts, .. }
            | Self::Liquidation { ts, .. }
            | Self::DepthBand { ts, .. } => *ts,
        }
    }
}

impl Level {
    const fn of_book(self) -> BookLevel {
        BookLevel {
            px: self.px,
            qty: self.qty,
        }
    }
}

fn image(ts: i64, bids: &[Level], asks: &[Level]) -> BookSnapshot {
    let levels = |side: &[Level]| side.iter().map(|level| level.of_book()).collect();
    BookSnapshot {
        ts_event: UnixMicros(ts),
        ts_recv: None,
        seq: 0,
        bids: levels(bids),
        asks: levels(asks),
    }
}

impl OpeningOf {
    fn opening(&self) -> Opening {
        let mut state = OpeningState::default();
        for record in &self.state {
            let at = |x: f64| (UnixMicros(record.ts()), x);
            match record.of_market() {
                Event::MarkPrice(m) => {
                    state.mark = m.mark.map(at).or(state.mark);
                    state.index = m.index.map(at).or(state.index);
                    state.premium = m.premium.map(at).or(state.premium);
                }
                Event::Funding(funding) => state.funding = Some(funding),
                Event::OpenInterest(x) => state.open_interest = Some(at(x.open_interest)),
                other => panic!("{other:?} is no state that opens a day"),
            }
        }
        Opening {
            last_price: self.trade.as_ref().map(|t| t.price),
            last_trade_ts: self.trade.as_ref().map(|t| UnixMicros(t.ts)),
            touch: self.quote.as_ref().map(|q| TouchAt {
                ts: UnixMicros(q.ts),
                touch: Touch {
                    bid_px: q.bid_px,
                    bid_qty: q.bid_qty,
                    ask_px: q.ask_px,
                    ask_qty: q.ask_qty,
                },
            }),
            book: self.book.as_ref().map(|b| image(b.ts, &b.bids, &b.asks)),
            state,
        }
    }
}

impl Case {
    fn build(&self) -> DayBars {
        let p = &self.params;
        assert_eq!(p.start % MICROS_PER_DAY, 0, "a day starts at 00:00 UTC");
        let day = Day(i32::try_from(p.start / MICROS_PER_DAY).expect("a day of this era"));
        let inputs = MarketInputs {
            quotes: match p.quote_source.as_deref() {
                None => QuoteSource::None,
                Some("book_ticker") => QuoteSource::BookTicker,
                Some(_) => QuoteSource::Book,
            },
            has_book: p.book_source.is_some(),
            has_trades: p.trade_source.is_some(),
            has_liquidations: p.has_liquidations,
            stale_after: Micros(p.stale_after_us),
        };
        let stats = Microstructure::new(&StatInputs {
            vpin_bucket: p.vpin_bucket,
        });
        let opening = self.opening.opening();
        let mut builder =
            MinuteBuilder::with_stats(day, BarSource::Trades, inputs, &opening, stats);
        for record in &self.events {
            builder
                .on_event(&record.of_market())
                .expect("events of the oracle are in the order of the stream");
        }
        let minutes = i64::try_from(self.minutes).expect("a few minutes");
        builder.finish(UnixMicros(p.start + minutes * MICROS_PER_MINUTE))
    }

    /// Returns one line per cell that differs.
    fn differences(&self) -> Vec<String> {
        let day = self.build();
        let mut lines = vec![];
        for (column, values) in &self.rows {
            assert_eq!(values.len(), self.minutes, "{column}");
            for (m, expected) in values.iter().enumerate() {
                let found = day.stat_values[m * STAT_COLUMNS.len() + stat_column(column)];
                let found = (!found.is_nan()).then_some(found);
                let is_same = match (found, *expected) {
                    (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()),
                    (a, b) => a.is_none() && b.is_none(),
                };
                if !is_same {
                    lines.push(format!(
                        "{} {column} minute {m}: {found:?}, the oracle has {expected:?}",
                        self.name
                    ));
                }
            }
        }
        lines
    }
}

#[test]
fn every_column_equals_the_oracle() {
    let golden: Golden = serde_json::from_str(include_str!("golden/minute_rows.json")).unwrap();
    assert!(golden.cases.len() > 3);
    let mut expected: Vec<&str> = STAT_COLUMNS.to_vec();
    expected.sort_unstable();
    let mut differences = vec![];
    for case in &golden.cases {
        let columns: Vec<&str> = case.rows.keys().map(String::as_str).collect();
        assert_eq!(columns, expected, "{}", case.name);
        differences.extend(case.differences());
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    // A column that is null everywhere would compare with nothing.
    for column in STAT_COLUMNS {
        let mut cells = golden.cases.iter().flat_map(|case| &case.rows[column]);
        assert!(cells.any(Option::is_some), "{column} is null in every case");
    }
}
