//! A simulated instrument as Binance Vision archives, and as a raw recording of its sockets where levels are asked for.

mod recording;

use quant_core::market::{InstrumentKey, Market, Side, Symbol};
use quant_core::synth::derive::{
    BookConsumer, BookReplay, Conflator, DepthBands, KlineBuilder, ReferenceKline, SimAgg,
    TradeSums, aggregate, reference_klines,
};
use quant_core::synth::{InstrumentParams, SimBook, SimMinute};
use quant_core::time::{Day, MICROS_PER_MINUTE, UnixMicros};
use quant_core::units::Step;
use quant_lake::schema::Dataset;
use quant_lake::truth::RecordLog;
use quant_lake::venues::binance::encode::{
    AggTradeRow, ArchiveRow, ArchiveSpec, ArchiveWriter, BookDepthRow, BookTickerRow, Decimals,
    EncodedFile, FundingRow, KlineRow, MetricsRow, ReferenceKlineRow, TradeRow, decimals_of,
    is_published, stamp_unit_us, um_update_id,
};
use quant_lake::venues::binance::{Cadence, Period, VisionType};

use self::recording::{ImageTape, SocketTape};
use super::files::{StoredFile, VenueWriter, money};
use super::request::BookOptions;
use crate::error::{CommandResult, Kinded as _};

/// Second of a minute at which band images are taken, as on the venue.
const BAND_OFFSET_S: u32 = 7;

/// What is the same for all files of an instrument.
pub(super) struct Terms {
    pub(super) key: InstrumentKey,
    pub(super) market: Market,
    pub(super) symbol: Symbol,
    pub(super) tick: Step,
    pub(super) lot: Step,
    pub(super) money: Step,
    pub(super) decimals: Decimals,
}

impl Terms {
    fn price(&self, ticks: i64) -> f64 {
        self.tick.value(ticks)
    }

    fn qty(&self, lots: i64) -> f64 {
        self.lot.value(lots)
    }

    /// Returns the venue's id of a book message: exchange-wide on futures, the book's own on spot.
    fn update_id(&self, id: i64) -> i64 {
        if self.market == Market::Spot {
            id
        } else {
            um_update_id(id)
        }
    }

    fn levels(&self, side: &[(i64, i64)]) -> Vec<(f64, f64)> {
        side.iter()
            .map(|(ticks, lots)| (self.price(*ticks), self.qty(*lots)))
            .collect()
    }

    /// Returns a time as the file of its day stamps it.
    fn stamp(&self, us: i64) -> i64 {
        let unit = stamp_unit_us(self.market, UnixMicros(us).day());
        us - us.rem_euclid(unit)
    }
}

/// An open archive file and the truth about its rows.
struct Open<R: ArchiveRow> {
    writer: ArchiveWriter<R>,
    records: RecordLog,
    sums: Option<TradeSums>,
}

impl<R: ArchiveRow> Open<R> {
    fn new(terms: &Terms, kind: VisionType, period: Period) -> CommandResult<Self> {
        let spec = ArchiveSpec::new(terms.market, &terms.symbol, kind, period)
            .with_decimals(terms.decimals);
        Ok(Self {
            writer: ArchiveWriter::new(&spec).config_error()?,
            records: RecordLog::new(),
            sums: None,
        })
    }

    fn push(&mut self, row: &R) -> CommandResult<()> {
        self.writer.push(row).internal_error()
    }

    fn close(self, terms: &Terms, dataset: Dataset, day: Day) -> CommandResult<StoredFile> {
        let file: EncodedFile = self.writer.finish().internal_error()?;
        Ok(StoredFile {
            path: file.path(),
            bytes: file.zip,
            checksum: Some(file.checksum),
            instrument: terms.key.clone(),
            dataset,
            day,
            sums: self.sums,
            records: self.records,
        })
    }
}

/// The open files of one day; `None` where a dataset is not written.
#[derive(Default)]
struct DayFiles {
    trades: Option<Open<TradeRow>>,
    agg_trades: Option<Open<AggTradeRow>>,
    klines: Option<Open<KlineRow>>,
    quotes: Option<Open<BookTickerRow>>,
    bands: Option<Open<BookDepthRow>>,
    mark: Option<Open<ReferenceKlineRow>>,
    index: Option<Open<ReferenceKlineRow>>,
    premium: Option<Open<ReferenceKlineRow>>,
    metrics: Option<Open<MetricsRow>>,
}

/// Writes one instrument.
pub(super) struct BinanceWriter {
    terms: Terms,
    datasets: Vec<Dataset>,
    book: BookOptions,
    day: Option<Day>,
    files: DayFiles,
    /// File of the month.
    funding: Option<(Period, Open<FundingRow>)>,
    klines: KlineBuilder,
    replay: Option<BookReplay>,
    bands: DepthBands,
    socket: Option<SocketTape>,
    /// Updates of the day before, between two days.
    updates: Option<Conflator>,
    images: Option<ImageTape>,
    aggregates: Vec<SimAgg>,
}

impl BinanceWriter {
    /// Returns the writer of an instrument whose book is `book` and whose last message before its first minute is `last_id`.
    ///
    /// # Errors
    /// Configuration error for steps without an exact product.
    pub(super) fn new(
        key: InstrumentKey,
        params: &InstrumentParams,
        datasets: &[Dataset],
        options: BookOptions,
        book: &SimBook,
        last_id: i64,
    ) -> CommandResult<Self> {
        let (tick, lot) = (params.tick_size, params.lot_size);
        let money = tick
            .product(lot)
            .ok_or(quant_core::synth::SynthError::TooFine { tick, lot })
            .config_error()?;
        let wants_book = [Dataset::DepthBands, Dataset::L2Deltas, Dataset::L2Snapshots]
            .iter()
            .any(|d| datasets.contains(d));
        Ok(Self {
            terms: Terms {
                key,
                market: params.market,
                symbol: params.symbol.clone(),
                tick,
                lot,
                money,
                decimals: Decimals {
                    price: decimals_of(tick.size()),
                    qty: decimals_of(lot.size()),
                },
            },
            datasets: datasets.to_vec(),
            book: options,
            day: None,
            files: DayFiles::default(),
            funding: None,
            klines: KlineBuilder::new(None),
            replay: wants_book.then(|| BookReplay::new(book, last_id)),
            bands: DepthBands::new(BAND_OFFSET_S),
            socket: None,
            updates: None,
            images: None,
            aggregates: Vec::new(),
        })
    }

    fn wants(&self, dataset: Dataset) -> bool {
        self.datasets.contains(&dataset)
    }

    fn open<R: ArchiveRow>(&self, dataset: Dataset, day: Day) -> CommandResult<Option<Open<R>>> {
        let Some(kind) = VisionType::of(dataset) else {
            return Ok(None);
        };
        let published = is_published(self.terms.market, kind, Cadence::Daily, day);
        if !(self.wants(dataset) && published) {
            return Ok(None);
        }
        Open::new(&self.terms, kind, Period::Day(day)).map(Some)
    }

    fn begin_day(&mut self, day: Day) -> CommandResult<()> {
        self.day = Some(day);
        self.files = DayFiles {
            trades: self.open(Dataset::Trades, day)?,
            agg_trades: self.open(Dataset::AggTrades, day)?,
            klines: self.open(Dataset::Klines1m, day)?,
            quotes: self.open(Dataset::BookTicker, day)?,
            bands: self.open(Dataset::DepthBands, day)?,
            mark: self.open(Dataset::MarkKlines, day)?,
            index: self.open(Dataset::IndexKlines, day)?,
            premium: self.open(Dataset::PremiumKlines, day)?,
            metrics: self.open(Dataset::Metrics, day)?,
        };
        if let Some(replay) = &self.replay {
            if self.wants(Dataset::L2Deltas) {
                let tape = SocketTape::new(&self.terms, self.book, replay, self.updates.take())?;
                self.socket = Some(tape);
            }
            if self.wants(Dataset::L2Snapshots) {
                self.images = Some(ImageTape::new(&self.terms, self.book)?);
            }
        }
        Ok(())
    }

    fn trades(&mut self, minute: &SimMinute) -> CommandResult<()> {
        let terms = &self.terms;
        if let Some(file) = &mut self.files.trades {
            let sums = file.sums.get_or_insert_default();
            for m in &minute.matches {
                let ts_us = terms.stamp(m.ts.0);
                file.writer
                    .push(&TradeRow {
                        id: m.id,
                        price: terms.price(m.price_ticks),
                        qty: terms.qty(m.qty_lots),
                        quote_qty: terms.money.value(m.price_ticks * m.qty_lots),
                        ts_us,
                        is_buyer_maker: m.aggressor == Side::Sell,
                    })
                    .internal_error()?;
                sums.add_match(m);
                file.records.push_point(UnixMicros(ts_us));
            }
        }
        if let Some(file) = &mut self.files.agg_trades {
            aggregate(&minute.matches, &mut self.aggregates);
            let sums = file.sums.get_or_insert_default();
            for a in &self.aggregates {
                let ts_us = terms.stamp(a.ts.0);
                file.writer
                    .push(&AggTradeRow {
                        agg_id: a.agg_id,
                        price: terms.price(a.price_ticks),
                        qty: terms.qty(a.qty_lots),
                        first_id: a.first_id,
                        last_id: a.last_id,
                        ts_us,
                        is_buyer_maker: a.aggressor == Side::Sell,
                    })
                    .internal_error()?;
                sums.add_agg(a);
                file.records.push_point(UnixMicros(ts_us));
            }
        }
        Ok(())
    }

    fn klines(&mut self, minute: &SimMinute) -> CommandResult<()> {
        let terms = &self.terms;
        let close = minute.start.plus(MICROS_PER_MINUTE).0;
        if let (Some(k), Some(file)) = (self.klines.minute(minute), &mut self.files.klines) {
            let money = |n: i128| money(n, terms.money);
            file.push(&KlineRow {
                open_us: k.start.0,
                open: terms.price(k.open),
                high: terms.price(k.high),
                low: terms.price(k.low),
                close: terms.price(k.close),
                volume: terms.qty(k.lots),
                quote_volume: money(k.tick_lots),
                n_trades: k.n_matches,
                taker_buy_volume: terms.qty(k.buy_lots),
                taker_buy_quote_volume: money(k.buy_tick_lots),
            })?;
            file.sums.get_or_insert_default().add_kline(&k);
            file.records.push(UnixMicros(k.start.0), UnixMicros(close));
        }
        let Some(reference) = reference_klines(minute) else {
            return Ok(());
        };
        let push = |file: &mut Option<Open<ReferenceKlineRow>>, k: &ReferenceKline| {
            let Some(file) = file else {
                return Ok(());
            };
            file.records.push(UnixMicros(k.start.0), UnixMicros(close));
            file.push(&ReferenceKlineRow {
                open_us: k.start.0,
                open: k.open,
                high: k.high,
                low: k.low,
                close: k.close,
                n_ticks: k.n_ticks,
            })
        };
        push(&mut self.files.mark, &reference.mark)?;
        push(&mut self.files.index, &reference.index)?;
        push(&mut self.files.premium, &reference.premium)
    }

    fn quotes(&mut self, minute: &SimMinute) -> CommandResult<()> {
        let terms = &self.terms;
        let Some(file) = &mut self.files.quotes else {
            return Ok(());
        };
        for q in &minute.quotes {
            let ts_us = terms.stamp(q.ts.0);
            file.push(&BookTickerRow {
                update_id: terms.update_id(q.update_id),
                bid_px: terms.price(q.bid_ticks),
                bid_qty: terms.qty(q.bid_lots),
                ask_px: terms.price(q.ask_ticks),
                ask_qty: terms.qty(q.ask_lots),
                transaction_us: ts_us,
                event_us: ts_us,
            })?;
            file.records.push_point(UnixMicros(ts_us));
        }
        Ok(())
    }

    fn levels(&mut self, minute: &SimMinute) -> CommandResult<()> {
        let Some(replay) = &mut self.replay else {
            return Ok(());
        };
        let mut consumers: Vec<&mut dyn BookConsumer> = vec![&mut self.bands];
        if let Some(tape) = &mut self.socket {
            consumers.push(tape.consumer());
        }
        if let Some(tape) = &mut self.images {
            consumers.push(tape.consumer());
        }
        replay.run(minute, &mut consumers);
        let terms = &self.terms;
        if let Some(file) = &mut self.files.bands {
            for row in self.bands.rows() {
                file.push(&BookDepthRow {
                    ts_us: row.ts.0,
                    percentage: row.percentage(),
                    depth: terms.qty(row.lots),
                    notional: money(row.tick_lots, terms.money),
                })?;
                file.records.push_point(UnixMicros(row.ts.0));
            }
        }
        if let Some(tape) = &mut self.socket {
            tape.minute(terms, minute)?;
        }
        if let Some(tape) = &mut self.images {
            tape.minute(terms)?;
        }
        Ok(())
    }

    fn positions(&mut self, minute: &SimMinute) -> CommandResult<()> {
        if let (Some(p), Some(file)) = (&minute.positions, &mut self.files.metrics) {
            file.push(&MetricsRow {
                ts_us: p.ts.0,
                open_interest: Some(self.terms.qty(p.open_interest_lots)),
                open_interest_value: Some(p.notional),
                toptrader_account_ratio: Some(p.top_account_ratio),
                toptrader_position_ratio: Some(p.top_position_ratio),
                account_ratio: Some(p.account_ratio),
                taker_ratio: Some(p.taker_ratio),
            })?;
            file.records
                .push(UnixMicros(p.ts.0), UnixMicros(p.published_at.0));
        }
        let Some(f) = minute.funding.filter(|f| {
            let kind = VisionType::FundingRate;
            self.wants(Dataset::Funding)
                && is_published(self.terms.market, kind, Cadence::Monthly, f.ts.day())
        }) else {
            return Ok(());
        };
        let month = Period::month_of(f.ts.day());
        if self.funding.is_none() {
            let file = Open::new(&self.terms, VisionType::FundingRate, month)?;
            self.funding = Some((month, file));
        }
        if let Some((_, file)) = &mut self.funding {
            // Settlement is stamped some milliseconds late, as on the venue.
            let ts_us = f.ts.0 + (f.ts.0 / 3_600_000_000).rem_euclid(13) * 1_000;
            file.push(&FundingRow {
                ts_us,
                interval_h: f.interval_h,
                rate: f.rate,
            })?;
            file.records.push_point(UnixMicros(ts_us));
        }
        Ok(())
    }

    /// Finishes the funding file if its month is over with `day`, or at the end of everything.
    fn end_of_month(&mut self, next: Option<Day>, out: &mut Vec<StoredFile>) -> CommandResult<()> {
        let is_over = |month: Period| next.is_none_or(|day| Period::month_of(day) != month);
        if let Some((month, file)) = self.funding.take_if(|(month, _)| is_over(*month)) {
            out.push(file.close(&self.terms, Dataset::Funding, month.days().0)?);
        }
        Ok(())
    }
}

impl VenueWriter for BinanceWriter {
    fn minute(&mut self, minute: &SimMinute, _: &mut Vec<StoredFile>) -> CommandResult<()> {
        let day = minute.start.day();
        if self.day != Some(day) {
            self.begin_day(day)?;
        }
        self.trades(minute)?;
        self.klines(minute)?;
        self.quotes(minute)?;
        self.levels(minute)?;
        self.positions(minute)
    }

    fn end_of_day(&mut self, day: Day, out: &mut Vec<StoredFile>) -> CommandResult<()> {
        fn close<R: ArchiveRow>(
            file: Option<Open<R>>,
            terms: &Terms,
            dataset: Dataset,
            day: Day,
            out: &mut Vec<StoredFile>,
        ) -> CommandResult<()> {
            if let Some(file) = file {
                out.push(file.close(terms, dataset, day)?);
            }
            Ok(())
        }
        let files = std::mem::take(&mut self.files);
        let terms = &self.terms;
        close(files.klines, terms, Dataset::Klines1m, day, out)?;
        close(files.agg_trades, terms, Dataset::AggTrades, day, out)?;
        close(files.trades, terms, Dataset::Trades, day, out)?;
        close(files.quotes, terms, Dataset::BookTicker, day, out)?;
        close(files.bands, terms, Dataset::DepthBands, day, out)?;
        close(files.mark, terms, Dataset::MarkKlines, day, out)?;
        close(files.premium, terms, Dataset::PremiumKlines, day, out)?;
        close(files.index, terms, Dataset::IndexKlines, day, out)?;
        close(files.metrics, terms, Dataset::Metrics, day, out)?;
        if let (Some(tape), Some(replay)) = (self.socket.take(), &self.replay) {
            let (file, updates) = tape.close(terms, day, replay)?;
            out.push(file);
            self.updates = Some(updates);
        }
        if let Some(tape) = self.images.take() {
            out.push(tape.close(terms, day)?);
        }
        self.end_of_month(Some(day.plus(1)), out)
    }

    fn finish(&mut self, out: &mut Vec<StoredFile>) -> CommandResult<()> {
        self.end_of_month(None, out)
    }
}
