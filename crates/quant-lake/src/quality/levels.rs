//! Detectors over images of the book: crossed, one-sided, empty, and images that repeat while their sequence goes on.

use super::columns::{Batch, Floats};
use super::finding::{Finding, Stretch, Stretches, Subject};
use super::images::{ImageTimes, Seconds, Taken};
use super::klines::one;
use super::minutes::Minutes;
use super::quotes::book_findings;
use super::rules::FROZEN_BOOK;

/// Levels per side that are compared: a book whose best five stand still while messages go on is stale or asleep.
const LEVELS: usize = 5;

/// A run of equal images.
#[derive(Clone, Copy, Debug)]
struct Run {
    body: [u64; 4 * LEVELS],
    seq: i64,
    from: i64,
    to: i64,
    rows: u64,
    /// The sequence went on while the image did not.
    moved: bool,
}

/// Scans one partition.
pub(super) struct LevelScan {
    subject: Subject,
    minutes: Minutes,
    rows: u64,
    times: ImageTimes,
    names: Vec<String>,
    crossed: Stretches,
    empty: Stretches,
    run: Option<Run>,
    frozen: Stretches,
}

impl LevelScan {
    /// `book_levels` is the depth of the dataset.
    pub(super) fn new(subject: Subject, book_levels: u16) -> Self {
        let depth = usize::from(book_levels).min(LEVELS);
        let names = (0..depth)
            .flat_map(|level| {
                ["bid_px", "bid_qty", "ask_px", "ask_qty"].map(|what| format!("{what}_{level:02}"))
            })
            .collect();
        Self {
            subject,
            minutes: Minutes::new(subject.day),
            rows: 0,
            times: ImageTimes::new(subject),
            names,
            crossed: Stretches::default(),
            empty: Stretches::default(),
            run: None,
            frozen: Stretches::default(),
        }
    }

    pub(super) fn columns(&self) -> Vec<&str> {
        let mut out = vec!["ts_event", "seq"];
        out.extend(self.names.iter().map(String::as_str));
        out
    }

    pub(super) fn batch(&mut self, batch: Batch<'_>) {
        let (times, seqs) = (batch.times("ts_event"), batch.ints("seq"));
        let columns: Vec<Option<Floats<'_>>> =
            self.names.iter().map(|name| batch.floats(name)).collect();
        for row in 0..batch.rows().min(seqs.len()) {
            let ts = times[row];
            let mut body = [u64::MAX; 4 * LEVELS];
            let value = |i: usize| columns.get(i).copied().flatten().and_then(|c| c.at(row));
            for (i, slot) in body.iter_mut().enumerate() {
                *slot = value(i).map_or(u64::MAX, f64::to_bits);
            }
            let best = [value(0), value(1), value(2), value(3)];
            match best {
                [Some(bid), Some(bid_qty), Some(ask), Some(ask_qty)]
                    if bid > 0.0 && bid_qty > 0.0 && ask > 0.0 && ask_qty > 0.0 =>
                {
                    if bid > ask {
                        self.crossed.push(one(ts, 1.0));
                    }
                }
                _ => self.empty.push(one(ts, 1.0)),
            }
            self.rows += 1;
            self.times.push(ts);
            self.see(ts, seqs[row], body);
            if let Some(minute) = self.minutes.at(ts) {
                minute.rows += 1;
            }
        }
    }

    fn see(&mut self, ts: i64, seq: i64, body: [u64; 4 * LEVELS]) {
        match &mut self.run {
            Some(run) if run.body == body => {
                run.rows += 1;
                run.moved |= run.seq != seq;
                run.to = ts;
            }
            _ => {
                self.end_run();
                self.run = Some(Run {
                    body,
                    seq,
                    from: ts,
                    to: ts,
                    rows: 0,
                    moved: false,
                });
            }
        }
    }

    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        let seconds = (run.to - run.from) as f64 / 1e6;
        if run.moved && seconds >= FROZEN_BOOK.threshold {
            self.frozen.push(Stretch {
                from: run.from,
                to: run.to + 1,
                rows: run.rows,
                measured: seconds,
            });
        }
    }

    /// Returns the findings, minutes and seconds with images; see [`ImageTimes::finish`].
    pub(super) fn finish(
        mut self,
        taken: Option<Taken>,
        is_voided: bool,
        is_first: bool,
    ) -> (Vec<Finding>, Minutes, Seconds) {
        self.end_run();
        let mut out = book_findings(self.subject, self.rows, &self.crossed, &self.empty);
        let (gaps, seconds) = self.times.finish(taken, is_voided, is_first);
        out.extend(gaps);
        out.extend(self.frozen.findings(self.subject, &FROZEN_BOOK, |s| {
            format!(
                "{} images repeat the one before them for {:.0} s while the sequence goes on",
                s.rows, s.measured
            )
        }));
        (out, self.minutes, seconds)
    }
}
