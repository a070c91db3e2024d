//! The tables of a run: candidates, trades, equity.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use quant_core::strategy::{CandidateStatus, Outcome};
use quant_core::time::UnixMicros;

use super::table::Table;
use crate::error::{CommandResult, Kinded as _};
use crate::run::engine::{CandidateRow, EngineOutcome, VariantOutcome};

/// Every candidate with its status, reason, conditions and what was skipped.
pub(super) fn entries(engine: &EngineOutcome) -> CommandResult<RecordBatch> {
    let rows = &engine.candidates;
    let candidate = || rows.iter().map(|r| &r.candidate);
    Table::new()
        .text("id", candidate().map(|c| Some(&c.id)))
        .ts("ts_decision", candidate().map(|c| Some(c.ts_decision)))
        .ts("bar_close", candidate().map(|c| Some(c.bar_close)))
        .text("instrument", candidate().map(|c| Some(&c.instrument)))
        .text("subtype", candidate().map(|c| Some(c.subtype.name())))
        .i64("side", candidate().map(|c| Some(i64::from(c.side.sign()))))
        .f64("ref_price", candidate().map(|c| Some(c.ref_price)))
        .f64("width", candidate().map(|c| Some(c.width)))
        .f64("stop", candidate().map(|c| Some(c.stop)))
        .f64("target", candidate().map(|c| Some(c.target)))
        .bool(
            "accepted",
            candidate().map(|c| c.status == CandidateStatus::Accepted),
        )
        .text("reason", rows.iter().map(reason))
        .text(
            "conditions",
            candidate().map(|c| Some(conditions(&c.reasons))),
        )
        .text("skipped", candidate().map(|c| Some(c.skipped.join(","))))
        .text("regime", rows.iter().map(|r| Some(r.regime.state.name())))
        .f64(
            "regime_trend_score",
            rows.iter().map(|r| r.regime.scores.trend),
        )
        .f64(
            "regime_range_score",
            rows.iter().map(|r| r.regime.scores.range),
        )
        .f64(
            "regime_hazard_score",
            rows.iter().map(|r| r.regime.scores.hazard),
        )
        .finish()
        .internal_error()
}

/// Why a candidate did not become an order; null if it did.
fn reason(row: &CandidateRow) -> Option<String> {
    match (row.candidate.status, &row.refusal) {
        (CandidateStatus::Rejected(name), _) => Some(name.to_owned()),
        (CandidateStatus::Accepted, Some(refusal)) => Some(refusal.to_string()),
        (CandidateStatus::Accepted, None) => None,
    }
}

/// `name=outcome(value vs threshold)` per condition.
fn conditions(results: &[quant_core::strategy::ConditionResult]) -> String {
    let parts: Vec<String> = results
        .iter()
        .map(|r| {
            let outcome = match r.outcome {
                Outcome::Pass => "pass",
                Outcome::Fail => "fail",
                Outcome::Missing => "missing",
            };
            match (r.value, r.threshold) {
                (Some(v), Some(t)) => format!("{}={outcome}({v} vs {t})", r.name),
                _ => format!("{}={outcome}", r.name),
            }
        })
        .collect();
    parts.join("; ")
}

/// Every closed trade of a variant.
pub(super) fn trades(
    engine: &EngineOutcome,
    variant: &VariantOutcome,
) -> CommandResult<RecordBatch> {
    let entries: BTreeMap<&str, &CandidateRow> = engine
        .candidates
        .iter()
        .map(|c| (c.candidate.id.as_str(), c))
        .collect();
    let rows = &variant.trades;
    let entry = |id: &str| entries.get(id).copied();
    let regime_at = |at: UnixMicros| {
        let n = engine.regime_path.partition_point(|(ts, _)| *ts <= at);
        n.checked_sub(1).map(|i| engine.regime_path[i].1)
    };
    Table::new()
        .text("id", rows.iter().map(|t| Some(&t.id)))
        .text(
            "subtype",
            rows.iter()
                .map(|t| entry(&t.id).map(|c| c.candidate.subtype.name())),
        )
        .i64("side", rows.iter().map(|t| Some(i64::from(t.side.sign()))))
        .i64("qty_lots", rows.iter().map(|t| Some(t.qty_lots)))
        .f64("qty", rows.iter().map(|t| Some(t.qty)))
        .ts("ts_decision", rows.iter().map(|t| Some(t.ts_decision)))
        .ts("ts_entry", rows.iter().map(|t| Some(t.ts_entry)))
        .ts("ts_exit", rows.iter().map(|t| Some(t.ts_exit)))
        .ts("ts_known", rows.iter().map(|t| Some(t.ts_known)))
        .ts("ts_horizon", rows.iter().map(|t| Some(t.ts_horizon)))
        .f64("px_decision", rows.iter().map(|t| t.px_decision))
        .f64("px_entry_ref", rows.iter().map(|t| Some(t.px_entry_ref)))
        .f64("px_entry", rows.iter().map(|t| Some(t.px_entry)))
        .f64("px_tp", rows.iter().map(|t| Some(t.px_tp)))
        .f64("px_sl", rows.iter().map(|t| Some(t.px_sl)))
        .f64("px_exit_ref", rows.iter().map(|t| Some(t.px_exit_ref)))
        .f64("px_exit", rows.iter().map(|t| Some(t.px_exit)))
        .text(
            "level_entry",
            rows.iter().map(|t| Some(t.level_entry.name())),
        )
        .text("level_exit", rows.iter().map(|t| Some(t.level_exit.name())))
        .text(
            "exit_reason",
            rows.iter().map(|t| Some(t.exit_reason.name())),
        )
        .bool("ambiguous", rows.iter().map(|t| t.ambiguous))
        .f64("mfe", rows.iter().map(|t| Some(t.mfe)))
        .f64("mae", rows.iter().map(|t| Some(t.mae)))
        .f64("pnl_gross", rows.iter().map(|t| Some(t.gross)))
        .f64("slippage_cost", rows.iter().map(|t| Some(t.slippage_cost)))
        .f64("fees", rows.iter().map(|t| Some(t.fees)))
        .f64("funding", rows.iter().map(|t| Some(t.funding)))
        .f64("pnl_net", rows.iter().map(|t| Some(t.net)))
        .text(
            "regime_entry",
            rows.iter()
                .map(|t| entry(&t.id).map(|c| c.regime.state.name())),
        )
        .text("regime_exit", rows.iter().map(|t| regime_at(t.ts_known)))
        .i64(
            "gap_minutes",
            rows.iter().map(|t| {
                let coverage = engine.coverage.get(t.instrument_idx);
                let minutes = coverage.map_or(0, |c| c.gap_minutes(t.ts_entry, t.ts_exit));
                i64::try_from(minutes).ok()
            }),
        )
        .finish()
        .internal_error()
}

/// The equity curve of a variant.
pub(super) fn equity(variant: &VariantOutcome) -> CommandResult<RecordBatch> {
    let rows = &variant.equity;
    Table::new()
        .ts("ts", rows.iter().map(|p| Some(p.ts)))
        .f64("equity", rows.iter().map(|p| Some(p.equity)))
        .f64("cash", rows.iter().map(|p| Some(p.cash)))
        .f64(
            "position_value",
            rows.iter().map(|p| Some(p.position_value)),
        )
        .f64(
            "gross_exposure",
            rows.iter().map(|p| Some(p.gross_exposure)),
        )
        .f64("realised", rows.iter().map(|p| Some(p.realised)))
        .f64("unrealised", rows.iter().map(|p| Some(p.unrealised)))
        .f64("fees", rows.iter().map(|p| Some(p.fees)))
        .f64("funding", rows.iter().map(|p| Some(p.funding)))
        .i64("n_open", rows.iter().map(|p| Some(i64::from(p.n_open))))
        .finish()
        .internal_error()
}
