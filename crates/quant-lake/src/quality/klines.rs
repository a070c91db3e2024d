//! Detectors over klines of any kind: missing, frozen, of odd length, with units that do not belong together.

use quant_core::time::{MICROS_PER_MINUTE, MINUTES_PER_DAY};

use super::Severity;
use super::columns::Batch;
use super::finding::{Finding, Stretch, Stretches, Subject};
use super::minutes::{Minutes, OutlierFinder};
use super::rules::{
    FLAT_KLINES, FROZEN_KLINES, KLINE_LENGTH, KLINE_UNITS, MISSING_MINUTES, PRICE_OUTLIER,
};
use crate::schema::Dataset;

/// Everything of a kline but its times, as bits: equal means equal.
type Body = [u64; 7];

/// A run of equal rows.
#[derive(Clone, Copy, Debug)]
struct Run {
    body: Body,
    from: i64,
    to: i64,
    repetitions: u64,
    is_flat: bool,
}

/// Scans one partition.
pub(super) struct KlineScan {
    subject: Subject,
    minutes: Minutes,
    run: Option<Run>,
    frozen: Stretches,
    flat: Stretches,
    odd_length: Stretches,
    outlier: OutlierFinder,
    outliers: Stretches,
    traded: u64,
    odd_units: u64,
    first_odd_ratio: Option<f64>,
}

impl KlineScan {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            minutes: Minutes::new(subject.day),
            run: None,
            frozen: Stretches::default(),
            flat: Stretches::default(),
            odd_length: Stretches::default(),
            outlier: OutlierFinder::default(),
            outliers: Stretches::default(),
            traded: 0,
            odd_units: 0,
            first_odd_ratio: None,
        }
    }

    pub(super) fn columns(dataset: Dataset) -> &'static [&'static str] {
        if dataset == Dataset::Klines1m {
            &[
                "ts_open",
                "ts_close",
                "open",
                "high",
                "low",
                "close",
                "volume",
                "quote_volume",
                "n_trades",
                "taker_buy_volume",
            ]
        } else {
            &[
                "ts_open", "ts_close", "open", "high", "low", "close", "n_ticks",
            ]
        }
    }

    pub(super) fn batch(&mut self, batch: Batch<'_>) {
        let (opens, closes) = (batch.times("ts_open"), batch.times("ts_close"));
        let price = |name| batch.values(name);
        let (open, high, low, close) = (price("open"), price("high"), price("low"), price("close"));
        let is_traded = self.subject.dataset == Dataset::Klines1m;
        let volume = batch.values("volume");
        let turnover = batch.floats("quote_volume");
        let bought = batch.floats("taker_buy_volume");
        let counts = batch.integers(if is_traded { "n_trades" } else { "n_ticks" });
        for row in 0..batch.rows().min(close.len()) {
            let ts = opens[row];
            let (volume, turnover) = if is_traded {
                (volume[row], turnover.and_then(|c| c.at(row)))
            } else {
                (0.0, None)
            };
            let n = counts.and_then(|c| c.at(row));
            if closes[row] != ts + MICROS_PER_MINUTE {
                self.odd_length.push(one(ts, 1.0));
            }
            let is_flat = low[row] >= high[row];
            let body = [
                open[row].to_bits(),
                high[row].to_bits(),
                low[row].to_bits(),
                close[row].to_bits(),
                volume.to_bits(),
                turnover.unwrap_or(-1.0).to_bits(),
                // Counts of ticks are a constant on many venues; of trades they are part of the row.
                n.filter(|_| is_traded).unwrap_or(-1).cast_unsigned(),
            ];
            // A minute in which nothing traded repeats the one before by definition; trades may tell otherwise.
            if !is_traded || volume > 0.0 {
                self.see(ts, body, is_flat && !is_traded);
            } else {
                self.end_run();
            }
            if is_traded && volume > 0.0 {
                self.traded += 1;
                self.check_units(turnover, volume, low[row], high[row]);
            }
            if (volume > 0.0 || !is_traded)
                && close[row] > 0.0
                && self.subject.dataset != Dataset::PremiumKlines
                && let Some((at, distance)) = self.outlier.push(ts, close[row])
            {
                self.outliers.push(one(at, distance));
            }
            if let Some(minute) = self.minutes.at(ts) {
                minute.rows += 1;
                minute.trades = n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
                minute.volume = volume;
                minute.turnover = turnover.unwrap_or(0.0);
                minute.bought = bought.and_then(|c| c.at(row)).unwrap_or(f64::NAN);
                (minute.open, minute.close) = (open[row], close[row]);
                (minute.high, minute.low) = (high[row], low[row]);
            }
        }
    }

    fn check_units(&mut self, turnover: Option<f64>, volume: f64, low: f64, high: f64) {
        let Some(vwap) = turnover.filter(|t| *t > 0.0).map(|t| t / volume) else {
            return;
        };
        // Half a per mille for rounded turnovers.
        if vwap < low * (1.0 - 5e-4) || vwap > high * (1.0 + 5e-4) {
            self.odd_units += 1;
            self.first_odd_ratio.get_or_insert(vwap / low.max(1e-300));
        }
    }

    fn see(&mut self, ts: i64, body: Body, is_flat: bool) {
        match &mut self.run {
            Some(run) if run.body == body => {
                run.repetitions += 1;
                run.to = ts + MICROS_PER_MINUTE;
            }
            _ => {
                self.end_run();
                self.run = Some(Run {
                    body,
                    from: ts + MICROS_PER_MINUTE,
                    to: ts + MICROS_PER_MINUTE,
                    repetitions: 0,
                    is_flat,
                });
            }
        }
    }

    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        let (rule, into) = if run.is_flat {
            (&FLAT_KLINES, &mut self.flat)
        } else {
            (&FROZEN_KLINES, &mut self.frozen)
        };
        if run.repetitions as f64 >= rule.threshold {
            into.push(Stretch {
                from: run.from,
                to: run.to,
                rows: run.repetitions,
                measured: run.repetitions as f64,
            });
        }
    }

    /// Returns the findings and the minutes, for comparisons with other datasets.
    pub(super) fn finish(mut self) -> (Vec<Finding>, Minutes) {
        self.end_run();
        let subject = self.subject;
        let is_traded = subject.dataset == Dataset::Klines1m;
        let soft = |f: Finding| {
            if is_traded {
                f
            } else {
                f.softened(Severity::Warn)
            }
        };
        let mut out = Vec::new();
        let slots = self.minutes.slots();
        let mut missing = Stretches::default();
        for (from, to) in self.minutes.runs(|i| slots[i].rows == 0) {
            missing.push(Stretch {
                from: self.minutes.start(from),
                to: self.minutes.start(to),
                rows: (to - from) as u64,
                measured: (to - from) as f64,
            });
        }
        let text = |s: &Stretch| format!("{} of {MINUTES_PER_DAY} minutes have no row", s.rows);
        out.extend(
            missing
                .findings(subject, &MISSING_MINUTES, text)
                .into_iter()
                .map(soft),
        );
        let text = |s: &Stretch| format!("{} klines repeat the one before them", s.rows);
        out.extend(
            self.frozen
                .findings(subject, &FROZEN_KLINES, text)
                .into_iter()
                .map(soft),
        );
        out.extend(self.flat.findings(subject, &FLAT_KLINES, |s| {
            format!("{} minutes without a move", s.rows)
        }));
        out.extend(self.odd_length.findings(subject, &KLINE_LENGTH, |_| {
            "the interval is not one minute long".to_owned()
        }));
        out.extend(
            self.outliers
                .findings(subject, &PRICE_OUTLIER, outlier_text),
        );
        let share = self.odd_units as f64 / self.traded.max(1) as f64;
        if self.odd_units >= 3 && share >= KLINE_UNITS.threshold {
            let text = format!(
                "turnover over volume is not a price between low and high in {} of {} rows (first: {:.6} times the low): volume is in another unit",
                self.odd_units,
                self.traded,
                self.first_odd_ratio.unwrap_or(0.0)
            );
            out.push(subject.find_day(&KLINE_UNITS, self.odd_units, share, text));
        }
        (out, self.minutes)
    }
}

/// A stretch of one row.
pub(super) const fn one(ts: i64, measured: f64) -> Stretch {
    Stretch {
        from: ts,
        to: ts + 1,
        rows: 1,
        measured,
    }
}

pub(super) fn outlier_text(s: &Stretch) -> String {
    format!(
        "a price {:.1} % off both of its neighbours (allowed: {:.0} %)",
        100.0 * s.measured,
        100.0 * PRICE_OUTLIER.threshold
    )
}
