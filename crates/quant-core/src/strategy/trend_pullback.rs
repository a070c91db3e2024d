//! `trend_pullback_long/short`: join a trend after the price came back to its mean.

use crate::features::IfMissing;
use crate::strategy::PullbackParams;
use crate::strategy::conditions::{ConditionResult, Rule, View};

/// Trigger: this or the previous bar's extreme against the trend came within `max_distance_atr` of the fast EMA or
/// the session VWAP. Then: the EMA slope agreed on both bars; the bar closes in trend direction, beyond its open and
/// the previous close.
pub(crate) fn rule(params: &PullbackParams, view: &View<'_>) -> Rule {
    let anchors = [view.features.fast_ema, view.features.session_vwap];
    let extremes = [
        Some(view.adverse(&view.bar)),
        view.previous.map(|(bar, _)| view.adverse(&bar)),
    ];
    let distance = anchors
        .into_iter()
        .flatten()
        .flat_map(|anchor| {
            extremes
                .into_iter()
                .flatten()
                .map(move |x| libm::fabs(x - anchor) / view.atr)
        })
        .reduce(f64::min);
    let slope = view
        .previous
        .and_then(|(_, before)| before.fast_slope)
        .and_then(|before| {
            let now = view.features.fast_slope?;
            Some(view.signed(now).min(view.signed(before)))
        });
    let back = view.previous.map(|(before, _)| {
        let beyond_open = view.signed(view.bar.close - view.bar.open);
        let beyond_close = view.signed(view.bar.close - before.close);
        beyond_open.min(beyond_close)
    });
    Rule {
        trigger: ConditionResult::at_most(
            "pullback",
            distance,
            params.max_distance_atr,
            IfMissing::Block,
        ),
        conditions: vec![
            ConditionResult::above(
                "slope_agrees",
                slope,
                Some(params.min_slope_atr),
                params.slope_if_missing,
            ),
            ConditionResult::above("close_back", back, Some(0.0), params.close_back_if_missing),
        ],
        stop_atr: params.stop_atr,
        target_atr: params.target_atr,
    }
}
