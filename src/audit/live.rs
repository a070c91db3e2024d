//! One day as it arrives: events in arrival order, through the watermark, into the same minute builder.
//!
//! It shares with the lake's stream what defines the order (places, ranks, sequences, the rule of the chain) and nothing of
//! how partitions are read.

use quant_core::bars::{
    DayBars, Microstructure, MinuteBuilder, MinuteRow, StatInputs, StatSources,
};
use quant_core::market::{
    BookDelta, Event, Gap, InstrumentKey, Lost, StreamKey, TradeIds, Venue, WatermarkMerge,
    source_rank,
};
use quant_core::time::{Day, UnixMicros};
use quant_core::units::Micros;
use quant_lake::openings::DayOpening;
use quant_lake::schema::Dataset;
use quant_lake::stream::{BookKind, ChainRule, DayPlan, Link, MicroSpec, numbers_trades};

use super::pipeline::bar_values;
use crate::error::{CommandResult, Kinded as _};

/// Returns whether rows of a dataset come over a socket with a place in its order, so that they can be late. Everything else
/// is known when it is here.
pub const fn can_be_late(dataset: Dataset) -> bool {
    matches!(
        dataset,
        Dataset::Trades | Dataset::AggTrades | Dataset::BookTicker | Dataset::L2Deltas
    )
}

/// An event and its dataset, as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Which dataset it is a row of.
    pub dataset: Dataset,
    /// When what it says was known at the venue: its own time, the end of an interval, or its publication.
    pub known: UnixMicros,
    /// The event.
    pub event: Event,
}

impl Arrived {
    /// Returns an event that is known at its own time.
    pub const fn new(dataset: Dataset, event: Event) -> Self {
        Self {
            dataset,
            known: event.ts_known(),
            event,
        }
    }
}

/// Builds one day from events in arrival order.
pub struct LiveDay {
    day: Day,
    shares_ids: bool,
    rule: ChainRule,
    link: Option<Link>,
    at_message_start: bool,
    shifts: MicroSpec,
    merge: WatermarkMerge<Event>,
    builder: MinuteBuilder<Microstructure>,
    sources: StatSources,
    quotes: Option<Dataset>,
    book: Option<BookKind>,
    trades: Dataset,
    ready: Vec<(StreamKey, Event)>,
    last_trade: Option<i64>,
    is_numbered: bool,
    ids: TradeIds,
}

impl LiveDay {
    /// Returns the day before its first event.
    pub fn new(
        instrument: &InstrumentKey,
        plan: &DayPlan,
        micro: &MicroSpec,
        opening: &DayOpening,
    ) -> Self {
        let inputs = StatInputs {
            vpin_bucket: opening.volume_bucket,
        };
        Self {
            day: plan.day,
            shares_ids: instrument.exchange.venue == Venue::Binance,
            rule: ChainRule::of(instrument),
            link: opening.link,
            at_message_start: true,
            shifts: micro.clone(),
            merge: WatermarkMerge::new(Micros(micro.watermark_ms * 1_000)),
            builder: MinuteBuilder::with_stats(
                plan.day,
                plan.bar_source(),
                plan.inputs,
                &opening.opening,
                Microstructure::new(&inputs),
            ),
            sources: plan.stat_sources(),
            quotes: plan.quotes,
            book: plan.book,
            trades: plan.bars,
            ready: Vec::new(),
            last_trade: None,
            is_numbered: numbers_trades(instrument),
            ids: TradeIds::default(),
        }
    }

    /// Takes the next event; what the watermark has passed is built.
    ///
    /// # Errors
    /// If the builder refuses an event.
    pub fn push(&mut self, arrived: Arrived) -> CommandResult<()> {
        let Arrived {
            dataset,
            known,
            event,
        } = arrived;
        let ts = event.ts_known();
        let at = self.place(dataset, known, &event);
        let is_built = self.is_wanted(dataset, &event) && self.day.range().contains(at);
        if can_be_late(dataset) && !matches!(event, Event::Heartbeat(_)) {
            let key = self.key(at, &event);
            if is_built {
                self.merge.push(ts, key, event);
            } else {
                // Other days and sources that are not used tell how far the stream has come.
                self.merge.advance(ts);
            }
        } else {
            if matches!(event, Event::Heartbeat(_) | Event::Liquidation(_)) {
                self.merge.advance(ts);
            }
            if is_built {
                // Never late, and no sign of how far the stream has come.
                let now = self.merge.watermark().unwrap_or(UnixMicros(i64::MIN / 2));
                let key = self.key(at, &event);
                self.merge.push(now, key, event);
            }
        }
        let mut ready = core::mem::take(&mut self.ready);
        self.merge.release(|key, event| ready.push((key, event)));
        for (key, event) in ready.drain(..) {
            self.build(key, &event)?;
        }
        self.ready = ready;
        Ok(())
    }

    /// Ends the day and returns its rows and the number of late events.
    ///
    /// # Errors
    /// If the builder refuses an event.
    pub fn finish(mut self) -> CommandResult<(DayBars, u64)> {
        let mut rest = Vec::new();
        self.merge.finish(|key, event| rest.push((key, event)));
        for (key, event) in rest {
            self.build(key, &event)?;
        }
        Ok((self.builder.finish(self.day.end()), self.merge.n_late()))
    }

    /// Returns what the statistics of the day are made of.
    pub const fn sources(&self) -> StatSources {
        self.sources
    }

    /// Returns the bits of the minutes closed so far.
    pub fn bits(&self) -> Vec<u64> {
        bits_of(self.builder.rows(), self.builder.stat_values())
    }

    fn key(&self, ts_avail: UnixMicros, event: &Event) -> StreamKey {
        StreamKey {
            ts_avail,
            rank: source_rank(event),
            seq: self.sequence(event),
        }
    }

    fn is_wanted(&self, dataset: Dataset, event: &Event) -> bool {
        match event {
            Event::Trade(_) => dataset == self.trades,
            Event::Bar(_) => self.trades == Dataset::Klines1m,
            Event::Quote(_) => self.quotes.is_some(),
            Event::BookDelta(_) => self.book == Some(BookKind::Deltas),
            Event::BookSnapshot(_) => self.book == Some(BookKind::Images),
            Event::Heartbeat(_) => false,
            _ => true,
        }
    }

    fn place(&self, dataset: Dataset, known: UnixMicros, event: &Event) -> UnixMicros {
        match event {
            Event::MarkPrice(_) | Event::Funding(_) | Event::OpenInterest(_) => {
                // The shift counts from the start of an interval, the event from its end.
                let period = dataset.interval_us().unwrap_or(0);
                known.plus(self.shifts.shift_us(dataset) - period)
            }
            Event::Bar(bar) => bar.ts_close.plus(-1),
            other => other.ts_known(),
        }
    }

    /// Quotes and books of one instant are ordered by the id they share, else books come first.
    fn sequence(&self, event: &Event) -> i64 {
        match event {
            Event::Trade(t) => t.trade_id,
            Event::Quote(q) if self.shares_ids => q.update_id.saturating_mul(2).saturating_add(1),
            Event::Quote(_) => i64::MAX,
            Event::BookDelta(d) if self.shares_ids => d.last_id.saturating_mul(2),
            Event::BookDelta(d) => d.msg_seq,
            Event::BookSnapshot(b) if self.shares_ids => b.seq.saturating_mul(2),
            _ => 0,
        }
    }

    fn build(&mut self, key: StreamKey, event: &Event) -> CommandResult<()> {
        match event {
            Event::Trade(trade) => {
                // A trade that arrives twice is one trade.
                if self.last_trade == Some(trade.trade_id) {
                    return Ok(());
                }
                self.last_trade = Some(trade.trade_id);
                if self.is_numbered && self.ids.lost_before(trade.trade_id) {
                    self.builder.on_lost_trades(trade.ts_event).data_error()?;
                }
                self.builder.on_trade(trade)
            }
            Event::Quote(quote) => self.builder.on_quote(quote),
            Event::Bar(bar) => self.builder.on_bar(bar),
            Event::BookDelta(delta) => {
                self.follow(delta)?;
                self.builder.on_delta(delta)
            }
            other => self.builder.on_other_at(other, key.ts_avail),
        }
        .data_error()
    }

    /// Voids the book where its chain is broken.
    fn follow(&mut self, delta: &BookDelta) -> CommandResult<()> {
        if self.at_message_start {
            let ids = (delta.first_id, delta.last_id, delta.prev_id);
            let follows = delta.is_snapshot
                || self
                    .link
                    .is_none_or(|link| self.rule.follows(link, ids.0, ids.1, ids.2));
            if !follows {
                let gap = Event::Gap(Gap {
                    from: delta.ts_event,
                    to: delta.ts_event,
                    lost: Lost::Everything,
                });
                self.builder
                    .on_other_at(&gap, delta.ts_event)
                    .data_error()?;
                self.link = None;
            } else if self.link.is_some() || delta.is_snapshot {
                self.link = Some(Link {
                    last_id: delta.last_id,
                    is_snapshot: delta.is_snapshot,
                });
            }
        }
        self.at_message_start = delta.msg_end;
        Ok(())
    }
}

/// Returns the bits of minutes: numbers of the bar, then the statistics, row by row.
pub(super) fn bits_of(rows: &[MinuteRow], stats: &[f64]) -> Vec<u64> {
    let n = stats.len() / rows.len().max(1);
    let mut out = Vec::with_capacity(stats.len() + rows.len() * 10);
    for (i, row) in rows.iter().enumerate() {
        out.extend(bar_values(row).map(|v| v.map_or(u64::MAX, f64::to_bits)));
        out.extend(stats[i * n..(i + 1) * n].iter().map(|v| v.to_bits()));
    }
    out
}

#[cfg(test)]
mod tests;
