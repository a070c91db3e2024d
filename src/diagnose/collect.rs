//! The minutes of a range with their features, prices and states, as the decision loop would have seen them.

use std::sync::atomic::Ordering;

use quant_core::bars::stats::STATS;
use quant_core::bars::{
    MinuteRow, N_STAT_COLUMNS, STAT_COLUMNS, Segmenter, StatSources, stat_column,
};
use quant_core::features::FeatureSet;
use quant_core::regime::{RegimeModel as _, RuleRegime};
use quant_core::stats::ln;
use quant_core::time::{Day, MICROS_PER_MINUTE, MINUTES_PER_DAY};
use quant_lake::bars::{StatRows, read_stat_bars};
use quant_lake::layout::Lake;
use quant_lake::read::{HashMemo, PartitionSet};

use crate::config::{Config, core_params};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::bars::{BarSetSpec, BarsReport};
use crate::run::gaps::{self, GapMask};
use crate::run::pipeline::{RunOptions, instrument_keys};

/// The mid at the close of a minute.
const MID_CLOSE: usize = stat_column("mid_close");
/// Share of priced minutes that must have a mid for returns to be made of mids.
const MIN_MID_SHARE: f64 = 0.9;
/// Minutes behind the volatility that sorts minutes into terciles, and those that must have a return.
const VOLATILITY_MINUTES: usize = 60;
const MIN_VOLATILITY_RETURNS: usize = 30;
/// Earlier volatilities needed to say which tercile one is in.
const MIN_EARLIER: u64 = 240;
/// Names of the terciles.
pub(super) const TERCILES: [&str; 3] = ["low", "middle", "high"];

/// One column of values; missing ones are NaN in here and never leave.
#[derive(Clone, Debug)]
pub(super) struct ColumnSeries {
    pub(super) name: String,
    pub(super) source: &'static str,
    pub(super) units: String,
    pub(super) values: Vec<f64>,
}

/// The minutes of the evaluated range.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) feature_set: String,
    /// Minutes.
    pub(super) n: usize,
    pub(super) days: Vec<Day>,
    /// Day of each minute, as a position in `days`.
    pub(super) day_of: Vec<usize>,
    pub(super) columns: Vec<ColumnSeries>,
    /// `mid` or `close`.
    pub(super) basis: &'static str,
    pub(super) path: PricePath,
    /// Tercile of past volatility of each minute.
    pub(super) tercile: Vec<Option<usize>>,
    /// State of the rule regime in force at the close of each minute.
    pub(super) regime: Vec<Option<&'static str>>,
    pub(super) masked: u64,
}

impl Series {
    /// Returns how many minutes have a price of their own.
    pub(super) fn usable_minutes(&self) -> usize {
        self.path.own.iter().filter(|p| p.is_finite()).count()
    }
}

/// Log prices minute by minute, cut at long gaps.
#[derive(Clone, Debug, Default)]
pub(super) struct PricePath {
    /// Log price of the minute itself, NaN without one and inside a gap.
    own: Vec<f64>,
    /// Segment of the minute.
    segment: Vec<u32>,
    /// Log return of the minute, over minutes without a price of the same segment; NaN at the start of a segment and in gaps.
    pub(super) steps: Vec<f64>,
    /// The last log price of the current segment.
    last: Option<(u32, f64)>,
}

impl PricePath {
    /// Adds the next minute: its price if it has one, and its segment unless it lies in a gap.
    pub(super) fn push(&mut self, price: Option<f64>, segment: Option<u32>) {
        let log = price.filter(|p| *p > 0.0).map(ln);
        let before = self
            .last
            .filter(|(id, _)| Some(*id) == segment)
            .map(|(_, log)| log);
        let own = log.filter(|_| segment.is_some());
        self.own.push(own.unwrap_or(f64::NAN));
        self.segment.push(segment.unwrap_or(0));
        let step = match (before, own) {
            (Some(before), Some(now)) => now - before,
            // The price stands still in the path; the next price takes the whole move.
            (Some(_), None) => 0.0,
            (None, _) => f64::NAN,
        };
        self.steps.push(step);
        match (segment, own) {
            (Some(id), Some(now)) => self.last = Some((id, now)),
            (None, _) => self.last = None,
            (Some(_), None) => self.last = self.last.filter(|(id, _)| Some(*id) == segment),
        }
    }

    /// Returns the log prices there are.
    pub(super) fn prices(&self) -> Vec<f64> {
        self.own.iter().copied().filter(|p| p.is_finite()).collect()
    }

    /// Drops the first `n` minutes.
    fn drop_front(&mut self, n: usize) {
        self.own.drain(..n);
        self.segment.drain(..n);
        self.steps.drain(..n);
    }

    /// Returns the log return from the close of each minute to the close `horizon` minutes later: both have a price, in one
    /// segment, and both lie in the range.
    pub(super) fn forward(&self, horizon: usize) -> Vec<f64> {
        let n = self.own.len();
        (0..n)
            .map(|t| {
                let later = t + horizon;
                if later < n && self.segment[t] == self.segment[later] && self.segment[t] > 0 {
                    // NaN where either has no price.
                    self.own[later] - self.own[t]
                } else {
                    f64::NAN
                }
            })
            .collect()
    }
}

/// Rows and statistics of a day, instruments side by side.
pub(super) struct DayInput {
    /// Rows of each instrument, ascending; none if the lake has no such day.
    rows: Vec<Vec<MinuteRow>>,
    /// Statistics, `minutes x instruments x N_STAT_COLUMNS` from 00:00 UTC with NaN for null, or empty.
    stats: Vec<f64>,
    /// What those of each instrument are made of.
    sources: Vec<StatSources>,
}

/// Bars of every instrument of the run.
struct BarSets<'a> {
    sets: Vec<Option<PartitionSet>>,
    reports: &'a [BarsReport],
    memo: HashMemo,
}

impl<'a> BarSets<'a> {
    fn open(config: &Config, reports: &'a [BarsReport]) -> CommandResult<Self> {
        let lake = Lake::new(&config.raw.paths.lake);
        let spec = BarSetSpec::of(&config.raw)?;
        let sets = instrument_keys(config)
            .iter()
            .map(|key| PartitionSet::open_if_present(&lake, &spec.bars_of(key)?).data_error())
            .collect::<CommandResult<_>>()?;
        Ok(Self {
            sets,
            reports,
            memo: HashMemo::default(),
        })
    }

    /// Reads a day: the only place that knows how rows and statistics are stored.
    fn minutes_of(&self, day: Day) -> CommandResult<DayInput> {
        let width = self.sets.len();
        let mut out = DayInput {
            rows: Vec::with_capacity(width),
            stats: Vec::new(),
            sources: Vec::with_capacity(width),
        };
        for (i, (set, report)) in self.sets.iter().zip(self.reports).enumerate() {
            let bars = match set {
                Some(set) if !report.absent.contains(&day) => {
                    read_stat_bars(set, day.range(), &self.memo).data_error()?
                }
                _ => StatRows::default(),
            };
            if !bars.stats.is_empty() && out.stats.is_empty() {
                out.stats
                    .resize(MINUTES_PER_DAY * width * N_STAT_COLUMNS, f64::NAN);
            }
            for (row, stats) in bars
                .rows
                .iter()
                .zip(bars.stats.chunks_exact(N_STAT_COLUMNS))
            {
                let minute = (row.ts_open.0 - day.start().0) / MICROS_PER_MINUTE;
                let at = usize::try_from(minute).unwrap_or(0) * width + i;
                out.stats[at * N_STAT_COLUMNS..(at + 1) * N_STAT_COLUMNS].copy_from_slice(stats);
            }
            out.sources.push(bars.sources_of(day));
            out.rows.push(bars.rows);
        }
        Ok(out)
    }
}

/// Reads every day of the config's range, warm-up included, and computes features, prices and states.
pub(super) fn collect(
    config: &Config,
    bars: &[BarsReport],
    options: &RunOptions<'_>,
) -> CommandResult<Series> {
    let keys = instrument_keys(config);
    let lake = Lake::new(&config.raw.paths.lake);
    if bars[config.traded].built + bars[config.traded].current == 0 {
        return Err(CommandError::text(
            ErrorKind::Data,
            &format!(
                "the lake holds nothing to build bars of `{}` from",
                keys[config.traded]
            ),
        )
        .hint("ingest it first: `quant build-dataset --help`"));
    }
    let masks = keys
        .iter()
        .map(|key| {
            let sources = &config.raw.bars.sources;
            gaps::assess(&lake, key, sources, config.read_range(), config.range).map(|g| g.mask)
        })
        .collect::<CommandResult<Vec<_>>>()?;
    let sets = BarSets::open(config, bars)?;
    let mut collector = Collector::new(config, &masks)?;
    for day in config.read_range().days() {
        if options.stop.load(Ordering::Relaxed) {
            return Err(CommandError::text(
                ErrorKind::Interrupted,
                "interrupted while computing features",
            ));
        }
        collector.push_day(day, &sets.minutes_of(day)?)?;
        (options.on_day)("features", day);
    }
    Ok(collector.finish(masks[config.traded].minutes_in(&config.range)))
}

/// What is known of a minute before prices are chosen.
struct Minute {
    segment: Option<u32>,
    close: Option<f64>,
    mid: Option<f64>,
}

struct Collector<'a> {
    config: &'a Config,
    masks: &'a [GapMask],
    features: FeatureSet,
    regime: RuleRegime,
    binding: quant_core::regime::RegimeBinding,
    state: Option<&'static str>,
    segmenter: Segmenter,
    /// Every minute read, warm-up included.
    minutes: Vec<Minute>,
    /// Position of the first minute of the range in `minutes`.
    first: Option<usize>,
    /// One past the last.
    last: usize,
    days: Vec<Day>,
    day_of: Vec<usize>,
    regimes: Vec<Option<&'static str>>,
    values: Vec<Vec<f64>>,
    stats: Vec<Vec<f64>>,
}

impl<'a> Collector<'a> {
    fn new(config: &'a Config, masks: &'a [GapMask]) -> CommandResult<Self> {
        let raw = &config.raw;
        let features = FeatureSet::new(&core_params::feature_set(raw), masks.len(), config.traded)
            .config_error()?;
        let columns = features.columns().to_vec();
        Ok(Self {
            regime: RuleRegime::new(core_params::regime(raw)).config_error()?,
            binding: core_params::columns(raw)
                .regime
                .bind(&columns)
                .config_error()?,
            state: None,
            segmenter: Segmenter::new(raw.bars.segment_gap_minutes),
            minutes: Vec::new(),
            first: None,
            last: 0,
            days: Vec::new(),
            day_of: Vec::new(),
            regimes: Vec::new(),
            values: vec![Vec::new(); columns.len()],
            stats: vec![Vec::new(); N_STAT_COLUMNS],
            features,
            config,
            masks,
        })
    }

    fn push_day(&mut self, day: Day, input: &DayInput) -> CommandResult<()> {
        let width = self.masks.len();
        let mut cursors = vec![0_usize; width];
        let mut minute: Vec<Option<MinuteRow>> = vec![None; width];
        let mut ts_open = day.start();
        for k in 0..MINUTES_PER_DAY {
            let n_stats = width * N_STAT_COLUMNS;
            let given = input.stats.get(k * n_stats..(k + 1) * n_stats);
            let mut stats = given.unwrap_or_default().to_vec();
            for (i, rows) in input.rows.iter().enumerate() {
                let row = rows
                    .get(cursors[i])
                    .copied()
                    .filter(|r| r.ts_open == ts_open);
                cursors[i] += usize::from(row.is_some());
                // As in a run, a masked minute is absent.
                minute[i] = row.filter(|_| !self.masks[i].covers(ts_open));
                if minute[i].is_none() && !stats.is_empty() {
                    stats[i * N_STAT_COLUMNS..(i + 1) * N_STAT_COLUMNS].fill(f64::NAN);
                }
            }
            self.push_minute(ts_open, &minute, &stats, &input.sources)?;
            ts_open = ts_open.plus(MICROS_PER_MINUTE);
        }
        Ok(())
    }

    fn push_minute(
        &mut self,
        ts_open: quant_core::time::UnixMicros,
        minute: &[Option<MinuteRow>],
        stats: &[f64],
        sources: &[StatSources],
    ) -> CommandResult<()> {
        self.features
            .push_with_stats(ts_open, minute, stats, sources)
            .internal_error()?;
        let row = self.features.row();
        if let Some(bar) = self.features.frame().and_then(|f| f.traded().bar_5m) {
            let inputs = self.binding.read(bar.ts_close, row);
            self.state = Some(self.regime.update(&inputs).state.name());
        }
        let traded = minute[self.config.traded];
        let own_stats = stats
            .get(self.config.traded * N_STAT_COLUMNS..)
            .and_then(|s| s.get(..N_STAT_COLUMNS));
        let segment = self.segmenter.push(traded.as_ref());
        self.minutes.push(Minute {
            segment: (!segment.in_gap && segment.id > 0).then_some(segment.id),
            close: traded.and_then(|r| r.close),
            mid: own_stats
                .map(|s| s[MID_CLOSE])
                .filter(|m| m.is_finite() && traded.is_some()),
        });
        if !self.config.range.contains(ts_open) {
            return Ok(());
        }
        self.first.get_or_insert(self.minutes.len() - 1);
        self.last = self.minutes.len();
        let day = ts_open.day();
        if self.days.last() != Some(&day) {
            self.days.push(day);
        }
        self.day_of.push(self.days.len() - 1);
        self.regimes.push(self.state);
        for (column, value) in self.values.iter_mut().zip(&row.values) {
            column.push(value.unwrap_or(f64::NAN));
        }
        for (k, column) in self.stats.iter_mut().enumerate() {
            column.push(own_stats.map_or(f64::NAN, |s| s[k]));
        }
        Ok(())
    }

    fn finish(self, masked: u64) -> Series {
        let first = self.first.unwrap_or(0);
        let in_range = &self.minutes[first..self.last];
        let priced = in_range.iter().filter(|m| m.close.is_some()).count();
        let with_mid = in_range.iter().filter(|m| m.mid.is_some()).count();
        let is_mid = with_mid > 0 && with_mid as f64 >= MIN_MID_SHARE * priced as f64;
        let mut path = PricePath::default();
        for minute in &self.minutes[..self.last] {
            let price = if is_mid { minute.mid } else { minute.close };
            path.push(price, minute.segment);
        }
        let tercile = terciles(&path.steps).split_off(first);
        path.drop_front(first);
        let mut columns = Vec::new();
        let units: Vec<(String, String)> = self
            .features
            .specs()
            .iter()
            .flat_map(|s| s.columns.iter().map(|c| (c.clone(), s.units.to_owned())))
            .collect();
        for ((name, units), values) in units.into_iter().zip(self.values) {
            columns.push(ColumnSeries {
                name,
                source: "feature",
                units,
                values,
            });
        }
        let declared = STATS.iter().flat_map(|s| s.columns);
        for ((name, declared), values) in STAT_COLUMNS.iter().zip(declared).zip(self.stats) {
            // A statistic without a source in the whole range is no finding about a feature.
            if values.iter().any(|v| v.is_finite()) && columns.iter().all(|c| c.name != *name) {
                columns.push(ColumnSeries {
                    name: (*name).to_owned(),
                    source: "minute_row",
                    units: declared.units.to_owned(),
                    values,
                });
            }
        }
        Series {
            feature_set: self.features.id().to_owned(),
            n: self.day_of.len(),
            days: self.days,
            day_of: self.day_of,
            columns,
            basis: if is_mid { "mid" } else { "close" },
            path,
            tercile,
            regime: self.regimes,
            masked,
        }
    }
}

/// Returns for each minute the tercile of the volatility of the hour that ends with it, among those of all earlier minutes.
///
/// # Causality
/// Volatilities are counted up to and not with the minute itself.
fn terciles(steps: &[f64]) -> Vec<Option<usize>> {
    let mut volatility = vec![f64::NAN; steps.len()];
    for (t, out) in volatility.iter_mut().enumerate() {
        let window = &steps[(t + 1).saturating_sub(VOLATILITY_MINUTES)..=t];
        let (mut sum, mut n) = (0.0, 0);
        for r in window.iter().filter(|r| r.is_finite()) {
            sum += r * r;
            n += 1;
        }
        if n >= MIN_VOLATILITY_RETURNS && steps[t].is_finite() {
            *out = (sum / f64::from(u32::try_from(n).unwrap_or(u32::MAX))).sqrt();
        }
    }
    let mut sorted: Vec<f64> = volatility
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .collect();
    sorted.sort_by(f64::total_cmp);
    // Positions in the whole sample serve as addresses of a counter only: what is counted came earlier.
    let mut counter = Counter(vec![0; sorted.len() + 1]);
    let mut n_earlier = 0_u64;
    volatility
        .iter()
        .map(|v| {
            if !v.is_finite() {
                return None;
            }
            let below = sorted.partition_point(|x| x < v);
            let n_below = counter.below(below);
            let tercile = (n_earlier >= MIN_EARLIER)
                .then(|| usize::try_from((3 * n_below / n_earlier).min(2)).unwrap_or(2));
            counter.add(below);
            n_earlier += 1;
            tercile
        })
        .collect()
}

/// Counts by address with sums of prefixes in O(log n) (Fenwick 1994).
struct Counter(Vec<u64>);

impl Counter {
    fn add(&mut self, address: usize) {
        let mut i = address + 1;
        while i < self.0.len() {
            self.0[i] += 1;
            i += i & i.wrapping_neg();
        }
    }

    /// Returns how many were counted at addresses below `address`.
    fn below(&self, address: usize) -> u64 {
        let (mut i, mut sum) = (address, 0);
        while i > 0 {
            sum += self.0[i];
            i -= i & i.wrapping_neg();
        }
        sum
    }
}

#[cfg(test)]
mod tests;
