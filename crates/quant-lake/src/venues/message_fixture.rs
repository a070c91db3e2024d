//! Runs message parsers over small texts and shows what came out.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::DataType;
use quant_core::time::{TimeRange, UnixMicros};

use super::book_flow::tests_shared::{Replayed, replay};
use super::rows::{FileTotals, ParseError, ParseOptions, Parsed, RowParser, Totals};
use crate::schema::Dataset;

/// Options that take every row and refuse no file.
pub(crate) fn options() -> ParseOptions {
    ParseOptions {
        file: "test".to_owned(),
        range: TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(i64::MAX),
        },
        max_quarantine_share: 1.0,
        collect: Vec::new(),
    }
}

/// Options for datasets whose rows may come in any order.
pub(crate) fn collecting(collect: &[Dataset]) -> ParseOptions {
    ParseOptions {
        collect: collect.to_vec(),
        ..options()
    }
}

/// What a parser made of a text.
pub(crate) struct Ran {
    pub(crate) batches: Vec<(Dataset, RecordBatch)>,
    pub(crate) totals: FileTotals,
}

/// Feeds a text in one piece and checks that every row is accounted for.
pub(crate) fn run(parser: Box<dyn RowParser>, text: &[u8]) -> Ran {
    try_run(parser, text).unwrap()
}

pub(crate) fn try_run(mut parser: Box<dyn RowParser>, text: &[u8]) -> Result<Ran, ParseError> {
    let mut out = Vec::new();
    parser.feed(text, &mut out)?;
    let totals = parser.finish(&mut out)?;
    let batches: Vec<_> = out
        .into_iter()
        .filter_map(|p| match p {
            Parsed::Rows { dataset, batch, .. } => Some((dataset, batch)),
            Parsed::DayEnd { .. } => None,
        })
        .collect();
    let ran = Ran { batches, totals };
    for (dataset, totals) in &ran.totals {
        let days = totals.days.values();
        let accounted: u64 = days.map(|d| d.kept + d.duplicates).sum::<u64>()
            + totals.filtered
            + totals.quarantined.len() as u64;
        assert_eq!(accounted, totals.rows, "{dataset}: {totals:?}");
        let rows: usize = ran.of(*dataset).map(RecordBatch::num_rows).sum();
        let kept: u64 = totals.days.values().map(|d| d.kept).sum();
        assert_eq!(rows as u64, kept, "{dataset}");
    }
    Ok(ran)
}

impl Ran {
    pub(crate) fn of(&self, dataset: Dataset) -> impl Iterator<Item = &RecordBatch> {
        self.batches
            .iter()
            .filter(move |(d, _)| *d == dataset)
            .map(|(_, batch)| batch)
    }

    /// What a naive reader makes of the rows of a book.
    pub(crate) fn replayed(&self) -> Replayed {
        replay(self.of(Dataset::L2Deltas))
    }

    pub(crate) fn totals(&self, dataset: Dataset) -> &Totals {
        let found = self.totals.iter().find(|(d, _)| *d == dataset);
        &found.unwrap().1
    }

    pub(crate) fn diagnostic(&self, dataset: Dataset, name: &str) -> u64 {
        let totals = self.totals(dataset);
        totals.diagnostics.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn gaps(&self, dataset: Dataset) -> u64 {
        self.totals(dataset).days.values().map(|d| d.gaps).sum()
    }

    /// Reasons of refused rows.
    pub(crate) fn reasons(&self, dataset: Dataset) -> Vec<String> {
        let refused = self.totals(dataset).quarantined.iter();
        refused.map(|q| q.reason.to_string()).collect()
    }

    /// Values of a column as numbers, null as NaN-free `None`.
    pub(crate) fn column(&self, dataset: Dataset, name: &str) -> Vec<Option<f64>> {
        let mut out = Vec::new();
        for batch in self.of(dataset) {
            let column = batch.column_by_name(name).unwrap();
            for i in 0..batch.num_rows() {
                let value = match column.data_type() {
                    DataType::Float64 => column.as_primitive::<Float64Type>().value(i),
                    DataType::Int64 => column.as_primitive::<Int64Type>().value(i) as f64,
                    DataType::Int32 => f64::from(column.as_primitive::<Int32Type>().value(i)),
                    DataType::Int8 => f64::from(column.as_primitive::<Int8Type>().value(i)),
                    DataType::Boolean => f64::from(u8::from(column.as_boolean().value(i))),
                    _ => column.as_primitive::<TimestampMicrosecondType>().value(i) as f64,
                };
                out.push(column.is_valid(i).then_some(value));
            }
        }
        out
    }

    /// As [`Ran::column`], integers and times exactly.
    pub(crate) fn integers(&self, dataset: Dataset, name: &str) -> Vec<i64> {
        let mut out = Vec::new();
        for batch in self.of(dataset) {
            let column = batch.column_by_name(name).unwrap();
            match column.data_type() {
                DataType::Int64 => out.extend(column.as_primitive::<Int64Type>().values()),
                _ => out.extend(column.as_primitive::<TimestampMicrosecondType>().values()),
            }
        }
        out
    }
}
