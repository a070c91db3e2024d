//! Detector of jumps of a recorder's clock: the delay from the venue's time to ours, at its smallest, is nearly constant.

use std::collections::VecDeque;

use super::columns::Batch;
use super::finding::{Finding, Stretch, Stretches, Subject};
use super::rules::{CLOCK_BEHIND, CLOCK_JUMP};

/// Length of a bucket: long enough that one message of it took the fastest way.
const BUCKET_US: i64 = 10_000_000;

/// Buckets on either side of a jump: half a minute each, so that a burst of slow messages is no jump.
const SIDE: usize = 3;

/// Scans the receive times of one partition.
pub(super) struct ClockScan {
    subject: Subject,
    bucket: Option<i64>,
    smallest: i64,
    /// (start, smallest delay) of the last full buckets.
    buckets: VecDeque<(i64, i64)>,
    jumps: Stretches,
    behind: u64,
    stamped: u64,
    most_behind: i64,
}

impl ClockScan {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            bucket: None,
            smallest: i64::MAX,
            buckets: VecDeque::with_capacity(2 * SIDE + 1),
            jumps: Stretches::default(),
            behind: 0,
            stamped: 0,
            most_behind: 0,
        }
    }

    pub(super) fn batch(&mut self, batch: Batch<'_>) {
        let times = batch.times("ts_event");
        let Some(received) = batch.stamps("ts_recv") else {
            return;
        };
        for (row, ts) in times.iter().enumerate() {
            let Some(recv) = received.at(row) else {
                continue;
            };
            let delay = recv - ts;
            self.stamped += 1;
            self.behind += u64::from(delay < 0);
            self.most_behind = self.most_behind.min(delay);
            let bucket = ts.div_euclid(BUCKET_US);
            if self.bucket.is_some_and(|b| b != bucket) {
                self.close_bucket();
            }
            self.bucket = Some(bucket);
            self.smallest = self.smallest.min(delay);
        }
    }

    fn close_bucket(&mut self) {
        let Some(bucket) = self.bucket.take() else {
            return;
        };
        self.buckets.push_back((bucket * BUCKET_US, self.smallest));
        self.smallest = i64::MAX;
        if self.buckets.len() > 2 * SIDE {
            self.buckets.pop_front();
        }
        if self.buckets.len() < 2 * SIDE {
            return;
        }
        let least = |from: usize| {
            let side = self.buckets.range(from..from + SIDE);
            side.map(|b| b.1).min().unwrap_or(0)
        };
        let (before, after) = (least(0), least(SIDE));
        let jump_ms = (after - before) as f64 / 1e3;
        if jump_ms.abs() >= CLOCK_JUMP.threshold {
            let at = self.buckets[SIDE].0;
            self.jumps.push(Stretch {
                from: at,
                to: at + BUCKET_US,
                rows: 0,
                measured: jump_ms,
            });
            // The same jump is not told again while it passes through the window.
            self.buckets.clear();
        }
    }

    pub(super) fn finish(mut self) -> Vec<Finding> {
        self.close_bucket();
        let mut out = self.jumps.findings(self.subject, &CLOCK_JUMP, |s| {
            format!("the receive clock jumps by {:+.0} ms", s.measured)
        });
        if self.behind > 0 {
            let text = format!(
                "{} of {} rows were received before they happened, by up to {:.0} ms: the recorder's clock runs behind",
                self.behind,
                self.stamped,
                -self.most_behind as f64 / 1e3
            );
            let measured = -self.most_behind as f64 / 1e3;
            out.push(
                self.subject
                    .find_day(&CLOCK_BEHIND, self.behind, measured, text),
            );
        }
        out
    }
}
