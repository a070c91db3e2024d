//! `run-all`: dataset -> bars -> features -> regime -> entries -> backtest -> report, gates included.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use quant_core::market::{Funding, Instrument, InstrumentKey};
use quant_core::metrics::{MetricSet, Statistic};
use quant_core::strategy::CandidateStatus;
use quant_core::time::{Day, TimeRange, UnixMicros};
use quant_lake::bars::{StatRows, read_stat_bars};
use quant_lake::ingest::{IngestOptions, IngestReport, Progress};
use quant_lake::instruments::InstrumentTable;
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use serde::Serialize;

use super::bars::{BarSetSpec, BarsReport, BuildOptions};
use super::dir::{RunDir, finished_exit_code};
use super::engine::{Engine, EngineOutcome, EngineParams};
use super::gaps::{self, InputGaps};
use super::gates::Gate;
use super::identity::Identity;
use super::inputs::Inputs;
use super::{ensure, inputs, instruments, wall_clock};
use crate::config::{Config, IngestSource, RawFees, core_params};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::report::{self, RunReport, VariantReport};

/// Exit code of a run that a gate stopped.
const GATE_EXIT: u8 = ErrorKind::Gate.exit_code();

/// How a run is done; nothing here changes a number.
pub struct RunOptions<'a> {
    /// Compute even if the same run is there.
    pub force: bool,
    /// Worker threads.
    pub jobs: usize,
    /// Raised by Ctrl-C.
    pub stop: Arc<AtomicBool>,
    /// Observer of ingestion.
    pub ingest_progress: &'a dyn Progress,
    /// Told what each ingest came to.
    pub on_ingest: &'a (dyn Fn(&InstrumentKey, &IngestReport) + Sync),
    /// Told what begins.
    pub on_stage: &'a (dyn Fn(&str) + Sync),
    /// Told after each day of bars and of the backtest.
    pub on_day: &'a (dyn Fn(&'static str, Day) + Sync),
}

/// How a run ended.
#[derive(Clone, Debug, Serialize)]
pub struct RunOutcome {
    /// Run id.
    pub run_id: String,
    /// Run folder.
    pub dir: PathBuf,
    /// 0, or 4 if a gate refused.
    pub exit_code: u8,
    /// The same run was there already.
    pub cache_hit: bool,
    /// What a reader wants to see first.
    pub summary: String,
}

/// What a run takes from the lake and the tables, settled before its identity is.
struct Prepared {
    lake: Lake,
    keys: Vec<InstrumentKey>,
    terms: Vec<Instrument>,
    bar_spec: BarSetSpec,
    inputs: Inputs,
    identity: Identity,
}

/// Runs the whole pipeline of `config`.
///
/// # Errors
/// Configuration, data and internal errors; a gate that refuses is an outcome, not an error.
pub fn run_all(config: &Config, options: &RunOptions<'_>) -> CommandResult<RunOutcome> {
    let mut timing = Timing::default();
    let prepared = prepare(config, options, &mut timing)?;
    let artifacts = &config.raw.paths.artifacts;
    let visible = artifacts.join("runs").join(&prepared.identity.run_id);
    if !options.force
        && let Some(exit_code) = finished_exit_code(&visible)?
        && report::is_intact(&visible)?
    {
        let file = if exit_code == 0 {
            report::REPORT_FILE
        } else {
            report::DIAGNOSIS_FILE
        };
        let path = visible.join(file);
        let summary =
            std::fs::read_to_string(&path).map_err(|e| CommandError::io("read", &path, &e))?;
        return Ok(RunOutcome {
            run_id: prepared.identity.run_id,
            dir: visible,
            exit_code,
            cache_hit: true,
            summary,
        });
    }
    let dir = RunDir::begin(artifacts, &prepared.identity.run_id)?;
    let (run, engine) = compute(config, &prepared, options, &mut timing)?;
    (options.on_stage)("report");
    let started = Instant::now();
    let summary = report::write(&dir, config, &run, engine.as_ref())?;
    timing.add("report", started);
    dir.json("timing.json", &timing)?;
    let dir = dir.finish()?;
    Ok(RunOutcome {
        run_id: prepared.identity.run_id,
        dir,
        exit_code: run.exit_code,
        cache_hit: false,
        summary,
    })
}

/// Builds the bars of `config` without running anything on them.
///
/// # Errors
/// Configuration, data and internal errors.
pub fn build_bars(config: &Config, options: &RunOptions<'_>) -> CommandResult<Vec<BarsReport>> {
    let lake = Lake::new(&config.raw.paths.lake);
    let keys = instrument_keys(config);
    bars_of(config, &lake, &keys, options)
}

/// Wall time and ingest actions of one invocation: the part of a run that differs from run to run.
#[derive(Default, Serialize)]
struct Timing {
    started_at: Option<UnixMicros>,
    stages_ms: BTreeMap<&'static str, u128>,
    ingest: Vec<serde_json::Value>,
    bars: Vec<BarsReport>,
}

impl Timing {
    fn add(&mut self, stage: &'static str, since: Instant) {
        *self.stages_ms.entry(stage).or_default() += since.elapsed().as_millis();
    }
}

/// Returns the instruments of a config, in its order.
pub(crate) fn instrument_keys(config: &Config) -> Vec<InstrumentKey> {
    config
        .raw
        .instruments
        .iter()
        .map(|i| InstrumentKey {
            exchange: i.exchange,
            market: i.market,
            symbol: i.symbol.clone(),
        })
        .collect()
}

fn prepare(
    config: &Config,
    options: &RunOptions<'_>,
    timing: &mut Timing,
) -> CommandResult<Prepared> {
    timing.started_at = Some(wall_clock());
    let lake = Lake::new(&config.raw.paths.lake);
    let keys = instrument_keys(config);
    keys.iter().try_for_each(ensure::require_market)?;
    let table = instruments::load(config.raw.paths.instruments.as_deref())?;
    let terms = keys
        .iter()
        .map(|key| instruments::terms_over(&table, key, config.range))
        .collect::<CommandResult<Vec<_>>>()?;
    (options.on_stage)("dataset");
    let started = Instant::now();
    ensure_data(config, &lake, &table, &keys, &terms, options, timing)?;
    timing.add("dataset", started);
    let used = table.restricted_to(&keys);
    let bar_spec = BarSetSpec::of(&config.raw)?;
    let mut inputs = inputs::collect(&lake, &keys, &input_datasets(config), config.read_range())?;
    inputs::collect_statistics(&lake, &keys, &bar_spec, config.read_range(), &mut inputs)?;
    let identity = Identity::of(&config.identity(), &inputs.inputs, &used.content_sha256());
    Ok(Prepared {
        lake,
        keys,
        terms,
        bar_spec,
        inputs,
        identity,
    })
}

/// Returns the datasets a run reads: the sources of bars, and settled funding for the account.
fn input_datasets(config: &Config) -> Vec<Dataset> {
    let mut out = config.raw.bars.sources.clone();
    out.push(Dataset::Funding);
    out
}

fn ensure_data(
    config: &Config,
    lake: &Lake,
    table: &InstrumentTable,
    keys: &[InstrumentKey],
    terms: &[Instrument],
    options: &RunOptions<'_>,
    timing: &mut Timing,
) -> CommandResult<()> {
    let raw = &config.raw.ingest;
    let created_at = wall_clock();
    if raw.source == IngestSource::Lake {
        return Ok(());
    }
    let context = ensure::IngestContext {
        lake,
        options: IngestOptions {
            jobs: options.jobs,
            max_quarantine_share: raw.max_quarantine_share,
            allow_missing_checksum: raw.vision.allow_missing_checksum,
            keep_sources: raw.keep_sources,
            ..IngestOptions::default()
        },
        created_at,
        progress: options.ingest_progress,
        stop: &options.stop,
    };
    let range = config.read_range();
    for (key, terms) in keys.iter().zip(terms) {
        instruments::write_to_lake(lake, table, key, created_at)?;
        let report = match (raw.source, &raw.synth, &raw.csv) {
            (IngestSource::Synth, Some(synth), _) => {
                let on_day = |day| (options.on_day)("simulating", day);
                ensure::synth(&context, synth, key, &raw.datasets, range, terms, &on_day)?
            }
            (IngestSource::Csv, _, Some(csv)) => {
                ensure::csv(&context, csv, key, None, (terms, table.rows_of(key)))?
            }
            // A lake that holds every day needs no network; `build-dataset` asks again whether files were replaced.
            (IngestSource::Vision, _, _)
                if raw.vision.root.is_none()
                    && ensure::holds_all(lake, key, &raw.datasets, range)? =>
            {
                IngestReport::default()
            }
            (IngestSource::Vision, _, _) => ensure::vision(
                &context,
                &raw.vision,
                key,
                &raw.datasets,
                range,
                table.rows_of(key),
            )?,
            _ => {
                return Err(CommandError::text(
                    ErrorKind::Config,
                    "`ingest.source` names a source without its section",
                ));
            }
        };
        timing.ingest.push(ingest_summary(key, &report));
        (options.on_ingest)(key, &report);
        ensure::require_success(&report)?;
    }
    Ok(())
}

fn ingest_summary(key: &InstrumentKey, report: &IngestReport) -> serde_json::Value {
    serde_json::json!({
        "instrument": key.to_string(),
        "files": report.files.len(),
        "days_written": report.days_written(),
        "rows": report.counts(),
    })
}

fn bars_of(
    config: &Config,
    lake: &Lake,
    keys: &[InstrumentKey],
    options: &RunOptions<'_>,
) -> CommandResult<Vec<BarsReport>> {
    let spec = BarSetSpec::of(&config.raw)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .internal_error()?;
    pool.install(|| {
        keys.iter()
            .map(|key| {
                super::bars::build(
                    lake,
                    key,
                    &spec,
                    config.read_range(),
                    BuildOptions {
                        force: options.force,
                        created_at: wall_clock(),
                        stop: &options.stop,
                        on_day: &|day| (options.on_day)("bars", day),
                    },
                )
            })
            .collect()
    })
}

fn compute(
    config: &Config,
    prepared: &Prepared,
    options: &RunOptions<'_>,
    timing: &mut Timing,
) -> CommandResult<(RunReport, Option<EngineOutcome>)> {
    let mut run = RunReport::new(config, &prepared.identity, &prepared.inputs, &prepared.keys);
    let traded = &prepared.keys[config.traded];
    let days_with_data = days_with_data(config, prepared);
    run.gates.push(Gate::at_least(
        "data",
        days_with_data as f64,
        1.0,
        || {
            format!(
                "the lake holds no trades or klines of `{traded}` in {}",
                config.range
            )
        },
        || fetch_commands(config, traded),
    ));
    if run.stopped() {
        return Ok((run, None));
    }
    (options.on_stage)("quality");
    let started = Instant::now();
    run.gaps = gaps_of(config, prepared, options)?;
    timing.add("quality", started);
    run.gates.push(gap_gate(config, prepared, &run.gaps));
    (options.on_stage)("bars");
    let started = Instant::now();
    let bars = bars_of(config, &prepared.lake, &prepared.keys, options)?;
    timing.add("bars", started);
    run.bar_set = Some(prepared.bar_spec.id()?);
    (options.on_stage)("backtest");
    let started = Instant::now();
    let outcome = drive(config, prepared, &bars, &run.gaps, options)?;
    timing.bars = bars;
    timing.add("backtest", started);
    let coverage = outcome.coverage[config.traded].clone();
    run.gates.push(Gate::at_least(
        "bars",
        coverage.real as f64,
        1.0,
        || format!("no minute of {} has a real bar", config.range),
        || fetch_commands(config, traded),
    ));
    run.gates.push(Gate::at_least(
        "min_coverage",
        coverage.share().unwrap_or(0.0),
        config.raw.gates.min_coverage,
        || {
            format!(
                "{} of {} minutes have no real bar ({} of days the lake does not hold, {} without a trade or without a row in the source); see data_gap_report.json",
                coverage.expected - coverage.real, coverage.expected, coverage.absent, coverage.empty
            )
        },
        || {
            let mut out = fetch_commands(config, traded);
            out.push("accept less: --set gates.min_coverage=...".to_owned());
            out
        },
    ));
    let accepted = |c: &&super::engine::CandidateRow| {
        c.candidate.status == CandidateStatus::Accepted && c.refusal.is_none()
    };
    let ordered = outcome.candidates.iter().filter(accepted).count();
    if !run.stopped() {
        run.gates.push(Gate::at_least(
            "min_entries",
            ordered as f64,
            config.raw.gates.min_entries as f64,
            || {
                "not enough candidates were accepted and ordered; entries_5m.parquet and pipeline_health.json say what stopped each"
                    .to_owned()
            },
            || {
                vec![
                    "evaluate a longer range: --set run.end=...".to_owned(),
                    "loosen the condition that rejects most: see `entries` in pipeline_health.json".to_owned(),
                ]
            },
        ));
    }
    for variant in &outcome.variants {
        let mut metrics = MetricSet::compute(
            &variant.trades,
            &variant.equity,
            config.range,
            config.raw.risk.start_equity,
        );
        metrics.extend(gap_statistics(&coverage, variant));
        run.variants.push(VariantReport {
            name: variant.name,
            metrics,
        });
    }
    run.exit_code = if run.stopped() { GATE_EXIT } else { 0 };
    Ok((run, Some(outcome)))
}

/// Counts what of a variant lies in minutes without data.
fn gap_statistics(
    coverage: &super::engine::InstrumentCoverage,
    variant: &super::engine::VariantOutcome,
) -> [Statistic; 2] {
    let count = |name, unit, value: usize, n| Statistic {
        name,
        value: Some(value as f64),
        n,
        unit,
        reason: None,
        detail: None,
    };
    let masked = usize::try_from(coverage.masked).unwrap_or(usize::MAX);
    let over = variant
        .trades
        .iter()
        .filter(|t| coverage.gap_minutes(t.ts_entry, t.ts_exit) > 0)
        .count();
    [
        count("masked_minutes", "minutes", masked, coverage.expected),
        count(
            "trades_over_gaps",
            "trades",
            over,
            variant.trades.len() as u64,
        ),
    ]
}

/// Assesses the inputs of every instrument.
fn gaps_of(
    config: &Config,
    prepared: &Prepared,
    options: &RunOptions<'_>,
) -> CommandResult<Vec<InputGaps>> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .internal_error()?;
    pool.install(|| {
        let of = |key| {
            gaps::assess(
                &prepared.lake,
                key,
                &config.raw.bars.sources,
                config.read_range(),
                config.range,
            )
        };
        prepared.keys.iter().map(of).collect()
    })
}

/// Refuses inputs with gaps or failures, unless the config allows them.
fn gap_gate(config: &Config, prepared: &Prepared, gaps: &[InputGaps]) -> Gate {
    let allowed = config.raw.gates.allow_gaps;
    let failures: Vec<(&InstrumentKey, &quant_lake::quality::Finding)> = prepared
        .keys
        .iter()
        .zip(gaps)
        .flat_map(|(key, g)| g.failures.iter().map(move |f| (key, f)))
        .collect();
    let range = config.read_range();
    let masked: u64 = gaps.iter().map(|g| g.mask.minutes_in(&range)).sum();
    let passed = allowed || failures.is_empty();
    let bad_days: std::collections::BTreeSet<(&InstrumentKey, Day)> =
        failures.iter().map(|(key, f)| (*key, f.day)).collect();
    let days = prepared.keys.len() * range.days().count();
    let mut missing = String::new();
    let mut remedies = Vec::new();
    if !passed {
        let first: Vec<String> = failures
            .iter()
            .take(5)
            .map(|(key, f)| format!("{key} {} {}: {} ({})", f.dataset, f.day, f.text, f.detector))
            .collect();
        let more = failures.len().saturating_sub(first.len());
        missing = format!(
            "{} gap(s) or defect(s) in the inputs, {masked} minutes concerned; see data_gap_report.json\n\n- {}",
            failures.len(),
            first.join("\n- ")
        );
        if more > 0 {
            missing = format!("{missing}\n- and {more} more");
        }
        remedies = fetch_commands(config, failures[0].0);
        remedies.push("run without the minutes concerned: --allow-gaps".to_owned());
    }
    Gate {
        name: "gaps",
        passed,
        // Share of the days read that are without a failure.
        measured: Some(1.0 - bad_days.len() as f64 / days.max(1) as f64),
        required: Some(if allowed { 0.0 } else { 1.0 }),
        missing,
        remedies,
    }
}

/// Returns how many days of the evaluated range have anything to make bars from.
fn days_with_data(config: &Config, prepared: &Prepared) -> u64 {
    let sets: Vec<String> = config
        .raw
        .bars
        .sources
        .iter()
        .map(|&dataset| {
            let instrument = prepared.keys[config.traded].clone();
            PartitionSetSpec::raw(
                &DatasetKey {
                    instrument,
                    dataset,
                },
                DEFAULT_BOOK_LEVELS,
            )
            .dir
        })
        .collect();
    let days: std::collections::BTreeSet<Day> = prepared
        .inputs
        .inputs
        .iter()
        .filter(|i| i.rows > 0 && sets.contains(&i.set) && config.range.contains(i.date.start()))
        .map(|i| i.date)
        .collect();
    days.len() as u64
}

/// Returns the commands that would fetch what is missing. Places stay words (`LAKE`, `CONFIG`): where files are is no
/// part of a run, and the same refusal must read the same everywhere.
fn fetch_commands(config: &Config, key: &InstrumentKey) -> Vec<String> {
    let range = config.read_range();
    let (start, end) = (range.start.day(), range.end.day());
    let datasets: Vec<&str> = config
        .raw
        .ingest
        .datasets
        .iter()
        .map(|d| d.name())
        .collect();
    match config.raw.ingest.source {
        IngestSource::Csv => vec![
            "check `ingest.csv` (path, stamp, time_format) and `run.start`/`run.end` against the file".to_owned(),
        ],
        _ if key.exchange.simulated => {
            vec!["quant run-all --config CONFIG --set ingest.source=synth".to_owned()]
        }
        _ => vec![format!(
            "quant build-dataset --exchange {} --market {} --symbol {} --start {start} --end {end} --source vision --datasets {} --lake LAKE",
            key.exchange, key.market, key.symbol, datasets.join(",")
        )],
    }
}

/// Drives the decision loop over every day that is read.
fn drive(
    config: &Config,
    prepared: &Prepared,
    bars: &[BarsReport],
    gaps: &[InputGaps],
    options: &RunOptions<'_>,
) -> CommandResult<EngineOutcome> {
    let raw = &config.raw;
    let terms = &prepared.terms[config.traded];
    let (maker, taker) = match &raw.execution.fees {
        RawFees::Instrument => (terms.maker_bps, terms.taker_bps),
        RawFees::Fixed(fees) => (fees.maker_bps, fees.taker_bps),
    };
    let venue = core_params::venue(raw, maker, taker);
    let mut engine = Engine::new(EngineParams {
        features: core_params::feature_set(raw),
        regime: core_params::regime(raw),
        entries: core_params::entries(raw),
        columns: core_params::columns(raw),
        sizing: core_params::sizing(raw),
        barrier: core_params::barrier(raw, 1.0),
        variants: vec![
            ("baseline", venue),
            ("baseline_zero_cost", venue.zero_cost()),
        ],
        instruments: prepared.terms.clone(),
        traded: config.traded,
        range: config.range,
        masks: if raw.gates.allow_gaps {
            gaps.iter().map(|g| g.mask.clone()).collect()
        } else {
            // The run is refused if there is anything to mask; its coverage then shows what there is.
            Vec::new()
        },
    })
    .config_error()?;
    let memo = HashMemo::default();
    let mut sets = Vec::new();
    for key in &prepared.keys {
        let spec = prepared.bar_spec.bars_of(key)?;
        sets.push(PartitionSet::open_if_present(&prepared.lake, &spec).data_error()?);
    }
    for (idx, funding) in funding_of(config, prepared, &memo)? {
        engine.push_funding(idx, funding);
    }
    for day in config.read_range().days() {
        if options.stop.load(Ordering::Relaxed) {
            return Err(CommandError::text(
                ErrorKind::Interrupted,
                "interrupted in the backtest",
            ));
        }
        let rows = sets
            .iter()
            .zip(bars)
            .map(|(set, report)| match set {
                // Bars of a day whose raw data is gone are no input of this run: its identity says `absent`.
                Some(set) if !report.absent.contains(&day) => {
                    read_stat_bars(set, day.range(), &memo).data_error()
                }
                _ => Ok(StatRows::default()),
            })
            .collect::<CommandResult<Vec<_>>>()?;
        engine.push_day(day, &rows).internal_error()?;
        (options.on_day)("backtest", day);
    }
    Ok(engine.finish())
}

/// Reads settled funding of every instrument in the evaluated range, in order of time.
fn funding_of(
    config: &Config,
    prepared: &Prepared,
    memo: &HashMemo,
) -> CommandResult<Vec<(usize, Funding)>> {
    use arrow_array::Array as _;
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::{Float64Type, Int32Type, TimestampMicrosecondType};
    let mut out = Vec::new();
    for (idx, key) in prepared.keys.iter().enumerate() {
        let dataset = DatasetKey {
            instrument: key.clone(),
            dataset: Dataset::Funding,
        };
        let spec = PartitionSetSpec::raw(&dataset, DEFAULT_BOOK_LEVELS);
        let Some(set) = PartitionSet::open_if_present(&prepared.lake, &spec).data_error()? else {
            continue;
        };
        let range = TimeRange {
            start: config.range.start,
            end: config.range.end,
        };
        for batch in set.read(range, None, 4_096, memo).data_error()? {
            let batch = batch.data_error()?;
            let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
            let rates = batch.column(1).as_primitive::<Float64Type>();
            let hours = batch.column(2).as_primitive::<Int32Type>();
            for row in 0..batch.num_rows() {
                let interval = (!hours.is_null(row)).then(|| hours.value(row));
                out.push((
                    idx,
                    Funding {
                        ts_event: UnixMicros(times.value(row)),
                        rate: rates.value(row),
                        interval_h: interval.and_then(|h| u32::try_from(h).ok()).unwrap_or(0),
                    },
                ));
            }
        }
    }
    out.sort_by_key(|(idx, f)| (f.ts_event, *idx));
    Ok(out)
}
