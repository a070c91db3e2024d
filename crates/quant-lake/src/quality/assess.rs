//! Reads the partitions of a day through their manifests and runs every detector that applies, one dataset at a time.
//!
//! Bounded memory: batches stream through the detectors; of a day only its 1,440 minutes are kept.

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MINUTES_PER_DAY, TimeRange, UnixMicros};
use serde::{Deserialize, Serialize};

use super::columns::Batch;
use super::day_scan::{Around, DayScan, Scanned, Scans, nominal};
use super::finding::{Finding, Severity, Subject};
use super::images::{Seconds, Taken, images_missing};
use super::minutes::Minutes;
use super::quotes::QuoteHoles;
use super::{counters, cross, rules};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{IngestParams, Partition, SourceKind};
use crate::read::{HashMemo, PartitionReader, PartitionSet, ReadError};
use crate::schema::{DEFAULT_BOOK_LEVELS, Dataset};

/// Rows per batch.
const BATCH_ROWS: usize = 65_536;

/// Why a day cannot be assessed.
#[derive(Debug, thiserror::Error)]
pub enum AssessError {
    /// A manifest or partition cannot be read.
    #[error("cannot assess {dataset} of {day}: {source}")]
    Read {
        /// Dataset.
        dataset: Dataset,
        /// Day.
        day: Day,
        /// Cause.
        source: ReadError,
    },
}

/// How much of a day a dataset covers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetCoverage {
    /// Dataset.
    pub dataset: Dataset,
    /// Day.
    pub day: Day,
    /// The lake holds a partition of the day.
    pub present: bool,
    /// Rows.
    pub rows: u64,
    /// Minutes with a row; of metrics and funding the rows that were due and are there.
    pub covered: u64,
    /// Minutes (rows) that were due; `None` where a minute without a row proves nothing.
    pub expected: Option<u64>,
}

impl DatasetCoverage {
    /// Returns covered over expected; `None` where nothing is expected.
    pub fn share(&self) -> Option<f64> {
        let expected = self.expected.filter(|n| *n > 0)?;
        Some((self.covered as f64 / expected as f64).min(1.0))
    }
}

/// What the detectors found on one day of one instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayReport {
    /// Day.
    pub day: Day,
    /// Coverage per dataset, in the order asked for.
    pub coverage: Vec<DatasetCoverage>,
    /// Findings, by dataset and time.
    pub findings: Vec<Finding>,
}

impl DayReport {
    /// Returns the worst severity.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|f| f.severity).max()
    }
}

/// Assesses every day of a range; see [`assess_day`].
///
/// # Errors
/// The first partition that cannot be read.
pub fn assess(
    lake: &Lake,
    instrument: &InstrumentKey,
    range: TimeRange,
    datasets: &[Dataset],
    memo: &HashMemo,
) -> Result<Vec<DayReport>, AssessError> {
    range
        .days()
        .map(|day| assess_day(lake, instrument, day, datasets, memo, &Scans::default()))
        .collect()
}

/// Runs every detector over the partitions of one day. A dataset without a partition is a finding of its own.
///
/// Datasets are compared with each other only if all of them are asked for. Partitions whose rows `scans` saw being
/// written are not read again.
///
/// # Errors
/// The first partition that cannot be read.
///
/// # Determinism
/// The same partitions give the same report.
pub fn assess_day(
    lake: &Lake,
    instrument: &InstrumentKey,
    day: Day,
    datasets: &[Dataset],
    memo: &HashMemo,
    scans: &Scans,
) -> Result<DayReport, AssessError> {
    let examiner = Examiner {
        lake,
        instrument,
        day,
        memo,
        scans,
    };
    let mut report = DayReport {
        day,
        coverage: Vec::new(),
        findings: Vec::new(),
    };
    let mut scanned: Vec<(Subject, Minutes)> = Vec::new();
    let mut books: Vec<(Subject, Seconds)> = Vec::new();
    // Metrics are compared with prices, so they come last.
    let mut order: Vec<Dataset> = datasets.to_vec();
    order.sort_by_key(|d| (matches!(d, Dataset::Metrics | Dataset::OpenInterest), *d));
    order.dedup();
    for dataset in order {
        let subject = Subject { dataset, day };
        let held = examiner.open(dataset)?;
        let Some((set, partition)) = held.and_then(|set| {
            let partition = set.manifest().partition(day).cloned();
            partition.map(|partition| (set, partition))
        }) else {
            let text = "the lake has no partition of this day".to_owned();
            report
                .findings
                .push(subject.find_day(&rules::ABSENT_DAY, 0, 1.0, text));
            report.coverage.push(DatasetCoverage {
                dataset,
                day,
                present: false,
                rows: 0,
                covered: 0,
                expected: nominal(dataset).or(Some(1)),
            });
            continue;
        };
        let found = counters::judge(subject, &partition);
        report.findings.extend(found);
        if set.manifest().has_prices_only(&partition) {
            let text = "the trades have no sizes: usable for prices only".to_owned();
            let finding = subject.find_day(&rules::PRICES_ONLY, partition.rows, 1.0, text);
            report.findings.push(finding);
        }
        let scan = examiner.scan(subject, &set, &partition, &scanned)?;
        let rows = partition.rows;
        if rows == 0 && rules::EMPTY_DAY.datasets.contains(&dataset) {
            let text = "the source has no row of this day".to_owned();
            let finding = subject.find_day(&rules::EMPTY_DAY, 0, 1.0, text);
            report.findings.push(match dataset {
                // What bars are made of, and books that were never sound; without the rest a run can do.
                Dataset::AggTrades | Dataset::Trades | Dataset::L2Deltas | Dataset::L2Snapshots => {
                    finding
                }
                _ => finding.softened(Severity::Warn),
            });
        }
        report.coverage.push(DatasetCoverage {
            dataset,
            day,
            present: true,
            rows,
            covered: scan.minutes.as_ref().map_or(0, Minutes::filled),
            expected: scan.expected,
        });
        report.findings.extend(scan.findings);
        books.extend(scan.seconds.map(|seconds| (subject, seconds)));
        if let Some(minutes) = scan.minutes {
            scanned.push((subject, minutes));
        }
    }
    examiner.compare(&scanned, &mut report)?;
    let of = |dataset| books.iter().find(|(s, _)| s.dataset == dataset);
    if let (Some((images, seen)), Some((_, deltas))) =
        (of(Dataset::L2Snapshots), of(Dataset::L2Deltas))
    {
        report
            .findings
            .extend(images_missing(*images, seen, deltas));
    }
    report
        .findings
        .sort_by(|a, b| (a.dataset, a.from, &a.detector).cmp(&(b.dataset, b.from, &b.detector)));
    let place = |c: &DatasetCoverage| datasets.iter().position(|d| *d == c.dataset);
    report.coverage.sort_by_key(place);
    Ok(report)
}

struct Examiner<'a> {
    lake: &'a Lake,
    instrument: &'a InstrumentKey,
    day: Day,
    memo: &'a HashMemo,
    scans: &'a Scans,
}

impl Examiner<'_> {
    fn error(&self, dataset: Dataset) -> impl Fn(ReadError) -> AssessError + use<> {
        let day = self.day;
        move |source| AssessError::Read {
            dataset,
            day,
            source,
        }
    }

    fn key(&self, dataset: Dataset) -> DatasetKey {
        DatasetKey {
            instrument: self.instrument.clone(),
            dataset,
        }
    }

    /// Opens the set of a dataset, if it has a partition of the day.
    fn open(&self, dataset: Dataset) -> Result<Option<PartitionSet>, AssessError> {
        let spec = PartitionSetSpec::raw(&self.key(dataset), DEFAULT_BOOK_LEVELS);
        let set = PartitionSet::open_if_present(self.lake, &spec).map_err(self.error(dataset))?;
        Ok(set.filter(|s| s.manifest().partition(self.day).is_some()))
    }

    fn read(
        &self,
        dataset: Dataset,
        set: &PartitionSet,
        columns: &[&str],
    ) -> Result<PartitionReader, AssessError> {
        set.read_day(self.day, Some(columns), BATCH_ROWS, self.memo)
            .map_err(self.error(dataset))
    }

    /// Feeds the rows of a partition to its detectors.
    fn read_through(&self, dataset: Dataset, set: &PartitionSet) -> Result<DayScan, AssessError> {
        let mut scan = DayScan::new(dataset, self.instrument.exchange.venue, self.day);
        let columns = scan.columns().into_owned();
        if !columns.is_empty() {
            for batch in self.read(dataset, set, &columns)? {
                scan.batch(&batch.map_err(self.error(dataset))?);
            }
        }
        Ok(scan)
    }

    /// Runs the detectors of a partition, unless they saw its rows while it was written.
    fn scan(
        &self,
        subject: Subject,
        set: &PartitionSet,
        partition: &Partition,
        scanned: &[(Subject, Minutes)],
    ) -> Result<Scanned, AssessError> {
        let dataset = subject.dataset;
        let key = self.key(dataset);
        let seen = self.scans.take(&key, self.day, &partition.content_sha256);
        let scan = seen.map_or_else(|| self.read_through(dataset, set), Ok)?;
        let (mut last_id, mut next_id) = (None, None);
        if scan.wants_ids() {
            let neighbour = |days| set.manifest().partition(self.day.plus(days));
            let last = neighbour(-1).and_then(|p| p.ts_max);
            let first = neighbour(1).and_then(|p| p.ts_min);
            last_id = self.ids_at(dataset, set, last)?.max();
            next_id = self.ids_at(dataset, set, first)?.min();
        }
        let of = |d: Dataset| scanned.iter().find(|(s, _)| s.dataset == d);
        let reference = of(Dataset::MarkKlines).or_else(|| of(Dataset::Klines1m));
        Ok(scan.finish(Around {
            last_id,
            next_id,
            reference: reference.map(|(_, m)| m),
            taken: params_of(set, partition).and_then(Taken::of),
            has_gaps: partition.quality.gaps > 0,
            // The file of an archive holds the whole day: what it lacks at its start is missing there as anywhere else.
            is_first: is_first(set, self.day) && is_recorded(partition),
        }))
    }

    /// Returns the ids of the rows of an instant, which may lie on another day.
    fn ids_at(
        &self,
        dataset: Dataset,
        set: &PartitionSet,
        at: Option<UnixMicros>,
    ) -> Result<impl Iterator<Item = i64> + use<>, AssessError> {
        let mut found = Vec::new();
        if let Some(at) = at {
            let range = TimeRange {
                start: at,
                end: at.plus(1),
            };
            let reader = set
                .read(range, Some(&["trade_id"]), BATCH_ROWS, self.memo)
                .map_err(self.error(dataset))?;
            for batch in reader {
                let batch = batch.map_err(self.error(dataset))?;
                found.extend_from_slice(Batch(&batch).ints("trade_id"));
            }
        }
        Ok(found.into_iter())
    }

    /// Runs the detectors that need two datasets.
    fn compare(
        &self,
        scanned: &[(Subject, Minutes)],
        report: &mut DayReport,
    ) -> Result<(), AssessError> {
        let of = |dataset: Dataset| {
            let found = scanned.iter().find(|(s, _)| s.dataset == dataset);
            found.map(|(subject, minutes)| (*subject, minutes))
        };
        let klines = of(Dataset::Klines1m);
        self.forgive_the_beginning(
            klines,
            of(Dataset::Trades).or_else(|| of(Dataset::AggTrades)),
            report,
        )?;
        for dataset in [Dataset::Trades, Dataset::AggTrades] {
            let (Some(trades), Some(klines)) = (of(dataset), klines) else {
                continue;
            };
            let found = cross::trades_and_klines(trades, klines);
            // One shift shows against both kinds of trades, and is told once.
            for finding in found {
                let known = report.findings.iter().any(|f| {
                    f.detector == finding.detector
                        && f.range() == finding.range()
                        && f.dataset == finding.dataset
                });
                if !known {
                    report.findings.push(finding);
                }
            }
            let busy = |i: &usize| klines.1.slots()[*i].volume > 0.0;
            let due = (0..MINUTES_PER_DAY).filter(busy).count() as u64;
            let there = (0..MINUTES_PER_DAY)
                .filter(busy)
                .filter(|i| trades.1.slots()[*i].rows > 0)
                .count() as u64;
            // Aggregates cross minute edges: a minute or two may hold no aggregate though it holds trades.
            if let Some(coverage) = report.coverage.iter_mut().find(|c| c.dataset == dataset)
                && dataset == Dataset::Trades
            {
                coverage.expected = Some(due);
                coverage.covered = there;
            }
        }
        if let (Some(mark), Some(index)) = (of(Dataset::MarkKlines), of(Dataset::IndexKlines)) {
            report.findings.extend(cross::reference_shift(mark, index));
        }
        let trades = [Dataset::Trades, Dataset::AggTrades]
            .into_iter()
            .find_map(of);
        if let (Some((quotes, _)), Some((trades, _))) = (of(Dataset::BookTicker), trades) {
            report.findings.extend(self.holes(quotes, trades)?);
        }
        Ok(())
    }

    /// Lowers what is missing at the start of a history to a note, if klines and trades agree that nothing had traded yet.
    fn forgive_the_beginning(
        &self,
        klines: Option<(Subject, &Minutes)>,
        trades: Option<(Subject, &Minutes)>,
        report: &mut DayReport,
    ) -> Result<(), AssessError> {
        let (Some((of_klines, klines)), Some((of_trades, trades))) = (klines, trades) else {
            return Ok(());
        };
        let start = self.day.start();
        for (subject, other, rule) in [
            (of_klines, trades, &rules::MISSING_MINUTES),
            (of_trades, klines, &rules::SILENCE),
        ] {
            let first = report.findings.iter_mut().find(|f| {
                f.dataset == subject.dataset && f.detector == rule.name && f.from == start
            });
            let Some(finding) = first else {
                continue;
            };
            let spec = PartitionSetSpec::raw(&self.key(subject.dataset), DEFAULT_BOOK_LEVELS);
            let set = PartitionSet::open_if_present(self.lake, &spec)
                .map_err(self.error(subject.dataset))?;
            // A minute that begins before the first row ends after it.
            let until = other.index(finding.to.0 - 1).unwrap_or(0);
            let before = &other.slots()[..=until];
            let nothing_traded = if subject.dataset == Dataset::Klines1m {
                before.iter().all(|m| m.rows == 0)
            } else {
                before[..until].iter().all(|m| m.volume <= 0.0)
            };
            if set.is_some_and(|s| is_first(&s, self.day)) && nothing_traded {
                finding.severity = Severity::Note;
                finding.text.push_str("; nothing had traded yet");
            }
        }
        Ok(())
    }

    /// Merges the times of quotes and trades, and looks for trades no quote tells of.
    fn holes(&self, quotes: Subject, trades: Subject) -> Result<Vec<Finding>, AssessError> {
        let (Some(quote_set), Some(trade_set)) =
            (self.open(quotes.dataset)?, self.open(trades.dataset)?)
        else {
            return Ok(Vec::new());
        };
        let mut holes = QuoteHoles::new(quotes);
        let mut quote_times = Times::new(self.read(quotes.dataset, &quote_set, &["ts_event"])?);
        let mut trade_times = Times::new(self.read(trades.dataset, &trade_set, &["ts_event"])?);
        let mut next_quote = quote_times.next().map_err(self.error(quotes.dataset))?;
        while let Some(trade) = trade_times.next().map_err(self.error(trades.dataset))? {
            while let Some(quote) = next_quote.filter(|q| *q < trade) {
                holes.quote(quote);
                next_quote = quote_times.next().map_err(self.error(quotes.dataset))?;
            }
            holes.trade(trade, next_quote);
        }
        while let Some(quote) = next_quote {
            holes.quote(quote);
            next_quote = quote_times.next().map_err(self.error(quotes.dataset))?;
        }
        Ok(holes.finish(quotes))
    }
}

/// Returns the parameters a partition was made with.
fn params_of<'a>(set: &'a PartitionSet, partition: &Partition) -> Option<&'a IngestParams> {
    let (manifest, hash) = (set.manifest(), &partition.ingest_params_hash);
    if manifest.ingest_params_hash == *hash {
        Some(&manifest.ingest_params)
    } else {
        manifest.earlier_ingest_params.get(hash)
    }
}

/// Returns whether the lake does not hold the day before.
fn is_first(set: &PartitionSet, day: Day) -> bool {
    set.manifest().partition(day.plus(-1)).is_none()
}

/// Returns whether all of a partition was recorded.
pub(super) fn is_recorded(partition: &Partition) -> bool {
    let mut kinds = partition.sources.iter().map(|s| s.kind);
    !partition.sources.is_empty() && kinds.all(|kind| kind == SourceKind::Recording)
}

/// The times of a partition, one after the other.
struct Times {
    reader: PartitionReader,
    batch: Vec<i64>,
    at: usize,
}

impl Times {
    const fn new(reader: PartitionReader) -> Self {
        Self {
            reader,
            batch: Vec::new(),
            at: 0,
        }
    }

    fn next(&mut self) -> Result<Option<i64>, ReadError> {
        while self.at == self.batch.len() {
            let Some(batch) = self.reader.next() else {
                return Ok(None);
            };
            self.batch.clear();
            self.batch
                .extend_from_slice(Batch(&batch?).times("ts_event"));
            self.at = 0;
        }
        self.at += 1;
        Ok(self.batch.get(self.at - 1).copied())
    }
}
