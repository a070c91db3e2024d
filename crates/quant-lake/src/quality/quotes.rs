//! Detectors over best bid and ask: crossed, empty, frozen, silent; and trades that no quote tells of.

use super::columns::Batch;
use super::finding::{Finding, Severity, Stretch, Stretches, Subject};
use super::klines::one;
use super::minutes::{Minutes, Pauses};
use super::rules::{CROSSED_BOOK, EMPTY_LEVEL, FROZEN_QUOTES, MISSING_QUOTES};
use super::trades::silence;

/// A run of equal quotes.
#[derive(Clone, Copy, Debug)]
struct Run {
    body: [u64; 4],
    from: i64,
    to: i64,
    repetitions: u64,
}

/// Scans one partition.
pub(super) struct QuoteScan {
    subject: Subject,
    minutes: Minutes,
    rows: u64,
    crossed: Stretches,
    empty: Stretches,
    run: Option<Run>,
    frozen: Stretches,
    pauses: Pauses,
}

impl QuoteScan {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            minutes: Minutes::new(subject.day),
            rows: 0,
            crossed: Stretches::default(),
            empty: Stretches::default(),
            run: None,
            frozen: Stretches::default(),
            pauses: Pauses::new(subject.day),
        }
    }

    pub(super) const COLUMNS: &'static [&'static str] = &[
        "ts_event", "ts_recv", "bid_px", "bid_qty", "ask_px", "ask_qty",
    ];

    pub(super) fn batch(&mut self, batch: Batch<'_>) {
        let times = batch.times("ts_event");
        let value = |name| batch.values(name);
        let (bid_px, bid_qty) = (value("bid_px"), value("bid_qty"));
        let (ask_px, ask_qty) = (value("ask_px"), value("ask_qty"));
        for row in 0..batch.rows().min(ask_qty.len()) {
            let (ts, quote) = (
                times[row],
                [bid_px[row], bid_qty[row], ask_px[row], ask_qty[row]],
            );
            self.rows += 1;
            self.pauses.push(ts);
            if quote.iter().any(|x| *x <= 0.0) {
                self.empty.push(one(ts, 1.0));
            } else if quote[0] > quote[2] {
                self.crossed.push(one(ts, 1.0));
            }
            self.see(ts, quote.map(f64::to_bits));
            if let Some(minute) = self.minutes.at(ts) {
                minute.rows += 1;
            }
        }
    }

    fn see(&mut self, ts: i64, body: [u64; 4]) {
        match &mut self.run {
            Some(run) if run.body == body => {
                run.repetitions += 1;
                run.to = ts;
            }
            _ => {
                self.end_run();
                self.run = Some(Run {
                    body,
                    from: ts,
                    to: ts,
                    repetitions: 0,
                });
            }
        }
    }

    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        if run.repetitions as f64 >= FROZEN_QUOTES.threshold {
            self.frozen.push(Stretch {
                from: run.from,
                to: run.to + 1,
                rows: run.repetitions,
                measured: run.repetitions as f64,
            });
        }
    }

    pub(super) fn finish(mut self) -> (Vec<Finding>, Minutes) {
        self.end_run();
        let subject = self.subject;
        let mut out = book_findings(subject, self.rows, &self.crossed, &self.empty);
        out.extend(self.frozen.findings(subject, &FROZEN_QUOTES, |s| {
            format!("{} quotes repeat the one before them", s.rows)
        }));
        out.extend(silence(subject, self.pauses, false, true));
        (out, self.minutes)
    }
}

/// Share of crossed or one-sided rows from which a book is wrong.
const MAX_WRONG_SHARE: f64 = 0.01;

/// Lowers findings to warnings.
fn each_softened(findings: &mut [Finding]) {
    for finding in findings {
        finding.severity = finding.severity.min(Severity::Warn);
    }
}

/// Tells of crossed and empty books; `rows` are those of the day.
pub(super) fn book_findings(
    subject: Subject,
    rows: u64,
    crossed: &Stretches,
    empty: &Stretches,
) -> Vec<Finding> {
    let share_of = |wrong: &Stretches| wrong.rows() as f64 / rows.max(1) as f64;
    let share = share_of(crossed);
    let mut out = crossed.findings(subject, &CROSSED_BOOK, |_| {
        format!(
            "the best bid lies above the best ask ({:.2} % of the rows of the day)",
            100.0 * share
        )
    });
    if share < MAX_WRONG_SHARE {
        each_softened(&mut out);
    }
    let share = share_of(empty);
    let mut one_sided = empty.findings(subject, &EMPTY_LEVEL, |_| {
        format!(
            "a best level has no quantity or no price ({:.2} % of the rows of the day)",
            100.0 * share
        )
    });
    if share < MAX_WRONG_SHARE {
        each_softened(&mut one_sided);
    }
    out.append(&mut one_sided);
    out
}

/// Looks for trades far from any quote; both kinds of times come in ascending order.
pub(super) struct QuoteHoles {
    /// The quote before, and the first trade that came long after it, with the number of those since.
    last: i64,
    first: Option<i64>,
    pending: u64,
    holes: Stretches,
}

impl QuoteHoles {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            last: subject.day.start().0,
            first: None,
            pending: 0,
            holes: Stretches::default(),
        }
    }

    pub(super) fn quote(&mut self, ts: i64) {
        if let Some(first) = self.first.take() {
            let distance = (ts - first).min(first - self.last) as f64 / 1e6;
            if distance >= MISSING_QUOTES.threshold {
                self.holes.push(Stretch {
                    from: self.last,
                    to: ts,
                    rows: self.pending,
                    measured: distance,
                });
            }
        }
        self.last = ts;
        self.pending = 0;
    }

    /// Takes a trade; `next` is the next quote not before it, if there is one.
    pub(super) fn trade(&mut self, ts: i64, next: Option<i64>) {
        if next != Some(ts) && (ts - self.last) as f64 / 1e6 >= MISSING_QUOTES.threshold {
            self.first.get_or_insert(ts);
            self.pending += 1;
        }
    }

    pub(super) fn finish(mut self, subject: Subject) -> Vec<Finding> {
        self.quote(subject.day.end().0);
        self.holes.findings(subject, &MISSING_QUOTES, |s| {
            format!(
                "{} trades at least {:.1} s away from any quote",
                s.rows, s.measured
            )
        })
    }
}
