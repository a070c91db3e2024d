//! Openings: what was known at 00:00 UTC of a day, so that tier 1 of the day needs no other day's rows.
//!
//! Long format: one row per known value, keyed by kind and sequence. The manifest's sources name the days the values
//! come from, by content hash. What the rows of a day with microstructure say, and how they are made, is in `day` and
//! `make`.

mod day;
mod make;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, UnixMicros};
use serde::{Deserialize, Serialize};

use crate::commit::{CommitError, DatasetWriter};
use crate::layout::{DayRule, LayoutError, PartitionSetSpec, check_set_id, instrument_path};
use crate::manifest::{Partition, Source, SourceKind};
use crate::quality::Quality;
use crate::read::{HashMemo, PartitionSet, ReadError};
use crate::schema::{Column, ColumnType};
use crate::write::PartitionMeta;

pub use day::DayOpening;
pub use make::{OpeningPlan, VolumeMemo};

/// Version of the code that makes openings; enters the idempotence key.
pub const OPENINGS_VERSION: &str = "openings-2";

/// What an opening row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpeningKind {
    /// One bid level of the book; `seq` counts from the best.
    BookBid,
    /// One ask level of the book; `seq` counts from the best.
    BookAsk,
    /// Last message of the book: `seq` is its last update id, `qty` 1 if it was a snapshot, else 0.
    BookId,
    /// Base units traded on the day that `seq` days ago began, in `qty`.
    DayVolume,
    /// Last settled funding rate, in `px`.
    Funding,
    /// Last index price.
    Index,
    /// Last best bid (`seq` 0) and ask (`seq` 1).
    LastQuote,
    /// Last trade.
    LastTrade,
    /// Last mark price.
    Mark,
    /// Last open interest, in `qty`.
    OpenInterest,
    /// Last close of the premium index, in `px`.
    Premium,
    /// Size of a volume bucket, in `qty`.
    VolumeBucket,
}

impl OpeningKind {
    const ALL: [Self; 12] = [
        Self::BookBid,
        Self::BookAsk,
        Self::BookId,
        Self::DayVolume,
        Self::Funding,
        Self::Index,
        Self::LastQuote,
        Self::LastTrade,
        Self::Mark,
        Self::OpenInterest,
        Self::Premium,
        Self::VolumeBucket,
    ];

    /// Returns the name written to the lake.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BookBid => "book_bid",
            Self::BookAsk => "book_ask",
            Self::BookId => "book_id",
            Self::DayVolume => "day_volume",
            Self::Funding => "funding",
            Self::Index => "index",
            Self::LastQuote => "last_quote",
            Self::LastTrade => "last_trade",
            Self::Mark => "mark",
            Self::OpenInterest => "oi",
            Self::Premium => "premium",
            Self::VolumeBucket => "volume_bucket",
        }
    }
}

/// One value known when a day begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningRow {
    /// What it is.
    pub kind: OpeningKind,
    /// When it was true, before the day's start.
    pub ts_event: UnixMicros,
    /// Place among rows of its kind.
    pub seq: i64,
    /// Price or rate.
    pub px: Option<f64>,
    /// Quantity, base units.
    pub qty: Option<f64>,
}

/// Why openings cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    /// Writing failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A raw stream cannot be replayed.
    #[error(transparent)]
    Stream(#[from] crate::stream::StreamError),
    /// The file names a kind this build does not know.
    #[error("opening of {day}: unknown kind `{}`", kind.escape_debug())]
    UnknownKind {
        /// Day.
        day: Day,
        /// The offending name.
        kind: String,
    },
    /// The rows cannot form a batch.
    #[error("opening rows do not fit their schema: {source}")]
    Batch {
        /// Cause.
        source: arrow_schema::ArrowError,
    },
}

/// Returns the partition set of an instrument's openings.
pub fn openings_spec(instrument: &InstrumentKey) -> PartitionSetSpec {
    let column = |name: &str, ty, nullable| Column {
        name: name.to_owned(),
        ty,
        nullable,
    };
    PartitionSetSpec {
        dir: format!("openings/{}", instrument_path(instrument)),
        columns: vec![
            column("kind", ColumnType::Text, false),
            column("ts_event", ColumnType::Ts, false),
            column("seq", ColumnType::I64, false),
            column("px", ColumnType::F64, true),
            column("qty", ColumnType::F64, true),
        ],
        sort_key: vec!["kind".to_owned(), "seq".to_owned()],
        time_column: "ts_event".to_owned(),
        interval_us: None,
        day_rule: DayRule::Before,
        simulated: instrument.exchange.simulated,
    }
}

/// Returns the partition set of the openings of one bar set, whose specification decides what they hold.
///
/// # Errors
/// `LayoutError::BadId` if the id cannot be a folder name.
pub fn set_openings_spec(
    instrument: &InstrumentKey,
    bar_set_id: &str,
) -> Result<PartitionSetSpec, LayoutError> {
    let mut spec = openings_spec(instrument);
    spec.dir = format!("{}/{}", spec.dir, check_set_id(bar_set_id)?);
    Ok(spec)
}

/// Returns a partition as the source of what is derived from it: its folder and content hash.
pub fn derived_source(set: &PartitionSetSpec, partition: &Partition) -> Source {
    Source {
        kind: SourceKind::Derived,
        name: format!("{}/{}", set.dir, crate::layout::day_folder(partition.date)),
        url: None,
        bytes: partition.bytes,
        sha256: partition.content_sha256.clone(),
        checksum_verified: true,
        context: None,
    }
}

/// Writes the opening of a day, sorted here; `sources` are the days the values come from.
///
/// # Errors
/// `Commit` if rows repeat a (kind, seq), lie in the day or later, or cannot be stored.
pub fn write_opening(
    writer: &DatasetWriter,
    day: Day,
    rows: &[OpeningRow],
    sources: Vec<Source>,
) -> Result<Partition, OpeningError> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|r| (r.kind.name(), r.seq));
    let batch = to_batch(writer.spec(), &rows).map_err(|source| OpeningError::Batch { source })?;
    let mut partition = writer.begin(day)?;
    partition.write(&batch).map_err(CommitError::from)?;
    let meta = PartitionMeta {
        sources,
        rows_in: partition.rows(),
        quality: Quality::default(),
    };
    let staged = partition.finish(meta).map_err(CommitError::from)?;
    Ok(writer.commit(staged)?)
}

/// Reads the opening of a day, sorted by kind name and sequence; `None` if the day has none.
///
/// # Errors
/// `Read` or `UnknownKind`.
pub fn read_opening(
    set: &PartitionSet,
    day: Day,
    memo: &HashMemo,
) -> Result<Option<Vec<OpeningRow>>, OpeningError> {
    if set.manifest().partition(day).is_none() {
        return Ok(None);
    }
    let mut out = Vec::new();
    for batch in set.read_day(day, None, 4_096, memo)? {
        let batch = batch?;
        let kinds = batch.column(0).as_string::<i32>();
        let times = batch.column(1).as_primitive::<TimestampMicrosecondType>();
        let seqs = batch.column(2).as_primitive::<Int64Type>();
        let float = |column: usize, row: usize| {
            let array = batch.column(column).as_primitive::<Float64Type>();
            array.is_valid(row).then(|| array.value(row))
        };
        for row in 0..batch.num_rows() {
            let name = kinds.value(row);
            let kind = OpeningKind::ALL
                .into_iter()
                .find(|k| k.name() == name)
                .ok_or_else(|| OpeningError::UnknownKind {
                    day,
                    kind: name.to_owned(),
                })?;
            out.push(OpeningRow {
                kind,
                ts_event: UnixMicros(times.value(row)),
                seq: seqs.value(row),
                px: float(3, row),
                qty: float(4, row),
            });
        }
    }
    Ok(Some(out))
}

/// Returns the last trade price known when the day begins.
///
/// # Errors
/// As [`read_opening`].
pub fn last_trade_price(
    set: &PartitionSet,
    day: Day,
    memo: &HashMemo,
) -> Result<Option<f64>, OpeningError> {
    let rows = read_opening(set, day, memo)?.unwrap_or_default();
    Ok(rows
        .iter()
        .filter(|r| r.kind == OpeningKind::LastTrade)
        .find_map(|r| r.px))
}

fn to_batch(
    spec: &PartitionSetSpec,
    rows: &[OpeningRow],
) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let times: TimestampMicrosecondArray = rows.iter().map(|r| Some(r.ts_event.0)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|r| r.kind.name()),
        )),
        Arc::new(times.with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.seq))),
        Arc::new(rows.iter().map(|r| r.px).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|r| r.qty).collect::<Float64Array>()),
    ];
    RecordBatch::try_new(spec.arrow_schema(), columns)
}

#[cfg(test)]
mod tests;
