//! What the hidden state does to flow and makers. In the null market only the time of day counts.

use crate::synth::event::Regime;
use crate::synth::market::asset::AssetMinute;
use crate::synth::market::calibrate::Rates;
use crate::synth::market::maker::Mood;
use crate::synth::world::InstrumentParams;

/// Mean time until a swept best price is quoted again, microseconds: in the null market, in others, in a hazard onset.
const REFILL_US: [f64; 3] = [1e5, 3e5, 2e6];
/// Lean of the flow in a hazard: onset and move.
const HAZARD_LEAN: (f64, f64) = (0.65, 0.4);

/// Returns makers' mood, rates per second of market, limit and cancel events, and the lean of the flow.
pub(super) fn of(
    params: &InstrumentParams,
    rates: &Rates,
    minute: &AssetMinute,
    is_null: bool,
    is_onset: bool,
) -> (Mood, [f64; 3], f64) {
    let touch = params.touch_qty / params.lot_size.size();
    let (orders, rests) = (
        rates.flow_orders() * minute.activity,
        rates.rests * minute.activity,
    );
    let calm = Mood {
        spread: params.spread_ticks,
        touch,
        refill_us: REFILL_US[0],
    };
    if is_null {
        return (calm, [orders, 0.5 * rests, 0.5 * rests], 0.0);
    }
    let level = minute.level.clamp(0.4, 3.0);
    // Wider in lively markets, not below a tick.
    let spread = 1.0 + (params.spread_ticks - 1.0) * level;
    let sign = f64::from(minute.hazard_sign);
    if is_onset {
        let mood = Mood {
            spread: spread + params.spread_ticks,
            touch: 0.4 * touch,
            refill_us: REFILL_US[2],
        };
        return (
            mood,
            [2.0 * orders, 0.35 * rests, 0.5 * rests],
            HAZARD_LEAN.0 * sign,
        );
    }
    if minute.regime == Regime::HazardMove {
        let mood = Mood {
            spread: spread + 0.5 * params.spread_ticks,
            touch: 0.7 * touch,
            refill_us: REFILL_US[1],
        };
        return (
            mood,
            [1.6 * orders, 0.5 * rests, 0.5 * rests],
            HAZARD_LEAN.1 * sign,
        );
    }
    let mood = Mood {
        spread,
        touch,
        refill_us: REFILL_US[1],
    };
    (mood, [orders, 0.5 * rests, 0.5 * rests], minute.lean)
}
