//! What every parser of rows promises, whatever the bytes.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use quant_core::market::{Market, Venue};
use quant_core::time::{Day, TimeRange};

use super::Choice;
use crate::layout::{DatasetKey, PartitionSetSpec};
use crate::schema::Dataset;
use crate::venues::rows::{DayCounts, FileTotals, ParseError, ParseOptions, Parsed, RowParser};
use crate::write::check::BatchChecker;

/// Levels per side of images.
pub(super) const LEVELS: u16 = 5;

/// Line ends at which a text is cut in two; a longer text is cut at as many, evenly.
const MAX_CUTS: usize = 12;

/// Rows of a collected batch that are looked at one by one.
const MAX_SINGLE_ROWS: usize = 64;

/// Days a file without a range may hold, as [`crate::ingest`] takes them.
const ALL_DAYS: TimeRange = TimeRange {
    start: Day(0).start(),
    end: Day(50_000).start(),
};

/// The day of the seeds.
const ONE_DAY: Day = Day(19_724);

/// Everything a parser handed out for one file.
#[derive(Debug, PartialEq)]
struct Outcome {
    rows: BTreeMap<(Dataset, Day), RecordBatch>,
    lines: BTreeMap<(Dataset, Day), Vec<u64>>,
    ends: Vec<(Dataset, Day, DayCounts)>,
    totals: FileTotals,
}

/// Holds a parser to its promises over one text.
///
/// # Panics
/// If one is broken.
pub(super) fn hold(choice: &Choice<'_>, make: &dyn Fn(ParseOptions) -> Box<dyn RowParser>) {
    let mut options = ParseOptions {
        file: "fuzzed".to_owned(),
        range: if choice.one_day {
            ONE_DAY.range()
        } else {
            ALL_DAYS
        },
        max_quarantine_share: 1.0,
        collect: Vec::new(),
    };
    // As ingestion does: rows that are not in order are collected in a second attempt.
    loop {
        let whole = read(make(options.clone()), &[choice.text], &options.collect);
        for chunks in cuts(choice.text) {
            let cut = read(make(options.clone()), &chunks, &options.collect);
            assert_same(&whole, &cut, &chunks);
        }
        match whole {
            Err(ParseError::OutOfOrder { dataset, .. }) => {
                assert!(
                    !options.collects(dataset),
                    "collected rows of {dataset} are refused for their order"
                );
                options.collect.push(dataset);
            }
            Err(e) => {
                assert!(
                    !matches!(e, ParseError::Batch { .. }),
                    "built columns do not fit the schema: {e}"
                );
                return;
            }
            Ok(_) => return,
        }
    }
}

/// Returns ways to cut a text at line ends: in two at each of some, and at all of them.
fn cuts(text: &[u8]) -> Vec<Vec<&[u8]>> {
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', text)
        .map(|at| at + 1)
        .filter(|&end| end < text.len())
        .collect();
    let step = ends.len().div_ceil(MAX_CUTS).max(1);
    let mut out: Vec<Vec<&[u8]>> = ends
        .iter()
        .step_by(step)
        .map(|&end| vec![&text[..end], &text[end..]])
        .collect();
    if ends.len() > 1 {
        out.push(text.split_inclusive(|&b| b == b'\n').collect());
    }
    out
}

/// Reads a text given in chunks.
fn read(
    mut parser: Box<dyn RowParser>,
    chunks: &[&[u8]],
    collect: &[Dataset],
) -> Result<Outcome, ParseError> {
    let mut parsed = Vec::new();
    for chunk in chunks.iter().filter(|c| !c.is_empty()) {
        parser.feed(chunk, &mut parsed)?;
    }
    let totals = parser.finish(&mut parsed)?;
    let mut outcome = Outcome {
        rows: BTreeMap::new(),
        lines: BTreeMap::new(),
        ends: Vec::new(),
        totals,
    };
    let mut batches: BTreeMap<(Dataset, Day), Vec<RecordBatch>> = BTreeMap::new();
    let mut ended = BTreeSet::new();
    for part in parsed {
        match part {
            Parsed::Rows {
                dataset,
                day,
                batch,
                lines,
            } => {
                assert!(
                    !ended.contains(&(dataset, day)),
                    "rows of {dataset} {day} after its end"
                );
                let collected = collect.contains(&dataset);
                let expected = if collected { batch.num_rows() } else { 0 };
                assert_eq!(lines.len(), expected, "line numbers of {dataset} {day}");
                outcome
                    .lines
                    .entry((dataset, day))
                    .or_default()
                    .extend(lines);
                batches.entry((dataset, day)).or_default().push(batch);
            }
            Parsed::DayEnd {
                dataset,
                day,
                counts,
            } => {
                assert!(
                    !collect.contains(&dataset) && ended.insert((dataset, day)),
                    "{dataset} {day} ends twice, or while it is collected"
                );
                outcome.ends.push((dataset, day, counts));
            }
        }
    }
    for (&(dataset, day), batches) in &batches {
        check_batches(dataset, day, batches, collect.contains(&dataset));
        let schema = batches[0].schema();
        let all = concat_batches(&schema, batches).unwrap_or_else(|e| panic!("{dataset}: {e}"));
        outcome.rows.insert((dataset, day), all);
    }
    check_totals(&outcome);
    Ok(outcome)
}

/// Asks the checks of the partition writer whether it would take the batches as they are.
fn check_batches(dataset: Dataset, day: Day, batches: &[RecordBatch], collected: bool) {
    let key = DatasetKey {
        instrument: super::key(Venue::Binance, Market::Um, "BTCUSDT"),
        dataset,
    };
    let spec = PartitionSetSpec::raw(&key, LEVELS);
    let schema = spec.arrow_schema();
    let mut checker = BatchChecker::new(&spec, day);
    for batch in batches {
        if collected {
            // The caller has yet to sort them: each row by itself must be fine.
            for row in 0..batch.num_rows().min(MAX_SINGLE_ROWS) {
                let checked = BatchChecker::new(&spec, day).check(&schema, &batch.slice(row, 1));
                assert!(checked.is_ok(), "{dataset} {day}: {:?}", checked.err());
            }
        } else {
            let checked = checker.check(&schema, batch);
            assert!(checked.is_ok(), "{dataset} {day}: {:?}", checked.err());
        }
    }
}

/// Checks that every row is counted once and that the counts are those of the rows handed out.
fn check_totals(outcome: &Outcome) {
    let named: BTreeSet<Dataset> = outcome.totals.iter().map(|(d, _)| *d).collect();
    assert_eq!(named.len(), outcome.totals.len(), "a dataset counted twice");
    for (dataset, totals) in &outcome.totals {
        let handed_on: u64 = totals.days.values().map(|d| d.kept + d.duplicates).sum();
        let quarantined = totals.quarantined.len() as u64;
        assert_eq!(
            totals.rows,
            handed_on + totals.filtered + quarantined,
            "rows of {dataset} are not conserved: {totals:?}"
        );
        assert!(totals.unwanted <= totals.filtered, "{dataset}: {totals:?}");
        for (day, counts) in &totals.days {
            let rows = outcome.rows.get(&(*dataset, *day));
            let n = rows.map_or(0, |batch| batch.num_rows() as u64);
            assert_eq!(n, counts.kept, "kept rows of {dataset} {day}");
            // A day of which every row was refused has no counts: there is no partition to hold them.
            let refused = totals.quarantined.iter().filter(|q| q.day == Some(*day));
            assert_eq!(
                refused.count() as u64,
                counts.quarantined,
                "quarantined rows of {dataset} {day}: {totals:?}"
            );
        }
    }
    for (dataset, day) in outcome.rows.keys() {
        let totals = outcome.totals.iter().find(|(d, _)| d == dataset);
        assert!(
            totals.is_some_and(|(_, t)| t.days.contains_key(day)),
            "rows of {dataset} {day} that no total knows"
        );
    }
}

fn assert_same(
    whole: &Result<Outcome, ParseError>,
    cut: &Result<Outcome, ParseError>,
    chunks: &[&[u8]],
) {
    let lengths = || chunks.iter().map(|c| c.len()).collect::<Vec<_>>();
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => {
            assert_eq!(whole, cut, "chunks of {:?} bytes", lengths());
        }
        (Err(whole), Err(cut)) => {
            assert_eq!(
                whole.to_string(),
                cut.to_string(),
                "chunks of {:?} bytes",
                lengths()
            );
        }
        _ => panic!(
            "whole: {:?}, in chunks of {:?} bytes: {:?}",
            whole.as_ref().map(|_| "read"),
            lengths(),
            cut.as_ref().map(|_| "read")
        ),
    }
}
