//! `build-bars`: one day of one instrument at a time, from the best source the lake holds, with its opening.
//!
//! A day is rebuilt only if what it was made of changed: the bar partition's manifest names the content hash of every raw
//! partition it was made from and of the opening, whose manifest names those of the days before. Days are independent,
//! so they run in parallel.

mod day;
mod spec;

use std::sync::atomic::{AtomicBool, Ordering};

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange, UnixMicros};
use quant_lake::commit::{DatasetWriter, WriterOptions};
use quant_lake::layout::Lake;
use quant_lake::manifest::IngestParams;
use quant_lake::openings::{OPENINGS_VERSION, VolumeMemo};
use quant_lake::read::HashMemo;
use quant_lake::stream::StreamSets;
use rayon::prelude::*;
use serde::Serialize;

use self::day::Shared;
pub use self::spec::{BUILDER_VERSION, BarSetSpec, MICRO_VERSION};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};

/// What happened to the bars of one instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BarsReport {
    /// Instrument id.
    pub instrument: String,
    /// Bar set id.
    pub bar_set: String,
    /// Days built now.
    pub built: u64,
    /// Days that were up to date.
    pub current: u64,
    /// Days without any raw partition to build from; bars an earlier state of the lake left for them are not used.
    pub absent: Vec<Day>,
    /// Days per source.
    pub sources: std::collections::BTreeMap<&'static str, u64>,
}

/// How a bar job runs; nothing here changes a number.
#[derive(Clone, Copy)]
pub struct BuildOptions<'a> {
    /// Rebuild what is up to date.
    pub force: bool,
    /// Written to manifests.
    pub created_at: UnixMicros,
    /// Raised by Ctrl-C.
    pub stop: &'a AtomicBool,
    /// Told after each day.
    pub on_day: &'a (dyn Fn(Day) + Sync),
}

/// Builds what is missing or stale of the days of `range` of one instrument.
///
/// # Errors
/// Data errors of reading and writing; internal ones of the file system; interrupted.
pub fn build(
    lake: &Lake,
    instrument: &InstrumentKey,
    spec: &BarSetSpec,
    range: TimeRange,
    options: BuildOptions<'_>,
) -> CommandResult<BarsReport> {
    let mut report = BarsReport {
        instrument: instrument.to_string(),
        bar_set: spec.id()?,
        ..BarsReport::default()
    };
    let sets = StreamSets::open(lake, instrument, &spec.datasets()).data_error()?;
    let mut plans = Vec::new();
    for day in range.days() {
        match sets.choose(&spec.sources, day) {
            None => report.absent.push(day),
            Some(source) => {
                *report.sources.entry(source.name()).or_default() += 1;
                plans.push(sets.plan(day, source, spec.microstructure.as_ref()));
            }
        }
    }
    if plans.is_empty() {
        return Ok(report);
    }
    let mut params = IngestParams::new();
    params.insert(
        "bar_set".to_owned(),
        serde_json::to_value(spec).internal_error()?,
    );
    // Openings of a set with statistics are made with its parameters; the last price depends on none.
    let openings_params = match spec.microstructure {
        None => IngestParams::new(),
        Some(_) => params.clone(),
    };
    let openings = DatasetWriter::open(
        lake,
        spec.openings_of(instrument)?,
        WriterOptions::new(OPENINGS_VERSION, openings_params, options.created_at),
    )
    .data_error()?;
    let bars = DatasetWriter::open(
        lake,
        spec.bars_of(instrument)?,
        WriterOptions::new(BUILDER_VERSION, params, options.created_at),
    )
    .data_error()?;
    let shared = Shared {
        lake,
        spec,
        sets: &sets,
        openings: &openings,
        bars: &bars,
        memo: &HashMemo::default(),
        volumes: &VolumeMemo::default(),
        force: options.force,
    };
    let built: Vec<CommandResult<bool>> = plans
        .par_iter()
        .map(|plan| {
            if options.stop.load(Ordering::Relaxed) {
                return Err(CommandError::text(
                    ErrorKind::Interrupted,
                    "interrupted while building bars",
                )
                .hint("run the same command again: finished days are kept"));
            }
            let fresh = shared.build(plan)?;
            (options.on_day)(plan.day);
            Ok(fresh)
        })
        .collect();
    for outcome in built {
        if outcome? {
            report.built += 1;
        } else {
            report.current += 1;
        }
    }
    Ok(report)
}
