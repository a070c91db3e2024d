//! Detectors over depth bands: samples that repeat, are missing, or are no cumulative depth.

use super::columns::Batch;
use super::finding::{Finding, Stretch, Stretches, Subject};
use super::minutes::Minutes;
use super::rules::{BAND_GAP, BAND_SHAPE, FROZEN_BANDS};

/// Cadence of the venue, used for days with too few samples to tell theirs.
const CADENCE_US: i64 = 30_000_000;

/// Most sample times kept; a day has 2,880.
const MAX_SAMPLES: usize = 100_000;

/// One row of a sample: percentage, depth, notional.
type Band = (f64, f64, f64);

/// A run of equal samples.
#[derive(Clone, Copy, Debug)]
struct Run {
    from: i64,
    to: i64,
    repetitions: u64,
}

/// Scans one partition.
pub(super) struct BandScan {
    subject: Subject,
    minutes: Minutes,
    ts: Option<i64>,
    sample: Vec<Band>,
    before: Vec<Band>,
    run: Option<Run>,
    frozen: Stretches,
    odd: Stretches,
    times: Vec<i64>,
}

impl BandScan {
    pub(super) const COLUMNS: &'static [&'static str] =
        &["ts_event", "percentage", "depth", "notional"];

    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            minutes: Minutes::new(subject.day),
            ts: None,
            sample: Vec::new(),
            before: Vec::new(),
            run: None,
            frozen: Stretches::default(),
            odd: Stretches::default(),
            times: Vec::new(),
        }
    }

    pub(super) fn batch(&mut self, batch: Batch<'_>) {
        let times = batch.times("ts_event");
        let (percentages, depths) = (batch.values("percentage"), batch.values("depth"));
        let notionals = batch.values("notional");
        for row in 0..batch.rows().min(notionals.len()) {
            if self.ts != Some(times[row]) {
                self.end_sample();
                self.ts = Some(times[row]);
            }
            self.sample
                .push((percentages[row], depths[row], notionals[row]));
        }
    }

    fn end_sample(&mut self) {
        let Some(ts) = self.ts.take() else { return };
        if let Some(minute) = self.minutes.at(ts) {
            minute.rows += 1;
        }
        if self.times.len() < MAX_SAMPLES {
            self.times.push(ts);
        }
        let same_bands = self.before.is_empty()
            || (self.before.len() == self.sample.len()
                && self
                    .before
                    .iter()
                    .zip(&self.sample)
                    .all(|(a, b)| a.0.to_bits() == b.0.to_bits()));
        if !same_bands || !is_cumulative(&self.sample) {
            self.odd.push(Stretch {
                from: ts,
                to: ts + 1,
                rows: self.sample.len() as u64,
                measured: 1.0,
            });
        }
        let bits = |b: &Band| [b.0.to_bits(), b.1.to_bits(), b.2.to_bits()];
        if self
            .before
            .iter()
            .map(bits)
            .eq(self.sample.iter().map(bits))
        {
            if let Some(run) = &mut self.run {
                run.repetitions += 1;
                run.to = ts;
            }
        } else {
            self.end_run();
            self.run = Some(Run {
                from: ts,
                to: ts,
                repetitions: 0,
            });
        }
        std::mem::swap(&mut self.before, &mut self.sample);
        self.sample.clear();
    }

    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        if run.repetitions as f64 >= FROZEN_BANDS.threshold {
            self.frozen.push(Stretch {
                from: run.from,
                to: run.to + 1,
                rows: run.repetitions,
                measured: run.repetitions as f64,
            });
        }
    }

    pub(super) fn finish(mut self) -> (Vec<Finding>, Minutes) {
        self.end_sample();
        self.end_run();
        let subject = self.subject;
        let mut out = self.frozen.findings(subject, &FROZEN_BANDS, |s| {
            format!(
                "{} samples repeat the one before them while time goes on",
                s.rows
            )
        });
        out.extend(self.odd.findings(subject, &BAND_SHAPE, |_| {
            "a sample with other bands than the one before, or whose depth falls with the distance"
                .to_owned()
        }));
        let day = subject.day.range();
        let cadence = median_gap(&self.times).unwrap_or(CADENCE_US);
        for (from, to) in long_gaps(
            &self.times,
            (day.start.0, day.end.0),
            BAND_GAP.threshold * cadence as f64,
        ) {
            let missing = (to - from) / cadence.max(1);
            let text = format!(
                "no sample for {:.1} minutes, one is due every {:.0} s",
                (to - from) as f64 / 60e6,
                cadence as f64 / 1e6
            );
            out.push(subject.find(
                &BAND_GAP,
                (from, to),
                missing.unsigned_abs(),
                (to - from) as f64 / cadence as f64,
                text,
            ));
        }
        (out, self.minutes)
    }
}

/// Depth must not fall from the touch outwards, on either side.
fn is_cumulative(sample: &[Band]) -> bool {
    sample.windows(2).all(|pair| {
        let ((a, b), (near, far)) = ((pair[0].0, pair[1].0), (pair[0], pair[1]));
        if a < 0.0 && b < 0.0 {
            near.1 >= far.1
        } else if a > 0.0 && b > 0.0 {
            near.1 <= far.1
        } else {
            true
        }
    })
}

/// Returns the median distance of neighbours; `None` below two.
pub(super) fn median_gap(times: &[i64]) -> Option<i64> {
    let mut gaps: Vec<i64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}

/// Returns distances of at least `limit_us` between neighbours, and from the edges of the day.
pub(super) fn long_gaps(times: &[i64], day: (i64, i64), limit_us: f64) -> Vec<(i64, i64)> {
    let edges = std::iter::once(day.0)
        .chain(times.iter().copied())
        .chain(std::iter::once(day.1));
    let mut out = Vec::new();
    let mut last: Option<i64> = None;
    for ts in edges {
        if let Some(before) = last
            && (ts - before) as f64 >= limit_us
        {
            out.push((before, ts));
        }
        last = Some(ts);
    }
    out
}
