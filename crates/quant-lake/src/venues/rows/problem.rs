//! Why a row or a whole file is refused.

use arrow_schema::ArrowError;

use super::{LeftOut, Quarantined};
use crate::schema::Dataset;

/// Why one row cannot be used; it goes to the quarantine, the file goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowProblem {
    /// Blank line.
    #[error("blank line")]
    Blank,
    /// Wrong number of fields.
    #[error("{found} fields, expected {expected}")]
    FieldCount {
        /// Fields of the format.
        expected: usize,
        /// Fields of the line.
        found: usize,
    },
    /// Not a finite number.
    #[error("column `{column}`: not a finite decimal number")]
    NotANumber {
        /// Column.
        column: &'static str,
    },
    /// Not an integer.
    #[error("column `{column}`: not an integer in range")]
    NotAnInteger {
        /// Column.
        column: &'static str,
    },
    /// The sign is impossible for this quantity.
    #[error("column `{column}`: must be {required}")]
    BadSign {
        /// Column.
        column: &'static str,
        /// `positive` or `not negative`.
        required: &'static str,
    },
    /// Not a time in the unit of the format.
    #[error("column `{column}`: not a time; expected {expected}")]
    NotATime {
        /// Column.
        column: &'static str,
        /// What the format writes.
        expected: &'static str,
    },
    /// Not one of the names the format uses.
    #[error("column `{column}`: expected {expected}")]
    UnknownName {
        /// Column.
        column: &'static str,
        /// Accepted names.
        expected: &'static str,
    },
    /// The row belongs to another instrument.
    #[error("row of another symbol; expected `{expected}`")]
    OtherSymbol {
        /// Symbol of the file.
        expected: String,
    },
    /// Open, high, low and close contradict each other.
    #[error("high below low, or open or close outside [low, high]")]
    InconsistentPrices,
    /// The close of the interval does not lie after its open.
    #[error("close time does not lie after open time")]
    EmptyInterval,
    /// The message is not JSON, or not of the shape the venue sends.
    #[error("not the JSON of a message: expected {expected} at byte {at}")]
    NotJson {
        /// Byte of the message, from 0.
        at: usize,
        /// What belongs there.
        expected: &'static str,
    },
    /// A field that must be there is not, or is there twice.
    #[error("field `{field}`: {problem}")]
    Field {
        /// Field.
        field: &'static str,
        /// `missing` or `given twice`.
        problem: &'static str,
    },
    /// Same key as an earlier row, other values.
    #[error("same key as an earlier row but other values")]
    Conflict,
    /// Two columns state one quantity in different units and contradict each other.
    #[error(
        "columns `{column}` and `{other}` contradict each other under the known contract value"
    )]
    Contradiction {
        /// Column.
        column: &'static str,
        /// The other column.
        other: &'static str,
    },
    /// The row is sound but not asked for: it is counted as filtered and noted, not quarantined.
    #[error("left out: {0}")]
    LeftOut(LeftOut),
}

/// Why a whole file is refused.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The header is not the format's.
    #[error(
        "{file}, row 1: the header is not the one of {format}: missing [{}], unknown [{}]\nhint: the vendor changed the format or this is another file; expected `{expected}`",
        missing.join(", "), unknown.join(", ")
    )]
    Header {
        /// File.
        file: String,
        /// Format.
        format: &'static str,
        /// The header that belongs there.
        expected: String,
        /// Expected names that are absent.
        missing: Vec<String>,
        /// Names that do not belong.
        unknown: Vec<String>,
    },
    /// The first row has a wrong number of fields.
    #[error(
        "{file}, row {line}: {found} fields, {format} has {expected}\nhint: check that this is the right dataset and market"
    )]
    Arity {
        /// File.
        file: String,
        /// Row.
        line: u64,
        /// Format.
        format: &'static str,
        /// Fields of the format.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// Lines end in carriage returns only.
    #[error("{file}: lines end in carriage returns only\nhint: convert the file to \\n line ends")]
    CarriageReturns {
        /// File.
        file: String,
    },
    /// No row at all, not even a header.
    #[error(
        "{file}: the file is empty\nhint: fetch it again; a published day always has a row or a header"
    )]
    Empty {
        /// File.
        file: String,
    },
    /// The file is of another market or instrument than the one asked for.
    #[error("{file}, row {line}: {found}, not {asked}\nhint: {hint}")]
    OtherSource {
        /// File.
        file: String,
        /// Row that shows it.
        line: u64,
        /// What the row is of.
        found: String,
        /// What was asked for.
        asked: String,
        /// What to do.
        hint: &'static str,
    },
    /// The file holds nothing of the instrument asked for.
    #[error(
        "{file}: nothing in it is of `{asked}`; it holds {found}\nhint: check that this is the right file, exchange and symbol"
    )]
    OtherInstruments {
        /// File.
        file: String,
        /// The instrument asked for.
        asked: String,
        /// What it holds instead.
        found: String,
    },
    /// Too many rows were refused.
    #[error(
        "{file}: {quarantined} of {rows} rows are unusable, more than the allowed share {share}; first: {}\nhint: look at the rows, or raise `ingest.max_quarantine_share`",
        first.iter().map(|q| format!("row {}: {} (`{}`)", q.line, q.reason, q.text)).collect::<Vec<_>>().join("; ")
    )]
    TooManyBadRows {
        /// File.
        file: String,
        /// Rows refused.
        quarantined: u64,
        /// Rows seen.
        rows: u64,
        /// Allowed share.
        share: f64,
        /// The first few of them.
        first: Vec<Quarantined>,
    },
    /// The local book grows without end.
    #[error(
        "{file}, row {line}: one side of the book has {levels} levels, more than any venue's\nhint: this is no stream of one book; check which instruments the file mixes"
    )]
    BookTooDeep {
        /// File.
        file: String,
        /// Row that made it too deep.
        line: u64,
        /// Levels of the side.
        levels: usize,
    },
    /// The rows are not in order; the caller parses the file again, collecting it.
    #[error("{file}, row {line}: rows of {dataset} are not in order")]
    OutOfOrder {
        /// File.
        file: String,
        /// Dataset of the row.
        dataset: Dataset,
        /// First row out of order.
        line: u64,
    },
    /// The built columns do not fit the schema: a bug, not a property of the file.
    #[error("{file}: columns do not fit the schema")]
    Batch {
        /// File.
        file: String,
        /// Cause.
        #[source]
        source: ArrowError,
    },
}
