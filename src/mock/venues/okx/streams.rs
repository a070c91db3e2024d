//! OKX's channels, rendered minute by minute.

use std::sync::Arc;

use quant_core::market::Side;
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};
use quant_lake::venues::okx::encode::book::{
    Action, BookChannel, BookMessage, BookSequence, BookTail, push_books,
};
use quant_lake::venues::okx::encode::candles::CandleRow;
use quant_lake::venues::okx::encode::live::{
    FundingState, LiquidationRow, Ticker, TradesForm, push_candle, push_funding, push_liquidations,
    push_mark_price, push_open_interest, push_ticker, push_trades,
};

use super::session::Socket;
use super::{Listed, rest};
use crate::mock::player::Source;
use crate::mock::venue::{Frame, FrameKind};
use crate::mock::venues::parts::{Day24, Ladder, Sides, ms};
use crate::mock::world::kline::resample;
use crate::mock::world::{Instrument, Kline, Minute};

/// A book channel without change is told again after this long: the keep-alive.
const KEEP_ALIVE_US: i64 = 60_000_000;
/// Spacing of ticker pushes.
const TICKER_US: i64 = 100_000;
/// Spacing of funding pushes.
const FUNDING_US: i64 = 60_000_000;
/// Largest funding rate.
const FUNDING_CAP: f64 = 0.00375;
/// Spacing of open-interest pushes while it changes.
const INTEREST_US: i64 = 3_000_000;

/// What a channel asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Book(BookChannel),
    Trades,
    TradesAll,
    Ticker,
    Funding,
    MarkPrice,
    OpenInterest,
    Liquidations,
    Candle(String),
}

impl Channel {
    /// Returns the channel of a name on a socket; candles and all trades are on the business socket only.
    pub(super) fn parse(name: &str, socket: Socket) -> Option<Self> {
        match socket {
            Socket::Business => match name.strip_prefix("candle") {
                Some(bar) => rest::bar_of(bar).map(|_| Self::Candle(bar.to_owned())),
                None => (name == "trades-all").then_some(Self::TradesAll),
            },
            Socket::Public => Some(match name {
                "trades" => Self::Trades,
                "tickers" => Self::Ticker,
                "funding-rate" => Self::Funding,
                "mark-price" => Self::MarkPrice,
                "open-interest" => Self::OpenInterest,
                "liquidation-orders" => Self::Liquidations,
                name => Self::Book(BookChannel::ALL.into_iter().find(|c| c.name() == name)?),
            }),
        }
    }
}

/// A stream's first frame, if it has one, and the renderer of what follows.
pub(super) type Started = (Option<Frame>, Box<dyn Source>);

/// Begins a stream at `now`; `None` where the tape does not reach or a spot instrument has no such thing.
pub(super) fn start(
    channel: &Channel,
    listed: &Arc<Listed>,
    key: &Arc<str>,
    now: UnixMicros,
) -> Option<Started> {
    let head = Head {
        listed: Arc::clone(listed),
        key: Arc::clone(key),
    };
    Some(match channel {
        Channel::Book(channel) => {
            let book = Book::start(head, *channel, now)?;
            (book.first(now), Box::new(book))
        }
        Channel::Trades | Channel::TradesAll => {
            let form = if *channel == Channel::Trades {
                TradesForm::Trades
            } else {
                TradesForm::All
            };
            let trades = Trades { head, form };
            (trades.last_before(now), Box::new(trades))
        }
        other => {
            let states = States {
                head,
                what: other.clone(),
                told: i64::MIN,
            };
            (states.first(now), Box::new(states))
        }
    })
}

/// What every stream of this venue has.
type Head = super::super::parts::Head<Listed>;

struct Book {
    head: Head,
    channel: BookChannel,
    ladder: Ladder,
    ids: BookSequence,
    first: BookTail,
    /// When the last frame was sent.
    told: UnixMicros,
}

fn book_frame(
    head: &Head,
    channel: BookChannel,
    action: Action,
    ts: UnixMicros,
    (bids, asks): Sides<'_>,
    tail: BookTail,
) -> Option<Frame> {
    let (bids, asks) = (head.listed.levels(bids), head.listed.levels(asks));
    let m = BookMessage {
        ts_ms: ms(ts),
        asks: &asks,
        bids: &bids,
    };
    let kind = match action {
        Action::Snapshot if !channel.is_snapshots() => FrameKind::Snapshot,
        _ => FrameKind::Data,
    };
    head.frame(ts, kind, |text| {
        push_books(text, &head.listed.terms, channel, action, &m, tail)
    })
}

impl Book {
    fn start(head: Head, channel: BookChannel, now: UnixMicros) -> Option<Self> {
        let every_ms = u32::try_from(channel.interval_ms()).ok()?;
        let ladder = Ladder::start(&head.listed.instrument, now, channel.depth(), every_ms)?;
        let (ids, first) = BookSequence::start(ladder.last_id());
        Some(Self {
            head,
            channel,
            ladder,
            ids,
            first,
            told: now,
        })
    }

    fn first(&self, now: UnixMicros) -> Option<Frame> {
        book_frame(
            &self.head,
            self.channel,
            Action::Snapshot,
            now,
            self.ladder.levels(),
            self.first,
        )
    }
}

impl Source for Book {
    fn minute(&mut self, minute: &Minute, _: &Instrument, out: &mut Vec<Frame>) {
        let Self {
            head,
            channel,
            ladder,
            ids,
            told,
            ..
        } = self;
        let channel = *channel;
        let is_snapshots = channel.is_snapshots();
        let idle =
            |told: &mut UnixMicros, ids: &BookSequence, until: UnixMicros, out: &mut Vec<Frame>| {
                while !is_snapshots && told.plus(KEEP_ALIVE_US) < until {
                    *told = told.plus(KEEP_ALIVE_US);
                    let tail = ids.keep_alive();
                    out.extend(book_frame(
                        head,
                        channel,
                        Action::Update,
                        *told,
                        (&[], &[]),
                        tail,
                    ));
                }
            };
        ladder.minute(minute, |step| {
            idle(told, ids, step.ts, out);
            let tail = ids.update(step.last_id);
            let sides: Sides<'_> = if is_snapshots {
                step.levels
            } else {
                (&step.changes.0, &step.changes.1)
            };
            out.extend(book_frame(
                head,
                channel,
                Action::Update,
                step.ts,
                sides,
                tail,
            ));
            *told = step.ts;
        });
        idle(told, ids, minute.end(), out);
    }
}

struct Trades {
    head: Head,
    form: TradesForm,
}

impl Trades {
    fn rows_frame(
        &self,
        ts: UnixMicros,
        rows: &[quant_lake::venues::okx::encode::TradeRow],
    ) -> Option<Frame> {
        self.head.frame(ts, FrameKind::Data, |text| {
            push_trades(text, &self.head.listed.terms, self.form, rows)
        })
    }

    fn rows(
        &self,
        matches: &[quant_core::synth::SimMatch],
    ) -> Vec<quant_lake::venues::okx::encode::TradeRow> {
        match self.form {
            TradesForm::All => self.head.listed.fills(matches),
            TradesForm::Trades | TradesForm::Old => self.head.listed.trades(matches),
        }
    }

    /// The first push after subscribing is the last trade before it.
    fn last_before(&self, now: UnixMicros) -> Option<Frame> {
        let of = &self.head.listed.instrument;
        let matches = of.matches(
            now.plus(-10 * MICROS_PER_MINUTE).max(of.oldest()),
            now.plus(1),
        );
        let last = self.rows(&matches).pop()?;
        self.rows_frame(now, &[last])
    }
}

impl Source for Trades {
    fn minute(&mut self, minute: &Minute, _: &Instrument, out: &mut Vec<Frame>) {
        // One message per taker order and price, or per match: that is what a row is.
        for group in minute.sim.matches.chunk_by(|a, b| a.agg_id == b.agg_id) {
            let Some(last) = group.last() else { continue };
            for row in self.rows(group) {
                out.extend(self.rows_frame(last.ts, &[row]));
            }
        }
    }
}

/// Channels that push a state: tickers, funding, mark price, open interest, liquidations, candles.
struct States {
    head: Head,
    what: Channel,
    /// What was told last, where a push needs a change.
    told: i64,
}

impl States {
    fn first(&self, now: UnixMicros) -> Option<Frame> {
        match &self.what {
            Channel::Ticker => self.ticker(now, &Day24::at(&self.head.listed.instrument, now)?),
            Channel::Funding => self.funding(now),
            Channel::MarkPrice => self.mark(now),
            Channel::OpenInterest => self.interest(now),
            _ => None,
        }
    }

    fn ticker(&self, now: UnixMicros, day: &Day24) -> Option<Frame> {
        let listed = &self.head.listed;
        let of = &listed.instrument;
        let book = of.book_at(now)?.book;
        let best = |side| book.best(side).map(|(p, q)| (of.price(p), listed.qty(q)));
        let minute = of.minute_at(now)?;
        let seen = minute.sim.matches.partition_point(|m| m.ts <= now);
        let last = match seen.checked_sub(1) {
            Some(i) => minute.sim.matches[i].qty_lots,
            // The last trade may lie a few minutes back.
            None => of
                .matches(now.plus(-10 * MICROS_PER_MINUTE), now.plus(1))
                .last()
                .map_or(0, |m| m.qty_lots),
        };
        let start = |shift: i64| now.plus(shift).floor_to(86_400_000_000).plus(-shift);
        let open_at = |ts: UnixMicros| {
            let first = of.klines_1m(ts, ts.plus(60 * MICROS_PER_MINUTE).min(now.plus(1)), now);
            of.price(first.first().map_or(day.open, |k| k.open))
        };
        let coins = of.qty(day.lots);
        let is_spot = listed.ct_val.is_none();
        let ticker = Ticker {
            last: (of.price(day.last), listed.qty(last)),
            ask: best(Side::Sell)?,
            bid: best(Side::Buy)?,
            open_24h: of.price(day.open),
            high_24h: of.price(day.high),
            low_24h: of.price(day.low),
            open_utc0: open_at(start(0)),
            open_utc8: open_at(start(8 * 3_600_000_000)),
            volume_ccy_24h: if is_spot { of.cash(day.cash) } else { coins },
            volume_24h: listed.qty(day.lots),
            ts_ms: ms(now),
        };
        self.head.frame(now, FrameKind::Data, |text| {
            push_ticker(text, &listed.terms, &ticker)
        })
    }

    fn funding(&self, now: UnixMicros) -> Option<Frame> {
        let of = &self.head.listed.instrument;
        let mark = of.mark_at(now)?;
        let settles = of.next_funding(now);
        let state = FundingState {
            rate: mark.predicted_funding,
            settles_ms: ms(settles),
            next_ms: ms(of.next_funding(settles)),
            settled: of.fundings(now).last().map_or(0.0, |f| f.rate),
            cap: FUNDING_CAP,
            premium: mark.mark / mark.index - 1.0,
            ts_ms: ms(now),
        };
        self.head.frame(now, FrameKind::Data, |text| {
            push_funding(text, &self.head.listed.terms, &state)
        })
    }

    fn mark(&self, now: UnixMicros) -> Option<Frame> {
        let mark = self.head.listed.instrument.mark_at(now)?;
        self.head.frame(now, FrameKind::Data, |text| {
            push_mark_price(text, &self.head.listed.terms, mark.mark, ms(mark.ts))
        })
    }

    fn interest(&self, now: UnixMicros) -> Option<Frame> {
        let row = rest::interest_row(&self.head.listed, now)?;
        self.head.frame(now, FrameKind::Data, |text| {
            push_open_interest(text, &self.head.listed.terms, &row)
        })
    }

    fn tickers(&self, minute: &Minute, of: &Instrument, out: &mut Vec<Frame>) {
        let Some(mut day) =
            Day24::at(of, minute.sim.start.plus(-1)).or_else(|| Day24::at(of, minute.sim.start))
        else {
            return;
        };
        let (mut q, mut t) = (0, 0);
        for step in 1..=MICROS_PER_MINUTE / TICKER_US {
            let ts = minute.sim.start.plus(step * TICKER_US);
            let before = (q, t);
            while minute.sim.quotes.get(q).is_some_and(|quote| quote.ts < ts) {
                q += 1;
            }
            while let Some(m) = minute.sim.matches.get(t).filter(|m| m.ts < ts) {
                day.add(m.price_ticks, m.qty_lots);
                t += 1;
            }
            if (q, t) != before
                && let Some(frame) = self.ticker(ts.plus(-1), &day)
            {
                out.push(Frame { ts, ..frame });
            }
        }
    }

    /// Told every 200 ms of change and once when the minute is over; `confirm` once the bar is.
    fn candles(&self, bar: &str, minute: &Minute, of: &Instrument, out: &mut Vec<Frame>) {
        let (Some(bar_of), false) = (rest::bar_of(bar), minute.sim.truth.is_halted) else {
            return;
        };
        let start = minute.sim.start;
        let (open, end) = bar_of.span(start);
        let before = of.klines_1m(open, start, start.plus(-1));
        let mut sum = resample(&before, open, |_| (open, end)).pop();
        let listed = &self.head.listed;
        let mut emit = |ts: UnixMicros, kline: &Kline, confirm: bool| {
            let row = CandleRow {
                confirm,
                ..rest::candle_row(listed, kline)
            };
            out.extend(self.head.frame(ts, FrameKind::Data, |text| {
                push_candle(text, &listed.terms, bar, &row)
            }));
        };
        let step = 200_000;
        for group in minute
            .sim
            .matches
            .chunk_by(|a, b| a.ts.floor_to(step) == b.ts.floor_to(step))
        {
            let Some(first) = group.first() else { continue };
            let piece = Kline::of(open, group, first.price_ticks);
            let kline = match &mut sum {
                Some(sum) => {
                    sum.extend(&piece);
                    *sum
                }
                None => *sum.insert(piece),
            };
            let ts = first.ts.floor_to(step).plus(step);
            if ts < minute.end() {
                emit(ts, &kline, false);
            }
        }
        let quiet = of
            .klines_1m(start, minute.end(), UnixMicros(i64::MAX))
            .pop();
        if let Some(kline) = sum.or_else(|| quiet.map(|k| Kline { ts_open: open, ..k })) {
            emit(minute.end(), &kline, minute.end() >= end);
        }
    }

    fn liquidations(&self, minute: &Minute, of: &Instrument, out: &mut Vec<Frame>) {
        let listed = &self.head.listed;
        // At most one order per instrument and second is told.
        let second = 1_000_000;
        for group in minute
            .sim
            .liquidations
            .chunk_by(|a, b| a.ts.floor_to(second) == b.ts.floor_to(second))
        {
            let Some(last) = group.last() else { continue };
            let ts = last.ts.floor_to(second).plus(second);
            let row = LiquidationRow {
                ts_ms: ms(last.ts),
                side: last.side,
                price: of.price(last.price_ticks),
                qty: listed.qty(last.qty_lots),
            };
            out.extend(self.head.frame(ts, FrameKind::Data, |text| {
                push_liquidations(text, &listed.terms, &[row])
            }));
        }
    }
}

impl Source for States {
    fn minute(&mut self, minute: &Minute, of: &Instrument, out: &mut Vec<Frame>) {
        match self.what.clone() {
            Channel::Ticker => self.tickers(minute, of, out),
            Channel::Funding => {
                let ts = minute.sim.start.floor_to(FUNDING_US).plus(FUNDING_US - 1);
                out.extend(self.funding(ts));
            }
            Channel::MarkPrice => {
                for mark in &minute.sim.marks {
                    out.extend(self.mark(mark.ts));
                }
            }
            Channel::OpenInterest => {
                for step in 1..=MICROS_PER_MINUTE / INTEREST_US {
                    let ts = minute.sim.start.plus(step * INTEREST_US - 1);
                    let known =
                        rest::interest_row(&self.head.listed, ts).map_or(i64::MIN, |r| r.ts_ms);
                    if known > self.told {
                        self.told = known;
                        out.extend(self.interest(ts));
                    }
                }
            }
            Channel::Liquidations => self.liquidations(minute, of, out),
            Channel::Candle(bar) => self.candles(&bar, minute, of, out),
            Channel::Book(_) | Channel::Trades | Channel::TradesAll => {}
        }
    }
}
