//! What the tests of archives and recordings share: running lines through a parser, and reading the rows back.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int64Type, TimestampMicrosecondType};
use quant_core::time::{TimeRange, UnixMicros};

use crate::schema::Dataset;
use crate::venues::book_flow::tests_shared::{Replayed, replay};
use crate::venues::book_flow::{BookOptions, Cadence};
use crate::venues::contracts::QtyUnit;
use crate::venues::rows::{FileTotals, ParseError, ParseOptions, Parsed, RowParser, Totals};

pub(super) const EVERY_MESSAGE: BookOptions = BookOptions {
    levels: 3,
    cadence: Cadence::EveryMessage,
    unit: QtyUnit::Base,
};

/// Options that refuse no file for its refused lines.
pub(super) fn options() -> ParseOptions {
    ParseOptions {
        file: "test.data".to_owned(),
        range: TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(i64::MAX),
        },
        max_quarantine_share: 1.0,
        collect: vec![Dataset::Liquidations],
    }
}

/// Rows and counts of a file.
pub(super) struct Ran {
    batches: Vec<(Dataset, RecordBatch)>,
    totals: FileTotals,
}

pub(super) fn run(mut parser: Box<dyn RowParser>, text: &[u8]) -> Result<Ran, ParseError> {
    let mut out = Vec::new();
    parser.feed(text, &mut out)?;
    let totals = parser.finish(&mut out)?;
    for (dataset, t) in &totals {
        let days = t.days.values().map(|d| d.kept + d.duplicates).sum::<u64>();
        assert_eq!(
            t.rows,
            t.filtered + t.quarantined.len() as u64 + days,
            "rows of {dataset} are conserved: {t:?}"
        );
    }
    let batches = out.into_iter().filter_map(|p| match p {
        Parsed::Rows { dataset, batch, .. } => Some((dataset, batch)),
        Parsed::DayEnd { .. } => None,
    });
    Ok(Ran {
        batches: batches.collect(),
        totals,
    })
}

impl Ran {
    pub(super) fn totals(&self, dataset: Dataset) -> &Totals {
        &self.totals.iter().find(|(d, _)| *d == dataset).unwrap().1
    }

    /// A counter of the report; 0 if it is not there.
    pub(super) fn count(&self, name: &str) -> u64 {
        let all = self
            .totals
            .iter()
            .filter_map(|(_, t)| t.diagnostics.get(name));
        all.sum()
    }

    pub(super) fn gaps(&self, dataset: Dataset) -> u64 {
        self.totals(dataset).days.values().map(|d| d.gaps).sum()
    }

    /// Why lines were refused.
    pub(super) fn refusals(&self) -> Vec<String> {
        let all = self.totals.iter().flat_map(|(_, t)| &t.quarantined);
        all.map(|q| q.reason.to_string()).collect()
    }

    fn columns<'a>(
        &'a self,
        dataset: Dataset,
        name: &'a str,
    ) -> impl Iterator<Item = &'a arrow_array::ArrayRef> {
        let of = self.batches.iter().filter(move |(d, _)| *d == dataset);
        of.map(move |(_, b)| &b[name])
    }

    /// What a naive reader makes of the rows of a book.
    pub(super) fn replayed(&self) -> Replayed {
        let of = self.batches.iter();
        replay(of.filter_map(|(d, b)| (*d == Dataset::L2Deltas).then_some(b)))
    }

    pub(super) fn floats(&self, dataset: Dataset, name: &str) -> Vec<Option<f64>> {
        self.columns(dataset, name)
            .flat_map(|c| c.as_primitive::<Float64Type>().iter().collect::<Vec<_>>())
            .collect()
    }

    pub(super) fn ints(&self, dataset: Dataset, name: &str) -> Vec<Option<i64>> {
        self.columns(dataset, name)
            .flat_map(|c| c.as_primitive::<Int64Type>().iter().collect::<Vec<_>>())
            .collect()
    }

    pub(super) fn sides(&self, dataset: Dataset) -> Vec<i64> {
        let name = if dataset == Dataset::Trades {
            "aggressor"
        } else {
            "side"
        };
        self.columns(dataset, name)
            .flat_map(|c| c.as_primitive::<Int8Type>().values().to_vec())
            .map(i64::from)
            .collect()
    }

    pub(super) fn times(&self, dataset: Dataset, name: &str) -> Vec<Option<i64>> {
        self.columns(dataset, name)
            .flat_map(|c| {
                let times = c.as_primitive::<TimestampMicrosecondType>();
                times.iter().collect::<Vec<_>>()
            })
            .collect()
    }
}

/// A file of recorded data; says so where there is none.
pub(super) fn shared(path: &str) -> Option<PathBuf> {
    use std::io::Write as _;
    let root = std::env::var_os("QUANT_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let found = Some(root.join(path)).filter(|p| p.exists());
    if found.is_none() {
        writeln!(std::io::stderr(), "SKIPPED: no shared data for {path}").unwrap();
    }
    found
}
