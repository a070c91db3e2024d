//! Detectors over slow samples: metrics, open interest, funding.

use quant_core::time::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE};

use super::bands::{long_gaps, median_gap};
use super::columns::Batch;
use super::finding::{Finding, Severity, Stretch, Stretches, Subject};
use super::minutes::Minutes;
use super::rules::{FUNDING_EXTRA, FUNDING_GAP, MISSING_SAMPLES, OI_SHIFT, REPEATED_OI};
use crate::schema::Dataset;

/// Period of metrics.
const PERIOD_US: i64 = 5 * MICROS_PER_MINUTE;

/// Most rows kept; metrics have 288 a day, samples of open interest at most one a second.
const MAX_ROWS: usize = 86_400;

/// One sample of open interest: time, quantity, value.
#[derive(Clone, Copy, Debug)]
struct Sample {
    ts: i64,
    quantity: Option<f64>,
    value: Option<f64>,
}

/// Scans one partition of metrics or open interest.
pub(super) struct SampleScan {
    subject: Subject,
    minutes: Minutes,
    samples: Vec<Sample>,
}

impl SampleScan {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            minutes: Minutes::new(subject.day),
            samples: Vec::new(),
        }
    }

    pub(super) fn columns(dataset: Dataset) -> &'static [&'static str] {
        if dataset == Dataset::Metrics {
            &["ts_event", "open_interest", "open_interest_notional"]
        } else {
            &["ts_event", "open_interest", "notional"]
        }
    }

    pub(super) fn batch(&mut self, batch: Batch<'_>) {
        let value = Self::columns(self.subject.dataset)[2];
        let (quantities, values) = (batch.floats("open_interest"), batch.floats(value));
        for (row, ts) in batch.times("ts_event").iter().enumerate() {
            if self.samples.len() < MAX_ROWS {
                self.samples.push(Sample {
                    ts: *ts,
                    quantity: quantities.and_then(|c| c.at(row)),
                    value: values.and_then(|c| c.at(row)),
                });
            }
            if let Some(minute) = self.minutes.at(*ts) {
                minute.rows += 1;
            }
        }
    }

    /// Returns the findings; `reference` holds prices to compare the implied ones with, the mark's where there are some.
    pub(super) fn finish(self, reference: Option<&Minutes>) -> (Vec<Finding>, Minutes) {
        let mut out = self.missing();
        out.extend(self.repeated());
        if let Some(reference) = reference {
            out.extend(self.shifted(reference));
        }
        (out, self.minutes)
    }

    fn missing(&self) -> Vec<Finding> {
        let subject = self.subject;
        let day = subject.day.range();
        let period = if subject.dataset == Dataset::Metrics {
            PERIOD_US
        } else {
            let times: Vec<i64> = self.samples.iter().map(|s| s.ts).collect();
            median_gap(&times).unwrap_or(PERIOD_US)
        };
        let mut due = Stretches::default();
        if subject.dataset == Dataset::Metrics {
            let slots = usize::try_from(MICROS_PER_DAY / PERIOD_US).unwrap_or(0);
            let mut seen = vec![false; slots];
            for sample in &self.samples {
                let slot = (sample.ts - day.start.0).div_euclid(PERIOD_US);
                if let Some(slot) = usize::try_from(slot).ok().and_then(|i| seen.get_mut(i)) {
                    *slot = true;
                }
            }
            let start = |i: usize| day.start.0 + i64::try_from(i).unwrap_or(0) * PERIOD_US;
            let mut from = None;
            for (i, seen) in seen
                .iter()
                .copied()
                .chain(std::iter::once(true))
                .enumerate()
            {
                match (seen, from) {
                    (false, None) => from = Some(i),
                    (true, Some(first)) => {
                        due.push(Stretch {
                            from: start(first),
                            to: start(i),
                            rows: (i - first) as u64,
                            measured: (i - first) as f64,
                        });
                        from = None;
                    }
                    _ => {}
                }
            }
        } else {
            let times: Vec<i64> = self.samples.iter().map(|s| s.ts).collect();
            let limit = 2.0 * period as f64;
            for (from, to) in long_gaps(&times, (day.start.0, day.end.0), limit) {
                let missing = (to - from) / period.max(1) - 1;
                due.push(Stretch {
                    from,
                    to,
                    rows: missing.unsigned_abs(),
                    measured: missing as f64,
                });
            }
        }
        due.findings(subject, &MISSING_SAMPLES, |s| {
            format!(
                "{} rows are missing, one is due every {:.0} s",
                s.rows,
                period as f64 / 1e6
            )
        })
    }

    fn repeated(&self) -> Vec<Finding> {
        let mut found = Stretches::default();
        let mut run: Option<Stretch> = None;
        for pair in self.samples.windows(2) {
            let bits = |x: Option<f64>| x.filter(|x| *x > 0.0).map(f64::to_bits);
            let same = |a: Option<f64>, b: Option<f64>| bits(a).is_some() && bits(a) == bits(b);
            let repeats =
                same(pair[0].quantity, pair[1].quantity) && same(pair[0].value, pair[1].value);
            match (&mut run, repeats) {
                (Some(run), true) => {
                    run.rows += 1;
                    run.measured += 1.0;
                    run.to = pair[1].ts + 1;
                }
                (None, true) => {
                    run = Some(Stretch {
                        from: pair[1].ts,
                        to: pair[1].ts + 1,
                        rows: 1,
                        measured: 1.0,
                    });
                }
                (_, false) => found_push(&mut found, run.take()),
            }
        }
        found_push(&mut found, run);
        let mut out = found.findings(self.subject, &REPEATED_OI, |s| {
            if s.rows == 1 {
                "open interest and its value repeat once: before this row they are stamped one period early"
                    .to_owned()
            } else {
                format!("open interest and its value repeat {} times", s.rows)
            }
        });
        for finding in &mut out {
            // Three quarters of an hour without a change of price times quantity is a frozen feed.
            if finding.rows >= 9 {
                finding.severity = Severity::Fail;
            }
        }
        out
    }

    /// Compares the price that value over quantity implies with the reference, now and five minutes off.
    fn shifted(&self, reference: &Minutes) -> Vec<Finding> {
        let subject = self.subject;
        let fits = |sample: &Sample, shift: i64| -> Option<f64> {
            let price = sample.value? / sample.quantity.filter(|q| *q > 0.0)?;
            let close = reference.ending_at(sample.ts + shift)?.close;
            (price > 0.0 && close > 0.0).then(|| (price / close - 1.0).abs())
        };
        let mut out = Vec::new();
        for (shift, word) in [(PERIOD_US, "early"), (-PERIOD_US, "late")] {
            let mut found = Stretches::default();
            let mut run: Option<Stretch> = None;
            let mut compared = 0_u64;
            for sample in &self.samples {
                let (Some(now), Some(off)) = (fits(sample, 0), fits(sample, shift)) else {
                    continue;
                };
                compared += 1;
                // Four times closer, and more than rounding: a market that stands still fits both.
                if now > 1e-6 && off < now / 4.0 {
                    let run = run.get_or_insert(Stretch {
                        from: sample.ts,
                        to: sample.ts + 1,
                        rows: 0,
                        measured: 0.0,
                    });
                    run.rows += 1;
                    run.measured += 1.0;
                    run.to = sample.ts + 1;
                } else {
                    found_push(&mut found, run.take().filter(is_long));
                }
            }
            found_push(&mut found, run.filter(is_long));
            let of_all = found.rows() as f64 / compared.max(1) as f64;
            for finding in found.findings(subject, &OI_SHIFT, |s| {
                format!(
                    "open interest of {} rows is stamped 5 minutes {word}",
                    s.rows
                )
            }) {
                // A whole day is the vendor's convention, for which readers wait five minutes anyway.
                let finding = if of_all > 0.9 {
                    finding.softened(Severity::Note)
                } else {
                    finding
                };
                out.push(finding);
            }
        }
        out
    }
}

fn is_long(run: &Stretch) -> bool {
    run.measured >= OI_SHIFT.threshold
}

fn found_push(found: &mut Stretches, run: Option<Stretch>) {
    if let Some(run) = run {
        found.push(run);
    }
}

/// Scans one partition of settled funding.
pub(super) struct FundingScan {
    subject: Subject,
    minutes: Minutes,
    times: Vec<i64>,
    /// Longest interval named by the rows, hours: decides what is due.
    interval_h: Option<i64>,
    /// Shortest interval: decides what may be there.
    shortest_h: Option<i64>,
}

/// Hours between settlements where neither the rows nor their distances say it, as on most venues.
const INTERVAL_H: i64 = 8;

/// Intervals that venues have, the longest first.
const INTERVALS_H: [i64; 4] = [8, 4, 2, 1];

impl FundingScan {
    pub(super) const COLUMNS: &'static [&'static str] = &["ts_event", "interval_h"];

    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            minutes: Minutes::new(subject.day),
            times: Vec::new(),
            interval_h: None,
            shortest_h: None,
        }
    }

    pub(super) fn batch(&mut self, batch: Batch<'_>) {
        let hours = batch.integers("interval_h");
        for (row, ts) in batch.times("ts_event").iter().enumerate() {
            if self.times.len() < MAX_ROWS {
                self.times.push(*ts);
            }
            let named = hours.and_then(|c| c.at(row)).filter(|h| *h > 0);
            self.interval_h = self.interval_h.max(named);
            self.shortest_h = match (self.shortest_h, named) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            if let Some(minute) = self.minutes.at(*ts) {
                minute.rows += 1;
            }
        }
    }

    /// Returns how many settlements a day has.
    pub(super) fn due(&self) -> u64 {
        (24 / self.longest_h().max(1)).unsigned_abs()
    }

    /// Returns the interval that decides what is due.
    fn longest_h(&self) -> i64 {
        self.interval_h.unwrap_or_else(|| self.inferred_h())
    }

    /// Returns the settlements that stand on a full hour, as hours of the day, each once and ascending.
    fn hours(&self) -> Vec<i64> {
        let start = self.subject.day.start().0;
        let mut hours: Vec<i64> = self
            .times
            .iter()
            .map(|ts| {
                let hour = (ts - start + MICROS_PER_MINUTE).div_euclid(MICROS_PER_HOUR);
                (hour, (ts - start - hour * MICROS_PER_HOUR).abs())
            })
            .filter(|(_, off)| *off < MICROS_PER_MINUTE)
            .map(|(hour, _)| hour)
            .collect();
        hours.sort_unstable();
        hours.dedup();
        hours
    }

    /// Returns the longest interval whose grid holds every settlement on a full hour, for rows that do not say it.
    fn inferred_h(&self) -> i64 {
        let hours = self.hours();
        let fits = |h: &i64| hours.iter().all(|hour| hour % h == 0);
        INTERVALS_H.into_iter().find(fits).unwrap_or(INTERVAL_H)
    }

    /// Returns whether the settlements of the day change their distance at most once: from one interval to another.
    fn changes_once(&self) -> bool {
        let mut hours = self.hours();
        hours.push(24);
        let apart: Vec<i64> = hours.windows(2).map(|w| w[1] - w[0]).collect();
        apart.is_sorted() || apart.iter().rev().is_sorted()
    }

    pub(super) fn finish(self) -> (Vec<Finding>, Minutes) {
        let subject = self.subject;
        let day = subject.day.range();
        let longest = self.longest_h();
        let interval = longest * MICROS_PER_HOUR;
        let changes = self.interval_h.is_none() && self.changes_once();
        let mut out = Vec::new();
        let slots = MICROS_PER_DAY / interval.max(1);
        for slot in 0..slots {
            let at = day.start.0 + slot * interval;
            // Stamps jitter by milliseconds; a minute is far below any interval.
            let seen = self
                .times
                .iter()
                .any(|ts| (ts - at).abs() < MICROS_PER_MINUTE);
            if !seen {
                let text = format!("no settlement; one is due every {longest} hours");
                let finding =
                    subject.find(&FUNDING_GAP, (at, at + MICROS_PER_MINUTE), 1, 1.0, text);
                // The day may also be that on which the venue went from eight hours to this interval, or back.
                out.push(if changes && (slot * longest) % INTERVAL_H != 0 {
                    finding.softened(Severity::Warn)
                } else {
                    finding
                });
            }
        }
        let interval = self.shortest_h.unwrap_or(longest) * MICROS_PER_HOUR;
        let mut last = i64::MIN;
        for ts in &self.times {
            let near = (ts + MICROS_PER_MINUTE).div_euclid(interval) * interval;
            let on_grid = (ts - near).abs() < MICROS_PER_MINUTE;
            if !on_grid || near <= last {
                out.push(subject.find(
                    &FUNDING_EXTRA,
                    (*ts, ts + 1),
                    1,
                    1.0,
                    "a settlement that is not due".to_owned(),
                ));
            }
            last = last.max(near);
        }
        (out, self.minutes)
    }
}
