//! How far order flow imbalance explains the price change of the same ten seconds, from the quotes of the lake.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use quant_core::bars::touch_flow;
use quant_core::market::{BookLevel, Touch};
use quant_core::stats::{Ols, mean};
use quant_core::time::{MICROS_PER_MINUTE, TimeRange, UnixMicros};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use serde::Serialize;

use crate::config::Config;
use crate::error::{CommandResult, Kinded as _};
use crate::run::instruments;
use crate::run::pipeline::instrument_keys;

/// Length of a window, microseconds.
const WINDOW_US: i64 = 10_000_000;
/// Length of a sample with one impact coefficient, microseconds.
const BLOCK_US: i64 = 30 * MICROS_PER_MINUTE;
/// Windows a sample needs to count: half of the 180 of a full one.
const MIN_WINDOWS: u64 = 90;
/// A touch that nothing renewed for so long is not in force, microseconds; as in the minute rows.
const STALE_US: i64 = 60_000_000;
/// Rows per batch.
const BATCH_ROWS: usize = 65_536;
/// What was published.
const PUBLISHED: &str = "Cont, Kukanov and Stoikov 2014: mean R2 65 % over 50 US stocks, 10 s windows, half-hour samples";

/// The regression over a range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfiSection {
    /// Dataset the touches come from.
    pub source: &'static str,
    /// Seconds per window.
    pub window_seconds: i64,
    /// Price units per tick.
    pub tick_size: f64,
    /// Rows read.
    pub n_quotes: u64,
    /// What all samples together say.
    pub totals: OfiTotals,
    /// What was published, for comparison.
    pub published: &'static str,
    /// Published mean R2.
    pub published_mean_r2: f64,
    /// Half hours with enough windows, in order.
    pub blocks: Vec<OfiBlock>,
}

/// All samples together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfiTotals {
    /// Half hours with enough windows.
    pub n_blocks: usize,
    /// Mean of their R2.
    pub mean_r2: Option<f64>,
    /// Mean of their slopes, ticks per base unit.
    pub mean_slope: Option<f64>,
    /// Mean of their slopes on OFI over depth, ticks.
    pub mean_slope_depth: Option<f64>,
    /// One regression over every window, those of short half hours too.
    pub pooled: Option<OfiFit>,
    /// The same on OFI over the depth of the window's half hour.
    pub pooled_depth: Option<OfiFit>,
    /// Windows.
    pub n_windows: u64,
    /// Windows left out: no touch in force at both ends, or lost in between.
    pub n_without: u64,
}

/// A fitted line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OfiFit {
    /// Share of the variance of the price change that is explained.
    pub r2: f64,
    /// Ticks per unit of the regressor.
    pub slope: f64,
    /// Standard error of the slope, for independent errors of one variance.
    pub slope_se: Option<f64>,
    /// Ticks without any flow.
    pub intercept: f64,
}

/// One half hour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfiBlock {
    /// Inclusive start.
    pub start: String,
    /// Windows.
    pub n: u64,
    /// Fit on OFI in base units.
    pub fit: OfiFit,
    /// Mean over the changes of the touch of the mean of its two sizes, base units.
    pub depth: f64,
    /// Slope on OFI over depth, ticks.
    pub slope_depth: f64,
}

fn fit_of(sums: &Ols) -> Option<OfiFit> {
    sums.fit().ok().map(|fit| OfiFit {
        r2: fit.r2,
        slope: fit.slope,
        slope_se: fit.slope_se.filter(|se| se.is_finite()),
        intercept: fit.intercept,
    })
}

/// Sums order flow imbalance over windows of ten seconds, beside the change of the mid.
///
/// Windows begin at multiples of 10 s, half hours at multiples of 30 min. The mid at a window's border is that of the touch
/// in force just before it. A touch is in force until the next one, if that comes within 60 s; otherwise nobody knows how
/// long it was, and after the last one nothing is. A window counts if a touch is in force at both borders and none was
/// lost in between: the flow across a loss is unknown.
#[derive(Clone, Debug)]
pub struct OfiWindows {
    tick: f64,
    touch: Option<(UnixMicros, Touch)>,
    /// End of the current window; `None` before the first touch.
    window_end: Option<i64>,
    mid_before: Option<f64>,
    flow: f64,
    is_broken: bool,
    /// Windows of the current half hour: flow, price change in ticks.
    windows: Vec<(f64, f64)>,
    depth_sum: f64,
    n_changes: u64,
    n_without: u64,
    pooled: Ols,
    pooled_depth: Ols,
    blocks: Vec<OfiBlock>,
}

impl OfiWindows {
    /// Returns empty windows for an instrument with this tick size.
    pub const fn new(tick: f64) -> Self {
        Self {
            tick,
            touch: None,
            window_end: None,
            mid_before: None,
            flow: 0.0,
            is_broken: false,
            windows: Vec::new(),
            depth_sum: 0.0,
            n_changes: 0,
            n_without: 0,
            pooled: Ols::new(),
            pooled_depth: Ols::new(),
            blocks: Vec::new(),
        }
    }

    /// Takes the next touch; `None` if it is not valid. Times do not fall.
    pub fn push(&mut self, ts: UnixMicros, touch: Option<Touch>) {
        let before = self
            .touch
            .filter(|(at, _)| ts.0 - at.0 <= STALE_US)
            .map(|(_, touch)| touch);
        self.advance(ts, before);
        match (before, &touch) {
            (Some(before), Some(after)) if before != *after => {
                self.flow += touch_flow(&before, after);
                self.depth_sum += f64::midpoint(after.bid_qty, after.ask_qty);
                self.n_changes += 1;
            }
            (Some(_), Some(_)) => {}
            // Lost now, or found again: what happened in between is not known.
            _ => self.is_broken = true,
        }
        self.touch = touch.map(|t| (ts, t));
    }

    /// Ends the series at `end`.
    pub fn finish(mut self, end: UnixMicros) -> (OfiTotals, Vec<OfiBlock>) {
        self.advance(end, None);
        self.close_block(self.window_end.map_or(end.0, |e| e - WINDOW_US));
        let of = |value: fn(&OfiBlock) -> f64| {
            mean(&self.blocks.iter().map(value).collect::<Vec<_>>()).ok()
        };
        let totals = OfiTotals {
            n_blocks: self.blocks.len(),
            mean_r2: of(|b| b.fit.r2),
            mean_slope: of(|b| b.fit.slope),
            mean_slope_depth: of(|b| b.slope_depth),
            pooled: fit_of(&self.pooled),
            pooled_depth: fit_of(&self.pooled_depth),
            n_windows: self.pooled.n(),
            n_without: self.n_without,
        };
        (totals, self.blocks)
    }

    /// Closes every window that ends at or before `ts`; `in_force` is the touch in force until then.
    fn advance(&mut self, ts: UnixMicros, in_force: Option<Touch>) {
        let Some(mut end) = self.window_end else {
            // The first window is the next whole one.
            self.window_end = Some(ts.0 - ts.0.rem_euclid(WINDOW_US) + WINDOW_US);
            self.is_broken = true;
            return;
        };
        let mid = in_force.map(|t| t.mid());
        while end <= ts.0 {
            match (self.mid_before, mid) {
                (Some(before), Some(after)) if !self.is_broken => {
                    let change = (after - before) / self.tick;
                    self.windows.push((self.flow, change));
                    self.pooled.add(self.flow, change);
                }
                _ => self.n_without += 1,
            }
            self.mid_before = mid;
            self.flow = 0.0;
            self.is_broken = mid.is_none();
            if end.rem_euclid(BLOCK_US) == 0 {
                self.close_block(end - WINDOW_US);
            }
            end += WINDOW_US;
        }
        self.window_end = Some(end);
    }

    /// Closes the half hour that holds `instant`.
    fn close_block(&mut self, instant: i64) {
        let windows = core::mem::take(&mut self.windows);
        let (depth_sum, n) = (self.depth_sum, self.n_changes);
        (self.depth_sum, self.n_changes) = (0.0, 0);
        if n == 0 {
            return;
        }
        let depth = depth_sum / n as f64;
        let mut sums = Ols::new();
        for (flow, change) in windows {
            sums.add(flow, change);
            self.pooled_depth.add(flow / depth, change);
        }
        if sums.n() >= MIN_WINDOWS
            && let Some(fit) = fit_of(&sums)
        {
            self.blocks.push(OfiBlock {
                start: UnixMicros(instant - instant.rem_euclid(BLOCK_US)).to_string(),
                n: sums.n(),
                fit,
                depth,
                slope_depth: fit.slope * depth,
            });
        }
    }
}

/// The datasets touches may come from, best first, with their columns.
const SOURCES: [(Dataset, [&str; 5]); 2] = [
    (
        Dataset::BookTicker,
        ["ts_event", "bid_px", "bid_qty", "ask_px", "ask_qty"],
    ),
    (
        Dataset::L2Snapshots,
        [
            "ts_event",
            "bid_px_00",
            "bid_qty_00",
            "ask_px_00",
            "ask_qty_00",
        ],
    ),
];

/// Measures the traded instrument over the evaluated range; `None` if the lake has no quotes of it.
///
/// # Errors
/// Data errors of reading; configuration errors of the instruments table.
pub(super) fn measure(config: &Config, memo: &HashMemo) -> CommandResult<Option<OfiSection>> {
    let key = &instrument_keys(config)[config.traded];
    let table = instruments::load(config.raw.paths.instruments.as_deref())?;
    let terms = instruments::terms_over(&table, key, config.range)?;
    let lake = Lake::new(&config.raw.paths.lake);
    for (dataset, columns) in SOURCES {
        let spec = PartitionSetSpec::raw(
            &DatasetKey {
                instrument: key.clone(),
                dataset,
            },
            DEFAULT_BOOK_LEVELS,
        );
        let Some(set) = PartitionSet::open_if_present(&lake, &spec).data_error()? else {
            continue;
        };
        let mut windows = OfiWindows::new(terms.tick_size.size());
        let mut n_quotes = 0;
        for day in config.read_range().days() {
            // A range may begin within a day, and the warm-up is no part of it.
            if day.range().intersection(&config.range).is_none() {
                continue;
            }
            if set.manifest().partition(day).is_none() {
                continue;
            }
            for batch in set
                .read_day(day, Some(&columns), BATCH_ROWS, memo)
                .data_error()?
            {
                n_quotes += feed(&mut windows, &batch.data_error()?, config.range);
            }
        }
        if n_quotes == 0 {
            continue;
        }
        let (totals, blocks) = windows.finish(config.range.end);
        return Ok(Some(OfiSection {
            source: dataset.name(),
            window_seconds: WINDOW_US / 1_000_000,
            tick_size: terms.tick_size.size(),
            n_quotes,
            totals,
            published: PUBLISHED,
            published_mean_r2: 0.65,
            blocks,
        }));
    }
    Ok(None)
}

/// Feeds the rows of a batch that lie in the range and returns how many.
fn feed(windows: &mut OfiWindows, batch: &RecordBatch, range: TimeRange) -> u64 {
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let numbers = [1, 2, 3, 4].map(|i| batch.column(i).as_primitive::<Float64Type>());
    let level = |row: usize, px: usize, qty: usize| BookLevel {
        px: if numbers[px].is_valid(row) {
            numbers[px].value(row)
        } else {
            0.0
        },
        qty: if numbers[qty].is_valid(row) {
            numbers[qty].value(row)
        } else {
            0.0
        },
    };
    let mut n = 0;
    for row in 0..batch.num_rows() {
        let ts = UnixMicros(times.value(row));
        if range.contains(ts) {
            windows.push(ts, Touch::of(level(row, 0, 1), level(row, 2, 3)));
            n += 1;
        }
    }
    n
}

#[cfg(test)]
mod tests;
