//! The detectors of one partition, fed with its rows: while they are written, or read back from the lake.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use quant_core::market::Venue;
use quant_core::time::{Day, MINUTES_PER_DAY};

use super::bands::BandScan;
use super::clock::ClockScan;
use super::columns::Batch;
use super::finding::{Finding, Subject};
use super::images::{DeltaScan, Seconds, Taken};
use super::klines::KlineScan;
use super::levels::LevelScan;
use super::minutes::Minutes;
use super::quotes::QuoteScan;
use super::samples::{FundingScan, SampleScan};
use super::trades::TradeScan;
use crate::layout::DatasetKey;
use crate::schema::{DEFAULT_BOOK_LEVELS, Dataset};

/// Returns how many minutes (rows) of a day a dataset of fixed cadence has.
pub(super) const fn nominal(dataset: Dataset) -> Option<u64> {
    match dataset {
        Dataset::Klines1m
        | Dataset::MarkKlines
        | Dataset::PremiumKlines
        | Dataset::IndexKlines
        | Dataset::L2Snapshots
        | Dataset::DepthBands => Some(MINUTES_PER_DAY as u64),
        Dataset::Metrics => Some(288),
        _ => None,
    }
}

/// What was found in one partition.
pub(super) struct Scanned {
    pub(super) findings: Vec<Finding>,
    pub(super) minutes: Option<Minutes>,
    pub(super) expected: Option<u64>,
    /// Of books: when there was a message or an image.
    pub(super) seconds: Option<Seconds>,
}

/// What is known of a partition besides its rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Around<'a> {
    /// Last id of the day before.
    pub(super) last_id: Option<i64>,
    /// First id of the day after.
    pub(super) next_id: Option<i64>,
    /// The minutes of a price to compare samples with.
    pub(super) reference: Option<&'a Minutes>,
    /// When images of the book were taken.
    pub(super) taken: Option<Taken>,
    /// Stretches are known to be missing.
    pub(super) has_gaps: bool,
    /// It was recorded, and the lake does not hold the day before: the recording begins within this day.
    pub(super) is_first: bool,
}

enum Detectors {
    Klines(KlineScan),
    Trades(TradeScan),
    Quotes(QuoteScan),
    Levels(LevelScan),
    Bands(BandScan),
    Samples(SampleScan),
    Funding(FundingScan),
    Deltas(DeltaScan),
    Nothing,
}

/// Runs the detectors of one partition over its rows, in order.
pub(crate) struct DayScan {
    subject: Subject,
    clock: ClockScan,
    detectors: Detectors,
}

impl DayScan {
    /// Returns the detectors of a dataset, before the first row. Images must have the default number of levels.
    pub(crate) fn new(dataset: Dataset, venue: Venue, day: Day) -> Self {
        let subject = Subject { dataset, day };
        let detectors = match dataset {
            Dataset::Klines1m
            | Dataset::MarkKlines
            | Dataset::PremiumKlines
            | Dataset::IndexKlines => Detectors::Klines(KlineScan::new(subject)),
            // Of Binance ids rise by one, as the venue promises.
            Dataset::Trades | Dataset::AggTrades => {
                Detectors::Trades(TradeScan::new(subject, venue == Venue::Binance))
            }
            Dataset::BookTicker => Detectors::Quotes(QuoteScan::new(subject)),
            Dataset::L2Snapshots => Detectors::Levels(LevelScan::new(subject, DEFAULT_BOOK_LEVELS)),
            Dataset::L2Deltas => Detectors::Deltas(DeltaScan::new(subject)),
            Dataset::DepthBands => Detectors::Bands(BandScan::new(subject)),
            Dataset::Metrics | Dataset::OpenInterest => {
                Detectors::Samples(SampleScan::new(subject))
            }
            Dataset::Funding => Detectors::Funding(FundingScan::new(subject)),
            Dataset::Liquidations | Dataset::Instruments => Detectors::Nothing,
        };
        Self {
            subject,
            clock: ClockScan::new(subject),
            detectors,
        }
    }

    /// Returns the columns the detectors look at; none if they look at no row.
    pub(super) fn columns(&self) -> Cow<'_, [&str]> {
        let dataset = self.subject.dataset;
        match &self.detectors {
            Detectors::Klines(_) => KlineScan::columns(dataset).into(),
            Detectors::Trades(_) => TradeScan::columns(dataset).into(),
            Detectors::Quotes(_) => QuoteScan::COLUMNS.into(),
            Detectors::Levels(scan) => scan.columns().into(),
            Detectors::Bands(_) => BandScan::COLUMNS.into(),
            Detectors::Samples(_) => SampleScan::columns(dataset).into(),
            Detectors::Funding(_) => FundingScan::COLUMNS.into(),
            Detectors::Deltas(_) => DeltaScan::COLUMNS.into(),
            Detectors::Nothing => (&[][..]).into(),
        }
    }

    /// Takes the next rows.
    pub(crate) fn batch(&mut self, batch: &RecordBatch) {
        let batch = Batch(batch);
        match &mut self.detectors {
            Detectors::Klines(scan) => scan.batch(batch),
            Detectors::Trades(scan) => {
                self.clock.batch(batch);
                scan.batch(batch);
            }
            Detectors::Quotes(scan) => {
                self.clock.batch(batch);
                scan.batch(batch);
            }
            Detectors::Levels(scan) => scan.batch(batch),
            Detectors::Bands(scan) => scan.batch(batch),
            Detectors::Samples(scan) => scan.batch(batch),
            Detectors::Funding(scan) => scan.batch(batch),
            Detectors::Deltas(scan) => {
                self.clock.batch(batch);
                scan.batch(batch);
            }
            Detectors::Nothing => {}
        }
    }

    /// Returns whether the ids of the days before and after matter.
    pub(super) fn wants_ids(&self) -> bool {
        matches!(&self.detectors, Detectors::Trades(scan) if scan.is_contiguous())
    }

    /// Ends the day.
    pub(super) fn finish(self, around: Around<'_>) -> Scanned {
        let mut seconds = None;
        let mut expected = nominal(self.subject.dataset);
        let (mut findings, minutes) = match self.detectors {
            Detectors::Klines(scan) => scan.finish(),
            Detectors::Trades(scan) => scan.finish(around),
            Detectors::Quotes(scan) => scan.finish(),
            Detectors::Levels(scan) => {
                let (findings, minutes, seen) =
                    scan.finish(around.taken, around.has_gaps, around.is_first);
                seconds = Some(seen);
                (findings, minutes)
            }
            Detectors::Deltas(scan) => {
                let (minutes, seen) = scan.finish();
                seconds = Some(seen);
                (Vec::new(), minutes)
            }
            Detectors::Bands(scan) => scan.finish(),
            Detectors::Samples(scan) => scan.finish(around.reference),
            Detectors::Funding(scan) => {
                expected = Some(scan.due());
                scan.finish()
            }
            Detectors::Nothing => {
                return Scanned {
                    findings: self.clock.finish(),
                    minutes: None,
                    expected,
                    seconds,
                };
            }
        };
        findings.extend(self.clock.finish());
        Scanned {
            findings,
            minutes: Some(minutes),
            expected,
            seconds,
        }
    }
}

/// Partitions whose detectors are kept at most: 90 kB each. Days beyond are read back.
const MAX_KEPT: usize = 256;

/// Detectors that saw the rows of a partition while it was written, for [`super::assess_day`] to take.
///
/// They are kept under the hash of the content they saw: a partition that was merged or replaced since is read.
#[derive(Default)]
pub struct Scans {
    kept: Mutex<BTreeMap<(DatasetKey, Day), (String, DayScan)>>,
}

impl core::fmt::Debug for Scans {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Scans").finish_non_exhaustive()
    }
}

impl Scans {
    /// Keeps the detectors of a partition, unless there are many already.
    pub(crate) fn keep(&self, key: &DatasetKey, day: Day, content_sha256: &str, scan: DayScan) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_KEPT || kept.contains_key(&(key.clone(), day)) {
            kept.insert((key.clone(), day), (content_sha256.to_owned(), scan));
        }
    }

    /// Lets all go: nobody will ask any more.
    pub fn clear(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clear();
    }

    /// Takes the detectors that saw this content.
    pub(super) fn take(&self, key: &DatasetKey, day: Day, content_sha256: &str) -> Option<DayScan> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (seen, scan) = kept.remove(&(key.clone(), day))?;
        (seen == content_sha256).then_some(scan)
    }
}
