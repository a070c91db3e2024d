//! No look-ahead: what was known at an instant must not change when everything that was not available yet is taken away or falsified.
//!
//! The reference is built once. For every probed instant the raw partitions are rewritten in a scratch copy of the lake (twice: later rows cut,
//! later rows falsified), everything stale is rebuilt through the functions the commands use, and each row known at the
//! instant must have the bits it had. The instants are the `ts_avail` of rows: nothing between two of them can be known.

use std::collections::BTreeSet;
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampMicrosecondType;
use quant_core::features::FeatureSet;
use quant_core::time::{Day, TimeRange, UnixMicros};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::stream::StreamSets;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::Serialize;

use super::cut::{Availability, Future, cut_raw};
use super::interrupted;
use super::scratch::{Scratch, copy_lake, pin_sources};
use super::table::{Comparison, Table};
use crate::config::Config;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::bars::BarSetSpec;
use crate::run::pipeline::instrument_keys;

/// Stamps of a dataset that are probed.
const MAX_STAMPS: usize = 4;

/// What is audited: from a lake to rows with the moment they were known.
pub trait Pipeline: Sync {
    /// Builds whatever is missing or stale in the config's lake and returns the rows of its range.
    ///
    /// # Errors
    /// Whatever building says.
    fn tables(&self, config: &Config) -> CommandResult<Vec<Table>>;
}

/// Which instants are probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Probes {
    /// Every so many rows.
    pub every_rows: u32,
    /// And this many rows drawn at random.
    pub random: u32,
    /// Seed of the draw.
    pub seed: u64,
}

/// What the audit found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CausalityReport {
    /// Instants probed, each with the future cut and falsified.
    pub instants: u64,
    /// Raw rows taken away or falsified, summed over the instants.
    pub rows_touched: u64,
    /// Cells compared and different.
    pub comparison: Comparison,
    /// The instant whose probe first differed.
    pub first_at: Option<UnixMicros>,
    /// What was built of everything.
    #[serde(skip)]
    pub reference: Vec<Table>,
}

impl CausalityReport {
    /// Returns the columns of which no compared row had a value.
    pub fn empty_columns(&self) -> Vec<String> {
        let counts = self.comparison.non_null.iter();
        let empty = counts.filter(|(_, n)| *n == 0);
        empty.map(|(name, _)| name.clone()).collect()
    }

    /// Returns whether nothing known ever changed, and something was compared.
    pub const fn is_ok(&self) -> bool {
        self.comparison.n_differences == 0 && self.comparison.rows > 0 && self.rows_touched > 0
    }
}

/// How an audit runs; nothing here changes what it finds.
pub struct AuditOptions<'a> {
    /// When raw rows are available in truth, whatever the audited pipeline thinks.
    pub availability: &'a Availability,
    /// A dataset: the first rows that could hold a record of it are probed, too.
    pub stamps_of: Option<Dataset>,
    /// Told after each probe.
    pub on_probe: &'a (dyn Fn(u64, u64) + Sync),
    /// Ends the audit at the first difference.
    pub stop_at_first: bool,
    /// Raised by Ctrl-C.
    pub stop: &'a std::sync::atomic::AtomicBool,
}

/// Returns the instants to probe, ascending, at least one if there is a row: `ts_avail` of every so many rows of the range, and of
/// some drawn among those with data of their own, where the tables tell which are filled.
fn instants(range: TimeRange, reference: &[Table], probes: Probes) -> Vec<UnixMicros> {
    let (mut all, mut busy) = (BTreeSet::new(), BTreeSet::new());
    for table in reference {
        let n = table.columns.len();
        let filled = table.columns.iter().position(|c| c == "is_filled");
        for (row, (open, avail)) in table.ts_open.iter().zip(&table.ts_avail).enumerate() {
            if !range.contains(UnixMicros(*open)) {
                continue;
            }
            all.insert(*avail);
            if filled.is_some_and(|i| table.values[row * n + i] == Some(0.0)) {
                busy.insert(*avail);
            }
        }
    }
    let all: Vec<i64> = all.into_iter().collect();
    let busy: Vec<i64> = busy.into_iter().collect();
    let step = usize::try_from(probes.every_rows.max(1)).unwrap_or(1);
    let mut out: BTreeSet<i64> = all.iter().skip(step / 2).step_by(step).copied().collect();
    let drawn = if busy.is_empty() { &all } else { &busy };
    let mut dice = ChaCha8Rng::seed_from_u64(probes.seed);
    let n = drawn.len() as u64;
    for _ in 0..u64::from(probes.random).min(n) {
        // A remainder is biased by less than one part in 2^40 here, which does not matter for where to look.
        let at = usize::try_from(dice.next_u64() % n.max(1)).unwrap_or(0);
        out.extend(drawn.get(at));
    }
    if out.is_empty() {
        out.extend(drawn.get(drawn.len() / 2));
    }
    out.into_iter().map(UnixMicros).collect()
}

/// Returns the first instant of the reference at or after the stamp of each record of a dataset of the traded instrument in the range.
fn stamps(
    config: &Config,
    reference: &[Table],
    dataset: Dataset,
) -> CommandResult<Vec<UnixMicros>> {
    let key = DatasetKey {
        instrument: instrument_keys(config)[config.traded].clone(),
        dataset,
    };
    let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
    let lake = Lake::new(&config.raw.paths.lake);
    let Some(set) = PartitionSet::open_if_present(&lake, &spec).data_error()? else {
        return Ok(Vec::new());
    };
    let all: BTreeSet<i64> = (reference.iter())
        .flat_map(|table| table.ts_avail.iter().copied())
        .collect();
    let mut out = Vec::new();
    let memo = HashMemo::default();
    for batch in set.read(config.range, None, 1 << 14, &memo).data_error()? {
        let batch = batch.data_error()?;
        let times = batch
            .column_by_name("ts_event")
            .and_then(|a| a.as_primitive_opt::<TimestampMicrosecondType>());
        let times = times.map_or(&[][..], |a| a.values());
        let first = |ts: &i64| all.range(ts..).next().copied().map(UnixMicros);
        out.extend(times.iter().filter_map(first));
    }
    out.truncate(MAX_STAMPS);
    Ok(out)
}

/// Audits a pipeline over the range of `config`, whose lake holds the raw data; the lake itself is not written to.
///
/// # Errors
/// Of building, reading and writing; interrupted.
pub fn audit(
    config: &Config,
    pipeline: &dyn Pipeline,
    probes: Probes,
    options: &AuditOptions<'_>,
) -> CommandResult<CausalityReport> {
    let scratch = Scratch::create(&config.raw.paths.lake)?;
    let config = &prepared(config)?;
    let base = scratch.path().join("base");
    copy_lake(&config.raw.paths.lake, &base)?;
    pin_sources(config, &base)?;
    let reference = pipeline.tables(&in_lake(config, &base))?;
    // Long after the range: gone once and for all, so that a probe need not rewrite the rest of a large lake.
    let short = scratch.path().join("short");
    copy_lake(&base, &short)?;
    let near = config.last_day().plus(1);
    cut_far(config, &short, near, options)?;
    let mut instants = instants(config.range, &reference, probes);
    if let Some(dataset) = options.stamps_of {
        instants.extend(stamps(config, &reference, dataset)?);
        instants.sort_unstable();
        instants.dedup();
    }
    let mut report = CausalityReport::default();
    let n = instants.len() as u64;
    for (i, at) in instants.into_iter().enumerate() {
        if options.stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(interrupted());
        }
        for future in [Future::Cut, Future::Perturbed] {
            let lake = scratch.path().join("probe");
            match future {
                Future::Cut => copy_lake(&short, &lake)?,
                Future::Perturbed => copy_lake(&base, &lake)?,
            }
            let (touched, found) = probe(config, pipeline, &reference, &lake, at, future, options)?;
            report.rows_touched += touched;
            if found.n_differences > 0 {
                report.first_at.get_or_insert(at);
            }
            report.comparison.add(found);
            scratch.clear("probe")?;
        }
        report.instants += 1;
        (options.on_probe)(i as u64 + 1, n);
        if options.stop_at_first && report.comparison.n_differences > 0 {
            break;
        }
    }
    report.reference = reference;
    Ok(report)
}

/// Returns whether two builds are the same to the bit.
pub fn is_same(a: &[Table], b: &[Table]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b))
}

/// Returns whether no bit of the rows from a moment on differs between two builds.
pub fn is_same_from(start: UnixMicros, a: &[Table], b: &[Table]) -> bool {
    let same = |a: &Table, b: &Table| {
        let found = a.compare(b, start.0..i64::MAX, i64::MAX);
        a.name == b.name && found.n_differences == 0
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// Empties the days after `near`.
fn cut_far(
    config: &Config,
    lake: &Path,
    near: Day,
    options: &AuditOptions<'_>,
) -> CommandResult<()> {
    for instrument in instrument_keys(config) {
        cut_raw(
            &Lake::new(lake),
            &instrument,
            near.plus(1)..=Day(i32::MAX),
            near.end().plus(-1),
            options.availability,
            Future::Cut,
        )?;
    }
    Ok(())
}

/// Rebuilds one scratch lake without the future of `at` and compares what was known.
fn probe(
    config: &Config,
    pipeline: &dyn Pipeline,
    reference: &[Table],
    lake: &Path,
    at: UnixMicros,
    future: Future,
    options: &AuditOptions<'_>,
) -> CommandResult<(u64, Comparison)> {
    // The day after the last one that is read, too; of those after it see `cut_far`.
    let last = config.last_day().plus(1);
    let mut touched = 0;
    for instrument in instrument_keys(config) {
        touched += cut_raw(
            &Lake::new(lake),
            &instrument,
            Day(i32::MIN)..=last,
            at,
            options.availability,
            future,
        )?;
    }
    let mut probed = in_lake(config, lake);
    // Rows of later days are not known, and nothing of them is compared.
    let end = at.day().end();
    probed.range.end = probed.range.end.min(end);
    let found = pipeline.tables(&probed)?;
    let mut comparison = Comparison::default();
    for table in reference {
        let nothing = Table::default();
        let other = found.iter().find(|t| t.name == table.name);
        comparison.extend(table.compare(other.unwrap_or(&nothing), i64::MIN..i64::MAX, at.0));
    }
    Ok((touched, comparison))
}

/// Returns the config with the days before the range that its features are rebuilt from.
///
/// # Errors
/// Data if the lake holds nothing to build bars of the traded instrument from; of reading manifests.
pub(super) fn prepared(config: &Config) -> CommandResult<Config> {
    let spec = BarSetSpec::of(&config.raw)?;
    let key = &instrument_keys(config)[config.traded];
    let lake = Lake::new(&config.raw.paths.lake);
    let sets = StreamSets::open(&lake, key, &spec.sources).data_error()?;
    if !config
        .range
        .days()
        .any(|day| sets.choose(&spec.sources, day).is_some())
    {
        return Err(CommandError::text(
            ErrorKind::Data,
            &format!(
                "the lake `{}` holds nothing to build bars of `{key}` from in {}",
                lake.root().display(),
                config.range
            ),
        )
        .hint("ingest the range first (`quant build-dataset`), or set run.start and run.end to days the lake holds"));
    }
    let params = crate::config::core_params::feature_set(&config.raw);
    let n = config.raw.instruments.len();
    let set = FeatureSet::new(&params, n, config.traded).config_error()?;
    let mut out = config.clone();
    let warmup = config.range.start.day().plus(-i32::from(set.warmup_days()));
    out.first_day = out.first_day.min(warmup);
    Ok(out)
}

/// Returns the config with another lake.
pub(super) fn in_lake(config: &Config, lake: &Path) -> Config {
    let mut config = config.clone();
    lake.clone_into(&mut config.raw.paths.lake);
    config
}

#[cfg(test)]
mod tests;
