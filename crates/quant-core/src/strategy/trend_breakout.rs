//! `trend_breakout_long/short`: join a trend when it leaves its last N bars behind.

use crate::features::IfMissing;
use crate::strategy::BreakoutParams;
use crate::strategy::conditions::{ConditionResult, Rule, View};

/// Trigger: the close is more than `buffer_atr` beyond the extreme of the bars before. Then: volume above its median,
/// trade flow in the same direction.
pub(crate) fn rule(params: &BreakoutParams, view: &View<'_>) -> Rule {
    let extreme = view.pick(view.features.breakout_high, view.features.breakout_low);
    let beyond = extreme.map(|x| view.signed(view.bar.close - x) / view.atr);
    Rule {
        trigger: ConditionResult::above(
            "beyond_extreme",
            beyond,
            Some(params.buffer_atr),
            IfMissing::Block,
        ),
        conditions: vec![
            ConditionResult::above(
                "volume_above_median",
                Some(view.volume),
                view.features.volume_median.map(|m| params.volume_mult * m),
                params.volume_if_missing,
            ),
            ConditionResult::at_least(
                "flow_agrees",
                view.features.tfi.map(|x| view.signed(x)),
                params.min_tfi,
                params.flow_if_missing,
            ),
        ],
        stop_atr: params.stop_atr,
        target_atr: params.target_atr,
    }
}
