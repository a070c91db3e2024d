//! Venue aggregates of matches.

use crate::market::Side;
use crate::synth::event::SimMatch;
use crate::time::UnixMicros;

/// A venue's aggregate: the matches of one taker order at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimAgg {
    /// Time of its matches.
    pub ts: UnixMicros,
    /// Id of the aggregate, contiguous.
    pub agg_id: i64,
    /// Id of its first match.
    pub first_id: i64,
    /// Id of its last match.
    pub last_id: i64,
    /// Price in ticks.
    pub price_ticks: i64,
    /// Quantity in lots.
    pub qty_lots: i64,
    /// Who took liquidity.
    pub aggressor: Side,
    /// The taker order was a forced liquidation.
    pub is_liquidation: bool,
}

/// Replaces `out` by the aggregates of `matches`: runs of adjacent matches with one `agg_id`.
///
/// A taker order trades at one instant, so no aggregate spans two minutes.
pub fn aggregate(matches: &[SimMatch], out: &mut Vec<SimAgg>) {
    out.clear();
    for m in matches {
        match out.last_mut() {
            Some(agg) if agg.agg_id == m.agg_id => {
                agg.last_id = m.id;
                agg.qty_lots += m.qty_lots;
            }
            _ => out.push(SimAgg {
                ts: m.ts,
                agg_id: m.agg_id,
                first_id: m.id,
                last_id: m.id,
                price_ticks: m.price_ticks,
                qty_lots: m.qty_lots,
                aggressor: m.aggressor,
                is_liquidation: m.is_liquidation,
            }),
        }
    }
}
