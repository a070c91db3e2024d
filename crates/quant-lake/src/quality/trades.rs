//! Detectors over trades and aggregated trades: holes in ids, silence, repeated trades, single odd prices.

use super::columns::Batch;
use super::day_scan::Around;
use super::finding::{Finding, Severity, Stretch, Stretches, Subject};
use super::klines::{one, outlier_text};
use super::minutes::{Minutes, OutlierFinder, Pauses};
use super::rules::{ID_GAP, ID_ORDER, PRICE_OUTLIER, SILENCE, STALE_TRADES};
use crate::schema::Dataset;

/// How much slower than the day's mean a quiet hour may be.
pub(super) const SLOWED: f64 = 4.0;

/// Rows due at full pace from which a part of the day is missing: before the first row, after the last one, in books.
pub(super) const MUCH: f64 = 400.0;

/// Fewest equal trades in a row that are stale.
const MIN_STALE_ROWS: u64 = 100;

/// A run of equal trades.
#[derive(Clone, Copy, Debug)]
struct Run {
    body: (u64, u64, i64),
    from: i64,
    to: i64,
    rows: u64,
}

/// Scans one partition.
pub(super) struct TradeScan {
    subject: Subject,
    minutes: Minutes,
    /// Ids rise by one, as the venue promises.
    contiguous: bool,
    first: Option<(i64, i64)>,
    last: Option<(i64, i64)>,
    gaps: Stretches,
    small_gaps: Stretches,
    falling: Stretches,
    pauses: Pauses,
    run: Option<Run>,
    stale: Stretches,
    outlier: OutlierFinder,
    outliers: Stretches,
}

impl TradeScan {
    /// `contiguous` says that ids rise by one.
    pub(super) fn new(subject: Subject, contiguous: bool) -> Self {
        Self {
            subject,
            minutes: Minutes::new(subject.day),
            contiguous,
            first: None,
            last: None,
            gaps: Stretches::default(),
            small_gaps: Stretches::default(),
            falling: Stretches::default(),
            pauses: Pauses::new(subject.day),
            run: None,
            stale: Stretches::default(),
            outlier: OutlierFinder::default(),
            outliers: Stretches::default(),
        }
    }

    pub(super) const fn is_contiguous(&self) -> bool {
        self.contiguous
    }

    pub(super) fn columns(dataset: Dataset) -> &'static [&'static str] {
        if dataset == Dataset::AggTrades {
            &[
                "ts_event",
                "ts_recv",
                "trade_id",
                "price",
                "qty",
                "aggressor",
                "first_id",
                "last_id",
            ]
        } else {
            &[
                "ts_event",
                "ts_recv",
                "trade_id",
                "price",
                "qty",
                "aggressor",
            ]
        }
    }

    pub(super) fn batch(&mut self, batch: Batch<'_>) {
        let (times, ids) = (batch.times("ts_event"), batch.ints("trade_id"));
        let (prices, quantities) = (batch.values("price"), batch.values("qty"));
        let sides = batch.integers("aggressor");
        let (first, last) = (batch.ints("first_id"), batch.ints("last_id"));
        for row in 0..batch.rows().min(prices.len()) {
            let (ts, price, qty) = (times[row], prices[row], quantities[row]);
            if self.contiguous {
                self.see_id(ts, ids[row]);
            }
            self.pauses.push(ts);
            let side = sides.and_then(|c| c.at(row)).unwrap_or(0);
            self.see_body(ts, (price.to_bits(), qty.to_bits(), side));
            if let Some((at, distance)) = self.outlier.push(ts, price) {
                self.outliers.push(one(at, distance));
            }
            let stands_for = match (first.get(row), last.get(row)) {
                (Some(first), Some(last)) => u64::try_from(last - first + 1).unwrap_or(1),
                _ => 1,
            };
            if let Some(minute) = self.minutes.at(ts) {
                if minute.rows == 0 {
                    (minute.open, minute.high, minute.low) = (price, price, price);
                }
                if side > 0 {
                    minute.bought += qty;
                }
                minute.rows += 1;
                minute.trades += stands_for;
                minute.volume += qty;
                minute.turnover += qty * price;
                minute.high = minute.high.max(price);
                minute.low = minute.low.min(price);
                minute.close = price;
            }
        }
    }

    fn see_id(&mut self, ts: i64, id: i64) {
        if let Some((last_ts, last_id)) = self.last {
            if id <= last_id {
                self.falling.push(one(ts, 1.0));
                return;
            }
            if let Some(stretch) = missing((last_ts, last_id), (ts, id)) {
                if stretch.measured >= ID_GAP.threshold {
                    self.gaps.push(stretch);
                } else {
                    self.small_gaps.push(stretch);
                }
            }
        } else {
            self.first = Some((ts, id));
        }
        self.last = Some((ts, id));
    }

    /// Looks at the ids between the day before and the first row.
    fn see_midnight(&mut self, last_id: i64) {
        let Some(first) = self.first else { return };
        if first.1 <= last_id {
            self.falling.push_first(one(first.0, 1.0));
        } else if let Some(stretch) = missing((self.subject.day.start().0, last_id), first) {
            if stretch.measured >= ID_GAP.threshold {
                self.gaps.push_first(stretch);
            } else {
                self.small_gaps.push_first(stretch);
            }
        }
    }

    /// Looks at the ids between the last row and the day after, which has a finding of its own: the time without rows begins
    /// on this day. Few missing ids are told there.
    fn see_next_midnight(&mut self, next_id: i64) {
        let end = self.subject.day.end().0;
        let found = self.last.and_then(|last| missing(last, (end, next_id)));
        if let Some(stretch) = found.filter(|s| s.measured >= ID_GAP.threshold) {
            self.gaps.push(stretch);
        }
    }

    fn see_body(&mut self, ts: i64, body: (u64, u64, i64)) {
        match &mut self.run {
            Some(run) if run.body == body => {
                run.rows += 1;
                run.to = ts;
            }
            _ => {
                self.end_run();
                self.run = Some(Run {
                    body,
                    from: ts,
                    to: ts,
                    rows: 1,
                });
            }
        }
    }

    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        let minutes = (run.to - run.from) as f64 / 60e6;
        if run.rows >= MIN_STALE_ROWS && minutes >= STALE_TRADES.threshold {
            self.stale.push(Stretch {
                from: run.from,
                to: run.to + 1,
                rows: run.rows,
                measured: minutes,
            });
        }
    }

    /// Returns the findings and the minutes.
    pub(super) fn finish(mut self, around: Around<'_>) -> (Vec<Finding>, Minutes) {
        self.end_run();
        if let Some(last_id) = around.last_id.filter(|_| self.contiguous) {
            self.see_midnight(last_id);
        }
        if let Some(next_id) = around.next_id.filter(|_| self.contiguous) {
            self.see_next_midnight(next_id);
        }
        let subject = self.subject;
        let mut out = Vec::new();
        let ids = |s: &Stretch| format!("{} ids are missing", s.rows);
        out.extend(self.gaps.findings(subject, &ID_GAP, ids));
        let milder = if subject.dataset == Dataset::Trades {
            Severity::Note
        } else {
            Severity::Warn
        };
        if !self.small_gaps.is_empty() {
            let rows = self.small_gaps.rows();
            let text = format!("{rows} ids are missing one by one");
            out.push(subject.find_day(&ID_GAP, rows, 1.0, text).softened(milder));
        }
        out.extend(self.falling.findings(subject, &ID_ORDER, |_| {
            "an id falls while time rises".to_owned()
        }));
        out.extend(silence(
            subject,
            self.pauses,
            around.has_gaps,
            self.contiguous,
        ));
        out.extend(self.stale.findings(subject, &STALE_TRADES, |s| {
            format!(
                "the same trade {} times in {:.0} minutes",
                s.rows, s.measured
            )
        }));
        out.extend(
            self.outliers
                .findings(subject, &PRICE_OUTLIER, outlier_text),
        );
        (out, self.minutes)
    }
}

/// Returns the ids between two rows that follow each other.
fn missing((from, last_id): (i64, i64), (ts, id): (i64, i64)) -> Option<Stretch> {
    let missing = id.saturating_sub(last_id).saturating_sub(1);
    (missing > 0).then(|| Stretch {
        from,
        to: ts + 1,
        rows: missing.unsigned_abs(),
        measured: missing as f64,
    })
}

/// Judges the pauses of a day. `has_gaps` says that some of its rows are known to be missing: a connection was lost, or a file
/// was cut off; `has_ids` that ids tell what is missing within the day, so that a pause without a gap of theirs is a halt.
pub(super) fn silence(
    subject: Subject,
    pauses: Pauses,
    has_gaps: bool,
    has_ids: bool,
) -> Vec<Finding> {
    let end = subject.day.end().0;
    let mut out = Vec::new();
    for p in pauses.finish(SLOWED) {
        let around = if has_ids { 0.0 } else { p.around };
        // Far beyond the threshold is no chance at all: what bars are made of is missing. Ten times as much by the pace of the day,
        // hundreds of rows at full pace where that is known better: at the edges of the day, where a file is cut off or begins
        // too late, by the rows between; within it by the hours before and after. If it is known that the end is missing, any
        // silence there is what is missing.
        let is_much = if p.at_edge {
            p.expected >= MUCH / SLOWED
        } else {
            p.expected >= 10.0 * SILENCE.threshold || around >= MUCH / SLOWED
        };
        let is_cut = has_gaps && p.to == end && p.expected >= SILENCE.threshold / SLOWED;
        if !(is_much || is_cut || p.expected >= SILENCE.threshold) {
            continue;
        }
        let minutes = (p.to - p.from) as f64 / 60e6;
        let expected = p.expected.max(around) * if is_cut { SLOWED } else { 1.0 };
        let text = if is_cut {
            format!(
                "no row for {minutes:.1} minutes, in which {expected:.0} were due; it is known that rows are missing"
            )
        } else {
            format!("no row for {minutes:.1} minutes, in which at least {expected:.0} were due")
        };
        let finding = subject.find(&SILENCE, (p.from, p.to), 0, expected, text);
        out.push(
            if subject.dataset == Dataset::BookTicker || !(is_much || is_cut) {
                finding.softened(Severity::Warn)
            } else {
                finding
            },
        );
    }
    out
}
