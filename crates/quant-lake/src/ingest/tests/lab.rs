//! Files of every format that is ingested, made here, and one way to ingest each of them into a lake of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::fixture::*;
use crate::ingest::container::{Container, ContainerSpec, Pick};
use crate::ingest::*;
use crate::layout::{DatasetKey, PartitionSetSpec};
use crate::manifest::{IngestParams, Manifest, SourceKind};
use crate::schema::Dataset;
use crate::venues::binance::Period;
use crate::venues::book_flow::{BookOptions, Cadence};
use crate::venues::contracts::QtyUnit;
use crate::venues::contracts::tests_shared::terms;
use crate::venues::hyperliquid::messages::{self as hyperliquid, HyperliquidOptions};
use crate::venues::okx::book::{BOOK_VERSION, OkxBookOptions, book_parser};
use crate::venues::okx::recording::{
    OkxRecordingOptions, RECORDING_VERSION as OKX_RECORDING, recording_parser as okx_recording,
};
use crate::venues::{binance, bybit, okx};

/// The day whose files are spoiled; the day before it is in every lake already.
pub(super) const DAY: &str = "2024-07-02";
pub(super) const LEVELS: u16 = 3;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    UmTrades,
    UmAggTrades,
    UmBookTicker,
    UmKlines,
    OkxTrades,
    BybitContracts,
    BybitSpot,
    OkxBook,
    BinanceRecording,
    OkxRecording,
    HyperliquidRecording,
}

pub(super) const TABLES: [Format; 7] = [
    Format::UmTrades,
    Format::UmAggTrades,
    Format::UmBookTicker,
    Format::UmKlines,
    Format::OkxTrades,
    Format::BybitContracts,
    Format::BybitSpot,
];

pub(super) const MESSAGES: [Format; 4] = [
    Format::OkxBook,
    Format::BinanceRecording,
    Format::OkxRecording,
    Format::HyperliquidRecording,
];

/// Columns of a table by their number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub(super) price: usize,
    pub(super) qty: usize,
    pub(super) time: usize,
    pub(super) id: Option<usize>,
    pub(super) side: Option<usize>,
}

impl Format {
    pub(super) fn is_vision(self) -> bool {
        self <= Self::UmKlines
    }

    pub(super) fn key(self) -> InstrumentKey {
        let of = |exchange: &str, market, symbol| InstrumentKey {
            exchange: exchange.parse().unwrap(),
            ..key(market, symbol)
        };
        match self {
            Self::OkxTrades => of("okx", "swap", "BTC-USDT-SWAP"),
            Self::OkxBook | Self::OkxRecording => of("okx", "spot", "BTC-USDT"),
            Self::BybitContracts => of("bybit", "linear", "BTCUSDT"),
            Self::BybitSpot => of("bybit", "spot", "BTCUSDT"),
            Self::HyperliquidRecording => of("hyperliquid", "swap", "BTC"),
            _ => key("um", "BTCUSDT"),
        }
    }

    pub(super) fn datasets(self) -> Vec<Dataset> {
        use Dataset::{AggTrades, BookTicker, Klines1m, L2Deltas, L2Snapshots, Trades};
        match self {
            Self::UmTrades | Self::OkxTrades | Self::BybitContracts | Self::BybitSpot => {
                vec![Trades]
            }
            Self::UmAggTrades => vec![AggTrades],
            Self::UmBookTicker => vec![BookTicker],
            Self::UmKlines => vec![Klines1m],
            Self::OkxBook => vec![L2Deltas, L2Snapshots],
            Self::BinanceRecording => vec![Trades, BookTicker, L2Deltas, L2Snapshots],
            Self::OkxRecording | Self::HyperliquidRecording => vec![Trades, L2Deltas, L2Snapshots],
        }
    }

    /// The dataset whose rows a test counts.
    pub(super) fn main(self) -> Dataset {
        match self {
            Self::OkxBook
            | Self::BinanceRecording
            | Self::OkxRecording
            | Self::HyperliquidRecording => Dataset::L2Deltas,
            _ => self.datasets()[0],
        }
    }

    pub(super) fn header(self) -> Option<&'static str> {
        match self {
            Self::UmTrades => Some(UM_TRADES),
            Self::UmAggTrades => Some(
                "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
            ),
            Self::UmBookTicker => Some(
                "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time",
            ),
            Self::UmKlines => Some(
                "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore",
            ),
            Self::OkxTrades => Some("instrument_name,trade_id,side,price,size,created_time"),
            Self::BybitContracts => Some(
                "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional",
            ),
            Self::BybitSpot => Some("id,timestamp,price,volume,side,rpi"),
            _ => None,
        }
    }

    pub(super) fn columns(self) -> Columns {
        let (price, qty, time, id, side) = match self {
            Self::UmTrades => (1, 2, 4, Some(0), Some(5)),
            Self::UmAggTrades => (1, 2, 5, Some(0), Some(6)),
            Self::UmBookTicker => (1, 2, 5, Some(0), None),
            Self::UmKlines => (1, 5, 0, None, None),
            Self::OkxTrades => (3, 4, 5, Some(1), Some(2)),
            Self::BybitContracts => (4, 3, 0, None, Some(2)),
            Self::BybitSpot => (2, 3, 1, Some(0), Some(4)),
            _ => panic!("{self:?} is no table"),
        };
        Columns {
            price,
            qty,
            time,
            id,
            side,
        }
    }

    /// Good rows (or messages) of a day, `n` of them from the `first`, a second (klines: a minute) apart.
    pub(super) fn rows(self, of: Day, first: i64, n: i64) -> Vec<String> {
        let start = of.start().0 / 1_000;
        (first..first + n).map(|i| self.row(start, i)).collect()
    }

    fn row(self, start: i64, i: i64) -> String {
        let t = start + 1_000 + i * 1_000;
        let id = start / 1_000 + i;
        let price = format!("{}.5", 100 + i % 50);
        let (maker, side) = if i % 3 == 0 {
            (true, "sell")
        } else {
            (false, "buy")
        };
        // A book whose best ask moves up and down.
        let (px, qty) = (101 + i % 3, i % 7 + 1);
        match self {
            Self::UmTrades => format!("{id},{price},0.{:03},1.5,{t},{maker}", i % 900 + 1),
            Self::UmAggTrades => format!("{id},{price},0.5,{id},{id},{t},{maker}"),
            Self::UmBookTicker => format!("{id},{price},1.5,{}.5,2.5,{t},{}", 200 + i, t + 3),
            Self::UmKlines => {
                let t = start + i * 60_000;
                format!(
                    "{t},{price},200.5,50.5,{price},3.5,{},350.5,{},1.5,150.5,0",
                    t + 59_999,
                    i + 1
                )
            }
            Self::OkxTrades => format!("BTC-USDT-SWAP,{id},{side},{price},0.25,{t}"),
            Self::BybitContracts => format!(
                "{}.{:03},BTCUSDT,{},0.5,{price},PlusTick,m-{id},1,1,1",
                t / 1_000,
                t % 1_000,
                if maker { "Sell" } else { "Buy" }
            ),
            Self::BybitSpot => format!("{id},{t},{price},0.5,{side},0"),
            Self::OkxBook if i == 0 => format!(
                r#"{{"instId":"BTC-USDT","action":"snapshot","ts":"{t}","asks":[["101","1","1"],["104","2","1"]],"bids":[["99","3","1"],["98","4","1"]]}}"#
            ),
            Self::OkxBook => format!(
                r#"{{"instId":"BTC-USDT","action":"update","ts":"{t}","asks":[["{px}","{qty}","1"]],"bids":[["98","{qty}","1"]]}}"#
            ),
            Self::BinanceRecording if i == 0 => format!(
                r#"{t}000000 {{"lastUpdateId":{id},"E":{t},"T":{t},"bids":[["99","3"],["98","4"]],"asks":[["101","1"],["104","2"]]}}"#
            ),
            Self::BinanceRecording => format!(
                r#"{t}000000 {{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate","E":{t},"T":{t},"s":"BTCUSDT","U":{before},"u":{id},"pu":{before},"b":[["98","{qty}"]],"a":[["{px}","{qty}"]]}}}}"#,
                before = id - 1
            ),
            Self::OkxRecording => format!(
                r#"{t}000000 {{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{}","data":[{{"asks":[["{}","{qty}","0","1"]],"bids":[["98","{qty}","0","1"]],"ts":"{t}","checksum":0,"prevSeqId":{},"seqId":{id}}}]}}"#,
                if i == 0 { "snapshot" } else { "update" },
                if i == 0 { 101 } else { px },
                if i == 0 { -1 } else { id - 1 },
            ),
            Self::HyperliquidRecording => format!(
                r#"{t}000000 {{"channel":"l2Book","data":{{"coin":"BTC","time":{t},"levels":[[{{"px":"98","sz":"{qty}","n":1}}],[{{"px":"{px}","sz":"{qty}","n":1}}]]}}}}"#
            ),
        }
    }

    /// The rows as a file.
    pub(super) fn text(self, rows: &[String]) -> String {
        if let Some(header) = self.header() {
            return csv(header, rows);
        }
        let mut out = rows.join("\n");
        out.push('\n');
        out
    }

    pub(super) fn good(self, n: i64) -> String {
        self.text(&self.rows(day(DAY), 0, n))
    }

    /// The name a file of a day has.
    pub(super) fn name(self, of: Day) -> String {
        match self {
            _ if self.is_vision() => {
                let file = binance::archive_file(
                    self.main(),
                    self.key().market,
                    &self.key().symbol,
                    Period::Day(of),
                );
                file.unwrap().name()
            }
            Self::OkxTrades | Self::BybitContracts | Self::BybitSpot => format!("rows-{of}.csv"),
            Self::OkxBook => format!("book-{of}.data"),
            _ => format!("recording-{of}.jsonl"),
        }
    }
}

/// A file at hand.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Given {
    pub(super) fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

/// How a file is packed, by its name.
pub(super) fn container_of(name: &str) -> ContainerSpec {
    let rows = || Pick::Extension("data".to_owned());
    let mut words = name.rsplit('.');
    let container = match (words.next(), words.next()) {
        (Some("gz"), Some("tar")) => Container::TarGz(rows()),
        (Some("gz"), _) => Container::Gzip,
        (Some("zst"), _) => Container::Zstd,
        (Some("zip"), _) => Container::Zip(rows()),
        _ => Container::Plain,
    };
    container.into()
}

/// A lake, and how files get into it.
pub(super) struct Lab {
    pub(super) fixture: Fixture,
    pub(super) format: Format,
    /// Of files at hand; a Vision file is asked for its day.
    pub(super) range: Option<[&'static str; 2]>,
    pub(super) version: &'static str,
    /// Worth of a contract: the parser of another version takes another one.
    pub(super) contract: f64,
}

impl Lab {
    pub(super) fn new(format: Format) -> Self {
        Self {
            fixture: Fixture::new(),
            format,
            range: Some([DAY, "2024-07-03"]),
            version: "",
            contract: 1.0,
        }
    }

    /// A lake that holds the day before.
    pub(super) fn prepared(format: Format) -> Self {
        let mut lab = Self::new(format);
        let before = day(DAY).plus(-1);
        let text = format.text(&format.rows(before, 0, 30));
        if format.is_vision() {
            lab.fixture
                .put(&format.key(), format.main(), Period::Day(before), &text);
            let request = lab
                .fixture
                .request(&format.key(), format.main(), "2024-07-01", DAY);
            let report = lab.fixture.ingest(&request);
            assert_eq!(report.days_written(), 1, "{report:?}");
        } else {
            lab.range = None;
            let report = lab.ingest(&[Given::new(format.name(before), text)]);
            assert_eq!(report.failures().count(), 0, "{report:?}");
            lab.range = Some([DAY, "2024-07-03"]);
        }
        lab
    }

    /// Ingests the text of the day.
    pub(super) fn text(&self, text: impl AsRef<[u8]>) -> IngestReport {
        let name = self.format.name(day(DAY));
        if !self.format.is_vision() {
            return self.ingest(&[Given::new(name, text.as_ref())]);
        }
        let member = name.replace(".zip", ".csv");
        self.vision_zip(&zip_of(&[(&member, text.as_ref())]))
    }

    /// Ingests the Vision archive of the day.
    pub(super) fn vision_zip(&self, zip: &[u8]) -> IngestReport {
        let (key, main) = (self.format.key(), self.format.main());
        let file = binance::archive_file(main, key.market, &key.symbol, Period::Day(day(DAY)));
        self.fixture.put_zip(&file.unwrap().path, zip);
        let request = self.fixture.request(&key, main, DAY, "2024-07-03");
        self.fixture.ingest(&request)
    }

    /// Ingests the day's file at hand, which lies where its name says; an error if another writer is at work.
    pub(super) fn try_text(&self, text: &str) -> Result<IngestReport, IngestError> {
        let dir = self.fixture.at.join("shared");
        std::fs::create_dir_all(&dir).unwrap();
        let name = self.format.name(day(DAY));
        let path = dir.join(&name);
        if !path.exists() {
            let temp = tempfile::NamedTempFile::new_in(&dir).unwrap();
            std::fs::write(temp.path(), text).unwrap();
            temp.persist(&path).unwrap();
        }
        let stop = AtomicBool::new(false);
        let lake = self.fixture.lake();
        let request = self.request(&[(path, name)]);
        ingest_files(&lake, &request, &self.maker(), &NoProgress, &stop)
    }

    /// Ingests the Vision archive of the day before again; an error if another writer is at work.
    pub(super) fn try_vision(&self) -> Result<IngestReport, IngestError> {
        let source = LocalArchive::open(self.fixture.at.join("archive")).unwrap();
        let key = self.format.key();
        let request = self
            .fixture
            .request(&key, self.format.main(), "2024-07-01", DAY);
        let stop = AtomicBool::new(false);
        ingest_vision(&self.fixture.lake(), &source, &request, &NoProgress, &stop)
    }

    /// Ingests files at hand in this order.
    pub(super) fn ingest(&self, files: &[Given]) -> IngestReport {
        let dir = self.fixture.at.join("files");
        std::fs::create_dir_all(&dir).unwrap();
        let paths: Vec<(PathBuf, String)> = files
            .iter()
            .enumerate()
            .map(|(i, file)| {
                // A name is the sender's: it never becomes a path.
                let path = dir.join(format!("given-{i}"));
                std::fs::write(&path, &file.bytes).unwrap();
                (path, file.name.clone())
            })
            .collect();
        let request = self.request(&paths);
        let stop = AtomicBool::new(false);
        let lake = self.fixture.lake();
        ingest_files(&lake, &request, &self.maker(), &NoProgress, &stop).unwrap()
    }

    pub(super) fn request(&self, files: &[(PathBuf, String)]) -> FilesRequest {
        let format = self.format;
        let (kind, version, params) = match format {
            Format::OkxTrades => (SourceKind::OkxManual, "test-1", IngestParams::new()),
            Format::OkxBook => (SourceKind::OkxManual, BOOK_VERSION, okx_book().params()),
            Format::BinanceRecording => (
                SourceKind::Recording,
                binance::recording::RECORDING_VERSION,
                book().params(),
            ),
            Format::OkxRecording => (SourceKind::Recording, OKX_RECORDING, okx_live().params()),
            Format::HyperliquidRecording => (
                SourceKind::Recording,
                hyperliquid::RECORDING_VERSION,
                hyper().params(),
            ),
            _ => (SourceKind::BybitManual, "test-1", IngestParams::new()),
        };
        FilesRequest {
            key: format.key(),
            files: files
                .iter()
                .map(|(path, name)| VendorFile {
                    path: path.clone(),
                    name: name.clone(),
                    url: None,
                    container: container_of(name),
                    datasets: format.datasets(),
                    days: None,
                    whole_days: false,
                    sha256: None,
                    continues: false,
                })
                .collect(),
            kind,
            parser_version: if self.version.is_empty() {
                version
            } else {
                self.version
            },
            params,
            range: self
                .range
                .map(|[a, b]| TimeRange::new(a.parse().unwrap(), b.parse().unwrap()).unwrap()),
            slice: Slice::OfName,
            book_levels: LEVELS,
            options: self.fixture.options.clone(),
            created_at: UnixMicros(1),
        }
    }

    #[expect(clippy::type_complexity, reason = "the type of a parser maker")]
    pub(super) fn maker(
        &self,
    ) -> Box<
        dyn Fn(
                &VendorFile,
                crate::venues::rows::ParseOptions,
            ) -> Result<Box<dyn crate::venues::rows::RowParser>, FileError>
            + Sync,
    > {
        let (format, contract) = (self.format, self.contract);
        Box::new(move |file, parse| {
            let key = format.key();
            let terms = terms(key.market.name(), contract, false);
            let dataset = format.main();
            Ok(match format {
                Format::OkxTrades => {
                    okx::parser(dataset, key.market, &key.symbol, Some(&terms), parse)?
                }
                Format::OkxBook => book_parser(&okx_book(), &file.datasets, parse),
                Format::BinanceRecording => binance::recording::recording_parser(
                    binance::recording::RecordingOptions {
                        market: key.market,
                        symbol: key.symbol,
                        book: book(),
                    },
                    &file.datasets,
                    parse,
                    &Arc::default(),
                    None,
                ),
                Format::OkxRecording => okx_recording(&okx_live(), &file.datasets, parse),
                Format::HyperliquidRecording => {
                    hyperliquid::recording_parser(&hyper(), &file.datasets, parse)
                }
                _ => bybit::parser(dataset, key.market, &key.symbol, Some(&terms), parse)?,
            })
        })
    }

    pub(super) fn spec(&self, dataset: Dataset) -> PartitionSetSpec {
        let key = DatasetKey {
            instrument: self.format.key(),
            dataset,
        };
        let levels = if self.format.is_vision() { 0 } else { LEVELS };
        PartitionSetSpec::raw(&key, levels)
    }

    pub(super) fn manifest(&self, dataset: Dataset) -> Option<Manifest> {
        let spec = self.spec(dataset);
        Manifest::load(&self.fixture.lake().set_dir(&spec), &spec).unwrap()
    }

    /// Rows and content of every partition.
    pub(super) fn contents(&self) -> BTreeMap<(String, Day), (u64, String)> {
        let mut out = BTreeMap::new();
        for dataset in self.format.datasets() {
            for p in self
                .manifest(dataset)
                .into_iter()
                .flat_map(|m| m.partitions)
            {
                let key = (dataset.name().to_owned(), p.date);
                out.insert(key, (p.rows, p.content_sha256));
            }
        }
        out
    }

    /// The files of the lake, to be put back by [`Lab::restore`].
    pub(super) fn save(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let paths = self.fixture.listing().into_keys();
        paths
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect()
    }

    /// Makes the lake what it was.
    pub(super) fn restore(&self, files: &BTreeMap<PathBuf, Vec<u8>>) {
        std::fs::remove_dir_all(self.fixture.lake().root()).unwrap();
        for (path, bytes) in files {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// Lines of every file of the quarantine.
    pub(super) fn quarantine(&self) -> Vec<serde_json::Value> {
        let mut out = Vec::new();
        for path in self.fixture.listing().keys() {
            let is_quarantine = path.components().any(|c| c.as_os_str() == "quarantine");
            if is_quarantine && path.extension().is_some_and(|e| e == "jsonl") {
                let text = std::fs::read_to_string(path).unwrap();
                out.extend(text.lines().map(|l| serde_json::from_str(l).unwrap()));
            }
        }
        out
    }
}

pub(super) fn book() -> BookOptions {
    BookOptions {
        levels: LEVELS,
        cadence: Cadence::EveryMessage,
        unit: QtyUnit::Base,
    }
}

fn okx_book() -> OkxBookOptions {
    OkxBookOptions {
        inst_id: "BTC-USDT".to_owned(),
        unit: QtyUnit::Base,
        levels: LEVELS,
        cadence: Cadence::EveryMessage,
        depth: 400,
        shared: false,
    }
}

fn okx_live() -> OkxRecordingOptions {
    OkxRecordingOptions {
        inst_id: "BTC-USDT".to_owned(),
        unit: Some(QtyUnit::Base),
        levels: LEVELS,
        cadence: Cadence::EveryMessage,
        book_channel: None,
    }
}

fn hyper() -> HyperliquidOptions {
    HyperliquidOptions::new(
        &Format::HyperliquidRecording.key(),
        LEVELS,
        Cadence::EveryMessage,
    )
}
