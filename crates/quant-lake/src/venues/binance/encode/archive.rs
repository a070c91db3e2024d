//! One file of the archive, row by row: rows -> CSV text -> deflate, so that neither the rows nor the CSV of a day of
//! three million quotes are ever in memory.

use core::fmt;
use core::marker::PhantomData;

use quant_core::market::{Market, Symbol};
use quant_core::time::Day;

use super::container::{ZipCsv, checksum_line};
use super::csv::{ArchiveRow, Form};
use super::rows::{AggTradeRow, KlineRow, TradeRow};
use super::{Decimals, EncodeError, calendar};

use crate::venues::binance::{ArchiveFile, Cadence, Period, VisionType, archive_file};

/// CSV bytes gathered before they are deflated.
const BUFFER_BYTES: usize = 128 << 10;

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
    /// Data rows inside, the header not counted.
    pub rows: u64,
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

/// Which file to write, and how.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveSpec<'a> {
    /// Market.
    pub market: Market,
    /// Symbol; coin-margined index klines are filed under its pair.
    pub symbol: &'a Symbol,
    /// Product.
    pub kind: VisionType,
    /// Day or month. Rows of another one are refused.
    pub period: Period,
    /// Decimals the venue pads futures klines to; `None` writes them as short as they are. Other files do not depend
    /// on it, but for the rounding of the quote quantity of USD-M trades.
    pub decimals: Option<Decimals>,
    /// Whether there is a header line; `None` is [`super::has_header`].
    pub header: Option<bool>,
    /// Whether band percentages read `-5.00` instead of `-5`; `None` goes by the date.
    pub padded_percent: Option<bool>,
}

impl<'a> ArchiveSpec<'a> {
    /// Describes a file with everything else as the venue does it.
    pub const fn new(market: Market, symbol: &'a Symbol, kind: VisionType, period: Period) -> Self {
        Self {
            market,
            symbol,
            kind,
            period,
            decimals: None,
            header: None,
            padded_percent: None,
        }
    }

    /// Sets the decimals of the symbol.
    #[must_use]
    pub const fn with_decimals(mut self, decimals: Decimals) -> Self {
        self.decimals = Some(decimals);
        self
    }

    /// Sets whether there is a header line.
    #[must_use]
    pub const fn with_header(mut self, header: bool) -> Self {
        self.header = Some(header);
        self
    }

    /// Returns the header text this file may begin with, `\n` at its end.
    pub fn header_line(&self) -> &'static str {
        super::csv::header_line(self.market, self.kind)
    }
}

/// Writes one archive file from rows of type `R`: [`new`](Self::new), [`push`](Self::push) in the order of the file,
/// [`finish`](Self::finish).
///
/// # Determinism
/// The same rows give the same bytes, however they are spread over calls.
pub struct ArchiveWriter<R> {
    form: Form,
    file: ArchiveFile,
    zip: ZipCsv,
    buffer: Vec<u8>,
    rows: u64,
    row: PhantomData<fn(&R)>,
}

impl<R> fmt::Debug for ArchiveWriter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArchiveWriter({}, {} rows)", self.file.path, self.rows)
    }
}

impl<R: ArchiveRow> ArchiveWriter<R> {
    /// Begins a file.
    ///
    /// # Errors
    /// `Unsupported` where the venue has no such product for the market or cadence, `WrongRow` if the product is not
    /// made of rows `R`.
    pub fn new(spec: &ArchiveSpec<'_>) -> Result<Self, EncodeError> {
        let (market, kind) = (spec.market, spec.kind);
        if !R::KINDS.contains(&kind) {
            return Err(EncodeError::WrongRow {
                kind: kind.name(),
                expected: R::NAME,
            });
        }
        let cadence = match spec.period {
            Period::Day(_) => Cadence::Daily,
            Period::Month(_) => Cadence::Monthly,
        };
        let unsupported = || EncodeError::Unsupported {
            market,
            kind: kind.name(),
            cadence,
        };
        if !calendar::exists(market, kind, cadence) {
            return Err(unsupported());
        }
        let file = archive_file(calendar::dataset_of(kind), market, spec.symbol, spec.period)
            .ok_or_else(unsupported)?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + 1_024);
        let header = spec.header;
        if header.unwrap_or_else(|| calendar::has_header(market, kind, spec.period)) {
            buffer.extend_from_slice(spec.header_line().as_bytes());
        }
        Ok(Self {
            form: Form::of(spec),
            zip: ZipCsv::new(&file.member())?,
            file,
            buffer,
            rows: 0,
            row: PhantomData,
        })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// `BadNumber`, `RowOutsidePeriod` or `NotAMinute`, after which the file is as it was before; `Container` if the
    /// file grows beyond 4 GiB of CSV.
    #[inline]
    pub fn push(&mut self, row: &R) -> Result<(), EncodeError> {
        let start = self.buffer.len();
        if let Err(error) = row.push(&self.form, self.rows, &mut self.buffer) {
            self.buffer.truncate(start);
            return Err(error);
        }
        self.rows += 1;
        self.flush_beyond(BUFFER_BYTES)
    }

    /// Appends a line of text as it is, with or without its line end: what no row can say, for planted defects.
    ///
    /// # Errors
    /// `Container` if the file grows beyond 4 GiB of CSV.
    pub fn push_line(&mut self, line: &[u8]) -> Result<(), EncodeError> {
        self.buffer.extend_from_slice(line);
        if line.last() != Some(&b'\n') {
            self.buffer.push(b'\n');
        }
        self.rows += 1;
        self.flush_beyond(BUFFER_BYTES)
    }

    /// Returns the number of rows so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Container` if the file grew beyond 4 GiB of CSV.
    pub fn finish(mut self) -> Result<EncodedFile, EncodeError> {
        self.flush_beyond(0)?;
        let zip = self.zip.finish()?;
        let name = self.file.name();
        let mut folder = self.file.path;
        folder.truncate(folder.len() - name.len() - 1);
        Ok(EncodedFile {
            checksum: checksum_line(&zip, &name),
            folder,
            name,
            zip,
            rows: self.rows,
        })
    }

    #[inline]
    fn flush_beyond(&mut self, bytes: usize) -> Result<(), EncodeError> {
        if self.buffer.len() <= bytes {
            return Ok(());
        }
        let done = self.zip.write(&self.buffer);
        self.buffer.clear();
        done
    }
}

fn day_of_rows<R: ArchiveRow>(
    market: Market,
    symbol: &Symbol,
    kind: VisionType,
    day: Day,
    rows: &[R],
) -> Result<EncodedFile, EncodeError> {
    let spec = ArchiveSpec::new(market, symbol, kind, Period::Day(day));
    let mut writer = ArchiveWriter::new(&spec)?;
    for row in rows {
        writer.push(row)?;
    }
    writer.finish()
}

/// Encodes one day of aggregated trades, in the order given.
///
/// # Errors
/// Those of [`ArchiveWriter`].
pub fn agg_trades(
    market: Market,
    symbol: &Symbol,
    day: Day,
    rows: &[AggTradeRow],
) -> Result<EncodedFile, EncodeError> {
    day_of_rows(market, symbol, VisionType::AggTrades, day, rows)
}

/// Encodes one day of trades, in the order given.
///
/// # Errors
/// Those of [`ArchiveWriter`].
pub fn trades(
    market: Market,
    symbol: &Symbol,
    day: Day,
    rows: &[TradeRow],
) -> Result<EncodedFile, EncodeError> {
    day_of_rows(market, symbol, VisionType::Trades, day, rows)
}

/// Encodes one day of 1m klines, in the order given.
///
/// # Errors
/// Those of [`ArchiveWriter`].
pub fn klines_1m(
    market: Market,
    symbol: &Symbol,
    day: Day,
    rows: &[KlineRow],
) -> Result<EncodedFile, EncodeError> {
    day_of_rows(market, symbol, VisionType::Klines, day, rows)
}
