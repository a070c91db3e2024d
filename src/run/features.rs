//! `build-features`: tier 2 over the bars of the config's instruments, day by day into the lake.
//!
//! A day's values are a function of its bars and of the warm-up days before, so a day is rebuilt only if one of those
//! bar partitions changed, and chunks of days run in parallel: each replays its own warm-up. How days are cut into
//! chunks changes no bit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quant_core::bars::{MinuteRow, N_STAT_COLUMNS, StatSources};
use quant_core::features::{FeatureSet, FeatureSetParams};
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_MINUTE, TimeRange, UnixMicros};
use quant_lake::bars::{StatRows, read_stat_bars};
use quant_lake::commit::{DatasetWriter, WriterOptions};
use quant_lake::features::{
    FeatureDay, FeatureUniverse, Member, feature_set_params, feature_set_spec, write_feature_day,
};
use quant_lake::layout::Lake;
use quant_lake::manifest::Source;
use quant_lake::openings::derived_source;
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::stream::StreamSets;
use rayon::prelude::*;
use serde::Serialize;

use super::bars::BarSetSpec;
use super::{pipeline, wall_clock};
use crate::config::{Config, Role, core_params};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};

/// Version of the code that makes feature rows; what features mean has its own, in the id of the set.
pub const FEATURES_VERSION: &str = "row-features-2";

/// How a feature job runs; nothing here changes a number.
pub struct FeatureOptions<'a> {
    /// Rebuild what is up to date.
    pub force: bool,
    /// Worker threads.
    pub jobs: usize,
    /// Raised by Ctrl-C.
    pub stop: Arc<AtomicBool>,
    /// Told after each day that was written.
    pub on_day: &'a (dyn Fn(Day) + Sync),
}

/// Minutes without a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MissingShare {
    /// Column.
    pub column: String,
    /// Minutes without a value among those written.
    pub missing: u64,
    /// Their share.
    pub share: f64,
}

/// What happened to the features of a universe.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FeaturesReport {
    /// Universe id.
    pub universe: String,
    /// Feature set id.
    pub feature_set: String,
    /// Bar set read.
    pub bar_set: String,
    /// Folder of the set, relative to the lake.
    pub set: String,
    /// Days built now.
    pub built: u64,
    /// Days that were up to date.
    pub current: u64,
    /// Days that have no bars of the traded instrument, and nothing to make them from.
    pub absent: Vec<Day>,
    /// Rows written now.
    pub rows: u64,
    /// Missing shares over the rows written now, in column order; empty if there were none.
    pub columns: Vec<MissingShare>,
}

/// Returns the instruments of a config with their roles.
pub fn universe_of(config: &Config) -> FeatureUniverse {
    let keys = pipeline::instrument_keys(config);
    let role = |role: Role| match role {
        Role::Traded => "traded",
        Role::Reference => "reference",
    };
    let members = keys.iter().zip(&config.raw.instruments);
    FeatureUniverse(
        members
            .map(|(key, raw)| Member::new(key, role(raw.role)))
            .collect(),
    )
}

/// Builds what is missing or stale of the features of `range`, whole days.
///
/// # Errors
/// Data errors of reading and writing, bars that were not built; internal ones of the file system; interrupted.
///
/// # Determinism
/// The values depend on the bars alone: not on `jobs`, on what was up to date, or on where the range begins.
pub fn build(
    config: &Config,
    range: TimeRange,
    options: &FeatureOptions<'_>,
) -> CommandResult<FeaturesReport> {
    let job = Job::open(config)?;
    let mut report = FeaturesReport {
        universe: job.universe.id(),
        feature_set: job.feature_set.clone(),
        bar_set: job.bar_set.clone(),
        ..FeaturesReport::default()
    };
    job.require_bars(range)?;
    let columns = job.make_set()?.columns().to_vec();
    let spec = feature_set_spec(&job.universe, &job.feature_set, &columns).data_error()?;
    report.set.clone_from(&spec.dir);
    let writer = DatasetWriter::open(
        &job.lake,
        spec,
        WriterOptions::new(
            FEATURES_VERSION,
            feature_set_params(&job.universe, &columns, &job.bar_set, &job.params),
            wall_clock(),
        ),
    )
    .data_error()?;
    let mut stale = Vec::new();
    for day in range.days() {
        if !job.has_traded_bars(day) {
            report.absent.push(day);
        } else if !options.force && job.is_current(&writer, day) {
            report.current += 1;
        } else {
            stale.push(day);
        }
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .internal_error()?;
    let chunks = chunks(&stale, options.jobs);
    let outcomes: Vec<CommandResult<Written>> = pool.install(|| {
        chunks
            .par_iter()
            .map(|days| job.build_days(days, &writer, options))
            .collect()
    });
    let mut missing = vec![0; columns.len()];
    for outcome in outcomes {
        let written = outcome?;
        report.built += written.days;
        report.rows += written.rows;
        for (sum, n) in missing.iter_mut().zip(written.missing) {
            *sum += n;
        }
    }
    if report.rows > 0 {
        let share = |missing: u64| missing as f64 / report.rows as f64;
        let all = columns.into_iter().zip(missing);
        report.columns = all
            .map(|(column, missing)| MissingShare {
                column,
                missing,
                share: share(missing),
            })
            .collect();
    }
    Ok(report)
}

/// Cuts days into runs of consecutive ones, short enough to keep every thread busy.
fn chunks(days: &[Day], jobs: usize) -> Vec<Vec<Day>> {
    let longest = days.len().div_ceil(jobs.max(1)).max(1);
    days.chunk_by(|a, b| a.plus(1) == *b)
        .flat_map(|run| run.chunks(longest))
        .map(<[Day]>::to_vec)
        .collect()
}

/// What a chunk of days came to.
struct Written {
    days: u64,
    rows: u64,
    missing: Vec<u64>,
}

/// Everything that days share.
struct Job {
    lake: Lake,
    keys: Vec<InstrumentKey>,
    traded: usize,
    universe: FeatureUniverse,
    params: FeatureSetParams,
    feature_set: String,
    warmup_days: u16,
    bar_spec: BarSetSpec,
    bar_set: String,
    /// Bars by instrument; `None` where the lake has no such set.
    bars: Vec<Option<PartitionSet>>,
    memo: HashMemo,
}

impl Job {
    fn open(config: &Config) -> CommandResult<Self> {
        let lake = Lake::new(&config.raw.paths.lake);
        let keys = pipeline::instrument_keys(config);
        let params = core_params::feature_set(&config.raw);
        let set = FeatureSet::new(&params, keys.len(), config.traded).config_error()?;
        let bar_spec = BarSetSpec::of(&config.raw)?;
        let mut bars = Vec::new();
        for key in &keys {
            let spec = bar_spec.bars_of(key)?;
            bars.push(PartitionSet::open_if_present(&lake, &spec).data_error()?);
        }
        Ok(Self {
            universe: universe_of(config),
            feature_set: set.id().to_owned(),
            warmup_days: set.warmup_days(),
            traded: config.traded,
            memo: HashMemo::default(),
            lake,
            keys,
            params,
            bar_set: bar_spec.id()?,
            bar_spec,
            bars,
        })
    }

    fn make_set(&self) -> CommandResult<FeatureSet> {
        FeatureSet::new(&self.params, self.keys.len(), self.traded).config_error()
    }

    /// The days before `day` that its features are rebuilt from, and the day itself.
    fn days_read(&self, day: Day) -> impl Iterator<Item = Day> + use<> {
        let n = i32::from(self.warmup_days);
        (-n..=0).map(move |k| day.plus(k))
    }

    fn has_traded_bars(&self, day: Day) -> bool {
        let set = self.bars[self.traded].as_ref();
        set.is_some_and(|set| set.manifest().partition(day).is_some())
    }

    /// Refuses days whose bars could be built and were not: their features would be null, and nobody would know why.
    fn require_bars(&self, range: TimeRange) -> CommandResult<()> {
        let warmup = range.start.day().plus(-i32::from(self.warmup_days));
        let read = TimeRange {
            start: warmup.start(),
            end: range.end,
        };
        let (mut missing, mut n) = (Vec::new(), 0);
        for (key, bars) in self.keys.iter().zip(&self.bars) {
            let raw = StreamSets::open(&self.lake, key, &self.bar_spec.sources).data_error()?;
            let has_bars = |day| {
                bars.as_ref()
                    .is_some_and(|set| set.manifest().partition(day).is_some())
            };
            let lacking: Vec<Day> = read
                .days()
                .filter(|day| !has_bars(*day) && raw.choose(&self.bar_spec.sources, *day).is_some())
                .collect();
            if let (Some(first), Some(last)) = (lacking.first(), lacking.last()) {
                n += lacking.len();
                missing.push(format!(
                    "`{key}`: {} day(s) of {first} to {last}",
                    lacking.len()
                ));
            }
        }
        let nothing = range.days().all(|day| !self.has_traded_bars(day));
        if n == 0 && !nothing {
            return Ok(());
        }
        let mut text = format!(
            "bars of set {} are missing in the lake `{}`",
            self.bar_set,
            self.lake.root().display()
        );
        if n == 0 {
            text = format!("{text}: none of `{}` in {range}", self.keys[self.traded]);
        }
        for line in &missing {
            text = format!("{text}\n  {line}");
        }
        Err(CommandError::text(ErrorKind::Data, &text).hint(format!(
            "build them first, warm-up included: `quant build-bars` with the same config and --set run.warmup_days={}",
            self.warmup_days
        )))
    }

    /// The bar partitions a day is made of: those of the day and of its warm-up, of every instrument.
    fn sources(&self, day: Day) -> Vec<Source> {
        let mut out = Vec::new();
        for set in self.bars.iter().flatten() {
            let partitions = self
                .days_read(day)
                .filter_map(|d| set.manifest().partition(d));
            out.extend(partitions.map(|p| derived_source(set.spec(), p)));
        }
        out
    }

    /// Whether a day was made of exactly the bars that are there now, by this code.
    fn is_current(&self, writer: &DatasetWriter, day: Day) -> bool {
        let wanted = self.sources(day);
        let hashes: Vec<&str> = wanted.iter().map(|s| s.sha256.as_str()).collect();
        writer
            .partition(day)
            // Manifests keep sources in an order of their own.
            .is_some_and(|p| {
                p.sources.len() == wanted.len() && wanted.iter().all(|s| p.sources.contains(s))
            })
            && writer.is_current(day, &hashes)
    }

    /// Replays the warm-up of consecutive days, then writes each of them.
    fn build_days(
        &self,
        days: &[Day],
        writer: &DatasetWriter,
        options: &FeatureOptions<'_>,
    ) -> CommandResult<Written> {
        let mut set = self.make_set()?;
        let n_columns = set.columns().len();
        let mut written = Written {
            days: 0,
            rows: 0,
            missing: vec![0; n_columns],
        };
        let Some(&first) = days.first() else {
            return Ok(written);
        };
        let warmup = self.days_read(first).filter(|d| *d < first);
        for day in warmup.chain(days.iter().copied()) {
            if options.stop.load(Ordering::Relaxed) {
                return Err(CommandError::text(
                    ErrorKind::Interrupted,
                    "interrupted while building features",
                )
                .hint("run the same command again: finished days are kept"));
            }
            let mut values = FeatureDay::new(n_columns);
            let is_wanted = day >= first;
            self.push_day(&mut set, day, |ts_open, ts_avail, row| {
                if is_wanted {
                    values.push(ts_open, ts_avail, row).internal_error()?;
                }
                Ok(())
            })?;
            if !is_wanted {
                continue;
            }
            written.days += 1;
            written.rows += values.rows() as u64;
            for (sum, n) in written.missing.iter_mut().zip(values.missing()) {
                *sum += n;
            }
            write_feature_day(writer, day, values, self.sources(day)).data_error()?;
            (options.on_day)(day);
        }
        Ok(written)
    }

    /// Pushes every minute of a day into a set and shows its values.
    fn push_day(
        &self,
        set: &mut FeatureSet,
        day: Day,
        mut show: impl FnMut(UnixMicros, UnixMicros, &[Option<f64>]) -> CommandResult<()>,
    ) -> CommandResult<()> {
        let mut minutes = Vec::with_capacity(self.bars.len());
        for bars in &self.bars {
            minutes.push(match bars {
                Some(bars) => read_stat_bars(bars, day.range(), &self.memo).data_error()?,
                None => StatRows::default(),
            });
        }
        let has_stats = minutes.iter().any(|m| !m.stats.is_empty());
        let sources: Vec<StatSources> = minutes.iter().map(|m| m.sources_of(day)).collect();
        let mut cursors = vec![0; minutes.len()];
        let mut frame: Vec<Option<MinuteRow>> = vec![None; minutes.len()];
        let mut frame_stats = Vec::new();
        let mut ts_open = day.start();
        while ts_open < day.end() {
            if has_stats {
                frame_stats.clear();
                frame_stats.resize(minutes.len() * N_STAT_COLUMNS, f64::NAN);
            }
            for (i, StatRows { rows, stats, .. }) in minutes.iter().enumerate() {
                let at = cursors[i];
                frame[i] = rows.get(at).copied().filter(|row| row.ts_open == ts_open);
                if frame[i].is_none() {
                    continue;
                }
                cursors[i] += 1;
                let of_row = at * N_STAT_COLUMNS..(at + 1) * N_STAT_COLUMNS;
                if let Some(values) = stats.get(of_row) {
                    let place = i * N_STAT_COLUMNS..(i + 1) * N_STAT_COLUMNS;
                    frame_stats[place].copy_from_slice(values);
                }
            }
            let row = set
                .push_with_stats(ts_open, &frame, &frame_stats, &sources)
                .internal_error()?;
            show(ts_open, row.ts_avail, &row.values)?;
            ts_open = ts_open.plus(MICROS_PER_MINUTE);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! Tests of how days are cut into chunks.
    use super::*;

    #[test]
    fn chunks_are_runs_of_consecutive_days_and_lose_none() {
        let days: Vec<Day> = [1, 2, 3, 4, 7, 8, 20].map(Day).to_vec();
        for jobs in 1..9 {
            let chunks = chunks(&days, jobs);
            assert_eq!(chunks.concat(), days);
            for chunk in &chunks {
                assert!(chunk.len() <= days.len().div_ceil(jobs));
                assert!(chunk.windows(2).all(|w| w[0].plus(1) == w[1]));
            }
        }
        assert_eq!(chunks(&days, 1).len(), 3);
        assert!(chunks(&[], 2).is_empty());
    }
}
