//! The Binance Vision archive, written: rows -> CSV -> one-file deflate zip + `.CHECKSUM`.
//!
//! The inverse of the parsers, used to make simulated archives and fixtures. Same rows, same bytes: on every
//! machine, at every time. It writes no file and knows no simulator; planted defects (a missing row, a wrong
//! checksum) are made by its callers from [`csv_zip`] and [`checksum_line`].

mod text;

use std::io::{Cursor, Write};

use quant_core::market::{Market, Symbol};
use quant_core::time::{Day, MICROS_PER_DAY, MICROS_PER_MINUTE};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

pub use text::{Look, push_decimal};

/// First UTC day whose spot files stamp microseconds, 2025-01-01 (binance-public-data, README).
const SPOT_MICROS_FROM: Day = Day(20_089);

/// Deflate level of every archive made here: fixed, since the level decides the bytes.
const DEFLATE_LEVEL: i64 = 6;

/// Milliseconds in one day.
const MILLIS_PER_DAY: i64 = MICROS_PER_DAY / 1_000;

/// Milliseconds in one minute.
const MILLIS_PER_MINUTE: i64 = MICROS_PER_MINUTE / 1_000;

/// Why rows cannot be written as an archive file.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Only spot and USD-margined files can be written.
    #[error("market `{market}` has no archive encoder; expected `spot` or `um`")]
    UnsupportedMarket {
        /// The market asked for.
        market: Market,
    },
    /// A number that no venue file holds.
    #[error(
        "row {row} holds {value} in column `{column}`; expected a finite number, zero or above"
    )]
    BadNumber {
        /// 0-based row.
        row: usize,
        /// Column of the row type.
        column: &'static str,
        /// The offending value.
        value: f64,
    },
    /// A row of another day.
    #[error("row {row} is stamped {ts_ms} ms, which lies outside of {day}")]
    RowOutsideDay {
        /// 0-based row.
        row: usize,
        /// Its time stamp.
        ts_ms: i64,
        /// Day of the file.
        day: Day,
    },
    /// A kline that does not open on a whole minute.
    #[error("row {row} opens at {ts_ms} ms, which is not a whole minute")]
    NotAMinute {
        /// 0-based row.
        row: usize,
        /// Its open time.
        ts_ms: i64,
    },
    /// The zip container could not be written to memory.
    #[error("cannot write the zip of `{member}`: {reason}")]
    Container {
        /// Name of the file inside the zip.
        member: String,
        /// What the container library reports.
        reason: String,
    },
}

/// One venue-aggregated trade.
///
/// # Units
/// `ts_ms` milliseconds UTC, `price` quote currency, `qty` base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AggTradeRow {
    /// Aggregate id, +1 per row.
    pub agg_id: i64,
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// First trade id of the aggregate.
    pub first_id: i64,
    /// Last trade id of the aggregate.
    pub last_id: i64,
    /// Venue time.
    pub ts_ms: i64,
    /// `true`: the taker sold.
    pub is_buyer_maker: bool,
}

/// One trade.
///
/// # Units
/// `ts_ms` milliseconds UTC, `price` quote currency, `qty` base units, `quote_qty` quote currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TradeRow {
    /// Trade id.
    pub id: i64,
    /// Price.
    pub price: f64,
    /// Quantity.
    pub qty: f64,
    /// Price times quantity, as the venue rounds it.
    pub quote_qty: f64,
    /// Venue time.
    pub ts_ms: i64,
    /// `true`: the taker sold.
    pub is_buyer_maker: bool,
}

/// One 1m kline; its close time follows from `open_ms`.
///
/// # Units
/// `open_ms` milliseconds UTC, prices and quote volumes quote currency, volumes base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KlineRow {
    /// Start of the minute.
    pub open_ms: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Base volume.
    pub volume: f64,
    /// Quote volume.
    pub quote_volume: f64,
    /// Number of trades.
    pub n_trades: i64,
    /// Base volume bought by takers.
    pub taker_buy_volume: f64,
    /// Quote volume bought by takers.
    pub taker_buy_quote_volume: f64,
}

/// A finished archive file, to be stored at [`EncodedFile::path`] below the archive's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFile {
    /// Folder below the root, `/` between segments: `data/futures/um/daily/aggTrades/BTCUSDT`.
    pub folder: String,
    /// File name of the zip: `BTCUSDT-aggTrades-2025-01-01.zip`.
    pub name: String,
    /// The zip.
    pub zip: Vec<u8>,
    /// Text of the sidecar `<name>.CHECKSUM`.
    pub checksum: String,
}

impl EncodedFile {
    /// Returns the path of the zip below the archive's root.
    pub fn path(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }

    /// Returns the path of the `.CHECKSUM` sidecar below the archive's root.
    pub fn checksum_path(&self) -> String {
        format!("{}.CHECKSUM", self.path())
    }
}

/// Encodes one day of aggregated trades, in the order given.
///
/// # Errors
/// Every variant of [`EncodeError`] but `NotAMinute`.
pub fn agg_trades(
    market: Market,
    symbol: &Symbol,
    day: Day,
    rows: &[AggTradeRow],
) -> Result<EncodedFile, EncodeError> {
    let form = Form::of(market, day)?;
    let mut csv = Csv::new(form, day, AGG_TRADES_HEADER, rows.len());
    for (row, t) in rows.iter().enumerate() {
        csv.integer(t.agg_id);
        csv.number(row, "price", t.price)?;
        csv.number(row, "qty", t.qty)?;
        csv.integer(t.first_id);
        csv.integer(t.last_id);
        csv.time(row, t.ts_ms)?;
        csv.taker(t.is_buyer_maker);
    }
    archive(form, symbol, day, "aggTrades", None, &csv.bytes)
}

/// Encodes one day of trades, in the order given.
///
/// # Errors
/// Every variant of [`EncodeError`] but `NotAMinute`.
pub fn trades(
    market: Market,
    symbol: &Symbol,
    day: Day,
    rows: &[TradeRow],
) -> Result<EncodedFile, EncodeError> {
    let form = Form::of(market, day)?;
    let mut csv = Csv::new(form, day, TRADES_HEADER, rows.len());
    for (row, t) in rows.iter().enumerate() {
        csv.integer(t.id);
        csv.number(row, "price", t.price)?;
        csv.number(row, "qty", t.qty)?;
        csv.number(row, "quote_qty", t.quote_qty)?;
        csv.time(row, t.ts_ms)?;
        csv.taker(t.is_buyer_maker);
    }
    archive(form, symbol, day, "trades", None, &csv.bytes)
}

/// Encodes one day of 1m klines, in the order given.
///
/// # Errors
/// Every variant of [`EncodeError`].
pub fn klines_1m(
    market: Market,
    symbol: &Symbol,
    day: Day,
    rows: &[KlineRow],
) -> Result<EncodedFile, EncodeError> {
    let form = Form::of(market, day)?;
    let mut csv = Csv::new(form, day, KLINES_HEADER, rows.len());
    for (row, k) in rows.iter().enumerate() {
        if k.open_ms.rem_euclid(MILLIS_PER_MINUTE) != 0 {
            return Err(EncodeError::NotAMinute {
                row,
                ts_ms: k.open_ms,
            });
        }
        csv.time(row, k.open_ms)?;
        csv.number(row, "open", k.open)?;
        csv.number(row, "high", k.high)?;
        csv.number(row, "low", k.low)?;
        csv.number(row, "close", k.close)?;
        csv.number(row, "volume", k.volume)?;
        // One unit before the next open: ...999 ms or ...999999 us.
        csv.integer((k.open_ms + MILLIS_PER_MINUTE) * form.units_per_ms - 1);
        csv.number(row, "quote_volume", k.quote_volume)?;
        csv.integer(k.n_trades);
        csv.number(row, "taker_buy_volume", k.taker_buy_volume)?;
        csv.number(row, "taker_buy_quote_volume", k.taker_buy_quote_volume)?;
        csv.last("0");
    }
    archive(form, symbol, day, "klines", Some("1m"), &csv.bytes)
}

/// Packs CSV bytes as the only member of a deflate zip, without names or times of this machine.
///
/// # Errors
/// `EncodeError::Container` if the CSV is beyond what a plain zip holds (4 GiB).
///
/// # Determinism
/// Fixed DOS time (1980-01-01), level, permissions and no extra fields: same input, same bytes.
pub fn csv_zip(member: &str, csv: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let fail = |reason: String| EncodeError::Container {
        member: member.to_owned(),
        reason,
    };
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(DEFLATE_LEVEL))
        .last_modified_time(DateTime::default())
        .system(zip::System::Unix)
        .unix_permissions(0o644)
        .large_file(false);
    let mut writer = ZipWriter::new(Cursor::new(Vec::with_capacity(csv.len() / 3)));
    writer
        .start_file(member, options)
        .map_err(|e| fail(e.to_string()))?;
    writer.write_all(csv).map_err(|e| fail(e.to_string()))?;
    Ok(writer
        .finish()
        .map_err(|e| fail(e.to_string()))?
        .into_inner())
}

/// Returns the sidecar text of a zip: `<64 hex sha256>`, two spaces, its name, line end.
pub fn checksum_line(zip: &[u8], name: &str) -> String {
    let mut line = String::with_capacity(64 + 3 + name.len());
    for byte in Sha256::digest(zip) {
        for nibble in [byte >> 4, byte & 15] {
            line.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    line.push_str("  ");
    line.push_str(name);
    line.push('\n');
    line
}

const AGG_TRADES_HEADER: &str =
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n";
const TRADES_HEADER: &str = "id,price,qty,quote_qty,time,is_buyer_maker\n";
const KLINES_HEADER: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n";

/// What differs between the files of spot and of futures, and between years.
#[derive(Clone, Copy)]
struct Form {
    folder: &'static str,
    header: bool,
    look: Look,
    units_per_ms: i64,
    /// Last cells of a trade row by `is_buyer_maker`: spot adds `is_best_match`.
    taker: [&'static str; 2],
}

impl Form {
    fn of(market: Market, day: Day) -> Result<Self, EncodeError> {
        match market {
            Market::Spot => Ok(Self {
                folder: "data/spot/daily",
                header: false,
                look: Look::EightDecimals,
                units_per_ms: if day >= SPOT_MICROS_FROM { 1_000 } else { 1 },
                taker: ["False,True", "True,True"],
            }),
            Market::Um => Ok(Self {
                folder: "data/futures/um/daily",
                header: true,
                look: Look::Shortest,
                units_per_ms: 1,
                taker: ["false", "true"],
            }),
            other => Err(EncodeError::UnsupportedMarket { market: other }),
        }
    }
}

/// The CSV under construction.
struct Csv {
    form: Form,
    day: Day,
    bytes: Vec<u8>,
}

impl Csv {
    fn new(form: Form, day: Day, header: &str, n_rows: usize) -> Self {
        // 80 bytes: an aggTrades row as the venue writes it.
        let mut bytes = Vec::with_capacity(header.len() + n_rows * 80);
        if form.header {
            bytes.extend_from_slice(header.as_bytes());
        }
        Self { form, day, bytes }
    }

    fn integer(&mut self, value: i64) {
        text::push_integer(&mut self.bytes, value);
        self.bytes.push(b',');
    }

    fn number(&mut self, row: usize, column: &'static str, value: f64) -> Result<(), EncodeError> {
        if !value.is_finite() || value < 0.0 {
            return Err(EncodeError::BadNumber { row, column, value });
        }
        push_decimal(&mut self.bytes, value, self.form.look);
        self.bytes.push(b',');
        Ok(())
    }

    fn time(&mut self, row: usize, ts_ms: i64) -> Result<(), EncodeError> {
        if ts_ms.div_euclid(MILLIS_PER_DAY) != i64::from(self.day.0) {
            return Err(EncodeError::RowOutsideDay {
                row,
                ts_ms,
                day: self.day,
            });
        }
        self.integer(ts_ms * self.form.units_per_ms);
        Ok(())
    }

    fn taker(&mut self, is_buyer_maker: bool) {
        self.last(self.form.taker[usize::from(is_buyer_maker)]);
    }

    fn last(&mut self, cells: &str) {
        self.bytes.extend_from_slice(cells.as_bytes());
        self.bytes.push(b'\n');
    }
}

fn archive(
    form: Form,
    symbol: &Symbol,
    day: Day,
    kind: &str,
    interval: Option<&str>,
    csv: &[u8],
) -> Result<EncodedFile, EncodeError> {
    let base = form.folder;
    // Kline files are named and foldered by interval, all others by kind.
    let (folder, stem) = match interval {
        Some(interval) => (
            format!("{base}/{kind}/{symbol}/{interval}"),
            format!("{symbol}-{interval}-{day}"),
        ),
        None => (
            format!("{base}/{kind}/{symbol}"),
            format!("{symbol}-{kind}-{day}"),
        ),
    };
    let zip = csv_zip(&format!("{stem}.csv"), csv)?;
    let name = format!("{stem}.zip");
    let checksum = checksum_line(&zip, &name);
    Ok(EncodedFile {
        folder,
        name,
        zip,
        checksum,
    })
}

#[cfg(test)]
mod tests;
