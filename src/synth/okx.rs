//! A simulated instrument as OKX's public archives: trades, candles and funding on UTC+8 days, books on UTC days.
//! Sizes of swaps are contracts.

use quant_core::market::{InstrumentKey, Market};
use quant_core::synth::derive::{
    BookReplay, BookUpdate, Conflator, KlineBuilder, MinuteKline, SimAgg, TradeSums, UpdateKind,
    aggregate,
};
use quant_core::synth::{InstrumentParams, SimBook, SimMinute, SynthError};
use quant_core::time::{Day, MICROS_PER_MINUTE, UnixMicros};
use quant_core::units::Step;
use quant_lake::schema::Dataset;
use quant_lake::truth::RecordLog;
use quant_lake::venues::binance::Period;
use quant_lake::venues::okx::encode::book::{Action, BookMessage, BookTar};
use quant_lake::venues::okx::encode::candles::{CandleRow, CandlesZip};
use quant_lake::venues::okx::encode::funding::{FundingRow, FundingZip};
use quant_lake::venues::okx::encode::names::Module;
use quant_lake::venues::okx::encode::trades::TradesZip;
use quant_lake::venues::okx::encode::{InstType, Terms, TradeRow};
use quant_lake::venues::pack::PackedFile;
use quant_lake::venues::wire::{Digits, Level};

use super::files::{StoredFile, VenueWriter};
use super::request::BookOptions;
use crate::error::{CommandResult, Kinded as _};

/// Levels per side of the archive's `400lv` files.
const BOOK_LEVELS: u16 = 400;

/// Returns the coins one contract of a swap stands for, as on the venue for the assets it lists there; 1 for others.
pub fn contract_value(asset: &str) -> f64 {
    match asset {
        "BTC" => 0.01,
        "ETH" => 0.1,
        "DOGE" => 1_000.0,
        _ => 1.0,
    }
}

/// Returns the quantity step in contracts.
///
/// # Errors
/// As the steps of the instrument.
pub fn contract_lot(lot: Step, asset: &str) -> Result<Step, SynthError> {
    let value = contract_value(asset);
    let text = format!("{:.10}", lot.size() / value);
    text.parse().map_err(|_| SynthError::OutOfRange {
        name: "lot_size in contracts",
        found: lot.size() / value,
        expected: "at least 1e-10",
    })
}

/// An open file of one period.
struct Open<F> {
    period: Period,
    file: F,
    sums: Option<TradeSums>,
    records: RecordLog,
}

/// Writes one instrument.
pub(super) struct OkxWriter {
    key: InstrumentKey,
    terms: Terms,
    tick: Step,
    lot: Step,
    /// Quantity step in the venue's unit.
    size: Step,
    money: Step,
    datasets: Vec<Dataset>,
    options: BookOptions,
    trades: Option<Open<TradesZip>>,
    candles: Option<Open<CandlesZip>>,
    funding: Option<Open<FundingZip>>,
    klines: KlineBuilder,
    replay: Option<BookReplay>,
    updates: Conflator,
    book: Option<(Day, BookTar, RecordLog)>,
    aggregates: Vec<SimAgg>,
    levels: [Vec<Level>; 2],
}

impl OkxWriter {
    /// Returns the writer of an instrument whose book before its first minute is `book`.
    ///
    /// # Errors
    /// Configuration error for a lot that is no decimal number of contracts.
    pub(super) fn new(
        key: InstrumentKey,
        params: &InstrumentParams,
        datasets: &[Dataset],
        options: BookOptions,
        book: &SimBook,
        last_id: i64,
    ) -> CommandResult<Self> {
        let (tick, lot) = (params.tick_size, params.lot_size);
        let (inst_type, size) = match params.market {
            Market::Spot => (InstType::Spot, lot),
            _ => (
                InstType::Swap,
                contract_lot(lot, &params.asset).config_error()?,
            ),
        };
        let decimals = |step| Digits::of(step, false).decimals();
        Ok(Self {
            key,
            terms: Terms::new(
                params.symbol.as_str(),
                inst_type,
                decimals(tick),
                decimals(size),
            ),
            tick,
            lot,
            size,
            money: tick
                .product(lot)
                .ok_or(SynthError::TooFine { tick, lot })
                .config_error()?,
            datasets: datasets.to_vec(),
            options,
            trades: None,
            candles: None,
            funding: None,
            klines: KlineBuilder::new(None),
            replay: datasets
                .contains(&Dataset::L2Deltas)
                .then(|| BookReplay::new(book, last_id)),
            updates: Conflator::new(1_000_000, None),
            book: None,
            aggregates: Vec::new(),
            levels: [Vec::new(), Vec::new()],
        })
    }

    fn stored(
        &self,
        file: PackedFile,
        dataset: Dataset,
        day: Day,
        sums: Option<TradeSums>,
        records: RecordLog,
    ) -> StoredFile {
        StoredFile {
            path: file.path(),
            bytes: file.bytes,
            checksum: None,
            instrument: self.key.clone(),
            dataset,
            day,
            sums,
            records,
        }
    }

    /// Closes the files whose period does not hold `ts_ms`; all of them without one.
    fn roll(&mut self, ts_ms: Option<i64>, out: &mut Vec<StoredFile>) -> CommandResult<()> {
        let is_over = |module: Module, period: Period| {
            ts_ms.is_none_or(|ts| {
                let (start, end) = module.span_ms(period);
                !(start..end).contains(&ts)
            })
        };
        if let Some(x) = self.trades.take_if(|x| is_over(Module::Trades, x.period)) {
            let file = x.file.finish().internal_error()?;
            out.push(self.stored(file, Dataset::Trades, x.period.days().0, x.sums, x.records));
        }
        if let Some(x) = self.candles.take_if(|x| is_over(Module::Candles, x.period)) {
            let file = x.file.finish().internal_error()?;
            out.push(self.stored(
                file,
                Dataset::Klines1m,
                x.period.days().0,
                x.sums,
                x.records,
            ));
        }
        if let Some(x) = self.funding.take_if(|x| is_over(Module::Funding, x.period)) {
            let file = x.file.finish().internal_error()?;
            out.push(self.stored(file, Dataset::Funding, x.period.days().0, x.sums, x.records));
        }
        if let Some((day, tar, records)) = self
            .book
            .take_if(|(day, ..)| is_over(Module::Book400, Period::Day(*day)))
        {
            let file = tar.finish().internal_error()?;
            out.push(self.stored(file, Dataset::L2Deltas, day, None, records));
        }
        Ok(())
    }

    fn trades(&mut self, minute: &SimMinute) -> CommandResult<()> {
        if !self.datasets.contains(&Dataset::Trades) {
            return Ok(());
        }
        let period = Period::Day(Module::Trades.day_of(minute.start.0 / 1_000));
        let open = match &mut self.trades {
            Some(open) => open,
            slot => slot.insert(Open {
                period,
                file: TradesZip::new(&self.terms, period).internal_error()?,
                sums: Some(TradeSums::default()),
                records: RecordLog::new(),
            }),
        };
        // One row per taker order and price: the venue's own aggregate.
        aggregate(&minute.matches, &mut self.aggregates);
        for a in &self.aggregates {
            let ts_ms = a.ts.0 / 1_000;
            let row = TradeRow {
                trade_id: a.last_id,
                side: a.aggressor,
                price: self.tick.value(a.price_ticks),
                qty: self.size.value(a.qty_lots),
                ts_ms,
                count: u32::try_from(a.last_id - a.first_id + 1).unwrap_or(u32::MAX),
                source: 0,
                seq_id: a.last_id,
            };
            open.file.push(&row).internal_error()?;
            if let Some(sums) = &mut open.sums {
                sums.add_agg(a);
            }
            open.records.push_point(UnixMicros(ts_ms * 1_000));
        }
        Ok(())
    }

    fn candle(&mut self, k: &MinuteKline) -> CommandResult<()> {
        let open_ms = k.start.0 / 1_000;
        let period = Period::month_of(Module::Candles.day_of(open_ms));
        let open = match &mut self.candles {
            Some(open) => open,
            slot => slot.insert(Open {
                period,
                file: CandlesZip::new(&self.terms, period).internal_error()?,
                sums: Some(TradeSums::default()),
                records: RecordLog::new(),
            }),
        };
        let row = CandleRow {
            open_ms,
            open: self.tick.value(k.open),
            high: self.tick.value(k.high),
            low: self.tick.value(k.low),
            close: self.tick.value(k.close),
            vol: self.size.value(k.lots),
            vol_ccy: self.lot.value(k.lots),
            vol_quote: super::files::money(k.tick_lots, self.money),
            confirm: true,
        };
        open.file.push(&row).internal_error()?;
        if let Some(sums) = &mut open.sums {
            sums.add_kline(k);
        }
        open.records.push(
            UnixMicros(k.start.0),
            UnixMicros(k.start.plus(MICROS_PER_MINUTE).0),
        );
        Ok(())
    }

    fn funding(&mut self, minute: &SimMinute) -> CommandResult<()> {
        let Some(f) = minute
            .funding
            .filter(|_| self.datasets.contains(&Dataset::Funding))
        else {
            return Ok(());
        };
        let period = Period::Day(Module::Funding.day_of(f.ts.0 / 1_000));
        let open = match &mut self.funding {
            Some(open) => open,
            slot => slot.insert(Open {
                period,
                file: FundingZip::new(&self.terms.inst_id, period).internal_error()?,
                sums: None,
                records: RecordLog::new(),
            }),
        };
        let row = FundingRow {
            inst_id: &self.terms.inst_id,
            ts_ms: f.ts.0 / 1_000,
            rate: f.rate,
        };
        open.file.push(&row).internal_error()?;
        open.records.push_point(UnixMicros(f.ts.0));
        Ok(())
    }

    fn books(&mut self, minute: &SimMinute) -> CommandResult<()> {
        let Some(replay) = &mut self.replay else {
            return Ok(());
        };
        let day = minute.start.day();
        if self.book.is_none() {
            let every_us = i64::from(self.options.cadence_ms) * 1_000;
            let levels = match self.options.levels {
                0 => BOOK_LEVELS,
                levels => levels,
            };
            self.updates = Conflator::new(every_us, Some(usize::from(levels)));
            let tar = BookTar::new(&self.terms, day, Module::Book400);
            self.book = Some((day, tar, RecordLog::new()));
        }
        let Some((_, tar, records)) = &mut self.book else {
            return Ok(());
        };
        let is_due = tar.is_snapshot_due(minute.start.0 / 1_000);
        let [bids, asks] = &mut self.levels;
        let (tick, size) = (self.tick, self.size);
        let mut push = |update: BookUpdate<'_>| -> CommandResult<()> {
            let level = |(ticks, lots): &(i64, i64)| Level {
                price: tick.value(*ticks),
                qty: size.value(*lots),
                // The simulated book counts quantities, not orders.
                orders: u32::from(*lots > 0),
            };
            bids.clear();
            bids.extend(update.bids.iter().map(level));
            asks.clear();
            asks.extend(update.asks.iter().map(level));
            let message = BookMessage {
                ts_ms: update.ts.0 / 1_000,
                asks,
                bids,
            };
            let action = match update.kind {
                UpdateKind::Snapshot => Action::Snapshot,
                UpdateKind::Delta => Action::Update,
            };
            tar.push(action, &message).internal_error()?;
            records.push_point(UnixMicros(update.ts.0));
            Ok(())
        };
        if is_due {
            // The snapshot repeats what the updates have told: the last of them comes first.
            let told = self.updates.updates().count();
            self.updates.flush(minute.start, replay);
            for update in self.updates.updates().skip(told) {
                push(update)?;
            }
            self.updates.restart();
        }
        replay.run(minute, &mut [&mut self.updates]);
        for update in self.updates.updates() {
            push(update)?;
        }
        Ok(())
    }
}

impl VenueWriter for OkxWriter {
    fn minute(&mut self, minute: &SimMinute, out: &mut Vec<StoredFile>) -> CommandResult<()> {
        self.roll(Some(minute.start.0 / 1_000), out)?;
        self.trades(minute)?;
        if let Some(kline) = self.klines.minute(minute)
            && self.datasets.contains(&Dataset::Klines1m)
        {
            self.candle(&kline)?;
        }
        self.funding(minute)?;
        self.books(minute)
    }

    fn end_of_day(&mut self, _: Day, _: &mut Vec<StoredFile>) -> CommandResult<()> {
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<StoredFile>) -> CommandResult<()> {
        self.roll(None, out)
    }
}
