//! Partitions made by hand and a set of statistics that writes down what it is told, for the tests of streams and openings.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use quant_core::bars::{GapScope, MinuteBuilder, MinuteClose, RowWriter, StatSet};
use quant_core::market::book::TopBook;
use quant_core::market::{InstrumentKey, Liquidation, Touch, Trade};
use quant_core::time::{Day, UnixMicros};

use super::{DayStream, Link, MicroSpec, STATE_DATASETS, StreamReport, StreamSets};
use crate::commit::{DatasetWriter, WriterOptions};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::IngestParams;
use crate::openings::DayOpening;
use crate::read::HashMemo;
use crate::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use crate::venues::records::{
    BookTickerRow, Columns as _, FundingRow, L2DeltaRow, MarkKline, Record, TradeRow, Ts,
};
use crate::write::fixture::{commit_day, source};

pub(crate) const S: i64 = 1_000_000;
pub(crate) const M: i64 = 60 * S;

pub(crate) fn day() -> Day {
    "2024-01-02".parse().unwrap()
}

pub(crate) fn instrument(exchange: &str, market: &str, symbol: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: exchange.parse().unwrap(),
        market: market.parse().unwrap(),
        symbol: symbol.parse().unwrap(),
    }
}

pub(crate) fn um() -> InstrumentKey {
    instrument("binance", "um", "BTCUSDT")
}

pub(crate) fn micro(lags_ms: &[(Dataset, i64)]) -> MicroSpec {
    let mut lags: BTreeMap<Dataset, i64> = STATE_DATASETS.into_iter().map(|d| (d, 0)).collect();
    lags.extend(lags_ms.iter().copied());
    MicroSpec {
        version: "test",
        stats_sha256: String::new(),
        quotes: vec![Dataset::BookTicker, Dataset::L2Deltas, Dataset::L2Snapshots],
        book: vec![Dataset::L2Deltas, Dataset::L2Snapshots],
        stale_after_ms: 60_000,
        watermark_ms: 250,
        lags_ms: lags,
        vpin_bucket_share: 0.1,
        levels: 10,
    }
}

/// A lake in a temporary folder.
pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) lake: Lake,
    pub(crate) instrument: InstrumentKey,
}

impl Bench {
    pub(crate) fn new(instrument: InstrumentKey) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::new(dir.path() as &Path);
        Self {
            dir,
            lake,
            instrument,
        }
    }

    /// Writes the partition of a day of these rows, which are in order.
    pub(crate) fn put<R: Record>(&self, day: Day, rows: &[R]) {
        let key = DatasetKey {
            instrument: self.instrument.clone(),
            dataset: R::DATASET,
        };
        let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
        let options = WriterOptions::new("test-1", IngestParams::new(), UnixMicros(1));
        let writer = DatasetWriter::open(&self.lake, spec.clone(), options).unwrap();
        let mut columns = R::Columns::default();
        columns.extend(rows);
        let batch = columns.take(&spec.arrow_schema()).unwrap();
        commit_day(&writer, day, &[batch], source('a')).unwrap();
    }

    /// Lists a day of images without rows, made with these ingest parameters.
    pub(crate) fn list_images(&self, day: Day, params: IngestParams) {
        let key = DatasetKey {
            instrument: self.instrument.clone(),
            dataset: Dataset::L2Snapshots,
        };
        let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
        let options = WriterOptions::new("test-1", params, UnixMicros(1));
        let writer = DatasetWriter::open(&self.lake, spec.clone(), options).unwrap();
        let batch = arrow_array::RecordBatch::new_empty(spec.arrow_schema());
        commit_day(&writer, day, &[batch], source('a')).unwrap();
    }

    pub(crate) fn sets(&self, spec: &MicroSpec) -> StreamSets {
        let bars = [Dataset::Trades, Dataset::AggTrades, Dataset::Klines1m];
        StreamSets::open(&self.lake, &self.instrument, &spec.datasets(&bars)).unwrap()
    }

    /// Drives a day from nothing and returns what the statistics were told.
    pub(crate) fn drive(&self, day: Day, spec: &MicroSpec) -> (Vec<String>, StreamReport) {
        self.drive_from(day, spec, &DayOpening::default(), None)
    }

    pub(crate) fn drive_from(
        &self,
        day: Day,
        spec: &MicroSpec,
        opening: &DayOpening,
        link: Option<Link>,
    ) -> (Vec<String>, StreamReport) {
        let sets = self.sets(spec);
        let bars = [Dataset::Trades, Dataset::AggTrades, Dataset::Klines1m];
        let bars = sets.choose(&bars, day).unwrap();
        let plan = sets.plan(day, bars, Some(spec));
        let told = Told::default();
        let mut builder = MinuteBuilder::with_stats(
            day,
            plan.bar_source(),
            plan.inputs,
            &opening.opening,
            told.clone(),
        );
        let memo = HashMemo::default();
        let stream = DayStream::open(&sets, &plan, Some(spec), link, &memo).unwrap();
        let report = stream.drive(&mut builder).unwrap();
        builder.finish(day.end());
        let told = told.0.lock().unwrap().clone();
        (told, report)
    }
}

/// Statistics that write down what they are told: `second: what`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn say(&self, ts: UnixMicros, what: &str) {
        let at = (ts.0 - ts.day().start().0) as f64 / S as f64;
        self.0.lock().unwrap().push(format!("{at}: {what}"));
    }
}

impl StatSet for Told {
    const IS_ACTIVE: bool = true;
    fn columns() -> &'static [&'static str] {
        &[]
    }
    fn on_trade(&mut self, trade: &Trade) {
        self.say(trade.ts_event, &format!("trade {}", trade.price));
    }
    fn on_touch(&mut self, ts: UnixMicros, before: Option<&Touch>, after: &Touch) {
        let before = before.map(|t| t.bid_px);
        self.say(ts, &format!("touch {before:?} {}", after.bid_px));
    }
    fn hold_touch(&mut self, _us: i64, _touch: &Touch) {}
    fn on_book(&mut self, ts: UnixMicros, before: Option<&TopBook>, after: &TopBook) {
        let bid = |b: &TopBook| b.bids().first().map_or(0.0, |l| l.px);
        let before = before.map(bid);
        self.say(ts, &format!("book {before:?} {}", bid(after)));
    }
    fn hold_book(&mut self, _us: i64, _book: &TopBook) {}
    fn on_grid(&mut self, _ts: UnixMicros, _price: Option<f64>) {}
    fn on_liquidation(&mut self, order: &Liquidation) {
        self.say(order.ts_event, &format!("liquidation {}", order.price));
    }
    fn on_gap(&mut self, scope: GapScope) {
        let what = match scope {
            GapScope::All => "gap",
            GapScope::Trades | GapScope::TradesAndPrices => "trades lost",
        };
        self.0.lock().unwrap().push(what.to_owned());
    }
    fn close(&mut self, minute: &MinuteClose<'_>, _out: &mut RowWriter<'_>) {
        let s = minute.state;
        let known: Vec<String> = [
            ("mark", s.mark),
            ("index", s.index),
            ("premium", s.premium),
            ("funding", s.funding_rate),
            ("oi", s.open_interest),
            ("band", s.band_bid),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", value?)))
        .collect();
        if !known.is_empty() {
            self.say(minute.ts_open, &format!("close {}", known.join(", ")));
        }
    }
}

pub(crate) fn trade(ts: i64, id: i64, price: f64, qty: f64) -> TradeRow {
    TradeRow {
        ts_event: Ts(ts),
        ts_recv: None,
        trade_id: id,
        price,
        qty,
        qty_raw: None,
        aggressor: 1,
        late: None,
    }
}

/// A quote of spread 1 and sizes 1.
pub(crate) fn quote(ts: i64, id: i64, bid_px: f64) -> BookTickerRow {
    BookTickerRow {
        ts_event: Ts(ts),
        ts_recv: None,
        ts_gateway: None,
        ts_inferred: None,
        update_id: id,
        bid_px,
        bid_qty: 1.0,
        ask_px: bid_px + 1.0,
        ask_qty: 1.0,
        late: None,
    }
}

/// A level that is a message of its own: ids `(first, last)`, previous id.
pub(crate) fn level(
    ts: i64,
    ids: (i64, i64),
    prev_id: Option<i64>,
    side: i8,
    price: f64,
    qty: f64,
) -> L2DeltaRow {
    L2DeltaRow {
        ts_event: Ts(ts),
        ts_recv: None,
        msg_seq: 2 * ids.1 + 1,
        is_snapshot: false,
        side,
        price,
        qty,
        first_id: ids.0,
        last_id: ids.1,
        prev_id,
        msg_end: true,
        late: None,
    }
}

/// A snapshot of one ask and one bid, in the order of the dataset.
pub(crate) fn snapshot(ts: i64, id: i64, bid: f64) -> [L2DeltaRow; 2] {
    let of = |side, price, msg_end| L2DeltaRow {
        msg_seq: 2 * id,
        is_snapshot: true,
        msg_end,
        ..level(ts, (id, id), None, side, price, 1.0)
    };
    [of(-1, bid + 1.0, false), of(1, bid, true)]
}

/// A mark kline with this close.
pub(crate) fn mark(ts_open: i64, close: f64) -> MarkKline {
    MarkKline {
        ts_open: Ts(ts_open),
        ts_close: Ts(ts_open + M),
        open: close,
        high: close,
        low: close,
        close,
        n_ticks: None,
    }
}

pub(crate) fn funding(ts: i64, rate: f64) -> FundingRow {
    FundingRow {
        ts_event: Ts(ts),
        rate,
        interval_h: Some(8),
        mark_price: None,
    }
}
