//! What the tests of row formats share: a file read as the ingest reads it in order, and its columns as plain vectors.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use arrow_select::concat::concat_batches;
use quant_core::time::{TimeRange, UnixMicros};

use crate::schema::Dataset;

use super::{ParseError, ParseOptions, Parsed, RowParser, Totals};

/// Options of a test: every believable time, any number of bad rows.
pub(crate) fn options(collect: bool) -> ParseOptions {
    ParseOptions {
        file: "x.csv".to_owned(),
        range: TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(5_000_000_000_000_000),
        },
        max_quarantine_share: 1.0,
        collect: if collect {
            Dataset::ALL.to_vec()
        } else {
            Vec::new()
        },
    }
}

/// The rows of a file and what became of the others.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) totals: Totals,
    pub(crate) rows: Option<RecordBatch>,
}

impl Read {
    /// Reads a file at once and in two pieces, which must agree, and checks that every row is accounted for.
    pub(crate) fn new(
        make: impl Fn() -> Box<dyn RowParser>,
        text: impl AsRef<[u8]>,
    ) -> Result<Self, ParseError> {
        let text = text.as_ref();
        let whole = Self::pieces(make(), &[text])?;
        let middle = text.len() / 2;
        let cut = text[middle..].iter().position(|&b| b == b'\n');
        let cut = cut.map_or(text.len(), |at| middle + at + 1);
        let split = Self::pieces(make(), &[&text[..cut], &text[cut..]])?;
        assert_eq!((&whole.totals, &whole.rows), (&split.totals, &split.rows));
        let sum = |f: fn(&super::DayCounts) -> u64| whole.totals.days.values().map(f).sum::<u64>();
        let kept = whole.rows.as_ref().map_or(0, |b| b.num_rows() as u64);
        assert_eq!(sum(|d| d.kept), kept);
        let quarantined = whole.totals.quarantined.len() as u64;
        assert_eq!(
            whole.totals.rows,
            kept + sum(|d| d.duplicates) + quarantined + whole.totals.filtered
        );
        Ok(whole)
    }

    fn pieces(mut parser: Box<dyn RowParser>, pieces: &[&[u8]]) -> Result<Self, ParseError> {
        let mut out = Vec::new();
        for piece in pieces {
            parser.feed(piece, &mut out)?;
        }
        let (_, totals) = parser.finish(&mut out)?.remove(0);
        let batches: Vec<RecordBatch> = out
            .into_iter()
            .filter_map(|p| match p {
                Parsed::Rows { batch, .. } => Some(batch),
                Parsed::DayEnd { .. } => None,
            })
            .collect();
        let rows = batches
            .first()
            .map(|b| concat_batches(&b.schema(), &batches).unwrap());
        Ok(Self { totals, rows })
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.as_ref().map_or(0, RecordBatch::num_rows)
    }

    fn column(&self, name: &str) -> &arrow_array::ArrayRef {
        self.rows.as_ref().unwrap().column_by_name(name).unwrap()
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<Option<f64>> {
        let array = self.column(name).as_primitive::<Float64Type>();
        (0..array.len())
            .map(|i| array.is_valid(i).then(|| array.value(i)))
            .collect()
    }

    pub(crate) fn ints(&self, name: &str) -> Vec<i64> {
        self.column(name)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    }

    pub(crate) fn times(&self, name: &str) -> Vec<i64> {
        let array = self.column(name).as_primitive::<TimestampMicrosecondType>();
        array.values().to_vec()
    }

    pub(crate) fn sides(&self) -> Vec<i8> {
        let array = self.column("aggressor").as_primitive::<Int8Type>();
        array.values().to_vec()
    }

    /// The reasons of refused rows, in file order.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let refused = self.totals.quarantined.iter();
        refused.map(|q| q.reason.to_string()).collect()
    }

    pub(crate) fn duplicates(&self) -> u64 {
        self.totals.days.values().map(|d| d.duplicates).sum()
    }
}
