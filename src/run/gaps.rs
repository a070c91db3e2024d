//! Gaps of the inputs of a run: what the quality detectors say about them, and the minutes that must not be used.
//!
//! A run refuses on them (gate `gaps`) unless `gates.allow_gaps` is set; then the minutes are masked. ADR 0010.

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_MINUTE, TimeRange, UnixMicros};
use quant_lake::layout::Lake;
use quant_lake::quality::{Finding, Scans, Severity, assess_day, rules};
use quant_lake::read::HashMemo;
use quant_lake::schema::Dataset;
use quant_lake::stream::StreamSets;
use rayon::prelude::*;

use crate::error::{CommandResult, Kinded as _};

/// Minutes of one instrument that must not be used, as whole minutes, ascending, neighbours merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GapMask(Vec<TimeRange>);

impl GapMask {
    /// Returns the mask of every minute that shares an instant with one of these stretches.
    pub fn of(stretches: impl IntoIterator<Item = TimeRange>) -> Self {
        let mut minutes: Vec<TimeRange> = stretches
            .into_iter()
            .map(|s| TimeRange {
                start: s.start.floor_minute(),
                end: s.end.plus(MICROS_PER_MINUTE - 1).floor_minute(),
            })
            .collect();
        minutes.sort_by_key(|s| (s.start, s.end));
        let mut out: Vec<TimeRange> = Vec::new();
        for next in minutes {
            match out.last_mut() {
                Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
                _ => out.push(next),
            }
        }
        Self(out)
    }

    /// Returns whether the minute that opens at `ts_open` is masked.
    pub fn covers(&self, ts_open: UnixMicros) -> bool {
        let after = self.0.partition_point(|s| s.start <= ts_open);
        after > 0 && self.0[after - 1].contains(ts_open)
    }

    /// Returns how many minutes of a range are masked.
    pub fn minutes_in(&self, range: &TimeRange) -> u64 {
        let us: i64 = self
            .0
            .iter()
            .filter_map(|s| s.intersection(range))
            .map(|s| s.len_us())
            .sum();
        us.unsigned_abs() / MICROS_PER_MINUTE.unsigned_abs()
    }
}

/// What is known of the inputs of one instrument.
#[derive(Clone, Debug, Default)]
pub struct InputGaps {
    /// Findings about the partitions the run reads, by day.
    pub findings: Vec<Finding>,
    /// Those that make it refuse: failures of the source of the day's bars, and of settled funding.
    pub failures: Vec<Finding>,
    /// Minutes concerned, and whole days without a partition.
    pub mask: GapMask,
}

/// Assesses the bar sources and settled funding of one instrument, day by day in parallel.
///
/// Days before `evaluated` and before the first day the lake holds are no gap, nor are the rows that are missing of that day
/// before its first one: the history begins there and features start later (ADR 0010). Whatever else is wrong with that
/// day is judged as on any other.
///
/// # Errors
/// Data errors: a partition that cannot be read.
pub fn assess(
    lake: &Lake,
    instrument: &InstrumentKey,
    sources: &[Dataset],
    range: TimeRange,
    evaluated: TimeRange,
) -> CommandResult<InputGaps> {
    let mut opened = sources.to_vec();
    opened.push(Dataset::Funding);
    let sets = StreamSets::open(lake, instrument, &opened).data_error()?;
    let has_funding = sets.get(Dataset::Funding).is_some();
    let (memo, scans) = (HashMemo::default(), Scans::default());
    let days: Vec<Day> = range.days().collect();
    let first_held = days
        .iter()
        .copied()
        .find(|d| sets.choose(sources, *d).is_some());
    let found: Vec<(Option<Dataset>, Vec<Finding>)> = days
        .par_iter()
        .map(|day| {
            let is_evaluated = evaluated.contains(day.start());
            let chosen = sets.choose(sources, *day);
            let mut datasets = sets.held(sources, *day);
            if chosen.is_none() {
                // Between days that are held, a day that is not is a hole in what features are made of.
                if !is_evaluated && first_held.is_none_or(|first| *day < first) {
                    return Ok((None, Vec::new()));
                }
                datasets.extend(sources.first());
            }
            if is_evaluated && has_funding {
                datasets.push(Dataset::Funding);
            }
            let report =
                assess_day(lake, instrument, *day, &datasets, &memo, &scans).data_error()?;
            Ok((chosen, report.findings))
        })
        .collect::<CommandResult<_>>()?;
    let mut out = InputGaps::default();
    let mut masked = Vec::new();
    let last_read = days.last().map(|day| day.range().end);
    // In the warm-up only: of the evaluated range every minute is due.
    let first_held = first_held.filter(|day| day.start() < evaluated.start);
    for (chosen, findings) in found {
        let source = chosen.or(sources.first().copied());
        for finding in findings {
            // Ids of the day after the last one tell of it too, but a run must not depend on what it does not read.
            if finding.detector == rules::ID_GAP.name && Some(finding.to) == last_read {
                continue;
            }
            let of_bars = Some(finding.dataset) == source;
            let is_beginning = first_held.is_some_and(|day| begins_late(&finding, day));
            if finding.severity == Severity::Fail
                && !is_beginning
                && (of_bars || finding.dataset == Dataset::Funding)
            {
                if of_bars {
                    masked.push(finding.range());
                }
                out.failures.push(finding.clone());
            }
            out.findings.push(finding);
        }
    }
    out.mask = GapMask::of(masked);
    Ok(out)
}

/// Rules about rows that are not there; what they find from midnight on lies before the first row.
const MISSING_ROWS: [&str; 3] = [
    rules::MISSING_MINUTES.name,
    rules::SILENCE.name,
    rules::MINUTES_WITHOUT_TRADES.name,
];

/// Returns whether a finding is about rows missing before the first row of this day, and not about rows that are there or
/// about the day as a whole.
fn begins_late(finding: &Finding, day: Day) -> bool {
    let (found, whole) = (finding.range(), day.range());
    MISSING_ROWS.contains(&finding.detector.as_str())
        && found.start == whole.start
        && found.end < whole.end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: i64, end: i64) -> TimeRange {
        TimeRange::new(UnixMicros(start), UnixMicros(end)).unwrap()
    }

    #[test]
    fn a_mask_is_whole_minutes() {
        let m = MICROS_PER_MINUTE;
        let mask = GapMask::of([
            range(5 * m + 1, 5 * m + 2),
            range(m, m + 1),
            range(2 * m, 3 * m),
        ]);
        let covered: Vec<i64> = (0..8).filter(|i| mask.covers(UnixMicros(i * m))).collect();
        assert_eq!(covered, [1, 2, 5]);
        assert_eq!(mask.minutes_in(&range(0, 10 * m)), 3);
        assert_eq!(mask.minutes_in(&range(2 * m, 5 * m)), 1);
        assert_eq!(GapMask::default().minutes_in(&range(0, m)), 0);
    }
}
