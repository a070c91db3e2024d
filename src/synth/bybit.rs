//! A simulated instrument as Bybit's public archives: trades, and order books as the venue's own frames.

use quant_core::market::{InstrumentKey, Market};
use quant_core::synth::derive::{BookReplay, Conflator, TradeSums, UpdateKind};
use quant_core::synth::{InstrumentParams, SimBook, SimMinute};
use quant_core::time::{Day, UnixMicros};
use quant_core::units::Step;
use quant_lake::schema::Dataset;
use quant_lake::truth::RecordLog;
use quant_lake::venues::bybit::encode::book::{BookMessage, BookZip, depth_on};
use quant_lake::venues::bybit::encode::trades::{TradeForm, TradesCsv};
use quant_lake::venues::bybit::encode::{Category, Terms, TickTracker, TradeRow};
use quant_lake::venues::wire::{Digits, Level};

use super::files::{StoredFile, VenueWriter};
use super::request::BookOptions;
use crate::error::{CommandResult, Kinded as _};

/// Resolution of trade stamps in the archive.
const TRADE_UNIT_US: i64 = 100;

/// Writes one instrument.
pub(super) struct BybitWriter {
    key: InstrumentKey,
    terms: Terms,
    tick: Step,
    lot: Step,
    options: BookOptions,
    trades: Option<(TradesCsv, TradeSums, RecordLog)>,
    wants_trades: bool,
    ticks: TickTracker,
    replay: Option<BookReplay>,
    updates: Conflator,
    book: Option<(BookZip, RecordLog)>,
    next_u: i64,
    day: Option<Day>,
    levels: [Vec<Level>; 2],
}

impl BybitWriter {
    /// Returns the writer of an instrument whose book before its first minute is `book`.
    pub(super) fn new(
        key: InstrumentKey,
        params: &InstrumentParams,
        datasets: &[Dataset],
        options: BookOptions,
        book: &SimBook,
        last_id: i64,
    ) -> Self {
        let category = match params.market {
            Market::Spot => Category::Spot,
            Market::Inverse => Category::Inverse,
            _ => Category::Linear,
        };
        let decimals = |step| Digits::of(step, true).decimals();
        Self {
            terms: Terms::new(
                params.symbol.clone(),
                category,
                decimals(params.tick_size),
                decimals(params.lot_size),
            ),
            key,
            tick: params.tick_size,
            lot: params.lot_size,
            options,
            trades: None,
            wants_trades: datasets.contains(&Dataset::Trades),
            ticks: TickTracker::default(),
            replay: datasets
                .contains(&Dataset::L2Deltas)
                .then(|| BookReplay::new(book, last_id)),
            updates: Conflator::new(1_000_000, None),
            book: None,
            next_u: 1_000_000,
            day: None,
            levels: [Vec::new(), Vec::new()],
        }
    }

    fn begin_day(&mut self, day: Day) -> CommandResult<()> {
        self.day = Some(day);
        if self.wants_trades {
            let form = TradeForm::on(self.terms.category, day);
            let file = TradesCsv::new(&self.terms, day, form).internal_error()?;
            self.trades = Some((file, TradeSums::default(), RecordLog::new()));
        }
        if self.replay.is_some() {
            let depth = match self.options.levels {
                0 => depth_on(day),
                levels => levels,
            };
            let every_us = i64::from(self.options.cadence_ms) * 1_000;
            // A file begins with a snapshot: a fresh conflator emits one at its first boundary.
            self.updates = Conflator::new(every_us, Some(usize::from(depth)));
            let file = BookZip::new(&self.terms, day, depth, self.next_u).internal_error()?;
            self.book = Some((file, RecordLog::new()));
        }
        Ok(())
    }

    fn trades(&mut self, minute: &SimMinute) -> CommandResult<()> {
        let Some((file, sums, records)) = &mut self.trades else {
            return Ok(());
        };
        for m in &minute.matches {
            let price = self.tick.value(m.price_ticks);
            let row = TradeRow {
                ts_us: m.ts.0 - m.ts.0.rem_euclid(TRADE_UNIT_US),
                price,
                qty: self.lot.value(m.qty_lots),
                side: m.aggressor,
                tick: self.ticks.next(price),
                id: m.id,
                seq: m.update_id,
                is_block: false,
                is_rpi: false,
            };
            file.push(&row).internal_error()?;
            sums.add_match(m);
            records.push_point(UnixMicros(row.ts_us));
        }
        Ok(())
    }

    fn books(&mut self, minute: &SimMinute) -> CommandResult<()> {
        let (Some(replay), Some((file, records))) = (&mut self.replay, &mut self.book) else {
            return Ok(());
        };
        replay.run(minute, &mut [&mut self.updates]);
        let [bids, asks] = &mut self.levels;
        for update in self.updates.updates() {
            let level = |(ticks, lots): &(i64, i64)| Level {
                price: self.tick.value(*ticks),
                qty: self.lot.value(*lots),
                orders: 0,
            };
            bids.clear();
            bids.extend(update.bids.iter().map(level));
            asks.clear();
            asks.extend(update.asks.iter().map(level));
            let message = BookMessage {
                ts_ms: update.ts.0 / 1_000,
                cts_ms: update.message_ts.0 / 1_000,
                seq: update.last_id,
                bids,
                asks,
            };
            match update.kind {
                UpdateKind::Snapshot => file.snapshot(&message),
                UpdateKind::Delta => file.delta(&message),
            }
            .internal_error()?;
            records.push(
                UnixMicros(update.message_ts.0 / 1_000 * 1_000),
                UnixMicros(update.ts.0),
            );
        }
        Ok(())
    }
}

impl VenueWriter for BybitWriter {
    fn minute(&mut self, minute: &SimMinute, _: &mut Vec<StoredFile>) -> CommandResult<()> {
        let day = minute.start.day();
        if self.day != Some(day) {
            self.begin_day(day)?;
        }
        self.trades(minute)?;
        self.books(minute)
    }

    fn end_of_day(&mut self, day: Day, out: &mut Vec<StoredFile>) -> CommandResult<()> {
        let mut store = |path, bytes, dataset, sums, records: RecordLog| {
            out.push(StoredFile {
                path,
                bytes,
                checksum: None,
                instrument: self.key.clone(),
                dataset,
                day,
                sums,
                records,
            });
        };
        if let Some((file, sums, mut records)) = self.trades.take() {
            let form = TradeForm::on(self.terms.category, day);
            let file = file.finish().internal_error()?;
            if form.descending {
                let times: Vec<_> = records.iter().collect();
                records.clear();
                for (ts, at) in times.into_iter().rev() {
                    records.push(ts, at);
                }
            }
            store(
                file.path(),
                file.bytes,
                Dataset::Trades,
                Some(sums),
                records,
            );
        }
        if let Some((file, records)) = self.book.take() {
            self.next_u = file.next_u();
            let file = file.finish().internal_error()?;
            store(file.path(), file.bytes, Dataset::L2Deltas, None, records);
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<StoredFile>) -> CommandResult<()> {
        Ok(())
    }
}
