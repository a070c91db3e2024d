//! `range_fade_long/short`: enter against the edge of a range.

use crate::features::IfMissing;
use crate::strategy::FadeParams;
use crate::strategy::conditions::{ConditionResult, Rule, View};

/// Trigger: the close is within `max_distance_atr` of the range edge. Then: a rejection wick at that edge, microprice
/// and trade flow not against the entry.
pub(crate) fn rule(params: &FadeParams, view: &View<'_>) -> Rule {
    let edge = view.pick(view.features.range_low, view.features.range_high);
    let distance = edge.map(|x| libm::fabs(view.bar.close - x) / view.atr);
    let wick = view.pick(view.features.lower_wick, view.features.upper_wick);
    Rule {
        trigger: ConditionResult::at_most(
            "near_edge",
            distance,
            params.max_distance_atr,
            IfMissing::Block,
        ),
        conditions: vec![
            ConditionResult::at_least(
                "rejection_wick",
                wick,
                params.min_wick_share,
                params.wick_if_missing,
            ),
            ConditionResult::at_least(
                "microprice_not_against",
                view.features.wmid_dev.map(|x| view.signed(x)),
                -params.max_wmid_against,
                params.wmid_if_missing,
            ),
            ConditionResult::at_least(
                "flow_not_against",
                view.features.tfi.map(|x| view.signed(x)),
                -params.max_tfi_against,
                params.flow_if_missing,
            ),
        ],
        stop_atr: params.stop_atr,
        target_atr: params.target_atr,
    }
}
