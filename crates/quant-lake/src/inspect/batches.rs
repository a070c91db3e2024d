//! Sums over the rows that parsers make, dataset by dataset.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use quant_core::time::Day;

use super::InspectOptions;
use super::measure::{Counts, Silences, Sum, Times, order_of};
use super::report::TableSummary;
use crate::schema::Dataset;
use crate::venues::rows::{Notes, Parsed, Totals};

/// Rows of one day, in the order of the file.
#[derive(Clone, Debug, Default)]
struct DayMeter {
    times: Times,
    prev_id: Option<i64>,
    ids: Option<(i64, i64)>,
    steps: u64,
}

/// Rows of one dataset.
#[derive(Clone, Debug)]
pub(super) struct BatchMeter {
    dataset: Dataset,
    days: BTreeMap<Day, DayMeter>,
    cadence: Counts,
    silences: Silences,
    missing: u64,
    ids_missing: u64,
    volume: Sum,
    volume_raw: Option<Sum>,
    price: Option<(f64, f64)>,
    has_volume: bool,
}

impl BatchMeter {
    pub(super) fn new(dataset: Dataset) -> Self {
        Self {
            dataset,
            days: BTreeMap::new(),
            cadence: Counts::default(),
            silences: Silences::default(),
            missing: 0,
            ids_missing: 0,
            volume: Sum::default(),
            volume_raw: None,
            price: None,
            has_volume: false,
        }
    }

    /// Adds what a parser hands on, if it is of this dataset.
    pub(super) fn take(&mut self, parsed: &Parsed, options: &InspectOptions) {
        if let Parsed::Rows {
            dataset,
            day,
            batch,
            ..
        } = parsed
            && *dataset == self.dataset
        {
            self.rows(*day, batch, options);
        }
    }

    /// Adds rows of a day.
    pub(super) fn rows(&mut self, day: Day, batch: &RecordBatch, options: &InspectOptions) {
        let time = batch
            .column_by_name(self.dataset.sort_key()[0])
            .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let Some(time) = time else {
            return;
        };
        let ids = ["trade_id", "update_id"]
            .iter()
            .find_map(|name| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>());
        let limit = limit_of(self.dataset, options);
        let meter = self.days.entry(day).or_default();
        for i in 0..time.len() {
            let ts = time.value(i);
            let before = meter.times.last;
            if let Some(step) = meter.times.see(ts) {
                // Rows of one time are one event: trades that one order met, levels of one message.
                if step != 0 {
                    self.cadence.add(step.abs());
                    meter.steps += 1;
                    self.silences
                        .see(ts.min(ts - step), ts.max(ts - step), limit);
                }
                if let (Some(interval), Some(before)) = (self.dataset.interval_us(), before)
                    && ts > before
                {
                    let missing = (ts - before) / interval - 1;
                    self.missing += u64::try_from(missing).unwrap_or(0);
                }
            }
            if let Some(ids) = ids {
                let id = ids.value(i);
                meter.ids = Some(meter.ids.map_or((id, id), |(a, b)| (a.min(id), b.max(id))));
                if let Some(prev) = meter.prev_id.replace(id) {
                    let jump = id.saturating_sub(prev).unsigned_abs();
                    self.ids_missing += jump.saturating_sub(1);
                }
            }
        }
        self.sums(batch);
    }

    fn sums(&mut self, batch: &RecordBatch) {
        let column = |names: &[&str]| {
            let found = names.iter().find_map(|name| batch.column_by_name(name));
            found.and_then(|c| c.as_primitive_opt::<Float64Type>().cloned())
        };
        if let Some(volume) = column(&["qty", "volume"])
            && self.dataset != Dataset::L2Deltas
        {
            self.has_volume = true;
            volume.iter().flatten().for_each(|v| self.volume.add(v));
        }
        if let Some(raw) = column(&["qty_raw", "volume_raw"])
            && raw.null_count() < raw.len()
        {
            let sum = self.volume_raw.get_or_insert_default();
            raw.iter().flatten().for_each(|v| sum.add(v));
        }
        let (low, high) = match self.dataset {
            Dataset::BookTicker => (column(&["bid_px"]), column(&["ask_px"])),
            _ => (column(&["price", "low"]), column(&["price", "high"])),
        };
        if let (Some(low), Some(high)) = (low, high) {
            // The price 0 of a quote is none: that side is empty.
            let quotes = self.dataset == Dataset::BookTicker;
            let is_price = |px: &f64| !quotes || *px > 0.0;
            let low = low.iter().flatten().filter(is_price);
            let low = low.fold(f64::INFINITY, f64::min);
            let high = high.iter().flatten().filter(is_price);
            let high = high.fold(f64::NEG_INFINITY, f64::max);
            if low.is_finite() && high.is_finite() {
                self.price = Some(
                    self.price
                        .map_or((low, high), |(a, b)| (a.min(low), b.max(high))),
                );
            }
        }
    }

    /// Returns the summary, given what the parser counted. `numbered`: the ids are the venue's own and count rows.
    pub(super) fn finish(
        self,
        totals: Option<&Totals>,
        numbered: bool,
        options: &InspectOptions,
    ) -> TableSummary {
        let mut out = TableSummary {
            dataset: self.dataset.name().to_owned(),
            ..TableSummary::default()
        };
        let limit = limit_of(self.dataset, options);
        let mut silences = self.silences;
        let (mut up, mut down, mut missing) = (0, 0, self.missing);
        let (mut before, mut ids): (Option<i64>, Option<(i64, i64)>) = (None, None);
        let mut ids_missing = self.ids_missing;
        for (day, meter) in &self.days {
            out.rows += meter.times.n;
            out.days.insert(*day, meter.times.n);
            up += meter.times.up;
            down += meter.times.down;
            if let (Some(before), Some(first)) = (before, meter.times.first) {
                silences.see(before, first, limit);
                if let Some(interval) = self.dataset.interval_us() {
                    missing += u64::try_from((first - before) / interval - 1).unwrap_or(0);
                }
            }
            before = meter.times.last.or(before);
            if let Some((a, b)) = meter.ids {
                if let Some((_, last)) = ids {
                    ids_missing += u64::try_from(a.saturating_sub(last) - 1).unwrap_or(0);
                }
                ids = Some(ids.map_or((a, b), |(x, y)| (x.min(a), y.max(b))));
            }
        }
        let first = self.days.values().find_map(|m| m.times.first_at());
        out.first = first;
        out.last = self.days.values().rev().find_map(|m| m.times.last_at());
        order_of(up, down).clone_into(&mut out.order);
        out.cadence_ms = self.cadence.spread(1_000.0);
        out.n_gaps = silences.n;
        out.gaps = silences.list();
        out.missing_intervals = self.dataset.interval_us().map(|_| missing);
        if self.has_volume {
            let (volume, unit) = match self.volume_raw {
                Some(raw) => (raw.value(), "contracts"),
                None => (self.volume.value(), "base units"),
            };
            out.volume = Some(volume).filter(|v| v.is_finite());
            out.volume_unit = Some(unit.to_owned());
        }
        out.price = self.price;
        if numbered {
            let counted = matches!(self.dataset, Dataset::Trades | Dataset::AggTrades);
            out.ids = ids.filter(|_| counted || self.dataset == Dataset::BookTicker);
            out.ids_missing = counted.then_some(ids_missing);
        }
        if let Some(totals) = totals {
            out.rows_in = totals.rows;
            out.filtered = totals.filtered;
            out.refused = totals.quarantined.len() as u64;
            out.duplicates = totals.days.values().map(|d| d.duplicates).sum();
            out.time_unit = unit_of(&totals.notes);
            let counters = totals.diagnostics.iter().filter(|(_, n)| **n > 0);
            out.counters = counters.map(|(k, n)| ((*k).to_owned(), *n)).collect();
        }
        out
    }
}

/// Returns the silence from which a dataset has a gap: its own pace where that is slower than the limit.
fn limit_of(dataset: Dataset, options: &InspectOptions) -> i64 {
    let pace = match dataset {
        Dataset::Funding => 8 * 3_600_000_000,
        Dataset::Metrics | Dataset::OpenInterest => 300_000_000,
        _ => 0,
    };
    options.gap_us.max(pace)
}

/// Returns the units that times were written in.
fn unit_of(notes: &Notes) -> Option<String> {
    let units = [
        (notes.seconds, "seconds"),
        (notes.millis, "milliseconds"),
        (notes.micros, "microseconds"),
    ];
    let used: Vec<&str> = units
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(_, u)| *u)
        .collect();
    (!used.is_empty()).then(|| used.join(" and "))
}
