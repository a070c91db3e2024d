//! What the microstructure of a bar set is made of; part of the set's id.

use std::collections::BTreeMap;

use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};
use quant_core::units::Micros;
use serde::Serialize;

use crate::schema::Dataset;

/// Datasets whose records are states: they stand where they become known, not at their own time.
pub const STATE_DATASETS: [Dataset; 6] = [
    Dataset::MarkKlines,
    Dataset::IndexKlines,
    Dataset::PremiumKlines,
    Dataset::Funding,
    Dataset::OpenInterest,
    Dataset::Metrics,
];

/// Datasets of point events that statistics may read beside the sources of bars. They stand at their own time, so that a minute with
/// one of them cannot be decided before it is known.
pub const EVENT_DATASETS: [Dataset; 5] = [
    Dataset::BookTicker,
    Dataset::L2Deltas,
    Dataset::L2Snapshots,
    Dataset::Liquidations,
    Dataset::DepthBands,
];

/// How the statistics of minutes are fed.
///
/// # Units
/// Times in milliseconds, as in the config.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MicroSpec {
    /// Version of the stream and of the statistics; raised when their numbers change.
    pub version: &'static str,
    /// Hash of the declarations of the statistics.
    pub stats_sha256: String,
    /// Sources of the best bid and ask in order of preference; a book source means the first level of the day's book.
    pub quotes: Vec<Dataset>,
    /// Sources of the book in order of preference.
    pub book: Vec<Dataset>,
    /// Age from which a touch, a book or a last trade is stale.
    pub stale_after_ms: i64,
    /// A minute is decided this long after its close: by then every event of it is known.
    pub watermark_ms: i64,
    /// Lag of each state dataset.
    pub lags_ms: BTreeMap<Dataset, i64>,
    /// Size of a volume bucket as a share of the mean daily volume of the days before.
    pub vpin_bucket_share: f64,
    /// Levels per side that statistics look at.
    pub levels: usize,
}

impl MicroSpec {
    /// Returns the age from which things are stale.
    pub const fn stale_after(&self) -> Micros {
        Micros(self.stale_after_ms.saturating_mul(1_000))
    }

    /// Returns how far the place of a record lies after the value of its time column.
    ///
    /// # Causality
    /// Place = what it describes (the end of an interval) + lag - watermark - 1: before the close of exactly the minutes
    /// that are decided when it is known.
    pub fn shift_us(&self, dataset: Dataset) -> i64 {
        let period = dataset.interval_us().unwrap_or(0);
        let lag_ms = self.lags_ms.get(&dataset).copied().unwrap_or(0);
        period + (lag_ms - self.watermark_ms) * 1_000 - 1
    }

    /// Returns every dataset a day may read, those of `bars` included.
    pub fn datasets(&self, bars: &[Dataset]) -> Vec<Dataset> {
        let mut out: Vec<Dataset> = bars.to_vec();
        out.extend(&self.quotes);
        out.extend(&self.book);
        out.extend(STATE_DATASETS);
        out.extend([Dataset::Liquidations, Dataset::DepthBands]);
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// Oldest record of a state dataset that still counts when a day begins: what statistics accept.
pub(super) const fn max_age_us(dataset: Dataset) -> i64 {
    match dataset {
        Dataset::Funding => 24 * 60 * MICROS_PER_MINUTE,
        Dataset::OpenInterest | Dataset::Metrics => 60 * MICROS_PER_MINUTE,
        _ => 10 * MICROS_PER_MINUTE,
    }
}

/// Returns an instant moved by microseconds that may be negative.
pub(super) const fn moved(at: UnixMicros, us: i64) -> UnixMicros {
    UnixMicros(at.0.saturating_add(us))
}
