//! No look-ahead: what was known at an instant must not change when everything that was not available yet is taken away or falsified.
//!
//! The reference is built once. For every probed instant the raw partitions are rewritten in a scratch copy of the lake (twice: later rows cut,
//! later rows falsified), everything stale is rebuilt through the functions the commands use, and each row known at the
//! instant must have the bits it had. The instants are the `ts_avail` of rows: nothing between two of them can be known.

use std::collections::BTreeSet;
use std::path::Path;

use quant_core::time::{Day, MICROS_PER_MINUTE, TimeRange, UnixMicros};
use quant_lake::layout::Lake;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::Serialize;

use super::cut::{Availability, Future, cut_raw};
use super::scratch::{Scratch, copy_lake};
use super::table::{Comparison, Table};
use crate::config::Config;
use crate::error::{CommandError, CommandResult, ErrorKind};

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
    /// The row of every so many minutes.
    pub every_minutes: u32,
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
}

impl CausalityReport {
    /// Returns whether nothing known ever changed, and something was compared.
    pub const fn is_ok(&self) -> bool {
        self.comparison.n_differences == 0 && self.comparison.rows > 0 && self.rows_touched > 0
    }
}

/// How an audit runs; nothing here changes what it finds.
pub struct AuditOptions<'a> {
    /// When raw rows are available in truth, whatever the audited pipeline thinks.
    pub availability: &'a Availability,
    /// Told after each probe.
    pub on_probe: &'a (dyn Fn(u64, u64) + Sync),
    /// Ends the audit at the first difference.
    pub stop_at_first: bool,
    /// Raised by Ctrl-C.
    pub stop: &'a std::sync::atomic::AtomicBool,
}

/// Returns the instants to probe: `ts_avail` of minutes of the range, ascending. The first day of the range is among them.
fn instants(range: TimeRange, watermark_us: i64, probes: Probes) -> Vec<UnixMicros> {
    let n_minutes = (range.end.0 - range.start.0) / MICROS_PER_MINUTE;
    let mut minutes: BTreeSet<i64> = BTreeSet::new();
    let step = usize::try_from(probes.every_minutes.max(1)).unwrap_or(1);
    minutes.extend((0..n_minutes).skip(step / 2).step_by(step));
    let mut dice = ChaCha8Rng::seed_from_u64(probes.seed);
    let n = u64::try_from(n_minutes).unwrap_or(0);
    for _ in 0..probes.random.min(u32::try_from(n).unwrap_or(u32::MAX)) {
        // A remainder is biased by less than one part in 2^40 here, which does not matter for where to look.
        minutes.insert(i64::try_from(dice.next_u64() % n.max(1)).unwrap_or(0));
    }
    let at = |m: i64| {
        range
            .start
            .plus((m + 1) * MICROS_PER_MINUTE)
            .plus(watermark_us)
    };
    minutes.into_iter().map(at).collect()
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
    let base = scratch.path().join("base");
    copy_lake(&config.raw.paths.lake, &base)?;
    let reference = pipeline.tables(&in_lake(config, &base))?;
    let watermark_us = crate::config::core_params::watermark(&config.raw).0;
    let instants = instants(config.range, watermark_us, probes);
    let mut report = CausalityReport::default();
    let n = instants.len() as u64;
    for (i, at) in instants.into_iter().enumerate() {
        if options.stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(CommandError::text(
                ErrorKind::Interrupted,
                "interrupted between two probes; the lake was not written to",
            ));
        }
        for future in [Future::Cut, Future::Perturbed] {
            let lake = scratch.path().join("probe");
            copy_lake(&base, &lake)?;
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
    Ok(report)
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
    // A row can become available long after its own time: rows of earlier days may not be known yet.
    let longest = options.availability.lag_us.values().max().copied();
    let first = UnixMicros(at.0 - longest.unwrap_or(0) - MICROS_PER_MINUTE).day();
    let read = config.read_range();
    let days: Vec<Day> = read.days().filter(|d| *d >= first).collect();
    let mut touched = 0;
    for instrument in crate::run::pipeline::instrument_keys(config) {
        touched += cut_raw(
            &Lake::new(lake),
            &instrument,
            &days,
            at,
            options.availability,
            future,
        )?;
    }
    let mut probed = in_lake(config, lake);
    // What begins two days later is compared by later probes.
    let end = at.day().plus(2).start();
    probed.range.end = probed.range.end.min(end);
    let found = pipeline.tables(&probed)?;
    let mut comparison = Comparison::default();
    let opens = first.plus(-1).start().0..i64::MAX;
    for table in reference {
        let nothing = Table::default();
        let other = found.iter().find(|t| t.name == table.name);
        comparison.extend(table.compare(other.unwrap_or(&nothing), opens.clone(), at.0));
    }
    Ok((touched, comparison))
}

/// Returns the config with another lake.
pub(super) fn in_lake(config: &Config, lake: &Path) -> Config {
    let mut config = config.clone();
    lake.clone_into(&mut config.raw.paths.lake);
    config
}

#[cfg(test)]
mod tests;
