//! Bybit's public topics, rendered minute by minute.

use std::sync::Arc;

use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};
use quant_lake::venues::bybit::encode::book::{BookMessage, FrameKind as BookKind, push_book};
use quant_lake::venues::bybit::encode::live::{
    LiquidationRow, TRADES_PER_FRAME, push_kline, push_liquidations, push_trades,
};
use quant_lake::venues::bybit::encode::ticker::{
    SpotTicker, Ticker, push_delta, push_snapshot, push_spot,
};
use quant_lake::venues::bybit::encode::{Category, TickDirection, TickTracker};
use quant_lake::venues::wire::Level;

use super::{Listed, interval_minutes, liquidated, rest};
use crate::mock::player::Source;
use crate::mock::venue::{Frame, FrameKind};
use crate::mock::venues::parts::{Day24, Ladder, ms};
use crate::mock::world::kline::resample;
use crate::mock::world::{Instrument, Kline, Minute};

/// Idle time after which depth 1 is told again with the same `u`.
const RESEND_US: i64 = 3_000_000;
/// Spacing of ticker pushes.
const TICKER_US: i64 = 100_000;

/// What a topic asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Book { depth: u16, every_ms: u32 },
    Trades,
    Ticker,
    Kline { interval: String },
    Liquidations,
}

impl Topic {
    /// Returns topic and symbol; `None` for what the category does not have.
    pub(super) fn parse(text: &str, category: Category) -> Option<(Self, &str)> {
        let (name, rest) = text.split_once('.')?;
        let is_spot = category == Category::Spot;
        Some(match name {
            "publicTrade" => (Self::Trades, rest),
            "tickers" => (Self::Ticker, rest),
            "allLiquidation" if !is_spot => (Self::Liquidations, rest),
            "orderbook" => {
                let (depth, symbol) = rest.split_once('.')?;
                // Depth 500 is no longer offered.
                let (depth, every_ms) = match depth {
                    "1" => (1, 10),
                    "50" => (50, 20),
                    "200" => (200, 100),
                    "1000" => (1_000, 200),
                    _ => return None,
                };
                (Self::Book { depth, every_ms }, symbol)
            }
            "kline" => {
                let (interval, symbol) = rest.split_once('.')?;
                interval_minutes(interval)?;
                let interval = interval.to_owned();
                (Self::Kline { interval }, symbol)
            }
            _ => return None,
        })
    }
}

/// A stream's first frame, if it has one, and the renderer of what follows.
pub(super) type Started = (Option<Frame>, Box<dyn Source>);

/// Begins a stream at `now`; `None` where the tape does not reach.
pub(super) fn start(
    topic: Topic,
    listed: &Arc<Listed>,
    key: &Arc<str>,
    now: UnixMicros,
) -> Option<Started> {
    let head = Head {
        listed: Arc::clone(listed),
        key: Arc::clone(key),
    };
    Some(match topic {
        Topic::Book { depth, every_ms } => {
            let book = Book::start(head, depth, every_ms, now)?;
            (book.snapshot(), Box::new(book))
        }
        Topic::Trades => (
            None,
            Box::new(Trades {
                head,
                tracker: TickTracker::default(),
            }),
        ),
        Topic::Ticker => {
            let tickers = Tickers { head, last: None };
            let (first, tickers) = tickers.begin(now)?;
            (first, Box::new(tickers))
        }
        Topic::Kline { interval } => (None, Box::new(Klines { head, interval })),
        Topic::Liquidations => (None, Box::new(Liquidations { head })),
    })
}

/// What every stream of this venue has.
type Head = super::super::parts::Head<Listed>;

/// What a book frame says.
struct Shown {
    cts: UnixMicros,
    seq: i64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

struct Book {
    head: Head,
    depth: u16,
    u: i64,
    ladder: Ladder,
    /// The last frame, and when it was sent.
    shown: Shown,
    told: UnixMicros,
}

fn book_frame(
    head: &Head,
    depth: u16,
    (kind, as_kind): (BookKind, FrameKind),
    u: i64,
    ts: UnixMicros,
    shown: &Shown,
) -> Option<Frame> {
    let m = BookMessage {
        ts_ms: ms(ts),
        cts_ms: ms(shown.cts),
        seq: shown.seq,
        bids: &shown.bids,
        asks: &shown.asks,
    };
    head.frame(ts, as_kind, |text| {
        push_book(text, &head.listed.terms, depth, kind, u, &m)
    })
}

impl Book {
    fn start(head: Head, depth: u16, every_ms: u32, now: UnixMicros) -> Option<Self> {
        let ladder = Ladder::start(&head.listed.instrument, now, usize::from(depth), every_ms)?;
        let (bids, asks) = ladder.levels();
        Some(Self {
            shown: Shown {
                cts: ladder.last_change(),
                seq: ladder.last_id(),
                bids: head.listed.levels(bids),
                asks: head.listed.levels(asks),
            },
            head,
            depth,
            // The venue counts per topic over all connections; here the count begins with the subscription.
            u: ladder.last_id().max(2),
            ladder,
            told: now,
        })
    }

    /// The whole book of the moment of subscribing.
    fn snapshot(&self) -> Option<Frame> {
        let kind = (BookKind::Snapshot, FrameKind::Snapshot);
        book_frame(&self.head, self.depth, kind, self.u, self.told, &self.shown)
    }
}

impl Source for Book {
    fn minute(&mut self, minute: &Minute, _: &Instrument, out: &mut Vec<Frame>) {
        let Self {
            head,
            depth,
            u,
            ladder,
            shown,
            told,
        } = self;
        let depth = *depth;
        // Depth 1 tells whole books only, and the same one again after three idle seconds.
        let whole = depth == 1;
        let kind = if whole {
            BookKind::Snapshot
        } else {
            BookKind::Delta
        };
        // No frame of depth 1 is a state to wait for: each replaces the one before.
        let kind = (kind, FrameKind::Data);
        ladder.minute(minute, |step| {
            while whole && told.plus(RESEND_US) < step.ts {
                *told = told.plus(RESEND_US);
                out.extend(book_frame(head, depth, kind, *u, *told, shown));
            }
            let (bids, asks) = if whole {
                step.levels
            } else {
                (step.changes.0.as_slice(), step.changes.1.as_slice())
            };
            *u += 1;
            *shown = Shown {
                cts: step.last_change,
                seq: step.last_id,
                bids: head.listed.levels(bids),
                asks: head.listed.levels(asks),
            };
            *told = step.ts;
            out.extend(book_frame(head, depth, kind, *u, *told, shown));
        });
        while whole && told.plus(RESEND_US) <= minute.end() {
            *told = told.plus(RESEND_US);
            out.extend(book_frame(head, depth, kind, *u, *told, shown));
        }
    }
}

struct Trades {
    head: Head,
    tracker: TickTracker,
}

impl Source for Trades {
    fn minute(&mut self, minute: &Minute, _: &Instrument, out: &mut Vec<Frame>) {
        // One frame per taker order.
        for order in minute
            .sim
            .matches
            .chunk_by(|a, b| a.update_id == b.update_id)
        {
            let rows = self.head.listed.trades(order, &mut self.tracker);
            for rows in rows.chunks(TRADES_PER_FRAME) {
                let Some(first) = order.first() else { continue };
                // The gateway stamps a millisecond after the match.
                let ts = first.ts.plus(1_000);
                out.extend(self.head.frame(ts, FrameKind::Data, |text| {
                    push_trades(text, &self.head.listed.terms, ms(ts), rows)
                }));
            }
        }
    }
}

struct Tickers {
    head: Head,
    last: Option<Ticker>,
}

impl Tickers {
    fn begin(mut self, now: UnixMicros) -> Option<(Option<Frame>, Self)> {
        let of = &self.head.listed.instrument;
        let day = Day24::at(of, now)?;
        let image = of.book_at(now)?;
        let best = |side| image.book.best(side);
        let (bid, ask) = (
            best(quant_core::market::Side::Buy)?,
            best(quant_core::market::Side::Sell)?,
        );
        let terms = &self.head.listed.terms;
        if terms.category == Category::Spot {
            let spot = self.spot(&day);
            let first = self.head.frame(now, FrameKind::Snapshot, |text| {
                push_spot(text, terms, &spot, image.last_id, ms(now))
            });
            return Some((first, self));
        }
        let ticker = self.contract(&day, bid, ask, TickDirection::ZeroPlusTick, now);
        let first = self.head.frame(now, FrameKind::Snapshot, |text| {
            push_snapshot(text, terms, &ticker, image.last_id, ms(now))
        });
        self.last = Some(ticker);
        Some((first, self))
    }

    fn spot(&self, day: &Day24) -> SpotTicker {
        let of = &self.head.listed.instrument;
        SpotTicker {
            last: of.price(day.last),
            high_24h: of.price(day.high),
            low_24h: of.price(day.low),
            prev_24h: of.price(day.open),
            volume_24h: of.qty(day.lots),
            turnover_24h: of.cash(day.cash),
            price_24h_share: day.last as f64 / day.open as f64 - 1.0,
            usd_index: Some(of.price(day.last)),
        }
    }

    fn contract(
        &self,
        day: &Day24,
        bid: (i64, i64),
        ask: (i64, i64),
        tick: TickDirection,
        now: UnixMicros,
    ) -> Ticker {
        let of = &self.head.listed.instrument;
        let level = |(ticks, lots)| (of.price(ticks), of.qty(lots));
        let mark = of.mark_at(now);
        let last = of.price(day.last);
        let interest = rest::open_interest(of, now);
        Ticker {
            tick,
            price_24h_share: day.last as f64 / day.open as f64 - 1.0,
            last,
            prev_24h: of.price(day.open),
            high_24h: of.price(day.high),
            low_24h: of.price(day.low),
            prev_1h: of.price(day.hour_ago),
            mark: mark.map_or(last, |m| m.mark),
            index: mark.map_or(last, |m| m.index),
            open_interest: interest,
            open_interest_value: interest * mark.map_or(last, |m| m.mark),
            turnover_24h: of.cash(day.cash),
            volume_24h: of.qty(day.lots),
            funding_interval_h: 8,
            funding_cap: rest::FUNDING_CAP,
            next_funding_ms: ms(of.next_funding(now)),
            funding_rate: mark.map_or(0.0, |m| m.predicted_funding),
            bid: level(bid),
            ask: level(ask),
        }
    }
}

impl Source for Tickers {
    fn minute(&mut self, minute: &Minute, of: &Instrument, out: &mut Vec<Frame>) {
        // The state before the minute, then its quotes and matches in steps.
        let Some(mut day) =
            Day24::at(of, minute.sim.start.plus(-1)).or_else(|| Day24::at(of, minute.sim.start))
        else {
            return;
        };
        let mut tracker = TickTracker::default();
        let mut tick = self.last.map_or(TickDirection::ZeroPlusTick, |t| t.tick);
        let (mut q, mut t) = (0, 0);
        for step in 1..=MICROS_PER_MINUTE / TICKER_US {
            let ts = minute.sim.start.plus(step * TICKER_US);
            let (before_q, before_t) = (q, t);
            while minute.sim.quotes.get(q).is_some_and(|quote| quote.ts < ts) {
                q += 1;
            }
            while let Some(m) = minute.sim.matches.get(t).filter(|m| m.ts < ts) {
                day.add(m.price_ticks, m.qty_lots);
                tick = tracker.next(of.price(m.price_ticks));
                t += 1;
            }
            let is_second = step % (1_000_000 / TICKER_US) == 0;
            if (q, t) == (before_q, before_t) && !is_second {
                continue;
            }
            let terms = &self.head.listed.terms;
            let cs = q
                .checked_sub(1)
                .and_then(|q| minute.sim.quotes.get(q))
                .map_or(minute.book_before.last_id, |quote| quote.update_id);
            if terms.category == Category::Spot {
                if t > before_t {
                    let spot = self.spot(&day);
                    out.extend(self.head.frame(ts, FrameKind::Data, |text| {
                        push_spot(text, terms, &spot, cs, ms(ts))
                    }));
                }
                continue;
            }
            let Some(last) = self.last else { return };
            let mut next = last;
            if let Some(quote) = q.checked_sub(1).and_then(|q| minute.sim.quotes.get(q)) {
                let level = |ticks, lots| (of.price(ticks), of.qty(lots));
                next.bid = level(quote.bid_ticks, quote.bid_lots);
                next.ask = level(quote.ask_ticks, quote.ask_lots);
            }
            let fresh = self.contract(&day, (0, 0), (0, 0), tick, ts.plus(-1));
            next = Ticker {
                bid: next.bid,
                ask: next.ask,
                ..fresh
            };
            let mut wrote = false;
            let frame = self.head.frame(ts, FrameKind::Data, |text| {
                wrote = push_delta(text, terms, &last, &next, cs, ms(ts))?;
                Ok(())
            });
            if wrote {
                out.extend(frame);
                self.last = Some(next);
            }
        }
    }
}

struct Klines {
    head: Head,
    interval: String,
}

impl Source for Klines {
    fn minute(&mut self, minute: &Minute, of: &Instrument, out: &mut Vec<Frame>) {
        let Some(minutes) = interval_minutes(&self.interval) else {
            return;
        };
        if minute.sim.truth.is_halted {
            return;
        }
        let length = minutes * MICROS_PER_MINUTE;
        let start = minute.sim.start;
        let (open, end) = rest::span_of(start, length);
        let before = of.klines_1m(open, start, start.plus(-1));
        let mut sum = resample(&before, open, |_| (open, end)).pop();
        // The bar is told once a second while it trades, and once when its minute is over.
        let second = 1_000_000;
        let mut emit = |ts: UnixMicros, bars: &[(Kline, bool)]| {
            let rows: Vec<_> = bars
                .iter()
                .map(|(bar, done)| (rest::kline_row(of, bar), *done))
                .collect();
            out.extend(self.head.frame(ts, FrameKind::Data, |text| {
                let interval = (self.interval.as_str(), length / 1_000);
                push_kline(text, &self.head.listed.terms, interval, &rows, ms(ts))
            }));
        };
        for group in minute
            .sim
            .matches
            .chunk_by(|a, b| a.ts.floor_to(second) == b.ts.floor_to(second))
        {
            let Some(first) = group.first() else { continue };
            let piece = Kline::of(open, group, first.price_ticks);
            let bar = match &mut sum {
                Some(bar) => {
                    bar.extend(&piece);
                    *bar
                }
                None => *sum.insert(piece),
            };
            let ts = first.ts.floor_to(second).plus(second);
            if ts < minute.end() {
                emit(ts, &[(bar, false)]);
            }
        }
        let quiet = of
            .klines_1m(start, minute.end(), UnixMicros(i64::MAX))
            .pop();
        let Some(bar) = sum.or_else(|| quiet.map(|k| Kline { ts_open: open, ..k })) else {
            return;
        };
        if minute.end() < end {
            emit(minute.end(), &[(bar, false)]);
        } else {
            // The frame that closes a bar opens the next one, still without a trade.
            let next = Kline::of(end, &[], bar.close);
            emit(minute.end(), &[(bar, true), (next, false)]);
        }
    }
}

struct Liquidations {
    head: Head,
}

impl Source for Liquidations {
    fn minute(&mut self, minute: &Minute, of: &Instrument, out: &mut Vec<Frame>) {
        // Pushed every 500 ms.
        let step = 500_000;
        for group in minute
            .sim
            .liquidations
            .chunk_by(|a, b| a.ts.floor_to(step) == b.ts.floor_to(step))
        {
            let Some(first) = group.first() else { continue };
            let ts = first.ts.floor_to(step).plus(step);
            let rows: Vec<LiquidationRow> = group
                .iter()
                .map(|l| LiquidationRow {
                    ts_ms: ms(l.ts),
                    side: liquidated(l.side),
                    price: of.price(l.price_ticks),
                    qty: of.qty(l.qty_lots),
                })
                .collect();
            out.extend(self.head.frame(ts, FrameKind::Data, |text| {
                push_liquidations(text, &self.head.listed.terms, ms(ts), &rows)
            }));
        }
    }
}
