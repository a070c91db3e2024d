//! Small lakes made by hand, for the tests of the audits.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::RecordBatch;
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, UnixMicros};
use quant_lake::commit::{DatasetWriter, WriterOptions};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::manifest::{IngestParams, Source, SourceKind};
use quant_lake::quality::Quality;
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::stream::{MicroSpec, STATE_DATASETS};
use quant_lake::venues::records::{
    BookTickerRow, Columns as _, Kline, L2DeltaRow, MarkKline, MetricsRow, OpenInterestRow, Record,
    TradeRow, Ts,
};
use quant_lake::write::PartitionMeta;
use sha2::{Digest as _, Sha256};

pub(super) const S: i64 = 1_000_000;
pub(super) const M: i64 = 60 * S;

pub(super) fn day() -> Day {
    "2024-01-02".parse().unwrap()
}

/// Microseconds after the start of the day.
pub(super) fn at(us: i64) -> i64 {
    day().start().0 + us
}

pub(super) fn instrument(exchange: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: exchange.parse().unwrap(),
        market: "um".parse().unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
    }
}

pub(super) fn micro(lags_ms: &[(Dataset, i64)]) -> MicroSpec {
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
pub(super) struct Bench {
    pub(super) dir: tempfile::TempDir,
    pub(super) lake: Lake,
    pub(super) instrument: InstrumentKey,
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::new(dir.path() as &Path);
        Self {
            dir,
            lake,
            instrument: instrument("binance"),
        }
    }

    fn spec(&self, dataset: Dataset) -> PartitionSetSpec {
        let key = DatasetKey {
            instrument: self.instrument.clone(),
            dataset,
        };
        PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS)
    }

    /// Writes the partition of a day of these rows, which are in order.
    pub(super) fn put<R: Record>(&self, day: Day, rows: &[R]) {
        let spec = self.spec(R::DATASET);
        let mut columns = R::Columns::default();
        columns.extend(rows);
        let batch = columns.take(&spec.arrow_schema()).unwrap();
        self.put_batch(R::DATASET, day, &batch);
    }

    pub(super) fn put_batch(&self, dataset: Dataset, day: Day, batch: &RecordBatch) {
        let options = WriterOptions::new("test-1", IngestParams::new(), UnixMicros(1));
        let writer = DatasetWriter::open(&self.lake, self.spec(dataset), options).unwrap();
        let mut partition = writer.begin(day).unwrap();
        partition.write(batch).unwrap();
        let meta = PartitionMeta {
            sources: vec![Source {
                kind: SourceKind::Vision,
                name: "a.zip".to_owned(),
                url: None,
                bytes: 10,
                sha256: "a".repeat(64),
                checksum_verified: true,
                context: None,
            }],
            rows_in: partition.rows(),
            quality: Quality::default(),
        };
        writer.commit(partition.finish(meta).unwrap()).unwrap();
    }

    pub(super) fn set(&self, dataset: Dataset) -> PartitionSet {
        PartitionSet::open(&self.lake, &self.spec(dataset)).unwrap()
    }

    /// Returns the rows of a day.
    pub(super) fn rows(&self, dataset: Dataset, day: Day) -> RecordBatch {
        let set = self.set(dataset);
        let batches = set
            .read_day(day, None, 1 << 16, &HashMemo::default())
            .unwrap();
        let batches: Vec<RecordBatch> = batches.map(Result::unwrap).collect();
        assert!(batches.len() <= 1, "small days are one batch");
        let empty = || RecordBatch::new_empty(self.spec(dataset).arrow_schema());
        batches.into_iter().next().unwrap_or_else(empty)
    }
}

/// Returns every file below a folder with the hash of its bytes; locks prove nothing by existing.
pub(super) fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, dir: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_dir() {
                out.insert(name, Vec::new());
                walk(root, &path, out);
            } else {
                let hash = Sha256::digest(std::fs::read(&path).unwrap());
                out.insert(name, hash.to_vec());
            }
        }
    }
    let mut out = BTreeMap::new();
    walk(dir, dir, &mut out);
    out
}

pub(super) fn trade(ts: i64, id: i64, price: f64, qty: f64) -> TradeRow {
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
pub(super) fn quote(ts: i64, id: i64, bid_px: f64) -> BookTickerRow {
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

/// A message of one ask and one bid, in the order of the dataset.
pub(super) fn message(
    ts: i64,
    id: i64,
    prev_id: Option<i64>,
    bid: f64,
    is_snapshot: bool,
) -> [L2DeltaRow; 2] {
    let of = |side, price, msg_end| L2DeltaRow {
        ts_event: Ts(ts),
        ts_recv: None,
        msg_seq: id,
        is_snapshot,
        side,
        price,
        qty: 1.0,
        first_id: id,
        last_id: id,
        prev_id,
        msg_end,
        late: None,
    };
    [of(-1, bid + 1.0, false), of(1, bid, true)]
}

pub(super) fn mark(ts_open: i64, close: f64) -> MarkKline {
    MarkKline {
        ts_open: Ts(ts_open),
        ts_close: Ts(ts_open + M),
        open: close,
        high: close,
        low: close,
        close,
        n_ticks: Some(60),
    }
}

pub(super) fn kline(ts_open: i64, close: f64) -> Kline {
    Kline {
        ts_open: Ts(ts_open),
        ts_close: Ts(ts_open + M),
        open: close,
        high: close,
        low: close,
        close,
        volume: 8.0,
        volume_raw: None,
        quote_volume: None,
        n_trades: Some(5),
        taker_buy_volume: Some(3.0),
        taker_buy_quote_volume: None,
    }
}

pub(super) fn samples(ts: i64, published: Option<i64>, open_interest: f64) -> OpenInterestRow {
    OpenInterestRow {
        ts_event: Ts(ts),
        ts_published: published.map(Ts),
        open_interest,
        notional: None,
    }
}

pub(super) fn metrics(ts: i64, open_interest: f64) -> MetricsRow {
    MetricsRow {
        ts_event: Ts(ts),
        open_interest: Some(open_interest),
        open_interest_notional: None,
        toptrader_account_ls_ratio: None,
        toptrader_position_ls_ratio: None,
        account_ls_ratio: None,
        taker_ls_volume_ratio: None,
    }
}
