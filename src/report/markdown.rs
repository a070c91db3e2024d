//! `report.md`: the same numbers as the JSON and Parquet beside it, in the order a sceptic asks for them.

use core::fmt::Write as _;

use quant_core::metrics::{Detail, Statistic};

use super::{Flag, RunReport, by_subtype};
use crate::config::Config;
use crate::run::engine::EngineOutcome;

pub(super) fn write(
    config: &Config,
    run: &RunReport,
    engine: Option<&EngineOutcome>,
    flags: &[Flag],
) -> String {
    let mut out = String::new();
    if compose(&mut out, config, run, engine, flags).is_err() {
        out.push_str("(the rest could not be written)\n");
    }
    out
}

fn compose(
    out: &mut String,
    config: &Config,
    run: &RunReport,
    engine: Option<&EngineOutcome>,
    flags: &[Flag],
) -> core::fmt::Result {
    let id = &run.identity;
    writeln!(out, "# Run {}\n", id.run_id)?;
    if run.is_simulated() {
        writeln!(
            out,
            "**SIMULATED: no instrument of this run was ever traded.**\n"
        )?;
    }
    writeln!(out, "`{}` over {}\n", run.keys[run.traded], run.range)?;
    writeln!(out, "{}\n", verdict(run))?;
    if !flags.is_empty() {
        writeln!(out, "## Read this first\n")?;
        for flag in flags {
            writeln!(out, "- **{}**: {}", flag.name, flag.detail)?;
        }
        writeln!(out)?;
    }
    results(out, run)?;
    if let Some(engine) = engine {
        trades(out, engine)?;
        entries(out, engine)?;
        regime(out, engine)?;
        coverage(out, run, engine)?;
    }
    inputs(out, run)?;
    assumptions(out, config)?;
    writeln!(out, "## Identity\n")?;
    writeln!(out, "| what | sha256 |\n|---|---|")?;
    writeln!(out, "| config | `{}` |", id.config_hash)?;
    writeln!(out, "| inputs | `{}` |", id.inputs_hash)?;
    writeln!(out, "| instruments | `{}` |", id.instruments_hash)?;
    writeln!(out, "| code | `{}` |", id.code_version)?;
    writeln!(
        out,
        "\nEvery number above is in `metrics.json`, `pipeline_health.json`, `data_gap_report.json` or a Parquet file of this folder."
    )
}

/// One sentence on whether an edge was shown, from the interval of the Sharpe ratio after costs.
fn verdict(run: &RunReport) -> String {
    let sharpe = run
        .variants
        .first()
        .and_then(|v| v.metrics.iter().find(|m| m.name == "sharpe_ann"));
    match sharpe {
        Some(Statistic {
            value: Some(value),
            detail: Some(Detail::Sharpe(d)),
            ..
        }) => match (d.ci_low, d.ci_high) {
            (Some(low), Some(high)) if low > 0.0 => format!(
                "Verdict after costs: the 95 % interval of the annual Sharpe ratio, {low:.2} to {high:.2} around {value:.2} over {} days, lies above 0. One run, not corrected for how many were tried.",
                d.n_days
            ),
            (Some(low), Some(high)) => format!(
                "Verdict after costs: **no edge shown**. The 95 % interval of the annual Sharpe ratio is {low:.2} to {high:.2} around {value:.2}, over {} days.",
                d.n_days
            ),
            _ => "Verdict after costs: **not enough data** for an interval of the Sharpe ratio."
                .to_owned(),
        },
        _ => "Verdict after costs: **not enough data** for a Sharpe ratio.".to_owned(),
    }
}

fn results(out: &mut String, run: &RunReport) -> core::fmt::Result {
    writeln!(out, "## Results\n")?;
    let names: Vec<&str> = run.variants.iter().map(|v| v.name).collect();
    writeln!(out, "| statistic | unit | n | {} |", names.join(" | "))?;
    writeln!(out, "|---|---|--:|{}", "--:|".repeat(names.len()))?;
    let Some(first) = run.variants.first() else {
        return Ok(());
    };
    for (i, metric) in first.metrics.iter().enumerate() {
        let cells: Vec<String> = run
            .variants
            .iter()
            .map(|v| v.metrics.get(i).map_or_else(String::new, cell))
            .collect();
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            metric.name,
            metric.unit,
            metric.n,
            cells.join(" | ")
        )?;
    }
    writeln!(out)?;
    for variant in &run.variants {
        for metric in &variant.metrics {
            match &metric.detail {
                Some(Detail::Sharpe(d)) if metric.name == "sharpe_ann" => {
                    let show = |x: Option<f64>| {
                        x.map_or_else(|| "undefined".to_owned(), |x| format!("{x:.3}"))
                    };
                    writeln!(
                        out,
                        "- {}: Sharpe from {} daily returns, 95 % interval {} to {}, PSR(0) {}, skew {:.2}, kurtosis {:.2}. Deflated Sharpe: not available, no trial ledger is kept yet.",
                        variant.name,
                        d.n_days,
                        show(d.ci_low),
                        show(d.ci_high),
                        show(d.psr_zero),
                        d.skew,
                        d.kurtosis
                    )?;
                }
                Some(Detail::Drawdown(d)) => writeln!(
                    out,
                    "- {}: largest drawdown from {} to {}, {}.",
                    variant.name,
                    d.ts_peak,
                    d.ts_trough,
                    d.ts_recovered
                        .map_or_else(|| "not recovered".to_owned(), |t| format!("recovered {t}"))
                )?,
                _ => {}
            }
        }
    }
    writeln!(out)
}

fn cell(metric: &Statistic) -> String {
    match (metric.value, &metric.reason) {
        (Some(value), _) => number(value),
        (None, Some(reason)) => format!("null ({reason})"),
        (None, None) => "null".to_owned(),
    }
}

/// Six significant digits, without an exponent for ordinary magnitudes.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if magnitude >= 1_000.0 {
        format!("{value:.2}")
    } else if magnitude >= 1.0 {
        format!("{value:.4}")
    } else {
        format!("{value:.6}")
    }
}

fn trades(out: &mut String, engine: &EngineOutcome) -> core::fmt::Result {
    for variant in &engine.variants {
        writeln!(out, "## Trades: {}\n", variant.name)?;
        writeln!(
            out,
            "| subtype | n | wins | net | exits |\n|---|--:|--:|--:|---|"
        )?;
        for (name, t) in by_subtype(engine, variant) {
            let exits: Vec<String> = t.exits.iter().map(|(k, n)| format!("{k} {n}")).collect();
            writeln!(
                out,
                "| {name} | {} | {} | {} | {} |",
                t.trades,
                t.wins,
                number(t.net),
                exits.join(", ")
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn entries(out: &mut String, engine: &EngineOutcome) -> core::fmt::Result {
    writeln!(
        out,
        "## Entry candidates ({} completed 5m bars)\n",
        engine.bars_5m
    )?;
    writeln!(
        out,
        "| subtype | considered | regime allowed | triggered | accepted | rejected by | conditions skipped |\n|---|--:|--:|--:|--:|---|---|"
    )?;
    for (subtype, c) in &engine.counts {
        let list = |map: &std::collections::BTreeMap<&'static str, u64>| {
            map.iter()
                .map(|(k, n)| format!("{k} {n}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            subtype.name(),
            c.considered,
            c.gated,
            c.triggered,
            c.accepted,
            list(&c.rejected),
            list(&c.skipped)
        )?;
    }
    let refused = engine
        .candidates
        .iter()
        .filter(|c| c.refusal.is_some())
        .count();
    writeln!(
        out,
        "\nAccepted but not ordered (size or barriers): {refused}. A skipped condition had no input (no flow or no book in the source).\n"
    )
}

fn regime(out: &mut String, engine: &EngineOutcome) -> core::fmt::Result {
    writeln!(out, "## Regime\n")?;
    let bars: Vec<String> = engine
        .regime_bars
        .iter()
        .map(|(name, n)| {
            format!(
                "{name} {n} ({:.1} %)",
                100.0 * *n as f64 / engine.bars_5m.max(1) as f64
            )
        })
        .collect();
    writeln!(out, "5m bars: {}.\n", bars.join(", "))?;
    if !engine.regime_skipped.is_empty() {
        let skipped: Vec<String> = engine
            .regime_skipped
            .iter()
            .map(|(name, n)| format!("{name} on {n}"))
            .collect();
        writeln!(
            out,
            "Conditions without input, in bars: {}.\n",
            skipped.join(", ")
        )?;
    }
    Ok(())
}

fn coverage(out: &mut String, run: &RunReport, engine: &EngineOutcome) -> core::fmt::Result {
    writeln!(out, "## Coverage of the evaluated range\n")?;
    writeln!(
        out,
        "| instrument | minutes | real | no trade or row | absent | masked | share | longest gap |\n|---|--:|--:|--:|--:|--:|--:|---|"
    )?;
    for (key, c) in run.keys.iter().zip(&engine.coverage) {
        let longest = c.gaps.iter().max_by_key(|g| g.minutes).map_or_else(
            || "none".to_owned(),
            |g| format!("{} min from {} ({})", g.minutes, g.start, g.kind),
        );
        let share = c.share().map_or_else(String::new, |s| format!("{s:.4}"));
        writeln!(
            out,
            "| `{key}` | {} | {} | {} | {} | {} | {share} | {longest} |",
            c.expected, c.real, c.empty, c.absent, c.masked
        )?;
    }
    writeln!(out)
}

fn inputs(out: &mut String, run: &RunReport) -> core::fmt::Result {
    writeln!(out, "## Inputs (warm-up included)\n")?;
    writeln!(
        out,
        "| set | days | absent | rows in | written | duplicate | filtered | quarantined | out of order |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    )?;
    for h in &run.health {
        let q = &h.quality;
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |",
            h.set,
            h.days_present,
            h.days_absent,
            h.rows_in,
            h.rows,
            q.duplicates,
            q.filtered,
            q.quarantined,
            q.out_of_order
        )?;
    }
    writeln!(out)
}

fn assumptions(out: &mut String, config: &Config) -> core::fmt::Result {
    let raw = &config.raw;
    let b = &raw.labeling.triple_barrier;
    writeln!(out, "## Assumptions\n")?;
    writeln!(
        out,
        "- A minute is decided {} ms after its close; an order arrives {} ms later and fills at the open of the first 1m bar at or after that.",
        crate::config::core_params::watermark(raw).0 / 1_000,
        raw.execution.entry_latency_ms
    )?;
    writeln!(
        out,
        "- Market orders (entry, stop, time exit) pay {} bps of slippage; targets are resting limits and need a trade beyond them.",
        raw.execution.slippage_bps
    )?;
    writeln!(
        out,
        "- Target {} and stop {} ATR from the fill, at most {} bars of 5 minutes; a bar that touches both counts as {}.",
        b.pt_mult,
        b.sl_mult,
        b.horizon_bars,
        match b.tie_policy {
            crate::config::RawTiePolicy::SlFirst => "stopped",
            crate::config::RawTiePolicy::TpFirst => "target reached",
        }
    )?;
    writeln!(
        out,
        "- Rules with fixed thresholds; nothing was trained on this data. `baseline_zero_cost` takes the same orders without fees and slippage.\n"
    )
}
