//! Book archives: `{date}_{SYMBOL}_ob{500|200}.data`, one v5 `orderbook` frame a line, to `l2_deltas` and `l2_snapshots`.
//!
//! # Rules
//! `ts_event` is the matching engine's `cts`, or the gateway's `ts` where a message lacks it (counted). The unit of times
//! is told by their number of digits and must not change in a file. Symbol and depth are those of the file. Snapshots
//! replace the book; a delta must carry the `u` after the one before, else the book is void until the next snapshot and
//! its levels are counted as left out.

use quant_core::market::Symbol;

use super::frame::{Sides, read_book};
use super::stream::BookStream;
use crate::manifest::IngestParams;
use crate::schema::Dataset;
use crate::venues::book_flow::{BookOptions, Cadence};
use crate::venues::contracts::QtyUnit;
use crate::venues::rows::{ParseError, ParseOptions, RowParser, RowProblem};
use crate::venues::tables::{MessageFormat, MessageParser, TableOptions, Tables};

/// Version of the parser: part of the idempotence key, raised when the same bytes give other rows.
pub const PARSER_VERSION: &str = "bybit-book-4";

/// How a book archive is read.
#[derive(Clone, Debug)]
pub struct BookFile {
    /// Symbol that every message must name.
    pub symbol: Symbol,
    /// Levels per side that the file's name promises, where known; every message must be of it.
    pub depth: Option<u16>,
    /// Unit of quantities, levels and cadence of the images.
    pub book: BookOptions,
    /// Datasets to make, of `l2_deltas` and `l2_snapshots`.
    pub datasets: Vec<Dataset>,
}

impl BookFile {
    /// Returns everything besides the bytes and the version that decides the rows.
    pub fn ingest_params(&self) -> IngestParams {
        book_params(&self.book)
    }
}

/// Describes how books become rows.
pub(super) fn book_params(book: &BookOptions) -> IngestParams {
    let mut params = IngestParams::new();
    let mut set = |key: &str, value: serde_json::Value| params.insert(key.to_owned(), value);
    set("book_levels", book.levels.into());
    match book.cadence {
        Cadence::Every { us, max_stale_us } => {
            set("cadence_us", us.into());
            set("max_stale_us", max_stale_us.into());
        }
        Cadence::EveryMessage => {
            set("cadence", "every_message".into());
        }
        Cadence::EverySnapshot => {
            set("cadence", "every_snapshot".into());
        }
    }
    match book.unit {
        QtyUnit::Base => {}
        QtyUnit::Linear { ctval } => {
            set("contract_value", ctval.into());
        }
        QtyUnit::Inverse { usd } => {
            set("contract_value_usd", usd.into());
        }
    }
    params
}

/// Returns a parser of one archive.
pub fn book_parser(file: &BookFile, parse: ParseOptions) -> Box<dyn RowParser> {
    let tables = TableOptions {
        datasets: file.datasets.clone(),
        book_levels: file.book.levels,
        watermark_us: None,
    };
    let format = Archive {
        file: parse.file.clone(),
        symbol: file.symbol.clone(),
        depth: file.depth,
        sides: Sides::default(),
        stream: BookStream::new(file.book),
    };
    Box::new(MessageParser::new(format, &tables, parse))
}

struct Archive {
    file: String,
    symbol: Symbol,
    depth: Option<u16>,
    sides: Sides,
    stream: BookStream,
}

impl MessageFormat for Archive {
    fn name(&self) -> &'static str {
        "Bybit order book"
    }

    fn message(&mut self, line: &[u8], out: &mut Tables) -> Result<(), RowProblem> {
        let frame = read_book(line, &mut self.sides)?;
        if frame.symbol != self.symbol.as_str().as_bytes() {
            return Err(RowProblem::OtherSymbol {
                expected: self.symbol.as_str().to_owned(),
            });
        }
        if *self.depth.get_or_insert(frame.depth) != frame.depth {
            return Err(RowProblem::UnknownName {
                column: "topic",
                expected: "a book of the depth of the file",
            });
        }
        self.stream.take(&frame, &self.sides, None, out)
    }

    fn finish(&mut self, out: &mut Tables) -> Result<(), ParseError> {
        self.stream.finish(&self.file, out)
    }
}

#[cfg(test)]
mod tests;
