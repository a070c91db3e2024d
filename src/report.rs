//! What a run leaves behind: JSON, Parquet and Markdown, every number of the text found in a file beside it.

mod diagnosis;
mod frames;
mod markdown;
pub mod svg;
pub mod table;

use std::collections::BTreeMap;
use std::path::Path;

use quant_core::market::InstrumentKey;
use quant_core::metrics::Statistic;
use quant_core::sim::ExitReason;
use quant_core::strategy::{Subtype, SubtypeCounts};
use quant_core::time::TimeRange;
use serde::Serialize;

use crate::config::Config;
use crate::error::{CommandError, CommandResult, Kinded as _};
use crate::run::dir::{RunDir, STATUS_FILE};
use crate::run::engine::{EngineOutcome, InstrumentCoverage};
use crate::run::gaps::InputGaps;
use crate::run::gates::Gate;
use crate::run::identity::{Identity, Input, sha256_hex};
use crate::run::inputs::{DatasetHealth, Inputs};

/// The report of a finished run.
pub const REPORT_FILE: &str = "report.md";
/// What is said instead when a gate refused.
pub const DIAGNOSIS_FILE: &str = "RUN_DIAGNOSIS.md";
/// Files that differ from run to run and are therefore no part of its identity.
pub const VOLATILE_FILES: [&str; 2] = ["timing.json", "deflation.json"];

/// A trade count below this is flagged: nothing can be said about so few.
const FEW_TRADES: u64 = 30;

/// Metrics of one variant.
#[derive(Clone, Debug, Serialize)]
pub struct VariantReport {
    /// Variant.
    pub name: &'static str,
    /// Statistics in a fixed order.
    pub metrics: Vec<Statistic>,
}

/// Everything a report is written from, beside the outcome of the decision loop.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Identity.
    pub identity: Identity,
    /// Evaluated range.
    pub range: TimeRange,
    /// Instruments.
    pub keys: Vec<InstrumentKey>,
    /// Position of the traded one.
    pub traded: usize,
    /// Inputs.
    pub inputs: Vec<Input>,
    /// Health of the inputs.
    pub health: Vec<DatasetHealth>,
    /// Bar set, once built.
    pub bar_set: Option<String>,
    /// What the quality detectors say about the inputs, per instrument; empty before they ran.
    pub gaps: Vec<InputGaps>,
    /// Gates in the order they were met.
    pub gates: Vec<Gate>,
    /// Metrics.
    pub variants: Vec<VariantReport>,
    /// 0 or 4.
    pub exit_code: u8,
}

impl RunReport {
    /// Returns the report of a run that has not begun to compute.
    pub fn new(
        config: &Config,
        identity: &Identity,
        inputs: &Inputs,
        keys: &[InstrumentKey],
    ) -> Self {
        Self {
            identity: identity.clone(),
            range: config.range,
            keys: keys.to_vec(),
            traded: config.traded,
            inputs: inputs.inputs.clone(),
            health: inputs.health.clone(),
            bar_set: None,
            gaps: Vec::new(),
            gates: Vec::new(),
            variants: Vec::new(),
            exit_code: crate::error::ErrorKind::Gate.exit_code(),
        }
    }

    /// Returns whether a gate refused.
    pub fn stopped(&self) -> bool {
        self.gates.iter().any(|g| !g.passed)
    }

    /// Returns whether anything read was made by the simulator.
    pub fn is_simulated(&self) -> bool {
        self.keys.iter().any(|k| k.exchange.simulated)
    }
}

/// Something a reader should know before believing the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) detail: String,
}

/// Counts and sums of the trades of one subtype.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SubtypeTrades {
    pub(crate) trades: u64,
    pub(crate) wins: u64,
    pub(crate) net: f64,
    pub(crate) exits: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct BacktestHealth<'a> {
    name: &'a str,
    trades: u64,
    unfilled: u64,
    ambiguous: u64,
    exits: BTreeMap<&'static str, u64>,
    by_subtype: BTreeMap<&'static str, SubtypeTrades>,
}

#[derive(Serialize)]
struct PipelineHealth<'a> {
    simulated: bool,
    ingest: &'a [DatasetHealth],
    bars: Option<BarsHealth<'a>>,
    features: Option<FeaturesHealth>,
    regime: Option<RegimeHealth<'a>>,
    entries: Option<BTreeMap<&'static str, &'a SubtypeCounts>>,
    backtest: Vec<BacktestHealth<'a>>,
    gates: &'a [Gate],
    flags: Vec<Flag>,
}

#[derive(Serialize)]
struct BarsHealth<'a> {
    bar_set: Option<&'a str>,
    bars_5m: u64,
    instruments: BTreeMap<String, MinuteCounts>,
}

#[derive(Serialize)]
struct MinuteCounts {
    expected: u64,
    real: u64,
    empty: u64,
    absent: u64,
    masked: u64,
}

#[derive(Serialize)]
struct FeaturesHealth {
    feature_set: String,
    minutes: u64,
    /// Minutes with a value, by column.
    valid: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct RegimeHealth<'a> {
    bars: &'a BTreeMap<&'static str, u64>,
    /// Bars a condition was left out on for lack of its input.
    skipped: &'a BTreeMap<&'static str, u64>,
    /// State carried over each midnight.
    midnights: &'a [crate::run::engine::Midnight],
}

#[derive(Serialize)]
struct GapReport<'a> {
    range: TimeRange,
    min_coverage: f64,
    /// Minutes of gaps and defects were masked instead of refused.
    allow_gaps: bool,
    instruments: BTreeMap<String, &'a InstrumentCoverage>,
    absent_days: BTreeMap<String, Vec<quant_core::time::Day>>,
    /// What the quality detectors say about the inputs, notes included.
    findings: BTreeMap<String, &'a [quant_lake::quality::Finding]>,
}

#[derive(Serialize)]
struct RunRecord<'a> {
    #[serde(flatten)]
    identity: &'a Identity,
    exit_code: u8,
    simulated: bool,
    range: TimeRange,
    instruments: Vec<String>,
    seeds: BTreeMap<&'static str, u64>,
    bar_set: Option<&'a str>,
    feature_set: Option<&'a str>,
    inputs: &'a [Input],
    /// Hash of every other file of the run but the volatile ones.
    artifacts: BTreeMap<String, String>,
}

/// Writes every file of a run and returns what a reader wants to see first.
///
/// # Errors
/// Internal errors of writing.
pub fn write(
    dir: &RunDir,
    config: &Config,
    run: &RunReport,
    engine: Option<&EngineOutcome>,
) -> CommandResult<String> {
    let flags = flags_of(config, run, engine);
    dir.text(
        "config.yaml",
        &format!(
            "# resolved config of run {}, without places (paths, addresses)\n{}",
            run.identity.run_id,
            config.identity_yaml()?
        ),
    )?;
    dir.json("data_gap_report.json", &gap_report(config, run, engine))?;
    dir.json(
        "pipeline_health.json",
        &health_of(run, engine, flags.clone()),
    )?;
    if let Some(engine) = engine {
        let columns: Vec<String> = engine
            .feature_valid
            .iter()
            .map(|(c, _)| c.clone())
            .collect();
        dir.json(
            "feature_health_report.json",
            &engine.feature_health.report(&engine.feature_set, &columns),
        )?;
        dir.parquet("entries_5m.parquet", &frames::entries(engine)?)?;
        for variant in &engine.variants {
            dir.parquet(
                &format!("trades_{}.parquet", variant.name),
                &frames::trades(engine, variant)?,
            )?;
            dir.parquet(
                &format!("equity_{}.parquet", variant.name),
                &frames::equity(variant)?,
            )?;
        }
        dir.json("metrics.json", &run.variants)?;
    }
    let summary = if run.stopped() {
        let text = diagnosis::write(run);
        dir.text(DIAGNOSIS_FILE, &text)?;
        text
    } else {
        let text = markdown::write(config, run, engine, &flags);
        dir.text(REPORT_FILE, &text)?;
        text
    };
    let mut seeds = BTreeMap::new();
    if let Some(synth) = &config.raw.ingest.synth {
        seeds.insert("ingest.synth", synth.seed);
    }
    let record = RunRecord {
        identity: &run.identity,
        exit_code: run.exit_code,
        simulated: run.is_simulated(),
        range: run.range,
        instruments: run.keys.iter().map(ToString::to_string).collect(),
        seeds,
        bar_set: run.bar_set.as_deref(),
        feature_set: engine.map(|e| e.feature_set.as_str()),
        inputs: &run.inputs,
        artifacts: dir.hashes(&VOLATILE_FILES)?,
    };
    dir.json(STATUS_FILE, &record)?;
    Ok(summary)
}

/// Returns whether every file a finished run lists is still what was written.
///
/// # Errors
/// Internal errors of reading other than a missing file.
pub fn is_intact(dir: &Path) -> CommandResult<bool> {
    let path = dir.join(STATUS_FILE);
    let text = std::fs::read_to_string(&path).map_err(|e| CommandError::io("read", &path, &e))?;
    let record: serde_json::Value = serde_json::from_str(&text).data_error()?;
    let Some(artifacts) = record.get("artifacts").and_then(|a| a.as_object()) else {
        return Ok(false);
    };
    for (name, hash) in artifacts {
        let path = dir.join(name);
        match std::fs::read(&path) {
            Ok(body) if Some(sha256_hex(&body).as_str()) == hash.as_str() => {}
            Ok(_) => return Ok(false),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(CommandError::io("read", &path, &e)),
        }
    }
    Ok(true)
}

fn gap_report<'a>(
    config: &Config,
    run: &'a RunReport,
    engine: Option<&'a EngineOutcome>,
) -> GapReport<'a> {
    let mut absent_days: BTreeMap<String, Vec<quant_core::time::Day>> = BTreeMap::new();
    for input in run
        .inputs
        .iter()
        .filter(|i| i.content_sha256 == crate::run::identity::ABSENT)
    {
        absent_days
            .entry(input.set.clone())
            .or_default()
            .push(input.date);
    }
    let coverage = engine.map(|e| e.coverage.as_slice()).unwrap_or_default();
    GapReport {
        range: run.range,
        min_coverage: config.raw.gates.min_coverage,
        instruments: run
            .keys
            .iter()
            .map(ToString::to_string)
            .zip(coverage)
            .collect(),
        absent_days,
        allow_gaps: config.raw.gates.allow_gaps,
        findings: run
            .keys
            .iter()
            .map(ToString::to_string)
            .zip(run.gaps.iter().map(|g| g.findings.as_slice()))
            .collect(),
    }
}

fn health_of<'a>(
    run: &'a RunReport,
    engine: Option<&'a EngineOutcome>,
    flags: Vec<Flag>,
) -> PipelineHealth<'a> {
    PipelineHealth {
        simulated: run.is_simulated(),
        ingest: &run.health,
        bars: engine.map(|e| BarsHealth {
            bar_set: run.bar_set.as_deref(),
            bars_5m: e.bars_5m,
            instruments: run
                .keys
                .iter()
                .zip(&e.coverage)
                .map(|(key, c)| {
                    let counts = MinuteCounts {
                        expected: c.expected,
                        real: c.real,
                        empty: c.empty,
                        absent: c.absent,
                        masked: c.masked,
                    };
                    (key.to_string(), counts)
                })
                .collect(),
        }),
        features: engine.map(|e| FeaturesHealth {
            feature_set: e.feature_set.clone(),
            minutes: e.coverage.first().map_or(0, |c| c.expected),
            valid: e.feature_valid.iter().cloned().collect(),
        }),
        regime: engine.map(|e| RegimeHealth {
            bars: &e.regime_bars,
            skipped: &e.regime_skipped,
            midnights: &e.midnights,
        }),
        entries: engine.map(|e| e.counts.iter().map(|(s, c)| (s.name(), c)).collect()),
        backtest: engine.map_or_else(Vec::new, |e| {
            e.variants.iter().map(|v| backtest_health(e, v)).collect()
        }),
        gates: &run.gates,
        flags,
    }
}

fn backtest_health<'a>(
    engine: &EngineOutcome,
    variant: &'a crate::run::engine::VariantOutcome,
) -> BacktestHealth<'a> {
    let mut exits = BTreeMap::new();
    for trade in &variant.trades {
        *exits.entry(trade.exit_reason.name()).or_default() += 1;
    }
    BacktestHealth {
        name: variant.name,
        trades: variant.trades.len() as u64,
        unfilled: variant.unfilled.len() as u64,
        ambiguous: variant.trades.iter().filter(|t| t.ambiguous).count() as u64,
        exits,
        by_subtype: by_subtype(engine, variant),
    }
}

/// Sums the trades of a variant by the subtype of their entry.
pub(crate) fn by_subtype(
    engine: &EngineOutcome,
    variant: &crate::run::engine::VariantOutcome,
) -> BTreeMap<&'static str, SubtypeTrades> {
    let subtypes: BTreeMap<&str, Subtype> = engine
        .candidates
        .iter()
        .map(|c| (c.candidate.id.as_str(), c.candidate.subtype))
        .collect();
    let mut out: BTreeMap<&'static str, SubtypeTrades> = BTreeMap::new();
    for trade in &variant.trades {
        let name = subtypes
            .get(trade.id.as_str())
            .map_or("unknown", |s| s.name());
        let slot = out.entry(name).or_default();
        slot.trades += 1;
        slot.wins += u64::from(trade.net > 0.0);
        slot.net += trade.net;
        *slot.exits.entry(trade.exit_reason.name()).or_default() += 1;
    }
    out
}

fn flags_of(config: &Config, run: &RunReport, engine: Option<&EngineOutcome>) -> Vec<Flag> {
    let mut out = Vec::new();
    if run.is_simulated() {
        out.push(Flag {
            name: "simulated",
            detail:
                "the market was made by `quant synth`: the result says nothing about a real one"
                    .to_owned(),
        });
    }
    if run.health.iter().any(|h| !h.rows_conserved) {
        out.push(Flag {
            name: "rows_not_conserved",
            detail: "a manifest does not account for every row".to_owned(),
        });
    }
    let quarantined: u64 = run.health.iter().map(|h| h.quality.quarantined).sum();
    if quarantined > 0 {
        out.push(Flag {
            name: "quarantined_rows",
            detail: format!("{quarantined} input rows were refused; see <lake>/quarantine"),
        });
    }
    let failures: usize = run.gaps.iter().map(|g| g.failures.len()).sum();
    if failures > 0 {
        out.push(Flag {
            name: "gaps",
            detail: format!("{failures} gaps or defects in the inputs; see data_gap_report.json"),
        });
    }
    let Some(engine) = engine else { return out };
    let masked: u64 = engine.coverage.iter().map(|c| c.masked).sum();
    if masked > 0 {
        out.push(Flag {
            name: "masked_minutes",
            detail: format!("{masked} minutes of gaps were masked: no feature, entry or fill uses them, open trades are marked at the last price"),
        });
    }
    let Some(variant) = engine.variants.first() else {
        return out;
    };
    let n = variant.trades.len() as u64;
    if n < FEW_TRADES {
        out.push(Flag {
            name: "few_trades",
            detail: format!("{n} trades, fewer than {FEW_TRADES}"),
        });
    }
    let ties = variant.trades.iter().filter(|t| t.ambiguous).count() as f64;
    let limit = config.raw.labeling.triple_barrier.max_tie_share;
    if n > 0 && ties / n as f64 > limit {
        out.push(Flag {
            name: "ties",
            detail: format!("{:.1} % of exits touched both barriers in one bar, more than {:.1} %: the tie policy decides the result", 100.0 * ties / n as f64, 100.0 * limit),
        });
    }
    let censored = variant
        .trades
        .iter()
        .filter(|t| t.exit_reason == ExitReason::Censored)
        .count();
    if censored > 0 {
        out.push(Flag {
            name: "censored",
            detail: format!(
                "{censored} trades were still open at the end and closed at the last price"
            ),
        });
    }
    let coverage = &engine.coverage[run.traded];
    let over = variant
        .trades
        .iter()
        .filter(|t| coverage.gap_minutes(t.ts_entry, t.ts_exit) > 0)
        .count();
    if over > 0 {
        out.push(Flag {
            name: "trades_over_gaps",
            detail: format!("{over} trades were open in minutes without data: whether a barrier was touched there is unknown (column `gap_minutes`)"),
        });
    }
    if !variant.unfilled.is_empty() {
        out.push(Flag {
            name: "unfilled",
            detail: format!("{} orders never filled", variant.unfilled.len()),
        });
    }
    out
}
